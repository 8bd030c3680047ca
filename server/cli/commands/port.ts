/** A port as somebody types it. */
import { UsageError } from '../exit.ts';

/** Throws: UsageError. */
export function portOf(text: string): number {
  const port = /^(0|[1-9][0-9]{0,4})$/.test(text) ? Number(text) : Number.NaN;
  if (!(port <= 65_535)) throw new UsageError(`--port ${text} is no port.`);
  return port;
}
