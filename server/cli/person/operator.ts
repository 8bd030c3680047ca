/** The operator lets officials in by certificate, shuts accounts and opens them again: each with a signed act that goes to the ledger first. */
import type { AccountKind } from '../../client/api.ts';
import { headSeen } from './act.ts';
import type { Person } from './person.ts';

/** Operators' acts concern no opening; they name this instead of one. */
export const PLATFORM_SUBJECT = 'platform';

/**
 * Lets somebody in by the signing certificate.
 *
 * Shape:  `x5c` base64 certificates, the person's first.
 * Throws: ApiError not_operator, account_exists, the certificate_… codes.
 */
export async function letIn(
  person: Person,
  { x5c, kind }: { readonly x5c: readonly string[]; readonly kind: AccountKind },
): Promise<{ readonly account: string; readonly name: string; readonly organisation: string }> {
  const { session, api } = person;
  const id = session.newId();
  const data = { x5c: [...x5c], kind };
  const seen = await headSeen(person, PLATFORM_SUBJECT);
  const act = await session.sign({ openingId: PLATFORM_SUBJECT, id, type: 'LetIn', data, headSeen: seen });
  return api.letIn({ id, ...data, act });
}

/**
 * Shuts an account, or opens it again.
 *
 * Throws: ApiError not_operator, account_unknown, account_disabled, account_not_disabled, last_operator.
 */
export async function changeAccount(
  person: Person,
  change: 'disable' | 'enable',
  data: { readonly account: string; readonly reason: string },
): Promise<void> {
  const { session, api } = person;
  const id = session.newId();
  const seen = await headSeen(person, PLATFORM_SUBJECT);
  const type = change === 'disable' ? 'DisableAccount' : 'EnableAccount';
  const act = await session.sign({ openingId: PLATFORM_SUBJECT, id, type, data: { ...data }, headSeen: seen });
  await api.changeAccount(change, { id, ...data, act });
}
