/** Serves a signer over a Unix socket: who may open it may ask; a line too long or out of form ends its connection. */
import { once } from 'node:events';
import { chmod, mkdir, rm, stat } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { lockFolder } from '../folder-lock.ts';
import { openKeyring } from '../recorder/keyring.ts';
import { createSignerDesk, type SignerDesk } from './signer-desk.ts';
import { lineOf, lineReader, QUESTION_LIMIT_BYTES, readQuestion, SignerWireError } from './signer-wire.ts';

/** Questions of one connection in hand at one time; then no more is read from it until some are answered. */
export const IN_HAND_LIMIT = 256;
/** A platform's processes have two connections each. */
export const CONNECTION_LIMIT = 64;
const OWNER_ONLY = 0o600;
const OWNER_AND_GROUP = 0o660;

export type SignerOptions = {
  /** Holds `keys` and `guard`. */
  readonly folder: string;
  readonly platform: string;
  readonly socket: string;
  /** Whether the socket's group may ask as well: a server under an account of its own. */
  readonly forGroup: boolean;
};

export type SignerServer = {
  /** Takes no more questions, answers what is in hand, then closes. */
  close(): Promise<void>;
};

/**
 * Serves the signer of a folder; its keys are made on the first start.
 *
 * Throws: KeyError; an Error where another process serves this folder or this socket; what disk and socket say.
 */
export async function serveSigner(options: SignerOptions, onFault: (error: unknown) => void): Promise<SignerServer> {
  const { folder, platform, socket, forGroup } = options;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const release = await lockFolder(folder);
  if (release === null) throw new Error(`another process serves the signer of ${folder}`);
  try {
    const desk = createSignerDesk(folder, platform, await openKeyring(folder, platform));
    await removeStale(socket);
    await mkdir(dirname(socket), { recursive: true, mode: 0o700 });
    const sockets = new Set<Socket>();
    const server = createServer((line) => {
      sockets.add(line);
      line.once('close', () => sockets.delete(line));
      serveLine(desk, line, onFault);
    });
    server.maxConnections = CONNECTION_LIMIT;
    await listenAt(server, socket, forGroup ? OWNER_AND_GROUP : OWNER_ONLY);
    return {
      async close() {
        const closed = once(server, 'close');
        server.close();
        for (const line of sockets) line.end();
        await desk.close();
        for (const line of sockets) line.destroy();
        await closed;
        await release();
      },
    };
  } catch (error) {
    await release();
    throw error;
  }
}

/** Listens with a mode that nobody else can slip through: the socket is made without any right and opened behind that. */
async function listenAt(server: Server, socket: string, mode: number): Promise<void> {
  const before = process.umask(0o777);
  try {
    server.listen(socket);
  } finally {
    process.umask(before);
  }
  await once(server, 'listening');
  await chmod(socket, mode);
}

/** Removes a socket that a killed signer left. Throws: an Error when somebody answers there, or it is no socket. */
async function removeStale(socket: string): Promise<void> {
  const found = await stat(socket).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
  if (found === null) return;
  if (!found.isSocket()) throw new Error(`${socket} is there and no socket`);
  const isServed = await new Promise<boolean>((answer) => {
    const line = connect(socket);
    line.once('connect', () => {
      line.destroy();
      answer(true);
    });
    line.once('error', () => answer(false));
  });
  if (isServed) throw new Error(`another signer answers at ${socket}`);
  await rm(socket, { force: true });
}

function serveLine(desk: SignerDesk, line: Socket, onFault: (error: unknown) => void): void {
  const asker = desk.newAsker();
  let inHand = 0;
  const giveUp = (error: unknown): void => {
    onFault(error);
    line.destroy();
  };
  const take = lineReader(QUESTION_LIMIT_BYTES, (text) => {
    inHand += 1;
    asker
      .answer(readQuestion(text))
      .then((answer) => void line.write(lineOf(answer)))
      .catch(giveUp)
      .finally(() => {
        inHand -= 1;
        if (inHand < IN_HAND_LIMIT) line.resume();
      });
  });
  line.on('data', (part: Uint8Array) => {
    try {
      take(part);
      if (inHand >= IN_HAND_LIMIT) line.pause();
    } catch (error) {
      if (!(error instanceof SignerWireError)) throw error;
      giveUp(error);
    }
  });
  // What became of a line tells nobody anything: who asked asks anew.
  line.on('error', () => undefined);
  line.once('close', () => void asker.leave().catch(onFault));
}
