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

/** What was dropped; of two folders of one name each keeps a name of its own. Asks the browser for every entry at once: after the first wait it forgets them. */
export async function droppedFiles(transfer: DataTransfer): Promise<Given[]> {
  const entries = Array.from(transfer.items, (item) => item.webkitGetAsEntry());
  const found: Given[] = [];
  const times = new Map<string, number>();
  for (const entry of entries) {
    if (entry === null) continue;
    const time = (times.get(entry.name) ?? 0) + 1;
    times.set(entry.name, time);
    const top = time === 1 ? entry.name : `${entry.name} (${time})`;
    await collect(entry, (path) => `${top}${path.slice(1 + entry.name.length)}`, found);
  }
  return found;
}

/** One more than may be: then it is said that there are too many, and nothing is judged without the rest. */
async function collect(entry: FileSystemEntry, named: (fullPath: string) => string, found: Given[]): Promise<void> {
  if (found.length > FILES_LIMIT) return;
  const path = named(entry.fullPath);
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
    for (const one of some) await collect(one, named, found);
  }
}
