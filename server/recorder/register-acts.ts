/** The acts of an opening's register as they are stored and batched: salted, so that the ledger tells nobody that they happened. */
import { toBase64Url } from '../core/log/base64.ts';
import type { Json } from '../core/log/canonical.ts';
import { makeDisclosure, readDisclosure, SALT_BYTES } from '../core/log/disclosure.ts';
import { formatInstant, parseInstant } from '../core/log/instant.ts';
import type { RegisterEvent, RegisteredAct, RegisterWho } from '../core/opening/register.ts';
import { sha256 } from '../hash.ts';
import { nativeWriter } from '../native-text.ts';

/** The field name under which an act is committed to and disclosed. */
export const ACT_FIELD = 'act';

export type StoredAct = {
  readonly id: string;
  readonly at: number;
  readonly receivedAt: number;
  readonly type: string;
  readonly disclosure: string;
};

export type ActFrame = {
  readonly platform: string;
  readonly openingId: string;
  readonly at: number;
  readonly command: string;
};

/**
 * An act as it will be committed to: one disclosure `[salt, "act", {…}]`, owned by its bidder until the roster.
 *
 * Why: no running number of the opening stands in it; a bidder could read from it how many acts came before its own.
 */
export function storeAct(act: RegisteredAct, frame: ActFrame, randomBytes: (length: number) => Uint8Array): StoredAct {
  const id = toBase64Url(randomBytes(16));
  const value: Json = {
    v: 1,
    log: `${frame.platform}/register`,
    openingId: frame.openingId,
    id,
    at: formatInstant(frame.at),
    receivedAt: formatInstant(act.receivedAt),
    type: act.type,
    actor: { role: 'bidder' },
    command: frame.command,
    body: act.body,
    who: act.who,
    source: act.source as Json,
    act: act.act as Json,
    receiptSha256: act.receiptSha256,
  };
  const { disclosure } = makeDisclosure(sha256, randomBytes(SALT_BYTES), ACT_FIELD, value, nativeWriter);
  return { id, at: frame.at, receivedAt: act.receivedAt, type: act.type, disclosure };
}

/** The act back from its disclosure; what this server itself stored, so anything else is a corrupt register. */
export function readAct(disclosure: string): RegisteredAct & { readonly id: string; readonly command: string } {
  const { field, value } = readDisclosure(disclosure);
  if (field !== ACT_FIELD || typeof value !== 'object' || value === null || Array.isArray(value))
    throw new Error('not an act');
  const act = value as { readonly [name: string]: Json };
  return {
    ...({ type: act['type'], body: act['body'] } as unknown as RegisterEvent),
    who: act['who'] as unknown as RegisterWho,
    receivedAt: parseInstant(String(act['receivedAt'])),
    receiptSha256: act['receiptSha256'] as string | null,
    act: act['act'],
    source: act['source'],
    id: String(act['id']),
    command: String(act['command']),
  };
}
