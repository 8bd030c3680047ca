/** Whole logs: a good one verifies, every way to spoil one has its reason; and clients that keep the last head. */
import fc from 'fast-check';
import type { Checkpoint } from '../../../server/core/log/checkpoint.ts';
import { cosignatureMessage, formatCosignature } from '../../../server/core/log/cosignature.ts';
import { makeDisclosure } from '../../../server/core/log/disclosure.ts';
import { type Entry, encodeEntry } from '../../../server/core/log/entry.ts';
import { consistencyProof, leafHash, readFromLeaves, rootOf } from '../../../server/core/log/merkle.ts';
import { addSignatures, formatNote, KEY_TYPES } from '../../../server/core/log/note.ts';
import { acceptHead, growReplica, newReplica, REPLICA_REASONS } from '../../../server/core/log/replica.ts';
import { fromUtf8, utf8 } from '../../../server/core/log/utf8.ts';
import { LOG_REASONS, type LogProblem, type VerifyLogOptions, verifyLog } from '../../../server/core/log/verify.ts';
import {
  checkpointNote,
  type LittleLog,
  littleLog,
  logKey,
  type Step,
  saltOf,
  sha256,
  verifyEd25519,
} from '../../support/log-fixtures.ts';
import t from '../../support/tap.ts';

const START = Date.UTC(2026, 2, 5, 1, 0, 0);
const steps: Step[] = [
  { type: 'OpeningCreated', body: { openingId: 'op-1' } },
  { type: 'CheckedIn', withheld: { who: { name: '甲公司' }, source: '203.0.113.5' }, receivedAtMs: START + 900 },
  { type: 'CheckedIn', withheld: { who: { name: '乙公司' }, source: '203.0.113.6' }, receivedAtMs: START + 900 },
  { type: 'NoticePosted' },
  { type: 'OpeningClosed', body: { reason: 'done' } },
];
const log = littleLog(steps);

type Changes = Partial<VerifyLogOptions>;
const verify = (of: LittleLog = log, changes: Changes = {}) =>
  verifyLog({
    vkey: of.signer.vkey,
    checkpointNote: of.note,
    entries: of.entries,
    disclosuresFor: (seq) => of.disclosures[seq],
    requireAllDisclosures: true,
    sha256,
    verifyEd25519,
    ...changes,
  });

/** The log with some entries changed, signed anew by its own key unless the note is kept. */
function changed(change: (entry: Entry, i: number) => unknown, keepNote = false): LittleLog {
  const entries = log.parsed.map((entry, i) => utf8(fromUtf8(encodeEntry(change(entry, i) as Entry))));
  const leaves = entries.map((bytes) => leafHash(sha256, bytes));
  return { ...log, entries, note: keepNote ? log.note : checkpointNote(log.signer, leaves) };
}

/** The log over raw entry bytes, signed anew. */
function resigned(entries: Uint8Array[]): LittleLog {
  const leaves = entries.map((bytes) => leafHash(sha256, bytes));
  return { ...log, entries, note: checkpointNote(log.signer, leaves) };
}

const without = (i: number): Uint8Array[] => log.entries.filter((_, k) => k !== i);
const entryAt = (i: number): Uint8Array => log.entries[i] as Uint8Array;

t.test('a good log verifies and is handed over entry by entry', async (t) => {
  const seen: string[] = [];
  const result = await verify(log, {
    origin: log.signer.name,
    onEntry: (entry, disclosed, bytes) => {
      seen.push(`${entry.seq} ${entry.type} ${JSON.stringify(disclosed['who'] ?? null)}`);
      t.strictSame(bytes, log.entries[entry.seq]);
      return undefined;
    },
  });
  t.strictSame(result, {
    ok: true,
    origin: 'kaibiao.example/opening/op-1',
    size: 5,
    root: rootOf(
      sha256,
      log.entries.map((bytes) => leafHash(sha256, bytes)),
    ),
    lastAt: START + 4000,
    signers: ['kaibiao.example/opening/op-1'],
    withheld: 0,
    erased: [],
  });
  t.strictSame(seen, [
    '0 OpeningCreated null',
    '1 CheckedIn {"known":true,"value":{"name":"甲公司"}}',
    '2 CheckedIn {"known":true,"value":{"name":"乙公司"}}',
    '3 NoticePosted null',
    '4 OpeningClosed null',
  ]);
});

t.test('streams of any kind, later answers, and a log without entries', async (t) => {
  async function* slowly(): AsyncGenerator<Uint8Array> {
    for (const bytes of log.entries) yield await Promise.resolve(bytes);
  }
  t.match(await verify(log, { entries: slowly(), disclosuresFor: async (seq) => log.disclosures[seq] }), { ok: true });
  t.match(await verify(log, { verifyEd25519: async (...claim) => verifyEd25519(...claim) }), { ok: true });
  t.match(await verify(littleLog([])), { ok: true, size: 0, lastAt: null });
});

t.test('a reader without disclosures sees withheld fields, a complete bundle may not lack them', async (t) => {
  const bare: Changes = { disclosuresFor: () => undefined };
  t.match(await verify(log, { ...bare, requireAllDisclosures: false }), { ok: true, withheld: 4 });
  t.match(await verify(log, bare), { ok: false, reason: 'disclosure_missing', seq: 1 });
  const one: Changes = {
    disclosuresFor: (seq) => (seq === 2 ? log.disclosures[2]?.slice(0, 1) : log.disclosures[seq]),
  };
  t.match(await verify(log, one), { ok: false, reason: 'disclosure_missing', seq: 2, detail: 'source' });
  t.match(await verify(log, { ...one, requireAllDisclosures: false }), { ok: true, withheld: 1 });
});

t.test('an Erased entry accounts for a missing disclosure, and only for that one', async (t) => {
  const erased = (body: { seq: number; field: string }): LittleLog => littleLog([...steps, { type: 'Erased', body }]);
  const lacks = (of: LittleLog): Changes => ({
    disclosuresFor: (seq) => (seq === 2 ? of.disclosures[2]?.slice(0, 1) : of.disclosures[seq]),
  });
  const right = erased({ seq: 2, field: 'source' });
  t.match(await verify(right, lacks(right)), { ok: true, withheld: 0, erased: [{ seq: 2, field: 'source' }] });
  t.match(await verify(right), { ok: true, erased: [] }, 'still disclosed by this bundle');
  for (const body of [
    { seq: 1, field: 'source' },
    { seq: 2, field: 'who' },
  ]) {
    const wrong = erased(body);
    t.match(await verify(wrong, lacks(wrong)), { ok: false, reason: 'disclosure_missing', seq: 2 });
  }
  for (const body of [
    { seq: 5, field: 'who' },
    { seq: 9, field: 'who' },
    { seq: -1, field: 'who' },
    { seq: 1 },
    { field: 'who' },
    {},
  ]) {
    const wrong = littleLog([...steps, { type: 'Erased', body }]);
    t.match(await verify(wrong), { ok: false, reason: 'erasure_malformed', seq: 5 });
  }
});

t.test('every changed bit of an entry is noticed', async (t) => {
  const all = log.entries.flatMap((bytes, i) => Array.from(bytes, (_, at) => [i, at] as const));
  for (const [i, at] of all) {
    const entries = log.entries.map((bytes, k) =>
      k === i ? bytes.map((byte, n) => (n === at ? byte ^ 1 : byte)) : bytes,
    );
    const { ok } = await verify(log, { entries });
    if (ok) t.fail(`byte ${at} of entry ${i} does not count`);
  }
  t.pass(`${all.length} bytes`);
});

t.test('entries dropped, swapped, doubled, added, cut', async (t) => {
  t.match(await verify(log, { entries: without(4) }), {
    ok: false,
    reason: 'entries_missing',
    seq: 4,
    detail: '4 of 5',
  });
  t.match(await verify(log, { entries: [] }), { ok: false, reason: 'entries_missing' });
  t.match(await verify(log, { entries: without(1) }), { ok: false, reason: 'sequence_broken', seq: 1 });
  t.match(
    await verify(resigned(without(1))),
    { ok: false, reason: 'sequence_broken', seq: 1 },
    'signed by the log itself',
  );
  t.match(await verify(resigned(without(0))), { ok: false, reason: 'sequence_broken', seq: 0 });
  t.match(await verify(resigned([...log.entries.slice(0, 4), entryAt(3)])), {
    ok: false,
    reason: 'sequence_broken',
    seq: 4,
  });
  t.match(await verify(log, { entries: [...log.entries, entryAt(4)] }), {
    ok: false,
    reason: 'entries_beyond_checkpoint',
    seq: 5,
  });
  t.match(await verify(log, { entries: [entryAt(1), entryAt(0), ...log.entries.slice(2)] }), {
    reason: 'sequence_broken',
    seq: 0,
  });
});

t.test('an entry rewritten with everything else in order is caught by the root', async (t) => {
  const rewritten = changed((entry, i) => (i === 3 ? { ...entry, body: { text: 'other' } } : entry), true);
  t.match(await verify(rewritten), { ok: false, reason: 'root_differs' });
  const noted = checkpointNote(
    log.signer,
    log.entries.slice(0, 4).map((bytes) => leafHash(sha256, bytes)),
  );
  t.match(
    await verify({ ...log, note: noted }),
    { ok: false, reason: 'entries_beyond_checkpoint' },
    'an older checkpoint',
  );
});

t.test('entries that are none, of other logs, or written otherwise', async (t) => {
  const raw = (i: number, bytes: Uint8Array): LittleLog =>
    resigned(log.entries.map((entry, k) => (k === i ? bytes : entry)));
  const text = fromUtf8(entryAt(3));
  t.match(await verify(raw(3, utf8('{}'))), { ok: false, reason: 'entry_malformed', seq: 3 });
  t.match(await verify(raw(3, utf8('x'))), { reason: 'entry_malformed' });
  t.match(await verify(raw(3, Uint8Array.of(0xff))), { reason: 'entry_malformed' });
  t.match(await verify(raw(3, new Uint8Array(65_536))), { reason: 'entry_too_long' });
  t.match(await verify(raw(3, utf8(`${text} `))), { reason: 'entry_not_canonical', seq: 3 });
  t.match(await verify(raw(3, utf8(text.replace('"v":1', '"v":1,"x":2')))), { reason: 'entry_malformed' });
  t.match(await verify(changed((entry, i) => (i === 3 ? { ...entry, log: 'other.example' } : entry))), {
    reason: 'entry_other_log',
    seq: 3,
  });
});

t.test('time never goes back', async (t) => {
  t.match(await verify(littleLog([{ atMs: START }, { atMs: START }])), { ok: true }, 'the same millisecond is fine');
  t.match(await verify(littleLog([{ atMs: START }, { atMs: START - 1 }])), {
    ok: false,
    reason: 'time_went_back',
    seq: 1,
  });
  const received = (a: number, b: number): LittleLog =>
    littleLog([{ receivedAtMs: START - a }, {}, { receivedAtMs: START - b }]);
  t.match(await verify(received(5, 5)), { ok: true });
  t.match(await verify(received(5, 6)), { ok: false, reason: 'received_time_went_back', seq: 2 });
});

t.test('disclosures that do not belong there', async (t) => {
  const swapped: Changes = { disclosuresFor: (seq) => log.disclosures[seq === 1 ? 2 : seq === 2 ? 1 : seq] };
  t.match(await verify(log, swapped), { ok: false, reason: 'disclosure_not_committed', seq: 1 });
  const more = makeDisclosure(sha256, saltOf(99), 'price', '1.00').disclosure;
  const added: Changes = { disclosuresFor: (seq) => [...(log.disclosures[seq] ?? []), more] };
  t.match(await verify(log, added), { ok: false, reason: 'disclosure_not_committed', seq: 0, detail: 'price' });
  const twice: Changes = {
    disclosuresFor: (seq) => [...(log.disclosures[seq] ?? []), ...(log.disclosures[seq] ?? [])],
  };
  t.match(await verify(log, twice), { ok: false, reason: 'disclosure_repeated', seq: 1 });
  t.match(await verify(log, { disclosuresFor: () => ['%'] }), { ok: false, reason: 'disclosure_malformed', seq: 0 });
});

t.test('checkpoints of other logs, other keys, spoiled or unreadable', async (t) => {
  const stranger = logKey(log.signer.name, 8);
  t.match(await verify(log, { vkey: stranger.vkey }), { ok: false, reason: 'checkpoint_unsigned' });
  t.match(await verify(log, { origin: 'kaibiao.example/opening/op-2' }), { ok: false, reason: 'checkpoint_other_log' });
  const leaves = log.entries.map((bytes) => leafHash(sha256, bytes));
  t.match(await verify({ ...log, note: checkpointNote(log.signer, leaves, 'other.example') }), {
    reason: 'checkpoint_other_log',
  });
  t.match(await verify({ ...log, note: log.note.replace('\n5\n', '\n4\n') }), { reason: 'checkpoint_signature_bad' });
  t.match(await verify({ ...log, note: 'x' }), { reason: 'checkpoint_malformed' });
  t.match(await verify(log, { vkey: 'x' }), { reason: 'vkey_malformed' });
  t.match(await verify(log, { vkey: logKey('a', 1, KEY_TYPES.cosignature).vkey }), { reason: 'vkey_malformed' });
  const weak = `a+00000000+${Buffer.concat([Buffer.of(1), Buffer.alloc(32)]).toString('base64')}`;
  t.match(await verify(log, { vkey: weak }), { reason: 'vkey_weak' });
});

t.test('cosigners that are known are checked and named', async (t) => {
  const cosigner = logKey('w.example', 3, KEY_TYPES.cosignature);
  const text = log.note.slice(0, log.note.lastIndexOf('\n\n') + 1);
  const cosign = (over: string): string =>
    addSignatures(log.note, [
      {
        name: cosigner.name,
        keyId: cosigner.keyId,
        signature: formatCosignature({ timeSeconds: 9, signature: cosigner.sign(cosignatureMessage(9, over)) }),
      },
    ]);
  const known: Changes = { cosignerVkeys: [cosigner.vkey] };
  t.match(await verify({ ...log, note: cosign(text) }, known), { ok: true, signers: [log.signer.name, 'w.example'] });
  t.match(await verify({ ...log, note: cosign(text) }), { ok: true, signers: [log.signer.name] });
  t.match(await verify({ ...log, note: cosign('other\n') }, known), { ok: false, reason: 'checkpoint_signature_bad' });
  const alone = formatNote(text, [{ name: cosigner.name, keyId: cosigner.keyId, signature: new Uint8Array(72) }]);
  t.match(await verify({ ...log, note: alone }), { ok: false, reason: 'checkpoint_unsigned' });
});

t.test('who replays may refuse an entry; faults of the outside come through', async (t) => {
  const refusal: LogProblem = { ok: false, reason: 'replay_refused', seq: 2, words: { en: 'No.', zh: '否。' } };
  t.equal(await verify(log, { onEntry: (entry) => (entry.seq === 2 ? refusal : undefined) }), refusal);
  const broken = (): never => {
    throw new RangeError('disk');
  };
  await t.rejects(verify(log, { onEntry: broken }), RangeError);
  await t.rejects(verify(log, { disclosuresFor: broken }), RangeError);
  await t.rejects(verify(log, { verifyEd25519: broken }), RangeError);
});

t.test('every reason is said in both languages', async (t) => {
  for (const [reason, { en, zh }] of Object.entries({ ...LOG_REASONS, ...REPLICA_REASONS })) {
    t.match(reason, /^[a-z][a-z_]*$/);
    t.match(en, /^[A-Z].*\.$/);
    t.match(zh, /。$/);
  }
});

const many = littleLog(Array.from({ length: 24 }, () => ({})));
const manyLeaves = many.entries.map((bytes) => leafHash(sha256, bytes));
const headAt = (size: number): Checkpoint => ({
  origin: many.signer.name,
  size,
  root: rootOf(sha256, manyLeaves.slice(0, size)),
});

t.test('a client that keeps the last head: growth only, with a proof', async (t) => {
  const proof = (from: number, to: number) => consistencyProof(sha256, readFromLeaves(sha256, manyLeaves), from, to);
  t.strictSame(acceptHead(sha256, undefined, headAt(3), []), { ok: true, newer: true });
  t.strictSame(acceptHead(sha256, headAt(3), headAt(3), []), { ok: true, newer: false });
  t.strictSame(acceptHead(sha256, headAt(3), headAt(17), proof(3, 17)), { ok: true, newer: true });
  t.match(acceptHead(sha256, headAt(3), headAt(17), []), { ok: false, reason: 'head_inconsistent' });
  t.match(acceptHead(sha256, headAt(17), headAt(3), []), { reason: 'head_is_older' });
  t.match(acceptHead(sha256, headAt(3), { ...headAt(3), root: headAt(4).root }, []), { reason: 'head_forks' });
  t.match(acceptHead(sha256, headAt(3), { ...headAt(5), origin: 'other.example' }, []), {
    reason: 'head_of_other_log',
  });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 23 }), fc.integer({ min: 1, max: 23 }), (a, b) => {
      const [from, to] = [Math.min(a, b), Math.max(a, b) + 1];
      t.match(acceptHead(sha256, headAt(from), headAt(to), proof(from, to)), { ok: true });
      const forked = { ...headAt(to), root: sha256(headAt(to).root) };
      t.match(acceptHead(sha256, headAt(from), forked, proof(from, to)), { reason: 'head_inconsistent' });
    }),
    { numRuns: 40 },
  );
});

t.test('a replica that follows entry by entry', async (t) => {
  let replica = newReplica(many.signer.name);
  for (const [from, to] of [
    [0, 1],
    [1, 9],
    [9, 9],
    [9, 24],
  ] as const) {
    const grown = growReplica(sha256, replica, many.entries.slice(from, to), headAt(to));
    if (!grown.ok) throw new Error(grown.reason);
    replica = grown.replica;
    t.equal(replica.last?.size, to);
  }
  const held = growReplica(sha256, newReplica(many.signer.name), many.entries.slice(0, 9), headAt(9));
  if (!held.ok) throw new Error(held.reason);
  const grow = (entries: Uint8Array[], head: Checkpoint) => growReplica(sha256, held.replica, entries, head);
  t.match(grow(many.entries.slice(9, 12), headAt(13)), { ok: false, reason: 'head_without_entries' });
  t.match(grow(many.entries.slice(9, 12), headAt(11)), { reason: 'head_is_older' });
  t.match(grow(many.entries.slice(10, 13), headAt(12)), { reason: 'head_inconsistent' });
  t.match(grow([], { ...headAt(9), root: headAt(8).root }), { reason: 'head_forks' });
  t.match(grow([], { ...headAt(9), origin: 'other.example' }), { reason: 'head_of_other_log' });
  t.equal(held.replica.range.size, 9, 'a refusal changes nothing');
});
