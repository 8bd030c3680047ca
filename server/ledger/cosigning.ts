/** Has the ledger's newest head countersigned, again and again: all cosigners at once, each by what it signed last; nobody else waits for it. */
import type { ReleasedHead } from '../recorder/head-desk.ts';
import type { CosignerAlarmCode } from '../recorder/recovery.ts';
import type { Sql } from '../store/driver.ts';
import type { World } from '../world.ts';
import { lastSigned, storeCosignature } from './cosignatures.ts';
import type { CosignerPolicy, PolicyCosigner } from './cosigner-policy.ts';
import { type CosignerState, storeStanding } from './cosigner-standings.ts';
import { type CosignerClaim, visitCosigner } from './cosigner-visit.ts';

/** A cosigner that failed is left alone for so long, twice as long after each further failure, up to the most, which a close still waits for. */
export const FIRST_PAUSE_MS = 500;
export const LONGEST_PAUSE_MS = 8_000;

/**
 * So many cosigners must claim another history before their word alone stops the signing, and so many that those left over cannot make
 * the quorum.
 */
export const CLAIMANTS_TO_STOP = 2;

/**
 * Why nothing may be signed any more.
 *
 * Shape: the claim that brought it about; `itsNote` is the proof, and null where `by`, the names of all who claim it, are as many as
 *        CLAIMANTS_TO_STOP asks.
 */
export type CosignerAlarm = CosignerClaim & { readonly itsNote: string | null; readonly by: readonly string[] };

/** How a cosigner stands; instants in ms of the world's clock, null before the first. */
export type CosignerStanding = {
  readonly name: string;
  readonly signedSize: number;
  readonly signedAt: number | null;
  readonly fault: string | null;
  /** What it claims against us without showing it, until it signs again. */
  readonly claims: CosignerAlarmCode | null;
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
  /** Every key the ledger has had. */
  readonly ledgerVkeys: readonly string[];
  readonly world: World;
  readonly fetch: typeof fetch;
  readonly policy: CosignerPolicy;
  /** Nothing may be signed any more. */
  readonly onAlarm: (alarm: CosignerAlarm) => Promise<void>;
  /** Told of a claim once, until the cosigner has signed again: returns when it is durable. It stops nothing. */
  readonly onClaim: (claim: CosignerClaim) => Promise<void>;
  /** A cosignature is stored: a quorum may be there. */
  readonly onSigned: () => Promise<void>;
  /** Told when a cosigner begins to fail, and with null when it signs again. */
  readonly onTrouble: (cosigner: string, why: string | null) => void;
  readonly onFault: (error: unknown) => void;
};

type Colleague = {
  readonly cosigner: PolicyCosigner;
  readonly isOfQuorum: boolean;
  /** The newest head of which its line is stored; and where it says it stands, for its line may have been lost on the way. */
  signedSize: number;
  believedSize: number;
  signedAt: number | null;
  fault: string | null;
  failures: number;
  notBefore: number;
  claims: CosignerAlarmCode | null;
  /** What the other processes were told of it last. */
  told: CosignerState | null;
};

/**
 * The cosigning of a log.
 *
 * Why: all are asked for the same head, and the next head only when all have answered or had their time: a quorum is of one head. One
 *      that fails is asked less often, so that it does not make every round as long as its silence. One that claims another history
 *      without showing it is such a one: if its word were enough, a single broken or hostile cosigner could halt every opening of the
 *      platform, while a cosigner that did sign another history has our own signature to show for it. It counts for nothing until it
 *      signs again, which takes its claim back. Only where so many claim it that the others cannot make the quorum, and more than one, is
 *      their word believed: then either no head could be countersigned any more, or they are right.
 */
export function createCosigning(parts: CosigningParts, origin: string): Cosigning {
  const { sql, signer, world, policy } = parts;
  const colleagues: Colleague[] = [...policy.cosigners, ...policy.others].map((cosigner, n) => ({
    cosigner,
    isOfQuorum: n < policy.cosigners.length,
    signedSize: 0,
    believedSize: 0,
    signedAt: null,
    fault: null,
    failures: 0,
    notBefore: 0,
    claims: null,
    told: null,
  }));
  let remembered = false;
  let running: Promise<void> | null = null;
  let again = false;
  let stopped = colleagues.length === 0;

  async function remember(): Promise<void> {
    if (remembered) return;
    const sizes = await lastSigned(
      sql,
      origin,
      colleagues.map(({ cosigner }) => cosigner.vkey),
    );
    for (const colleague of colleagues)
      colleague.signedSize = colleague.believedSize = sizes.get(colleague.cosigner.vkey) ?? 0;
    remembered = true;
  }

  function fail(colleague: Colleague, why: string): void {
    if (colleague.fault === null) parts.onTrouble(colleague.cosigner.name, why);
    colleague.fault = why;
    colleague.notBefore = world.now() + Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** colleague.failures);
    colleague.failures += 1;
  }

  /** Has one cosigner visited for one head, and says how it stands where that has changed. */
  async function take(colleague: Colleague, head: ReleasedHead): Promise<void> {
    await hear(colleague, head);
    const state = colleague.claims ?? (colleague.fault === null ? 'signs' : 'silent');
    if (state === colleague.told) return;
    await storeStanding(sql, colleague.cosigner.vkey, state, world.now());
    colleague.told = state;
  }

  async function hear(colleague: Colleague, head: ReleasedHead): Promise<void> {
    const { cosigner } = colleague;
    const onClaim = async (claim: CosignerClaim): Promise<void> => {
      if (colleague.claims === null) await parts.onClaim(claim);
      colleague.claims = claim.code;
    };
    const visit = { ...parts, onClaim };
    const outcome = await visitCosigner(visit, { origin, cosigner, head }, colleague.believedSize);
    if (outcome.came === 'signed') return keep(colleague, head, outcome);
    if (outcome.came === 'proves') return raise(colleague, { ...outcome.claim, itsNote: outcome.itsNote });
    if (outcome.came === 'later') {
      colleague.believedSize = outcome.itsSize;
      return fail(colleague, outcome.why);
    }
    fail(colleague, `it claims ${outcome.claim.code} and shows nothing of it: ${outcome.claim.said}`);
    if (areTooMany(claimants())) await raise(colleague, { ...outcome.claim, itsNote: null });
  }

  const claimants = (): Colleague[] => colleagues.filter(({ isOfQuorum, claims }) => isOfQuorum && claims !== null);

  const areTooMany = ({ length }: readonly Colleague[]): boolean =>
    length >= CLAIMANTS_TO_STOP && policy.cosigners.length - length < policy.quorum;

  async function keep(
    colleague: Colleague,
    head: ReleasedHead,
    { line, timeSeconds }: { readonly line: string; readonly timeSeconds: number },
  ): Promise<void> {
    const receivedAt = world.now();
    await storeCosignature(sql, { size: head.size, vkey: colleague.cosigner.vkey, line, receivedAt });
    if (colleague.fault !== null) parts.onTrouble(colleague.cosigner.name, null);
    const signedAt = timeSeconds * 1000;
    const { size } = head;
    Object.assign(colleague, {
      signedSize: size,
      believedSize: size,
      signedAt,
      fault: null,
      failures: 0,
      claims: null,
    });
    await parts.onSigned();
  }

  async function raise(colleague: Colleague, found: Omit<CosignerAlarm, 'by'>): Promise<void> {
    if (stopped) return;
    stopped = true;
    const isProven = found.itsNote !== null;
    if (isProven) fail(colleague, `${found.code}: ${found.said}`);
    const by = isProven ? [colleague] : claimants();
    await parts.onAlarm({ ...found, by: by.map(({ cosigner }) => cosigner.name) });
  }

  /** A pause that would last longer than any was begun by a clock that has been put back since. */
  function isOver(notBefore: number): boolean {
    return notBefore <= world.now() || notBefore > world.now() + LONGEST_PAUSE_MS;
  }

  async function round(): Promise<void> {
    await remember();
    const head = signer.released(origin);
    if (head === null) return;
    const due = colleagues.filter(({ signedSize, notBefore }) => signedSize < head.size && isOver(notBefore));
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
      colleagues.map(({ cosigner, signedSize, signedAt, fault, claims }) => ({
        name: cosigner.name,
        signedSize,
        signedAt,
        fault,
        claims,
      })),
    async stop() {
      stopped = true;
      await running;
    },
  };
}
