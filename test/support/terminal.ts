/** The command line as somebody types it, with what it said and how it ended. */
import { main } from '../../server/cli/main.ts';
import type { World } from '../../server/world.ts';

export type Ended = { readonly code: number; readonly out: string; readonly err: string };

/** A terminal in this world; asked for a password, whoever sits there types `secret`. Returns: what runs one command. */
export function terminal(world: World, secret = ''): (...argv: string[]) => Promise<Ended> {
  return async (...argv) => {
    const out: string[] = [];
    const err: string[] = [];
    const code = await main(argv, {
      out: (line) => void out.push(line),
      err: (line) => void err.push(line),
      world,
      fetch,
      askSecret: async () => secret,
    });
    return { code, out: out.join('\n'), err: err.join('\n') };
  };
}
