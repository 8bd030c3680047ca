/** This browser and its line, as the pre-flight tries them. */
import { sha256 } from '@noble/hashes/sha2.js';
import { SUBPROTOCOL } from '../../server/core/wire/version.ts';
import { browserWorld } from '../connection/page-world.ts';
import { serverClock } from '../connection/server-clock.ts';
import { KeyFileError } from '../keys/key-file-error.ts';
import { trusted } from '../keys/worker-address.ts';
import { keepText, keptText } from '../parts/kept-text.ts';
import type { BrowserNeeds } from './browser.ts';
import fileWorker from './file-worker.ts?worker&url';
import type { LineNeeds } from './line.ts';

/** How long a worker may take to say anything, ms. */
const WORKER_WAIT_MS = 15_000;
const KEPT = 'kaibiao.preflight';

/** This browser. */
export function browserHere(): BrowserNeeds {
  return {
    isSecure: globalThis.isSecureContext,
    subtle: (globalThis.crypto as Crypto | undefined)?.subtle,
    startsWorker: keyWorkerAnswers,
    streamsFile,
    keeps,
    roomBytes,
  };
}

/** The worker of keys is given a file that is none: that it says so shows that it runs. */
async function keyWorkerAnswers(): Promise<boolean> {
  const { openKeyRoom } = await import('../keys/key-room.ts');
  const room = openKeyRoom(sha256);
  const isOver = new Promise<boolean>((resolve) => {
    setTimeout(() => resolve(false), WORKER_WAIT_MS);
  });
  const answers = room.open(new Blob(['none']), '').then(
    () => false,
    (fault: unknown) => fault instanceof KeyFileError,
  );
  try {
    return await Promise.race([answers, isOver]);
  } finally {
    room.close();
  }
}

async function streamsFile(): Promise<boolean> {
  const file = new File(['abc'], 'preflight') as Partial<File>;
  if (typeof file.stream !== 'function') return false;
  const { value } = await file.stream().getReader().read();
  return value?.length === 3;
}

async function keeps(): Promise<'nothing' | 'texts' | 'files'> {
  const isTextKept = keepText(KEPT, 'kept') && keptText(KEPT) === 'kept';
  keepText(KEPT, null);
  if (!isTextKept || !(await opensDatabase())) return 'nothing';
  return (await writesFiles()) ? 'files' : 'texts';
}

function opensDatabase(): Promise<boolean> {
  return new Promise((resolve) => {
    try {
      const asked = indexedDB.open(KEPT, 1);
      asked.onerror = () => resolve(false);
      asked.onsuccess = () => {
        asked.result.close();
        indexedDB.deleteDatabase(KEPT);
        resolve(true);
      };
    } catch (fault) {
      // a private window may refuse to name it
      if (!(fault instanceof DOMException)) throw fault;
      resolve(false);
    }
  });
}

function writesFiles(): Promise<boolean> {
  return new Promise((resolve) => {
    const worker = new Worker(trusted(fileWorker), { type: 'module' });
    const end = (isWritten: boolean): void => {
      clearTimeout(timer);
      worker.terminate();
      resolve(isWritten);
    };
    const timer = setTimeout(() => end(false), WORKER_WAIT_MS);
    worker.onmessage = ({ data }) => end(data === true);
    worker.onerror = () => end(false);
  });
}

async function roomBytes(): Promise<number | null> {
  const storage = navigator.storage as Partial<StorageManager> | undefined;
  if (typeof storage?.estimate !== 'function') return null;
  const { quota, usage } = await storage.estimate();
  return quota === undefined ? null : Math.max(0, quota - (usage ?? 0));
}

/** The line to the platform that gave this page. */
export function lineHere(): LineNeeds {
  return {
    world: browserWorld,
    clock: serverClock(browserWorld.monotonicNow),
    ownNow: () => Date.now(),
    fetch: (path, init) => fetch(path, init),
    openSocket({ onOpen, onMessage, onClose }) {
      const scheme = location.protocol === 'https:' ? 'wss:' : 'ws:';
      const socket = new WebSocket(`${scheme}//${location.host}/preflight/live`, SUBPROTOCOL);
      socket.onopen = onOpen;
      socket.onmessage = ({ data }) => onMessage(data);
      socket.onclose = onClose;
      return { send: (text) => socket.send(text), close: () => socket.close() };
    },
  };
}
