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
  /** Clears away what a sealing left that was cancelled, or whose page was closed in the middle of it. */
  clearLeft(): Promise<void>;
};

/** An envelope that no kept bid names may still be offered for keeping in another tab; after a day it is not. */
export const LEFT_AFTER_MS = 86_400_000;

/** Names of the files that nobody needs any more. Shape: `now` by the clock that dates files, ms. */
export function leftBehind(
  files: readonly { readonly name: string; readonly lastModified: number }[],
  bids: readonly Pick<KeptBid, 'fileName'>[],
  now: number,
): readonly string[] {
  const named = new Set(bids.map(({ fileName }) => fileName));
  return files
    .filter(({ name, lastModified }) => !named.has(name) && now - lastModified >= LEFT_AFTER_MS)
    .map(({ name }) => name);
}

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

  /** All that is kept, in whatever form; null where the browser keeps nothing. */
  async function stored(): Promise<readonly unknown[] | null> {
    return (await inStore<unknown[]>('readonly', (store) => store.getAll()))?.value ?? null;
  }

  return {
    async bids(openingId, creditCode) {
      return ((await stored()) ?? [])
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
    async clearLeft() {
      const [folder, bids] = [await envelopeFolder(), await stored()];
      // Without its list nobody knows which of the files is somebody's bid.
      if (folder === null || bids === null) return;
      try {
        const files: File[] = [];
        for await (const handle of folder.values())
          if (handle.kind === 'file') files.push(await (handle as FileSystemFileHandle).getFile());
        // Also what another version of this page wrote names its file.
        const names = bids.map((bid) => ({
          fileName: (bid as { readonly fileName?: string | null }).fileName ?? null,
        }));
        for (const name of leftBehind(files, names, Date.now())) await dropFile(name);
      } catch (fault) {
        // another tab clears or writes there as well: the next visit finds what is left
        if (!(fault instanceof DOMException)) throw fault;
      }
    },
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
