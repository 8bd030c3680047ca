/** The guard: one root for a size, never a smaller one, and what a crash, a tear or a meddler leaves of its journal. */
import { appendFile, readdir, readFile, rename, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { emptyRoot } from '../../server/core/log/merkle.ts';
import { lockFolder } from '../../server/folder-lock.ts';
import { sha256 } from '../../server/hash.ts';
import { type Guard, openGuard } from '../../server/recorder/guard.ts';
import { GuardRefusal } from '../../server/recorder/guard-faults.ts';
import { hasGuard, LOCK_RETRY_MS, lastTerm, TERM_LIMIT, TERM_STEP_LIMIT } from '../../server/recorder/guard-folder.ts';
import { formatLine, type GuardedHead, type Note, readJournal } from '../../server/recorder/guard-journal.ts';
import { until } from '../support/recorder.ts';
import { crashImage, dataFolder } from '../support/signed-log.ts';
import t from '../support/tap.ts';
import { steppedWorld } from '../support/world.ts';

const log = 'kaibiao.test/opening/1';
const rootOf = (n: number): Uint8Array => new Uint8Array(32).fill(n);
const head = (size: number, root = size): GuardedHead => ({ size, root: rootOf(root) });
const nothing: GuardedHead = { size: 0, root: emptyRoot(sha256) };
const journalOf = (folder: string): string => join(folder, 'guard', 'journal');

async function opened(t: { teardown(act: () => Promise<void>): void }, folder?: string): Promise<Guard> {
  const guard = await openGuard(folder ?? (await dataFolder(t)));
  t.teardown(() => guard.close());
  return guard;
}

/** Signs and lets out every size up to `last`, one by one. */
async function grow(guard: Guard, last: number, from = 0): Promise<void> {
  for (let size = from + 1; size <= last; size++) {
    await guard.pend(log, head(size), size === 1 ? nothing : head(size - 1));
    await guard.release(log, head(size));
  }
}

t.test('a head is noted, let out, and the next one grows from it', async (t) => {
  const guard = await opened(t);
  t.equal(guard.released(log), null);
  await guard.pend(log, head(1), nothing);
  t.equal(guard.released(log), null, 'what is only noted is shown to nobody');
  t.strictSame(guard.pending(log), [head(1)]);
  await guard.release(log, head(1));
  t.strictSame(guard.released(log), head(1));
  t.strictSame(guard.pending(log), []);
  await guard.pend(log, head(4), head(1));
  await guard.release(log, head(4));
  t.strictSame(guard.released(log), head(4));
  t.strictSame(guard.origins(), [log]);
});

t.test('refusals, each by its name', async (t) => {
  const cases: { name: string; ask: (guard: Guard) => Promise<void>; code: GuardRefusal['code'] }[] = [
    { name: 'another root for a size let out', ask: (g) => g.pend(log, head(3, 9), head(2)), code: 'second_root' },
    { name: 'a smaller size', ask: (g) => g.pend(log, head(2), head(1)), code: 'smaller_size' },
    { name: 'another root for a size noted', ask: (g) => g.pend(log, head(5, 9), head(3)), code: 'unsettled_pending' },
    { name: 'a size below one noted', ask: (g) => g.pend(log, head(4), head(3)), code: 'smaller_size' },
    {
      name: 'growth from a root never seen',
      ask: (g) => g.pend(log, head(7), head(3, 9)),
      code: 'unknown_predecessor',
    },
    { name: 'growth from a size long past', ask: (g) => g.pend(log, head(7), head(2)), code: 'unknown_predecessor' },
    { name: 'growth from nothing', ask: (g) => g.pend(log, head(7), nothing), code: 'unknown_predecessor' },
    { name: 'growth beside one that is noted', ask: (g) => g.pend(log, head(7), head(3)), code: 'unsettled_pending' },
    {
      name: 'a log that does not begin empty',
      ask: (g) => g.pend('other', head(7), head(6)),
      code: 'unknown_predecessor',
    },
    { name: 'no growth at all', ask: (g) => g.pend('other', nothing, nothing), code: 'unknown_predecessor' },
    { name: 'letting out what was never noted', ask: (g) => g.release(log, head(9)), code: 'not_pending' },
    { name: 'letting out another root than was noted', ask: (g) => g.release(log, head(5, 9)), code: 'second_root' },
    { name: 'letting out a second root', ask: (g) => g.release(log, head(3, 9)), code: 'second_root' },
  ];
  const guard = await opened(t);
  await grow(guard, 3);
  await guard.pend(log, head(5), head(3));
  for (const { name, ask, code } of cases) await t.rejects(ask(guard), { name: 'GuardRefusal', code }, name);
  t.strictSame(guard.released(log), head(3));
  t.strictSame(guard.pending(log), [head(5)]);
});

t.test('what is asked again is granted again', async (t) => {
  const guard = await opened(t);
  await grow(guard, 2);
  await guard.pend(log, head(2), head(1));
  await guard.pend(log, head(3), head(2));
  await guard.pend(log, head(3), head(2));
  await guard.release(log, head(3));
  await guard.release(log, head(3));
  await guard.release(log, head(2));
  t.strictSame(guard.released(log), head(3));
});

t.test('the next head may be noted before the one before it is let out, and overtake it', async (t) => {
  const guard = await opened(t);
  await guard.pend(log, head(1), nothing);
  await guard.pend(log, head(2), head(1));
  await guard.pend(log, head(3), head(2));
  await guard.release(log, head(2));
  t.strictSame(guard.released(log), head(2));
  t.strictSame(guard.pending(log), [head(3)]);
  await guard.release(log, head(1));
  t.strictSame(guard.released(log), head(2), 'a late word about a smaller head changes nothing');
});

t.test('a dropped head leaves its size free for another root', async (t) => {
  const guard = await opened(t);
  await grow(guard, 1);
  await guard.pend(log, head(2), head(1));
  await guard.drop(log, [head(2)]);
  await guard.pend(log, head(2, 9), head(1));
  await guard.drop(log, [head(2), head(1), head(3)]);
  t.strictSame(guard.pending(log), [head(2, 9)], 'a late word about another head drops nothing');
  await guard.release(log, head(2, 9));
  await guard.drop(log, [head(2, 9)]);
  t.strictSame(guard.released(log), head(2, 9), 'what is out is never dropped');
});

t.test('a journal of an earlier version, which dropped all that was noted, is read as before', (t) => {
  const root = Buffer.from(rootOf(1)).toString('base64');
  const text = (notes: readonly Note[]): Uint8Array => Buffer.from(`kaibiao guard journal v1\n${formatLine(notes)}`);
  const noted: Note[] = [1, 2].map((size) => ['pending', log, size, root]);
  const pendingOf = (last: Note): number[] => [
    ...(readJournal(text([...noted, last]))
      .get(log)
      ?.pending.keys() ?? []),
  ];
  t.strictSame(pendingOf(['dropped', log]), []);
  t.strictSame(pendingOf(['dropped', log, 2, root]), [1]);
  t.strictSame(pendingOf(['dropped', log, 2, Buffer.from(rootOf(2)).toString('base64')]), [1, 2]);
  t.end();
});

t.test('after a crash the journal says the same, also of what was only noted', async (t) => {
  const folder = await dataFolder(t);
  const guard = await opened(t, folder);
  await grow(guard, 3);
  await guard.pend(log, head(4), head(3));
  await guard.pend('other', head(1), nothing);
  const again = await opened(t, await crashImage(t, folder));
  t.strictSame(again.released(log), head(3));
  t.strictSame(again.pending(log), [head(4)]);
  t.strictSame(again.pending('other'), [head(1)]);
  await t.rejects(again.pend(log, head(3, 9), head(2)), { code: 'second_root' });
});

t.test('a torn last line is nobody’s loss: whoever waited for it was given nothing', async (t) => {
  const folder = await dataFolder(t);
  const guard = await opened(t, folder);
  await grow(guard, 3);
  const whole = await readFile(journalOf(folder));
  await guard.pend(log, head(4), head(3));
  const longer = await readFile(journalOf(folder));
  for (let bytes = whole.length + 1; bytes < longer.length; bytes += 7) {
    const image = await crashImage(t, folder);
    await truncate(journalOf(image), bytes);
    const again = await openGuard(image);
    t.strictSame(again.released(log), head(3));
    t.strictSame(again.pending(log), []);
    await again.pend(log, head(4, 9), head(3));
    await again.close();
    const once = await openGuard(image);
    t.strictSame(once.pending(log), [head(4, 9)], 'the tear is gone from the journal');
    await once.close();
  }
});

t.test('a last line of zeros, as a lost page leaves it, is a tear as well', async (t) => {
  const folder = await dataFolder(t);
  const guard = await opened(t, folder);
  await grow(guard, 2);
  const image = await crashImage(t, folder);
  await appendFile(journalOf(image), new Uint8Array(180));
  const again = await opened(t, image);
  t.strictSame(again.released(log), head(2));
});

t.test('any byte changed before the last line refuses the journal', async (t) => {
  const folder = await dataFolder(t);
  const guard = await opened(t, folder);
  await grow(guard, 4);
  const whole = await readFile(journalOf(folder));
  const lastLine = whole.lastIndexOf('\n', whole.length - 2) + 1;
  await fc.assert(
    fc.asyncProperty(fc.nat(lastLine - 2), fc.integer({ min: 1, max: 255 }), async (at, change) => {
      const image = await dataFolder(t);
      await (await openGuard(image)).close();
      const bent = Buffer.from(whole);
      bent[at] = (bent[at] as number) ^ change;
      await writeFile(journalOf(image), bent);
      await t.rejects(openGuard(image), { name: 'GuardFault', code: 'guard_corrupted' });
    }),
    { numRuns: 30 },
  );
});

t.test('a removed, repeated or swapped line cannot make the guard forget what is out', async (t) => {
  const folder = await dataFolder(t);
  const guard = await opened(t, folder);
  await grow(guard, 4);
  const lines = (await readFile(journalOf(folder), 'utf8')).trimEnd().split('\n');
  for (let n = 1; n < lines.length - 1; n++) {
    const image = await dataFolder(t);
    await (await openGuard(image)).close();
    await writeFile(journalOf(image), `${[...lines.slice(0, n), ...lines.slice(n + 1)].join('\n')}\n`);
    const again = await openGuard(image);
    t.strictSame(again.released(log), head(4));
    await again.close();
  }
});

t.test('many at once share syncs, and each is durable when it returns', async (t) => {
  const folder = await dataFolder(t);
  const guard = await opened(t, folder);
  const origins = Array.from({ length: 200 }, (_, n) => `kaibiao.test/opening/${n}`);
  await Promise.all(origins.map((origin) => guard.pend(origin, head(1), nothing)));
  const lines = (await readFile(journalOf(folder), 'utf8')).split('\n').length;
  t.ok(lines < 20, `${lines} lines for 200 heads`);
  const again = await opened(t, await crashImage(t, folder));
  t.equal(again.origins().length, 200);
});

t.test('a start writes the journal short', async (t) => {
  const folder = await dataFolder(t);
  const guard = await openGuard(folder);
  await grow(guard, 50);
  await guard.close();
  const before = (await readFile(journalOf(folder))).length;
  const again = await opened(t, folder);
  t.ok((await readFile(journalOf(folder))).length * 20 < before);
  t.strictSame(again.released(log), head(50));
});

t.test('a folder has one guard at a time, and a closed one leaves it to the next', async (t) => {
  const folder = await dataFolder(t);
  t.equal(await hasGuard(folder), false);
  const guard = await openGuard(folder);
  t.equal(await hasGuard(folder), true);
  await t.rejects(openGuard(folder), { code: 'guard_in_use' });
  await guard.close();
  await (await openGuard(folder)).close();
});

t.test(
  'each term has a journal of its own: the next reads the one before, and who comes back late writes into none that counts',
  async (t) => {
    const folder = await dataFolder(t);
    const term = (n: number, database = 'db-1') => openGuard(folder, { term: n, database });
    t.equal(await lastTerm(folder), 0);
    const before = await openGuard(folder);
    await grow(before, 2);
    await before.close();
    const first = await term(3);
    t.equal(await lastTerm(folder), 3);
    t.strictSame(first.released(log), head(2), 'also what a process wrote that knew no terms');
    await first.pend(log, head(3), head(2));
    // It hangs: it holds the lock, and has not let out what may be committed.
    const second = await term(4);
    t.strictSame([second.released(log), second.pending(log)], [head(2), [head(3)]]);
    await second.release(log, head(3));
    await second.pend(log, head(4), head(3));
    await second.release(log, head(4));
    // It goes on.
    await first.pend(log, head(4, 9), head(3));
    await first.drop(log, [head(4, 9)]);
    for (const n of [1, 3, 4]) await t.rejects(term(n), { code: 'guard_in_use' }, `term ${n} was taken before`);
    await t.rejects(term(5, 'db-2'), { code: 'guard_in_use' }, 'another database has no part in it');
    await t.rejects(openGuard(folder), { code: 'guard_in_use' });
    const third = await term(5);
    t.strictSame([third.released(log), third.pending(log)], [head(4), []]);
    t.strictSame(await readdir(join(folder, 'guard')), ['journal.5.db-1'], 'the journals before are gone');
    for (const guard of [first, second, third]) await guard.close();
    const moved = await term(6, 'db-2');
    t.strictSame(moved.released(log), head(4), 'a database that has moved finds what was let out under the old one');
    await moved.close();
  },
);

t.test('who opened past one that hung takes the folder as soon as that one lets it go', async (t) => {
  const folder = await dataFolder(t);
  const place = join(folder, 'guard');
  const world = steppedWorld();
  const hung = await openGuard(folder, { term: 1, database: 'db-1' });
  const next = await openGuard(folder, { term: 2, database: 'db-1' }, world.after);
  world.advance(LOCK_RETRY_MS);
  await hung.close();
  await until(async () => {
    world.advance(LOCK_RETRY_MS);
    const free = await lockFolder(place);
    await free?.();
    return free === null;
  });
  await t.rejects(openGuard(folder, { term: 3, database: 'db-2' }), { code: 'guard_in_use' }, 'another is kept out');
  await next.close();
  const after = await openGuard(folder, { term: 3, database: 'db-2' });
  const late = await openGuard(folder, { term: 4, database: 'db-2' }, world.after);
  await late.close();
  await after.close();
  t.equal(world.alarms(), 0, 'who closes asks no more');
  const [way, other] = [join(folder, '.', 'guard'), join(folder, 'way')];
  await symlink(place, other);
  const held = await lockFolder(way);
  t.equal(await lockFolder(other), null, 'it is one folder, whatever way leads to it');
  await held?.();
});

t.test('a journal that a crash left half written goes with its term', async (t) => {
  const folder = await dataFolder(t);
  const place = join(folder, 'guard');
  await (await openGuard(folder, { term: 1, database: 'db-1' })).close();
  for (const name of ['journal.part', 'journal.1.db-1.part', 'journal.2.db-1.part', 'notes.part'])
    await writeFile(join(place, name), '');
  await (await openGuard(folder, { term: 2, database: 'db-1' })).close();
  t.strictSame((await readdir(place)).sort(), ['journal.2.db-1', 'notes.part']);
});

t.test('a term that no election counted to is refused, and what was let out stays known', async (t) => {
  const folder = await dataFolder(t);
  const place = join(folder, 'guard');
  const term = (n: number, database = 'db-1') => openGuard(folder, { term: n, database });
  const first = await term(TERM_STEP_LIMIT);
  await grow(first, 2);
  await first.close();
  const last = `journal.${TERM_STEP_LIMIT}.db-1`;
  for (const far of [2 * TERM_STEP_LIMIT + 1, TERM_LIMIT, Number.MAX_SAFE_INTEGER, 1e16, 1e21, Number.NaN, 0.5])
    await t.rejects(term(far), { code: /^(term_refused|guard_in_use)$/ }, String(far));
  await t.rejects(term(TERM_STEP_LIMIT + 1, 'DB'), { code: 'term_refused' }, 'its journal would not be found again');
  t.strictSame(await readdir(place), [last]);
  const next = await term(2 * TERM_STEP_LIMIT);
  t.strictSame(next.released(log), head(2));
  await next.close();
  await rename(join(place, `journal.${2 * TERM_STEP_LIMIT}.db-1`), join(place, `journal.${TERM_LIMIT - 1}.db-1`));
  const largest = await term(TERM_LIMIT);
  t.strictSame(largest.released(log), head(2));
  await largest.close();
  await t.rejects(term(TERM_LIMIT + 1), { code: 'term_refused' });
  t.strictSame(await readdir(place), [`journal.${TERM_LIMIT}.db-1`]);
});

t.test('a name that is nearly a journal’s is never passed over: what was let out may stand there', async (t) => {
  const folder = await dataFolder(t);
  const place = join(folder, 'guard');
  const first = await openGuard(folder, { term: 1, database: 'part' });
  await grow(first, 2);
  await first.close();
  for (const name of [
    'journal.10000000000000000.db-1',
    'journal.bak',
    'journal.2.DB',
    'journal.02.db-1.part',
    'journal.2',
  ]) {
    await writeFile(join(place, name), '');
    await t.rejects(openGuard(folder, { term: 2, database: 'part' }), { code: 'guard_corrupted' }, name);
    await t.rejects(hasGuard(folder), { code: 'guard_corrupted' }, 'no keys are made either');
    await rm(join(place, name));
  }
  t.strictSame(await readdir(place), ['journal.1.part']);
  const second = await openGuard(folder, { term: 2, database: 'part' });
  t.strictSame(second.released(log), head(2));
  await second.close();
  t.strictSame(await readdir(place), ['journal.2.part'], 'a database may be called as a half-written file is');
});

t.test('a file that is no journal is refused, an empty one is a first start cut short', async (t) => {
  const folder = await dataFolder(t);
  await (await openGuard(folder)).close();
  await writeFile(journalOf(folder), 'something else\n');
  await t.rejects(openGuard(folder), { code: 'guard_corrupted' });
  await writeFile(journalOf(folder), '');
  await (await openGuard(folder)).close();
});

t.test('whatever is asked in whatever order: sizes let out only grow, and a restart says the same', async (t) => {
  const step = fc.oneof(
    fc.record({
      do: fc.constant('pend' as const),
      size: fc.integer({ min: 1, max: 6 }),
      root: fc.integer({ min: 1, max: 3 }),
    }),
    fc.record({
      do: fc.constant('release' as const),
      size: fc.integer({ min: 1, max: 6 }),
      root: fc.integer({ min: 1, max: 3 }),
    }),
    fc.record({ do: fc.constant('drop' as const), count: fc.integer({ min: 1, max: 3 }) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
      const folder = await dataFolder(t);
      const guard = await openGuard(folder);
      const out = new Map<number, number>();
      let largest = 0;
      for (const s of steps) {
        const after = guard.pending(log).at(-1) ?? guard.released(log) ?? nothing;
        const asked =
          s.do === 'pend'
            ? guard.pend(log, head(s.size, s.root), after)
            : s.do === 'release'
              ? guard.release(log, head(s.size, s.root))
              : guard.drop(log, guard.pending(log).slice(-s.count));
        await asked.catch((error: unknown) => {
          if (!(error instanceof GuardRefusal)) throw error;
        });
        const released = guard.released(log);
        if (released === null) continue;
        if (released.size < largest) return false;
        largest = released.size;
        const root = released.root[0] as number;
        if ((out.get(largest) ?? root) !== root) return false;
        out.set(largest, root);
      }
      const [released, pending] = [guard.released(log), guard.pending(log)];
      await guard.close();
      const again = await openGuard(folder);
      t.strictSame([again.released(log), again.pending(log)], [released, pending]);
      await again.close();
      return true;
    }),
    { numRuns: 40 },
  );
});
