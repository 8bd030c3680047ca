/** Many jobs, so many at a time. */

/** Runs `work` on each item, `limit` of them at once. Throws: the first fault. */
export async function pooled<Item>(
  items: readonly Item[],
  limit: number,
  work: (item: Item, place: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  async function run(): Promise<void> {
    for (let place = next++; place < items.length; place = next++) await work(items[place] as Item, place);
  }
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, run));
}
