/** Prices in one broadcast, the record's versions and answers, and what keeps an opening from closing, in order. */

import fc from 'fast-check';
import { Check } from 'typebox/schema';
import { canonicalise, type Json } from '../../../server/core/log/canonical.ts';
import { formatInstant } from '../../../server/core/log/instant.ts';
import { nextAlarm } from '../../../server/core/opening/alarms.ts';
import { COSIGNED_WAIT_MS } from '../../../server/core/opening/cosigners.ts';
import { DecimalText } from '../../../server/core/opening/policy.ts';
import { type OpeningRecord, OpeningRecordSchema, PublicRecordSchema } from '../../../server/core/opening/record.ts';
import { buildRecord, publicFormOf, sameContent } from '../../../server/core/opening/record-building.ts';
import { isGreaterAmount, type PriceRow } from '../../../server/core/opening/rows.ts';
import { digest } from '../../support/opening-people.ts';
import { object, reach, recordNow, ruleAlike, SILENT, WRONG_KEY } from '../../support/opening-phases.ts';
import { bidder, clock, host, MINUTE, type Script, SECOND, tenderer, witness } from '../../support/opening-script.ts';
import t from '../../support/tap.ts';

function ruled(setting: Parameters<typeof reach>[1] = {}): Script {
  const s = reach('Attribution', setting);
  return ruleAlike(ruleAlike(s, WRONG_KEY, 'deemed_revoked'), SILENT, 'deemed_revoked');
}
const rowsOf = (s: Script): readonly PriceRow[] => (s.state.prices?.known ? s.state.prices.value : []);
const timeOut = (s: Script): Script => s.go('TimeOutConfirmations', {}, clock, { at: s.state.record?.confirmBy ?? 0 });
const refuseBecause = (s: Script) => ({ ...recordNow(s), reason: '工期有误' });

t.test('唱标: one event with every opened bid’s row and nothing of the others', async (t) => {
  const s = ruled();
  const before = s.lines.length;
  s.go('AnnouncePrices', {}, host);
  t.equal(s.lines.length, before + 1);
  t.same(
    rowsOf(s).map((r) => r.bidder),
    [1, 2],
  );
  t.same(
    rowsOf(s).map((r) => r.name),
    ['投标人1', '投标人0'],
    'by the numbers that were drawn',
  );
  t.same(s.lines.at(-1)?.event.body, { count: 2, ceilingPrice: null });
});

t.test('no announcement while a list is still being derived', async (t) => {
  const s = ruled();
  t.equal(s.refusal('AnnouncePrices', {}, host, { openedLists: null }), 'lists_not_ready');
  t.equal(
    s.refusal('AnnouncePrices', {}, host, { openedLists: s.facts().openedLists?.slice(1) ?? null }),
    'lists_not_ready',
  );
});

t.test('over the ceiling is flagged, at the ceiling is not, and nothing is rejected (87号令59)', async (t) => {
  // bidder 1 is the second company (1,001,000.00), bidder 2 the first (1,000,000.00)
  const flags = (ceilingPrice: string) =>
    rowsOf(ruled({ policy: { ceilingPrice } }).go('AnnouncePrices', {}, host)).map((r) => r.overCeiling);
  t.same(flags('1000000'), [true, false]);
  t.same(flags('1000999.99'), [true, false]);
  t.same(flags('1001000'), [false, false]);
  t.same(flags('999999.99'), [true, true]);
});

t.test('amounts are compared digit by digit, never as floats', async (t) => {
  t.ok(isGreaterAmount('9007199254740993', '9007199254740992'), 'where floats are equal');
  t.notOk(isGreaterAmount('1.10', '1.1'));
  t.ok(isGreaterAmount('1.100001', '1.1'));
  t.ok(isGreaterAmount('10', '9.99'));
  const cents = fc.bigInt({ min: 0n, max: 10n ** 15n });
  fc.assert(
    fc.property(cents, cents, (a, b) => {
      const print = (n: bigint) => `${n / 100n}.${String(n % 100n).padStart(2, '0')}`;
      t.ok(Check(DecimalText, print(a)));
      return isGreaterAmount(print(a), print(b)) === a > b;
    }),
    { numRuns: 60 },
  );
});

t.test('the record says each bid’s outcome, a price only where one was opened', async (t) => {
  const s = reach('RecordConfirm');
  const record = s.lines.at(-1)?.disclosed['record'] as { lines: { decryption: string; price: unknown }[] };
  t.same(
    record.lines.map((l) => l.decryption),
    ['decrypted', 'decrypted', 'deemed_revoked', 'deemed_revoked'],
  );
  t.same(
    record.lines.map((l) => l.price !== null),
    [true, true, false, false],
  );
  t.equal(recordNow(s).recordSha256, digest(canonicalise(record as unknown as Json)));
  t.same(buildRecord(s.state, s.registerFacts(), 1, ''), record, 'anyone who may see the state can build it again');
  t.throws(() => buildRecord(reach('Attribution').state, s.registerFacts(), 1, ''), /announced prices/);
});

t.test('a correction is version n + 1 and voids what was signed on n', async (t) => {
  const s = reach('RecordConfirm');
  const first = recordNow(s);
  s.go('SignRecord', first, bidder(1)).go('RefuseRecord', refuseBecause(s), bidder(2));
  t.same(
    s.state.bids.map((b) => b.answer?.kind ?? null),
    ['signed', 'refused', null, null],
  );
  s.go('IssueRecord', { note: '更正工期' }, host, { at: s.now + MINUTE });
  t.equal(recordNow(s).version, 2);
  t.same(
    s.state.bids.map((b) => b.answer),
    [null, null, null, null],
  );
  t.equal(s.refusal('SignRecord', first, bidder(1)), 'wrong_record_version');
  t.equal(
    s.refusal('SignRecord', { ...recordNow(s), recordSha256: first.recordSha256 }, bidder(1)),
    'wrong_record_version',
  );
  t.equal(s.state.record?.confirmBy, s.now + 10 * MINUTE, 'the time begins again');
});

t.test('the same record again would only void signatures', async (t) => {
  const s = reach('RecordConfirm');
  t.equal(s.refusal('IssueRecord', { note: '' }, host), 'record_unchanged');
  t.equal(s.refusal('IssueRecord', { note: '备注' }, host), undefined, 'a note is part of it');
  object(s, 1, true);
  t.equal(s.refusal('IssueRecord', { note: '' }, host), undefined, 'so is an objection');
  const record = buildRecord(s.state, s.registerFacts(), 1, '');
  t.ok(sameContent(record, { ...record, version: 2 }));
});

t.test('each bidder answers once, in its time, by receipt', async (t) => {
  const s = reach('RecordConfirm');
  const { confirmBy = 0 } = s.state.record ?? {};
  t.equal(
    s.refusal('SignRecord', recordNow(s), bidder(1), { at: confirmBy + SECOND, receivedAt: confirmBy - 1 }),
    undefined,
  );
  t.equal(s.refusal('SignRecord', recordNow(s), bidder(1), { at: confirmBy }), 'confirmation_is_over');
  t.equal(s.refusal('RefuseRecord', refuseBecause(s), bidder(1), { at: confirmBy }), 'confirmation_is_over');
  s.go('SignRecord', recordNow(s), bidder(1));
  t.equal(s.refusal('SignRecord', recordNow(s), bidder(1)), 'already_answered_record');
  t.equal(s.refusal('RefuseRecord', refuseBecause(s), bidder(1)), 'already_answered_record');
  t.equal(s.refusal('SignRecord', recordNow(s), { role: 'bidder' }), 'no_such_bidder');
  t.equal(s.refusal('SignRecord', recordNow(s), bidder(SILENT)), undefined, 'also one whose bid did not open');
});

t.test('the timer: not before its time, not while acts wait, for whoever has not answered', async (t) => {
  const s = reach('RecordConfirm').go('SignRecord', recordNow(reach('RecordConfirm')), bidder(2));
  const { confirmBy = 0 } = s.state.record ?? {};
  t.same(nextAlarm(s.state), { at: confirmBy, command: 'TimeOutConfirmations' });
  t.equal(s.refusal('TimeOutConfirmations', {}, clock, { at: confirmBy - 1 }), 'before_its_time');
  t.equal(s.refusal('TimeOutConfirmations', {}, clock, { at: confirmBy, undecided: 1 }), 'acts_still_undecided');
  s.go('TimeOutConfirmations', {}, clock, { at: confirmBy + SECOND });
  t.same(s.lines.at(-1)?.event.body, { version: 1, effectiveAt: formatInstant(confirmBy) });
  t.same(
    s.state.bids.map((b) => b.answer?.kind),
    ['timed_out', 'signed', 'timed_out', 'timed_out'],
  );
  t.equal(s.refusal('TimeOutConfirmations', {}, clock), 'confirmation_is_over');
  t.equal(s.refusal('SignRecord', recordNow(s), bidder(1)), 'confirmation_is_over');
  t.equal(nextAlarm(s.state), null);
});

t.test('what keeps it from closing is named in order', async (t) => {
  const s = reach('RecordConfirm');
  object(s, 1).go('ContestRuling', { reason: '不服' }, bidder(SILENT));
  const why = (facts = {}) => s.refusal('ProposeClose', {}, host, facts);
  t.equal(why(), 'objections_open');
  s.go('AnswerObjection', { objection: 1, text: '维持' }, tenderer);
  t.equal(why(), 'ruling_contested');
  ruleAlike(s, SILENT, 'unknown');
  t.equal(why(), 'verdict_unknown');
  ruleAlike(s, SILENT, 'deemed_withdrawn');
  t.equal(why(), 'record_outdated');
  s.go('IssueRecord', { note: '' }, host);
  t.equal(why(), 'confirmations_running');
  timeOut(s);
  t.equal(why({ cosigned: false, at: s.state.closingAt }), 'head_not_cosigned');
  t.equal(why(), undefined);
});

t.test('host proposes, witness attests, and each is held to the same guards', async (t) => {
  const s = timeOut(reach('RecordConfirm'));
  t.equal(s.refusal('AttestClose', recordNow(s), witness), 'close_not_proposed');
  s.go('ProposeClose', {}, host);
  t.same(s.ask('ProposeClose', {}, host), { events: [] }, 'once is enough');
  const at = s.state.closingAt;
  t.equal(s.refusal('AttestClose', recordNow(s), witness, { cosigned: false, at }), 'head_not_cosigned');
  t.equal(s.refusal('AttestClose', { ...recordNow(s), version: 2 }, witness), 'wrong_record_version');
  t.equal(s.refusal('AttestClose', recordNow(s), host), 'role_not_allowed', 'nobody closes alone');
  s.go('AttestClose', recordNow(s), witness);
  t.equal(s.state.phase, 'Closed');
});

t.test('cosigners that do not sign hold the close up for ten seconds and no more, and the log says so', async (t) => {
  const s = timeOut(reach('RecordConfirm')).go('ProposeClose', {}, host);
  const since = s.state.closingAt;
  t.equal(since, s.state.lastAt, 'from the last entry that bears on it');
  s.go('Say', { text: '请稍候', to: 'all' }, host, { at: since + 4_000 });
  t.equal(s.state.closingAt, since, 'talk begins nothing anew');
  const close = (at: number, cosigned: boolean) => s.ask('AttestClose', recordNow(s), witness, { at, cosigned });
  t.same(close(since + COSIGNED_WAIT_MS - 1, false), { refused: 'head_not_cosigned' });
  const closed = (body: object) => ({ events: [{ type: 'OpeningClosed', body, fields: {} }] });
  t.same(close(since + COSIGNED_WAIT_MS, false), closed({ ...recordNow(s), uncosigned: true }));
  t.same(close(since + COSIGNED_WAIT_MS, true), closed(recordNow(s)));
  t.equal(s.refusal('ProposeClose', {}, host, { at: since + COSIGNED_WAIT_MS, cosigned: false }), undefined);
});

t.test('a new version takes back the proposal to close', async (t) => {
  const s = timeOut(reach('RecordConfirm')).go('ProposeClose', {}, host).go('IssueRecord', { note: '更正' }, host);
  t.equal(s.state.closeProposed, null);
  t.equal(timeOut(s).refusal('AttestClose', recordNow(s), witness), 'close_not_proposed');
});

t.test('hand-over waits for the files, the archive for its time; its counts add up', async (t) => {
  const s = reach('Closed');
  t.equal(s.refusal('HandOver', {}, host, { manifest: null }), 'files_not_ready');
  s.go('HandOver', {}, host);
  t.equal(s.refusal('ArchiveOpening', {}, clock, { at: s.now + s.state.policy.archiveAfterMs - 1 }), 'before_its_time');
  t.same(nextAlarm(s.state), { at: s.now + s.state.policy.archiveAfterMs, command: 'ArchiveOpening' });
  s.go('ArchiveOpening', {}, clock, { at: s.now + s.state.policy.archiveAfterMs });
  t.same(s.lines.at(-1)?.event.body, {
    reason: 'handed_over',
    counts: { receipts: 4, opened: 2, withdrawn: 0, replaced: 0, ruled: 2 },
  });
});

t.test('the archive of a failed or aborted opening counts in a withheld field only', async (t) => {
  for (const [phase, reason] of [
    ['Failed', 'failed'],
    ['Aborted', 'aborted'],
  ] as const) {
    const s = reach(phase);
    s.go('ArchiveOpening', {}, clock, { at: s.state.phaseSince + s.state.policy.archiveAfterMs });
    t.same(s.lines.at(-1)?.event.body, { reason, counts: null });
    t.match(s.lines.at(-1)?.disclosed['counts'], { opened: 0, ruled: 0 });
    t.equal(nextAlarm(s.state), null);
  }
});

t.test(
  'a record has the shape of its schema, its public form that of another, and neither passes for the other',
  async (t) => {
    const record = reach('RecordConfirm').lines.at(-1)?.disclosed['record'] as OpeningRecord;
    const shown = publicFormOf(record, 'A'.repeat(43), { publicPrices: false });
    t.ok(Check(OpeningRecordSchema, record));
    t.ok(Check(PublicRecordSchema, shown));
    t.notOk(Check(OpeningRecordSchema, shown));
    t.notOk(Check(PublicRecordSchema, record));
  },
);

t.test(
  'where prices are public there is no other form; where they are secret none of them stands in it (采购法38)',
  async (t) => {
    const said = reach('RecordConfirm').lines.at(-1)?.disclosed;
    t.equal(said?.['publicRecord'], null);
    const secret = reach('RecordConfirm', { policy: { publicPrices: false } }).lines.at(-1);
    const record = secret?.disclosed['record'] as OpeningRecord;
    const shown = secret?.disclosed['publicRecord'] as ReturnType<typeof publicFormOf>;
    t.match(shown, {
      form: 'public',
      originalSha256: digest(canonicalise(record)),
      lines: record.lines.map((l) => ({ name: l.name })),
    });
    t.same(
      shown?.lines.map((l) => l.priceWithheld),
      record.lines.map((l) => l.price !== null),
    );
    t.match(record.lines[0]?.price?.quote.amount, /^1[0-9]{6}/);
    t.notMatch(canonicalise(shown as unknown as Json), /quote|amount|manager|note/);
  },
);

t.test('a version that is replaced keeps its text and what everyone had answered to it, and when', async (t) => {
  const s = reach('RecordConfirm');
  const at = s.now + SECOND;
  s.clockTo(at).go('SignRecord', recordNow(s), bidder(1));
  t.same(s.state.bids[0]?.answer, { version: 1, kind: 'signed', at });
  object(s, 2, true);
  s.go('IssueRecord', { note: '' }, host);
  t.match(s.state.pastRecords, [{ version: 1, answers: [{ kind: 'signed', at }, null, null, null] }]);
  t.ok(s.state.pastRecords[0]?.document.known);
  t.equal(s.state.record?.version, 2);
  const confirmBy = s.state.record?.confirmBy ?? 0;
  timeOut(s);
  t.same(s.state.bids[0]?.answer, { version: 2, kind: 'timed_out', at: confirmBy });
});
