/** Takes what a person drops or chooses: single files, and folders with everything below them. */
import type { Given } from './judge-messages.ts';

/** Files that one drop may have: the export of a hundred thousand entries, with all their disclosures. */
export const FILES_LIMIT = 250_000;

/** What an input of files holds; of a folder with the paths below it. */
export function chosenFiles(list: FileList | null): Given[] {
  return Array.from(list ?? [], (file) => ({
    path: (file as { webkitRelativePath?: string }).webkitRelativePath || file.name,
    blob: file,
  }));
}

/** What was dropped. Asks the browser for every entry at once: after the first wait it forgets them. */
export async function droppedFiles(transfer: DataTransfer): Promise<Given[]> {
  const entries = Array.from(transfer.items, (item) => item.webkitGetAsEntry());
  const found: Given[] = [];
  for (const entry of entries) if (entry !== null) await collect(entry, found);
  return found;
}

async function collect(entry: FileSystemEntry, found: Given[]): Promise<void> {
  if (found.length >= FILES_LIMIT) return;
  const path = entry.fullPath.replace(/^\//, '');
  if (entry.isFile) {
    const blob = await new Promise<File>((take, fail) => (entry as FileSystemFileEntry).file(take, fail));
    found.push({ path, blob });
    return;
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  // each time some of them, none at the end
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((take, fail) => reader.readEntries(take, fail));
    if (some.length === 0) return;
    for (const one of some) await collect(one, found);
  }
}
