/** Reads what somebody sends over the network, up to a limit. */

/** All of it; null when it is longer than the limit, and then the rest is not read. Throws: what the line throws. */
export async function readLimited(stream: AsyncIterable<Uint8Array>, limitBytes: number): Promise<Uint8Array | null> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of stream) {
    length += part.length;
    if (length > limitBytes) return null;
    parts.push(part);
  }
  return new Uint8Array(Buffer.concat(parts));
}
