/** One platform of a simulation: all of a server but HTTP, that can be started, stopped, and cut off at any point as by a power failure. */

import { ledgerOrigin } from '../../server/core/log/origin.ts';
import type { Policy } from '../../server/core/opening/policy.ts';
import type { RosterRow } from '../../server/core/opening/rows.ts';
import type { OpeningState } from '../../server/core/opening/state.ts';
import { isCosignedIn } from '../../server/ledger/cosigned-openings.ts';
import { quorumOf } from '../../server/ledger/cosigner-policy.ts';
import { type Ledger, openLedger } from '../../server/ledger/ledger.ts';
import { createHall, type Hall } from '../../server/live/hall.ts';
import { createLogView, type LogView } from '../../server/live/log-view.ts';
import { type IsCosigned, LOOK_AGAIN_MS } from '../../server/recorder/closing.ts';
import type { OpeningDesk } from '../../server/recorder/opening-desk.ts';
import { type Recorder, startRecorder } from '../../server/recorder/recorder.ts';
import { settleAll } from '../../server/recorder/settle-log.ts';
import { openSigner, type Signer } from '../../server/recorder/signer.ts';
import { listen } from '../../server/store/announce.ts';
import { openPool, type Sql, type Target } from '../../server/store/driver.ts';
import type { World } from '../../server/world.ts';
import type { SimCosigners } from './cosigners.ts';
import { type FaultPoint, type Watched, watched } from './fault-points.ts';
import type { Bell, SimWorld } from './sim-world.ts';

export const PLATFORM = 'kaibiao.test';
export const HEARTBEAT_MS = 500;
export const OUTAGE_TOLERANCE_MS = 2_000;
const CONNECTIONS = 10;
const FLUSH_MS = 5;
const LEDGER_PERIODS = { batchPeriodMs: 10_000, headPeriodMs: 2_000 };
/** Longer than any simulation: sockets are not what is tried here, and there are none to answer a ping. */
const SOCKET_HEARTBEAT_MS = 86_400_000;

/** What a test puts between the parts, to see that a platform that errs is found out. */
export type Defects = {
  readonly recorder?: (recorder: Recorder) => Recorder;
  readonly log?: (log: LogView) => LogView;
  /** The recorder's own clock and alarms. */
  readonly world?: (world: World) => World;
  /** What the ledger is told of the logs. */
  readonly ledgerSigner?: (signer: Signer) => Signer;
  readonly outageToleranceMs?: number;
};

export type Life = {
  readonly recorder: Recorder;
  readonly hall: Hall;
  readonly ledger: Ledger;
  readonly signer: Signer;
  readonly sql: Sql;
  /** Resolves when this life is over, so that whoever waits for an answer learns that none will come. */
  readonly over: Promise<null>;
  /** Whether a close waits for its quorum now: whoever asked for it has no answer before time passes. */
  isWaiting(): boolean;
  /** Whether all that was begun has come to its end, as far as it needs no more time to pass. */
  isQuiet(): boolean;
  /** The same in words, for whoever must find out why it does not. */
  underWay(): string;
};

export type Platform = {
  /** Null while nobody is at home. */
  life(): Life | null;
  start(): Promise<void>;
  /** Stops in order. */
  stop(): Promise<void>;
  /** Cuts everything off, now. */
  cut(): Promise<void>;
  /** Arms a point: the next opening that comes there finds the platform dead. Null disarms. */
  arm(point: FaultPoint | null): void;
  /** The point at which it died, once it has; `cut` must follow. */
  struck(): FaultPoint | null;
  readonly faults: unknown[];
  /** Instants of the heartbeats that were stored last in each life that has ended. */
  readonly ends: number[];
};

export type PlatformOptions = {
  readonly target: Target;
  readonly dataFolder: string;
  readonly world: SimWorld;
  readonly desk: OpeningDesk;
  /** Who countersigns; left out, nobody is asked. */
  readonly cosigners?: SimCosigners | null;
  readonly defects?: Defects;
  /** Rung whenever something has come to its end. */
  readonly bell: Bell;
  /** What happens at an armed point first of all; in a process of its own, its end. */
  readonly onStrike?: () => void;
};

/** Everything but the people. Nothing runs before `start`. */
export function createPlatform({
  target,
  dataFolder,
  world,
  desk,
  bell,
  cosigners = null,
  onStrike,
  defects = {},
}: PlatformOptions): Platform {
  const faults: unknown[] = [];
  const ends: number[] = [];
  let now: (Life & { readonly watch: Watched; close(isOrderly: boolean): Promise<void> }) | null = null;
  let armed: FaultPoint | null = null;
  let struck: FaultPoint | null = null;

  async function open() {
    const pool = openPool(target, CONNECTIONS);
    const life = world.life();
    let die: (nothing: null) => void = () => undefined;
    const over = new Promise<null>((resolve) => {
      die = resolve;
    });
    const watch = watched(
      pool,
      PLATFORM,
      (point) => {
        if (point !== armed) return undefined;
        armed = null;
        onStrike?.();
        struck = point;
        bell.ring();
        watch.cut();
        return new Promise<void>(() => undefined);
      },
      bell.ring,
    );
    const rawSigner = await openSigner(dataFolder, PLATFORM);
    const signer = watch.watchSigner(rawSigner);
    const { sql } = watch;
    await settleAll(sql, signer);
    const onFault = (error: unknown) => void faults.push(error);
    const database = {
      sql,
      async listen(channel: string, hear: (payload: string) => void, onListening: () => void) {
        return (await pool.listen(channel, hear, onListening)).unlisten;
      },
    };
    const ledger = await openLedger({
      database,
      signer: defects.ledgerSigner?.(signer) ?? signer,
      world: life.world,
      platform: PLATFORM,
      onFault,
      ...(cosigners && {
        cosigning: {
          policy: cosigners.policy,
          fetch: cosigners.fetch,
          onAlarm: cosigners.onAlarm,
          onClaim: async () => undefined,
          onTrouble: () => undefined,
        },
      }),
      ...LEDGER_PERIODS,
    });
    /** By log, until when it is not looked at again. */
    const waits = new Map<string, number>();
    const asksAgain: IsCosigned = async (asked, head, cosigners) => {
      const is = await isCosignedIn(ledgerOrigin(PLATFORM))(asked, head, cosigners);
      // in a transaction it is a round that asks, and goes on
      if (!is && asked === sql) waits.set(head.origin, world.now() + LOOK_AGAIN_MS);
      bell.ring();
      return is;
    };
    const started = await startRecorder({
      sql,
      world: defects.world?.(life.world) ?? life.world,
      signer,
      desk,
      platform: PLATFORM,
      production: false,
      vaultKey: new Uint8Array(32).fill(7),
      heartbeatMs: HEARTBEAT_MS,
      outageToleranceMs: defects.outageToleranceMs ?? OUTAGE_TOLERANCE_MS,
      isCosigned: cosigners === null ? async () => true : asksAgain,
      cosigners: cosigners === null ? { quorum: 0, vkeys: [] } : quorumOf(cosigners.policy),
      onSealed: () => undefined,
      onFault,
    });
    const recorder = defects.recorder?.(started) ?? started;
    const log = createLogView(sql, signer);
    const hall = createHall({
      log: defects.log?.(log) ?? log,
      world: life.world,
      config: {
        platform: PLATFORM,
        flushIntervalMs: FLUSH_MS,
        outboxLimitBytes: 4_194_304,
        socketHeartbeatMs: SOCKET_HEARTBEAT_MS,
      },
      logger: { error: onFault },
      whyNoSeat: async () => null,
    });
    const stopListening = await listen(
      database,
      (origin, size) => {
        watch.heard(`${size} ${origin}`);
        hall.hear(origin);
        bell.ring();
      },
      () => {
        watch.hearsAnew();
        hall.hearAll();
        bell.ring();
      },
    );
    watch.hears();
    return {
      recorder,
      hall,
      ledger,
      signer,
      sql,
      watch,
      over,
      isWaiting: () => [...waits.values()].some((until) => until > world.now()),
      isQuiet: () => watch.busy() === 0 && watch.unheard() === 0,
      underWay: () => `${watch.busy()} under way, ${watch.unheard()} announced and not heard`,
      async close(isOrderly: boolean) {
        if (isOrderly) {
          hall.close('server_stopping');
          await stopListening();
          await started.close();
          await ledger.close();
        }
        watch.cut();
        life.end();
        die(null);
        await pool.end({ timeout: isOrderly ? 5 : 0 });
        await rawSigner.close();
      },
    };
  }

  async function end(isOrderly: boolean): Promise<void> {
    const ending = now;
    now = null;
    armed = null;
    struck = null;
    ends.push(world.now());
    await ending?.close(isOrderly);
  }

  return {
    life: () => now,
    async start() {
      if (now !== null) throw new Error('it runs already');
      now = await open();
    },
    stop: () => end(true),
    cut: () => end(false),
    arm(point) {
      armed = point;
    },
    struck: () => struck,
    faults,
    ends,
  };
}

/** Lawful for a rehearsal, and short: an opening is over within a minute or two. */
export function shortPolicy(defaults: Policy, changes: Partial<Policy>): Policy {
  return {
    ...defaults,
    minimumBidders: 2,
    checkInLeadMs: 5_000,
    decryptionWindowMs: 8_000,
    maxExtensionMs: 6_000,
    confirmationMs: 4_000,
    maxSuspensionMs: 6_000,
    archiveAfterMs: 1_000,
    ...changes,
  };
}

/** Where a bidder's number leads: its row of the roster. */
export function rowOfBidder(state: OpeningState, bidder: number): RosterRow {
  if (!state.roster.known || !state.numbers.known) throw new Error('no roster');
  const row = state.roster.value[state.numbers.value.indexOf(bidder)];
  if (row === undefined) throw new Error(`no bidder ${bidder}`);
  return row;
}
