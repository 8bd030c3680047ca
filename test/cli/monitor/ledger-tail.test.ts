/** A ledger far ahead is taken by parts: each proven to be its beginning, kept across a stop, and finished before another head is asked for. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Alarm } from '../../../server/cli/monitor/alarms.ts';
import { lockKept, openKeptLedger } from '../../../server/cli/monitor/kept-ledger.ts';
import { GROWTH_LIMIT_ENTRIES, GROWTH_LIMIT_MS, tailLedger } from '../../../server/cli/monitor/ledger-tail.ts';
import { openPatience } from '../../../server/cli/monitor/patience.ts';
import { formatCheckpoint } from '../../../server/core/log/checkpoint.ts';
import { isFork } from '../../../server/core/log/fork-evidence.ts';
import { leafHash, rootOf } from '../../../server/core/log/merkle.ts';
import { ed25519Verifier, formatNote, formatVkey, KEY_TYPES, verifierKey } from '../../../server/core/log/note.ts';
import { utf8 } from '../../../server/core/log/utf8.ts';
import { verifyEd25519 } from '../../../server/ed25519.ts';
import { sha256 } from '../../../server/hash.ts';
import type { LogSource } from '../../../server/verify/source.ts';
import { newFolder } from '../../support/folder.ts';
import { ownKey } from '../../support/golden-change.ts';
import { memorySource } from '../../support/golden-judge.ts';
import { filesOf, type GoldenLog } from '../../support/golden-log.ts';
import t from '../../support/tap.ts';
import { steppedWorld } from '../../support/world.ts';

const NAME = 'kaibiao.test/ledger';
const signer = ownKey(NAME);
const key = verifierKey(sha256, NAME, KEY_TYPES.ed25519, signer.publicKey);
const verifier = ed25519Verifier(key, verifyEd25519);
const vkey = formatVkey(key);

/** A log of that many entries, told otherwise from entry `from` on; what stands in an entry is not asked here. */
function logOf(size: number, from = size): GoldenLog {
  const entries = Array.from({ length: size }, (_, n) => (n < from ? `entry ${n}` : `another entry ${n}`));
  const root = rootOf(
    sha256,
    entries.map((text) => leafHash(sha256, utf8(text))),
  );
  const text = formatCheckpoint({ origin: NAME, size, root });
  const checkpoint = formatNote(text, [{ name: NAME, keyId: key.keyId, signature: signer.sign(utf8(text)) }]);
  return { claim: '', standing: 'valid, still open', vkey, checkpoint, entries, fields: {}, anchor: null };
}

/** A source from which every tile of entries takes as long as a look may. */
const slow = (log: GoldenLog, tick: () => void): LogSource => slowly(memorySource(filesOf(log)), tick);

function slowly(source: LogSource, tick: () => void): LogSource {
  return {
    ...source,
    async *entries(size, from) {
      let n = from ?? 0;
      for await (const entry of source.entries(size, from)) {
        n += 1;
        if (n % 256 === 0) tick();
        yield entry;
      }
    },
  };
}

async function openTail(folder: string, world = steppedWorld()) {
  const release = await lockKept(folder);
  const seen: string[] = [];
  const raised: Alarm[] = [];
  const kept = await openKeptLedger(
    folder,
    { vkey, verifier, isListed: () => false },
    { take: async (bytes) => seen.push(Buffer.from(bytes).toString()) > 0 },
  );
  const patience = await openPatience(folder, world.now);
  const tail = tailLedger({
    kept,
    origin: NAME,
    believed: () => [{ vkey, verifier }],
    keys: () => [verifier],
    world,
    patience,
    raise: async (alarm) => void raised.push(alarm),
  });
  const tick = () => world.advance(GROWTH_LIMIT_MS);
  return {
    kept,
    seen,
    raised,
    tick,
    lookAt: tail.look,
    look: (log: GoldenLog, isSlow = true) => tail.look(isSlow ? slow(log, tick) : memorySource(filesOf(log))),
    async close() {
      await patience.save();
      await kept.close();
      await release();
    },
  };
}

t.test('a part at a time, across stops, until the head is reached; then the next head', async (t) => {
  const folder = await newFolder(t, 'parts');
  const log = logOf(700);
  const first = await openTail(folder);
  t.match(await first.look(log), { added: 256, unreached: null, shownSize: 700, isCurrent: false });
  t.equal(first.kept.note(), log.checkpoint);
  await first.close();
  const second = await openTail(folder);
  t.equal(second.kept.size(), 256);
  t.strictSame(second.seen, log.entries.slice(0, 256), 'judged again from what is kept');
  // a server has the partial tiles of every size
  const both = memorySource(new Map([...filesOf(log), ...filesOf(logOf(800))]));
  t.match(await second.lookAt(slowly(both, second.tick)), { added: 256, shownSize: 800, isCurrent: false });
  t.equal(second.kept.note(), log.checkpoint, 'the head that was begun');
  t.match(await second.look(log), { added: 188, isCurrent: true });
  t.strictSame(second.seen, log.entries);
  t.match(await second.look(logOf(800), false), { added: 100, isCurrent: true });
  t.strictSame(second.raised, []);
  t.equal(Buffer.from((await second.kept.entry(799)) as Uint8Array).toString(), 'entry 799');
  await second.close();
});

t.test('however fast they come, no more are taken in one look than can be judged in it', async (t) => {
  const tail = await openTail(await newFolder(t, 'many'));
  const log = logOf(GROWTH_LIMIT_ENTRIES + 300);
  t.match(await tail.look(log, false), { added: GROWTH_LIMIT_ENTRIES, isCurrent: false });
  t.match(await tail.look(log, false), { added: 300, isCurrent: true });
  const whole = await openTail(await newFolder(t, 'as many'));
  t.match(await whole.look(logOf(GROWTH_LIMIT_ENTRIES), false), { added: GROWTH_LIMIT_ENTRIES, isCurrent: true });
  await tail.close();
  await whole.close();
});

t.test(
  'a part that is not the beginning of what is signed is not kept, and nor is one whose tiles are missing',
  async (t) => {
    const folder = await newFolder(t, 'false');
    const log = logOf(700);
    const tail = await openTail(folder);
    const other = { ...logOf(700, 100), checkpoint: log.checkpoint };
    t.match(await tail.look(other), { added: 0, unreached: /ledger_not_as_signed/ });
    const files = filesOf(log);
    for (const path of files.keys()) if (path.startsWith('tile/0/')) files.delete(path);
    const { hashTile } = memorySource(files);
    let isLate = false;
    const bare = {
      ...slow(log, () => {
        isLate = true;
      }),
      hashTile,
    };
    t.match(await tail.lookAt(bare), { added: 700 }, 'up to the head itself no tile is needed');
    t.equal(isLate, true);
    await tail.close();
    const again = await openTail(await newFolder(t, 'bare'));
    t.match(await again.lookAt({ ...slow(log, again.tick), hashTile }), { added: 0, unreached: /tile\/0/ });
    t.equal(again.kept.size(), 0);
    await again.close();
  },
);

t.test(
  'a fork is shown by the tiles of the longer one, and convicts; also of a head that is smaller than ours',
  async (t) => {
    const tail = await openTail(await newFolder(t, 'fork'));
    const log = logOf(300);
    await tail.look(log, false);
    const longer = logOf(600, 299);
    t.match(await tail.look(longer, false), { added: 0, unreached: 'ledger_forked' });
    const smaller = logOf(200, 10);
    t.match(await tail.look(smaller, false), { added: 0, unreached: 'ledger_forked' });
    t.strictSame(
      tail.raised.map(({ kind, evidence }) => [kind, evidence?.slice(0, 2)]),
      [
        ['ledger_forked', [longer.checkpoint, log.checkpoint]],
        ['ledger_forked', [log.checkpoint, smaller.checkpoint]],
      ],
    );
    for (const { evidence = [] } of tail.raised) {
      const [note = '', other = '', past = ''] = evidence;
      t.equal(await isFork(sha256, [note, other, past], verifier), true);
      t.equal(await isFork(sha256, [note, other], verifier), false, 'two sizes alone contradict nothing');
      t.equal(
        await isFork(sha256, [note, log.checkpoint === other ? smaller.checkpoint : other, 'x'], verifier),
        false,
      );
    }
    await tail.close();
  },
);

t.test('what is kept of a part is held against its proof at the next start', async (t) => {
  const folder = await newFolder(t, 'damaged');
  const tail = await openTail(folder);
  await tail.look(logOf(700));
  await tail.close();
  const file = join(folder, 'entries');
  const bytes = await readFile(file);
  bytes[10] = (bytes[10] ?? 0) ^ 1;
  await writeFile(file, bytes);
  const seen: unknown[] = [];
  const opening = openKeptLedger(
    folder,
    { vkey, verifier, isListed: () => false },
    { take: async (entry) => seen.push(entry) > 0 },
  );
  await t.rejects(opening, { code: 'kept_damaged' });
  t.strictSame(seen, [], 'nothing of it was judged');
});

t.test(
  'while a head is approached by parts, another of its size is a fork, and one of another size is laid aside',
  async (t) => {
    const tail = await openTail(await newFolder(t, 'approached'));
    const log = logOf(700);
    t.notOk('aside' in (await tail.look(log)), 'the head itself');
    const both = memorySource(new Map([...filesOf(log), ...filesOf(logOf(800))]));
    const other = logOf(700, 300);
    t.match(await tail.look(other), { added: 0, unreached: 'ledger_forked' });
    t.match(tail.raised, [{ kind: 'ledger_forked', evidence: [log.checkpoint, other.checkpoint] }]);
    t.equal(await isFork(sha256, [log.checkpoint, other.checkpoint], verifier), true);
    t.match(await tail.lookAt(slowly(both, tail.tick)), { added: 256, aside: logOf(800).checkpoint });
    t.match(await tail.look(log), { added: 188, isCurrent: true });
    await tail.close();
  },
);
