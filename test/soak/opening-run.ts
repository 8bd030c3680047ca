/** One opening of a simulation: its people with their viewers, what they send, and what is watched over while it goes on. */

import { toBase64 } from '../../server/core/log/base64.ts';
import type { Json } from '../../server/core/log/canonical.ts';
import { parseCheckpoint } from '../../server/core/log/checkpoint.ts';
import type { Sha256 } from '../../server/core/log/hash.ts';
import { formatInstant } from '../../server/core/log/instant.ts';
import { emptyRoot } from '../../server/core/log/merkle.ts';
import { parseNote } from '../../server/core/log/note.ts';
import { openingOrigin } from '../../server/core/log/origin.ts';
import { DECRYPTION_FAILURES, type DecryptionFailure } from '../../server/core/opening/findings.ts';
import { PHASES } from '../../server/core/opening/phases.ts';
import { type Policy, PROFILES } from '../../server/core/opening/policy.ts';
import type { PersonRole } from '../../server/core/opening/roles.ts';
import { numberOf, type OpeningState } from '../../server/core/opening/state.ts';
import { sha256 } from '../../server/hash.ts';
import type { Submission } from '../../server/recorder/submission.ts';
import type { Chance } from './chance.ts';
import { createCorrecting } from './correcting.ts';
import { createFurther } from './further-phases.ts';
import { createHolding } from './holding.ts';
import type { Network, Sent } from './network.ts';
import { type Person, STAFF, type Town } from './people.ts';
import { PLATFORM, type Platform, shortPolicy } from './platform.ts';
import {
  type BidderMemory,
  type BidderPlan,
  bidderWish,
  type Lists,
  type Mind,
  staffWish,
  type Temper,
  type Wish,
} from './programs.ts';
import { differenceOf } from './same-state.ts';
import type { Bell, SimWorld } from './sim-world.ts';
import { createStaffing } from './staffing.ts';
import { createViewer, type Shown, type Viewer } from './viewer.ts';
import { holds, ViolationError } from './violations.ts';

/** Most acts fall on such instants, so that several people, and several openings, act at once. */
const GRID_MS = 500;
/** So many of the openings ask for a second layer. */
const LAYERED_SHARE = 0.25;
/** Of them so many for a blind window instead. */
const BLIND_SHARE = 0.5;
/** From then on everybody only wants to come to an end; and then a supervisor ends it. */
const LATE_MS = 70_000;
const LAST_WORD_MS = 110_000;
/** No opening that people want to end takes longer. */
const LIFE_LIMIT_MS = 600_000;

/** That holders gave no key is found by the clock, of all that waits, and never of one decryption. */
const FOUND_BY_THE_VAULT = DECRYPTION_FAILURES.filter((failure) => failure !== 'window_key_not_given');
/** What a bidder says of its objection, which the supervision sees at once, also in an opening that never had a roster. */
const OF_OBJECTIONS: ReadonlySet<string> = new Set(['ObjectionRaised', 'AnswerDisputed']);

export type Bend = (viewer: Viewer, bytes: Uint8Array) => Uint8Array | null;

export type Surroundings = {
  readonly world: SimWorld;
  readonly platform: Platform;
  readonly network: Network;
  readonly town: Town;
  readonly bell: Bell;
  readonly bend?: Bend;
  readonly onBroken: (why: unknown) => void;
};

export type OpeningRun = {
  readonly openingId: string;
  readonly origin: string;
  readonly viewers: readonly Viewer[];
  readonly sent: readonly Sent[];
  readonly phases: ReadonlySet<string>;
  readonly lists: Lists;
  /** Begins: the host creates it. */
  begin(): void;
  /** Commands being signed. */
  signing(): number;
  /** What is watched over whenever everything has come to rest. Throws: ViolationError. */
  checkAtRest(): Promise<void>;
  /** The platform is gone: nobody sees anything any more. */
  cutAll(): void;
  /** Whether the log has ended and everyone who sent something knows what became of it. */
  isOver(): boolean;
  /** Brings every viewer to the end of the log, for the last checks. */
  gather(): Promise<void>;
  /** What the vault finds for a bidder. */
  verdict(creditCode: string, attempt: number): DecryptionFailure | null;
  /** What it finds under a bidder's own layer. */
  layerVerdict(creditCode: string): DecryptionFailure | null;
};

type Actor = {
  readonly person: Person | null;
  readonly viewer: Viewer;
  readonly plan: BidderPlan | null;
  readonly memory: BidderMemory;
  readonly chance: Chance;
  readonly pending: Set<string>;
  /** How many it has sent; its command ids are its own, whoever else acts at the same instant. */
  commands: number;
  wakesAt: number;
};

export function runOpening(openingId: string, chance: Chance, around: Surroundings): OpeningRun {
  const { world, platform, network, town, bell, onBroken } = around;
  const origin = openingOrigin(PLATFORM, openingId);
  const serverChance = chance.of('server');
  const createdAt = world.now();
  const isWild = chance.happens(0.35);
  const temper: Temper = {
    unlawful: isWild ? 0.08 : 0.01,
    suspends: isWild ? 0.05 : 0.005,
    aborts: isWild ? 0.015 : 0.002,
    objects: isWild ? 0.15 : 0.04,
    contests: isWild ? 0.3 : 0.05,
    extends: isWild ? 0.2 : 0.05,
    edge: isWild ? 0.5 : 0.2,
  };
  const layerChance = chance.of('layer');
  const shared: Policy['tendererLayer'] = layerChance.happens(LAYERED_SHARE)
    ? { holders: 3, threshold: 2, windowMs: 1_000 * layerChance.between(4, 8) }
    : false;
  const isBlind = layerChance.of('blind').happens(BLIND_SHARE);
  const holding = createHolding(openingId, layerChance);
  const further = createFurther(openingId, chance.of('further'));
  const correcting = createCorrecting(chance.of('correcting'));
  const staffing = createStaffing(chance.of('staffing'), town);
  const bidderCount = chance.pick([1, 2, 3, 3, 3, 4]);
  const firstCompany = chance.below(town.companies.length);
  const plans = Array.from({ length: bidderCount }, (_, n): BidderPlan => {
    const person = town.companies[(firstCompany + n) % town.companies.length];
    if (person === undefined) throw new Error('no such company');
    return {
      person,
      bids: chance.happens(0.95),
      replaces: chance.happens(0.2),
      withdraws: chance.happens(0.08),
      isSilent: chance.happens(0.12),
      wrongTries: chance.happens(0.15) ? chance.between(1, 3) : 0,
      failure: chance.pick(FOUND_BY_THE_VAULT),
    };
  });
  const lists: Lists = new Map();
  const sent: Sent[] = [];
  const phases = new Set<string>();
  const used = new Map<string, { command: string; data: Json }>();
  /** Every entry as the first viewer saw it. */
  const canon: string[] = [];
  const streaming = new Set<Viewer>();
  const secrets = {
    amounts: new Set<string>(),
    names: plans.flatMap(({ person }) => [person.who.creditCode, person.who.name]),
  };
  let isDirty = false;
  let signing = 0;
  let isCreated = false;

  const actors: Actor[] = [
    ...STAFF.map((role) => actor(role, town.staff[role], null)),
    ...(staffing.deputy === null ? [] : [actor('host', staffing.deputy, null)]),
    ...plans.map((plan) => actor('bidder', plan.person, plan)),
    actor('public', null, null),
  ];

  function actor(role: PersonRole, person: Person | null, plan: BidderPlan | null): Actor {
    const viewer = createViewer({
      openingId,
      role,
      person,
      now: world.now,
      onShown,
      onBroken: (_viewer, why) => onBroken(broken(why)),
      ...(around.bend && { bend: around.bend }),
    });
    return {
      person,
      viewer,
      plan,
      memory: { standing: null, lodged: 0, isWithdrawn: false, isCheckedIn: false, tried: new Set(), amounts: [] },
      chance: chance.of(`${role} ${person?.who.account ?? ''}`),
      pending: new Set(),
      commands: 0,
      wakesAt: Number.POSITIVE_INFINITY,
    };
  }

  function broken(why: unknown): unknown {
    return why instanceof ViolationError ? why : new ViolationError('viewer_prefix', openingId, String(why));
  }

  function wakeIn(one: Actor, least: number, most: number): void {
    const at = Math.ceil((world.now() + one.chance.between(least, most)) / GRID_MS) * GRID_MS;
    if (at >= one.wakesAt) return;
    one.wakesAt = at;
    world.within(serverChance, () =>
      world.after(at - world.now(), () => {
        if (one.wakesAt !== at) return;
        one.wakesAt = Number.POSITIVE_INFINITY;
        wake(one);
      }),
    );
  }

  /** Looks at what it was shown and does one thing. */
  function wake(one: Actor): void {
    const life = platform.life();
    const { viewer, person } = one;
    if (life !== null && !viewer.isSeated()) viewer.join(life.hall).catch(onBroken);
    const state = viewer.state();
    if (state?.phase === 'Archived' && viewer.isSeated()) return;
    wakeIn(one, 800, 3_000);
    if (one.chance.happens(0.01)) {
      viewer.cut();
      streaming.delete(viewer);
      return;
    }
    if (state === null || person === null || !staffing.mayAct(person, state)) return;
    const now = world.now();
    const mind: Mind = {
      chance: one.chance,
      temper,
      now,
      isLate: now > createdAt + LATE_MS,
      mustEnd: now > createdAt + LAST_WORD_MS,
    };
    const common = (): Wish | null =>
      one.plan === null
        ? ((person === staffing.deputy ? null : holding.wish(viewer.role, state, mind)) ??
          staffWish(viewer.role, state, mind))
        : bidderWish(one.plan, one.memory, state, mind, lists);
    const special =
      staffing.wish(person, state, mind) ??
      correcting.wish(viewer.role, state, mind) ??
      further.wish(person, state, mind);
    const wish = special === undefined ? common() : special;
    for (const amount of one.memory.amounts) secrets.amounts.add(amount);
    if (wish === null || one.pending.has(wish.type)) return;
    one.pending.add(wish.type);
    if (wish.at === undefined) void carryOut(one, person, wish, false);
    else world.after(wish.at - now, () => void carryOut(one, person, wish, true));
  }

  async function carryOut(one: Actor, person: Person, wish: Wish, isExact: boolean): Promise<void> {
    signing += 1;
    try {
      const before = used.get(person.who.account);
      const isReused = !isExact && before !== undefined && one.chance.happens(temper.unlawful / 10);
      const command = isReused
        ? before.command
        : `${openingId}-${one.viewer.role}-${person.who.creditCode.slice(-5)}-${one.commands++}`;
      const { type } = wish;
      const data = typeof wish.data === 'function' ? await wish.data() : wish.data;
      const iatSeconds = Math.floor(world.now() / 1_000);
      const act = await person.sign({ openingId, command, type, data, headSeen: headSeen(one), iatSeconds });
      if (!isReused) used.set(person.who.account, { command, data });
      const submission: Submission = {
        openingId,
        command,
        type,
        data,
        role: wish.role ?? person.role,
        who: person.who,
        act,
        source: { address: '192.0.2.1', client: 'simulation' },
        ...(wish.enclosure && { enclosure: wish.enclosure }),
      };
      const asked = network.send(submission, one.chance, { isExact, onEnd: (end) => onEnd(one, end) });
      // What stands under the id is the first command's; this one is only to be refused.
      if (!isReused) sent.push(asked);
    } catch (why) {
      onBroken(why);
    } finally {
      signing -= 1;
      bell.ring();
    }
  }

  function headSeen({ viewer, chance: own }: Actor): { size: number; root: string } {
    const note = viewer.checkpoint();
    if (note === null || own.happens(0.5)) return { size: 0, root: toBase64(emptyRoot(sha256 as Sha256)) };
    const { size, root } = parseCheckpoint(parseNote(note).text);
    return { size, root: toBase64(root) };
  }

  function onEnd(one: Actor, { submission, answer }: Sent): void {
    const { type, data } = submission;
    const { memory } = one;
    one.pending.delete(type);
    if (answer?.outcome === 'accepted') {
      if (type === 'LodgeBid') {
        memory.standing = String((data as { bidId?: unknown }).bidId);
        memory.lodged += 1;
      }
      if (type === 'WithdrawBid') {
        memory.standing = null;
        memory.isWithdrawn = true;
      }
      if (type === 'CheckIn') memory.isCheckedIn = true;
    }
    wakeIn(one, 100, 1_000);
  }

  function onShown(viewer: Viewer, shown: readonly Shown[]): void {
    isDirty = true;
    const state = viewer.state();
    if (state === null) return;
    phases.add(state.phase);
    checkPhase(state);
    for (let seq = Math.min(canon.length, viewer.texts.length - 1); seq < viewer.texts.length; seq++) {
      const text = viewer.texts[seq] ?? '';
      canon[seq] ??= text;
      holds(canon[seq] === text, 'viewer_prefix', openingId, () => `two viewers were shown two entries ${seq}`);
      checkSecrets(viewer, state, text, `entry ${seq}`, null);
    }
    for (const { value, type, field, seq } of shown)
      checkSecrets(viewer, state, JSON.stringify(value), `${field} of entry ${seq}`, type);
    for (const one of actors) if (one.viewer === viewer) wakeIn(one, 50, 1_500);
  }

  let phaseReached = 0;
  /** Phases are in the order of the table; an end may come at any time, and after the end the archive. */
  function checkPhase({ phase }: OpeningState): void {
    const at = PHASES.indexOf(phase);
    const isEnd = phase === 'Failed' || phase === 'Aborted' || phase === 'Archived';
    holds(at >= 0, 'phases_go_on', openingId, () => `no phase is called ${phase}`);
    if (!isEnd && at > phaseReached) phaseReached = at;
  }

  function checkSecrets(viewer: Viewer, state: OpeningState, text: string, where: string, type: string | null): void {
    const isAnnounced = state.prices !== null;
    if (!isAnnounced)
      for (const amount of secrets.amounts)
        holds(
          !text.includes(amount),
          'nothing_before_its_time',
          openingId,
          () => `a price in ${where}, to a ${viewer.role}`,
        );
    for (const { round, amount } of further.quotes) {
      const isReleased = state.quoteRounds.some((held) => held.round === round && held.rows !== null);
      const what = () => `a quote of round ${round} in ${where}, to a ${viewer.role}`;
      holds(isReleased || !text.includes(amount), 'nothing_before_its_time', openingId, what);
    }
    // From the roster on names are known; before, a supervisor may see who objected or disputed the answer, and everybody what is its own.
    if (state.bids.length > 0 || (viewer.role === 'supervisor' && type !== null && OF_OBJECTIONS.has(type))) return;
    const own = viewer.person === null ? [] : [viewer.person.who.creditCode, viewer.person.who.name];
    for (const name of secrets.names)
      holds(
        own.includes(name) || !text.includes(name),
        'nothing_before_its_time',
        openingId,
        () => `a bidder in ${where}, to a ${viewer.role}`,
      );
  }

  /** Who sees alike: of bidders only those on the roster, once there is one. */
  function sightNow(viewer: Viewer): string | null {
    const state = viewer.state();
    if (viewer.role !== 'bidder' || state === null || !state.roster.known) return viewer.sight;
    return numberOf(state, viewer.person?.who.creditCode ?? '') === null ? null : viewer.sight;
  }

  function checkFrames(): void {
    const bySight = new Map<string, { viewer: Viewer; frames: ReturnType<Viewer['takeFrames']> }[]>();
    for (const viewer of viewers) {
      const frames = viewer.takeFrames();
      const sight = sightNow(viewer);
      if (streaming.has(viewer) && viewer.isSeated() && sight !== null)
        bySight.set(sight, [...(bySight.get(sight) ?? []), { viewer, frames }]);
      if (viewer.isStreaming()) streaming.add(viewer);
      else streaming.delete(viewer);
    }
    for (const [sight, group] of bySight) {
      const [first, ...others] = group;
      for (const { frames } of others) {
        const isAlike =
          frames.length === first?.frames.length &&
          frames.every(({ bytes, at }, n) => bytes === first.frames[n]?.bytes && at === first.frames[n]?.at);
        holds(
          isAlike,
          'equal_release',
          openingId,
          () => `of ${sight} one has ${frames.length} frames, another ${first?.frames.length}`,
        );
      }
    }
  }

  async function checkFolds(): Promise<void> {
    const life = platform.life();
    if (life === null) return;
    const server = await life.recorder.stateOf(openingId);
    if (server === null) return;
    for (const viewer of viewers) {
      const state = viewer.state();
      if (state === null || state.size !== server.size) continue;
      const difference = differenceOf(state, server);
      holds(
        difference === null,
        'viewer_fold',
        openingId,
        () => `a ${viewer.role}’s ${difference} is not the server’s`,
      );
    }
  }

  async function create(): Promise<void> {
    const life = platform.life();
    const again = (): void => void world.after(700, () => void create().catch(onBroken));
    if (life === null) return again();
    const host = town.staff.host;
    const details = {
      title: '张掖市某道路工程',
      project: { code: 'P-1', name: '道路工程' },
      lot: { code: 'LOT-1', name: '第一标段' },
      tenderer: '招标人',
      agency: '代理机构',
      place: '开标一室',
      deadlineAt: formatInstant(deadlineAt),
    };
    const assignments = STAFF.map((role) => ({ account: town.staff[role].who.account, role }));
    const data = { profile: 'rehearsal', details, policy, assignments } as const;
    const command = `create-${openingId}`;
    const signed = {
      openingId,
      command,
      type: 'CreateOpening',
      data: data as unknown as Json,
      headSeen: { size: 0, root: toBase64(emptyRoot(sha256)) },
      iatSeconds: Math.floor(createdAt / 1_000),
    };
    signing += 1;
    try {
      creation ??= await host.sign(signed);
      const request = { command, openingId, ...data, data: signed.data, who: host.who, act: creation, source };
      if ((await Promise.race([life.recorder.create(request), life.over])) === null) return again();
      isCreated = true;
      for (const one of actors) wakeIn(one, 0, 1_500);
    } catch (error) {
      const isUnknown = error instanceof Error && 'code' in error && error.code === 'outcome_unknown';
      if (!isUnknown) throw error;
      again();
    } finally {
      signing -= 1;
      bell.ring();
    }
  }
  let creation: Submission['act'] | null = null;
  const source = { address: '192.0.2.1', client: 'simulation' };
  // the ceremony of an opening key takes its time before the publication
  const ceremonyMs = shared === false ? 0 : 8_000;
  const deadlineAt = Math.ceil(createdAt / 1_000) * 1_000 + 1_000 * chance.between(9, 14) + ceremonyMs;
  const policy = shortPolicy(PROFILES.rehearsal.defaults, {
    minimumBidders: chance.pick([1, 1, 2, 2, 3]),
    checkInLeadMs: 1_000 * chance.between(2, 5),
    decryptionWindowMs: 1_000 * chance.between(4, 9),
    confirmationMs: 1_000 * chance.between(2, 5),
    ceilingPrice: chance.happens(0.3) ? '500000000.00' : null,
    tendererLayer: isBlind ? false : shared,
    blindWindow: isBlind ? shared : false,
    ...further.policy,
  });

  const viewers = actors.map(({ viewer }) => viewer);
  return {
    openingId,
    origin,
    viewers,
    sent,
    phases,
    lists,
    begin: () => world.within(serverChance, () => void create().catch(onBroken)),
    signing: () => signing,
    async checkAtRest() {
      holds(
        world.now() < createdAt + LIFE_LIMIT_MS,
        'comes_to_an_end',
        openingId,
        () => `it stands in ${viewers[0]?.state()?.phase}`,
      );
      if (!isDirty) return;
      isDirty = false;
      checkFrames();
      await checkFolds();
    },
    cutAll() {
      for (const { viewer } of actors) viewer.cut();
      streaming.clear();
      if (isCreated) for (const one of actors) wakeIn(one, 200, 2_500);
    },
    isOver: () =>
      viewers.some((viewer) => viewer.state()?.phase === 'Archived') &&
      sent.every(({ answer, isGivenUp }) => answer !== null || isGivenUp),
    async gather() {
      const life = platform.life();
      if (life === null) return;
      for (const viewer of viewers) if (!viewer.isSeated()) await viewer.join(life.hall);
    },
    verdict(creditCode, attempt) {
      const plan = plans.find(({ person }) => person.who.creditCode === creditCode);
      return plan !== undefined && attempt <= plan.wrongTries ? plan.failure : null;
    },
    layerVerdict: (creditCode) => (layerChance.of(creditCode).happens(0.15) ? 'tag_mismatch' : null),
  };
}
