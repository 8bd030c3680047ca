/** Sums over a row of numbers that grows and of which any may change, each in as many steps as the row's length has binary digits (a Fenwick tree). */
const FIRST_CAPACITY = 64;

export type GrowingSums = {
  push(value: number): void;
  /** Changes the number at that place, from 0. Asserts: it is there. */
  add(place: number, by: number): void;
  /** The sum of the first so many. */
  first(count: number): number;
};

export function growingSums(): GrowingSums {
  let tree = new Float64Array(FIRST_CAPACITY);
  let length = 0;
  return {
    push(value) {
      length += 1;
      if (length === tree.length) {
        const larger = new Float64Array(tree.length * 2);
        larger.set(tree);
        tree = larger;
      }
      let sum = value;
      const from = length - (length & -length);
      for (let n = length - 1; n > from; n -= n & -n) sum += tree[n] as number;
      tree[length] = sum;
    },
    add(place, by) {
      if (place >= length) throw new RangeError(`nothing at ${place}`);
      for (let n = place + 1; n <= length; n += n & -n) tree[n] = (tree[n] as number) + by;
    },
    first(count) {
      let sum = 0;
      for (let n = Math.min(count, length); n > 0; n -= n & -n) sum += tree[n] as number;
      return sum;
    },
  };
}
