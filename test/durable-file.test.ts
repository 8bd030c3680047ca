/** Private files: written once, whole, for nobody else, by however many at the same moment. */
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { syncFolder, writeOnce } from '../server/durable-file.ts';
import { systemWorld } from '../server/world.ts';
import { newFolder } from './support/folder.ts';
import t from './support/tap.ts';

const { randomBytes } = systemWorld;

t.test('of fifty at once one writes it, and all find the same', async (t) => {
  const folder = await newFolder(t, 'once');
  await mkdir(folder, { recursive: true });
  const file = join(folder, 'a.key');
  const contents = Array.from({ length: 50 }, (_, n) => `key ${n}`);
  await Promise.all(contents.map((content) => writeOnce(file, content, randomBytes)));
  const kept = await readFile(file, 'utf8');
  t.ok(contents.includes(kept));
  t.equal((await stat(file)).mode & 0o777, 0o600);
  t.same(await readdir(folder), ['a.key'], 'no part is left');
  await writeOnce(file, 'another', randomBytes);
  t.equal(await readFile(file, 'utf8'), kept, 'what is there stands');
});

t.test('a part that another process writes under the same name is neither used nor touched', async (t) => {
  const folder = await newFolder(t, 'part');
  await mkdir(folder, { recursive: true });
  const file = join(folder, 'a.key');
  const zeros = (length: number) => new Uint8Array(length);
  await writeFile(`${file}.part-${'A'.repeat(16)}`, 'theirs');
  await t.rejects(writeOnce(file, 'ours', zeros), { code: 'EEXIST' });
  t.equal(await readFile(`${file}.part-${'A'.repeat(16)}`, 'utf8'), 'theirs');
  await t.rejects(stat(file), { code: 'ENOENT' });
});

t.test('a folder that is not there is the disk’s error', async (t) => {
  const folder = join(await newFolder(t, 'none'), 'missing');
  await t.rejects(syncFolder(folder), { code: 'ENOENT' });
  await t.rejects(writeOnce(join(folder, 'a.key'), 'x', randomBytes), { code: 'ENOENT' });
});
