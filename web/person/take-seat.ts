/** Logs a person in on this page: keys into a worker, a session by challenge, and the roles they hold in the opening. */
import { sha256 } from '@noble/hashes/sha2.js';
import { type AgentCertificate, KeyAgentError, pickCertificate } from '../../server/client/key-agent.ts';
import { logIn, type Session } from '../../server/client/session.ts';
import { ApiError, type ClientWorld } from '../../server/client/transport.ts';
import type { PersonRole } from '../../server/core/opening/roles.ts';
import type { CertificateSigner } from '../../server/core/pki/person-jws.ts';
import { PLAIN_SUBJECT_RULE, readSubject } from '../../server/core/pki/subject.ts';
import { type KeyRoom, openKeyRoom, type UsableKey } from '../keys/key-room.ts';
import { makeSessionKey } from '../keys/session-key.ts';
import { prepareDecryption } from './decrypt-here.ts';
import { createOutbox, type Outbox } from './outbox.ts';
import { headSeenIn, type Seat } from './seat.ts';

/** Why nobody could be logged in on this page, besides what the server refuses and what is wrong with a file. */
export class SeatError extends Error {
  override readonly name = 'SeatError';
  readonly code: 'page_not_secure' | 'no_such_key' | 'several_keys';

  constructor(code: SeatError['code']) {
    super(code);
    this.code = code;
  }
}

/** What a client may ask of this page; `now` is the server's as the page knows it, so that a computer whose clock is wrong or set does no harm. */
function clientWorld(now: () => number): ClientWorld {
  return {
    now,
    after(delayMs, alarm) {
      const timer = setTimeout(alarm, delayMs);
      return () => clearTimeout(timer);
    },
    randomBytes: (count) => crypto.getRandomValues(new Uint8Array(count)),
  };
}

/**
 * Logs in.
 *
 * Throws: KeyFileError of the files; SeatError: page_not_secure where the browser gives no WebCrypto, which is on plain http;
 *         no_such_key where no valid certificate of the files may sign, several_keys where more than one may; ApiError.
 */
export async function takeSeat(asked: {
  readonly openingId: string;
  readonly files: readonly Blob[];
  readonly password: string;
  readonly now: () => number;
}): Promise<Seat> {
  const subtle = (globalThis.crypto as Crypto | undefined)?.subtle;
  if (subtle === undefined) throw new SeatError('page_not_secure');
  const world = clientWorld(asked.now);
  const room = openKeyRoom(sha256);
  try {
    const keys: UsableKey[] = [];
    for (const file of asked.files) keys.push(...(await room.open(file, asked.password)));
    const { listed, signer } = await signingKey(keys, world.now());
    const session = await logIn({
      transport: { origin: location.origin, world, fetch: (...request) => fetch(...request) },
      sha256,
      makeSessionKey: () => makeSessionKey(subtle),
      world,
      signer,
    });
    const roles = await rolesOf(session, asked.openingId);
    return seatOf(
      { openingId: asked.openingId, session, room, roles, listed, signer, outbox: createOutbox(world) },
      roles[0] ?? 'public',
    );
  } catch (fault) {
    room.close();
    throw fault;
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

async function signingKey(keys: readonly UsableKey[], at: number): Promise<UsableKey> {
  try {
    const picked = await pickCertificate(
      { listCertificates: async () => keys.map(({ listed }) => listed) },
      'sign',
      at,
    );
    const found = keys.find(({ listed }) => listed === picked);
    if (found === undefined) throw new Error('picked a key that is not there');
    return found;
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
  readonly session: Session;
  readonly room: KeyRoom;
  readonly roles: readonly PersonRole[];
  readonly listed: AgentCertificate;
  readonly signer: CertificateSigner;
  readonly outbox: Outbox;
};

function seatOf(taken: Taken, role: PersonRole): Seat {
  const { openingId, session, room, roles, listed, signer, outbox } = taken;
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
    askTicket: role === 'public' ? null : askTicket,
    async sign({ id, type, data, headSeen }) {
      const act = await session.sign({ openingId, id, type, data, headSeen });
      // who has lodged nothing yet acts as a bidder all the same: the register knows what it may
      return { id, type, data, role: role === 'public' ? 'bidder' : role, act };
    },
    send: (signed) => session.api.sendCommand(openingId, signed),
    async prepareDecryption(view, bidFile) {
      const headSeen = headSeenIn(view);
      const unwrapper = (certSha256: string) => room.unwrapper(certSha256);
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
        { openingId, api: session.api, signer, creditCode, unwrapper, acknowledge },
        view,
        bidFile,
      );
    },
    async withRolesOfNow() {
      const { roles: present } = await session.api.readRoles(openingId);
      const isSame = present.length === roles.length && present.every((one) => roles.includes(one));
      if (isSame) return null;
      return seatOf({ ...taken, roles: present }, present.includes(role) ? role : (present[0] ?? 'public'));
    },
    newId: session.newId,
    inRole: (other) => seatOf(taken, other),
    async leave() {
      outbox.close();
      room.close();
      await endQuietly(session);
    },
  };
}
