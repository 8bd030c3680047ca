/** A Blob in pieces of one length, the next being read while the one before is worked on. */

/** Large enough that a call costs nothing beside its work, small enough that a dozen of them are nowhere near the memory there may be. */
export const PIECE_BYTES = 4_194_304;

type Read = { readonly bytes: ArrayBuffer } | { readonly fault: unknown };

/** Throws: DOMException of a file that cannot be read any more. */
export async function* piecesOf(content: Blob, pieceBytes: number): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  // what a piece read ahead throws waits until that piece is asked for
  const read = (from: number): Promise<Read> =>
    content
      .slice(from, from + pieceBytes)
      .arrayBuffer()
      .then(
        (bytes) => ({ bytes }),
        (fault: unknown) => ({ fault }),
      );
  let ahead = content.size > 0 ? read(0) : null;
  for (let at = pieceBytes; ahead !== null; at += pieceBytes) {
    const piece: Read = await ahead;
    if ('fault' in piece) throw piece.fault;
    ahead = at < content.size ? read(at) : null;
    yield new Uint8Array(piece.bytes);
  }
}
