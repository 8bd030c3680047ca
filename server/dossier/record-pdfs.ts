/** The records on paper that were asked for lately: each is made once, one after another, in a thread of its own. */
import { startWorker } from '../worker.ts';
import type { World } from '../world.ts';
import type { RecordOnPaper } from './record-pdf.ts';

/** PDFs kept in memory beside those that wait: each version of a record is one, a few hundred kilobytes. */
const KEPT = 32;
/** PDFs that may wait to be made. */
export const WAITING_LIMIT = 64;
/** What one PDF may take, ms: of a thousand bidders it takes seconds. One without end would keep all others waiting. */
export const MAKING_LIMIT_MS = 60_000;
const SCRIPT = new URL('./record-pdf-worker.ts', import.meta.url);

export type RecordPdfs = {
  /** Null while more wait than may. Rejects: the thread died, or took too long. */
  of(asked: RecordOnPaper): Promise<Uint8Array> | null;
};

type Make = (asked: RecordOnPaper, late: AbortSignal) => Promise<Uint8Array>;

/** `sign` is given each PDF that was made, and says what is kept and shown; `make` ends when it is told that it is late. */
export function createRecordPdfs(
  world: Pick<World, 'after'>,
  sign: (asked: RecordOnPaper, pdf: Uint8Array) => Promise<Uint8Array>,
  make: Make = makeInThread,
): RecordPdfs {
  const kept = new Map<string, Promise<Uint8Array>>();
  let last: Promise<unknown> = Promise.resolve();
  let waiting = 0;
  return {
    of(asked) {
      const { record, mark, origin } = asked;
      const key = `${origin} ${'form' in record ? 'public' : 'original'} ${mark.openingId} ${mark.sha256}`;
      const found = kept.get(key);
      if (found !== undefined) {
        kept.delete(key);
        kept.set(key, found);
        return found;
      }
      if (waiting >= WAITING_LIMIT) return null;
      waiting += 1;
      const made = last.then(() => makeInTime(asked)).then((pdf) => sign(asked, pdf));
      // whether it comes out well or not, the next one begins
      last = made.then(done, done);
      kept.set(key, made);
      // what failed is tried again by whoever asks next
      made.catch(() => kept.delete(key));
      const [oldest = key] = kept.keys();
      // those that wait are not let go of, or who asks again has them made twice
      if (kept.size > KEPT + waiting) kept.delete(oldest);
      return made;
    },
  };

  function done(): void {
    waiting -= 1;
  }

  async function makeInTime(asked: RecordOnPaper): Promise<Uint8Array> {
    const late = new AbortController();
    const cancel = world.after(MAKING_LIMIT_MS, () => late.abort());
    try {
      return await make(asked, late.signal);
    } finally {
      cancel();
    }
  }
}

function makeInThread(asked: RecordOnPaper, late: AbortSignal): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const thread = startWorker(SCRIPT, { workerData: asked });
    thread.once('message', (pdf: Uint8Array) => {
      resolve(pdf);
      void thread.terminate();
    });
    thread.once('error', reject);
    late.addEventListener('abort', () => {
      reject(new Error(`a PDF took longer than ${MAKING_LIMIT_MS} ms`));
      void thread.terminate();
    });
    thread.once('exit', (code) => reject(new Error(`the thread that makes PDFs ended with ${code}`)));
  });
}
