/** Whom the platform believes, as its operators change it: proposed and confirmed with the CA key, revocation lists brought. */

import type { ProposalAnswer } from '../../client/api.ts';
import { toBase64, toBase64Url } from '../../core/log/base64.ts';
import type { Json, JsonObject } from '../../core/log/canonical.ts';
import { digestOfChange, type TrustChange } from '../../core/pki/trust-store.ts';
import { sha256 } from '../../hash.ts';
import { headSeen } from './act.ts';
import { PLATFORM_SUBJECT } from './operator.ts';
import type { Person } from './person.ts';
import { PersonError } from './person-error.ts';

/** Signs an operator's act and sends it with what goes beside it. */
async function operate<Answer>(
  person: Person,
  type: string,
  data: JsonObject,
  send: (signed: { readonly id: string; readonly act: string }) => Promise<Answer>,
): Promise<Answer> {
  const { session } = person;
  const id = session.newId();
  const seen = await headSeen(person, PLATFORM_SUBJECT);
  return send({ id, act: await session.sign({ openingId: PLATFORM_SUBJECT, id, type, data, headSeen: seen }) });
}

/**
 * Proposes a change. Returns: its number, and the digest that whoever confirms it signs.
 *
 * Throws: ApiError: what identity/trust-changes.ts refuses.
 */
export async function proposeTrust(
  person: Person,
  change: TrustChange,
): Promise<{ readonly proposal: number; readonly changeSha256: string }> {
  const data = { change: change as unknown as Json } as JsonObject;
  const { proposal } = await operate(person, 'ProposeTrust', data, (signed) =>
    person.api.proposeTrust({ ...data, ...signed }),
  );
  return { proposal, changeSha256: digestOfChange(sha256, change) };
}

/**
 * Confirms what another operator proposed.
 *
 * Shape:  `changeSha256` as its confirmer has it from the proposer, by another way than from the platform.
 * Throws: PersonError answer_not_as_asked when the platform shows another change under this number; ApiError.
 */
export async function confirmTrust(
  person: Person,
  asked: { readonly proposal: number; readonly changeSha256: string },
): Promise<TrustChange> {
  const { proposals } = await person.api.readProposals();
  const found = proposals.find(({ proposal }) => proposal === asked.proposal);
  if (found !== undefined && digestOfChange(sha256, found.change) !== asked.changeSha256)
    throw new PersonError('answer_not_as_asked', 'the proposal of this number has another digest');
  await operate(person, 'ConfirmTrust', { ...asked }, (signed) => person.api.confirmTrust({ ...asked, ...signed }));
  if (found === undefined) throw new PersonError('answer_not_as_asked', 'a proposal that is not listed was confirmed');
  return found.change;
}

/** Takes a proposal back, or turns another's down. Throws: ApiError. */
export async function withdrawTrust(
  person: Person,
  data: { readonly proposal: number; readonly reason: string },
): Promise<void> {
  await operate(person, 'WithdrawTrust', { ...data }, (signed) => person.api.withdrawTrust({ ...data, ...signed }));
}

/** The proposals, each with the digest that this program computes of it. Throws: ApiError not_operator. */
export async function listProposals(person: Person): Promise<readonly ProposalAnswer[]> {
  const { proposals } = await person.api.readProposals();
  return proposals.map((each) => ({ ...each, changeSha256: digestOfChange(sha256, each.change) }));
}

/** Brings a revocation list. Throws: ApiError crl_malformed, crl_exists, crl_out_of_date, crl_not_newer. */
export async function bringCrl(
  person: Person,
  der: Uint8Array,
): Promise<{ readonly crlSha256: string; readonly entries: number }> {
  const data = { crlSha256: toBase64Url(sha256(der)) };
  return operate(person, 'AddCrl', data, (signed) => person.api.bringCrl({ crl: toBase64(der), ...signed }));
}
