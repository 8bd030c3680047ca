/** Tells what somebody gave the page: logs in folders, logs in ZIP files, receipts, and whatever else. */
import { readReceiptFile } from '../../server/verify/receipt-file.ts';
import type { Given } from './judge-messages.ts';

export type Sorted = {
  /** Each a folder with the files below it, by their paths from there. */
  readonly folders: readonly { readonly name: string; readonly files: readonly Given[] }[];
  readonly zips: readonly Given[];
  readonly receipts: readonly { readonly name: string; readonly text: string }[];
  readonly others: readonly Given[];
};

/** No receipt is nearly as long. */
export const RECEIPT_LIMIT_BYTES = 1 << 20;
/** Local file header of a ZIP: how every one begins that has a file in it. */
const ZIP_BEGIN = [0x50, 0x4b, 0x03, 0x04];

/** Sorts what was given, by its content where its name says nothing. */
export async function sortGiven(given: readonly Given[]): Promise<Sorted> {
  const paths = new Set(given.map(({ path }) => path));
  // a folder is a log's where both of these lie in it
  const roots = [...paths]
    .filter((path) => /(^|\/)checkpoint$/.test(path) && !/(^|\/)anchor\/checkpoint$/.test(path))
    .map((path) => path.slice(0, -'checkpoint'.length))
    .filter((root) => paths.has(`${root}vkey`));
  const folders = roots.map((root) => ({
    name: root === '' ? '·' : root.slice(0, -1),
    files: given
      .filter(({ path }) => path.startsWith(root))
      .map(({ path, blob }) => ({ path: path.slice(root.length), blob })),
  }));
  const loose = given.filter(({ path }) => !roots.some((root) => path.startsWith(root)));
  const zips: Given[] = [];
  const receipts: { name: string; text: string }[] = [];
  const others: Given[] = [];
  for (const one of loose) {
    if (await isZip(one.blob)) zips.push(one);
    else {
      const text = one.blob.size > RECEIPT_LIMIT_BYTES ? '' : await one.blob.text();
      if (readReceiptFile(text) === null) others.push(one);
      else receipts.push({ name: one.path, text });
    }
  }
  return { folders, zips, receipts, others };
}

async function isZip(blob: Blob): Promise<boolean> {
  const begin = new Uint8Array(await blob.slice(0, ZIP_BEGIN.length).arrayBuffer());
  return begin.length === ZIP_BEGIN.length && ZIP_BEGIN.every((byte, at) => begin[at] === byte);
}
