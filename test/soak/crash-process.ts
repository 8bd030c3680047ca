/** The parent's side of a platform in a process of its own: starts it, asks it, notices that it was killed, and starts it again. */

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import type { LogKind } from '../../server/core/log/origin.ts';
import type { CreationRequest } from '../../server/recorder/creation.ts';
import type { Submission } from '../../server/recorder/submission.ts';
import { scriptOf } from '../support/script.ts';
import type { FaultPoint } from './fault-points.ts';

export type Asked =
  | { readonly kind: 'arm'; readonly point: FaultPoint | null }
  | { readonly kind: 'create'; readonly request: CreationRequest }
  | { readonly kind: 'submit'; readonly submission: Submission }
  | { readonly kind: 'state'; readonly openingId: string }
  | { readonly kind: 'vkey'; readonly origin: string; readonly log: LogKind }
  /** Time passes until the clock shows this. */
  | { readonly kind: 'move'; readonly at: number }
  /** The clock alone is set, by a wrong hand; no time passes. */
  | { readonly kind: 'jump'; readonly byMs: number }
  | { readonly kind: 'now' };
export type Replied = { readonly n: number; readonly value: unknown; readonly error: string | null };

/** What came of asking: an answer, a fault with its code, or null when the process died under it. */
export type Reply = { readonly value: unknown; readonly error: string | null } | null;

export type CrashProcess = {
  ask(asked: Asked): Promise<Reply>;
  isAlive(): boolean;
  /** Starts it where the clock stands now. Throws: when it does not come up. */
  start(at: number): Promise<void>;
  kill(): Promise<void>;
};

const CHILD = scriptOf('test/soak/crash-child.ts');

export function crashProcess(target: unknown, dataFolder: string, seed: string): CrashProcess {
  let child: ChildProcess | null = null;
  let waiting = new Map<number, (reply: Reply) => void>();
  let asked = 0;
  let lives = 0;

  return {
    isAlive: () => child !== null,
    async start(at) {
      // Chance goes on: a second life that drew what the first has drawn would make the same ids.
      const started = fork(CHILD.path, [JSON.stringify(target), dataFolder, String(at), `${seed}/${lives++}`], {
        execArgv: [...CHILD.execArgv],
        serialization: 'json',
      });
      const mine = new Map<number, (reply: Reply) => void>();
      waiting = mine;
      const ready = new Promise<Reply>((resolve) => mine.set(0, resolve));
      started.on('message', (said: Replied) => {
        mine.get(said.n)?.(said);
        mine.delete(said.n);
      });
      started.on('exit', () => {
        if (child === started) child = null;
        for (const lose of mine.values()) lose(null);
        mine.clear();
      });
      child = started;
      if ((await ready) === null) throw new Error('the platform did not start');
    },
    ask(message) {
      const to = child;
      if (to === null) return Promise.resolve(null);
      const n = ++asked;
      const reply = new Promise<Reply>((resolve) => waiting.set(n, resolve));
      // A message to a process that has just died is lost with it, and its end answers.
      to.send({ ...message, n }, () => undefined);
      return reply;
    },
    async kill() {
      const dying = child;
      if (dying === null) return;
      const ended = once(dying, 'exit');
      dying.kill('SIGKILL');
      await ended;
    },
  };
}
