/** Tells what somebody gave the page: logs in folders, logs in ZIP files, records on paper, receipts, and whatever else. */
import { readReceiptFile } from '../../server/verify/receipt-file.ts';
import { PDF_BEGIN } from '../../server/verify/record-paper.ts';
import type { Given } from './judge-messages.ts';

export type Sorted = {
  /** Each a folder with the files below it, by their paths from there. */
  readonly folders: readonly { readonly name: string; readonly files: readonly Given[] }[];
  readonly zips: readonly Given[];
  /** Records on paper, and any other PDF. */
  readonly papers: readonly Given[];
  readonly receipts: readonly { readonly name: string; readonly text: string }[];
  readonly others: readonly Given[];
};

/** No receipt is nearly as long. */
export const RECEIPT_LIMIT_BYTES = 1 << 20;
/** Local file header of a ZIP: how every one begins that has a file in it. */
const ZIP_BEGIN = [0x50, 0x4b, 0x03, 0x04];
/** The record of a thousand bidders is a tenth of it. */
export const PAPER_LIMIT_BYTES = 1 << 26;

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
  const papers: Given[] = [];
  const receipts: { name: string; text: string }[] = [];
  const others: Given[] = [];
  for (const one of loose) {
    if (await begins(one.blob, ZIP_BEGIN)) zips.push(one);
    else if (one.blob.size <= PAPER_LIMIT_BYTES && (await begins(one.blob, PDF_BEGIN))) papers.push(one);
    else {
      const text = one.blob.size > RECEIPT_LIMIT_BYTES ? '' : await one.blob.text();
      if (readReceiptFile(text) === null) others.push(one);
      else receipts.push({ name: one.path, text });
    }
  }
  return { folders, zips, papers, receipts, others };
}

async function begins(blob: Blob, bytes: readonly number[]): Promise<boolean> {
  const begin = new Uint8Array(await blob.slice(0, bytes.length).arrayBuffer());
  return begin.length === bytes.length && bytes.every((byte, at) => begin[at] === byte);
}
