/** Small files that this browser keeps for a person in one opening: shares, quotes, a holder's key; each under the name it is saved by. */
import { signal } from '@preact/signals';
import { keepText, keptText } from '../parts/kept-text.ts';

export type KeptFile = { readonly name: string; readonly text: string };

export type KeptFiles = {
  /** In the order they were kept. */
  all(): readonly KeptFile[];
  textOf(name: string): string | null;
  /** Keeps one, in place of one of the same name. Returns: whether it outlives this page; else it is held as long as the page is open. */
  keep(file: KeptFile): boolean;
};

/** What a browser that keeps nothing holds for as long as the page is open, by the key of the storage. */
const held = new Map<string, readonly KeptFile[]>();
/** Turns when something is kept, so that what shows the files shows them anew. */
const turns = signal(0);

/** The files of one person in one opening. */
export function keptFilesOf(openingId: string, account: string): KeptFiles {
  const key = `kaibiao.files ${openingId} ${account}`;
  const all = (): readonly KeptFile[] => {
    void turns.value;
    return held.get(key) ?? readFiles(keptText(key));
  };
  return {
    all,
    textOf: (name) => all().find((file) => file.name === name)?.text ?? null,
    keep(file) {
      const files = [...all().filter(({ name }) => name !== file.name), file];
      const isKept = keepText(key, JSON.stringify(files));
      if (isKept) held.delete(key);
      else held.set(key, files);
      turns.value += 1;
      return isKept;
    },
  };
}

/** What lies in the storage and is no list of files is none. */
export function readFiles(text: string | null): readonly KeptFile[] {
  if (text === null) return [];
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) ? value.filter(isKeptFile) : [];
  } catch (fault) {
    if (fault instanceof SyntaxError) return [];
    throw fault;
  }
}

function isKeptFile(value: unknown): value is KeptFile {
  if (typeof value !== 'object' || value === null || !('name' in value) || !('text' in value)) return false;
  return typeof value.name === 'string' && typeof value.text === 'string';
}
