/** The worker that tries whether this browser writes an envelope into a file, as sealing would, and leaves nothing behind. */
import '../parts/old-browsers.ts';
import { openEnvelopeSink } from '../seal/envelope-sink.ts';

openEnvelopeSink('preflight').then(async ({ sink, isKept }) => {
  await sink.write(new Uint8Array(1));
  await sink.giveUp();
  postMessage(isKept);
});
