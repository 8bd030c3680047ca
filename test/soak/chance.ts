/** Chance from a seed: under one name always the same draws, whatever else is drawn between them. */
import { utf8 } from '../../server/core/log/utf8.ts';
import { sha256 } from '../../server/hash.ts';

export type Chance = {
  /** A whole number from 0 to below `limit`. */
  below(limit: number): number;
  /** A whole number from `least` to `most`, both included. */
  between(least: number, most: number): number;
  /** True in this share of draws. */
  happens(share: number): boolean;
  pick<Item>(list: readonly Item[]): Item;
  bytes(length: number): Uint8Array;
  /** Chance of its own, for something that has a name. */
  of(name: string): Chance;
};

const WORD = 2 ** 32;

/** The chance that a name stands for. The generator is sfc32, its state the first words of SHA-256 of the name. */
export function chanceOf(name: string): Chance {
  const start = new DataView(sha256(utf8(name)).buffer);
  let [a, b, c, counter] = [start.getUint32(0), start.getUint32(4), start.getUint32(8), start.getUint32(12)];

  function word(): number {
    const drawn = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (c << 21) | (c >>> 11);
    c = (c + drawn) | 0;
    return drawn >>> 0;
  }

  const below = (limit: number): number => Math.floor((word() / WORD) * limit);
  return {
    below,
    between: (least, most) => least + below(most - least + 1),
    happens: (share) => word() / WORD < share,
    pick(list) {
      const picked = list[below(list.length)];
      if (picked === undefined) throw new Error('nothing to pick from');
      return picked;
    },
    bytes: (length) => Uint8Array.from({ length }, () => word() & 0xff),
    of: (part) => chanceOf(`${name}/${part}`),
  };
}
