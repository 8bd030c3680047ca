/** Logs a person in on this page: keys into a worker, a session by challenge, and the roles they hold in the opening. */
import { sha256 } from '@noble/hashes/sha2.js';
import { createApi } from '../../server/client/api.ts';
import { type AgentCertificate, KeyAgentError, pickCertificate, type Unwrap } from '../../server/client/key-agent.ts';
import { logIn, type Session } from '../../server/client/session.ts';
import { ApiError, callJson, type Transport } from '../../server/client/transport.ts';
import type { PersonRole } from '../../server/core/opening/roles.ts';
import type { CertificateSigner } from '../../server/core/pki/person-jws.ts';
import { PLAIN_SUBJECT_RULE, readSubject } from '../../server/core/pki/subject.ts';
import type { SeatKeys } from '../keys/seat-keys.ts';
import { makeSessionKey } from '../keys/session-key.ts';
import { prepareDecryption } from './decrypt-here.ts';
import { createOutbox, type Outbox } from './outbox.ts';
import { clientWorld, pageTransport } from './page-transport.ts';
import { type BidderMeans, headSeenIn, type Seat } from './seat.ts';

/** Why nobody could be logged in on this page, besides what the server refuses and what is wrong with a file. */
export class SeatError extends Error {
  override readonly name = 'SeatError';
  readonly code: 'page_not_secure' | 'no_such_key' | 'several_keys' | 'seat_left';

  constructor(code: SeatError['code']) {
    super(code);
    this.code = code;
  }
}

/** Where this platform's pages look for the agent on the same computer. Throws: ApiError. */
export async function agentPort(): Promise<number> {
  const transport = pageTransport(clientWorld(() => Date.now()));
  return (await callJson<{ readonly agentPort: number }>(transport, { method: 'GET', path: '/platform' })).agentPort;
}

/**
 * Logs in. Shape: `openingId` empty for somebody who stands before no opening yet.
 *
 * Shape:  `openKeys` opens the keys; they are closed with the seat, or when there is none.
 * Throws: SeatError: page_not_secure where the browser gives no WebCrypto, which is on plain http; no_such_key where no valid certificate
 *         may sign, several_keys where more than one may; seat_left where another page has the seat and keeps it; ApiError; whatever the keys throw.
 */
export async function takeSeat(asked: {
  readonly openingId: string;
  readonly openKeys: () => Promise<SeatKeys>;
  /** Asked where another page has the seat of this certificate. */
  readonly mayTakeOver: () => Promise<boolean>;
  readonly now: () => number;
}): Promise<Seat> {
  const subtle = (globalThis.crypto as Crypto | undefined)?.subtle;
  if (subtle === undefined) throw new SeatError('page_not_secure');
  const world = clientWorld(asked.now);
  const keys = await asked.openKeys();
  try {
    const listed = await signingKey(keys, world.now());
    const signer = await keys.signer(listed.certSha256);
    const transport = pageTransport(world);
    const session = await logIn({
      transport,
      sha256,
      makeSessionKey: () => makeSessionKey(subtle),
      world,
      signer,
    });
    const isBefore = asked.openingId !== '';
    if (isBefore) await claimSeat(session, asked);
    const roles = isBefore ? await rolesOf(session, asked.openingId) : [];
    const means: BidderMeans = {
      api: session.api,
      signer,
      keys: await keys.listCertificates(),
      unwrapper: (certSha256) => async (recipient, evidence) => (await keys.unwrapper(certSha256))(recipient, evidence),
      isTryable: keys.isTryable,
      serverNow: session.serverNow,
    };
    return seatOf(
      {
        openingId: asked.openingId,
        transport,
        session,
        keys,
        means,
        roles,
        listed,
        signer,
        outbox: createOutbox(world),
      },
      roles[0] ?? 'public',
    );
  } catch (fault) {
    keys.close();
    throw fault;
  }
}

/** Takes the one active seat of the certificate; whoever does not want to take it over is not logged in. Throws: SeatError seat_left; ApiError. */
async function claimSeat(
  session: Session,
  { openingId, mayTakeOver }: { readonly openingId: string; readonly mayTakeOver: () => Promise<boolean> },
): Promise<void> {
  try {
    await session.api.takeSeat(openingId, false);
  } catch (fault) {
    if (!(fault instanceof ApiError) || fault.code !== 'seat_taken') throw fault;
    if (await mayTakeOver()) return void (await session.api.takeSeat(openingId, true));
    await endQuietly(session);
    throw new SeatError('seat_left');
  }
}

/** The roles held; a session that cannot learn them is ended, for nobody would hold it. */
async function rolesOf(session: Session, openingId: string): Promise<readonly PersonRole[]> {
  try {
    return (await session.api.readRoles(openingId)).roles;
  } catch (fault) {
    await endQuietly(session);
    throw fault;
  }
}

/** A session that nobody hears of any more ends by itself. */
async function endQuietly(session: Session): Promise<void> {
  try {
    await session.api.endSession();
  } catch (fault) {
    if (!(fault instanceof ApiError)) throw fault;
  }
}

async function signingKey(keys: SeatKeys, at: number): Promise<AgentCertificate> {
  try {
    return await pickCertificate(keys, 'sign', at);
  } catch (fault) {
    if (fault instanceof KeyAgentError)
      throw new SeatError(fault.code === 'several_keys' ? 'several_keys' : 'no_such_key');
    throw fault;
  }
}

/** After these there will be no ticket for this session and role; everything else may pass. */
const NO_SEAT_ANY_MORE: ReadonlySet<string> = new Set([
  'session_ended',
  'role_not_held',
  'account_disabled',
  'token_expired',
]);

type Taken = {
  readonly openingId: string;
  readonly transport: Transport;
  readonly session: Session;
  readonly keys: SeatKeys;
  readonly means: BidderMeans;
  readonly roles: readonly PersonRole[];
  readonly listed: AgentCertificate;
  readonly signer: CertificateSigner;
  readonly outbox: Outbox;
};

function seatOf(taken: Taken, role: PersonRole): Seat {
  const { openingId, session, keys, means, roles, listed, signer, outbox } = taken;
  const read = readSubject(listed.certificate, PLAIN_SUBJECT_RULE);
  const { name, organisation, creditCode } =
    'refused' in read ? { name: session.account, organisation: '', creditCode: session.account } : read.subject;

  async function askTicket(): Promise<string | 'refused' | null> {
    try {
      return (await session.api.askTicket(openingId, role)).ticket;
    } catch (fault) {
      if (!(fault instanceof ApiError)) throw fault;
      return NO_SEAT_ANY_MORE.has(fault.code) ? 'refused' : null;
    }
  }

  return {
    openingId,
    name,
    organisation,
    creditCode,
    role,
    roles,
    outbox,
    means,
    session,
    askTicket: role === 'public' ? null : askTicket,
    async sign({ id, type, data, headSeen }) {
      const act = await session.sign({ openingId, id, type, data, headSeen });
      // who has lodged nothing yet acts as a bidder all the same: the register knows what it may
      return { id, type, data, role: role === 'public' ? 'bidder' : role, act };
    },
    send: (signed) => session.api.sendCommand(openingId, signed),
    async prepareDecryption(view, bidFile, remedy = null) {
      const headSeen = headSeenIn(view);
      const unwrapper =
        (certSha256: string): Unwrap =>
        async (recipient, evidence) =>
          (await keys.unwrapper(certSha256))(recipient, evidence);
      function acknowledge(kid: string): void {
        const id = session.newId();
        const data = { kid };
        session
          .sign({ openingId, id, type: 'AcknowledgeChallenge', data, headSeen })
          .then((act) =>
            session.api.sendCommand(openingId, { id, type: 'AcknowledgeChallenge', data, role: 'bidder', act }),
          )
          .catch((fault: unknown) => {
            // refused or unheard, it changes nothing of the decryption
            if (!(fault instanceof ApiError)) throw fault;
          });
      }
      return prepareDecryption(
        {
          openingId,
          api: session.api,
          sendAsAnybody: createApi(taken.transport).sendDecryption,
          signer,
          creditCode,
          unwrapper,
          acknowledge,
        },
        view,
        bidFile,
        remedy,
      );
    },
    async withRolesOfNow() {
      const { roles: present } = await session.api.readRoles(openingId);
      const isSame = present.length === roles.length && present.every((one) => roles.includes(one));
      if (isSame) return null;
      return seatOf({ ...taken, roles: present }, present.includes(role) ? role : (present[0] ?? 'public'));
    },
    newId: session.newId,
    at: (other, held) =>
      seatOf(
        { ...taken, openingId: other, roles: held, outbox: createOutbox(taken.transport.world) },
        held[0] ?? 'public',
      ),
    inRole: (other) => seatOf(taken, other),
    async leave() {
      outbox.close();
      keys.close();
      await endQuietly(session);
    },
  };
}
