/** Has the ledger's newest head countersigned, again and again: all cosigners at once, each by what it signed last; nobody else waits for it. */

import { parseCosignature } from '../core/log/cosignature.ts';
import { parseSignatureLine } from '../core/log/note.ts';
import type { CosignerAlarmCode } from '../recorder/recovery.ts';
import type { ReleasedHead } from '../recorder/signer.ts';
import type { Sql } from '../store/driver.ts';
import { consistencyOf } from '../store/read-log.ts';
import type { World } from '../world.ts';
import { lastSigned, storeCosignature } from './cosignatures.ts';
import { askCosigner, type Heard } from './cosigner-client.ts';
import type { CosignerPolicy, PolicyCosigner } from './cosigner-policy.ts';

/** A cosigner that failed is left alone for so long, twice as long after each further failure, up to the most, which a close still waits for. */
export const FIRST_PAUSE_MS = 500;
export const LONGEST_PAUSE_MS = 8_000;

/** What a cosigner's answer says against us: it signed what our ledger never was. */
export type CosignerAlarm = {
  readonly code: CosignerAlarmCode;
  readonly cosigner: PolicyCosigner;
  /** What it was asked to sign. */
  readonly head: ReleasedHead;
  /** The size it says it signed, or was asked from. */
  readonly itsSize: number;
  readonly said: string;
};

/** How a cosigner stands; instants in ms of the world's clock, null before the first. */
export type CosignerStanding = {
  readonly name: string;
  readonly signedSize: number;
  readonly signedAt: number | null;
  readonly fault: string | null;
};

export type Cosigning = {
  /** There may be a new head, or one that somebody still has to sign: a round begins unless one is under way, which is then followed by another. */
  wake(): void;
  /** Once no round is under way. */
  idle(): Promise<void>;
  standings(): readonly CosignerStanding[];
  /** Begins no further round. */
  stop(): Promise<void>;
};

export type CosigningParts = {
  readonly sql: Sql;
  readonly signer: { released(origin: string): ReleasedHead | null };
  readonly world: World;
  readonly fetch: typeof fetch;
  readonly policy: CosignerPolicy;
  readonly onAlarm: (alarm: CosignerAlarm) => Promise<void>;
  /** Told when a cosigner begins to fail, and with null when it signs again. */
  readonly onTrouble: (cosigner: string, why: string | null) => void;
  readonly onFault: (error: unknown) => void;
};

type Colleague = {
  readonly cosigner: PolicyCosigner;
  signedSize: number;
  signedAt: number | null;
  fault: string | null;
  failures: number;
  notBefore: number;
};

/**
 * The cosigning of a log.
 *
 * Why: all are asked for the same head, and the next head only when all have answered or had their time: a quorum is of one head. One
 *      that fails is asked less often, so that it does not make every round as long as its silence.
 */
export function createCosigning(parts: CosigningParts, origin: string): Cosigning {
  const { sql, signer, world, policy } = parts;
  const colleagues: Colleague[] = policy.cosigners.map((cosigner) => ({
    cosigner,
    signedSize: 0,
    signedAt: null,
    fault: null,
    failures: 0,
    notBefore: 0,
  }));
  let remembered = false;
  let running: Promise<void> | null = null;
  let again = false;
  let stopped = policy.cosigners.length === 0;

  async function remember(): Promise<void> {
    if (remembered) return;
    const sizes = await lastSigned(
      sql,
      colleagues.map(({ cosigner }) => cosigner.vkey),
    );
    for (const colleague of colleagues) colleague.signedSize = sizes.get(colleague.cosigner.vkey) ?? 0;
    remembered = true;
  }

  async function ask({ cosigner }: Colleague, head: ReleasedHead, oldSize: number): Promise<Heard> {
    const proof = await consistencyOf(sql, origin, oldSize, head.size);
    return askCosigner(parts, cosigner, { note: head.note, oldSize, proof });
  }

  function fail(colleague: Colleague, why: string): void {
    if (colleague.fault === null) parts.onTrouble(colleague.cosigner.name, why);
    colleague.fault = why;
    colleague.notBefore = world.now() + Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** colleague.failures);
    colleague.failures += 1;
  }

  /** Asks one cosigner for one head; what it says of its own size corrects what we remember, once in a round. */
  async function take(colleague: Colleague, head: ReleasedHead): Promise<void> {
    let oldSize = colleague.signedSize;
    let heard = await ask(colleague, head, oldSize);
    if (heard.heard === 'size' && heard.size <= head.size && heard.size !== oldSize) {
      oldSize = heard.size;
      colleague.signedSize = oldSize;
      heard = await ask(colleague, head, oldSize);
    }
    if (heard.heard === 'signed') return keep(colleague, head, heard.line);
    if (heard.heard === 'later') return fail(colleague, heard.why);
    if (heard.heard === 'size') {
      if (!(await isBeyond(heard.size))) return fail(colleague, `409: it signed ${heard.size}`);
      return raise(colleague, head, 'cosigner_is_ahead', heard.size, `409: ${heard.size}`);
    }
    return raise(colleague, head, 'cosigner_differs', oldSize, `${heard.status}: ${heard.said}`);
  }

  async function keep(colleague: Colleague, head: ReleasedHead, line: string): Promise<void> {
    const receivedAt = world.now();
    await storeCosignature(sql, { size: head.size, vkey: colleague.cosigner.vkey, line, receivedAt });
    if (colleague.fault !== null) parts.onTrouble(colleague.cosigner.name, null);
    const { timeSeconds } = parseCosignature(parseSignatureLine(line).signature);
    Object.assign(colleague, { signedSize: head.size, signedAt: timeSeconds * 1000, fault: null, failures: 0 });
  }

  /** Whether it is larger than what is committed by now, by whichever process: one that no longer leads has old news. */
  async function isBeyond(size: number): Promise<boolean> {
    const [row] = await sql<{ size: number }[]>`SELECT size FROM logs WHERE origin = ${origin}`;
    return size > (row?.size ?? 0);
  }

  async function raise(
    colleague: Colleague,
    head: ReleasedHead,
    code: CosignerAlarm['code'],
    itsSize: number,
    said: string,
  ): Promise<void> {
    stopped = true;
    fail(colleague, `${code}: ${said}`);
    await parts.onAlarm({ code, cosigner: colleague.cosigner, head, itsSize, said });
  }

  async function round(): Promise<void> {
    await remember();
    const head = signer.released(origin);
    if (head === null) return;
    const due = colleagues.filter(({ signedSize, notBefore }) => signedSize < head.size && notBefore <= world.now());
    await Promise.all(due.map((colleague) => take(colleague, head)));
  }

  async function run(): Promise<void> {
    do {
      again = false;
      // a fault is the database's or ours: the next wake tries again
      await round().catch(parts.onFault);
    } while (again && !stopped);
    running = null;
  }

  return {
    wake() {
      if (stopped) return;
      again = true;
      running ??= run();
    },
    idle: async () => void (await running),
    standings: () =>
      colleagues.map(({ cosigner, signedSize, signedAt, fault }) => ({
        name: cosigner.name,
        signedSize,
        signedAt,
        fault,
      })),
    async stop() {
      stopped = true;
      await running;
    },
  };
}
