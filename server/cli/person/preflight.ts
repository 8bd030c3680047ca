/** The pre-flight: everything that could fail in the window, looked at before it; nothing of the platform's is ever unwrapped, and nothing is left on the log. */
import { open } from 'node:fs/promises';
import { checkCertificates } from '../../client/api.ts';
import { type AgentCertificate, type KeyAgent, KeyAgentError } from '../../client/key-agent.ts';
import { chooseKeyTransport } from '../../client/key-transport.ts';
import {
  CHECKS,
  type Check,
  chooseCertificate,
  clockOf,
  type Deadline,
  expiring,
  isBad,
  judged,
  ofTwoOwners,
} from '../../client/preflight-checks.ts';
import { SealError } from '../../client/seal-error.ts';
import { ApiError, type Transport } from '../../client/transport.ts';
import { sameBytes } from '../../core/log/bytes.ts';
import { CEK_BYTES } from '../../core/seal/commitments.ts';
import { startEnvelope } from '../../core/seal/envelope.ts';
import { EnvelopeError } from '../../core/seal/envelope-error.ts';
import type { KeyTransport } from '../../core/seal/recipient-info.ts';
import { VERSION } from '../../version.ts';
import type { World } from '../../world.ts';
import { toolFacts } from '../seal/tool-facts.ts';
import { wrapTo } from '../seal/wrap.ts';
import { readStanding } from './lodge.ts';
import type { Person } from './person.ts';
import { readOpening } from './read-opening.ts';

/** A header, wherever the envelope lies, is within it. */
const HEADER_READ_BYTES = 65_536;

export type PreflightRequest = {
  readonly transport: Transport;
  readonly keys: KeyAgent;
  readonly world: World;
  /** Without one, what depends on a deadline and on a bid is not looked at. */
  readonly openingId: string | null;
  readonly keyTransport?: KeyTransport | undefined;
  /** Logs in; asked only when the signing certificate is good. */
  login(): Promise<Person>;
};

/**
 * Looks at everything, and goes on behind what is bad as far as it can.
 *
 * Returns: the checks, in the order of CHECKS; several of one kind where there is more to say.
 * Throws:  ApiError when the platform cannot be reached, or refuses for anything but the certificate; PersonError of kept receipts.
 * Why:     no oracle: the key is tried on a nonce that this program has wrapped itself, and the platform is sent certificates only.
 */
export async function preflight(request: PreflightRequest): Promise<Check[]> {
  const { transport, keys, world, openingId } = request;
  const listed = await keys.listCertificates();
  const own = {
    sign: chooseCertificate(listed, 'sign', world.now()),
    encrypt: chooseCertificate(listed, 'encrypt', world.now()),
  };
  const asked = (['sign', 'encrypt'] as const).flatMap((use) => {
    const chosen = own[use];
    return typeof chosen === 'string' ? [] : [{ use, x5c: chosen.x5c }];
  });

  const sentAt = world.now();
  // with no certificate at all there is still a clock and a version to compare: an empty one is judged malformed
  const answer = await checkCertificates(transport, asked.length > 0 ? asked : [{ use: 'sign', x5c: ['AA=='] }]);
  const answeredAt = world.now();

  const checks: Check[] = [];
  for (const use of ['sign', 'encrypt'] as const) checks.push(judged(use, own[use], answer));
  checks.push(...ofTwoOwners(answer));
  const isSignGood = !isBad(checks.filter(({ check }) => check === 'sign'));
  const person = isSignGood ? await enter(request, checks) : null;
  const deadline = person === null || openingId === null ? null : await deadlineOf(person, openingId);
  if (deadline !== null) checks.push(...expiring(answer, deadline));
  const standing = person === null || openingId === null ? null : await standingOf(person, openingId);
  const { encrypt } = own;
  if (typeof encrypt !== 'string')
    checks.push(await tryKey(request, encrypt, request.keyTransport ?? standing?.keyTransport));
  if (standing !== null) {
    const isOwn = listed.some(({ certSha256 }) => certSha256 === standing.encCertSha256);
    checks.push({ check: 'bid', code: isOwn ? null : 'another_certificate', said: standing.bidId });
  }
  checks.push(clockOf(answer.now, sentAt, answeredAt));
  checks.push({
    check: 'tool',
    code: answer.version === VERSION ? null : 'tool_differs',
    said: answer.version === VERSION ? VERSION : `${VERSION} / ${answer.version}`,
  });
  checks.push(await device());
  return checks.sort((a, b) => CHECKS.indexOf(a.check) - CHECKS.indexOf(b.check));
}

async function enter({ login }: PreflightRequest, checks: Check[]): Promise<Person | null> {
  try {
    const person = await login();
    checks.push({ check: 'login', code: null, said: person.account });
    return person;
  } catch (error) {
    if (!(error instanceof ApiError) || (error.status !== 401 && error.status !== 403)) throw error;
    checks.push({ check: 'login', code: 'login_refused', said: error.code });
    return null;
  }
}

async function deadlineOf(person: Person, openingId: string): Promise<Deadline> {
  const { state } = await readOpening(person, openingId);
  return { deadlineAt: state.deadlineAt, windowMs: state.policy.decryptionWindowMs };
}

type Standing = {
  readonly bidId: string;
  readonly encCertSha256: string;
  readonly keyTransport: KeyTransport | undefined;
};
async function standingOf(person: Person, openingId: string): Promise<Standing | null> {
  const standing = await readStanding(person, openingId);
  if (standing === null) return null;
  const { bidId, encCertSha256 } = standing.payload;
  return { bidId, encCertSha256, keyTransport: await keyTransportOf(standing.bid.envelope) };
}

/** How the content key of an envelope travels; undefined when it no longer lies where it was lodged from. */
async function keyTransportOf(path: string): Promise<KeyTransport | undefined> {
  try {
    const file = await open(path, 'r');
    try {
      const { buffer, bytesRead } = await file.read(new Uint8Array(HEADER_READ_BYTES));
      const reader = startEnvelope();
      reader.push(buffer.subarray(0, bytesRead));
      return reader.header()?.recipient.keyTransport;
    } finally {
      await file.close();
    }
  } catch (error) {
    const isMissing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    if (isMissing || error instanceof EnvelopeError) return undefined;
    throw error;
  }
}

/** The key gives back a nonce that was wrapped here, in the way in which the bid is or will be sealed. */
async function tryKey(
  { keys, world }: PreflightRequest,
  { certSha256, certificate }: AgentCertificate,
  asked: KeyTransport | undefined,
): Promise<Check> {
  const nonce = world.randomBytes(CEK_BYTES);
  let said: string = asked ?? '';
  try {
    const transport = chooseKeyTransport(certificate, asked);
    said = transport;
    const unwrap = await keys.unwrapper(certSha256);
    const isSame = sameBytes(await unwrap(wrapTo(certificate.der, transport, nonce)), nonce);
    return { check: 'key', code: isSame ? null : 'key_unusable', said };
  } catch (error) {
    if (!(error instanceof SealError || error instanceof KeyAgentError)) throw error;
    return { check: 'key', code: 'key_unusable', said };
  }
}

async function device(): Promise<Check> {
  const facts = (await toolFacts(VERSION)) as {
    readonly macs: string | readonly string[];
    readonly processorModel: string;
  };
  const isKnown = typeof facts.macs !== 'string';
  const macs = typeof facts.macs === 'string' ? facts.macs : facts.macs.join(', ');
  return { check: 'device', code: isKnown ? null : 'device_unknown', said: `${macs}; ${facts.processorModel}` };
}
