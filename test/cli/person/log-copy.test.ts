/** A person's copy of a log: whatever a server may show, only what the pinned key signed and what continues the kept head is folded. */
import fc from 'fast-check';
import { createLogCopy, type LogCopy, type Stretch } from '../../../server/cli/person/log-copy.ts';
import { openLogPin } from '../../../server/cli/person/log-pin.ts';
import { openPersonFolder } from '../../../server/cli/person/person-folder.ts';
import type { JsonObject } from '../../../server/core/log/canonical.ts';
import { formatInstant } from '../../../server/core/log/instant.ts';
import { leafHash } from '../../../server/core/log/merkle.ts';
import { fromUtf8, utf8 } from '../../../server/core/log/utf8.ts';
import { PROFILES } from '../../../server/core/opening/policy.ts';
import { newFolder } from '../../support/folder.ts';
import { checkpointNote, type LittleLog, littleLog, logKey, type Step, sha256 } from '../../support/log-fixtures.ts';
import t from '../../support/tap.ts';

const PLATFORM = 'kaibiao.test';
const OPENING = 'op-1';
const ORIGIN = `${PLATFORM}/opening/${OPENING}`;
const DIGEST = 'A'.repeat(43);
const CODES = ['91620700MADEM00A17', '91620700MADEM00B20'];
const START = Date.UTC(2026, 2, 5, 1);
const person = { who: { account: 'x' }, source: { address: 'x' }, act: { act: 'x' } };

const genesis = (seedByte: number, change: JsonObject = {}): Step => ({
  type: 'OpeningCreated',
  body: {
    formatVersion: 1,
    openingId: OPENING,
    platform: PLATFORM,
    profile: 'rehearsal',
    details: {
      title: '道路工程',
      project: { code: 'P', name: 'P' },
      lot: { code: 'L', name: 'L' },
      tenderer: 'T',
      agency: 'A',
      place: 'R',
      deadlineAt: formatInstant(START + 3_000),
    },
    policy: { ...PROFILES.rehearsal.defaults },
    policyHash: DIGEST,
    vkey: logKey(ORIGIN, seedByte).vkey,
    cosigners: { quorum: 0, vkeys: [] },
    ...change,
  },
  withheld: { ...person, assignments: [] },
});
const counts = { receipts: 2, standing: 2, replaced: 0, withdrawn: 0 };
const roster = CODES.map((creditCode) => ({
  creditCode,
  name: '投标人',
  envelopeSha256: DIGEST,
  lodgedAt: formatInstant(START),
  checkedIn: true,
}));

/** An opening up to its roster, then as many objections as asked. */
function steps(seedByte: number, change: JsonObject = {}): Step[] {
  return [
    genesis(seedByte, change),
    { type: 'OpeningPublished', body: { policyHash: DIGEST, checkInOpensAt: formatInstant(START) }, withheld: person },
    { type: 'CheckInOpened', body: { effectiveAt: formatInstant(START + 2_000) } },
    {
      type: 'BidsSealed',
      body: { effectiveAt: formatInstant(START + 3_000), envelopesRoot: DIGEST },
      withheld: { lodgements: [], counts },
    },
    { type: 'RosterPublished', body: { count: 2 }, withheld: { ...person, roster, numbers: [2, 1] } },
    { type: 'ObjectionRaised', body: { objection: 1, bidder: 1 }, withheld: { ...person, text: '异议' } },
  ];
}
const make = (all = steps(7), seedByte = 7): LittleLog => littleLog(all, { origin: ORIGIN, seedByte });
const log = make();
const SIZE = log.entries.length;

/** What a server shows of entries [from, to), every field disclosed that `fields` names. */
function stretch(of: LittleLog, from: number, to: number, fields: readonly string[] = []): Stretch {
  const leaves = of.entries.slice(0, to).map((bytes) => leafHash(sha256, bytes));
  const disclosures: Record<string, string[]> = {};
  for (let seq = from; seq < to; seq++) {
    const names = Object.keys(of.parsed[seq]?.commit ?? {});
    disclosures[seq] = (of.disclosures[seq] ?? []).filter((_, n) => fields.includes(names[n] ?? ''));
  }
  return {
    entries: of.entries.slice(from, to).map(fromUtf8),
    disclosures,
    checkpoint: checkpointNote(of.signer, leaves),
  };
}

async function visit(folder: string): Promise<LogCopy> {
  const kept = await openPersonFolder(folder);
  return createLogCopy(await openLogPin(await kept.logFiles(OPENING), ORIGIN));
}
const replaced = (shown: Stretch, place: number, entry: string): Stretch => ({
  ...shown,
  entries: shown.entries.map((text, n) => (n === place ? entry : text)),
});

t.test('however a log is cut, the copy ends in one state', async (t) => {
  const whole = await visit(await newFolder(t));
  await whole.take(stretch(log, 0, SIZE, ['roster', 'numbers']));
  await fc.assert(
    fc.asyncProperty(fc.uniqueArray(fc.integer({ min: 1, max: SIZE - 1 })), async (cuts) => {
      const copy = await visit(await newFolder(t));
      const ends = [...cuts.sort((a, b) => a - b), SIZE];
      // All at once: they are worked through in order.
      await Promise.all(ends.map((end, n) => copy.take(stretch(log, ends[n - 1] ?? 0, end, ['roster', 'numbers']))));
      t.strictSame(copy.held(), whole.held());
      t.ok(await copy.isCurrent());
    }),
    { numRuns: 12 },
  );
  t.match(whole.held()?.state, { phase: 'RosterPublished', size: SIZE, numbers: { known: true, value: [2, 1] } });
});

t.test('an empty page changes nothing', async (t) => {
  const copy = await visit(await newFolder(t));
  await copy.take({ entries: [], disclosures: {}, checkpoint: log.note });
  t.equal(copy.held(), null);
  t.equal(await copy.headSeen(), null);
  await copy.take(stretch(log, 0, 3));
  await copy.take({ ...stretch(log, 0, 3), entries: [], disclosures: {} });
  t.equal(copy.size(), 3);
});

t.test('every changed character is found', async (t) => {
  const shown = stretch(log, 0, SIZE);
  const copy = await visit(await newFolder(t));
  const places = fc.tuple(fc.nat(SIZE - 1), fc.nat(), fc.integer({ min: 0x20, max: 0x7e }));
  await fc.assert(
    fc.asyncProperty(places, async ([entry, at, character]) => {
      const text = shown.entries[entry] ?? '';
      const place = at % text.length;
      const changed = text.slice(0, place) + String.fromCharCode(character) + text.slice(place + 1);
      if (changed === text) return;
      await t.rejects(copy.take(replaced(shown, entry, changed)));
      t.equal(copy.held(), null);
    }),
    { numRuns: 100 },
  );
  await copy.take(shown);
  t.equal(copy.size(), SIZE, 'and the honest log is still taken');
});

t.test('dropped, doubled and swapped entries are found', async (t) => {
  const copy = await visit(await newFolder(t));
  const shown = stretch(log, 0, SIZE);
  const [first = '', second = '', ...rest] = shown.entries;
  for (const entries of [
    [first, second],
    [first, ...rest],
    [first, first, second, ...rest],
    [second, first, ...rest],
    [...shown.entries, first],
  ])
    await t.rejects(copy.take({ ...shown, entries }), { code: 'log_not_genuine' });
  await t.rejects(copy.take(stretch(log, 1, SIZE)), { code: 'log_not_genuine' }, 'it begins with its first');
});

t.test('a head that the log’s key did not sign is nothing', async (t) => {
  const copy = await visit(await newFolder(t));
  const shown = stretch(log, 0, SIZE);
  const foreign = checkpointNote(
    logKey(ORIGIN, 9),
    log.entries.map((bytes) => leafHash(sha256, bytes)),
  );
  for (const checkpoint of [foreign, '', shown.checkpoint.replace(`\n${SIZE}\n`, `\n${SIZE + 1}\n`)])
    await t.rejects(copy.take({ ...shown, checkpoint }), { code: 'log_not_genuine' });
  t.equal(await copy.headSeen(), null, 'and pins nothing');
});

t.test('the key that was seen first stays the key', async (t) => {
  const folder = await newFolder(t);
  await (await visit(folder)).take(stretch(log, 0, 2));
  const other = make(steps(9), 9);
  await t.rejects((await visit(folder)).take(stretch(other, 0, SIZE)), { code: 'log_key_changed' });
  const again = await visit(folder);
  await again.take(stretch(log, 0, SIZE));
  t.equal((await again.headSeen())?.size, SIZE);
});

t.test('a key that did not sign is not pinned by being named', async (t) => {
  const folder = await newFolder(t);
  const lying = make(steps(9), 7);
  await t.rejects((await visit(folder)).take(stretch(lying, 0, SIZE)), { code: 'log_not_genuine' });
  await (await visit(folder)).take(stretch(log, 0, SIZE));
});

t.test('a log of another opening or platform is refused', async (t) => {
  const copy = await visit(await newFolder(t));
  for (const change of [{ openingId: 'op-2' }, { platform: 'other.test' }])
    await t.rejects(copy.take(stretch(make(steps(7, change)), 0, SIZE)), { code: 'log_of_another_platform' });
  const elsewhere = littleLog(steps(7), { origin: `${PLATFORM}/opening/op-2`, seedByte: 7 });
  await t.rejects(copy.take(stretch(elsewhere, 0, SIZE)), { code: 'log_not_genuine' });
});

t.test('a second history by the same key is evidence', async (t) => {
  const folder = await newFolder(t);
  await (await visit(folder)).take(stretch(log, 0, 4));
  const forked = make(steps(7, { cosigners: { quorum: 0, vkeys: ['x'] } }));
  await t.rejects((await visit(folder)).take(stretch(forked, 0, 4)), { name: 'HeadError', code: 'head_forks' });
  const longer = (await visit(folder)).take(stretch(forked, 0, SIZE));
  await t.rejects(longer, { name: 'HeadError', code: 'head_inconsistent', kept: /\n4\n/, shown: /\n6\n/ });
  const honest = await visit(folder);
  await honest.take(stretch(log, 0, SIZE));
  t.ok(await honest.isCurrent());
});

t.test('a copy that is behind what was seen is not current', async (t) => {
  const folder = await newFolder(t);
  await (await visit(folder)).take(stretch(log, 0, SIZE));
  const behind = await visit(folder);
  await behind.take(stretch(log, 0, 2));
  t.notOk(await behind.isCurrent());
  t.equal((await behind.headSeen())?.size, SIZE, 'what acts say they have seen does not shrink');
  behind.restart();
  t.equal(behind.size(), 0);
  await behind.take(stretch(log, 0, SIZE));
  t.ok(await behind.isCurrent());
});

t.test('what is disclosed late is learned, what was never committed to is refused', async (t) => {
  const copy = await visit(await newFolder(t));
  await copy.take(stretch(log, 0, 4));
  t.equal(copy.held()?.state.counts.known, false);
  const released = { 3: log.disclosures[3] ?? [] };
  const roll = stretch(log, 4, 5, ['roster']);
  await copy.take({ ...roll, disclosures: { ...roll.disclosures, ...released } });
  t.match(copy.held()?.state, { counts: { known: true, value: counts }, numbers: { known: false } });
  await copy.takeDisclosures({ 4: log.disclosures[4] ?? [] });
  for (const disclosures of [{ 3: log.disclosures[4] ?? [] }, { 3: ['junk'] }, { 17: log.disclosures[3] ?? [] }])
    await t.rejects(copy.takeDisclosures(disclosures), { code: 'log_not_genuine' });
  const last = stretch(log, 5, SIZE);
  await t.rejects(copy.take({ ...last, disclosures: { 5: log.disclosures[3] ?? [] } }), { code: 'log_not_genuine' });
  t.equal(copy.size(), 5);
});

t.test('a file that is no note of this log is evidence and not overwritten', async (t) => {
  const folder = await newFolder(t);
  await (await visit(folder)).take(stretch(log, 0, 2));
  const files = await (await openPersonFolder(folder)).logFiles(OPENING);
  const { readFile, writeFile } = await import('node:fs/promises');
  await writeFile(files.head, checkpointNote(logKey(ORIGIN, 9), [leafHash(sha256, utf8('x'))]));
  const before = await readFile(files.head, 'utf8');
  await t.rejects((await visit(folder)).take(stretch(log, 0, SIZE)), { name: 'LogFormatError' });
  t.equal(await readFile(files.head, 'utf8'), before);
});
