/** Builds that end at the same time: one of them is in the place, whole, and nothing lies beside it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { packageRoot } from '../../server/root.ts';
import { newFolder } from '../support/folder.ts';
import t from '../support/tap.ts';

const FILES = 20;
const SCRIPT = `
  import { putInPlace } from ${JSON.stringify(new URL('web/put-in-place.mjs', `file://${packageRoot}/`).href)};
  const [made, out] = process.argv.slice(1);
  await putInPlace(made, out);
`;

t.test('of several folders put in one place at once, one is there and whole', async (t) => {
  const folder = await newFolder(t, 'in-place');
  await mkdir(folder, { recursive: true });
  const out = join(folder, 'web');
  for (const isThere of [false, true]) {
    const names = ['a', 'b', 'c', 'd'].map((name) => `${name}-${isThere}`);
    for (const name of names) {
      await mkdir(join(folder, name));
      for (let n = 0; n < FILES; n++) await writeFile(join(folder, name, `${n}`), name);
    }
    const ends = names.map(async (name) => {
      const child = spawn(process.execPath, ['--input-type=module', '-e', SCRIPT, join(folder, name), out], {
        stdio: 'inherit',
      });
      const [code] = (await once(child, 'exit')) as [number];
      return code;
    });
    t.strictSame(await Promise.all(ends), [0, 0, 0, 0]);
    t.strictSame(await readdir(folder), ['web'], 'nothing beside it');
    const files = await readdir(out);
    t.equal(files.length, FILES);
    const texts = await Promise.all(files.map((file) => readFile(join(out, file), 'utf8')));
    t.equal(new Set(texts).size, 1, 'all of one');
    t.ok(names.includes(texts[0] ?? ''));
  }
});
