/** Asks on the terminal: for a secret, without showing it (from a pipe it takes the first line), and whether somebody agrees. */
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

/** Whether somebody types y. Returns: false for anything else, and when `signal` takes the question back. */
export function askYes(question: string, signal: AbortSignal): Promise<boolean> {
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  return new Promise((answer) => {
    const end = (isYes: boolean): void => {
      answer(isYes);
      lines.close();
    };
    lines.once('close', () => answer(false));
    signal.addEventListener('abort', () => end(false), { once: true });
    lines.question(question, (text) => end(/^y$/i.test(text.trim())));
  });
}
