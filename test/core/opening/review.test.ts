/** The review meeting 复会: after the close, on the same log, under the record that was closed; it ends with the hand-over. */
import { audit, body, forge } from '../../support/opening-forgery.ts';
import { digest } from '../../support/opening-people.ts';
import { playTo, reach, recordNow } from '../../support/opening-phases.ts';
import { bidder, host, witness } from '../../support/opening-script.ts';
import t from '../../support/tap.ts';

const reason = { reason: '公布技术评审结果' };

t.test('opened by the host on the record that was closed', async (t) => {
  const s = reach('Closed');
  t.equal(s.refusal('OpenReview', reason, witness), 'role_not_allowed');
  s.go('OpenReview', reason, host);
  t.equal(s.state.phase, 'ReviewMeeting');
  t.same(s.lines.at(-1)?.entry.body, { ...recordNow(s), ...reason });
});

t.test('nothing of the record can be changed in it', async (t) => {
  const s = reach('ReviewMeeting');
  t.equal(s.refusal('IssueRecord', { note: '' }, host), 'too_late');
  t.equal(s.refusal('RevokeBid', reason, bidder(1)), 'too_late');
  t.equal(s.refusal('OpenReview', reason, host), 'too_late', 'and there is one');
});

t.test('it ends with the hand-over, as an opening without one', async (t) => {
  const s = reach('ReviewMeeting');
  t.equal(s.refusal('HandOver', {}, host, { manifest: null }), 'files_not_ready');
  t.equal(playTo(s, 'Archived').state.phase, 'Archived');
  t.same(audit(s.lines).problems, []);
});

t.test('a review of another record does not fit', async (t) => {
  const { lines } = reach('ReviewMeeting');
  t.same(forge('ReviewOpened', body({ version: 2 }), 0, lines), ['event_does_not_fit']);
  t.ok(forge('ReviewOpened', body({ recordSha256: digest('other') }), 0, lines).includes('event_does_not_fit'));
});
