/** Notices 通知: numbered, acknowledged by a signed act; before the roster a bidder's acknowledgement goes to the register. */
import { NOTICE_TYPES } from '../../../server/core/opening/notices.ts';
import { audit, body, forge } from '../../support/opening-forgery.ts';
import { playTo, reach, suspend } from '../../support/opening-phases.ts';
import { bidder, host, SECOND, supervisor, tenderer, witness } from '../../support/opening-script.ts';
import t from '../../support/tap.ts';

const text = { text: '招标文件第 12 页工期更正为 90 天' };

t.test('what the host gives, and what changes a time or begins a term, is numbered as it comes', async (t) => {
  const s = reach('Scheduled').go('GiveNotice', text, host).go('PostponeOpening', { reason: '澄清' }, host);
  t.match(s.state.notices, [
    { notice: 1, type: 'NoticeGiven', acknowledgedBy: [] },
    { notice: 2, type: 'OpeningPostponed', acknowledgedBy: [] },
  ]);
  t.equal(s.state.notices[1]?.seq, s.lines.length - 1);
  const types = playTo(reach('Decrypting').go('ExtendWindow', { extraMs: SECOND, reason: '拥堵' }, host), 'Archived')
    .state.notices;
  t.same(
    types.map((n) => n.type),
    ['WindowOpened', 'WindowExtended', 'RecordIssued'],
  );
  t.same(
    suspend(reach('Sealed'))
      .go('ResumeOpening', { reason: '恢复' }, host)
      .state.notices.map((n) => n.type),
    ['OpeningSuspended', 'OpeningResumed'],
  );
  t.equal(new Set(NOTICE_TYPES).size, NOTICE_TYPES.length);
});

t.test('each says once that it has reached him, by number', async (t) => {
  const s = reach('Decrypting');
  for (const actor of [bidder(2), tenderer, witness, supervisor]) s.go('AcknowledgeNotice', { notice: 1 }, actor);
  t.same(s.state.notices[0]?.acknowledgedBy, [2, 'tenderer', 'witness', 'supervisor']);
  t.same(s.ask('AcknowledgeNotice', { notice: 1 }, bidder(2)), { events: [] }, 'again changes nothing');
  t.equal(s.refusal('AcknowledgeNotice', { notice: 2 }, bidder(2)), 'no_such_notice');
  t.equal(s.refusal('AcknowledgeNotice', { notice: 1 }, { role: 'bidder' }), 'no_such_bidder');
  t.equal(s.refusal('AcknowledgeNotice', { notice: 1 }, host), 'role_not_allowed', 'the host gave it');
});

t.test('before the roster officials on the log, bidders on the register alone', async (t) => {
  const s = reach('CheckIn').go('GiveNotice', text, host).go('AcknowledgeNotice', { notice: 1 }, witness);
  const size = s.lines.length;
  t.equal(s.refusal('AcknowledgeNotice', { notice: 1 }, { role: 'bidder' }), 'too_early');
  s.act(0, 'AcknowledgeEarlyNotice', { notice: 1 });
  t.equal(s.lines.length, size, 'nothing on the log');
  t.same(s.askRegister(0, { type: 'AcknowledgeEarlyNotice', data: { notice: 1 } }), {
    refused: 'already_acknowledged',
  });
  t.same(s.askRegister(0, { type: 'AcknowledgeEarlyNotice', data: { notice: 2 } }), { refused: 'no_such_notice' });
  s.act(1, 'AcknowledgeEarlyNotice', { notice: 1 });
  t.same(
    [...s.register.bidders.values()].map((b) => b.notices),
    [[1], [1], [], []].slice(0, s.register.bidders.size),
  );
});

t.test('the register takes them until the roster, and over the deadline', async (t) => {
  const s = reach('CheckIn').go('GiveNotice', text, host);
  playTo(s, 'Sealed').act(0, 'AcknowledgeEarlyNotice', { notice: 1 });
  playTo(s, 'RosterPublished');
  t.same(s.askRegister(1, { type: 'AcknowledgeEarlyNotice', data: { notice: 1 } }), { refused: 'too_late' });
  t.equal(s.refusal('AcknowledgeNotice', { notice: 1 }, bidder(1)), undefined, 'from then on the log');
});

t.test('it may be said while suspended and after the close', async (t) => {
  t.equal(suspend(reach('Decrypting')).refusal('AcknowledgeNotice', { notice: 2 }, bidder(1)), undefined);
  t.equal(reach('HandedOver').refusal('AcknowledgeNotice', { notice: 1 }, bidder(1)), undefined);
});

t.test('an audit finds an acknowledgement in another’s name, or of a notice that is none', async (t) => {
  const s = reach('Decrypting')
    .go('AcknowledgeNotice', { notice: 1 }, bidder(2))
    .go('AcknowledgeNotice', { notice: 1 }, witness);
  t.same(audit(s.lines).problems, []);
  t.ok(forge('NoticeAcknowledged', body({ bidder: 1 }), 0, s.lines).includes('bidder_differs'));
  t.ok(forge('NoticeAcknowledged', body({ by: 'supervisor' }), 1, s.lines).includes('step_not_lawful'));
  t.ok(forge('NoticeAcknowledged', body({ notice: 2 }), 0, s.lines).includes('event_does_not_fit'));
});
