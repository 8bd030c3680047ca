/** What was judged before is not proven again at the next start: only of these very entries, only what held, and it can be stopped in between. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openJudged, REFUSED_KEPT } from '../../../server/cli/monitor/judged-note.ts';
import { lockKept, MonitorStopped, openKeptLedger } from '../../../server/cli/monitor/kept-ledger.ts';
import { judgeLedger } from '../../../server/cli/monitor/ledger-judge.ts';
import { nodeTools } from '../../../server/cli/verify-log.ts';
import { parseEntry } from '../../../server/core/log/entry.ts';
import { ed25519Verifier, parseVkey } from '../../../server/core/log/note.ts';
import { utf8 } from '../../../server/core/log/utf8.ts';
import { verifyEd25519 } from '../../../server/ed25519.ts';
import { sha256 } from '../../../server/hash.ts';
import { newFolder } from '../../support/folder.ts';
import { TRUST } from '../../support/golden-judge.ts';
import type { GoldenLog } from '../../support/golden-log.ts';
import { bad, ledger, openWatching, serve, watch } from '../../support/monitor-bench.ts';
import t from '../../support/tap.ts';

const key = parseVkey(sha256, TRUST);
const typeOf = (text: string): string => parseEntry(utf8(text)).type;
const ROOTS = (root: number) => () => new Uint8Array(32).fill(root);

/** Judges a log of which the first so many entries held before. Returns: what was found, and the work it took. */
async function judge(log: GoldenLog, proven: number) {
  let hashes = 0;
  let signatures = 0;
  const tools: typeof nodeTools = {
    ...nodeTools,
    sha256(bytes) {
      hashes += 1;
      return sha256(bytes);
    },
    verifyEd25519(...given) {
      signatures += 1;
      return verifyEd25519(...given);
    },
  };
  const judged = judgeLedger(key, 'kaibiao.test', () => undefined, tools);
  const found: string[] = [];
  for (const [seq, text] of log.entries.entries()) {
    const said = await judged.take(utf8(text), seq < proven);
    found.push(...said.found.map(({ kind }) => `${kind} at ${seq}`));
  }
  return { found: [...found, ...judged.finish().map(({ kind }) => kind)], hashes, signatures };
}

t.test(
  'what held is gone through without its reveals, proofs and signatures, and what follows is judged as ever',
  async (t) => {
    const reveals = ledger.entries.filter((text) => typeOf(text) === 'DummiesRevealed').length;
    const logs = new Set(
      ledger.entries.filter((text) => typeOf(text) === 'Head').map((text) => parseEntry(utf8(text)).body['origin']),
    ).size;
    const anew = await judge(ledger, 0);
    t.ok(reveals > 0 && anew.hashes > 12_000 * reveals, `${anew.hashes} hashes for ${reveals} reveals`);
    const again = await judge(ledger, ledger.entries.length);
    t.strictSame(again.found, anew.found);
    t.ok(again.hashes < 500, `${again.hashes} hashes: none of a reveal`);
    t.equal(again.signatures, logs, 'one of each log: whose key it is');
    for (const lie of ['ledger_head_refused--opened-twice', 'ledger_reveal_differs--an-act-more']) {
      const whole = await judge(bad(lie), 0);
      const first = Number(whole.found[0]?.split(' at ')[1]);
      t.strictSame((await judge(bad(lie), first)).found, whole.found, lie);
    }
  },
);

t.test('the note is of these very entries, and goes as far as the refused ones that it can hold', async (t) => {
  const folder = await newFolder(t, 'note');
  const note = await openJudged(folder);
  t.equal(note.held(0), false);
  note.add(0, true);
  note.add(1, false);
  note.add(3, true);
  t.equal(note.size(), 2, 'in order');
  await note.save(ROOTS(1));
  const again = await openJudged(folder);
  t.strictSame([again.size(), again.held(0), again.held(1), again.held(2)], [2, true, false, false]);
  again.match(ROOTS(1));
  t.equal(again.size(), 2);
  again.match(ROOTS(2));
  t.strictSame([again.size(), again.held(0)], [0, false], 'of other entries');
  const shorter = await openJudged(folder);
  shorter.match(() => null);
  t.equal(shorter.size(), 0, 'there are not so many');
  const file = join(folder, 'judged.json');
  const text = await readFile(file, 'utf8');
  for (const other of [
    '{',
    '{}',
    text.replace('"questions":1', '"questions":0'),
    text.replace('"root":"', '"root":"!'),
  ]) {
    await writeFile(file, other);
    t.equal((await openJudged(folder)).size(), 0, other);
  }
  const full = await openJudged(await newFolder(t, 'full'));
  for (let seq = 0; seq < REFUSED_KEPT; seq++) full.add(seq, false);
  t.equal(full.size(), REFUSED_KEPT);
  full.add(REFUSED_KEPT, true);
  full.add(REFUSED_KEPT + 1, false);
  full.add(REFUSED_KEPT + 2, true);
  t.equal(full.size(), REFUSED_KEPT + 1, 'behind the next one all is judged anew');
});

t.test(
  'a start proves nothing again of what held, all of what was refused, and goes on where it was stopped',
  async (t) => {
    const folder = await newFolder(t, 'starts');
    const lie = bad('ledger_head_refused--opened-twice');
    await watch(await serve(t, { ledger: lie, openings: 'none' }), folder);
    const verifier = ed25519Verifier(key, verifyEd25519);
    const size = lie.entries.length;
    const refused = Number((await judge(lie, 0)).found[0]?.split(' at ')[1]);
    /** Opens the copy and stops after so many entries. Returns: which of them had to be proven. */
    async function open(entries = size): Promise<number[]> {
      const release = await lockKept(folder);
      const stopping = new AbortController();
      const anew: number[] = [];
      let seq = 0;
      const take = async (_bytes: Uint8Array, isProven: boolean): Promise<boolean> => {
        if (!isProven) anew.push(seq);
        seq += 1;
        if (seq === entries) stopping.abort();
        return seq - 1 !== refused;
      };
      const trusted = { vkey: TRUST, verifier, isListed: () => false };
      const opening = openKeptLedger(folder, trusted, { take, signal: stopping.signal });
      if (entries < size) await t.rejects(opening, MonitorStopped);
      else await (await opening).close();
      await release();
      return anew;
    }
    t.strictSame(await open(), [refused]);
    const file = join(folder, 'judged.json');
    const note = JSON.parse(await readFile(file, 'utf8')) as { root: string };
    await writeFile(
      file,
      JSON.stringify({ ...note, root: note.root.replace(/^./u, (one) => (one === 'A' ? 'B' : 'A')) }),
    );
    t.equal((await open(5)).length, 5, 'of other entries: all anew, and told to stop');
    const rest = await open();
    t.strictSame([rest[0], rest.length], [5, size - 5], 'from there on');
  },
);

t.test(
  'a monitor that is told to stop while it judges stops, keeps what it took, and tells all at the next start',
  async (t) => {
    const folder = await newFolder(t, 'stopped');
    const server = await serve(t, { ledger: bad('ledger_reveal_differs--an-act-more'), openings: 'none' });
    const stopping = new AbortController();
    const ask: typeof fetch = async (address, request) => {
      const answer = await fetch(address, request);
      if (!String(address).includes('/tile/entries/')) return answer;
      // the last that it asks for before it judges what it took
      const bytes = await answer.arrayBuffer();
      stopping.abort();
      return new Response(bytes);
    };
    const first = await openWatching(server, folder, { ask, signal: stopping.signal });
    await t.rejects(first.monitor.round(), MonitorStopped);
    await first.close();
    t.strictSame(first.raised, []);
    const second = await watch(server, folder);
    t.match(second, { added: 0, kinds: ['ledger_reveal_differs'] });
  },
);
