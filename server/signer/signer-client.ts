/** A signer in another process, as a server uses it: keyring and head desk over its socket; a line that is cut ends the term. */
import { connect, type Socket } from 'node:net';
import type * as Type from 'typebox';
import { Check } from 'typebox/schema';
import { fromBase64, toBase64 } from '../core/log/base64.ts';
import { sameBytes } from '../core/log/bytes.ts';
import { fromUtf8 } from '../core/log/utf8.ts';
import { GuardFault, GuardRefusal } from '../recorder/guard-faults.ts';
import type { Office } from '../recorder/guard-folder.ts';
import type { GuardedHead } from '../recorder/guard-journal.ts';
import type { HeadDesk, LetOutHead } from '../recorder/head-desk.ts';
import { type Keyring, type KnownKeys, needSameKeys, publicKeyring } from '../recorder/keyring.ts';
import type { World } from '../world.ts';
import {
  ANSWER_LIMIT_BYTES,
  type Asked,
  Hello,
  headOfWire,
  lineOf,
  lineReader,
  Opened,
  Released,
  readAnswer,
  SignerWireError,
  wireHead,
} from './signer-wire.ts';

/** So long a question waits for its answer: the disk of a signer, or a slow token, may take a while. */
export const ANSWER_TIMEOUT_MS = 15_000;

/** The signer cannot be asked, or answers what nobody can believe. */
export class SignerError extends Error {
  readonly code: 'signer_unreachable' | 'signer_lost' | 'signer_of_other_platform' | 'signer_refused';
  constructor(code: SignerError['code'], message: string, options?: ErrorOptions) {
    super(`${code}: ${message}`, options);
    this.name = 'SignerError';
    this.code = code;
  }
}

type Line = { ask(question: Asked): Promise<unknown>; isLost(): boolean; close(): void };

/** Opens one connection. Throws: SignerError signer_unreachable. */
async function openLine(socket: string, world: Pick<World, 'after'>, onLost: () => void): Promise<Line> {
  const line = await new Promise<Socket>((done, fail) => {
    const opening = connect(socket);
    opening.once('connect', () => done(opening));
    opening.once('error', (cause: NodeJS.ErrnoException) =>
      fail(new SignerError('signer_unreachable', `nobody answers at ${socket} (${cause.code})`, { cause })),
    );
  });
  const waiting = new Map<number, { done: (value: unknown) => void; fail: (error: Error) => void }>();
  let lost: SignerError | null = null;
  let last = 0;

  function lose(why: string): void {
    if (lost !== null) return;
    lost = new SignerError('signer_lost', why);
    line.destroy();
    for (const { fail } of waiting.values()) fail(lost);
    waiting.clear();
    onLost();
  }
  const take = lineReader(ANSWER_LIMIT_BYTES, (text) => {
    const answer = readAnswer(text);
    const asked = waiting.get(answer.id);
    waiting.delete(answer.id);
    if ('done' in answer) asked?.done(answer.done);
    else asked?.fail(errorOf(answer.failed));
  });
  line.on('data', (part: Uint8Array) => {
    try {
      take(part);
    } catch (error) {
      if (!(error instanceof SignerWireError)) throw error;
      lose(error.message);
    }
  });
  line.on('error', (error) => lose(error.message));
  line.on('close', () => lose('the line to the signer was cut'));

  return {
    isLost: () => lost !== null,
    ask(question) {
      if (lost !== null) {
        // Said again, for who has only now begun to lead.
        onLost();
        return Promise.reject(lost);
      }
      last += 1;
      const id = last;
      return new Promise((done, fail) => {
        const cancel = world.after(ANSWER_TIMEOUT_MS, () => lose(`no answer within ${ANSWER_TIMEOUT_MS} ms`));
        const settle = { done: cancelled(cancel, done), fail: cancelled(cancel, fail) };
        waiting.set(id, settle);
        line.write(lineOf({ ...question, id } as never));
      });
    },
    close() {
      lost ??= new SignerError('signer_lost', 'the line was closed');
      line.destroy();
    },
  };
}

const cancelled =
  <T>(cancel: () => void, then: (value: T) => void) =>
  (value: T): void => {
    cancel();
    then(value);
  };

function errorOf({
  name,
  code,
  message,
  origin,
  size,
}: {
  name: string;
  code: string;
  message: string;
  origin?: string;
  size?: number;
}): Error {
  if (name === 'GuardRefusal') return new GuardRefusal(code as GuardRefusal['code'], origin ?? '', size ?? 0);
  if (name === 'GuardFault') return new GuardFault(code as GuardFault['code'], message);
  return new SignerError('signer_refused', message);
}

function read<Schema extends Type.TSchema>(schema: Schema, value: unknown): Type.Static<Schema> {
  if (!Check(schema, value)) throw new SignerError('signer_refused', 'an answer that is none');
  return value as Type.Static<Schema>;
}

export type SignerClient = {
  readonly keyring: Keyring;
  /** The latest term that the signer has served. Throws: SignerError. */
  lastTerm(): Promise<number>;
  /**
   * Begins the term of an office, on a line of its own.
   *
   * Shape:  `onLost` is told when the line is cut, and again whenever something is asked after that: then the term is over, and the
   *         next one begins with what the signer says.
   * Throws: SignerError; KeyError `keys_changed`; GuardFault `guard_in_use` for a term that is over.
   */
  open(office: Office, onLost: () => void): Promise<HeadDesk>;
  close(): void;
};

/** What a signer says of its keys. */
const keysOf = ({ publicKeys, earlier, announcements }: Type.Static<typeof Hello>): KnownKeys => ({
  publicKeys: {
    openings: fromBase64(publicKeys.openings),
    ledger: fromBase64(publicKeys.ledger),
    receipts: fromBase64(publicKeys.receipts),
  },
  announcements,
  earlierKeys: earlier.map(({ publicKey, logs }) => ({ publicKey: fromBase64(publicKey), logs: new Set(logs) })),
});

/**
 * Connects to a signer.
 *
 * Throws: SignerError signer_unreachable, signer_of_other_platform. Whatever is asked later also: KeyError `keys_changed` when a
 *         signer answers that has other keys than the one of the beginning.
 * Why:    what is not about heads goes over a line that is opened again when it was cut: a receipt or a token needs no term. A signer
 *         reads its keys when it starts, so they are looked at on each line once, before anything is signed over it.
 */
export async function connectSigner(
  socket: string,
  platform: string,
  world: Pick<World, 'after'>,
): Promise<SignerClient> {
  const sayHello = async (line: Line): Promise<Type.Static<typeof Hello>> => {
    const said = read(Hello, await line.ask({ ask: 'hello' }));
    if (said.platform !== platform)
      throw new SignerError('signer_of_other_platform', `the signer at ${socket} is of ${said.platform}`);
    return said;
  };
  /** A line on which `begin` has found what it needs. */
  async function openWith<T>(onLost: () => void, begin: (line: Line) => Promise<T>): Promise<{ line: Line; found: T }> {
    const line = await openLine(socket, world, onLost);
    try {
      return { line, found: await begin(line) };
    } catch (error) {
      line.close();
      throw error;
    }
  }
  const begun = await openWith(() => undefined, sayHello);
  const known = keysOf(begun.found);
  const { publicKeys, announcements, earlierKeys } = known;
  const needKnown = async (line: Line): Promise<void> => needSameKeys(known, keysOf(await sayHello(line)));

  let common = begun.line;
  let reopening: Promise<Line> | null = null;
  async function ask(question: Asked): Promise<unknown> {
    if (common.isLost()) {
      reopening ??= openWith(() => undefined, needKnown)
        .then(({ line }) => line)
        .finally(() => {
          reopening = null;
        });
      common = await reopening;
    }
    return common.ask(question);
  }
  const { vkeyOf, receiptJwk, tokenPublicKey } = publicKeyring(platform, publicKeys, earlierKeys);
  const keyring: Keyring = {
    vkeyOf,
    receiptJwk,
    publicKeys,
    announcements,
    signReceipt: async (payload, typ) => String(await ask({ ask: 'receipt', typ, payload })),
    tokenKey: { publicKey: tokenPublicKey, sign: async (payload) => String(await ask({ ask: 'token', payload })) },
    signManifest: async (text) => fromBase64(String(await ask({ ask: 'manifest', text: fromUtf8(text) }))),
    signRecord: async (text) => String(await ask({ ask: 'record', text })),
  };

  return {
    keyring,
    lastTerm: async () => read(Hello, await ask({ ask: 'hello' })).lastTerm,
    async open({ term, database }, onLost) {
      const { line, found } = await openWith(onLost, async (opened) => {
        await needKnown(opened);
        return read(Opened, await opened.ask({ ask: 'open', term, database }));
      });
      return remoteDesk(line, found);
    },
    close: () => common.close(),
  };
}

/** The desk over a line, with what the signer has said of every log; only this line changes it, so it stays true while the line stands. */
function remoteDesk(line: Line, logs: Type.Static<typeof Opened>): HeadDesk {
  const released = new Map<string, LetOutHead>();
  const pending = new Map<string, GuardedHead[]>();
  for (const log of logs) {
    if (log.released !== null) released.set(log.origin, { ...headOfWire(log.released), note: log.released.note });
    pending.set(log.origin, log.pending.map(headOfWire));
  }
  const pendingOf = (origin: string): readonly GuardedHead[] => pending.get(origin) ?? [];

  return {
    async pend(origin, kind, { size, root, after, proof }) {
      const head = { size, root };
      const question = { origin, kind, ...wireHead(head), after: wireHead(after), proof: proof.map(toBase64) };
      await line.ask({ ask: 'pend', ...question });
      const others = pendingOf(origin).filter((noted) => noted.size !== size);
      if (size > (released.get(origin)?.size ?? 0))
        pending.set(
          origin,
          [...others, head].sort((a, b) => a.size - b.size),
        );
    },
    async release(origin, head) {
      const out = read(Released, await line.ask({ ask: 'release', origin, ...wireHead(head) }));
      if (out === null) return null;
      const signed = { ...headOfWire(out), note: out.note };
      if (signed.size >= (released.get(origin)?.size ?? 0)) released.set(origin, signed);
      pending.set(
        origin,
        pendingOf(origin).filter(({ size }) => size > signed.size),
      );
      return signed;
    },
    async drop(origin, heads) {
      if (heads.length === 0) return;
      // Forgotten before the answer, as there: what is noted again meanwhile stays.
      const isGone = ({ size, root }: GuardedHead): boolean =>
        heads.some((head) => head.size === size && sameBytes(head.root, root));
      pending.set(
        origin,
        pendingOf(origin).filter((noted) => !isGone(noted)),
      );
      await line.ask({ ask: 'drop', origin, heads: heads.map(wireHead) });
    },
    released: (origin) => released.get(origin) ?? null,
    pending: pendingOf,
    origins: () => [...new Set([...released.keys(), ...pending.keys()])],
    async close() {
      line.close();
    },
  };
}
