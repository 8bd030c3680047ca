/** Where a browser keeps a bidder's bids: their statements and receipts in IndexedDB, their envelopes in files of the page's own. */
import { ENVELOPE_FOLDER } from '../seal/envelope-sink.ts';
import { isKeptBid, type KeptBid } from './kept-bid.ts';

export type Shelf = {
  /** The newest first. */
  bids(openingId: string, creditCode: string): Promise<readonly KeptBid[]>;
  /** False when the browser keeps nothing (private windows, full storage). */
  keep(bid: KeptBid): Promise<boolean>;
  forget(bid: KeptBid): Promise<void>;
  /** The envelope, as long as it is there whole. */
  envelopeOf(bid: KeptBid): Promise<Blob | null>;
  /** Lets go of an envelope that is of no more use here. */
  dropEnvelope(bid: KeptBid): Promise<void>;
};

const DATABASE = 'kaibiao';
const STORE = 'bids';

/** This browser's. */
export function browserShelf(): Shelf {
  let opening: Promise<IDBDatabase> | null = null;

  function database(): Promise<IDBDatabase> {
    opening ??= new Promise((resolve, reject) => {
      const asked = indexedDB.open(DATABASE, 1);
      asked.onupgradeneeded = () => asked.result.createObjectStore(STORE, { keyPath: 'bidId' });
      asked.onsuccess = () => resolve(asked.result);
      asked.onerror = () => reject(asked.error);
    });
    return opening;
  }

  /** One request in a transaction of its own; null where the browser keeps nothing. */
  async function inStore<Value>(
    mode: IDBTransactionMode,
    ask: (store: IDBObjectStore) => IDBRequest<Value>,
  ): Promise<{ readonly value: Value } | null> {
    try {
      const store = (await database()).transaction(STORE, mode).objectStore(STORE);
      const asked = ask(store);
      return await new Promise((resolve, reject) => {
        asked.onerror = () => reject(asked.error);
        // a value that was written is kept when its transaction is
        asked.transaction?.addEventListener('complete', () => resolve({ value: asked.result }));
        asked.transaction?.addEventListener('abort', () => reject(asked.transaction?.error));
      });
    } catch (fault) {
      if (fault instanceof DOMException) return null;
      throw fault;
    }
  }

  return {
    async bids(openingId, creditCode) {
      const all = await inStore<unknown[]>('readonly', (store) => store.getAll());
      return (all?.value ?? [])
        .filter(isKeptBid)
        .filter((bid) => bid.openingId === openingId && bid.creditCode === creditCode)
        .sort((a, b) => b.signedAt - a.signedAt);
    },
    async keep(bid) {
      return (await inStore('readwrite', (store) => store.put(bid))) !== null;
    },
    async forget(bid) {
      await inStore('readwrite', (store) => store.delete(bid.bidId));
      await dropFile(bid.fileName);
    },
    async envelopeOf({ fileName, sizeBytes }) {
      const folder = fileName === null ? null : await envelopeFolder();
      if (folder === null || fileName === null) return null;
      try {
        const file = await (await folder.getFileHandle(fileName)).getFile();
        return file.size === sizeBytes ? file : null;
      } catch (fault) {
        if (fault instanceof DOMException) return null;
        throw fault;
      }
    },
    dropEnvelope: ({ fileName }) => dropFile(fileName),
  };
}

async function envelopeFolder(): Promise<FileSystemDirectoryHandle | null> {
  const storage = navigator.storage as Partial<StorageManager> | undefined;
  if (typeof storage?.getDirectory !== 'function') return null;
  try {
    return await (await storage.getDirectory()).getDirectoryHandle(ENVELOPE_FOLDER, { create: true });
  } catch (fault) {
    if (fault instanceof DOMException) return null;
    throw fault;
  }
}

async function dropFile(fileName: string | null): Promise<void> {
  if (fileName === null) return;
  try {
    await (await envelopeFolder())?.removeEntry(fileName);
  } catch (fault) {
    // gone already
    if (!(fault instanceof DOMException)) throw fault;
  }
}
