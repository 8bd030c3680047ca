/** The fold never refuses: an event that does not fit is a corrupt log, named by its entry. */
import type { Json } from '../../../server/core/log/canonical.ts';
import { formatInstant } from '../../../server/core/log/instant.ts';
import { CorruptLogError } from '../../../server/core/opening/corrupt-log.ts';
import type { LoggedEvent } from '../../../server/core/opening/events.ts';
import { begin, evolve, learn } from '../../../server/core/opening/evolve.ts';
import { FITS } from '../../../server/core/opening/fits.ts';
import { PHASES } from '../../../server/core/opening/phases.ts';
import { readEvent } from '../../../server/core/opening/read-event.ts';
import { digest } from '../../support/opening-people.ts';
import { decryptNow, object, reach, recordNow, suspend } from '../../support/opening-phases.ts';
import { bidder, type Line, type Script } from '../../support/opening-script.ts';
import t from '../../support/tap.ts';

/** Folds one more event on the script's state. */
function fold(
  s: Script,
  type: LoggedEvent['type'],
  body: { readonly [member: string]: Json },
  more: { seq?: number; at?: number; receivedAt?: number } = {},
) {
  return evolve(s.state, { seq: s.state.size, at: s.now, ...more, type, body, fields: {} } as unknown as LoggedEvent);
}
const corrupt = (why: RegExp) => ({ name: 'CorruptLogError', code: 'event_does_not_fit', message: why });
const at = (instant: number): string => formatInstant(instant);

t.test('a log begins with its genesis, once', async (t) => {
  const lines = reach('Scheduled').lines;
  const events = lines.map((l: Line) => l.event);
  t.throws(() => begin(events[1] as LoggedEvent), corrupt(/begins with OpeningCreated/));
  t.throws(() => begin({ ...events[0], seq: 1 } as LoggedEvent), corrupt(/entry 1/));
  t.throws(() => fold(reach('Draft'), 'OpeningCreated', {}), corrupt(/OpeningCreated does not belong in Draft/));
});

t.test('numbers are dense and time does not go back', async (t) => {
  const s = reach('Sealed');
  const roster = { count: 4 };
  t.throws(() => fold(s, 'RosterPublished', roster, { seq: s.state.size + 1 }), corrupt(/expected entry 4/));
  t.throws(() => fold(s, 'RosterPublished', roster, { at: s.state.lastAt - 1 }), corrupt(/time goes back/));
  t.equal(
    fold(s, 'RosterPublished', roster, { at: s.state.lastAt }).phase,
    'RosterPublished',
    'the same instant is no step back',
  );
});

t.test('an event in a phase where it does not belong', async (t) => {
  const s = reach('Decrypting');
  for (const [type, phases] of Object.entries(FITS))
    for (const phase of PHASES.filter((p) => !phases.includes(p)))
      t.throws(
        () => fold(s.inPhase(phase), type as LoggedEvent['type'], {}),
        corrupt(/does not belong/),
        `${type} in ${phase}`,
      );
});

t.test('an impossible instant is a corrupt log as well', async (t) => {
  const s = reach('Scheduled');
  t.throws(() => fold(s, 'CheckInOpened', { effectiveAt: '2026-02-30T00:00:00.000Z' }), corrupt(/no such date/));
  const genesis = s.lines[0]?.event as LoggedEvent & { type: 'OpeningCreated' };
  const details = { ...genesis.body.details, deadlineAt: '2026-02-30T00:00:00.000Z' };
  t.throws(() => begin({ ...genesis, body: { ...genesis.body, details } }), corrupt(/no such date/));
});

t.test('another policy, deadline or window than the one that stands', async (t) => {
  t.throws(
    () => fold(reach('Draft'), 'OpeningPublished', { policyHash: digest('other'), checkInOpensAt: at(0) }),
    corrupt(/another policy/),
  );
  t.throws(
    () => fold(reach('CheckIn'), 'BidsSealed', { effectiveAt: at(0), envelopesRoot: digest('') }),
    corrupt(/than the deadline/),
  );
  const key = { kid: digest('k'), windowKey: {}, holders: [] };
  t.throws(
    () => fold(reach('RosterPublished'), 'WindowOpened', { ...key, opensAt: at(5), closesAt: at(5) }),
    corrupt(/an empty window/),
  );
  t.throws(
    () => fold(reach('Decrypting'), 'WindowExtended', { closesAt: at(5), extraMs: 5, reason: 'x' }),
    corrupt(/does not add up/),
  );
});

t.test('a bidder, attempt or objection that is not there', async (t) => {
  const s = decryptNow(reach('Decrypting'), 1);
  t.throws(() => fold(s, 'ChallengeAcknowledged', { bidder: 5 }), corrupt(/no bidder 5/));
  t.throws(
    () => fold(s, 'DecryptionReceived', { bidder: 2, attempt: 2 }, { receivedAt: s.now }),
    corrupt(/not counted one by one/),
  );
  t.throws(() => fold(s, 'DecryptionReceived', { bidder: 2, attempt: 1 }), corrupt(/without its receipt/));
  t.throws(() => fold(s, 'BidDecrypted', { bidder: 1, attempt: 1 }), corrupt(/no such attempt waits/));
  t.throws(() => fold(s, 'ObjectionRaised', { objection: 2, bidder: 1 }), corrupt(/not counted one by one/));
  t.throws(() => fold(s, 'ObjectionAnswered', { objection: 1 }), corrupt(/objection 1 is not open/));
  t.throws(
    () => fold(object(s, 1), 'AnswerDisputed', { objection: 1, bidder: 1 }),
    corrupt(/objection 1 is not answered/),
  );
});

t.test('another record than the one that stands', async (t) => {
  const s = reach('RecordConfirm');
  t.throws(
    () => fold(s, 'RecordIssued', { version: 3, recordSha256: digest('r'), confirmBy: at(s.now) }),
    corrupt(/not dense/),
  );
  t.throws(() => fold(s, 'RecordSigned', { bidder: 1, ...recordNow(s), version: 2 }), corrupt(/another record/));
  t.throws(
    () => fold(s, 'RecordRefused', { bidder: 1, ...recordNow(s), recordSha256: digest('r') }),
    corrupt(/another record/),
  );
  t.throws(() => fold(s, 'ConfirmationsTimedOut', { version: 2, effectiveAt: at(s.now) }), corrupt(/another version/));
  t.throws(() => fold(s, 'OpeningClosed', { ...recordNow(s), version: 2 }), corrupt(/another version/));
});

t.test('suspended twice, resumed from nothing or from another', async (t) => {
  const s = reach('Decrypting');
  t.throws(() => fold(s, 'OpeningResumed', { since: at(s.now), frozenMs: 0 }), corrupt(/not suspended/));
  suspend(s);
  t.throws(
    () => fold(s, 'OpeningSuspended', { cause: 'host', since: at(s.now), reason: 'x' }),
    corrupt(/suspended twice/),
  );
  t.throws(() => fold(s, 'OpeningResumed', { since: at(s.now - 1), frozenMs: 1 }), corrupt(/another suspension/));
  t.throws(() => fold(reach('CheckIn'), 'ResumeProposed', { reason: 'x' }), corrupt(/not suspended/));
});

t.test('an entry that is no event of the catalogue, or not of its shape', async (t) => {
  const { entry, disclosed } = reach('Scheduled').lines[1] as Line;
  const read = (changes: object, values: object = disclosed) =>
    readEvent({ ...entry, ...changes }, values as Record<string, unknown>);
  t.match(read({}), { type: 'OpeningPublished', seq: 1, fields: { who: { known: true } } });
  t.match(read({}, {}), { fields: { who: { known: false }, source: { known: false }, act: { known: false } } });
  t.throws(() => read({ type: 'BidOpened' }), corrupt(/no event is called BidOpened/));
  t.throws(() => read({ type: 'constructor' }), corrupt(/no event is called/));
  t.throws(() => read({ body: { ...entry.body, more: 1 } }), corrupt(/not a OpeningPublished/));
  t.throws(() => read({ commit: {} }), corrupt(/withholds act,source,who/));
  t.throws(() => read({ commit: { ...entry.commit, price: digest('p') } }), corrupt(/withholds/));
});

t.test('a roster from before its certificates were named is read, and nothing less of it', async (t) => {
  const line = reach('RosterPublished').lines.find(({ entry }) => entry.type === 'RosterPublished') as Line;
  const { certificates: _certificates, ...commit } = line.entry.commit;
  const { certificates: _values, ...disclosed } = line.disclosed as Record<string, unknown>;
  const read = (of: object) => readEvent({ ...line.entry, commit: of as typeof commit }, disclosed);
  t.match(read(commit), {
    type: 'RosterPublished',
    fields: { certificates: { known: false }, roster: { known: true } },
  });
  const { roster: _roster, ...less } = commit;
  t.throws(() => read(less), corrupt(/withholds/));
});

t.test('what is learnt later has its shape, and other fields change nothing', async (t) => {
  const { state } = reach('RosterPublished');
  t.throws(() => learn(state, 'BidsSealed', 'lodgements', [{}]), corrupt(/no such lodgements/));
  t.equal(learn(state, 'WindowOpened', 'who', {}), state);
  t.ok(new CorruptLogError(3, 'x') instanceof Error);
});

t.test('folding changes no earlier state', async (t) => {
  const s = reach('Decrypting');
  const before = s.state;
  const frozen = JSON.stringify(before);
  decryptNow(s, 1).go('RaiseObjection', { text: '异议' }, bidder(1));
  t.equal(JSON.stringify(before), frozen);
});
