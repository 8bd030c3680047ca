/** Fetches the public's view of an opening from this platform, as the files of an export; only then it is judged, without another request. */
import { canonicalise } from '../../server/core/log/canonical.ts';
import { parseCheckpoint } from '../../server/core/log/checkpoint.ts';
import { LogFormatError } from '../../server/core/log/error.ts';
import { parseNote } from '../../server/core/log/note.ts';
import { bundlesOf, formatTilePath, tilesOf } from '../../server/core/log/tile.ts';
import { utf8 } from '../../server/core/log/utf8.ts';
import type { Given } from './judge-messages.ts';

export type Get = (path: string) => Promise<Response>;
/** `missing`: the platform has no such opening. */
export type Fetched = { readonly files: readonly Given[] } | 'missing' | 'failed';

/** Entries of one page of disclosures. */
const PAGE = 200;

/** The opening's log with what everyone may see of it; the whole ledger as well where `withLedger`. `onFile` counts. */
export async function fetchPublicLog(
  get: Get,
  openingId: string,
  withLedger: boolean,
  onFile: (count: number) => void,
): Promise<Fetched> {
  const files: Given[] = [];
  const keep = (path: string, content: BlobPart): void => {
    files.push({ path, blob: new Blob([content]) });
    onFile(files.length);
  };
  const begun = await fetchTiles(get, `/logs/opening/${openingId}`, 'opening', keep);
  if (typeof begun === 'string') return begun;
  for (let after = -1; after < begun.size - 1; ) {
    const answer = await get(`/openings/${openingId}/entries?after=${after}&limit=${PAGE}`);
    if (!answer.ok) return 'failed';
    const page = (await answer.json()) as { entries: string[]; disclosures: Record<string, string[]> };
    for (const [seq, texts] of Object.entries(page.disclosures))
      if (Number(seq) < begun.size && texts.length > 0)
        keep(`opening/disclosures/${seq}.json`, utf8(canonicalise(texts)) as BlobPart);
    if (page.entries.length === 0) break;
    after += page.entries.length;
  }
  if (withLedger) {
    const ledger = await fetchTiles(get, '/logs/ledger', 'ledger', keep);
    if (typeof ledger === 'string') return 'failed';
  }
  return { files };
}

async function fetchTiles(
  get: Get,
  log: string,
  folder: string,
  keep: (path: string, content: BlobPart) => void,
): Promise<{ readonly size: number } | 'missing' | 'failed'> {
  const checkpoint = await get(`${log}/checkpoint`);
  if (checkpoint.status === 404) return 'missing';
  const vkey = await get(`${log}/vkey`);
  if (!checkpoint.ok || !vkey.ok) return 'failed';
  const note = await checkpoint.text();
  keep(`${folder}/checkpoint`, note);
  keep(`${folder}/vkey`, await vkey.text());
  const size = sizeIn(note);
  for (const tile of [...bundlesOf(size), ...tilesOf(size)]) {
    const path = formatTilePath(tile);
    const answer = await get(`${log}/${path}`);
    if (!answer.ok) return 'failed';
    keep(`${folder}/${path}`, await answer.blob());
  }
  return { size };
}

/** Entries that a checkpoint speaks of; none of what is no checkpoint, which is then judged, and refused, as it came. */
function sizeIn(note: string): number {
  try {
    return parseCheckpoint(parseNote(note).text).size;
  } catch (fault) {
    if (fault instanceof LogFormatError) return 0;
    throw fault;
  }
}
