/** The records on paper that were asked for lately: each is made once, one after another, in a thread of its own. */
import { startWorker } from '../worker.ts';
import type { RecordOnPaper } from './record-pdf.ts';

/** PDFs kept in memory: each version of a record is one, a few hundred kilobytes. */
const KEPT = 32;
/** PDFs that may wait to be made. */
export const WAITING_LIMIT = 64;
const SCRIPT = new URL('./record-pdf-worker.ts', import.meta.url);

export type RecordPdfs = {
  /** Null while more wait than may. Rejects: the thread died. */
  of(asked: RecordOnPaper): Promise<Uint8Array> | null;
};

/** `sign` is given each PDF that was made, and says what is kept and shown. */
export function createRecordPdfs(
  sign: (asked: RecordOnPaper, pdf: Uint8Array) => Promise<Uint8Array>,
  make: (asked: RecordOnPaper) => Promise<Uint8Array> = makeInThread,
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
      const made = last.then(() => make(asked)).then((pdf) => sign(asked, pdf));
      // whether it comes out well or not, the next one begins
      last = made.then(done, done);
      kept.set(key, made);
      // what failed is tried again by whoever asks next
      made.catch(() => kept.delete(key));
      const [oldest = key] = kept.keys();
      if (kept.size > KEPT) kept.delete(oldest);
      return made;
    },
  };

  function done(): void {
    waiting -= 1;
  }
}

function makeInThread(asked: RecordOnPaper): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const thread = startWorker(SCRIPT, { workerData: asked });
    thread.once('message', (pdf: Uint8Array) => {
      resolve(pdf);
      void thread.terminate();
    });
    thread.once('error', reject);
    thread.once('exit', (code) => reject(new Error(`the thread that makes PDFs ended with ${code}`)));
  });
}
