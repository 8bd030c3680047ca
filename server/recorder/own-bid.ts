/** A bidder's own bid as it stands on the register: the statement it signed and the receipt it was given, for whoever lost them. */
import { fromBase64Url } from '../core/log/base64.ts';
import { isJsonObject } from '../core/log/canonical.ts';
import { fromUtf8 } from '../core/log/utf8.ts';
import type { RegisterState } from '../core/opening/register.ts';
import type { Sql } from '../store/driver.ts';
import type { Outcome } from './submission.ts';

export type OwnBid = {
  readonly bidId: string;
  /** Compact JWS, as it came. */
  readonly statement: string;
  readonly receipt: string;
  readonly actId: string | null;
};

/** What stands of this organisation; null when nothing does. */
export async function readOwnBid(
  sql: Sql,
  about: { readonly openingId: string; readonly creditCode: string; readonly register: RegisterState },
): Promise<OwnBid | null> {
  const { openingId, creditCode, register } = about;
  const standing = register.bidders.get(creditCode)?.standing ?? null;
  if (standing === null) return null;
  const { bidId } = standing;
  const [lodged] = await sql<{ statement: string; account: string }[]>`
    SELECT statement, account FROM envelopes WHERE id = ${bidId} AND opening_id = ${openingId}`;
  const statement = lodged?.statement ?? '';
  const [answered] = await sql<{ outcome: string }[]>`SELECT outcome FROM commands
    WHERE opening_id = ${openingId} AND actor = ${lodged?.account ?? ''} AND command_id = ${jtiIn(statement)}`;
  const outcome = answered === undefined ? null : (JSON.parse(answered.outcome) as Outcome);
  if (outcome?.outcome !== 'accepted' || outcome.receipt === null)
    throw new Error('a standing bid without its receipt');
  return { bidId, statement, receipt: outcome.receipt, actId: outcome.actId };
}

/** The command that a statement gave; it was checked when it came. */
function jtiIn(statement: string): string {
  const payload: unknown = JSON.parse(fromUtf8(fromBase64Url(statement.split('.')[1] ?? '')));
  const jti = isJsonObject(payload) ? payload['jti'] : undefined;
  if (typeof jti !== 'string') throw new Error('a lodged statement without its jti');
  return jti;
}
