/** The cosigner itself: checks what it is asked to sign against the last it signed of that log, remembers, then signs. Knows no HTTP. */
import { sign } from 'node:crypto';
import { type AddCheckpoint, parseAddCheckpoint, SIZE_TYPE } from '../core/log/add-checkpoint.ts';
import { sameBytes } from '../core/log/bytes.ts';
import { type Checkpoint, parseForeignCheckpoint } from '../core/log/checkpoint.ts';
import {
  cosignatureMessage,
  cosignatureVerifier,
  formatCosignature,
  parseCosignature,
} from '../core/log/cosignature.ts';
import { LogFormatError } from '../core/log/error.ts';
import { emptyRoot, verifyConsistency } from '../core/log/merkle.ts';
import {
  formatNote,
  formatSignatureLine,
  type NoteSignature,
  openNote,
  parseNote,
  type VerifierKey,
} from '../core/log/note.ts';
import { type SigningKey, verifyEd25519 } from '../ed25519.ts';
import { sha256 } from '../hash.ts';
import type { World } from '../world.ts';
import { type CosignedHeads, hashOfOrigin } from './cosigned-heads.ts';
import type { EnrolledLogs } from './enrolled-logs.ts';

/** Checkpoints of one log that are signed in a minute at most: a platform asks once a second, and again after a correction. */
export const CHECKPOINTS_PER_MINUTE = 300;
const MINUTE_MS = 60_000;
/** A head that was signed within this time is answered with the same signature: who repeats others' requests costs nothing. */
export const REPEATED_WITHIN_SECONDS = 10;

/** How far its clock may be behind the newest signature of a log, and ahead of it: beyond, nothing is signed. The platform takes no line from further ahead than the first. */
export const CLOCK_BACK_SECONDS = 300;
export const CLOCK_AHEAD_SECONDS = 30 * 86_400;

/** A clock that cannot be right: what is signed by it could never be taken back, for a cosigner's own time never goes back. */
export class CosignerClockError extends Error {
  override readonly name = 'CosignerClockError';
}

/** An answer of the protocol; the body of a refusal says why, for people who look into it. */
export type Answer = {
  readonly status: 200 | 400 | 403 | 404 | 409 | 422 | 429;
  readonly type: 'text/plain; charset=utf-8' | typeof SIZE_TYPE;
  readonly body: string;
};

const no = (status: Exclude<Answer['status'], 200>, why: string): Answer => ({
  status,
  type: 'text/plain; charset=utf-8',
  body: `${why}\n`,
});

const yes = (line: NoteSignature): Answer => ({
  status: 200,
  type: 'text/plain; charset=utf-8',
  body: formatSignatureLine(line),
});

export type Cosigner = {
  /** Answers one `add-checkpoint`. Throws: when its own memory cannot be read or written, CosignerClockError; nothing is signed then. */
  addCheckpoint(body: Uint8Array): Promise<Answer>;
  /** The last note it cosigned, by the hex SHA-256 of the log's origin; null when there is none. */
  latest(originHash: string): Promise<Uint8Array | null>;
};

type Parts = {
  readonly world: Pick<World, 'now'>;
  readonly key: VerifierKey;
  readonly signingKey: SigningKey;
  readonly logs: EnrolledLogs;
  readonly heads: CosignedHeads;
  /** Somebody says that the clock is right, however far it is ahead of what was signed last. */
  readonly isClockRight?: boolean;
};

/** A checkpoint's text, and the signatures of its log's own keys: others' lines are not kept. */
type Opened = { readonly text: string; readonly byLog: readonly NoteSignature[] };
type Last = Pick<Checkpoint, 'size' | 'root'> & {
  readonly turn: number;
  readonly line: NoteSignature;
  readonly timeSeconds: number;
};

/** A cosigner. What it signs is held together by its folder of heads, also where a second process has the same one. */
export function createCosigner({ world, key, signingKey, logs, heads, isClockRight = false }: Parts): Cosigner {
  const own = cosignatureVerifier(key, verifyEd25519);
  /** What is under way for each log: check and set are one step. */
  const turns = new Map<string, Promise<unknown>>();
  const signedAt = new Map<string, number[]>();

  /** Runs when whatever came before for this log is done, however it ended. */
  function inTurn<T>(originHash: string, work: () => Promise<T>): Promise<T> {
    const turn = (turns.get(originHash) ?? Promise.resolve()).then(work, work);
    turns.set(originHash, turn);
    const done = (): void => {
      if (turns.get(originHash) === turn) turns.delete(originHash);
    };
    turn.then(done, done);
    return turn;
  }

  /** Throws: LogFormatError when the file is not what this key signed: a damaged memory is no empty one. */
  async function lastOf(originHash: string): Promise<Last | null> {
    const kept = await heads.read(originHash);
    if (kept === null) return null;
    const { text, signatures } = await openNote(kept.note, [own]);
    const { size, root } = parseForeignCheckpoint(text);
    const [line] = signatures as [NoteSignature];
    return { turn: kept.turn, size, root, line, timeSeconds: parseCosignature(line.signature).timeSeconds };
  }

  /** Its own time never goes back: what a clock that runs ahead has dated holds for good, and the platform refuses it until then. */
  function needClock(last: Last | null): number {
    const now = Math.floor(world.now() / 1000);
    const aheadSeconds = last === null ? 0 : now - last.timeSeconds;
    if (aheadSeconds < -CLOCK_BACK_SECONDS)
      throw new CosignerClockError(
        `${-aheadSeconds} s behind the newest signature: set the clock right, or wait, or begin anew`,
      );
    if (aheadSeconds > CLOCK_AHEAD_SECONDS && !isClockRight)
      throw new CosignerClockError(
        `${aheadSeconds} s ahead of the newest signature: if so, serve with --clock-is-right`,
      );
    return now;
  }

  function isTooOften(origin: string): boolean {
    const recent = (signedAt.get(origin) ?? []).filter((at) => at > world.now() - MINUTE_MS);
    signedAt.set(origin, recent);
    if (recent.length >= CHECKPOINTS_PER_MINUTE) return true;
    recent.push(world.now());
    return false;
  }

  /** The checks in the order of the protocol, from the old size on; then the memory, then the signature. */
  async function checkAndSet(
    { oldSize, proof }: AddCheckpoint,
    head: Checkpoint,
    { text, byLog }: Opened,
  ): Promise<Answer | 'overtaken'> {
    const originHash = hashOfOrigin(head.origin);
    const last = await lastOf(originHash);
    const size = last?.size ?? 0;
    const oldRoot = last?.root ?? emptyRoot(sha256);
    if (oldSize !== size) return { status: 409, type: SIZE_TYPE, body: `${size}\n` };
    if (last !== null && head.size === size && !sameBytes(head.root, oldRoot))
      return no(409, 'another root was signed for this size');
    if (!verifyConsistency(sha256, { oldSize, oldRoot, size: head.size, root: head.root, proof }))
      return no(422, 'the proof does not hold');
    // its own time never goes back, or it would say of an older head that it was the newest later
    const timeSeconds = Math.max(needClock(last), last?.timeSeconds ?? 0);
    const isRepeated = last?.size === head.size && timeSeconds - last.timeSeconds < REPEATED_WITHIN_SECONDS;
    if (isRepeated) return yes(last.line);
    if (isTooOften(head.origin)) return no(429, 'too many checkpoints of this log in a minute');
    const signature = new Uint8Array(sign(null, cosignatureMessage(timeSeconds, text), signingKey.privateKey));
    const line = { name: key.name, keyId: key.keyId, signature: formatCosignature({ timeSeconds, signature }) };
    // durable before anybody gets the signature: from here on no other history of this log is signed, by this process or another
    const isWritten = await heads.write(originHash, (last?.turn ?? 0) + 1, formatNote(text, [...byLog, line]));
    return isWritten ? yes(line) : 'overtaken';
  }

  /** The same, once more where another process with the same folder has signed meanwhile: then what it signed is what counts. */
  async function answerTo(request: AddCheckpoint, head: Checkpoint, opened: Opened): Promise<Answer> {
    const first = await checkAndSet(request, head, opened);
    const answer = first === 'overtaken' ? await checkAndSet(request, head, opened) : first;
    return answer === 'overtaken' ? no(429, 'another process signs with this memory') : answer;
  }

  return {
    latest: async (originHash) => (await heads.read(originHash))?.note ?? null,
    async addCheckpoint(body) {
      let request: AddCheckpoint;
      let head: Checkpoint;
      try {
        request = parseAddCheckpoint(body);
        head = parseForeignCheckpoint(parseNote(request.checkpoint).text);
      } catch (fault) {
        if (fault instanceof LogFormatError) return no(400, fault.message);
        throw fault;
      }
      const keys = await logs.keysOf(head.origin);
      if (keys.length === 0) return no(404, 'this log is not enrolled');
      let opened: Opened;
      try {
        const { text, signatures } = await openNote(request.checkpoint, keys);
        opened = { text, byLog: signatures };
      } catch (fault) {
        if (fault instanceof LogFormatError) return no(403, fault.message);
        throw fault;
      }
      if (request.oldSize > head.size) return no(400, 'the old size is above the checkpoint’s');
      return inTurn(hashOfOrigin(head.origin), () => answerTo(request, head, opened));
    },
  };
}
