/** A bid's documents as one stored ZIP archive that is itself a Blob: headers in memory, documents where they lie. */
import { checkDocumentNames } from '../../server/client/document-name.ts';
import { SealError } from '../../server/client/seal-error.ts';
import { type PlannedEntry, planArchive } from '../../server/core/seal/archive-writing.ts';
import { crc32Of } from './crc32-stream.ts';
import { piecesOf } from './pieces.ts';

/** A file to seal, with its name in the archive. */
export type SourceDocument = { readonly name: string; readonly content: Blob };

export type ArchiveBlob = {
  readonly archiveBytes: number;
  /** The archive, first byte to last. Throws: SealError document_changed. */
  read(): AsyncGenerator<Uint8Array>;
};

/**
 * Prepares an archive of `documents` in their order.
 *
 * Throws: SealError name_not_allowed, names_alike, too_many_documents, document_changed.
 * Why:    as at the command line every document is read twice, first for its CRC; and stored, for deflating what mostly is compressed
 *         already would be the slowest of the works here.
 */
export async function prepareArchiveBlob(
  documents: readonly SourceDocument[],
  progress: (doneBytes: number) => void = () => undefined,
): Promise<ArchiveBlob> {
  checkDocumentNames(documents.map(({ name }) => name));
  let done = 0;
  const entries: PlannedEntry[] = [];
  for (const { name, content } of documents) {
    let crc32 = 0;
    for await (const piece of readable(content)) {
      crc32 = crc32Of(piece, crc32);
      done += piece.length;
      progress(done);
    }
    entries.push({ name, method: 'stored', bytes: content.size, storedBytes: content.size, crc32 } as const);
  }
  const { localHeaders, ending, archiveBytes } = planArchive(entries);
  const parts = documents.flatMap(({ content }, n) => [localHeaders[n] as Uint8Array<ArrayBuffer>, content]);
  const archive = new Blob([...parts, ending as Uint8Array<ArrayBuffer>]);
  if (archive.size !== archiveBytes) throw new SealError('document_changed');
  return { archiveBytes, read: () => unchanged(readable(archive), placesOf(entries, localHeaders)) };
}

/** Where a document's bytes stand in the archive, and the CRC that its header names. */
type Place = { readonly from: number; readonly to: number; readonly crc32: number };

function placesOf(
  entries: readonly { readonly storedBytes: number; readonly crc32: number }[],
  localHeaders: readonly Uint8Array[],
): Place[] {
  let at = 0;
  return entries.map(({ storedBytes, crc32 }, n) => {
    const from = at + (localHeaders[n]?.length ?? 0);
    at = from + storedBytes;
    return { from, to: at, crc32 };
  });
}

/**
 * The pieces as they come, each document's bytes held against its CRC once more.
 *
 * Throws: SealError document_changed.
 * Why:    not every browser notices that a file was written to since it was chosen, and a document that its own header denies would be
 *         found behind the opening.
 */
async function* unchanged(pieces: AsyncIterable<Uint8Array>, places: readonly Place[]): AsyncGenerator<Uint8Array> {
  let at = 0;
  let n = 0;
  let crc = 0;
  for await (const piece of pieces) {
    const end = at + piece.length;
    for (let place = places[n]; place !== undefined && place.from < end; place = places[n]) {
      crc = crc32Of(piece.subarray(Math.max(place.from - at, 0), Math.min(place.to, end) - at), crc);
      if (place.to > end) break;
      if (crc !== place.crc32) throw new SealError('document_changed');
      n += 1;
      crc = 0;
    }
    at = end;
    yield piece;
  }
}

/** A file that was changed or went away since it was chosen gives a DOMException instead of its bytes. */
async function* readable(content: Blob): AsyncGenerator<Uint8Array> {
  try {
    yield* piecesOf(content);
  } catch (fault) {
    if (fault instanceof DOMException) throw new SealError('document_changed');
    throw fault;
  }
}
