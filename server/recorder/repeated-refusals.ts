/** The same refused act sent again and again: for a moment it gets its refusal again without being received, and becomes one row with its count. */
import { toBase64Url } from '../core/log/base64.ts';
import type { RefusalCode } from '../core/opening/refusals.ts';
import type { Sql } from '../store/driver.ts';
import type { World } from '../world.ts';
import type { Submission } from './submission.ts';

/** Times that an act is received and decided, however often it was refused, before its repetitions are only counted. */
export const TIMES_DECIDED = 3;
/** How long after it was last decided a refusal is given again: the next one is received and decided. */
export const REPEAT_MS = 1_000;
/** How long repetitions are gathered into one row. */
export const GATHER_MS = 10_000;
/** Acts remembered; further ones are received like any, until some have been gathered. */
export const REPEATED_LIMIT = 10_000;

/** Refused for what may change without an entry: these are decided each time. */
const PASSING: readonly RefusalCode[] = [
  'could_not_be_decided',
  'lists_not_ready',
  'files_not_ready',
  'head_not_cosigned',
  'quorum_out_of_reach',
  'head_seen_unknown',
];

export type RepeatedRefusals = {
  /** The refusal that an act gets without being received; null when it must be. Counts it. */
  again(submission: Submission, digest: Uint8Array): RefusalCode | null;
  /** Notes that an act was received, decided and refused. */
  note(submission: Submission, digest: Uint8Array, code: RefusalCode): void;
  /** Something changed in an opening: nothing is refused from memory there before it has been decided once more. */
  changed(openingId: string): void;
  /** Writes what was gathered. */
  close(): Promise<void>;
};

type Repeated = {
  readonly openingId: string;
  readonly account: string;
  readonly type: string;
  code: RefusalCode;
  /** Refused alike so often in a row when received, up to TIMES_DECIDED; one less after a change of the opening. */
  decided: number;
  decidedAt: number;
  /** All of them, also those that were only counted. */
  count: number;
  /** How many were only counted. */
  unreceived: number;
  readonly firstAt: number;
  lastAt: number;
};

/**
 * Why: whoever repeats a refused act fills the intake and keeps a round busy each time, before everyone who acts in the same
 *      opening. What is decided depends on the state, the act and the instant: as long as the state is the same, and for a second,
 *      so is the refusal. Same means word for word: by this account, in this role, with this data.
 */
export function createRepeatedRefusals(deps: {
  readonly sql: Sql;
  readonly world: Pick<World, 'now' | 'after'>;
  readonly onFault: (error: unknown) => void;
}): RepeatedRefusals {
  const { sql, world, onFault } = deps;
  const repeated = new Map<string, Repeated>();
  /** Acts of each opening by their names, to find them when it changes. */
  const inOpening = new Map<string, Set<string>>();
  const writing = new Set<Promise<void>>();
  let cancel: (() => void) | null = null;

  function nameOf({ openingId, type, role, who }: Submission, digest: Uint8Array): string {
    return [openingId, who.account, role, type, toBase64Url(digest)].join('\n');
  }

  function forget(name: string, { openingId }: Repeated): void {
    repeated.delete(name);
    const names = inOpening.get(openingId);
    names?.delete(name);
    if (names?.size === 0) inOpening.delete(openingId);
  }

  /** Lets go of what is no longer repeated, or has been gathered for long enough; what was only counted becomes rows. */
  function gather(now: number, isOver = false): void {
    const done: Repeated[] = [];
    for (const [name, one] of repeated) {
      const isDue = isOver || now - one.firstAt >= GATHER_MS || (one.unreceived === 0 && now - one.lastAt >= REPEAT_MS);
      if (!isDue) continue;
      forget(name, one);
      if (one.unreceived > 0) done.push(one);
    }
    if (done.length === 0) return;
    const written = write(done)
      .catch(onFault)
      .finally(() => writing.delete(written));
    writing.add(written);
  }

  async function write(rows: readonly Repeated[]): Promise<void> {
    await sql`
      INSERT INTO repeated_refusals (opening_id, account, type, code, count, first_at, last_at)
      SELECT * FROM unnest(${rows.map((r) => r.openingId)}::text[], ${rows.map((r) => r.account)}::text[],
                           ${rows.map((r) => r.type)}::text[], ${rows.map((r) => r.code)}::text[],
                           ${rows.map((r) => r.count)}::int[], ${rows.map((r) => r.firstAt)}::bigint[],
                           ${rows.map((r) => r.lastAt)}::bigint[])`;
  }

  function awake(): void {
    cancel ??= world.after(GATHER_MS, () => {
      cancel = null;
      gather(world.now());
      if (repeated.size > 0) awake();
    });
  }

  return {
    again(submission, digest) {
      const one = repeated.get(nameOf(submission, digest));
      const now = world.now();
      if (one === undefined || one.decided < TIMES_DECIDED || now - one.decidedAt >= REPEAT_MS) return null;
      one.count += 1;
      one.unreceived += 1;
      one.lastAt = now;
      return one.code;
    },
    note(submission, digest, code) {
      if (PASSING.includes(code)) return;
      const name = nameOf(submission, digest);
      const now = world.now();
      const known = repeated.get(name);
      if (known !== undefined) {
        const isSame = known.code === code;
        known.decided = isSame ? Math.min(known.decided + 1, TIMES_DECIDED) : 1;
        known.code = code;
        known.count += 1;
        known.decidedAt = now;
        known.lastAt = now;
        return;
      }
      if (repeated.size >= REPEATED_LIMIT) gather(now);
      if (repeated.size >= REPEATED_LIMIT) return;
      const { openingId, type, who } = submission;
      const times = { decidedAt: now, firstAt: now, lastAt: now };
      repeated.set(name, {
        openingId,
        account: who.account,
        type,
        code,
        decided: 1,
        count: 1,
        unreceived: 0,
        ...times,
      });
      inOpening.set(openingId, (inOpening.get(openingId) ?? new Set()).add(name));
      awake();
    },
    changed(openingId) {
      for (const name of inOpening.get(openingId) ?? []) {
        const one = repeated.get(name);
        if (one !== undefined) one.decided = Math.min(one.decided, TIMES_DECIDED - 1);
      }
    },
    async close() {
      cancel?.();
      gather(world.now(), true);
      await Promise.all(writing);
    },
  };
}
