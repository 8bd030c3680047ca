/** The worker that seals a bid: documents in, an envelope and its promises out; its page stays quick meanwhile. */
import '../parts/old-browsers.ts';
import { SealError } from '../../server/client/seal-error.ts';
import { browserSealing } from './browser-sealing.ts';
import { openEnvelopeSink } from './envelope-sink.ts';
import { hashElsewhere } from './hash-elsewhere.ts';
import { sealHere } from './seal-here.ts';
import type { SealAnswer, SealRequest } from './seal-messages.ts';

/** Often enough to look alive. */
const PROGRESS_EVERY_MS = 100;

const say = (answer: SealAnswer): void => postMessage(answer);

async function seal({ task, fileName, ports }: SealRequest): Promise<SealAnswer> {
  const free = [...ports];
  const hash = (hmacKey: Uint8Array | null) => {
    const port = free.shift();
    if (port === undefined) throw new Error('more hashes than ports');
    return hashElsewhere(port, hmacKey);
  };
  let toldAt = 0;
  const { sink, isKept } = await openEnvelopeSink(fileName);
  const sealed = await sealHere(task, {
    means: browserSealing(crypto.subtle, hash),
    sink,
    startHash: () => hash(null),
    progress(step, doneBytes, allBytes) {
      const now = performance.now();
      if (now - toldAt < PROGRESS_EVERY_MS && doneBytes < allBytes) return;
      toldAt = now;
      say({ kind: 'progress', step, doneBytes, allBytes });
    },
  });
  return { kind: 'sealed', sealed, isKept };
}

function faultAnswer(fault: unknown): SealAnswer {
  if (fault instanceof SealError) return { kind: 'refused', code: fault.code, detail: fault.detail };
  if (fault instanceof DOMException && fault.name === 'QuotaExceededError')
    return { kind: 'failed', code: 'no_room_for_envelope' };
  return { kind: 'broken', detail: fault instanceof Error ? fault.message : String(fault) };
}

addEventListener('message', ({ data }: MessageEvent<SealRequest>) => {
  seal(data).catch(faultAnswer).then(say);
});
