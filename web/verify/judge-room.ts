/** The page's side of its verifying worker: one question at a time, progress as it comes. */
import { trusted } from '../keys/worker-address.ts';
import type { Anchors, JudgeAnswer, Judged, JudgeRequest } from './judge-messages.ts';
import workerAddress from './judge-worker.ts?worker&url';

export type Outcome =
  | { readonly kind: 'judged'; readonly judged: readonly Judged[] }
  | { readonly kind: 'anchor_malformed'; readonly field: keyof Anchors; readonly detail: string }
  | { readonly kind: 'broken'; readonly detail: string };

export type JudgeRoom = {
  /** Judges; `onEntries` is told how many entries of the log at hand held so far. A later question leaves this one unanswered. */
  judge(asked: Omit<JudgeRequest, 'id'>, onEntries: (entries: number) => void): Promise<Outcome>;
};

/** Starts the worker at once, so that nothing has to be fetched when something is judged. */
export function openJudgeRoom(): JudgeRoom {
  let worker = start();
  let isBusy = false;
  let asked = 0;

  function start(): Worker {
    return new Worker(trusted(workerAddress), { type: 'module' });
  }

  return {
    judge(request, onEntries) {
      // whoever gives the page something else does not wait for what was given before
      if (isBusy) {
        worker.terminate();
        worker = start();
      }
      isBusy = true;
      asked += 1;
      const id = asked;
      return new Promise((resolve) => {
        const end = (outcome: Outcome): void => {
          if (id === asked) isBusy = false;
          resolve(outcome);
        };
        worker.onmessage = ({ data }: MessageEvent<JudgeAnswer>) => {
          if (data.id !== id) return;
          if (data.kind === 'entries') onEntries(data.entries);
          else end(data);
        };
        worker.onerror = (event) => {
          // one that fell over answers nobody any more
          worker.terminate();
          worker = start();
          end({ kind: 'broken', detail: event.message || 'the worker did not start' });
        };
        worker.postMessage({ ...request, id });
      });
    },
  };
}
