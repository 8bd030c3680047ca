/** The thread that reads envelopes through: what it finds, that its death is not the end of it, and the pace of a long read. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Promised } from '../../server/vault/judgement.ts';
import { startPace } from '../../server/vault/pace.ts';
import { VaultClosed } from '../../server/vault/pool.ts';
import { startScanner } from '../../server/vault/scanner.ts';
import { ARCHIVES, sampleOf } from '../soak/envelope-samples.ts';
import { newFolder } from '../support/folder.ts';
import t from '../support/tap.ts';
import { steppedWorld } from '../support/world.ts';

const { bytes, promised } = sampleOf('valid/der-ecdh-p256.cms', 'sm-stream', ARCHIVES['ours'] as Uint8Array);
const FAST = 2 ** 40;
const CRASHING = new URL('./crashing-worker.ts', import.meta.url);

t.test('whole, changed and missing envelopes, several asked for at once', async (t) => {
  const folder = await newFolder(t);
  await mkdir(folder);
  const crashes: Error[] = [];
  const scanner = startScanner({ bytesPerSecond: FAST, onCrash: (error) => crashes.push(error) });
  t.teardown(() => scanner.close());
  const whole = join(folder, 'whole');
  const changed = join(folder, 'changed');
  await writeFile(whole, bytes);
  await writeFile(
    changed,
    Uint8Array.from(bytes, (byte, i) => (i === bytes.length - 40 ? byte ^ 1 : byte)),
  );
  const results = await Promise.all([whole, changed, join(folder, 'missing')].map((p) => scanner.check(p, promised)));
  t.match(results, [
    { ok: true },
    { ok: false, failure: 'stored_bytes_differ', fault: 'platform' },
    { ok: false, failure: 'storage_unreadable', fault: 'platform', detail: 'ENOENT' },
  ]);
  t.same(await scanner.check(whole, promised), { ok: true }, 'again, when its thread has gone');
  t.same(crashes, []);
});

t.test(
  'a thread that dies begins again; where it dies twice, the platform answers for it, and the next is read',
  async (t) => {
    const folder = await newFolder(t);
    await mkdir(folder);
    const crashes: Error[] = [];
    const scanner = startScanner({ bytesPerSecond: FAST, onCrash: (error) => crashes.push(error), script: CRASHING });
    t.teardown(() => scanner.close());
    const [once, twice, next] = await Promise.all(
      ['once', 'throw', 'next'].map((name) => scanner.check(join(folder, name), {} as Promised)),
    );
    t.match(once, { ok: true });
    t.match(twice, { ok: false, failure: 'storage_unreadable', fault: 'platform', detail: 'worker_failed' });
    t.match(next, { ok: true });
    t.equal(crashes.length, 2, 'an exit is no error, a throw is');
  },
);

t.test('a scanner that is closed has found nothing out', async (t) => {
  const scanner = startScanner({ bytesPerSecond: FAST, onCrash: () => undefined, script: CRASHING });
  const running = ['hang', 'behind'].map((name) => scanner.check(name, {} as Promised));
  const ended = Promise.allSettled(running);
  await scanner.close();
  for (const result of await ended) t.match(result, { status: 'rejected', reason: VaultClosed });
  await t.rejects(scanner.check('later', {} as Promised), VaultClosed);
});

t.test('no more than so many bytes a second go by, and a slow disk is not made up for', async (t) => {
  const world = steppedWorld();
  const pace = startPace(world, 1_000);
  const waits = async (bytes: number): Promise<number> => {
    const since = world.now();
    let isNext = false;
    void pace(bytes).then(() => {
      isNext = true;
    });
    for (let ms = 0; ms < 10_000; ms++) {
      await new Promise((resolve) => setImmediate(resolve));
      if (isNext) return world.now() - since;
      world.advance(1);
    }
    throw new Error('it never goes on');
  };
  t.equal(await waits(1_000), 1_000);
  t.equal(await waits(19), 0, 'too little for a timer of its own');
  t.equal(await waits(1), 20, 'but it counts');
  world.advance(5_000);
  t.equal(await waits(100), 0, 'the disk was slower than the pace');
  t.equal(await waits(500), 500);
});
