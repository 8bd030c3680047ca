/** Has the stored envelopes of an opening read through again and again from the deadline to the window, and what was found recorded; it reads none itself. */
import type { CommandData } from '../core/opening/commands.ts';
import type { OpeningState } from '../core/opening/state.ts';
import { isScanTime } from '../core/opening/steps/scan.ts';
import type { World } from '../world.ts';
import type { Keeper } from './keeper.ts';

/** How soon a finding that could not be recorded is tried again, or a scan that failed by a fault of ours. */
const AGAIN_MS = 1_000;

/** What a scan finds; `bidId` of bids that no longer stand as well. */
export type Found = {
  readonly bidId: string;
  readonly failure: CommandData<'RecordScan'>['damaged'][number]['failure'];
};

export type Scanning = {
  /** Units: ms between the end of one scan and the start of the next. */
  readonly periodMs: number;
  /** Reads every stored envelope of the opening, and alarms whoever can put a damaged one back. */
  scan(openingId: string): Promise<readonly Found[]>;
};

export type Scans = {
  /** Stored envelopes that the last scans found damaged, of the openings that are looked after by this process. */
  damaged(): number;
  /** Begins to scan an opening, if it is time; asked again at each change and at start, so none is forgotten. */
  see(openingId: string, state: OpeningState): void;
  /** Nothing is begun or recorded any more. */
  stop(): void;
};

type Deps = {
  readonly world: World;
  /** Null: there is no vault to look at. */
  readonly scanning: Scanning | null;
  keeperOf(openingId: string): Keeper;
  /** Told when the window of an opening has closed and no scan of its bids had come to an end: nothing of one stands on the log. */
  onUnfinished(openingId: string): void;
  onFault(error: unknown): void;
};

/** An opening that is being looked after: its phase as last seen, the one its last scan ended in, and what ends the pause between two. */
type Watch = {
  seen: OpeningState['phase'];
  scannedIn: OpeningState['phase'] | null;
  /** How many the last scan found. */
  damaged: number;
  wake(): void;
};

/**
 * The scans of all openings.
 *
 * The order: a scan at the deadline → told to the operator alone → another at the roster, or the one still running then → on the log →
 * and so on, each after a pause, until the window opens. What a crash leaves: the next leader sees the same phase and begins again; the
 * log holds a first finding or it does not, and one that says nothing new is no entry, so nothing stands there twice.
 */
export function createScans({ world, scanning, keeperOf, onUnfinished, onFault }: Deps): Scans {
  const watches = new Map<string, Watch>();
  let isStopped = false;

  /** Is anything still to be looked for? In the window, whatever is decrypted is read anyway: only a finding that stands may still be mended. */
  function isWatched(state: OpeningState): boolean {
    if (state.phase === 'Sealed') return true;
    if (!isScanTime(state)) return false;
    return state.phase !== 'Decrypting' || state.scan === null || state.scan.damaged.length > 0;
  }

  async function watch(openingId: string, own: Watch, { scan, periodMs }: Scanning): Promise<void> {
    let atSealing: readonly Found[] | null = null;
    for (;;) {
      let pauseMs = periodMs;
      try {
        const before = await keeperOf(openingId).kept();
        if (isStopped || before === null) return;
        if (!isWatched(before.state)) return leave(openingId, before.state);
        const found = await scan(openingId);
        const state = (await keeperOf(openingId).kept())?.state;
        if (isStopped || state === undefined) return;
        own.scannedIn = state.phase;
        own.damaged = found.length;
        if (state.phase === 'Sealed') atSealing = found;
        else if (isScanTime(state)) await record(openingId, state, found, atSealing);
        else return leave(openingId, state);
      } catch (error) {
        if (isStopped) return;
        onFault(error);
        pauseMs = AGAIN_MS;
      }
      await pause(own, pauseMs);
      if (isStopped) return;
    }
  }

  /** The log cannot say any more that nothing was found: whoever reads in it that there is no finding must be able to learn why. */
  function leave(openingId: string, { window, scan }: OpeningState): void {
    if (window?.closed != null && scan === null) onUnfinished(openingId);
  }

  async function record(
    openingId: string,
    state: OpeningState,
    found: readonly Found[],
    atSealing: readonly Found[] | null,
  ): Promise<void> {
    const data = { damaged: numbered(state, found), atSealing: atSealing && numbered(state, atSealing) };
    await keeperOf(openingId).machine({ type: 'RecordScan', data });
  }

  function pause(own: Watch, ms: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = world.after(ms, () => own.wake());
      own.wake = () => {
        cancel();
        own.wake = () => undefined;
        resolve();
      };
      if (isStopped || isFindingDue(own)) own.wake();
    });
  }

  return {
    damaged: () => [...watches.values()].reduce((sum, { damaged }) => sum + damaged, 0),
    see(openingId, state) {
      if (isStopped || scanning === null) return;
      const running = watches.get(openingId);
      if (running !== undefined) {
        running.seen = state.phase;
        if (isFindingDue(running)) running.wake();
        return;
      }
      if (!isWatched(state)) return;
      const own: Watch = { seen: state.phase, scannedIn: null, damaged: 0, wake: () => undefined };
      watches.set(openingId, own);
      void watch(openingId, own, scanning).finally(() => watches.delete(openingId));
    },
    stop() {
      isStopped = true;
      for (const { wake } of watches.values()) wake();
    },
  };
}

/** The roster has come behind the last scan: the next one is due with it, not a period later. */
function isFindingDue({ seen, scannedIn }: Watch): boolean {
  return scannedIn === 'Sealed' && seen !== 'Sealed';
}

/** The findings by bidder number, in order; those of bids that do not stand are nobody's evidence. */
function numbered(
  { lodgements, numbers }: OpeningState,
  found: readonly Found[],
): CommandData<'RecordScan'>['damaged'] {
  if (!lodgements.known || !numbers.known) throw new Error('the recorder is not shown its own roster');
  const rows = lodgements.value;
  return found
    .flatMap(({ bidId, failure }) => {
      const bidder = numbers.value[rows.findIndex((row) => row.bidId === bidId)];
      return bidder === undefined ? [] : [{ bidder, failure }];
    })
    .sort((a, b) => a.bidder - b.bidder);
}
