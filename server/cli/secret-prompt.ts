/** Asks on the terminal: for a secret, without showing it (from a pipe it takes the first line), and for a line. */
import { createInterface } from 'node:readline';
import { UsageError } from './exit.ts';

const ENTER: readonly string[] = ['\r', '\n', '\u0004'];
const BACKSPACE: readonly string[] = ['\u007f', '\b'];
const INTERRUPT = '\u0003';

/** Throws: UsageError when the input ends before an answer. */
export async function askSecret(question: string): Promise<string> {
  const input = process.stdin;
  return input.isTTY ? askTerminal(input, question) : readLine(input);
}

async function askTerminal(input: NodeJS.ReadStream, question: string): Promise<string> {
  process.stderr.write(question);
  input.setRawMode(true);
  input.setEncoding('utf8');
  let typed: string[] = [];
  try {
    // ended by hand: whoever is asked once may be asked again
    for await (const chunk of input.iterator({ destroyOnReturn: false })) {
      for (const key of String(chunk)) {
        if (key === INTERRUPT) throw new UsageError('interrupted');
        if (ENTER.includes(key)) return typed.join('');
        typed = BACKSPACE.includes(key) ? typed.slice(0, -1) : [...typed, key];
      }
    }
  } finally {
    input.setRawMode(false);
    input.pause();
    process.stderr.write('\n');
  }
  throw new UsageError('no answer');
}

async function readLine(input: NodeJS.ReadStream): Promise<string> {
  input.setEncoding('utf8');
  let text = '';
  for await (const chunk of input) {
    text += String(chunk);
    if (text.includes('\n')) break;
  }
  const [line = ''] = text.split(/\r?\n/);
  if (line === '')
    throw new UsageError('a passphrase is needed: --passphrase-file, a terminal, or the first line of standard input');
  return line;
}

/** The line that is typed; null when `signal` takes the question back, or the input ends. */
export function askLine(question: string, signal: AbortSignal): Promise<string | null> {
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  return new Promise((answer) => {
    const end = (typed: string | null): void => {
      answer(typed);
      lines.close();
    };
    lines.once('close', () => answer(null));
    if (signal.aborted) return end(null);
    signal.addEventListener('abort', () => end(null), { once: true });
    lines.question(question, end);
  });
}
