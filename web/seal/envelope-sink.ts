/** Where an envelope is written in a browser: a file of the page's own (OPFS) where there are such files, else parts that make a Blob. */

/** Takes the bytes in order. It may keep what it is given: nobody writes into that any more. */
export type EnvelopeSink = {
  write(bytes: Uint8Array): void | Promise<void>;
  /** Returns: the whole envelope, which outlives the page where it is a file. */
  finish(): Promise<Blob>;
  /** Leaves nothing behind. Total. */
  giveUp(): Promise<void>;
};

/** Folder of the page's own file system that holds envelopes and nothing else. */
export const ENVELOPE_FOLDER = 'envelopes';

type SyncHandle = {
  write(bytes: Uint8Array, options: { at: number }): number;
  truncate(size: number): void;
  flush(): void;
  close(): void;
};
type SyncFile = FileSystemFileHandle & { createSyncAccessHandle?: () => Promise<SyncHandle> };

/**
 * A sink over a file of this name; over memory where the browser has no files that a worker can write.
 *
 * Returns: `isKept`, whether it is a file.
 * Throws:  DOMException QuotaExceededError from `write` when there is no room.
 */
export async function openEnvelopeSink(
  name: string,
): Promise<{ readonly sink: EnvelopeSink; readonly isKept: boolean }> {
  const file = await ownFile(name);
  return { sink: file ?? blobSink(), isKept: file !== null };
}

async function ownFile(name: string): Promise<EnvelopeSink | null> {
  const storage = navigator.storage as Partial<StorageManager> | undefined;
  if (typeof storage?.getDirectory !== 'function') return null;
  try {
    const folder = await (await storage.getDirectory()).getDirectoryHandle(ENVELOPE_FOLDER, { create: true });
    const file = (await folder.getFileHandle(name, { create: true })) as SyncFile;
    if (file.createSyncAccessHandle === undefined) return null;
    const handle = await file.createSyncAccessHandle();
    handle.truncate(0);
    return fileSink(folder, file, handle);
  } catch (fault) {
    // private windows have the names and refuse the use
    if (fault instanceof DOMException) return null;
    throw fault;
  }
}

function fileSink(folder: FileSystemDirectoryHandle, file: SyncFile, handle: SyncHandle): EnvelopeSink {
  let at = 0;
  return {
    write(bytes) {
      for (let from = 0; from < bytes.length; ) {
        const written = handle.write(bytes.subarray(from), { at });
        if (written === 0) throw new DOMException('the file takes no more', 'QuotaExceededError');
        from += written;
        at += written;
      }
    },
    async finish() {
      handle.flush();
      handle.close();
      return file.getFile();
    },
    async giveUp() {
      handle.close();
      await folder.removeEntry(file.name).catch((fault: unknown) => {
        // gone already, or held by a reader: bid/shelf.ts clears it away later
        if (!(fault instanceof DOMException)) throw fault;
      });
    },
  };
}

/** Bytes of a Blob, about. */
const PART_BYTES = 4_194_304;

/** Gathers a few megabytes into each Blob: browsers move large ones out of memory. */
export function blobSink(): EnvelopeSink {
  let parts: Blob[] = [];
  let gathered: Uint8Array<ArrayBuffer>[] = [];
  let gatheredBytes = 0;
  function gather(): void {
    parts.push(new Blob(gathered));
    gathered = [];
    gatheredBytes = 0;
  }
  return {
    write(bytes) {
      gathered.push(bytes as Uint8Array<ArrayBuffer>);
      gatheredBytes += bytes.length;
      if (gatheredBytes >= PART_BYTES) gather();
    },
    async finish() {
      gather();
      const whole = new Blob(parts);
      parts = [];
      return whole;
    },
    async giveUp() {
      parts = [];
      gathered = [];
    },
  };
}
