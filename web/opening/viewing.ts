/** One viewing of an opening: connection, replica and clock wired together, as signals that the page renders. */
import { computed, type ReadonlySignal, signal } from '@preact/signals';
import { type ForkEvidence, isFork } from '../../server/core/log/fork-evidence.ts';
import type { Sha256 } from '../../server/core/log/hash.ts';
import { ed25519Verifier, parseVkey, type VerifyEd25519 } from '../../server/core/log/note.ts';
import type { Phase } from '../../server/core/opening/phases.ts';
import type { Down } from '../../server/core/wire/down.ts';
import { type Connection, connect, type LinkState, type OpenSocket } from '../connection/connection.ts';
import type { PageWorld } from '../connection/page-world.ts';
import { serverClock } from '../connection/server-clock.ts';
import type { PinBoard } from '../replica/pin.ts';
import { followOpening, type ReplicaView } from '../replica/replica.ts';
import { type HeadReportOptions, type MonitorLine, reportHeads } from './head-reports.ts';
import { type OutsideAnswer, watchOutside } from './outside.ts';

export type Viewing = {
  readonly openingId: string;
  readonly view: ReadonlySignal<ReplicaView>;
  readonly link: ReadonlySignal<LinkState>;
  /** The server's now, integer ms, once a second; null before it is known. */
  readonly now: ReadonlySignal<number | null>;
  readonly clockErrorMs: ReadonlySignal<number | null>;
  /** Seconds to the next reconnect, while waiting for it. */
  readonly retrySeconds: ReadonlySignal<number | null>;
  readonly viewers: ReadonlySignal<number>;
  /** What the platform says of time-stamps and cosignatures; null before it said anything. */
  readonly outside: ReadonlySignal<OutsideAnswer | null>;
  /** The monitors that this page tells which heads it was shown, and what they said; null before they are known. */
  readonly monitors: ReadonlySignal<readonly MonitorLine[] | null>;
  /** The server knows no such opening, so far; the page keeps asking. */
  readonly isMissing: ReadonlySignal<boolean>;
  /** A fault of this page's own; nothing is updated any more. */
  readonly fault: ReadonlySignal<unknown>;
  /** Phases stood in so far, in order, the present one last. */
  readonly visited: ReadonlySignal<readonly Phase[]>;
  hurry(): void;
  close(): void;
};

export type ViewingOptions = {
  readonly openingId: string;
  readonly world: PageWorld;
  readonly sha256: Sha256;
  readonly verifyEd25519: VerifyEd25519;
  readonly pins: PinBoard;
  readonly openSocket: OpenSocket;
  /** Asked when a connection cannot be had and nothing is held: is there such an opening at all? Null = nobody answers. */
  readonly isThere: () => Promise<boolean | null>;
  /** Null = nobody answers. */
  readonly readOutside: () => Promise<OutsideAnswer | null>;
  /** How monitors are found and told. */
  readonly reports: Pick<HeadReportOptions, 'readMonitors' | 'post'>;
};

/** While a long log comes in, what has come is shown so often, ms: to draw every stretch lasts longer than to verify it. */
export const SHOW_EVERY_MS = 500;

/** Starts viewing. */
export function viewOpening(options: ViewingOptions): Viewing {
  const { openingId, world } = options;
  const clock = serverClock(world.monotonicNow);
  const link = signal<LinkState>({ kind: 'connecting' });
  const now = signal<number | null>(null);
  const clockErrorMs = signal<number | null>(null);
  const retrySeconds = signal<number | null>(null);
  const viewers = signal(0);
  const isMissing = signal(false);
  const stamps = watchOutside(world, options.readOutside);
  const fault = signal<unknown>(null);

  let connection: Connection | null = null;
  let dropTick: (() => void) | null = null;
  const fail = (error: unknown): void => {
    fault.value = error;
    connection?.close();
  };

  const replica = followOpening({
    openingId,
    sha256: options.sha256,
    verifyEd25519: options.verifyEd25519,
    pins: options.pins,
    after: world.after,
    onChange: (changed) => {
      show(changed);
      // a log that cannot be trusted is not listened to any further
      if (changed.standing.kind === 'refused') connection?.close();
    },
  });
  const view = signal<ReplicaView>(replica.view());
  const reports = reportHeads({ world, heads: () => view.value.heads, isProven, ...options.reports });

  /** How many entries there are, by the server's word. */
  let announced = 0;
  let shownAt = Number.NEGATIVE_INFINITY;
  let dropShow: (() => void) | null = null;

  /** Shows the first entries and the last at once, and of those between what there is now and then; a refusal at once. */
  function show(changed: ReplicaView): void {
    dropShow?.();
    dropShow = null;
    const waitMs = shownAt + SHOW_EVERY_MS - world.monotonicNow();
    if (waitMs > 0 && changed.standing.kind !== 'refused' && changed.entries.length < announced) {
      dropShow = world.after(waitMs, () => show(changed));
      return;
    }
    shownAt = world.monotonicNow();
    view.value = changed;
  }

  /** By the key that this page itself checks the log with. */
  async function isProven(evidence: ForkEvidence): Promise<boolean> {
    const { vkey } = view.value;
    if (vkey === null) return false;
    const key = parseVkey(options.sha256, vkey);
    return isFork(options.sha256, evidence, ed25519Verifier(key, options.verifyEd25519));
  }

  function hear(message: Down): void {
    switch (message.kind) {
      case 'entries':
        isMissing.value = false;
        tick();
        replica.take(message).catch(fail);
        return;
      case 'own':
        replica.takeOwn(message).catch(fail);
        return;
      case 'pulse':
        tick();
        viewers.value = message.viewers;
        announced = message.size;
        replica.hearSize(message.size);
        return;
      case 'resync':
        replica.restart().catch(fail);
        return;
      case 'pong':
        clockErrorMs.value = clock.errorMs();
        tick();
        return;
    }
  }

  async function lookWhether(): Promise<void> {
    if (view.value.standing.kind !== 'empty' || (await options.isThere()) !== false) return;
    // whoever comes early keeps this page open: the next attempt finds the opening once it is there
    isMissing.value = true;
  }

  /** Shows the time and comes back when the server's second turns. */
  function tick(): void {
    dropTick?.();
    const present = clock.now();
    // whole seconds, so that a busy feed draws the clock no oftener than it changes
    now.value = present === null ? null : present - (present % 1000);
    const state = link.value;
    retrySeconds.value =
      state.kind === 'waiting' ? Math.max(0, Math.ceil((state.retryAt - world.monotonicNow()) / 1000)) : null;
    dropTick = world.after(1000 - ((present ?? 0) % 1000), tick);
  }

  tick();
  connection = connect({
    world,
    clock,
    openSocket: options.openSocket,
    resumeAfter: replica.resumeAfter,
    onDown: hear,
    onState(state) {
      link.value = state;
      tick();
      if (state.kind === 'waiting') lookWhether().catch(fail);
    },
  });

  return {
    openingId,
    view,
    link,
    now,
    clockErrorMs,
    retrySeconds,
    viewers,
    outside: stamps.outside,
    monitors: reports.monitors,
    isMissing,
    fault,
    visited: computed(() => {
      const phases: Phase[] = [];
      for (const { phase } of view.value.entries) if (phases[phases.length - 1] !== phase) phases.push(phase);
      return phases;
    }),
    hurry: () => connection?.hurry(),
    close() {
      dropTick?.();
      dropShow?.();
      stamps.close();
      reports.close();
      connection?.close();
    },
  };
}
