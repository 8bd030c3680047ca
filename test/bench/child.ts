/** A process of a bench: it answers one order at a time, by messages. */
import { type ChildProcess, spawn } from 'node:child_process';
import { basename } from 'node:path';

export type Child<Order, Says> = {
  /** The next thing it says. Throws: when it ends before. */
  next(): Promise<Says>;
  tell(order: Order): void;
  ask(order: Order): Promise<Says>;
  end(): Promise<void>;
};

/** Starts a script of ours as a process of its own, with this one's ways of reading TypeScript unless other ones are given. */
export function startChild<Order extends object, Says>(
  script: string,
  nodeArgs: readonly string[] = [],
  loader: readonly string[] = process.execArgv,
): Child<Order, Says> {
  const child: ChildProcess = spawn(process.execPath, [...loader, ...nodeArgs, script], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const heard: Says[] = [];
  let wake: (() => void) | null = null;
  let ended: number | null = null;
  child.on('message', (said) => {
    heard.push(said as Says);
    wake?.();
  });
  child.on('exit', (code) => {
    ended = code ?? -1;
    wake?.();
  });
  async function next(): Promise<Says> {
    while (heard.length === 0) {
      if (ended !== null) throw new Error(`${basename(script)} ended with ${ended}`);
      await new Promise<void>((resume) => {
        wake = resume;
      });
    }
    return heard.shift() as Says;
  }
  return {
    next,
    tell: (order) => void child.send(order),
    async ask(order) {
      child.send(order);
      return next();
    },
    async end() {
      if (child.connected) child.disconnect();
      if (ended === null) await new Promise((gone) => child.once('exit', gone));
    },
  };
}
