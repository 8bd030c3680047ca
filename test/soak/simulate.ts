/** A simulation: many openings in one platform, a network and a platform that fail at drawn moments, and everything watched all along. */
import { canonicalise } from '../../server/core/log/canonical.ts';
import { ledgerOrigin } from '../../server/core/log/origin.ts';
import type { DecryptionFailure } from '../../server/core/opening/findings.ts';
import { isDecrypted } from '../../server/core/opening/state.ts';
import { digestText } from '../../server/hash.ts';
import { LONGEST_PAUSE_MS } from '../../server/ledger/cosigning.ts';
import type { OpeningDesk } from '../../server/recorder/opening-desk.ts';
import { openSigner } from '../../server/recorder/signer.ts';
import type { Sql, Target } from '../../server/store/driver.ts';
import { chanceOf } from './chance.ts';
import { checkClosed, createCosigners } from './cosigners.ts';
import { FAULT_POINTS, type FaultPoint } from './fault-points.ts';
import { checkEnded } from './final-checks.ts';
import { createNetwork, type Trouble } from './network.ts';
import { type Bend, type OpeningRun, runOpening, type Surroundings } from './opening-run.ts';
import { makeTown, type Town } from './people.ts';
import { createPlatform, type Defects, PLATFORM, rowOfBidder } from './platform.ts';
import { comeToRest, createBell, simWorld } from './sim-world.ts';
import { readStored, verifyStored } from './stored-log.ts';
import type { Outage } from './time-checks.ts';
import { holds, ViolationError } from './violations.ts';

export const START_AT = Date.parse('2026-03-02T00:00:00.000Z');
/** Openings that begin this close to each other run side by side. */
const BEGIN_EVERY_MS = { least: 200, most: 3_000 };
/** Between two failures of the platform. */
const PEACE_MS = { least: 9_000, most: 40_000 };
/** How long it is away; what lies between is near the tolerance and left to the tests of the recorder. */
const AWAY_MS = { short: [50, 1_200], long: [2_700, 6_000] } as const;
/** How long an armed point is waited for. */
const ARMED_MS = 2_000;
/** The vault takes its time with some bids. */
const HELD_MS = 2_500;
const HELD_SHARE = 0.1;

const TROUBLE: Trouble = { lostRequest: 0.06, lostAnswer: 0.06, twice: 0.05, late: 0.1 };

export type Setting = {
  readonly seed: string;
  readonly openings: number;
  /** How many run at once at most. */
  readonly together: number;
  readonly target: Target;
  /** A pool past the simulated platform, to look at what is stored. */
  readonly sql: Sql;
  readonly dataFolder: string;
  readonly town?: Town;
  readonly isPeaceful?: boolean;
  /** Two cosigners are asked, one of which may say anything. */
  readonly isCosigned?: boolean;
  readonly defects?: Defects;
  readonly bend?: Bend;
  /** Shares of what goes wrong on the network, where they are not the usual ones. */
  readonly trouble?: Partial<Trouble>;
  readonly onProgress?: (summary: Summary) => void;
  /** Told of each opening that has ended what its log says and when, without what keys and salts make of it. */
  readonly onCourse?: (openingId: string, course: string) => void;
};

export type Summary = {
  readonly seed: string;
  openings: number;
  entries: number;
  acts: number;
  restarts: Record<string, number>;
  refusals: Record<string, number>;
  phases: Record<string, number>;
  /** Entries by the type of their event. */
  events: Record<string, number>;
  seconds: number;
};

export function emptySummary(seed: string): Summary {
  return { seed, openings: 0, entries: 0, acts: 0, restarts: {}, refusals: {}, phases: {}, events: {}, seconds: 0 };
}

/** Runs it. Throws: ViolationError, and whatever else went wrong. */
export async function simulate(setting: Setting): Promise<Summary> {
  const beganAt = performance.now();
  const { seed, sql } = setting;
  const chance = chanceOf(seed);
  const world = simWorld(START_AT, seed);
  const town = setting.town ?? (await makeTown(START_AT));
  const runs = new Map<string, OpeningRun>();
  const outages: Outage[] = [];
  const summary = emptySummary(seed);
  const bell = createBell();
  let broken: { readonly why: unknown } | null = null;
  const onBroken = (why: unknown): void => {
    broken ??= { why };
    bell.ring();
  };

  const deskChance = chance.of('desk');
  const desk: OpeningDesk = {
    async verify(state, bidder, attempt) {
      const found: DecryptionFailure | null =
        runs.get(state.openingId)?.verdict(rowOfBidder(state, bidder).creditCode, attempt) ?? null;
      if (deskChance.of(`${state.openingId} ${bidder} ${attempt}`).happens(HELD_SHARE))
        await new Promise<void>((resume) => world.after(HELD_MS, resume));
      return found;
    },
    async verifyLayer(state, bidder) {
      if (deskChance.of(`${state.openingId} ${bidder} layer`).happens(HELD_SHARE))
        await new Promise<void>((resume) => world.after(HELD_MS, resume));
      return runs.get(state.openingId)?.layerVerdict(rowOfBidder(state, bidder).creditCode) ?? null;
    },
    lists: async (state) =>
      state.bids.filter(isDecrypted).map(({ bidder }) => {
        const creditCode = rowOfBidder(state, bidder).creditCode;
        const lodgement = state.lodgements.known
          ? state.lodgements.value.find((l) => l.creditCode === creditCode)
          : undefined;
        const promised = runs.get(state.openingId)?.lists.get(lodgement?.openingListCommit ?? '');
        if (promised === undefined) throw new Error(`the vault has no list of bidder ${bidder}`);
        return { bidder, ...promised };
      }),
    manifest: async (state) => {
      const document = { v: 1, bids: state.bids.filter(isDecrypted).map(({ bidder }) => bidder) };
      return { sha256: digestText(canonicalise(document)), bids: document.bids.length, document };
    },
    discard: async () => undefined,
  };
  const cosigners = setting.isCosigned === true ? await beginCosigners() : null;
  const platform = createPlatform({
    cosigners,
    target: setting.target,
    dataFolder: setting.dataFolder,
    world,
    desk,
    bell,
    ...(setting.defects && { defects: setting.defects }),
  });
  const network = createNetwork(platform, world, { ...TROUBLE, ...setting.trouble }, bell, onBroken);
  const around: Surroundings = {
    world,
    platform,
    network,
    town,
    bell,
    onBroken,
    ...(setting.bend && { bend: setting.bend }),
  };

  for (const person of [...Object.values(town.staff), town.deputy]) {
    const { account, creditCode, name } = person.who;
    await sql`INSERT INTO accounts (id, credit_code, person_id, organisation, name, kind, created_at)
      VALUES (${account}, ${creditCode}, ${account.slice(creditCode.length + 1)}, ${name}, ${name}, 'official', ${START_AT}) ON CONFLICT DO NOTHING`;
  }

  function throwIfBroken(): void {
    if (broken !== null) throw broken.why;
  }

  const underWay = (): string => {
    const signing = [...runs.values()].reduce((sum, run) => sum + run.signing(), 0);
    return `${network.flying()} deliveries, ${cosigners?.busy() ?? 0} cosigners, ${signing} signatures, platform ${platform.life()?.underWay() ?? 'away'}`;
  };
  const rest = (): Promise<void> =>
    comeToRest(world, bell, {
      underWay,
      isQuiet: () =>
        (network.flying() === 0 || platform.life()?.isWaiting() === true) &&
        (cosigners?.busy() ?? 0) === 0 &&
        [...runs.values()].every((run) => run.signing() === 0) &&
        platform.life()?.isQuiet() !== false,
      isOver() {
        throwIfBroken();
        return platform.struck() !== null;
      },
    });

  const count = (of: Record<string, number>, name: string): void => {
    of[name] = (of[name] ?? 0) + 1;
  };

  /** The platform goes, and comes back. */
  async function fail(how: 'stop' | FaultPoint | 'rest'): Promise<void> {
    count(summary.restarts, how);
    const downAt = world.now();
    isArmed = false;
    if (how === 'stop') await platform.stop();
    else await platform.cut();
    for (const run of runs.values()) run.cutAll();
    const [least, most] = AWAY_MS[failures.happens(0.5) ? 'short' : 'long'];
    const upAt = downAt + failures.between(least, most);
    outages.push({ downAt, upAt });
    world.after(upAt - downAt, () => {
      isDue = 'up';
    });
  }

  const failures = chance.of('failures');
  let isDue: 'up' | 'down' | null = null;
  let wanted: 'stop' | FaultPoint | 'rest' = 'stop';
  let failed = 0;
  let isArmed = false;
  function planFailure(): void {
    if (setting.isPeaceful === true) return;
    world.after(failures.between(PEACE_MS.least, PEACE_MS.most), () => {
      const number = ++failed;
      const point = failures.happens(0.3) ? null : failures.pick(FAULT_POINTS);
      wanted = point ?? failures.pick(['stop', 'rest'] as const);
      // An orderly stop waits for a cosigner's time and for a close under way, and the clock stands still meanwhile.
      if (cosigners !== null && wanted === 'stop') wanted = 'rest';
      platform.arm(point);
      isArmed = point !== null;
      if (point === null) isDue = 'down';
      else
        world.after(ARMED_MS, () => {
          // It was not reached: then it falls just so.
          if (number === failed && platform.life() !== null && isArmed) isDue = 'down';
        });
    });
  }

  let begun = 0;
  const beginnings = chance.of('beginnings');
  function beginNext(): void {
    if (begun >= setting.openings) return;
    if (runs.size < setting.together) {
      const openingId = `sim-${begun++}`;
      const run = runOpening(openingId, chance.of(openingId), around);
      runs.set(openingId, run);
      run.begin();
    }
    world.after(beginnings.between(BEGIN_EVERY_MS.least, BEGIN_EVERY_MS.most), beginNext);
  }

  async function end(run: OpeningRun): Promise<void> {
    const life = platform.life();
    if (life === null) return;
    await run.gather();
    await rest();
    // A platform that dies just now shows nobody the end; they come back to it later.
    if (platform.struck() !== null || run.viewers.some((viewer) => viewer.state()?.phase !== 'Archived')) return;
    const { openingId, origin, sent, viewers } = run;
    const vkey = life.signer.vkeyOf(origin, 'opening');
    const log = await checkEnded(sql, { openingId, origin, vkey, sent, viewers, outages, heldMs: HELD_MS + ARMED_MS });
    const isUncosigned = cosigners === null ? null : await checkClosed(sql, cosigners.policy, log);
    if (isUncosigned !== null) count(summary.events, isUncosigned ? 'closed uncosigned' : 'closed cosigned');
    runs.delete(openingId);
    for (const viewer of viewers) viewer.cut();
    network.forget(openingId);
    setting.onCourse?.(openingId, log.entries.map(({ at, type, command }) => `${at} ${type} ${command}`).join('\n'));
    summary.openings += 1;
    summary.entries += log.size;
    summary.acts += sent.length;
    for (const { answer } of sent) if (answer?.outcome === 'refused') count(summary.refusals, answer.code);
    for (const phase of run.phases) count(summary.phases, phase);
    for (const { type } of log.entries) count(summary.events, type);
    summary.seconds = Math.round(performance.now() - beganAt) / 1_000;
    setting.onProgress?.(summary);
  }

  await platform.start();
  try {
    beginNext();
    planFailure();
    while (begun < setting.openings || runs.size > 0) {
      await rest();
      const struck = platform.struck();
      if (struck !== null || isDue === 'down') {
        isDue = null;
        await fail(struck ?? wanted);
        continue;
      }
      if (isDue === 'up') {
        isDue = null;
        await platform.start();
        planFailure();
        continue;
      }
      for (const run of [...runs.values()]) {
        await run.checkAtRest();
        if (run.isOver()) await end(run);
      }
      const nextAt = world.nextAt();
      if (nextAt === null) throw new ViolationError('comes_to_an_end', 'platform', 'nothing is to happen any more');
      if (platform.struck() === null) world.moveTo(nextAt);
    }
    platform.arm(null);
    if (platform.life() === null) await platform.start();
    await checkLedger();
    await checkCosigned();
  } finally {
    summary.seconds = Math.round(performance.now() - beganAt) / 1_000;
    if (platform.life() !== null) await platform.cut();
  }
  return summary;

  async function beginCosigners() {
    const origin = ledgerOrigin(PLATFORM);
    const signer = await openSigner(setting.dataFolder, PLATFORM);
    const vkey = signer.vkeyOf(origin, 'ledger');
    await signer.close();
    return createCosigners({ folder: setting.dataFolder, world, chance: chance.of('cosigners'), bell, vkey, onBroken });
  }

  /** Once each is well, and has been left alone for as long as one that failed is, it signs what there is. */
  async function checkCosigned(): Promise<void> {
    const life = platform.life();
    if (cosigners === null || life === null) return;
    cosigners.clear();
    const passBy = world.now() + 2 * LONGEST_PAUSE_MS;
    for (let nextAt = world.nextAt(); nextAt !== null && nextAt <= passBy; nextAt = world.nextAt()) {
      world.moveTo(nextAt);
      await rest();
    }
    const head = life.signer.released(ledgerOrigin(PLATFORM))?.size;
    const standings = life.ledger.cosigners();
    holds(
      standings.every(({ signedSize, fault, claims }) => signedSize === head && fault === null && claims === null),
      'heads_are_cosigned',
      'ledger',
      () => `${JSON.stringify(standings)} of ${head}`,
    );
  }

  async function checkLedger(): Promise<void> {
    const life = platform.life();
    if (life === null) return;
    await rest();
    await life.ledger.takeHeads();
    await rest();
    const origin = ledgerOrigin(PLATFORM);
    const ledger = await readStored(sql, origin);
    const verified = await verifyStored(sql, ledger, life.signer.vkeyOf(origin, 'ledger'));
    holds(verified.ok, 'ledger_holds_heads', 'ledger', () => JSON.stringify(verified));
    const logs = await sql<{ origin: string; size: number }[]>`SELECT origin, size FROM logs WHERE kind = 'opening'`;
    for (const log of logs) {
      const anchored = await life.ledger.anchoredSize(log.origin);
      holds(
        anchored === log.size,
        'ledger_holds_heads',
        log.origin,
        () => `${anchored} of ${log.size} entries are anchored`,
      );
    }
  }
}
