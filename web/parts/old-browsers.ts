/** The few functions that browsers of the Chrome 80 class lack and the core or a library calls; imported before anything else. */

function add(host: object, name: string, value: unknown): void {
  if (!(name in host)) Object.defineProperty(host, name, { value, writable: true, configurable: true });
}

function at<T>(this: ArrayLike<T>, index: number): T | undefined {
  const whole = Math.trunc(index) || 0;
  return this[whole < 0 ? this.length + whole : whole];
}

add(Array.prototype, 'at', at);
add(String.prototype, 'at', at);
add(Uint8Array.prototype, 'at', at);
// by descriptor: the minifier would turn the usual hasOwnProperty.call into the very function that is missing
add(Object, 'hasOwn', (owner: object, name: PropertyKey) => Object.getOwnPropertyDescriptor(owner, name) !== undefined);

function findLast<T>(this: readonly T[], isWanted: (one: T, at: number) => boolean): T | undefined {
  for (let n = this.length - 1; n >= 0; n--) if (isWanted(this[n] as T, n)) return this[n];
  return undefined;
}

function findLastIndex<T>(this: readonly T[], isWanted: (one: T, at: number) => boolean): number {
  for (let n = this.length - 1; n >= 0; n--) if (isWanted(this[n] as T, n)) return n;
  return -1;
}

add(Array.prototype, 'findLast', findLast);
add(Array.prototype, 'findLastIndex', findLastIndex);
