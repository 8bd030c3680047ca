/** The scan of the stored envelopes on the log: when it may stand there, that it says nothing twice, and that damage is never the bidder's. */
import { evidenceOf, isOthersFault, proposeVerdict } from '../../../server/core/opening/attribution.ts';
import { STORAGE_FAILURES } from '../../../server/core/opening/findings.ts';
import { isDamaged } from '../../../server/core/opening/state.ts';
import { audit, body, forge } from '../../support/opening-forgery.ts';
import { decryptNow, playTo, reach, SILENT, WRONG_KEY } from '../../support/opening-phases.ts';
import { bidder, clock, host, platform, type Script, witness } from '../../support/opening-script.ts';
import t from '../../support/tap.ts';

const damage = (number: number) => ({ bidder: number, failure: 'stored_bytes_differ' as const });
const found = (...numbers: number[]) => ({ damaged: numbers.map(damage), atSealing: null });
const toRevoke = { bidder: SILENT, verdict: 'deemed_revoked', reason: '见证据' } as const;
const scansOf = (s: Script) => s.lines.filter(({ entry }) => entry.type === 'EnvelopesScanned');

t.test(
  'the first finding stands on the log with what the sealing had found, also when nothing is damaged',
  async (t) => {
    const s = reach('RosterPublished').go('RecordScan', { damaged: [], atSealing: [damage(2)] }, platform);
    t.same(scansOf(s).at(-1)?.entry.body, { damaged: [], atSealing: [damage(2)] });
    t.same(s.state.scan, { damaged: [] });
    t.equal(s.lines.at(-1)?.entry.type, 'EnvelopesScanned');
  },
);

t.test('what is on the log already is not said twice; another finding is, and without the sealing', async (t) => {
  const s = reach('RosterPublished').go('RecordScan', found(1, 3), platform).go('RecordScan', found(1, 3), platform);
  t.equal(scansOf(s).length, 1);
  s.go('RecordScan', found(3), platform);
  t.same(scansOf(s).at(-1)?.entry.body, { damaged: [damage(3)] });
  t.notOk(isDamaged(s.state, { bidder: 1 }), 'put back from a backup');
  t.ok(isDamaged(s.state, { bidder: 3 }));
});

t.test('nothing of it before the roster, nothing behind the window, and of bids that are there', async (t) => {
  t.equal(reach('Sealed').refusal('RecordScan', found(), platform), 'too_early');
  t.equal(reach('Attribution').refusal('RecordScan', found(), platform), 'too_late');
  const s = reach('RosterPublished');
  t.equal(s.refusal('RecordScan', found(9), platform), 'no_such_bidder');
  t.equal(s.refusal('RecordScan', found(), host), 'role_not_allowed');
  t.throws(() => s.refusal('RecordScan', found(3, 1), platform), /out of order/);
});

t.test(
  'a bid damaged in storage is deemed withdrawn, however silent its bidder, and can be ruled nothing worse',
  async (t) => {
    const s = reach('Decrypting').go('RecordScan', found(SILENT), platform);
    decryptNow(s, 1).go('AcknowledgeChallenge', { kid: s.state.window?.kid ?? '' }, bidder(SILENT));
    s.go('CloseWindow', {}, clock, { at: s.state.window?.closesAt ?? 0 });
    t.match(s.state.bids[SILENT - 1]?.proposal, { verdict: 'deemed_withdrawn', evidence: { damagedInStorage: true } });
    t.equal(s.refusal('GiveRuling', toRevoke, host), 'not_the_bidders_fault');
    t.equal(s.refusal('GiveRuling', toRevoke, witness), 'not_the_bidders_fault');
    t.equal(s.refusal('GiveRuling', { ...toRevoke, verdict: 'deemed_withdrawn' }, host), undefined);
    t.same(audit(s.lines).problems, []);
  },
);

t.test('each storage failure of an attempt forbids the ruling too; a wrong key alone does not', async (t) => {
  const s = reach('Decrypting');
  const [bid] = s.state.bids;
  if (bid === undefined) throw new Error('no bid');
  const attempt = (outcome: (typeof STORAGE_FAILURES)[number] | 'wrong_key') => ({
    attempt: 1,
    receivedAt: 0,
    outcome,
  });
  for (const failure of STORAGE_FAILURES)
    t.ok(isOthersFault(s.state, { ...bid, attempts: [attempt(failure), attempt('wrong_key')] }), failure);
  t.notOk(isOthersFault(s.state, { ...bid, attempts: [attempt('wrong_key')] }));
});

t.test('put back before the window, the bid is judged like any other', async (t) => {
  const s = reach('RosterPublished').go('RecordScan', found(WRONG_KEY), platform).go('RecordScan', found(), platform);
  playTo(s, 'Attribution');
  const bid = s.state.bids[WRONG_KEY - 1];
  if (bid === undefined) throw new Error('no bid');
  t.equal(proposeVerdict(evidenceOf(s.state, bid)), 'deemed_revoked');
  t.same(audit(s.lines).problems, []);
});

t.test('a reader of the log sees a scan that could not be, and evidence that leaves one out', async (t) => {
  const { lines } = playTo(reach('RosterPublished').go('RecordScan', found(SILENT), platform), 'Attribution');
  t.same(audit(lines).problems, []);
  t.ok(forge('EnvelopesScanned', body({ damaged: [damage(9)] }), 0, lines).includes('event_does_not_fit'));
  for (const said of [
    { damaged: [damage(3), damage(1)] },
    { damaged: [damage(1), damage(1)] },
    { atSealing: [damage(9)] },
  ])
    t.ok(forge('EnvelopesScanned', body(said), 0, lines).includes('step_not_lawful'), JSON.stringify(said));
  t.ok(
    forge('EnvelopesScanned', body({ damaged: [] }), 0, lines).includes('step_not_lawful'),
    'the evidence behind it says another thing',
  );
});
