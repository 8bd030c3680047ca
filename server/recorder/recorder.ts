/** The record-keeper: everything that changes an opening goes through here, one round at a time for each opening. */

import type { PersonAct } from '../core/log/act.ts';
import { canonicalise, type Json } from '../core/log/canonical.ts';
import { LogFormatError } from '../core/log/error.ts';
import { openingOrigin } from '../core/log/origin.ts';
import { utf8 } from '../core/log/utf8.ts';
import { COMMANDS, type CommandType } from '../core/opening/commands.ts';
import type { Details } from '../core/opening/details.ts';
import type { LoggedEvent } from '../core/opening/events.ts';
import type { Policy, ProfileName } from '../core/opening/policy.ts';
import { isRegisterCommand } from '../core/opening/register.ts';
import type { AssignableRole } from '../core/opening/roles.ts';
import { isUndecided, numberOf, type OpeningState } from '../core/opening/state.ts';
import { createOpening } from '../core/opening/steps/sealing.ts';
import { announce } from '../store/announce.ts';
import { appendEntries, createLog, lockHead } from '../store/append.ts';
import { readClock } from '../store/clock.ts';
import type { Sql } from '../store/driver.ts';
import { proofOf, readCheckpoint, readEntries } from '../store/read-log.ts';
import type { World } from '../world.ts';
import { contentDigest, digestText } from './deciding.ts';
import { makeEntry } from './entry-making.ts';
import type { Prepared } from './fact-finding.ts';
import { wasShown } from './head-seen.ts';
import { createIntake } from './intake.ts';
import { createKeeper, type Keeper } from './keeper.ts';
import type { KeptOpening } from './kept-opening.ts';
import type { OpeningDesk } from './opening-desk.ts';
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

/**
 * Starts the recorder: decides what was received and not decided, freezes what a long outage interrupted, then sets every alarm.
 *
 * Throws: what the signer throws for a database that is behind its guard (a restored backup).
 */
export async function startRecorder(deps: RecorderDeps): Promise<Recorder> {
  const { sql, world } = deps;
  const keepers = new Map<string, Keeper>();
  const prepared = new Map<string, Prepared>();
  const verifying = new Set<string>();
  let readOnly: string | null = null;
  const intake = createIntake(sql, world);
  const timekeeper = createTimekeeper({ ...deps, keeperOf });

  function keeperOf(openingId: string): Keeper {
    let keeper = keepers.get(openingId);
    if (keeper !== undefined) return keeper;
    keeper = createKeeper(openingId, {
      ...deps,
      prepared: (id) => prepared.get(id) ?? { openedLists: null, manifest: null },
      onCommitted,
    });
    keepers.set(openingId, keeper);
    return keeper;
  }

  function onCommitted(openingId: string, kept: KeptOpening, events: readonly LoggedEvent[]): void {
    timekeeper.arm(openingId, kept.state);
    if (events.some((e) => e.type === 'BidsSealed')) deps.onSealed(openingId);
    if (events.some((e) => e.type === 'PricesAnnounced' || e.type === 'HandedOver')) prepared.delete(openingId);
    verifyReceived(openingId, kept.state);
  }

  /** Hands every undecided decryption to the vault; asked again at each change and at start, so none is forgotten. */
  function verifyReceived(openingId: string, state: OpeningState): void {
    for (const bid of state.bids.filter(isUndecided)) {
      for (const { attempt, outcome } of bid.attempts) {
        const job = `${openingId}/${bid.bidder}/${attempt}`;
        if (outcome !== 'undecided' || verifying.has(job)) continue;
        verifying.add(job);
        void verify(openingId, state, bid.bidder, attempt)
          .catch(deps.onFault)
          .finally(() => verifying.delete(job));
      }
    }
  }

  async function verify(openingId: string, state: OpeningState, bidder: number, attempt: number): Promise<void> {
    let failure: Awaited<ReturnType<OpeningDesk['verify']>>;
    try {
      failure = await deps.desk.verify(state, bidder, attempt);
    } catch (error) {
      deps.onFault(error);
      failure = 'worker_failed';
    }
    if (closing) return;
    await keeperOf(openingId).machine({ type: 'RecordDecryption', data: { bidder, attempt, failure } });
  }

  let closing = false;

  async function recover(): Promise<void> {
    const waiting = await sql<
      { openingId: string }[]
    >`SELECT DISTINCT opening_id AS "openingId" FROM intake WHERE NOT decided`;
    for (const { openingId } of waiting) {
      const keeper = keeperOf(openingId);
      keeper.wake();
      await keeper.idle();
    }
    const outage = await timekeeper.outage();
    const live = await sql<{ id: string }[]>`SELECT id FROM openings WHERE phase <> 'Archived'`;
    for (const { id } of live) {
      const keeper = keeperOf(id);
      if (outage !== null) await keeper.machine({ type: 'FreezeForOutage', outageSince: outage.sinceAt });
      const kept = await keeper.kept();
      if (kept === null) continue;
      timekeeper.arm(id, kept.state);
      verifyReceived(id, kept.state);
    }
    timekeeper.startHeartbeat();
  }

  /** Slow work that a command needs is done before the command is received: it holds no other act back. */
  async function prepare(submission: Submission): Promise<void> {
    const { openingId, type } = submission;
    if (type !== 'AnnouncePrices' && type !== 'HandOver') return;
    const kept = await keeperOf(openingId).kept();
    if (kept === null) return;
    const { phase } = kept.state;
    const before = prepared.get(openingId) ?? { openedLists: null, manifest: null };
    if (type === 'AnnouncePrices' && phase === 'Attribution' && before.openedLists === null) {
      prepared.set(openingId, { ...before, openedLists: await deps.desk.lists(kept.state) });
    }
    if (type === 'HandOver' && phase === 'Closed' && before.manifest === null) {
      prepared.set(openingId, { ...before, manifest: await deps.desk.manifest(kept.state) });
    }
  }

  async function answerOf(openingId: string, outcome: Outcome): Promise<Answer> {
    if (outcome.outcome === 'refused') return outcome;
    const { seqs, size, receipt, actId } = outcome;
    if (seqs.length === 0)
      return { outcome: 'accepted', seqs, entries: [], checkpoint: null, proofs: [], receipt, actId };
    const origin = openingOrigin(deps.platform, openingId);
    const checkpoint = await checkpointFor(origin, size);
    const entries: string[] = [];
    const proofs: string[] = [];
    const decoder = new TextDecoder();
    for (const seq of seqs) {
      const [entry] = await readEntries(sql, origin, seq, seq + 1);
      if (entry === undefined) throw new Error(`entry ${seq} of ${origin} is gone`);
      entries.push(decoder.decode(entry.bytes));
      proofs.push(await proofOf(sql, origin, seq, checkpoint.size, checkpoint.note));
    }
    return { outcome: 'accepted', seqs, entries, checkpoint: checkpoint.note, proofs, receipt, actId };
  }

  /** The first checkpoint that covers this size: commands of one round share one, so it may cover more. */
  async function checkpointFor(origin: string, size: number): Promise<{ size: number; note: string }> {
    const exact = await readCheckpoint(sql, origin, size);
    if (exact !== null) return { size, note: exact };
    const [later] = await sql<{ size: number; note: string }[]>`
      SELECT size, note FROM checkpoints WHERE origin = ${origin} AND size >= ${size} ORDER BY size LIMIT 1`;
    if (later === undefined) throw new Error(`no checkpoint covers ${size} entries of ${origin}`);
    return later;
  }

  /** What a submission must be to be stored at all; a refusal for anything that is not plain signed JSON. */
  function encode(submission: Submission): Uint8Array | Refused {
    try {
      contentDigest(submission);
      return utf8(canonicalise(submission as unknown as Json));
    } catch (error) {
      if (error instanceof LogFormatError) return { outcome: 'refused', code: 'details_invalid' };
      throw error;
    }
  }

  await recover();

  return {
    async create(request) {
      if (readOnly !== null) throw new ReadOnlyError(readOnly);
      return create(deps, request, answerOf, (id) => {
        const keeper = keeperOf(id);
        void keeper.kept().then((kept) => kept !== null && timekeeper.arm(id, kept.state), deps.onFault);
      });
    },
    async submit(submission) {
      if (readOnly !== null) throw new ReadOnlyError(readOnly);
      const isPersonal = isRegisterCommand(submission.type) || isPersonCommand(submission.type);
      if (!isPersonal) return { outcome: 'refused', code: 'role_not_allowed' };
      const [found] = await sql`SELECT 1 FROM openings WHERE id = ${submission.openingId}`;
      if (found === undefined) return { outcome: 'refused', code: 'no_such_opening' };
      const content = encode(submission);
      if ('outcome' in content) return content;
      const origin = openingOrigin(deps.platform, submission.openingId);
      if (!(await wasShown(sql, origin, submission.act))) return { outcome: 'refused', code: 'head_seen_unknown' };
      await prepare(submission);
      const { id } = await intake.receive(submission.openingId, submission.type, content);
      return answerOf(submission.openingId, await keeperOf(submission.openingId).outcomeOf(id));
    },
    async stateOf(openingId) {
      return (await keeperOf(openingId).kept())?.state ?? null;
    },
    async numberOf(openingId, creditCode) {
      const kept = await keeperOf(openingId).kept();
      return kept === null ? null : numberOf(kept.state, creditCode);
    },
    keptOf: (openingId) => keeperOf(openingId).kept(),
    refuseCommands(why) {
      readOnly ??= why;
    },
    health: () => ({ readOnly: readOnly !== null, why: readOnly, openings: keepers.size }),
    async close() {
      closing = true;
      await timekeeper.stop();
      for (const keeper of keepers.values()) await keeper.idle();
    },
  };
}

function isPersonCommand(type: string): type is CommandType {
  return Object.hasOwn(COMMANDS, type) && COMMANDS[type as CommandType].signedBy !== 'none';
}

/** Genesis: log, assignments and the first entry in one commit. */
async function create(
  deps: RecorderDeps,
  request: CreationRequest,
  answerOf: (openingId: string, outcome: Outcome) => Promise<Answer>,
  onCreated: (openingId: string) => void,
): Promise<Answer> {
  const { sql, world, signer, platform } = deps;
  const { openingId, profile, details, policy, assignments } = request;
  const origin = openingOrigin(platform, openingId);
  const isHost = assignments.some((a) => a.account === request.who.account && a.role === 'host');
  if (!isHost) return { outcome: 'refused', code: 'creator_is_not_host' };
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
  const made = await writeGenesis().catch(async (error: unknown) => {
    const refused = assignmentRefusal(error);
    await settleLog(sql, signer, origin);
    if (refused !== null) return refused;
    throw error;
  });
  if (made !== null && 'outcome' in made) return made;
  if (made === null) return repeated(deps, request, answerOf);
  await signer.release(origin, made.size, made.root);
  await announce(sql, origin, made.size);
  onCreated(openingId);
  return answerOf(openingId, { outcome: 'accepted', seqs: [0], size: 1, receipt: null, actId: null });

  function writeGenesis() {
    return sql.begin(async (tx) => {
      const at = await readClock(tx, world);
      const deadlineAt = Date.parse(details.deadlineAt);
      const inserted = await tx`INSERT INTO openings (id, title, phase, deadline_at, opening_at, created_at)
      VALUES (${openingId}, ${details.title}, 'Draft', ${deadlineAt}, ${deadlineAt}, ${at}) ON CONFLICT DO NOTHING RETURNING id`;
      if (inserted.length === 0) return null;
      for (const { account, role } of assignments) {
        const person = account.split('/')[1] ?? account;
        await tx`INSERT INTO assignments (opening_id, account, person, role, assigned_by, assigned_at)
        VALUES (${openingId}, ${account}, ${person}, ${role}, ${request.who.account}, ${at})`;
      }
      await createLog(tx, { origin, kind: 'opening', openingId });
      const head = await lockHead(tx, origin);
      const entry = makeEntry(
        origin,
        0,
        at,
        genesis,
        {
          role: 'host',
          command: request.command,
          receivedAt: at,
          person: { who: request.who, source: request.source, act: request.act },
        },
        world.randomBytes,
      );
      const appended = await appendEntries(tx, head, [entry], signer);
      await tx`INSERT INTO commands ${tx({
        opening_id: openingId,
        actor: request.who.account,
        command_id: request.command,
        content_sha256: contentDigest({ type: 'CreateOpening', data: request.data }),
        outcome: JSON.stringify({
          outcome: 'accepted',
          seqs: [0],
          size: 1,
          receipt: null,
          actId: null,
        } satisfies Outcome),
      })}`;
      return appended;
    });
  }
}

/** What the database says of assignments that cannot be: an account that is not there, or one person as host and witness. */
function assignmentRefusal(error: unknown): Refused | null {
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : '';
  if (code === '23503') return { outcome: 'refused', code: 'no_such_account' };
  return code === '23505' ? { outcome: 'refused', code: 'host_is_witness' } : null;
}

/** The id is taken: the same request by the same person gets its first answer, anyone else a refusal. */
async function repeated(
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
