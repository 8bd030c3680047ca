/** Two readers of ZIP as the world has them, each trusting what the other does not look at: to find archives that show two faces. */
import { inflateRawSync } from 'node:zlib';

const LOCAL = 0x04034b50;
const CENTRAL = 0x02014b50;
const END = 0x06054b50;
const NAME = 'opening-list.json';

/** The list as a reader finds it that goes from the front and believes the local headers. */
export function listFromFront(archive: Uint8Array): Uint8Array | undefined {
  const view = viewOf(archive);
  for (let at = 0; at + 30 <= archive.length && view.getUint32(at, true) === LOCAL; ) {
    const { name, data, end } = readLocal(archive, at, view.getUint32(at + 18, true));
    if (name === NAME) return unpack(view.getUint16(at + 8, true), data);
    at = end;
  }
  return undefined;
}

/** The list as a reader finds it that searches the end record from behind and believes the directory. */
export function listFromBehind(archive: Uint8Array): Uint8Array | undefined {
  const view = viewOf(archive);
  let end = archive.length - 22;
  while (end >= 0 && view.getUint32(end, true) !== END) end -= 1;
  if (end < 0) return undefined;
  let at = view.getUint32(end + 16, true);
  let found: Uint8Array | undefined;
  while (at + 46 <= archive.length && view.getUint32(at, true) === CENTRAL) {
    const nameBytes = view.getUint16(at + 28, true);
    const name = new TextDecoder().decode(archive.subarray(at + 46, at + 46 + nameBytes));
    const headerAt = view.getUint32(at + 42, true);
    // the last one of a name wins, as in most libraries
    if (name === NAME && headerAt + 30 <= archive.length)
      found = unpack(view.getUint16(at + 10, true), readLocal(archive, headerAt, view.getUint32(at + 20, true)).data);
    at += 46 + nameBytes + view.getUint16(at + 30, true) + view.getUint16(at + 32, true);
  }
  return found;
}

function readLocal(archive: Uint8Array, at: number, storedBytes: number) {
  const view = viewOf(archive);
  const nameEnd = at + 30 + view.getUint16(at + 26, true);
  const start = nameEnd + view.getUint16(at + 28, true);
  const name = new TextDecoder().decode(archive.subarray(at + 30, nameEnd));
  return { name, data: archive.subarray(start, start + storedBytes), end: start + storedBytes };
}

function unpack(method: number, data: Uint8Array): Uint8Array {
  return method === 0 ? data.slice() : Uint8Array.from(inflateRawSync(data));
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
