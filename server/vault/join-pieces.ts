/** Pieces of a chunk brought together in memory that is used again for the next chunk. */

/**
 * Starts joining the pieces that a reader gives of one chunk after another.
 *
 * Returns: the pieces as one, which holds until the next call; the piece itself when there is one.
 * Why:     `openssl cms -stream` writes segments of 4,096 bytes, and each call into cipher and hash costs more than to copy so many.
 */
export function startJoining(): (pieces: readonly Uint8Array[]) => Uint8Array {
  let memory = new Uint8Array(0);
  return (pieces) => {
    const [only, another] = pieces;
    if (only !== undefined && another === undefined) return only;
    const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
    if (memory.length < length) memory = new Uint8Array(length);
    let at = 0;
    for (const piece of pieces) {
      memory.set(piece, at);
      at += piece.length;
    }
    return memory.subarray(0, length);
  };
}
