/** The pre-flight of a person's own keys: what the platform says of the certificates, whether the key opens what it should, whether it logs in. */
import { sha256 } from '@noble/hashes/sha2.js';
import { type Api, type CertificatesAnswer, checkCertificates } from '../../server/client/api.ts';
import { type AgentCertificate, KeyAgentError, type Unwrap } from '../../server/client/key-agent.ts';
import {
  type Check,
  chooseCertificate,
  type Deadline,
  expiring,
  isBad,
  judged,
  ofTwoOwners,
} from '../../server/client/preflight-checks.ts';
import { logIn } from '../../server/client/session.ts';
import { ApiError, type ClientWorld, type Transport } from '../../server/client/transport.ts';
import { PREFLIGHT_FINDINGS } from '../../server/core/seal/preflight-words.ts';
import type { SeatKeys } from '../keys/seat-keys.ts';
import { makeSessionKey } from '../keys/session-key.ts';
import { type CheckName, type Facts, good, type Line, still } from './lines.ts';

export type OwnKeysNeeds = {
  readonly subtle: SubtleCrypto;
  readonly transport: Transport;
  readonly world: Pick<ClientWorld, 'randomBytes'>;
  /** By the platform's clock, ms. */
  now(): number;
  /** Who bids needs a certificate to be sealed to as well. */
  readonly mustUnwrap: boolean;
  /** Of the opening that is looked at it for; null where none is named. */
  readonly deadline: Deadline | null;
  /** The certificate that one's standing bid is sealed to; null where none is known, or no opening is named. `api` is the person's own, null without a log-in. */
  standingOf(creditCode: string, api: Pick<Api, 'readOwnBid'> | null): Promise<string | null>;
  tryKey(certificate: AgentCertificate, unwrap: Unwrap): Promise<boolean>;
};

/**
 * Looks at all of it.
 *
 * Throws: ApiError when the platform does not answer; whatever the keys throw.
 * Why:    no oracle: the key is tried on a number that this page wraps itself, and the platform is sent certificates only.
 */
export async function lookAtKeys(needs: OwnKeysNeeds, keys: SeatKeys): Promise<Line[]> {
  const { transport, mustUnwrap, deadline } = needs;
  const listed = await keys.listCertificates();
  const uses = mustUnwrap ? (['sign', 'encrypt'] as const) : (['sign'] as const);
  const own = uses.map((use) => ({ use, chosen: chooseCertificate(listed, use, needs.now()) }));
  const asked = own.flatMap(({ use, chosen }) => (typeof chosen === 'string' ? [] : [{ use, x5c: chosen.x5c }]));
  const answer =
    asked.length > 0 ? await checkCertificates(transport, asked) : { now: needs.now(), version: '', certificates: [] };
  const checks: Check[] = [
    ...own.map(({ use, chosen }) => judged(use, chosen, answer)),
    ...ofTwoOwners(answer),
    ...(deadline === null ? [] : expiring(answer, deadline)),
  ];
  const lines = checks
    .filter((one) => !isSaidBy(one, checks))
    .map((one) => ({ ...lineOf(one), facts: certificateFacts(answer, one, deadline) }));
  const find = (use: 'sign' | 'encrypt'): AgentCertificate | null => {
    const chosen = own.find((one) => one.use === use)?.chosen;
    return chosen === undefined || typeof chosen === 'string' ? null : chosen;
  };
  const [signing, sealing] = [find('sign'), find('encrypt')];
  lines.push(...(await keyLines(needs, keys, sealing)));
  const isSignGood = signing !== null && !isBad(checks.filter(({ check }) => check === 'sign'));
  const session = isSignGood ? await tryLogin(needs, keys, signing.certSha256) : null;
  lines.push(session === null ? still('login', 'none') : session.line);
  const creditCode = answer.certificates.find((one) => one.creditCode !== null)?.creditCode ?? null;
  const api = session?.api ?? null;
  const standing = creditCode === null || !mustUnwrap ? null : await needs.standingOf(creditCode, api);
  await api?.endSession();
  if (standing !== null)
    lines.push(
      listed.some(({ certSha256 }) => certSha256 === standing)
        ? good('bid')
        : lineOf({ check: 'bid', code: 'another_certificate', said: '' }),
    );
  return lines;
}

/** That a certificate is good is not said beside what is wrong with it. */
function isSaidBy({ check, code }: Check, all: readonly Check[]): boolean {
  return code === null && all.some((other) => other.check === check && other.code !== null);
}

function lineOf({ check, code, said }: Check): Line {
  const name = check as CheckName;
  const facts = said === '' ? null : { said };
  if (code === null) return good(name, facts);
  return { check: name, level: PREFLIGHT_FINDINGS[code].severity, facts, finding: { known: code } };
}

/** What the platform read of a certificate; of one that ends too early, until when against which deadline. */
function certificateFacts(
  { certificates }: CertificatesAnswer,
  { check, code, said }: Check,
  deadline: Deadline | null,
): Facts | null {
  if (code === 'certificate_of_other_account') return { said };
  const read = certificates.find(({ use }) => use === check);
  if (read === undefined) return null;
  const { creditCode, notAfterAt, revocation } = read;
  const isOfDeadline = code === 'expires_before_window' || code === 'expires_soon';
  return {
    ...(notAfterAt === null ? {} : { notAfterAt }),
    ...(isOfDeadline && deadline !== null ? { deadlineAt: deadline.deadlineAt } : {}),
    ...(creditCode === null || isOfDeadline ? {} : { code: creditCode }),
    ...(isOfDeadline ? {} : { revocation }),
  };
}

async function keyLines(
  { mustUnwrap, tryKey }: OwnKeysNeeds,
  keys: SeatKeys,
  sealing: AgentCertificate | null,
): Promise<Line[]> {
  if (!mustUnwrap) return [];
  // an agent uses the key upon the proof of a window only, and with no certificate there is no key
  if (sealing === null || !keys.isTryable) return [still('key', 'none')];
  const isGood = await tryKey(sealing, await keys.unwrapper(sealing.certSha256));
  return [lineOf({ check: 'key', code: isGood ? null : 'key_unusable', said: '' })];
}

/** Logs in: that the account was shut, or the key does not sign, is found in no other way. Whoever asked ends the session. */
async function tryLogin(
  { subtle, transport, world, now }: OwnKeysNeeds,
  keys: SeatKeys,
  certSha256: string,
): Promise<{ readonly line: Line; readonly api: Api | null }> {
  try {
    const { api, account } = await logIn({
      transport,
      sha256,
      makeSessionKey: () => makeSessionKey(subtle),
      world: { now, randomBytes: world.randomBytes },
      signer: await keys.signer(certSha256),
    });
    return { line: good('login', { said: account }), api };
  } catch (fault) {
    const isRefused =
      fault instanceof ApiError && (fault.status === 401 || fault.status === 403 || fault.code === 'account_unclear');
    if (fault instanceof KeyAgentError || isRefused)
      return { line: lineOf({ check: 'login', code: 'login_refused', said: fault.code }), api: null };
    throw fault;
  }
}
