/** The line that says how far a long work is. */
import { countBytes, PROGRESS_EVERY_MS, showProgress } from '../../server/cli/progress.ts';
import t from '../support/tap.ts';
import { steppedWorld } from '../support/world.ts';

t.test('now and then, at the end of each step, and wiped at last', async (t) => {
  const world = steppedWorld();
  const lines: string[] = [];
  const shown = showProgress({ world, rewrite: (line) => void lines.push(line) });
  shown.at('seal', 0, 3_000_000_000);
  world.advance(PROGRESS_EVERY_MS - 1);
  shown.at('seal', 1_000_000, 3_000_000_000);
  world.advance(1);
  shown.at('seal', 2_100_000, 3_000_000_000);
  shown.at('seal', 3_000_000_000, 3_000_000_000);
  shown.at('test', 0, 0);
  shown.end();
  t.same(lines, [
    'seal 0 % · 0 / 3,000 MB',
    'seal 0 % · 2 / 3,000 MB · 10 MB/s',
    'seal 100 % · 3,000 / 3,000 MB · 15,000 MB/s',
    'test 100 % · 0 / 0 MB',
    '',
  ]);
});

t.test('where no terminal is, nothing', async (t) => {
  const shown = showProgress({ world: steppedWorld() });
  shown.at('seal', 1, 2);
  shown.end();
  const passed: number[] = [];
  const chunks: Uint8Array[] = [];
  async function* source() {
    yield new Uint8Array(3);
    yield new Uint8Array(4);
  }
  for await (const chunk of countBytes(source(), (done) => void passed.push(done))) chunks.push(chunk);
  t.same(
    [passed, chunks.map((chunk) => chunk.length)],
    [
      [3, 7],
      [3, 4],
    ],
  );
});
