/** Histories by chance: crowds, clocks, restarts and lost commits in any order; afterwards everything must still be true. */
import type { Test } from 'tap';
import { sameBytes } from '../../server/core/log/bytes.ts';
import { parseCheckpoint } from '../../server/core/log/checkpoint.ts';
import { leafHash, rootOf } from '../../server/core/log/merkle.ts';
import { ed25519Verifier, parseNote, parseVkey } from '../../server/core/log/note.ts';
import { verifyProof } from '../../server/core/log/proof.ts';
import { verifyLog } from '../../server/core/log/verify.ts';
import { createAudit } from '../../server/core/opening/audit.ts';
import type { Phase } from '../../server/core/opening/phases.ts';
import { sha256 } from '../../server/hash.ts';
import { knownValues, loadOpening } from '../../server/recorder/kept-opening.ts';
import { readAct } from '../../server/recorder/register-acts.ts';
import type { Answer, Submission } from '../../server/recorder/submission.ts';
import type { Sql } from '../../server/store/driver.ts';
import { readDisclosures } from '../../server/store/read-log.ts';
import { testDb } from '../support/database.ts';
import { verifyEd25519 } from '../support/log-fixtures.ts';
import { OPENING_ID, ORIGIN } from '../support/opening-people.ts';
import {
  accepted,
  createRequest,
  decryption,
  lodgement,
  type RunningRecorder,
  submission,
  testHall,
} from '../support/recorder.ts';
import t from '../support/tap.ts';
import { troubled } from '../support/trouble.ts';

const SEEDS = (process.env['RECORDER_SEEDS'] ?? '1 3').split(' ').map(Number);
const STEPS = 50;
const BIDDERS = 6;

type Given = { readonly submission: Submission; readonly answer: Answer };

/** Chance from a seed: the same history every time. */
function dice(seed: number): (sides: number) => number {
  let thrown = 0;
  return (sides) => {
    const [a = 0, b = 0, c = 0] = sha256(new TextEncoder().encode(`${seed}/${thrown++}`));
    return (a * 65_536 + b * 256 + c) % sides;
  };
}

for (const seed of SEEDS) {
  t.test(`history ${seed}`, async (t) => {
    const db = await testDb(t);
    const trouble = troubled(db.sql, db.superuser);
    const hall = await testHall(t, db, { sql: trouble.sql, seed });
    const roll = dice(seed);
    let running = await hall.start();
    t.teardown(() => running.stop());
    await accepted(running.recorder.create(createRequest()));
    const standing = new Map<number, string>();
    const given: Given[] = [];
    const open: Submission[] = [];
    let bids = 0;

    const next = async (): Promise<Submission> => {
      const state = await running.recorder.stateOf(OPENING_ID);
      if (state === null) throw new Error('no opening');
      const index = roll(BIDDERS);
      const version = state.record?.version ?? 1;
      const record = { version, recordSha256: state.record?.sha256 ?? 'A'.repeat(43) };
      const late = state.bids.find((b) => !b.attempts.some((a) => a.outcome === 'decrypted'))?.bidder ?? 1;
      const ruling = { bidder: late, verdict: 'deemed_revoked', reason: '密钥不符' };
      const host = (type: string, data = {}) => submission(type, 'host', data);
      const lodge = (): Submission => {
        const bidId = `bid-${seed}-${bids++}`.padEnd(22, '_');
        const replaces = standing.get(index) ?? null;
        standing.set(index, bidId);
        return lodgement(index, state.policyHash, { bidId, replaces });
      };
      const withdraw = (): Submission => {
        const bidId = standing.get(index) ?? 'none';
        standing.delete(index);
        return submission('WithdrawBid', 'bidder', { bidId }, index);
      };
      const makers: (() => Submission)[] = [
        lodge,
        lodge,
        lodge,
        withdraw,
        () => submission('CheckIn', 'bidder', {}, index),
        () => submission('RaiseEarlyObjection', 'bidder', { text: '异议' }, index),
        () => submission('RaiseObjection', 'bidder', { text: '异议' }, index),
        () => submission('AnswerObjection', 'host', { objection: state.objections.length || 1, text: '答复' }),
        () => decryption(index),
        () => decryption(index),
        () => host('PublishOpening'),
        () => host('PublishRoster'),
        () => host('OpenWindow'),
        () => host('ExtendWindow', { extraMs: 60_000, reason: '延长' }),
        () => host('EndWindowEarly'),
        () => host('GiveRuling', ruling),
        () => submission('GiveRuling', 'witness', ruling),
        () => host('AnnouncePrices'),
        () => host('IssueRecord', { note: `第${version}版` }),
        () => submission('SignRecord', 'bidder', record, index),
        () => host('SuspendOpening', { reason: '暂停' }),
        () => host('ResumeOpening', { reason: '恢复' }),
        () => submission('ConfirmResume', 'witness', {}),
        () => host('ProposeClose'),
        () => submission('AttestClose', 'witness', record),
        () => host('HandOver'),
      ];
      // What leads on, as often as anything: else no history would get beyond its first phases.
      const onward: Partial<Record<Phase, readonly (() => Submission)[]>> = {
        Draft: [() => host('PublishOpening')],
        Scheduled: [lodge],
        CheckIn: [lodge],
        Sealed: [() => host('PublishRoster')],
        RosterPublished: [() => host('OpenWindow')],
        Decrypting: [() => decryption(index)],
        Attribution: [
          () => host('GiveRuling', ruling),
          () => submission('GiveRuling', 'witness', ruling),
          () => host('AnnouncePrices'),
        ],
        Announcing: [() => host('IssueRecord', { note: '' })],
        RecordConfirm: [
          () => submission('SignRecord', 'bidder', record, index),
          () =>
            submission('AnswerObjection', 'host', { objection: 1 + roll(state.objections.length + 1), text: '答复' }),
          () => host('ProposeClose'),
          () => submission('AttestClose', 'witness', record),
        ],
        Closed: [() => host('HandOver')],
      };
      const leading = [
        ...(onward[state.phase] ?? []),
        ...(state.suspended === null ? [] : [() => host('ResumeOpening', { reason: '恢复' })]),
      ];
      const from = roll(2) === 0 && leading.length > 0 ? leading : makers;
      return (from[roll(from.length)] ?? lodge)();
    };

    async function send(crowd: readonly Submission[]): Promise<void> {
      await Promise.all(
        crowd.map(async (each) => {
          try {
            given.push({ submission: each, answer: await running.recorder.submit(each) });
          } catch (error) {
            t.match(error, { code: 'outcome_unknown' });
            open.push(each);
          }
        }),
      );
    }

    for (let step = 0; step < STEPS; step++) {
      const kind = roll(10);
      if (kind < 6) {
        if (roll(8) === 0) trouble.strike(roll(2) === 0 ? 'done' : 'undone');
        const crowd: Submission[] = [];
        for (let n = 1 + roll(8); n > 0; n--) crowd.push(await next());
        await send(crowd);
        // Whoever got no answer asks again under the same id.
        await send(open.splice(0));
      } else if (kind < 9) await hall.pass(1 + roll(90_000));
      else {
        trouble.strike(null);
        await running.stop();
        if (roll(3) > 0) hall.world.advance(roll(25_000));
        running = await hall.start();
      }
    }
    while (open.length > 0) await send(open.splice(0));
    await check(t, db.sql, running, given);
    t.comment(
      `${given.length} answers, phase ${(await running.recorder.stateOf(OPENING_ID))?.phase}, ${trouble.struck()} struck`,
    );
  });
}

/** What must be true of any history. */
async function check(t: Test, sql: Sql, running: RunningRecorder, given: readonly Given[]): Promise<void> {
  const { recorder, signer } = running;
  const entries = await sql<{ seq: number; bytes: Uint8Array }[]>`
    SELECT seq, bytes FROM entries WHERE origin = ${ORIGIN} ORDER BY seq`;
  t.ok(
    entries.every(({ seq }, i) => seq === i),
    'dense',
  );
  const head = signer.released(ORIGIN);
  t.equal(head?.size, entries.length, 'all of it is let out');

  const leaves = entries.map(({ bytes }) => leafHash(sha256, bytes));
  const notes = await sql<
    { size: number; note: string }[]
  >`SELECT size, note FROM checkpoints WHERE origin = ${ORIGIN}`;
  const wrong = notes.filter(({ size, note }) => {
    const checkpoint = parseCheckpoint(parseNote(note).text);
    return checkpoint.size !== size || !sameBytes(checkpoint.root, rootOf(sha256, leaves.slice(0, size)));
  });
  t.same(wrong, [], 'one root for each size, that of its entries');

  const disclosures = await readDisclosures(sql, ORIGIN, 0, entries.length);
  const audit = createAudit(sha256);
  const log = await verifyLog({
    vkey: signer.vkeyOf(ORIGIN, 'opening'),
    checkpointNote: head?.note ?? '',
    entries: entries.map(({ bytes }) => bytes),
    disclosuresFor: (seq) => disclosures.filter((d) => d.seq === seq).map((d) => d.disclosure),
    requireAllDisclosures: true,
    sha256,
    verifyEd25519,
    onEntry: (entry, fields) => void audit.add(entry, knownValues(fields)),
  });
  t.match(log, { ok: true }, 'verifies');
  t.same(audit.finish().problems, [], 'and is lawful, step by step');

  t.strictSame(await loadOpening(sql, ORIGIN, OPENING_ID), await recorder.keptOf(OPENING_ID), 'replay = live state');

  const text = new TextDecoder();
  const acts = await sql<
    { id: string; n: number; disclosure: string }[]
  >`SELECT id, n, disclosure FROM register_acts ORDER BY n`;
  t.ok(
    acts.every(({ n }, i) => n === i),
    'the register is dense',
  );
  const actIds = new Set(acts.map(({ id }) => id));
  const logKey = ed25519Verifier(parseVkey(sha256, signer.vkeyOf(ORIGIN, 'opening')), verifyEd25519);
  const first = new Map<string, Answer>();
  for (const {
    submission: { command, who },
    answer,
  } of given) {
    const name = `${who.account} ${command}`;
    t.strictSame(first.get(name) ?? answer, answer, 'one command, one answer');
    first.set(name, answer);
    if (answer.outcome === 'refused') continue;
    for (const [i, seq] of answer.seqs.entries()) {
      const entry = entries[seq];
      t.equal(entry === undefined ? null : text.decode(entry.bytes), answer.entries[i], 'what was answered stands');
      const proof = await verifyProof({
        sha256,
        proof: answer.proofs[i] ?? '',
        leaf: leaves[seq] ?? new Uint8Array(),
        logKey,
      });
      t.match(proof, { ok: true, index: seq });
    }
    if (answer.actId !== null) t.ok(actIds.has(answer.actId), 'no act that was answered is lost');
  }
  const commands = acts
    .filter((a) => readAct(a.disclosure).type !== 'AttemptRefused')
    .map((a) => readAct(a.disclosure));
  t.equal(new Set(commands.map((a) => `${a.who.account} ${a.command}`)).size, commands.length, 'no act stands twice');
  t.equal((await sql`SELECT 1 FROM intake WHERE NOT decided`).length, 0, 'nothing waits');
}
