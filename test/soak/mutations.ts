/** Bytes spoilt by chance: single bits up to whole elements lost, doubled, moved, relabelled, or taken from elsewhere. */
import { joinBytes } from '../../server/core/log/bytes.ts';
import type { Chance } from './chance.ts';

/** What is told of a mutation, to be read beside the seed. */
export type Mutated = { readonly bytes: Uint8Array; readonly how: string };

type Range = { readonly at: number; readonly length: number };

const CHANGES_MOST = 3;
/** Octets that mean something to a reader of BER or ZIP: zero, end, indefinite, long and longest lengths, tags, signatures. */
const TELLING = [
  0x00, 0x01, 0x04, 0x24, 0x30, 0x31, 0x50, 0x7f, 0x80, 0x81, 0x82, 0x84, 0x86, 0xa0, 0xa1, 0xff,
] as const;

/**
 * The elements of BER that can be found from the front, however deep, each with its head.
 *
 * Why: changes at heads and of whole elements are what a reader is fooled by; a random byte mostly hits ciphertext.
 */
export function elementsOf(bytes: Uint8Array): Range[] {
  const found: Range[] = [];
  /** Returns: where the element ends. */
  function walk(at: number, limit: number): number {
    const [tag = 0, first = 0] = bytes.subarray(at, at + 2);
    const octets = first > 0x80 ? first - 0x80 : 0;
    const inside = at + 2 + octets;
    const length = octets === 0 ? first : bytes.subarray(at + 2, inside).reduce((sum, octet) => sum * 256 + octet, 0);
    let end = first === 0x80 ? limit : Math.min(limit, inside + length);
    if ((tag & 0x20) !== 0) {
      let next = inside;
      while (next + 2 <= end && !(first === 0x80 && bytes[next] === 0 && bytes[next + 1] === 0)) next = walk(next, end);
      if (first === 0x80) end = Math.min(limit, next + 2);
    }
    found.push({ at, length: end - at });
    return end;
  }
  walk(0, bytes.length);
  return found;
}

/** Spoils `bytes`; `places` are what chance likes to hit, `others` what it may take parts from. Returns: other bytes than those given. */
export function mutate(
  chance: Chance,
  bytes: Uint8Array,
  places: readonly Range[],
  others: readonly Uint8Array[],
): Mutated {
  let spoilt = bytes;
  const said: string[] = [];
  for (let left = chance.between(1, CHANGES_MOST); left > 0; left--) {
    const range = rangeIn(chance, spoilt, places);
    const change = chance.pick(Object.keys(CHANGES) as (keyof typeof CHANGES)[]);
    spoilt = CHANGES[change](chance, spoilt, range, others);
    said.push(`${change} ${range.at}+${range.length}`);
  }
  const isSame = spoilt.length === bytes.length && spoilt.every((octet, at) => octet === bytes[at]);
  if (isSame) return { bytes: CHANGES.append(chance, bytes), how: `${said.join(', ')}, append` };
  return { bytes: spoilt, how: said.join(', ') };
}

/** An element, or a stretch near the front, near the end, or anywhere. */
function rangeIn(chance: Chance, bytes: Uint8Array, places: readonly Range[]): Range {
  const draw = chance.below(4);
  if (draw === 0 && places.length > 0) {
    const { at, length } = chance.pick(places);
    // a head alone as often as the whole
    return clip(bytes, { at, length: chance.happens(0.5) ? length : 2 });
  }
  const length = chance.happens(0.7) ? chance.between(1, 8) : chance.between(1, 2_000);
  if (draw === 1) return clip(bytes, { at: chance.below(700), length });
  if (draw === 2) return clip(bytes, { at: Math.max(0, bytes.length - 1 - chance.below(80)), length });
  return clip(bytes, { at: chance.below(Math.max(1, bytes.length)), length });
}

function clip(bytes: Uint8Array, { at, length }: Range): Range {
  const start = Math.min(at, Math.max(0, bytes.length - 1));
  return { at: start, length: Math.min(length, bytes.length - start) };
}

type Change = (chance: Chance, bytes: Uint8Array, range: Range, others: readonly Uint8Array[]) => Uint8Array;

const before = (bytes: Uint8Array, { at }: Range): Uint8Array => bytes.subarray(0, at);
const within = (bytes: Uint8Array, { at, length }: Range): Uint8Array => bytes.subarray(at, at + length);
const behind = (bytes: Uint8Array, { at, length }: Range): Uint8Array => bytes.subarray(at + length);

/** `bytes` with one octet of the range replaced. */
function withOctet(bytes: Uint8Array, at: number, change: (octet: number) => number): Uint8Array {
  const copy = bytes.slice();
  if (at < copy.length) copy[at] = change(copy[at] ?? 0);
  return copy;
}

const CHANGES = {
  flip: (chance, bytes, range) => {
    const bit = 1 << chance.below(8);
    return withOctet(bytes, range.at + chance.below(Math.max(1, range.length)), (octet) => octet ^ bit);
  },
  set: (chance, bytes, range) => {
    const value = chance.pick(TELLING);
    return withOctet(bytes, range.at + chance.below(Math.max(1, Math.min(4, range.length))), () => value);
  },
  /** A length, or a tag, one off. */
  nudge: (chance, bytes, range) => {
    const by = chance.happens(0.5) ? 1 : -1;
    return withOctet(bytes, range.at + chance.below(3), (octet) => (octet + by) & 0xff);
  },
  lengthen: (chance, bytes, range) => {
    const octets = chance.between(1, 8);
    const length = joinBytes(Uint8Array.of(0x80 + octets), chance.bytes(octets));
    const head = { at: range.at + 1, length: 1 };
    return joinBytes(before(bytes, head), length, behind(bytes, head));
  },
  remove: (_chance, bytes, range) => joinBytes(before(bytes, range), behind(bytes, range)),
  double: (_chance, bytes, range) => joinBytes(before(bytes, range), within(bytes, range), bytes.subarray(range.at)),
  insert: (chance, bytes, range) =>
    joinBytes(before(bytes, range), chance.bytes(chance.between(1, 40)), bytes.subarray(range.at)),
  move: (chance, bytes, range) => {
    const rest = joinBytes(before(bytes, range), behind(bytes, range));
    const to = chance.below(rest.length + 1);
    return joinBytes(rest.subarray(0, to), within(bytes, range), rest.subarray(to));
  },
  truncate: (_chance, bytes, range) => before(bytes, range),
  append: (chance: Chance, bytes: Uint8Array) =>
    joinBytes(bytes, chance.happens(0.3) ? bytes : chance.bytes(chance.between(1, 20))),
  /** The same place of another one. */
  splice: (chance, bytes, range, others) =>
    others.length === 0
      ? bytes
      : joinBytes(before(bytes, range), within(chance.pick(others), range), behind(bytes, range)),
  /** Its front and another one's end. */
  graft: (chance, bytes, range, others) =>
    others.length === 0 ? bytes : joinBytes(before(bytes, range), chance.pick(others).subarray(range.at)),
} as const satisfies Record<string, Change>;
