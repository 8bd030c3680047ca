/** Text of others on a terminal: whatever it is, it commands nothing and is one line where one line is meant. */
import fc from 'fast-check';
import { processIo } from '../../server/cli/io.ts';
import { plainLine, plainText } from '../../server/cli/plain-text.ts';
import t from '../support/tap.ts';

const character = fc.oneof(
  fc.integer({ min: 0, max: 0x20_ff }).map((code) => String.fromCharCode(code)),
  fc.integer({ min: 0xd8_00, max: 0x1_00_00 }).map((code) => String.fromCodePoint(code)),
);
const text = fc.array(character, { maxLength: 40 }).map((characters) => characters.join(''));

t.test('no control, no half of a character, nothing that turns the order; a line is one line', (t) => {
  fc.assert(
    fc.property(text, (given) => {
      const [line, lines] = [plainLine(given), plainText(given)];
      return (
        !/[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Zl}\p{Zp}]/u.test(line) &&
        !/[\p{Cs}\p{Zl}\p{Zp}\p{Bidi_Control}]/u.test(lines) &&
        !/[\p{Cc}]/u.test(lines.replace(/[\n\t]/g, '')) &&
        plainLine(line) === line &&
        plainText(lines) === lines
      );
    }),
  );
  t.equal(plainLine('\u001b[2J\u001b[Hvalid, complete'), '\ufffd[2J\ufffd[Hvalid, complete');
  t.equal(plainLine('a\nvalid: b\u009b1K\u202ec\u200bd'), 'a\ufffdvalid: b\ufffd1K\ufffdc\ufffdd');
  t.equal(plainText('one\n\ttwo\r\u009bK\u061c'), 'one\n\ttwo\ufffd\ufffdK\ufffd');
  const plain = '张掖市某道路工程 · 𠀀 – “quoted” é ✓';
  t.strictSame([plainLine(plain), plainText(plain)], [plain, plain]);
  t.end();
});

t.test('every line of the command line goes through it', (t) => {
  const written: string[] = [];
  const streams = [process.stdout, process.stderr] as const;
  const before = streams.map(({ write }) => write);
  for (const stream of streams)
    stream.write = (chunk: string | Uint8Array): boolean => {
      written.push(String(chunk));
      return true;
    };
  try {
    processIo.out('out\u001b[2J');
    processIo.err('err\u009bK');
  } finally {
    streams.forEach((stream, n) => {
      stream.write = before[n] as typeof stream.write;
    });
  }
  t.strictSame(written, ['out\ufffd[2J\n', 'err\ufffdK\n']);
  t.end();
});
