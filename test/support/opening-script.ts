/** An opening played without a server: given a state, when a command comes, then events are logged, read back and folded. */
import { Check } from 'typebox/schema';
import { toBase64, toBase64Url } from '../../server/core/log/base64.ts';
import { canonicalise, type Json } from '../../server/core/log/canonical.ts';
import { makeDisclosure } from '../../server/core/log/disclosure.ts';
import type { Entry } from '../../server/core/log/entry.ts';
import { formatInstant } from '../../server/core/log/instant.ts';
import { utf8 } from '../../server/core/log/utf8.ts';
import { COMMANDS, type Command, type CommandData, type CommandType } from '../../server/core/opening/commands.ts';
import { decide } from '../../server/core/opening/decide.ts';
import type { Decision } from '../../server/core/opening/decision.ts';
import type { Details } from '../../server/core/opening/details.ts';
import { shareCommitment } from '../../server/core/opening/draw.ts';
import { envelopesRootOf } from '../../server/core/opening/envelopes-root.ts';
import { EVENTS, type LoggedEvent, type NewEvent } from '../../server/core/opening/events.ts';
import { begin, evolve } from '../../server/core/opening/evolve.ts';
import type { Facts, OpenedList, RegisterFacts } from '../../server/core/opening/facts.ts';
import { isMachine, ORIGINS, type Origin } from '../../server/core/opening/origins.ts';
import { type Policy, PROFILES, type ProfileName } from '../../server/core/opening/policy.ts';
import { readEvent } from '../../server/core/opening/read-event.ts';
import {
  decideRegister,
  emptyRegister,
  evolveRegister,
  freezeRegister,
  type RegisterCommand,
  type RegisterCommandType,
  type RegisterDecision,
  type RegisterState,
  type RegisterWho,
} from '../../server/core/opening/register.ts';
import type { Actor } from '../../server/core/opening/roles.ts';
import { isDecrypted, type OpeningState } from '../../server/core/opening/state.ts';
import { createOpening } from '../../server/core/opening/steps/sealing.ts';
import { sha256 } from '../../server/hash.ts';
import {
  actOf,
  bidderWho,
  digest,
  lodgedBid,
  OPENING_ID,
  ORIGIN,
  openingListOf,
  PLATFORM,
  staffWho,
} from './opening-people.ts';

export const SECOND = 1_000;
export const MINUTE = 60_000;
export const HOUR = 3_600_000;
/** The deadline of every scripted opening. */
export const DEADLINE = Date.parse('2026-03-02T01:00:00.000Z');

/** One entry as it would stand on the log, with every disclosure known. */
export type Line = {
  readonly entry: Entry;
  readonly disclosed: Readonly<Record<string, Json>>;
  readonly event: LoggedEvent;
  readonly origin: Origin;
};

export type Setting = {
  readonly profile?: ProfileName;
  readonly policy?: Partial<Policy>;
  readonly details?: Partial<Details>;
};

type RegisterAct = Pick<RegisterCommand, 'type' | 'data'>;

export type Script = {
  readonly state: OpeningState;
  readonly lines: readonly Line[];
  readonly register: RegisterState;
  readonly now: number;
  /** What decide is told now, with changes. */
  facts(changes?: Partial<Facts>): Facts;
  registerFacts(): RegisterFacts;
  /** Who has quoted in the last round. */
  quoters(): readonly number[];
  /** What a bidder offers in the last round: the disclosure it seals, and its digest. */
  offerOf(number: number): { readonly disclosure: string; readonly digest: string };
  /** Moves the clock to an instant. */
  clockTo(at: number): Script;
  /** A copy that goes its own way. */
  fork(): Script;
  /** The same opening said to stand in another phase, for cells that no script can reach yet. */
  inPhase(phase: OpeningState['phase']): Script;
  /** What decide says; nothing is changed. */
  ask<T extends CommandType>(type: T, data: CommandData<T>, actor: Actor, changes?: Partial<Facts>): Decision;
  /** The refusal's code, or undefined when it would be accepted. */
  refusal<T extends CommandType>(
    type: T,
    data: CommandData<T>,
    actor: Actor,
    changes?: Partial<Facts>,
  ): string | undefined;
  /** Carries a command out: its events are logged, read back and folded. Throws on a refusal. */
  go<T extends CommandType>(type: T, data: CommandData<T>, actor: Actor, changes?: Partial<Facts>): Script;
  /** What the register says to a bidder's act. */
  askRegister(index: number, act: RegisterAct, receivedAt?: number): RegisterDecision;
  /** Carries a bidder's act out on the register. Throws on a refusal. */
  act(index: number, type: RegisterCommandType, data: Json, receivedAt?: number): Script;
  /** Lodges a bid for a bidder who has none. */
  lodge(index: number, changes?: Parameters<typeof lodgedBid>[2], receivedAt?: number): Script;
};

type Snapshot = {
  state: OpeningState;
  lines: readonly Line[];
  register: RegisterState;
  numbers: readonly number[];
  now: number;
};

export const host: Actor = { role: 'host' };
export const tenderer: Actor = { role: 'tenderer' };
export const witness: Actor = { role: 'witness' };
export const supervisor: Actor = { role: 'supervisor' };
export const operator: Actor = { role: 'operator' };
export const clock: Actor = { role: 'clock' };
export const platform: Actor = { role: 'platform' };
export const bidder = (number: number): Actor => ({ role: 'bidder', bidder: number });

/** Who holds which role when a scripted opening begins. */
export const STAFF = (['host', 'tenderer', 'witness', 'supervisor', 'auditor'] as const).map((role) => ({
  account: staffWho(role)?.account ?? role,
  role,
}));

const DETAILS: Details = {
  title: '河西走廊灌区改造工程',
  project: { code: 'P-1', name: '灌区改造' },
  lot: { code: 'LOT-1', name: '一标段' },
  tenderer: '张掖市水务局',
  agency: '甘肃某招标代理有限公司',
  place: '张掖市公共资源交易中心 1 号厅',
  deadlineAt: formatInstant(DEADLINE),
};

/** The platform's shares of the three rounds there can be. */
/** What stands for the certificate of an opening key where nothing is sealed. */
export const OPENING_CERTIFICATE = toBase64(utf8('the certificate of an opening key'));
export const OPENING_CERT_SHA256 = toBase64Url(sha256(utf8('the certificate of an opening key')));
const PLATFORM_SHARES = [1, 2, 3].map((round) => digest(`platform share ${round}`));

/** RFC 7638, as the audit computes it again. */
const thumbprintOf = (key: Json): string => digest(canonicalise(key));
/** What the holders of a blind window were dealt, and what they seal their shares to. */
export const BLIND_KEY = { kty: 'EC', crv: 'P-256', x: digest('blind x'), y: digest('blind y') } as const;
export const BLIND_KID = thumbprintOf(BLIND_KEY);
const SHARE_KEY = { kty: 'EC', crv: 'P-256', x: digest('share x'), y: digest('share y') } as const;
export const WINDOW_KEY = { kty: 'EC', crv: 'P-256', x: digest('window x'), y: digest('window y') } as const;

/** The share that a party of a scripted drawing holds; null is the witness. */
export const scriptedShare = (party: number | null): string => digest(`share of ${party ?? 'the witness'}`);

/** What is refused, as the code alone; undefined when it was accepted. */
export function refusalOf(decision: Decision | RegisterDecision): string | undefined {
  return 'refused' in decision ? decision.refused : undefined;
}

export function makeCommand<T extends CommandType>(type: T, data: CommandData<T>, actor: Actor): Command {
  if (!Check(COMMANDS[type].data, data)) throw new Error(`not the data of ${type}: ${JSON.stringify(data)}`);
  return { type, data, actor } as unknown as Command;
}

/** The defaults of a profile, without points for the witness: a script that wants them says so. */
const unwitnessed = (profile: ProfileName): Policy => ({ ...PROFILES[profile].defaults, witnessPoints: [] });

/** Starts an opening in Draft, one day before its deadline. */
export function openingScript(setting: Setting = {}): Script {
  const profile = setting.profile ?? 'engineering';
  const created = createOpening(
    {
      openingId: OPENING_ID,
      platform: PLATFORM,
      profile,
      details: { ...DETAILS, ...setting.details },
      policy: { ...unwitnessed(profile), ...setting.policy },
      vkey: `${ORIGIN}+00000000+AAAA`,
      cosigners: { quorum: 0, vkeys: [] },
      drawCommitments: PLATFORM_SHARES.map((share, i) =>
        shareCommitment({ openingId: OPENING_ID, round: i + 1 }, { sharer: 'platform', share }, digest),
      ),
      assignments: STAFF,
      production: profile !== 'rehearsal',
    },
    { digest },
  );
  if ('refused' in created) throw new Error(`not created: ${created.refused}`);
  const now = DEADLINE - 24 * HOUR;
  const { details, policy } = setting;
  const data = { profile, details: { ...DETAILS, ...details }, policy: { ...unwitnessed(profile), ...policy } };
  const lines = created.events.map((event) => lineOf(event, 0, now, now, host, 'CreateOpening', data, []));
  const [first] = lines;
  if (first === undefined) throw new Error('nothing was created');
  return resume({ state: begin(first.event), lines, register: emptyRegister, numbers: [], now });
}
/** One event as the recorder would log it: who, source and act of people, null for machines, a digest for each field. */
function lineOf(
  event: NewEvent,
  seq: number,
  at: number,
  receivedAt: number,
  actor: Actor,
  origin: Origin,
  data: Json,
  known: readonly { bidder: number | undefined; who: RegisterWho }[],
): Line {
  const machine = isMachine(actor.role);
  const who = machine ? null : (known.find((k) => k.bidder === actor.bidder)?.who ?? staffWho(actor.role));
  const command = `c-${at}-${origin}`;
  const signedBy =
    origin === 'CreateOpening' || COMMANDS[origin].signedBy !== 'certificate' ? 'session' : 'certificate';
  const given: Record<string, unknown> = {
    who,
    source: who === null ? null : { address: '192.0.2.7', client: 'kaibiao test' },
    act: who === null ? null : actOf({ command, type: origin, data, who, signedBy }),
    ...event.fields,
  };
  const disclosed: Record<string, Json> = {};
  const commit: Record<string, string> = {};
  for (const name of Object.keys(EVENTS[event.type].withheld)) {
    if (given[name] === undefined) throw new Error(`${event.type} without ${name}`);
    disclosed[name] = given[name] as Json;
    commit[name] = makeDisclosure(sha256, sha256(utf8(`${seq} ${name}`)), name, given[name] as Json).digest;
  }
  const entry: Entry = {
    v: 1,
    log: ORIGIN,
    seq,
    at: formatInstant(at),
    ...(machine ? {} : { receivedAt: formatInstant(receivedAt) }),
    type: event.type,
    actor: { role: actor.role },
    command,
    body: event.body as Json & object as Entry['body'],
    commit,
  };
  return { entry, disclosed, event: readEvent(entry, disclosed), origin };
}

/** A script that goes on from a snapshot; two that go on from one do not disturb each other. */
function resume(from: Snapshot): Script {
  let { state, lines, register, numbers, now } = from;

  const registerFacts = (): RegisterFacts => {
    const frozen = freezeRegister(register, formatInstant, state);
    // a permutation that is not the identity wherever there are two
    const drawn = frozen.roster.map((_row, i) => (i % 2 === 0 ? Math.min(i + 2, frozen.roster.length) : i));
    return {
      ...frozen,
      envelopesRoot: envelopesRootOf(sha256, frozen.lodgements),
      numbers: numbers.length > 0 ? numbers : drawn,
    };
  };
  const indexOf = (number: number): number => {
    const { roster, numbers: drawn } = registerFacts();
    return Number(roster[drawn.indexOf(number)]?.creditCode.slice(-7));
  };
  /** Who has quoted in the last round. */
  const quoters = (): number[] =>
    lines.flatMap(({ entry, disclosed }) =>
      entry.type === 'QuoteReceived' && entry.body['round'] === state.quoteRounds.length
        ? [disclosed['quoter'] as number]
        : [],
    );
  const offerOf = (number: number) => {
    const { roster, numbers: drawn } = registerFacts();
    const round = state.quoteRounds.length;
    const creditCode = roster[drawn.indexOf(number)]?.creditCode ?? '';
    const quote = { kind: 'total', amount: `${900_000 + number}.00`, currency: 'CNY', unit: '元', inWords: '' };
    const offer = { v: 1, openingId: OPENING_ID, round, creditCode, quote };
    return makeDisclosure(sha256, sha256(utf8(`salt of ${number} in round ${round}`)), 'quote', offer);
  };
  const openedLists = (): OpenedList[] =>
    state.bids.filter(isDecrypted).map((bid) => {
      const { list, disclosure } = openingListOf(indexOf(bid.bidder));
      return { bidder: bid.bidder, disclosure, list };
    });
  const isBlind = (): boolean => state.policy.blindWindow !== false;
  const facts = (changes: Partial<Facts>): Facts => ({
    at: now,
    receivedAt: changes.at ?? now,
    digest,
    ownObjections: [],
    undecided: 0,
    assignee: { isOfficial: true, isDisabled: false },
    assigned: ['host', 'tenderer', 'witness', 'supervisor'],
    register: registerFacts(),
    windowKey: isBlind()
      ? { kid: thumbprintOf(SHARE_KEY), jwk: SHARE_KEY }
      : { kid: digest('window key'), jwk: WINDOW_KEY },
    sealedShare: { isSound: true },
    drawShares: {
      platform: PLATFORM_SHARES[(state.drawing?.round ?? 1) - 1] ?? '',
      opened: new Map(state.drawing?.shares.map(({ bidder }) => [bidder, scriptedShare(bidder)])),
    },
    ownHolder: null,
    openingKey: { sha256: isBlind() ? BLIND_KID : OPENING_CERT_SHA256, isInForm: true },
    layerShare: { share: null, isSound: false },
    sealedQuote: { isSound: true, isRepeated: false },
    quotes: new Map(quoters().map((number) => [number, offerOf(number).disclosure])),
    openedLists: openedLists(),
    manifest: {
      sha256: digest(canonicalise({ files: [] })),
      bids: state.bids.filter(isDecrypted).length,
      document: { files: [] },
    },
    cosigned: true,
    isErasable: true,
    outageSince: null,
    ...changes,
  });

  const script: Script = {
    get state() {
      return state;
    },
    get lines() {
      return lines;
    },
    get register() {
      return register;
    },
    get now() {
      return now;
    },
    facts: (changes = {}) => facts(changes),
    registerFacts,
    quoters,
    offerOf,
    clockTo(at) {
      now = at;
      return script;
    },
    fork: () => resume({ state, lines, register, numbers, now }),
    inPhase: (phase) => resume({ state: { ...state, phase }, lines, register, numbers, now }),
    ask: (type, data, actor, changes = {}) => decide(state, makeCommand(type, data, actor), facts(changes)),
    refusal: (type, data, actor, changes = {}) => refusalOf(script.ask(type, data, actor, changes)),
    go(type, data, actor, changes = {}) {
      const told = facts(changes);
      const decision = decide(state, makeCommand(type, data, actor), told);
      if ('refused' in decision) throw new Error(`${type} in ${state.phase} is refused: ${decision.refused}`);
      const people: { bidder: number | undefined; who: RegisterWho }[] =
        told.register?.numbers.map((n, i) => ({ bidder: n, who: whoOf(i) })) ?? [];
      const [own] = told.ownObjections;
      if (own !== undefined) people.push({ bidder: undefined, who: objectorOf(own) });
      for (const event of decision.events) {
        const origins: readonly Origin[] = ORIGINS[event.type];
        if (!origins.includes(type)) throw new Error(`${event.type} cannot come from ${type}`);
        const line = lineOf(event, state.size, told.at, told.receivedAt, actor, type, data as Json, people);
        state = evolve(state, line.event);
        lines = [...lines, line];
        if (event.type === 'RosterPublished') numbers = told.register?.numbers ?? [];
      }
      now = told.at;
      return script;
    },
    askRegister(index, act, receivedAt = now) {
      return decideRegister(register, state, { ...act, who: bidderWho(index) } as RegisterCommand, { receivedAt });
    },
    act(index, type, data, receivedAt = now) {
      const who = bidderWho(index);
      const decision = script.askRegister(index, { type, data } as RegisterAct, receivedAt);
      if ('refused' in decision) throw new Error(`${type} is refused: ${decision.refused}`);
      if ('repeats' in decision) return script;
      const command = `r-${register.size}`;
      const kept = {
        act: actOf({ command, type, data, who, signedBy: 'certificate' }),
        source: { address: '192.0.2.9', client: 'test' },
      };
      for (const event of decision.events) {
        const receiptSha256 = event.type === 'BidLodged' ? digest(`receipt ${event.body.bidId}`) : null;
        register = evolveRegister(register, { ...event, who, receivedAt, receiptSha256, ...kept });
      }
      return script;
    },
    lodge: (index, changes = {}, receivedAt = now) =>
      script.act(index, 'LodgeBid', lodgedBid(index, about(), { ...layerOf(index), ...changes }), receivedAt),
  };
  /** What a bid promises of its second layer, where an opening key was dealt. */
  const layerOf = (index: number) => {
    const { key } = state.layer;
    if (key === null || key.certSha256 === null) return {};
    const commits = { cekCommit: digest(`inner cek ${index}`), contentCommit: digest(`inner content ${index}`) };
    return { layer: { openingCertSha256: key.certSha256, ...commits } };
  };
  const about = () => ({ policyHash: state.policyHash, deadlineAt: state.details.deadlineAt });
  const whoOf = (row: number): RegisterWho => {
    const creditCode = registerFacts().roster[row]?.creditCode ?? '';
    return register.bidders.get(creditCode)?.who ?? bidderWho(row);
  };
  /** Who stands behind an objection; a script knows every field. */
  const objectorOf = (objection: number): RegisterWho => {
    const raised = lines.filter((l) => l.entry.type === 'ObjectionRaised')[objection - 1];
    return raised?.disclosed['who'] as unknown as RegisterWho;
  };
  return script;
}
