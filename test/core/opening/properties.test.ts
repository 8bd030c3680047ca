/** Random openings: no command leaves the table, no fold throws, every viewer's replay agrees, and the audit finds nothing. */

import fc from 'fast-check';
import { formatInstant } from '../../../server/core/log/instant.ts';
import { nextAlarm } from '../../../server/core/opening/alarms.ts';
import { createAudit } from '../../../server/core/opening/audit.ts';
import { COMMAND_TYPES, COMMANDS, type Command, type CommandType } from '../../../server/core/opening/commands.ts';
import { decide } from '../../../server/core/opening/decide.ts';
import { isErasable } from '../../../server/core/opening/erasure.ts';
import { type LoggedEvent, withheld } from '../../../server/core/opening/events.ts';
import { begin, evolve, learn } from '../../../server/core/opening/evolve.ts';
import { halfOpenBids } from '../../../server/core/opening/layer.ts';
import { phaseCell } from '../../../server/core/opening/phases.ts';
import { WITNESS_POINTS } from '../../../server/core/opening/policy.ts';
import { PEOPLE, type PersonRole, type Role } from '../../../server/core/opening/roles.ts';
import { isUndecided, type OpeningState } from '../../../server/core/opening/state.ts';
import { nextAttempt } from '../../../server/core/opening/steps/window.ts';
import { canSee, RELEASES, roleSees } from '../../../server/core/opening/visibility.ts';
import { sha256 } from '../../../server/hash.ts';
import { digest } from '../../support/opening-people.ts';
import {
  BLIND,
  BLIND_DEALT,
  BUILT,
  DEALT,
  DETOURS,
  LAYER,
  promiseOf,
  quoteOf,
  REMEDY,
  reach,
  type STANDS,
  shareOf,
} from '../../support/opening-phases.ts';
import {
  clock,
  host,
  type Line,
  refusalOf,
  type Script,
  SECOND,
  scriptedShare,
  WINDOW_KEY,
} from '../../support/opening-script.ts';
import t from '../../support/tap.ts';

/** One wish: who asks what, with which numbers, how long after the one before. */
type Wish = {
  pick: number;
  astray: boolean;
  role: Role | null;
  number: number;
  choice: number;
  afterMs: number;
  onTime: boolean;
};
/** Where a blind window takes another course. */
const BLIND_STANDS = {
  'blind window': 'Decrypting',
  'blind unsealing': 'TendererDecrypting',
  'blind remedy': 'Remedy',
} as const satisfies Record<string, (typeof STANDS)[number]>;
type BlindStand = keyof typeof BLIND_STANDS;
type Stand = (typeof STANDS)[number] | BlindStand;
const isBlindStand = (stand: Stand): stand is BlindStand => Object.hasOwn(BLIND_STANDS, stand);

const seldom = fc.integer({ min: 0, max: 7 }).map((n) => n === 0);
const wish: fc.Arbitrary<Wish> = fc.record({
  pick: fc.nat(),
  astray: seldom,
  role: fc.oneof(
    { weight: 1, arbitrary: fc.constantFrom<Role>(...PEOPLE, 'clock', 'platform') },
    { weight: 9, arbitrary: fc.constant(null) },
  ),
  number: fc.integer({ min: 0, max: 5 }),
  choice: fc.nat(2),
  afterMs: fc.oneof(fc.constant(0), fc.nat(90 * SECOND), fc.nat(40 * 60 * SECOND)),
  onTime: fc.boolean(),
});
const start = fc.constantFrom<Stand>(
  ...BUILT.slice(0, BUILT.indexOf('Archived')),
  ...DETOURS,
  ...(Object.keys(BLIND_STANDS) as BlindStand[]),
);
const course = fc.tuple(start, fc.array(wish, { maxLength: 60, size: 'max' }));

const OF_CENTRE = ['witness', 'supervisor', 'auditor'] as const;
const OF_TENDERER = ['host', 'tenderer', 'host'] as const;
const VERDICTS = ['deemed_revoked', 'deemed_withdrawn', 'unknown'] as const;
const FAILURES = [null, 'wrong_key', 'storage_unreadable'] as const;

/** Data of the command's shape that has a chance of being accepted. */
function dataOf(s: Script, type: CommandType, role: Role, { number, choice }: Wish): unknown {
  const { state } = s;
  const record = {
    version: Math.max(1, (state.record?.version ?? 1) - (choice === 2 ? 1 : 0)),
    recordSha256: state.record?.sha256 ?? digest('none'),
  };
  const one = Math.max(1, number);
  const party = role === 'witness' ? null : one;
  const waiting = state.bids.find(isUndecided) ?? state.bids[one - 1];
  const reason = '随机';
  const given = (role === 'operator' ? OF_CENTRE : OF_TENDERER)[choice];
  const special: Partial<Record<CommandType, unknown>> = {
    AmendDraft: {
      details: state.details,
      policy: {
        ...state.policy,
        ceilingPrice: choice === 0 ? null : `100000${choice}.00`,
        tendererLayer: number === 5 ? LAYER : false,
        blindWindow: number === 4 ? LAYER : false,
      },
    },
    AssignRole: { account: `someone/${number}`, role: given },
    WithdrawRole: { account: `someone/${number}`, role: given, reason },
    RescheduleOpening: {
      deadlineAt: formatInstant(state.deadlineAt + (number + 1) * 86_400_000),
      place: '2 号厅',
    },
    RecordScan: {
      damaged: choice === 0 ? [] : [{ bidder: one, failure: 'stored_bytes_differ' }],
      atSealing: choice === 2 ? [] : null,
    },
    CommitShare: promiseOf(s, party),
    RevealShare: {
      round: state.drawing?.round ?? 1,
      share: choice === 0 ? digest('another') : scriptedShare(party),
    },
    ExtendWindow: { extraMs: (number + 1) * 600_000, reason },
    AcknowledgeChallenge: { kid: choice === 0 ? digest('other') : (state.window?.kid ?? digest('none')) },
    DecryptBid: { jweSha256: digest(`jwe ${number}`) },
    SubmitQuote: quoteOf(s, one),
    SubmitBackup: { jweSha256: digest(`jwe ${number}`) },
    RecordDecryption: {
      bidder: waiting?.bidder ?? one,
      attempt: nextAttempt(waiting) ?? Math.max(1, waiting?.attempts.length ?? 1),
      failure: FAILURES[choice],
    },
    OfferHolderKey: { key: WINDOW_KEY },
    DealOpeningKey: state.policy.blindWindow === false ? DEALT : BLIND_DEALT,
    AcknowledgeShare: { secretCommit: choice === 0 ? digest('another') : DEALT.secretCommit },
    UnsealLayer: choice === 0 ? { commitment: digest('another'), sealed: 'a.b.c.d.e' } : shareOf(s, one),
    RecordLayer: {
      bidder: halfOpenBids(state)[0]?.bidder ?? one,
      failure: ([null, 'layer_wrong_key', 'layer_not_opened'] as const)[choice],
    },
    GiveRuling: { bidder: one, verdict: VERDICTS[choice], reason },
    IssueRecord: { note: choice === 0 ? '' : `第${choice}次更正` },
    SignRecord: record,
    RefuseRecord: { ...record, reason },
    AttestClose: record,
    RaiseObjection: { text: '异议' },
    AnswerObjection: { objection: one, text: '答复' },
    DisputeAnswer: { objection: one, reason },
    RecordRefusedAttempt: { bidder: one, attempt: 'late_decryption' },
    Say: { text: '话', to: choice === 0 ? 'all' : choice === 1 ? 'host' : one },
    Mute: { bidder: one, reason },
    Unmute: { bidder: one },
    CorrectEmergency: {
      correction:
        choice === 0
          ? { kind: 'reopen_ruling', bidder: one }
          : choice === 1
            ? { kind: 'strike_attempt', bidder: one }
            : { kind: 'record_text', member: 'place', text: `${number} 号厅` },
      reason,
    },
    ConfirmCorrection: { number: Math.max(1, state.corrections.length - (choice === 0 ? 1 : 0)) },
    ProposeErasure: { seq: number, field: 'source', basis: choice === 0 ? 'ordered' : 'purpose_over', reason },
    ConfirmErasure: { number: Math.max(1, state.erasures.length - (choice === 0 ? 1 : 0)) },
    GiveNotice: { text: '通知' },
    AcknowledgeNotice: { notice: one },
    AcknowledgePoint: { point: WITNESS_POINTS[number % WITNESS_POINTS.length], note: '' },
  };
  if (special[type] !== undefined) return special[type];
  return Object.hasOwn(COMMANDS[type].data.properties, 'reason') ? { reason } : {};
}

/** Most wishes are for something that the phase allows, and few of them for the end; or no opening would ever come far. */
function typeOf(s: Script, { pick, astray }: Wish): CommandType {
  const possible = COMMAND_TYPES.filter((type) => phaseCell(s.state.phase, type) === 'yes' && !type.endsWith('Abort'));
  const types = astray || possible.length === 0 ? COMMAND_TYPES : possible;
  return types[pick % types.length] ?? 'Seal';
}

const standing = new Map<string, Script>();
function standIn(stand: Stand): Script {
  const s = standing.get(stand) ?? reachStand(stand);
  standing.set(stand, s);
  return s.fork();
}
function reachStand(stand: Stand): Script {
  if (stand === 'blind remedy') {
    const s = reach('TendererDecrypting', { policy: { ...BLIND, remedy: REMEDY } });
    s.clockTo(s.state.layer.unsealing?.closesAt ?? 0).go('CloseUnsealing', {}, clock);
    return s.go('OpenRemedy', {}, host);
  }
  return isBlindStand(stand) ? reach(BLIND_STANDS[stand], { policy: BLIND }) : reach(stand);
}

/** Plays the wishes; `seen` hears of each decision. The script's own `go` checks bodies against schemas and events against origins. */
function play(
  [phase, wishes]: readonly [Stand, readonly Wish[]],
  seen: (s: Script, command: Command, refused: string | undefined) => void = () => {},
): Script {
  const s = standIn(phase);
  for (const w of wishes) {
    const alarm = nextAlarm(s.state);
    const isClock = w.onTime && alarm !== null && w.choice === 0;
    const type = isClock ? alarm.command : typeOf(s, w);
    const { roles } = COMMANDS[type];
    const role: Role = w.role ?? (roles[w.choice % roles.length] as Role);
    const at = type === alarm?.command && w.onTime ? Math.max(s.now, alarm.at) : s.now + w.afterMs;
    const actor = { role, ...(role === 'bidder' && w.number > 0 ? { bidder: w.number } : {}) };
    const data = dataOf(s, type, role, w);
    const outageSince = Math.max(0, at - 60 * SECOND);
    const facts = {
      at,
      undecided: w.number === 0 ? 1 : 0,
      outageSince,
      cosigned: w.choice !== 1,
      isErasable: w.choice !== 1 && isErasable(s.lines[w.number]?.entry.type ?? '', 'source'),
      sealedQuote: { isSound: true, isRepeated: s.quoters().includes(w.number) },
      // one person in each role here: whoever offered in this role is the one who acts
      ownHolder: s.state.layer.holders.find((one) => one.role === role)?.holder ?? null,
      layerShare: { share: w.choice === 2 ? null : 'AAAA', isSound: w.choice === 1 },
    };
    const command = { type, data, actor } as unknown as Command;
    const refused = refusalOf(decide(s.state, command, s.facts(facts)));
    seen(s, command, refused);
    if (refused === undefined) s.go(type, data as never, actor, facts);
  }
  return s;
}

const replay = (events: readonly LoggedEvent[]): OpeningState =>
  events.slice(1).reduce(evolve, begin(events[0] as LoggedEvent));
const eventsOf = (s: Script): LoggedEvent[] => s.lines.map((l) => l.event);

t.test('random commands never leave the table', async (t) => {
  const accepted = new Set<string>();
  fc.assert(
    fc.property(course, (c) => {
      play(c, (s, command, refused) => {
        const cell = phaseCell(s.state.phase, command.type);
        const roles: readonly Role[] = COMMANDS[command.type].roles;
        const expected = !roles.includes(command.actor.role) ? 'role_not_allowed' : cell !== 'yes' ? cell : refused;
        if (refused !== expected) throw new Error(`${command.type} in ${s.state.phase}: ${refused}, not ${expected}`);
        if (refused === undefined) accepted.add(command.type);
      });
    }),
    { numRuns: 120, seed: 20260302 },
  );
  t.ok(accepted.size >= 30, `${accepted.size} commands came through: ${[...accepted].sort().join(' ')}`);
});

t.test('a replay of the log is the live state, and every prefix folds', async (t) => {
  fc.assert(
    fc.property(course, fc.nat(), (c, cut) => {
      const s = play(c);
      const events = eventsOf(s);
      t.same(replay(events), s.state);
      const size = 1 + (cut % events.length);
      t.equal(replay(events.slice(0, size)).size, size);
    }),
    { numRuns: 60 },
  );
});

/** What every viewer must agree on, whatever it may see. */
function shared({
  phase,
  phaseSince,
  deadlineAt,
  window,
  bids,
  suspended,
  suspendedByHostMs,
  failure,
  drawing,
  remedy,
  layer,
  quoteRounds,
  size,
  objections,
  record,
}: OpeningState) {
  const heads = record === null ? null : { ...record, document: null, publicForm: null };
  return {
    phase,
    phaseSince,
    deadlineAt,
    window,
    bids,
    suspended,
    suspendedByHostMs,
    failure,
    drawing,
    remedy,
    layer: { ...layer, holders: layer.holders.map(({ holder, kid }) => [holder, kid]) },
    quoteRounds: quoteRounds.map((round) => ({ ...round, rows: round.rows === null ? null : 'released' })),
    size,
    record: heads,
    objections: objections.map((o) => [o.objection, o.bidder, o.status, o.raisedAt, o.answeredAt]),
  };
}

/** The event as a viewer gets it. */
function masked(event: LoggedEvent, shows: (field: string) => boolean): LoggedEvent {
  const fields = Object.fromEntries(
    Object.entries(event.fields).map(([name, value]) => [name, shows(name) ? value : withheld]),
  );
  return { ...event, fields } as LoggedEvent;
}

t.test('a viewer from whom everything is withheld reaches the same phase, windows and bids', async (t) => {
  fc.assert(
    fc.property(course, (c) => {
      const s = play(c);
      t.same(shared(replay(eventsOf(s).map((e) => masked(e, () => false)))), shared(s.state));
    }),
    { numRuns: 50 },
  );
});

/** Folds a role's view live: fields as the rules show them, earlier ones learnt when an event releases them. */
function follow(lines: readonly Line[], role: PersonRole, bidder?: number): OpeningState {
  let state: OpeningState | null = null;
  const past: LoggedEvent[] = [];
  const viewer = { role, ...(bidder === undefined ? {} : { bidder }) };
  for (const { event } of lines) {
    const full: OpeningState =
      state === null
        ? begin(event)
        : evolve(
            state,
            masked(event, () => false),
          );
    const shows = (field: string): boolean => canSee(viewer, { type: event.type, field, body: event.body }, full);
    state = state === null ? begin(masked(event, shows)) : evolve(state, masked(event, shows));
    const release = RELEASES[event.type];
    for (const earlier of past.filter((e) => e.type === release?.type))
      for (const field of release?.fields ?? []) {
        const value = earlier.fields[field];
        const isShown = roleSees(role, { type: earlier.type, field, body: earlier.body }, state);
        if (value?.known && isShown) state = learn(state, earlier.type, field, value.value);
      }
    past.push(event);
  }
  if (state === null) throw new Error('an empty log');
  return state;
}

t.test('every role, following live or coming late, ends with the same state', async (t) => {
  fc.assert(
    fc.property(course, fc.constantFrom(...PEOPLE), (c, role) => {
      const s = play(c);
      const number = role === 'bidder' ? 2 : undefined;
      const live = follow(s.lines, role, number);
      const viewer = { role, ...(number === undefined ? {} : { bidder: number }) };
      const late = replay(
        eventsOf(s).map((e) => masked(e, (field) => canSee(viewer, { type: e.type, field, body: e.body }, s.state))),
      );
      t.same(live, late);
      t.same(shared(live), shared(s.state));
    }),
    { numRuns: 50 },
  );
});

t.test('decide is pure: the same question gets the same answer and leaves the state as it was', async () => {
  fc.assert(
    fc.property(course, (c) => {
      play(c, (s, command) => {
        const facts = s.facts({ at: s.now });
        const before = JSON.stringify(s.state);
        const [first, second] = [
          decide(s.state, command, withOutage(facts)),
          decide(s.state, command, withOutage(facts)),
        ];
        if (JSON.stringify(first) !== JSON.stringify(second)) throw new Error(`${command.type} twice`);
        if (JSON.stringify(s.state) !== before) throw new Error(`${command.type} changed the state`);
      });
    }),
    { numRuns: 15 },
  );
});
const withOutage = <T extends { at: number }>(facts: T) => ({ ...facts, outageSince: facts.at });

t.test('the audit finds nothing in any log that decide has made', async (t) => {
  fc.assert(
    fc.property(course, (c) => {
      const audit = createAudit(sha256);
      const s = play(c);
      for (const { entry, disclosed } of s.lines) audit.add(entry, disclosed);
      t.same(
        audit.finish().problems.map((p) => `${p.seq} ${p.code}`),
        [],
      );
      t.equal(audit.finish().complete, s.state.phase === 'Archived');
    }),
    { numRuns: 80 },
  );
});

t.test(
  'the next alarm is always a command that the clock may send, and a due one is only refused for acts that wait',
  async (t) => {
    fc.assert(
      fc.property(course, (c) => {
        const { state, facts } = play(c);
        const alarm = nextAlarm(state);
        if (alarm === null) return;
        const at = Math.max(alarm.at, state.lastAt);
        const command = { type: alarm.command, data: {}, actor: { role: 'clock' } } as unknown as Command;
        const refused = refusalOf(decide(state, command, facts({ at })));
        t.ok(
          refused === undefined || refused === 'acts_still_undecided',
          `${alarm.command} in ${state.phase}: ${refused}`,
        );
        if (alarm.at > state.lastAt)
          t.equal(refusalOf(decide(state, command, facts({ at: alarm.at - 1 }))), 'before_its_time');
      }),
      { numRuns: 80 },
    );
  },
);
