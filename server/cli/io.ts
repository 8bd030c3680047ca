/** What a subcommand has of the outside: lines out, lines of complaint, the world, the network, and secrets asked for without echo. */
import { systemWorld, type World } from '../world.ts';
import { plainLine, plainText } from './plain-text.ts';

export type Io = {
  out(line: string): void;
  err(line: string): void;
  /** Replaces the line that it wrote last, '' wipes it; missing where no terminal shows it. */
  readonly rewrite?: (line: string) => void;
  readonly world: World;
  readonly fetch: typeof fetch;
  /** Asks for a secret; it is neither shown nor kept. Throws: UsageError when nobody is there to answer. */
  askSecret(question: string): Promise<string>;
  /** The line that somebody types before `signal` takes the question back, else null; missing where nobody is there to be asked. */
  asks?(question: string, signal: AbortSignal): Promise<string | null>;
};

/** The process's own. */
export const processIo: Io = {
  out: (line) => void process.stdout.write(`${plainText(line)}\n`),
  err: (line) => void process.stderr.write(`${plainText(line)}\n`),
  ...(process.stderr.isTTY && { rewrite: (line: string) => void process.stderr.write(`\r\u001b[K${plainLine(line)}`) }),
  world: systemWorld,
  fetch: (...request) => fetch(...request),
  askSecret: async (question) => (await import('./secret-prompt.ts')).askSecret(question),
  ...(process.stdin.isTTY && {
    asks: async (question: string, signal: AbortSignal) =>
      (await import('./secret-prompt.ts')).askLine(question, signal),
  }),
};
