/** A Blob in pieces, the next of them being read while the one before is worked on. */

/** Asked of the browser at once: another process gives the bytes, and every asking costs; two of them are in memory. */
export const READ_BYTES = 16_777_216;
/**
 * Worked on at once.
 *
 * Why: what WebCrypto answers lies in new memory. So much of it a browser has at hand; megabytes it takes from the system page by page,
 *      which lasts several times as long as enciphering them.
 */
export const PIECE_BYTES = 262_144;

type Read = { readonly bytes: ArrayBuffer } | { readonly fault: unknown };

/**
 * The Blob's bytes in order.
 *
 * Shape:  `pieceBytes` each, but for the last of every `readBytes`.
 * Throws: DOMException of a file that cannot be read any more.
 */
export async function* piecesOf(
  content: Blob,
  readBytes = READ_BYTES,
  pieceBytes = PIECE_BYTES,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  // what a piece read ahead throws waits until that piece is asked for
  const read = (from: number): Promise<Read> =>
    content
      .slice(from, from + readBytes)
      .arrayBuffer()
      .then(
        (bytes) => ({ bytes }),
        (fault: unknown) => ({ fault }),
      );
  let ahead = content.size > 0 ? read(0) : null;
  for (let at = readBytes; ahead !== null; at += readBytes) {
    const found: Read = await ahead;
    if ('fault' in found) throw found.fault;
    ahead = at < content.size ? read(at) : null;
    const bytes = new Uint8Array(found.bytes);
    for (let from = 0; from < bytes.length; from += pieceBytes) yield bytes.subarray(from, from + pieceBytes);
  }
}
