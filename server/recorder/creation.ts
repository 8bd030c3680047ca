/** The beginning of an opening: its log, its first roles and its genesis, in one commit. */

import type { PersonAct } from '../core/log/act.ts';
import type { Json } from '../core/log/canonical.ts';
import { parseInstant } from '../core/log/instant.ts';
import { openingOrigin } from '../core/log/origin.ts';
import type { Cosigners } from '../core/opening/cosigners.ts';
import type { Details } from '../core/opening/details.ts';
import type { NewEvent } from '../core/opening/events.ts';
import type { Policy, ProfileName } from '../core/opening/policy.ts';
import type { AssignableRole } from '../core/opening/roles.ts';
import { personOf } from '../core/opening/staff.ts';
import { createOpening } from '../core/opening/steps/sealing.ts';
import { digestText } from '../hash.ts';
import { type Appended, appendEntries, createLog, lockHead } from '../store/append.ts';
import { readClock } from '../store/clock.ts';
import type { Sql, TransactionSql } from '../store/driver.ts';
import { isValueRefused } from '../store/faults.ts';
import { platformCommitments } from '../vault/draw-share.ts';
import type { World } from '../world.ts';
import { type AnswerDeps, answerOf } from './answers.ts';
import { commit } from './commit.ts';
import { contentDigest } from './deciding.ts';
import { makeEntry } from './entry-making.ts';
import type { HeadsShown } from './head-seen.ts';
import type { Signer } from './signer.ts';
import { type Answer, isCommandId, type Outcome, type Refused, type Source, type Who } from './submission.ts';

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

export type CreationDeps = AnswerDeps & {
  readonly signer: Signer;
  readonly world: World;
  readonly production: boolean;
  readonly vaultKey: Uint8Array;
  readonly heads: HeadsShown;
  /** Whom new openings name as their cosigners. */
  readonly cosigners: Cosigners;
};

/**
 * Genesis: log, assignments and the first entry in one commit.
 *
 * Refuses: details_invalid, creator_is_not_host, head_seen_unknown, what `createOpening` refuses, host_is_witness, no_such_account,
 *          opening_exists.
 * Throws:  what the database and the signer say.
 */
export async function create(deps: CreationDeps, request: CreationRequest): Promise<Answer> {
  const { sql, signer, platform } = deps;
  const { openingId, profile, details, policy, assignments } = request;
  const origin = openingOrigin(platform, openingId);
  if (!isCommandId(request.command)) return { outcome: 'refused', code: 'details_invalid' };
  const isHost = assignments.some((a) => a.account === request.who.account && a.role === 'host');
  if (!isHost) return { outcome: 'refused', code: 'creator_is_not_host' };
  // There is no log yet, so the act that begins it has seen none: a verifier holds entry 0 to that, too.
  if (!(await deps.heads.wasShown(origin, request.act))) return { outcome: 'refused', code: 'head_seen_unknown' };
  const decision = createOpening(
    {
      openingId,
      platform,
      profile,
      details,
      policy,
      vkey: signer.vkeyOf(origin, 'opening'),
      cosigners: { quorum: deps.cosigners.quorum, vkeys: [...deps.cosigners.vkeys] },
      drawCommitments: platformCommitments(deps.vaultKey, openingId, digestText),
      assignments,
      production: deps.production,
    },
    { digest: digestText },
  );
  if ('refused' in decision) return { outcome: 'refused', code: decision.refused };
  if (await isSessionOfAnother(sql, request)) return { outcome: 'refused', code: 'session_of_another' };
  const genesis = decision.events[0] ?? absent('genesis');
  try {
    const isNew = await commit({ sql, signer }, [origin], (tx) => writeGenesis(tx, deps, request, genesis));
    if (!isNew) return await repeatedCreation(deps, request);
  } catch (error) {
    const refused = creationRefusal(error);
    if (refused === null) throw error;
    return refused;
  }
  return answerOf(deps, openingId, CREATED, null);
}

/** A session is led by one host: nobody hangs a lot onto another's. What two create in the same instant is not told apart. */
async function isSessionOfAnother(sql: Sql, { openingId, details, who }: CreationRequest): Promise<boolean> {
  if (details.session === undefined) return false;
  const [found] = await sql`SELECT 1 FROM openings o WHERE o.session_id = ${details.session.id} AND o.id <> ${openingId}
    AND NOT EXISTS (SELECT 1 FROM assignments a WHERE a.opening_id = o.id AND a.role = 'host'
      AND a.account = ${who.account} AND a.withdrawn_at IS NULL) LIMIT 1`;
  return found !== undefined;
}

/** What the creator is answered. */
const CREATED = { outcome: 'accepted', seqs: [0], size: 1, receipt: null, actId: null } satisfies Outcome;

async function writeGenesis(
  tx: TransactionSql,
  { world, signer, platform }: CreationDeps,
  request: CreationRequest,
  genesis: NewEvent,
): Promise<{ appended: readonly Appended[]; answer: boolean }> {
  const { openingId, details, assignments } = request;
  const origin = openingOrigin(platform, openingId);
  const at = await readClock(tx, world);
  const deadlineAt = parseInstant(details.deadlineAt);
  const inserted = await tx`INSERT INTO openings (id, title, phase, deadline_at, opening_at, created_at, session_id)
    VALUES (${openingId}, ${details.title}, 'Draft', ${deadlineAt}, ${deadlineAt}, ${at}, ${details.session?.id ?? null}) ON CONFLICT DO NOTHING RETURNING id`;
  if (inserted.length === 0) return { appended: [], answer: false };
  for (const { account, role } of assignments) {
    await tx`INSERT INTO assignments (opening_id, account, person, role, assigned_by, assigned_at)
      VALUES (${openingId}, ${account}, ${personOf(account)}, ${role}, ${request.who.account}, ${at})`;
  }
  await createLog(tx, { origin, kind: 'opening', openingId });
  const head = await lockHead(tx, origin);
  const person = { who: request.who, source: request.source, act: request.act, loginSha256: null };
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
async function repeatedCreation(deps: CreationDeps, request: CreationRequest): Promise<Answer> {
  const [row] = await deps.sql<{ contentSha256: Uint8Array; outcome: string }[]>`
    SELECT content_sha256 AS "contentSha256", outcome FROM commands
    WHERE opening_id = ${request.openingId} AND actor = ${request.who.account} AND command_id = ${request.command}`;
  const digest = contentDigest({ type: 'CreateOpening', data: request.data });
  if (row === undefined || !Buffer.from(row.contentSha256).equals(digest))
    return { outcome: 'refused', code: 'opening_exists' };
  return answerOf(deps, request.openingId, JSON.parse(row.outcome) as Outcome, null);
}

function absent(what: string): never {
  throw new Error(`there is no ${what}`);
}
