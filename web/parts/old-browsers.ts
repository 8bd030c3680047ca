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
