/** The rules asked again from the log alone: what decide would never have let through. */
import type { Json } from '../../../server/core/log/canonical.ts';
import { formatInstant, parseInstant } from '../../../server/core/log/instant.ts';
import { COSIGNED_WAIT_MS } from '../../../server/core/opening/cosigners.ts';
import type { LoggedEvent } from '../../../server/core/opening/events.ts';
import { isLawful } from '../../../server/core/opening/lawful.ts';
import { audit, body, type Forged, type Forgery, fields, forge, type Values } from '../../support/opening-forgery.ts';
import { bidderWho, digest } from '../../support/opening-people.ts';
import {
  BUILT,
  decryptNow,
  object,
  reach,
  recordNow,
  SILENT,
  suspend,
  WINDOW_AT,
} from '../../support/opening-phases.ts';
import {
  bidder,
  clock,
  DEADLINE,
  HOUR,
  host,
  MINUTE,
  type Script,
  SECOND,
  supervisor,
  witness,
} from '../../support/opening-script.ts';
import t from '../../support/tap.ts';

/** Would the rules have let this happen in the script's state, now? */
function lawful(
  s: Script,
  type: LoggedEvent['type'],
  said: { readonly [member: string]: Json },
  role: string,
  more: { at?: number; receivedAt?: number } = {},
) {
  return isLawful(
    s.state,
    { seq: s.state.size, at: s.now, ...more, type, body: said, fields: {} } as unknown as LoggedEvent,
    role,
  );
}
t.test('a tender failed although there were enough', async (t) => {
  const failed = reach('Failed').lines;
  t.same(audit(failed).problems, []);
  const lodgements = (failed.find((l) => l.entry.type === 'BidsSealed')?.disclosed['lodgements'] ?? []) as Values[];
  const enough = [...lodgements, { ...lodgements[0], creditCode: bidderWho(5).creditCode } as Values].sort((a, b) =>
    String(a['creditCode']) < String(b['creditCode']) ? -1 : 1,
  );
  const hidden = forge(
    'BidsSealed',
    fields({ lodgements: enough, counts: { receipts: 3, standing: 3, replaced: 0, withdrawn: 0 } }),
    0,
    failed,
  );
  t.same(hidden, ['envelopes_root_differs', 'step_not_lawful']);
});

t.test('steps the rules did not allow', async (t) => {
  const at =
    (instant: number): Forgery =>
    ({ entry }) => ({ entry: { ...entry, at: formatInstant(instant), receivedAt: formatInstant(instant) } });
  const closesAt = WINDOW_AT + 30 * MINUTE;
  t.ok(
    forge('WindowOpened', body({ closesAt: formatInstant(WINDOW_AT + 29 * MINUTE) })).includes('step_not_lawful'),
    'a shorter window',
  );
  t.same(
    forge('DecryptionReceived', ({ entry }) => ({
      entry: { ...entry, receivedAt: formatInstant(WINDOW_AT - SECOND) },
    })),
    ['step_not_lawful'],
  );
  t.ok(forge('WindowClosed', body({ effectiveAt: formatInstant(closesAt - 1) })).includes('step_not_lawful'));
  t.ok(forge('WindowClosed', body({ why: 'all_decrypted' })).includes('step_not_lawful'));
  t.ok(forge('AttributionProposed', body({ verdict: 'unknown' })).includes('step_not_lawful'));
  t.ok(forge('PricesAnnounced', body({ count: 1 })).includes('step_not_lawful'));
  t.ok(forge('PricesAnnounced', body({ ceilingPrice: '1' })).includes('step_not_lawful'));
  t.ok(forge('RecordIssued', body({ confirmBy: formatInstant(closesAt + 3 * MINUTE) })).includes('step_not_lawful'));
  t.ok(forge('OpeningArchived', at(closesAt + 3 * MINUTE)).length > 0);
});

t.test('an opening that was closed over an open objection', async (t) => {
  const s = object(reach('RecordConfirm'), 1);
  const rest = reach('Closed').lines.slice(s.lines.length - 1);
  const shifted = rest.map((l) => ({ ...l, entry: { ...l.entry, seq: l.entry.seq + 1 } }));
  const codes = audit([...s.lines, ...shifted]).problems.map((p) => p.code);
  t.same(codes, ['step_not_lawful', 'step_not_lawful'], 'neither proposed nor attested lawfully');
});

t.test('what happened while everything was frozen', async (t) => {
  const s = reach('Decrypting').go('SuspendOpening', { reason: '停电' }, { role: 'host' });
  const next = reach('Attribution')
    .lines.slice(6)
    .map((l) => ({ ...l, entry: { ...l.entry, seq: l.entry.seq + 1 } }));
  t.equal(audit([...s.lines, next[0] as Forged]).problems[0]?.code, 'step_not_lawful');
  t.same(audit(s.go('ResumeOpening', { reason: '恢复' }, { role: 'host' }).lines).problems, []);
  t.equal(s.refusal('EndSuspension', {}, clock), 'not_suspended');
});

t.test('every event of every plain course is lawful where it stands', async (t) => {
  for (const phase of BUILT) t.same(audit(reach(phase).lines).problems, [], phase);
});

t.test('the window: too long an extension, a second attempt, a last one too late, an end too soon', async (t) => {
  const s = reach('Decrypting');
  const closesAt = s.state.window?.closesAt ?? 0;
  t.notOk(lawful(s, 'WindowExtended', { extraMs: 61 * MINUTE }, 'host'));
  t.ok(lawful(s, 'WindowExtended', { extraMs: 60 * MINUTE }, 'host'));
  const attempt = { bidder: 1, attempt: 1, jweSha256: digest('jwe') };
  t.ok(lawful(s, 'DecryptionReceived', attempt, 'bidder', { at: closesAt + SECOND, receivedAt: closesAt - 1 }));
  t.notOk(lawful(s, 'DecryptionReceived', attempt, 'bidder', { at: closesAt + SECOND, receivedAt: closesAt }));
  t.notOk(lawful(decryptNow(s, 1), 'DecryptionReceived', { ...attempt, attempt: 2 }, 'bidder'), 'it is open already');
  s.go('DecryptBid', { jweSha256: digest('jwe') }, bidder(2));
  const closed = { effectiveAt: formatInstant(closesAt), why: 'time' };
  t.notOk(lawful(s, 'WindowClosed', closed, 'clock', { at: closesAt }), 'one act is undecided');
});

t.test('rulings: by the role that speaks, on what is not settled', async (t) => {
  const s = reach('Announcing');
  const ruling = { bidder: SILENT, verdict: 'unknown', by: 'host' };
  t.notOk(lawful(s, 'RulingGiven', ruling, 'host'), 'both have ruled alike');
  s.go('ContestRuling', { reason: '不服' }, bidder(SILENT));
  t.ok(lawful(s, 'RulingGiven', ruling, 'host'));
  t.notOk(lawful(s, 'RulingGiven', ruling, 'witness'), 'nobody rules in the other’s name');
  t.notOk(lawful(s, 'RulingGiven', { ...ruling, bidder: 1 }, 'host'), 'an opened bid');
  t.notOk(lawful(s, 'RulingContested', { bidder: SILENT }, 'bidder'), 'nothing stands to contest');
  t.notOk(lawful(s, 'TenderFailed', { reason: 'no_bid_decrypted' }, 'host'));
});

t.test('the record: answers once and in time, the timer at its time', async (t) => {
  const s = reach('RecordConfirm');
  const confirmBy = s.state.record?.confirmBy ?? 0;
  const signed = { bidder: 1, ...recordNow(s) };
  t.ok(lawful(s, 'RecordSigned', signed, 'bidder', { at: confirmBy + 1, receivedAt: confirmBy - 1 }));
  t.notOk(lawful(s, 'RecordSigned', signed, 'bidder', { at: confirmBy + 1, receivedAt: confirmBy }));
  t.notOk(lawful(s.fork().go('SignRecord', recordNow(s), bidder(1)), 'RecordRefused', signed, 'bidder'), 'twice');
  const timedOut = { version: 1, effectiveAt: formatInstant(confirmBy) };
  t.notOk(lawful(s, 'ConfirmationsTimedOut', timedOut, 'clock', { at: confirmBy - 1 }));
  t.ok(lawful(s, 'ConfirmationsTimedOut', timedOut, 'clock', { at: confirmBy }));
  t.notOk(lawful(s, 'OpeningClosed', recordNow(s), 'witness'), 'nobody proposed it');
  const proposed = s.fork().go('TimeOutConfirmations', {}, clock, { at: confirmBy }).go('ProposeClose', {}, host);
  t.ok(lawful(proposed, 'OpeningClosed', recordNow(proposed), 'witness'));
  const uncosigned = { ...recordNow(proposed), uncosigned: true };
  const overdue = proposed.state.closingAt + COSIGNED_WAIT_MS;
  t.notOk(lawful(proposed, 'OpeningClosed', uncosigned, 'witness', { at: overdue }), 'it asks nobody');
  const asking = { ...proposed, state: { ...proposed.state, cosigners: { quorum: 1, vkeys: ['a'] } } };
  t.ok(lawful(asking, 'OpeningClosed', uncosigned, 'witness', { at: overdue }));
  t.notOk(lawful(asking, 'OpeningClosed', uncosigned, 'witness', { at: overdue - 1 }), 'they had not had their time');
  t.notOk(lawful(object(s, 1, true), 'AnswerDisputed', { objection: 1, bidder: 2 }, 'bidder'), 'another’s objection');
});

t.test('suspension: by whom it says, within the policy, ended by whom it may be', async (t) => {
  const s = reach('Decrypting', { policy: { maxSuspensionMs: MINUTE } });
  const since = formatInstant(s.now);
  t.ok(lawful(s, 'OpeningSuspended', { cause: 'host', since, reason: 'x' }, 'host'));
  t.notOk(lawful(s, 'OpeningSuspended', { cause: 'supervisor', since, reason: 'x' }, 'host'));
  t.notOk(
    lawful(s, 'OpeningSuspended', { cause: 'outage', since, reason: null }, 'host'),
    'outages are the clock’s to say',
  );
  t.notOk(
    lawful(s, 'OpeningSuspended', { cause: 'host', since: formatInstant(s.now + 1), reason: 'x' }, 'host'),
    'from the future',
  );
  const resumed = { since, frozenMs: 0 };
  const byHost = suspend(s.fork());
  t.notOk(lawful(byHost, 'OpeningResumed', resumed, 'clock'), 'time is left');
  t.ok(lawful(byHost, 'OpeningResumed', resumed, 'clock', { at: s.now + MINUTE }));
  t.notOk(lawful(byHost, 'OpeningResumed', { since, frozenMs: 1 }, 'host'), 'more frozen than passed');
  t.notOk(lawful(byHost, 'OpeningResumed', resumed, 'witness'));
  t.notOk(lawful(suspend(s.fork(), supervisor), 'OpeningResumed', resumed, 'host'));
  byHost.go('EndSuspension', {}, clock, { at: s.now + MINUTE });
  t.notOk(lawful(byHost, 'OpeningSuspended', { cause: 'host', since, reason: 'x' }, 'host'), 'nothing is left');
});

t.test('an outage across the deadline is ended by the witness, after the host', async (t) => {
  const s = reach('CheckIn').go('FreezeForOutage', {}, clock, { outageSince: DEADLINE - 1, at: DEADLINE + HOUR });
  const resumed = { since: formatInstant(DEADLINE - 1), frozenMs: 1 };
  t.notOk(lawful(s, 'OpeningResumed', resumed, 'witness'), 'nobody proposed it');
  t.notOk(lawful(s, 'ResumeProposed', { reason: 'x' }, 'supervisor'));
  t.ok(lawful(s, 'ResumeProposed', { reason: 'x' }, 'host'));
  s.go('ResumeOpening', { reason: 'x' }, host);
  t.notOk(lawful(s, 'OpeningResumed', resumed, 'host'));
  t.ok(lawful(s, 'OpeningResumed', resumed, 'witness'));
  t.notOk(lawful(s, 'BidsSealed', {}, 'clock', { at: DEADLINE + HOUR }), 'and sealed only then');
  t.ok(lawful(s.go('ConfirmResume', {}, witness), 'BidsSealed', {}, 'clock'));
});

t.test('termination takes two people of different roles, or a supervisor', async (t) => {
  const s = reach('Decrypting');
  const both = { by: 'tenderer_and_host', reason: 'x' };
  t.notOk(lawful(s, 'OpeningAborted', both, 'host'));
  s.go('ProposeAbort', { reason: 'x' }, host);
  t.notOk(lawful(s, 'OpeningAborted', both, 'host'));
  t.notOk(lawful(s, 'OpeningAborted', both, 'supervisor'));
  t.ok(lawful(s, 'OpeningAborted', both, 'tenderer'));
  t.notOk(lawful(s, 'OpeningAborted', { by: 'supervisor', reason: 'x' }, 'tenderer'));
});

t.test('the way to the roster: check-in at its time, the seal not early, no roster under the minimum', async (t) => {
  const s = reach('Scheduled');
  const opensAt = s.state.checkInOpensAt ?? 0;
  t.notOk(lawful(s, 'CheckInOpened', { effectiveAt: formatInstant(opensAt) }, 'clock', { at: opensAt - 1 }));
  t.notOk(lawful(s, 'CheckInOpened', { effectiveAt: formatInstant(opensAt + 1) }, 'clock', { at: opensAt + 1 }));
  t.notOk(lawful(reach('Draft'), 'OpeningPublished', { checkInOpensAt: formatInstant(opensAt + 1) }, 'host'));
  t.notOk(lawful(reach('CheckIn'), 'BidsSealed', {}, 'clock', { at: DEADLINE - 1 }));
  t.notOk(lawful(reach('Sealed'), 'RosterPublished', { count: 2 }, 'host'));
  t.equal(parseInstant(formatInstant(DEADLINE)), DEADLINE);
});
