/** The thread that reads stored envelopes through before the window: one at a time, no faster than it is told; it is given no key. */
import { parentPort } from 'node:worker_threads';
import { systemWorld } from '../world.ts';
import { checkStored } from './open-envelope.ts';
import { startPace } from './pace.ts';
import type { ScanJob } from './scanner.ts';

const port = parentPort;
if (port === null) throw new Error('the scan runs only as a thread of its own');
/** A clock that only goes forward: one that is set back for an hour must not stop the scan for an hour. */
const steady = { now: () => performance.now(), after: systemWorld.after };
// A rejection is left unhandled on purpose: it ends the thread, and the scanner sees the crash as any other.
port.on('message', ({ path, promised, bytesPerSecond }: ScanJob) => {
  void checkStored(path, promised, startPace(steady, bytesPerSecond)).then((result) => port.postMessage(result));
});
