/** The record-keeper: everything that changes an opening goes through here, one round at a time for each opening. */

import type { PersonAct } from '../core/log/act.ts';
import { canonicalise, type Json } from '../core/log/canonical.ts';
import { LogFormatError } from '../core/log/error.ts';
import { parseInstant } from '../core/log/instant.ts';
import { openingOrigin } from '../core/log/origin.ts';
import { fromUtf8, utf8 } from '../core/log/utf8.ts';
import { COMMANDS, type CommandType, type DecryptionFailure } from '../core/opening/commands.ts';
import type { Details } from '../core/opening/details.ts';
import type { LoggedEvent, NewEvent } from '../core/opening/events.ts';
import type { Policy, ProfileName } from '../core/opening/policy.ts';
import { isRegisterCommand } from '../core/opening/register.ts';
import type { AssignableRole } from '../core/opening/roles.ts';
import { isUndecided, numberOf, type OpeningState } from '../core/opening/state.ts';
import { createOpening } from '../core/opening/steps/sealing.ts';
import { type Appended, appendEntries, createLog, lockHead } from '../store/append.ts';
import { readClock } from '../store/clock.ts';
import type { Sql, TransactionSql } from '../store/driver.ts';
import { isDatabaseAway, isValueRefused } from '../store/faults.ts';
import { proofsOf, readEntries } from '../store/read-log.ts';
import type { World } from '../world.ts';
import { commit } from './commit.ts';
import { contentDigest, digestText } from './deciding.ts';
import { makeEntry } from './entry-making.ts';
import type { Prepared } from './fact-finding.ts';
import { OutcomeUnknownError } from './faults.ts';
import { wasShown } from './head-seen.ts';
import { createIntake } from './intake.ts';
import { createKeeper, type Keeper } from './keeper.ts';
import { type KeptOpening, loadOpening } from './kept-opening.ts';
import { type OpeningDesk, VaultBusyError } from './opening-desk.ts';
import { settleLog } from './settle-log.ts';
import type { Signer } from './signer.ts';
import type { Answer, Outcome, Refused, Source, Submission, Who } from './submission.ts';
import { createTimekeeper } from './timekeeper.ts';

export type CreationRequest = {
  readonly command: string;
  readonly openingId: string;
  readonly profile: ProfileName;
  readonly details: Details;
  readonly policy: Policy;
  readonly assignments: readonly { readonly account: string; readonly role: AssignableRole }[];
  readonly who: Who;
  readonly act: PersonAct;
  readonly source: Source;
  readonly data: Json;
};

export type RecorderDeps = {
  readonly sql: Sql;
  readonly world: World;
  readonly signer: Signer;
  readonly desk: OpeningDesk;
  readonly platform: string;
  readonly production: boolean;
  readonly vaultKey: Uint8Array;
  readonly heartbeatMs: number;
  readonly outageToleranceMs: number;
  isCosigned(origin: string): boolean;
  /** Told once the bids of an opening are sealed: the register goes to the ledger now, not at the next period. */
  onSealed(openingId: string): void;
  onFault(error: unknown): void;
};

export type Recorder = {
  create(request: CreationRequest): Promise<Answer>;
  submit(submission: Submission): Promise<Answer>;
  stateOf(openingId: string): Promise<OpeningState | null>;
  numberOf(openingId: string, creditCode: string): Promise<number | null>;
  keptOf(openingId: string): Promise<KeptOpening | null>;
  /** No command is taken any more: a restored backup or a tampered log. */
  refuseCommands(why: string): void;
  health(): { readonly readOnly: boolean; readonly why: string | null; readonly openings: number };
  /** Waits until nothing is under way; what is durable stays for the next start. */
  close(): Promise<void>;
};

/** The recorder takes no commands. */
export class ReadOnlyError extends Error {
  readonly code = 'log_read_only';
}

/** How soon the vault is asked again after it could not look, or what it found could not be recorded. */
const VERIFY_AGAIN_MS = 1_000;
/** Times a verification may fail by a fault of ours before the platform answers for it; waiting for the database does not count. */
const VERIFY_TRIES = 3;

/**
 * Starts the recorder: decides what was received and not decided, freezes what a long outage interrupted, then sets every alarm.
 *
 * Throws: what the signer throws for a database that is behind its guard (a restored backup), and what the database says.
 */
export async function startRecorder(deps: RecorderDeps): Promise<Recorder> {
  const { sql, world, platform } = deps;
  const keepers = new Map<string, Keeper>();
  const prepared = new Map<string, Prepared>();
  const preparing = new Map<string, Promise<void>>();
  const verifying = new Set<string>();
  /** What is being answered; the recorder closes when all of it is. */
  const underWay = new Set<Promise<unknown>>();
  const pauses = new Set<() => void>();
  let readOnly: string | null = null;
  let closing = false;
  const intake = createIntake(sql, world);
  const timekeeper = createTimekeeper({ ...deps, keeperOf });

  function keeperOf(openingId: string): Keeper {
    let keeper = keepers.get(openingId);
    if (keeper !== undefined) return keeper;
    keeper = createKeeper(openingId, {
      ...deps,
      prepared: (id) => prepared.get(id) ?? { openedLists: null, manifest: null },
      onCommitted,
      onUnused: (files) => {
        for (const file of files) void deps.desk.discard(file).catch(deps.onFault);
      },
    });
    keepers.set(openingId, keeper);
    return keeper;
  }

  async function isOpening(openingId: string): Promise<boolean> {
    if (keepers.has(openingId)) return true;
    const [found] = await sql`SELECT 1 FROM openings WHERE id = ${openingId}`;
    return found !== undefined;
  }

  /** Only what is still going on is kept in memory, and nothing for ids that somebody made up. */
  async function keptOf(openingId: string): Promise<KeptOpening | null> {
    const keeper = keepers.get(openingId);
    if (keeper !== undefined) return keeper.kept();
    const [row] = await sql<{ phase: string }[]>`SELECT phase FROM openings WHERE id = ${openingId}`;
    if (row === undefined) return null;
    if (row.phase === 'Archived') return loadOpening(sql, openingOrigin(platform, openingId), openingId);
    return keeperOf(openingId).kept();
  }

  function onCommitted(openingId: string, kept: KeptOpening, events: readonly LoggedEvent[]): void {
    const { phase } = kept.state;
    timekeeper.arm(openingId, kept.state);
    if (phase !== 'Attribution' && phase !== 'Closed' && phase !== 'ReviewMeeting') prepared.delete(openingId);
    verifyReceived(openingId, kept.state);
    if (phase === 'Archived') forget(openingId);
    if (events.some((e) => e.type === 'BidsSealed')) deps.onSealed(openingId);
  }

  /** Nothing will happen in this opening any more: whoever asks reads it from the database. */
  function forget(openingId: string): void {
    const keeper = keepers.get(openingId);
    void keeper?.idle().then(() => {
      if (keepers.get(openingId) === keeper) keepers.delete(openingId);
    });
  }

  /** Hands every undecided decryption to the vault; asked again at each change and at start, so none is forgotten. */
  function verifyReceived(openingId: string, { phase, bids }: OpeningState): void {
    // In any other phase nothing of it could be recorded any more.
    if (phase !== 'Decrypting') return;
    for (const { bidder, attempts } of bids.filter(isUndecided)) {
      for (const { attempt, outcome } of attempts) {
        const job = `${openingId}/${bidder}/${attempt}`;
        if (outcome !== 'undecided' || verifying.has(job)) continue;
        verifying.add(job);
        void verify(openingId, bidder, attempt).finally(() => verifying.delete(job));
      }
    }
  }

  /** Verifies one decryption and records what was found; goes on until that is done, or there is nothing to record. */
  async function verify(openingId: string, bidder: number, attempt: number): Promise<void> {
    let found: { readonly failure: DecryptionFailure | null } | null = null;
    for (let faults = 0; !closing && readOnly === null; await pause(VERIFY_AGAIN_MS)) {
      try {
        const kept = await keeperOf(openingId).kept();
        if (kept?.state.bids[bidder - 1]?.attempts[attempt - 1]?.outcome !== 'undecided') return;
        found ??= { failure: await deps.desk.verify(kept.state, bidder, attempt) };
      } catch (error) {
        if (closing) return;
        deps.onFault(error);
        if (!isDatabaseAway(error) && !(error instanceof VaultBusyError)) faults += 1;
        if (faults < VERIFY_TRIES) continue;
        found = { failure: 'worker_failed' };
      }
      if (closing) return;
      const data = { bidder, attempt, failure: found.failure };
      const recorded = await keeperOf(openingId)
        .machine({ type: 'RecordDecryption', data })
        .then(
          () => true,
          // The keeper has told of it.
          () => false,
        );
      if (recorded) return;
    }
  }

  function pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        cancel();
        pauses.delete(end);
        resolve();
      };
      const cancel = world.after(ms, end);
      pauses.add(end);
    });
  }

  async function recover(): Promise<void> {
    const waiting = await sql<
      { openingId: string }[]
    >`SELECT DISTINCT opening_id AS "openingId" FROM intake WHERE NOT decided`;
    for (const { openingId } of waiting) {
      const keeper = keeperOf(openingId);
      keeper.wake();
      await keeper.idle();
    }
    const outageSince = await timekeeper.outage();
    const live = await sql<{ id: string }[]>`SELECT id FROM openings WHERE phase <> 'Archived'`;
    for (const { id } of live) {
      const keeper = keeperOf(id);
      if (outageSince !== null) await keeper.machine({ type: 'FreezeForOutage', outageSince });
      const kept = await keeper.kept();
      if (kept === null) continue;
      timekeeper.arm(id, kept.state);
      verifyReceived(id, kept.state);
    }
    timekeeper.begin();
  }

  /**
   * Slow work that a command needs is done before the command is received: it holds no other act back.
   *
   * Why: what is prepared stays in memory until the opening leaves the phase, so that a command that was refused for another
   *      reason does not open every bid once more.
   */
  async function prepare({ openingId, type, role }: Submission): Promise<void> {
    if (type !== 'AnnouncePrices' && type !== 'HandOver') return;
    const roles: readonly string[] = COMMANDS[type].roles;
    if (!roles.includes(role)) return;
    const job = `${openingId}/${type}`;
    const work =
      preparing.get(job) ??
      (type === 'HandOver' ? prepareFiles(openingId) : prepareLists(openingId)).catch(deps.onFault);
    preparing.set(job, work);
    // When it failed the command is refused as not ready, which is what it is; the fault is ours to look at.
    await work.finally(() => preparing.delete(job));
  }

  async function prepareLists(openingId: string): Promise<void> {
    const state = (await keptOf(openingId))?.state;
    const before = prepared.get(openingId) ?? { openedLists: null, manifest: null };
    if (state?.phase !== 'Attribution' || before.openedLists !== null) return;
    prepared.set(openingId, { ...before, openedLists: await deps.desk.lists(state) });
  }

  async function prepareFiles(openingId: string): Promise<void> {
    const state = (await keptOf(openingId))?.state;
    const before = prepared.get(openingId) ?? { openedLists: null, manifest: null };
    const isDue = state?.phase === 'Closed' || state?.phase === 'ReviewMeeting';
    if (!isDue || before.manifest !== null) return;
    prepared.set(openingId, { ...before, manifest: await deps.desk.manifest(state) });
  }

  async function answerOf(openingId: string, outcome: Outcome): Promise<Answer> {
    if (outcome.outcome === 'refused') return outcome;
    const { seqs, size, receipt, actId } = outcome;
    const [first] = seqs;
    if (first === undefined)
      return { outcome: 'accepted', seqs, entries: [], checkpoint: null, proofs: [], receipt, actId };
    const origin = openingOrigin(platform, openingId);
    const checkpoint = await checkpointFor(origin, size);
    // Committed, but by a COMMIT whose answer was lost: nobody may be shown it before the guard knows.
    if ((deps.signer.released(origin)?.size ?? 0) < checkpoint.size) await settleLog(sql, deps.signer, origin);
    const stored = await readEntries(sql, origin, first, first + seqs.length);
    const entries = stored.map(({ bytes }) => fromUtf8(bytes));
    const proofs = await proofsOf(sql, origin, seqs, checkpoint.size, checkpoint.note);
    return { outcome: 'accepted', seqs, entries, checkpoint: checkpoint.note, proofs, receipt, actId };
  }

  /** The first checkpoint that covers this size: commands of one round share one, so it may cover more. */
  async function checkpointFor(origin: string, size: number): Promise<{ size: number; note: string }> {
    const [found] = await sql<{ size: number; note: string }[]>`
      SELECT size, note FROM checkpoints WHERE origin = ${origin} AND size >= ${size} ORDER BY size LIMIT 1`;
    if (found === undefined) throw new Error(`no checkpoint covers ${size} entries of ${origin}`);
    return found;
  }

  /** What a submission must be to be stored at all; a refusal for anything that is not plain signed JSON under a proper id. */
  function encode(submission: Submission): Uint8Array | Refused {
    if (!isCommandId(submission.command)) return { outcome: 'refused', code: 'details_invalid' };
    try {
      contentDigest(submission);
      return utf8(canonicalise(submission as unknown as Json));
    } catch (error) {
      if (error instanceof LogFormatError) return { outcome: 'refused', code: 'details_invalid' };
      throw error;
    }
  }

  async function submit(submission: Submission): Promise<Answer> {
    const { openingId, type } = submission;
    const isPersonal = isRegisterCommand(type) || isPersonCommand(type);
    if (!isPersonal) return { outcome: 'refused', code: 'role_not_allowed' };
    if (!(await isOpening(openingId))) return { outcome: 'refused', code: 'no_such_opening' };
    const content = encode(submission);
    if ('outcome' in content) return content;
    if (!(await wasShown(sql, openingOrigin(platform, openingId), submission.act)))
      return { outcome: 'refused', code: 'head_seen_unknown' };
    await prepare(submission);
    await timekeeper.awake();
    const keeper = keeperOf(openingId);
    const { id } = await intake.receive(openingId, type, content).catch((error: unknown) => {
      // It may be durable all the same: then it is decided, whether anybody asks for it or not.
      keeper.wakeLater();
      throw error;
    });
    return answerOf(openingId, await keeper.outcomeOf(id, submission));
  }

  /** Runs what somebody waits for. Throws: ReadOnlyError; OutcomeUnknownError for every fault of the database. */
  async function answering<T>(work: () => Promise<T>): Promise<T> {
    if (readOnly !== null) throw new ReadOnlyError(readOnly);
    if (closing) throw new OutcomeUnknownError(new Error('the recorder is closing'));
    const working = work().catch((error: unknown) => {
      if (readOnly !== null) throw new ReadOnlyError(readOnly);
      throw isDatabaseAway(error) ? new OutcomeUnknownError(error) : error;
    });
    underWay.add(working);
    try {
      return await working;
    } finally {
      underWay.delete(working);
    }
  }

  async function stop(): Promise<void> {
    for (const end of pauses) end();
    await timekeeper.stop();
    await Promise.all([...keepers.values()].map((keeper) => keeper.stop()));
  }

  try {
    await recover();
  } catch (error) {
    closing = true;
    await stop();
    throw error;
  }

  return {
    create: (request) => answering(() => create(deps, request, answerOf)),
    submit: (submission) => answering(() => submit(submission)),
    keptOf,
    async stateOf(openingId) {
      return (await keptOf(openingId))?.state ?? null;
    },
    async numberOf(openingId, creditCode) {
      const kept = await keptOf(openingId);
      return kept === null ? null : numberOf(kept.state, creditCode);
    },
    refuseCommands(why) {
      if (readOnly !== null) return;
      readOnly = why;
      // Nothing more is signed, by the clock neither; and without its heartbeat the time from here on is an outage for everyone.
      void stop().catch(deps.onFault);
    },
    health: () => ({ readOnly: readOnly !== null, why: readOnly, openings: keepers.size }),
    async close() {
      closing = true;
      await Promise.allSettled(underWay);
      await stop();
    },
  };
}

function isPersonCommand(type: string): type is CommandType {
  return Object.hasOwn(COMMANDS, type) && COMMANDS[type as CommandType].signedBy !== 'none';
}

/** A command id as entries may hold it: printable ASCII without spaces. */
function isCommandId(id: string): boolean {
  return /^[\x21-\x7e]{1,128}$/.test(id);
}

/** Genesis: log, assignments and the first entry in one commit. */
async function create(
  deps: RecorderDeps,
  request: CreationRequest,
  answerOf: (openingId: string, outcome: Outcome) => Promise<Answer>,
): Promise<Answer> {
  const { sql, signer, platform } = deps;
  const { openingId, profile, details, policy, assignments } = request;
  const origin = openingOrigin(platform, openingId);
  if (!isCommandId(request.command)) return { outcome: 'refused', code: 'details_invalid' };
  const isHost = assignments.some((a) => a.account === request.who.account && a.role === 'host');
  if (!isHost) return { outcome: 'refused', code: 'creator_is_not_host' };
  // There is no log yet, so the act that begins it has seen none: a verifier holds entry 0 to that, too.
  if (!(await wasShown(sql, origin, request.act))) return { outcome: 'refused', code: 'head_seen_unknown' };
  const decision = createOpening(
    {
      openingId,
      platform,
      profile,
      details,
      policy,
      vkey: signer.vkeyOf(origin, 'opening'),
      cosigners: { quorum: 0, vkeys: [] },
      assignments,
      production: deps.production,
    },
    { digest: digestText },
  );
  if ('refused' in decision) return { outcome: 'refused', code: decision.refused };
  const genesis = decision.events[0] ?? absent('genesis');
  try {
    const isNew = await commit({ sql, signer }, [origin], (tx) => writeGenesis(tx, deps, request, genesis));
    if (!isNew) return await repeatedCreation(deps, request, answerOf);
  } catch (error) {
    const refused = creationRefusal(error);
    if (refused === null) throw error;
    return refused;
  }
  return answerOf(openingId, CREATED);
}

/** What the creator is answered. */
const CREATED = { outcome: 'accepted', seqs: [0], size: 1, receipt: null, actId: null } satisfies Outcome;

async function writeGenesis(
  tx: TransactionSql,
  { world, signer, platform }: RecorderDeps,
  request: CreationRequest,
  genesis: NewEvent,
): Promise<{ appended: readonly Appended[]; answer: boolean }> {
  const { openingId, details, assignments } = request;
  const origin = openingOrigin(platform, openingId);
  const at = await readClock(tx, world);
  const deadlineAt = parseInstant(details.deadlineAt);
  const inserted = await tx`INSERT INTO openings (id, title, phase, deadline_at, opening_at, created_at)
    VALUES (${openingId}, ${details.title}, 'Draft', ${deadlineAt}, ${deadlineAt}, ${at}) ON CONFLICT DO NOTHING RETURNING id`;
  if (inserted.length === 0) return { appended: [], answer: false };
  for (const { account, role } of assignments) {
    const person = account.split('/')[1] ?? account;
    await tx`INSERT INTO assignments (opening_id, account, person, role, assigned_by, assigned_at)
      VALUES (${openingId}, ${account}, ${person}, ${role}, ${request.who.account}, ${at})`;
  }
  await createLog(tx, { origin, kind: 'opening', openingId });
  const head = await lockHead(tx, origin);
  const person = { who: request.who, source: request.source, act: request.act };
  const author = { role: 'host', command: request.command, receivedAt: at, person } as const;
  const entry = makeEntry(origin, 0, at, genesis, author, world.randomBytes);
  const appended = await appendEntries(tx, head, [entry], signer);
  await tx`INSERT INTO commands ${tx({
    opening_id: openingId,
    actor: request.who.account,
    command_id: request.command,
    content_sha256: contentDigest({ type: 'CreateOpening', data: request.data }),
    outcome: JSON.stringify(CREATED),
  })}`;
  return { appended: [appended], answer: true };
}

/** What the database says of assignments that cannot be: an account that is not there, or one person as host and witness. */
function creationRefusal(error: unknown): Refused | null {
  if (!isValueRefused(error)) return null;
  const constraint = (error as { readonly constraint_name?: string }).constraint_name;
  switch (constraint) {
    case 'assignments_never_host_and_witness':
      return { outcome: 'refused', code: 'host_is_witness' };
    case 'assignments_account_accounts_id_fk':
      return { outcome: 'refused', code: 'no_such_account' };
    case 'assignments_once':
    case undefined:
      // A role given twice; a text that PostgreSQL cannot hold.
      return { outcome: 'refused', code: 'details_invalid' };
    default:
      return null;
  }
}

/** The id is taken: the same request by the same person gets its first answer, anyone else a refusal. */
async function repeatedCreation(
  { sql }: RecorderDeps,
  request: CreationRequest,
  answerOf: (openingId: string, outcome: Outcome) => Promise<Answer>,
): Promise<Answer> {
  const [row] = await sql<{ contentSha256: Uint8Array; outcome: string }[]>`
    SELECT content_sha256 AS "contentSha256", outcome FROM commands
    WHERE opening_id = ${request.openingId} AND actor = ${request.who.account} AND command_id = ${request.command}`;
  const digest = contentDigest({ type: 'CreateOpening', data: request.data });
  if (row === undefined || !Buffer.from(row.contentSha256).equals(digest))
    return { outcome: 'refused', code: 'opening_exists' };
  return answerOf(request.openingId, JSON.parse(row.outcome) as Outcome);
}

function absent(what: string): never {
  throw new Error(`there is no ${what}`);
}
