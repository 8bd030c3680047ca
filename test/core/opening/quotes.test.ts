/** Rounds of quotes by their rules: promised, sealed in the round, one end for all, released together, a non-quote recorded as declined. */
import { formatInstant } from '../../../server/core/log/instant.ts';
import { nextAlarm } from '../../../server/core/opening/alarms.ts';
import { EVENTS } from '../../../server/core/opening/events.ts';
import { areLawfulRounds, PROFILES } from '../../../server/core/opening/policy.ts';
import { PEOPLE } from '../../../server/core/opening/roles.ts';
import { canSee } from '../../../server/core/opening/visibility.ts';
import { audit, body, fields, forge } from '../../support/opening-forgery.ts';
import { DECRYPTED, playTo, quoteNow, quoteOf, ROUNDS, reach, SILENT, suspend } from '../../support/opening-phases.ts';
import { bidder, clock, host, MINUTE, type Script, SECOND, tenderer } from '../../support/opening-script.ts';
import t from '../../support/tap.ts';

const quoting = (): Script => reach('QuoteRound');
const closesAt = (s: Script): number => s.state.quoteRounds.at(-1)?.closesAt ?? 0;
const [FIRST, SECOND_BIDDER] = DECRYPTED;

t.test('rounds belong to negotiations, and leave time to quote', async (t) => {
  const rounds = (roundMs: number) => ({ quoteRounds: { maxRounds: 1, roundMs } });
  t.ok(areLawfulRounds('negotiation', rounds(5 * MINUTE)));
  t.notOk(areLawfulRounds('negotiation', rounds(5 * MINUTE - 1)));
  t.notOk(areLawfulRounds('engineering', rounds(5 * MINUTE)), '招投标法43: no negotiating of prices');
  t.ok(areLawfulRounds('rehearsal', rounds(SECOND)));
  for (const { defaults } of Object.values(PROFILES)) t.ok(areLawfulRounds('engineering', defaults));
});

t.test('only where promised, by the host, one after the other, as many as promised; then the record', async (t) => {
  t.equal(reach('Announcing').refusal('StartQuoteRound', {}, host), 'no_quotes_promised');
  const s = reach('Announcing', { profile: 'negotiation', policy: { quoteRounds: ROUNDS } });
  t.equal(s.refusal('IssueRecord', { note: '' }, host), 'quotes_missing');
  t.equal(s.refusal('StartQuoteRound', {}, tenderer), 'role_not_allowed');
  s.go('StartQuoteRound', {}, host);
  t.equal(s.refusal('StartQuoteRound', {}, host), 'quote_round_running');
  t.equal(s.refusal('IssueRecord', { note: '' }, host), 'quotes_missing');
  quoteNow(s, FIRST).go('StartQuoteRound', {}, host);
  t.equal(s.state.quoteRounds.length, 2);
  quoteNow(s, FIRST, SECOND_BIDDER);
  t.equal(s.refusal('StartQuoteRound', {}, host), 'too_many_quote_rounds');
  t.equal(s.state.phase, 'QuoteRound');
  s.go('IssueRecord', { note: '' }, host);
  const document = s.state.record?.document;
  const rounds = document?.known ? (document.value as { rounds: { quotes: { quote: unknown }[] }[] }).rounds : [];
  t.same(
    rounds.map(({ quotes }) => quotes.map(({ quote }) => quote !== null)),
    [
      [true, false],
      [true, true],
    ],
  );
  const shown = s.state.record?.publicForm;
  t.notMatch(JSON.stringify(shown), /900001/, 'the public form holds no quote where prices are secret');
  playTo(s, 'Archived');
  t.match(audit(s.lines), { problems: [], complete: true });
});

t.test('a quote: in its time, once, of an opened bid, as committed', async (t) => {
  const s = quoting();
  t.equal(s.refusal('SubmitQuote', quoteOf(s, 9), bidder(9)), 'no_such_bidder');
  t.equal(s.refusal('SubmitQuote', quoteOf(s, SILENT), bidder(SILENT)), 'bid_not_opened');
  t.equal(s.refusal('SubmitQuote', { ...quoteOf(s, FIRST), round: 2 }, bidder(FIRST)), 'wrong_quote_round');
  const facts = (isSound: boolean, isRepeated: boolean) => ({ sealedQuote: { isSound, isRepeated } });
  const mine = quoteOf(s, FIRST);
  t.equal(s.refusal('SubmitQuote', mine, bidder(FIRST), facts(false, false)), 'quote_not_as_committed');
  t.equal(s.refusal('SubmitQuote', mine, bidder(FIRST), facts(false, true)), 'already_quoted');
  t.equal(s.refusal('SubmitQuote', mine, bidder(FIRST), { at: closesAt(s) - 1 }), undefined);
  t.equal(s.refusal('SubmitQuote', mine, bidder(FIRST), { at: closesAt(s) }), 'quote_round_is_over');
  const late = { at: closesAt(s) + SECOND, receivedAt: closesAt(s) - 1 };
  t.equal(s.refusal('SubmitQuote', mine, bidder(FIRST), late), undefined, 'the receipt counts');
});

t.test('before the end nobody learns whose a quote is; after it those who take part do', async (t) => {
  const s = quoting().go('SubmitQuote', quoteOf(quoting(), FIRST), bidder(FIRST));
  const ref = (field: string) => ({ type: 'QuoteReceived', field, body: { round: 1 } }) as const;
  for (const field of Object.keys(EVENTS.QuoteReceived.withheld))
    for (const role of PEOPLE) t.notOk(canSee({ role, bidder: 1 }, ref(field), s.state), `${field} by ${role}`);
  t.notMatch(JSON.stringify(s.lines.at(-1)?.entry.body), /bidder|sealed/, 'and the body does not say');
  quoteNow(s);
  t.ok(canSee({ role: 'bidder', bidder: 2 }, ref('quoter'), s.state));
  t.ok(canSee({ role: 'supervisor' }, ref('act'), s.state));
  t.notOk(canSee({ role: 'public' }, ref('quoter'), s.state));
  s.go('StartQuoteRound', {}, host);
  t.notOk(canSee({ role: 'supervisor' }, { ...ref('who'), body: { round: 2 } }, s.state), 'the next round anew');
});

t.test('the end: for all at once, by the clock alone, and never without a quote that came', async (t) => {
  const s = quoting();
  s.go('SubmitQuote', quoteOf(s, FIRST), bidder(FIRST));
  t.same(nextAlarm(s.state), { at: closesAt(s), command: 'ReleaseQuotes' });
  t.equal(s.refusal('ReleaseQuotes', {}, clock, { at: closesAt(s) - 1 }), 'before_its_time');
  t.equal(s.refusal('ReleaseQuotes', {}, clock, { at: closesAt(s), undecided: 1 }), 'acts_still_undecided');
  t.equal(s.refusal('ReleaseQuotes', {}, clock, { at: closesAt(s), quotes: null }), 'quotes_not_open');
  t.equal(s.refusal('ReleaseQuotes', {}, clock, { at: closesAt(s), quotes: new Map() }), 'quotes_not_open');
  quoteNow(s);
  const released = s.lines.at(-1);
  t.match(released?.entry.body, { quoted: 1, declined: 1 });
  t.match(released?.disclosed['rows'], [
    { bidder: FIRST, quote: { amount: '900001.00' } },
    { bidder: SECOND_BIDDER, quote: null, disclosure: null },
  ]);
  const nobody = quoteNow(quoting());
  t.match(nobody.lines.at(-1)?.entry.body, { quoted: 0, declined: 2 });
});

t.test('a suspension keeps the exact remainder of a running round, and moves no ended one', async (t) => {
  const s = quoteNow(quoting(), FIRST);
  const ended = closesAt(s);
  s.go('StartQuoteRound', {}, host);
  const left = closesAt(s) - s.now;
  suspend(s)
    .clockTo(s.now + 7 * MINUTE)
    .go('ResumeOpening', { reason: '恢复' }, host);
  t.equal(closesAt(s) - s.now, left);
  t.equal(s.state.quoteRounds[0]?.closesAt, ended);
});

t.test('an auditor finds a round that the rules did not allow', async (t) => {
  const { lines } = quoteNow(quoting(), FIRST, SECOND_BIDDER);
  t.same(audit(lines).problems, []);
  const ends = closesAt(quoting());
  const unlawful = 'step_not_lawful';
  t.ok(forge('QuoteRoundStarted', body({ closesAt: formatInstant(ends + 1) }), 0, lines).includes(unlawful));
  t.ok(forge('QuotesReleased', body({ effectiveAt: formatInstant(ends + 1) }), 0, lines).includes(unlawful));
  t.ok(forge('QuotesReleased', body({ declined: 3 }), 0, lines).includes(unlawful));
  const late = { receivedAt: formatInstant(ends) };
  t.same(
    forge('QuoteReceived', ({ entry }) => ({ entry: { ...entry, ...late } }), 1, lines),
    [unlawful],
  );
  t.same(forge('QuotesReleased', fields({ rows: 'none' }), 0, lines), ['event_does_not_fit']);
});
