/** The threads of a server process, reached through Node's own inspector: one can be made to die, and nothing in the server is there for it. */
import { once } from 'node:events';
import WebSocket from 'ws';
import type { ServerProcess } from './server-process.ts';

/** What a server must be started with; the port is drawn by the system and said on its output. */
export const INSPECTED = { NODE_OPTIONS: '--inspect=127.0.0.1:0' } as const;

export type VaultThreads = {
  /** Whether a bid was given to a thread since the last kill. */
  isAtWork(): Promise<boolean>;
  /** Ends the thread that got the last bid to open, in the middle of it; a read that it began keeps its end waiting until that returns. */
  killLast(): Promise<void>;
};

/** Notes from here on which thread of the vault gets a bid. Throws: an Error when the process is not inspected. */
export async function vaultThreadsOf(server: ServerProcess): Promise<VaultThreads> {
  await evaluate(
    server,
    `{ const { prototype } = process.getBuiltinModule('worker_threads').Worker;
       const { postMessage } = prototype;
       prototype.postMessage = function (job, ...rest) {
         if (String(job?.kind).startsWith('open')) globalThis.lastVaultThread = this;
         return postMessage.call(this, job, ...rest);
       }; }`,
  );
  return {
    isAtWork: async () => (await evaluate(server, 'globalThis.lastVaultThread !== undefined')) === true,
    async killLast() {
      await evaluate(server, 'void globalThis.lastVaultThread.terminate(); globalThis.lastVaultThread = undefined');
    },
  };
}

/** Runs it in the main thread. A connection of its own each time: while one stands, the process waits for it before it ends. */
async function evaluate(server: ServerProcess, expression: string): Promise<unknown> {
  const address = /Debugger listening on (ws:\S+)/.exec(server.output())?.[1];
  if (address === undefined) throw new Error('the server was not started to be inspected');
  const socket = new WebSocket(address);
  try {
    await once(socket, 'open');
    socket.send(JSON.stringify({ id: 1, method: 'Runtime.evaluate', params: { expression } }));
    const [answer] = (await once(socket, 'message')) as [Buffer];
    const { result, error } = JSON.parse(answer.toString('utf8')) as {
      result?: { result?: { value?: unknown }; exceptionDetails?: unknown };
      error?: unknown;
    };
    if (error !== undefined || result?.exceptionDetails !== undefined) throw new Error(answer.toString('utf8'));
    return result?.result?.value;
  } finally {
    socket.close();
    await once(socket, 'close');
  }
}
