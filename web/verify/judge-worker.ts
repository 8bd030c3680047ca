/** The worker that judges: what it is given goes in, verdicts come out; it holds no address of anybody and asks none. */
import '../parts/old-browsers.ts';
import { sha256 } from '@noble/hashes/sha2.js';
import { browserTools } from './browser-tools.ts';
import { AnchorError, blobMeasure, judgeGiven } from './judge-given.ts';
import type { JudgeAnswer, JudgeRequest } from './judge-messages.ts';

const subtle = (globalThis.crypto as Crypto | undefined)?.subtle ?? null;
const tools = browserTools(subtle);
const measure = blobMeasure(() => sha256.create());
const say = (answer: JudgeAnswer): void => postMessage(answer);

addEventListener('message', ({ data }: MessageEvent<JudgeRequest>) => {
  const { id } = data;
  const onEntries = (entries: number): void => say({ id, kind: 'entries', entries });
  judgeGiven({ tools, measure, onEntries }, data)
    .then((judged) => say({ id, kind: 'judged', judged }))
    .catch((fault: unknown) => {
      if (fault instanceof AnchorError)
        say({ id, kind: 'anchor_malformed', field: fault.field, detail: fault.message });
      else say({ id, kind: 'broken', detail: fault instanceof Error ? fault.message : String(fault) });
    });
});
