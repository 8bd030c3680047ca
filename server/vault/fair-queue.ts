/** A queue in which everybody's things take turns: whoever brings a thousand delays others by one at a time. */

export type FairQueue<Thing> = {
  readonly length: number;
  /** Behind what `share` has here already. */
  push(share: string, thing: Thing): void;
  /** Before everything else, once. */
  pushFirst(thing: Thing): void;
  /** Takes the thing whose turn it is out. */
  shift(): Thing | undefined;
  /** Everything in the order in which it would be taken if nothing came any more. */
  inOrder(): Thing[];
  /** Takes everything out, in that order. */
  clear(): Thing[];
};

/**
 * An empty queue.
 *
 * Shape: shares take turns, one thing each; within a share first come, first served. A share that comes anew waits until all that
 *        were there have had their turn.
 */
export function createFairQueue<Thing>(): FairQueue<Thing> {
  const first: Thing[] = [];
  /** In the order of their turns: a share that had its turn goes to the end. A Map keeps the order of insertion. */
  const shares = new Map<string, Thing[]>();
  let length = 0;

  function inOrder(): Thing[] {
    const rounds = Math.max(0, ...[...shares.values()].map((things) => things.length));
    const order = [...first];
    for (let round = 0; round < rounds; round++)
      for (const things of shares.values()) order.push(...things.slice(round, round + 1));
    return order;
  }

  function takeTurn(): Thing | undefined {
    const [next] = shares;
    if (next === undefined) return undefined;
    const [share, things] = next;
    const thing = things.shift();
    shares.delete(share);
    if (things.length > 0) shares.set(share, things);
    return thing;
  }

  return {
    get length() {
      return length;
    },
    push(share, thing) {
      const things = shares.get(share);
      if (things === undefined) shares.set(share, [thing]);
      else things.push(thing);
      length += 1;
    },
    pushFirst(thing) {
      first.unshift(thing);
      length += 1;
    },
    shift() {
      if (length === 0) return undefined;
      length -= 1;
      return first.length > 0 ? first.shift() : takeTurn();
    },
    inOrder,
    clear() {
      const all = inOrder();
      first.length = 0;
      shares.clear();
      length = 0;
      return all;
    },
  };
}
