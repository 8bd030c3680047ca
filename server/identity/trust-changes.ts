/** Changes of whom the platform believes: proposed by one operator, confirmed byte for byte by another human being, decided in the transaction that writes them to the ledger. */
import { formatInstant } from '../core/log/instant.ts';
import {
  type AnchorVersion,
  applyTrustChange,
  digestOfChange,
  effectiveFrom,
  expiryOf,
  namesPerson,
  type TrustChange,
  whyNotConfirmed,
} from '../core/pki/trust-store.ts';
import { sha256 } from '../hash.ts';
import type { Sql, TransactionSql } from '../store/driver.ts';
import { type IdentityRefusal, refuse } from './refusals.ts';

/** What an operator wants. */
export type TrustStep =
  | { readonly step: 'propose'; readonly change: TrustChange }
  | { readonly step: 'confirm'; readonly proposal: number; readonly changeSha256: string }
  | { readonly step: 'withdraw'; readonly proposal: number; readonly reason: string };

/** Who wants it, by which act, and the entry that would say so. */
export type StepTerms = {
  readonly by: { readonly account: string; readonly name: string };
  readonly command: string;
  readonly seq: number;
  readonly at: number;
};

/** The entry to be made; none when the same act has been decided before. `proposal` the number of the proposal. */
export type TrustDecision =
  | {
      readonly ok: true;
      readonly proposal: number;
      readonly entry?:
        | { readonly type: 'TrustProposed'; readonly body: { readonly change: TrustChange; readonly expires: string } }
        | { readonly type: 'TrustProposalWithdrawn'; readonly body: { readonly proposal: number } }
        | {
            readonly type: 'TrustChanged';
            readonly body: { readonly proposal: number; readonly change: TrustChange; readonly from: string };
          };
    }
  | { readonly ok?: never; readonly refused: IdentityRefusal };

type Proposal = {
  readonly seq: number;
  readonly proposedBy: string;
  readonly proposerName: string;
  readonly change: string;
  readonly changeSha256: string;
  readonly expiresAt: number;
  readonly outcome: 'confirmed' | 'withdrawn' | null;
  readonly closedCommand: string | null;
};

/** The anchors as all changes so far have left them. */
export async function readTrustStore(sql: Sql | TransactionSql): Promise<readonly AnchorVersion[]> {
  return foldChanges(
    await sql<{ change: string; fromAt: number }[]>`
      SELECT change, from_at AS "fromAt" FROM trust_changes ORDER BY seq`,
  );
}

/** The anchors that these stored changes leave, in the order of their entries. */
export function foldChanges(
  rows: readonly { readonly change: string; readonly fromAt: number }[],
): readonly AnchorVersion[] {
  let store: readonly AnchorVersion[] = [];
  for (const { change, fromAt } of rows) {
    const changed = applyTrustChange(sha256, store, JSON.parse(change) as TrustChange, fromAt);
    if ('refused' in changed) throw new Error(`a stored change of trust does not fit: ${changed.refused}`);
    store = changed.store;
  }
  return store;
}

/** Keeps a change that fits; the entry of this number says it. Refuses: what applyTrustChange refuses. */
export async function keepTrustChange(
  tx: TransactionSql,
  { seq, change, fromAt }: { readonly seq: number; readonly change: TrustChange; readonly fromAt: number },
): Promise<{ readonly ok: true } | { readonly ok?: never; readonly refused: IdentityRefusal }> {
  const changed = applyTrustChange(sha256, await readTrustStore(tx), change, fromAt);
  if ('refused' in changed) return refuse(changed.refused);
  await tx`INSERT INTO trust_changes (seq, change, from_at) VALUES (${seq}, ${JSON.stringify(change)}, ${fromAt})`;
  return { ok: true };
}

/**
 * Decides a step, and keeps what it comes to; all in the transaction that appends its entry, so that nothing changes half-way.
 *
 * Refuses: not_operator, operator_names_nobody; proposing what applyTrustChange refuses; else trust_proposal_unknown,
 *          trust_proposal_closed, trust_proposal_expired; confirming also trust_change_differs, second_person_required,
 *          trust_proposer_left, and what applyTrustChange refuses by then — in this order.
 * Why:     the ledger's head is locked by then, so one step at a time is decided, whoever sends them.
 */
export async function decideTrust(tx: TransactionSql, step: TrustStep, terms: StepTerms): Promise<TrustDecision> {
  const { by } = terms;
  if (!(await isLivingOperator(tx, by.account))) return refuse('not_operator');
  if (!namesPerson(by.account)) return refuse('operator_names_nobody');
  if (step.step === 'propose') return propose(tx, step.change, terms);
  const [proposal] = await tx<Proposal[]>`
    SELECT seq, proposed_by AS "proposedBy", proposer_name AS "proposerName", change, change_sha256 AS "changeSha256",
      expires_at AS "expiresAt", outcome, closed_command AS "closedCommand"
    FROM trust_proposals WHERE seq = ${step.proposal}`;
  if (proposal === undefined) return refuse('trust_proposal_unknown');
  const { seq } = proposal;
  const outcome = step.step === 'confirm' ? 'confirmed' : 'withdrawn';
  if (proposal.outcome === outcome && proposal.closedCommand === terms.command) return { ok: true, proposal: seq };
  if (proposal.outcome !== null) return refuse('trust_proposal_closed');
  if (step.step === 'confirm') return confirm(tx, proposal, step.changeSha256, terms);
  if (terms.at >= proposal.expiresAt) return refuse('trust_proposal_expired');
  await close(tx, seq, outcome, terms);
  return { ok: true, proposal: seq, entry: { type: 'TrustProposalWithdrawn', body: { proposal: seq } } };
}

async function propose(tx: TransactionSql, change: TrustChange, terms: StepTerms): Promise<TrustDecision> {
  const { by, command, seq, at } = terms;
  const changeSha256 = digestOfChange(sha256, change);
  const [known] = await tx<{ seq: number; changeSha256: string }[]>`
    SELECT seq, change_sha256 AS "changeSha256" FROM trust_proposals
    WHERE proposed_by = ${by.account} AND command = ${command}`;
  if (known !== undefined)
    return known.changeSha256 === changeSha256 ? { ok: true, proposal: known.seq } : refuse('trust_change_differs');
  const fits = applyTrustChange(sha256, await readTrustStore(tx), change, effectiveFrom(change, at));
  if ('refused' in fits) return refuse(fits.refused);
  const expiresAt = expiryOf(at);
  await tx`
    INSERT INTO trust_proposals (seq, command, proposed_by, proposer_name, change, change_sha256, expires_at)
    VALUES (${seq}, ${command}, ${by.account}, ${by.name}, ${JSON.stringify(change)}, ${changeSha256}, ${expiresAt})`;
  return {
    ok: true,
    proposal: seq,
    entry: { type: 'TrustProposed', body: { change, expires: formatInstant(expiresAt) } },
  };
}

async function confirm(
  tx: TransactionSql,
  proposal: Proposal,
  changeSha256: string,
  terms: StepTerms,
): Promise<TrustDecision> {
  const proposer = { account: proposal.proposedBy, name: proposal.proposerName };
  const why = whyNotConfirmed({ ...proposal, by: proposer }, { changeSha256, at: terms.at, by: terms.by });
  if (why !== undefined) return refuse(why);
  if (!(await isLivingOperator(tx, proposal.proposedBy))) return refuse('trust_proposer_left');
  const change = JSON.parse(proposal.change) as TrustChange;
  const fromAt = effectiveFrom(change, terms.at);
  const kept = await keepTrustChange(tx, { seq: terms.seq, change, fromAt });
  if ('refused' in kept) return kept;
  await close(tx, proposal.seq, 'confirmed', terms);
  const body = { proposal: proposal.seq, change, from: formatInstant(fromAt) };
  return { ok: true, proposal: proposal.seq, entry: { type: 'TrustChanged', body } };
}

async function close(
  tx: TransactionSql,
  proposal: number,
  outcome: 'confirmed' | 'withdrawn',
  { seq, command }: StepTerms,
): Promise<void> {
  await tx`
    UPDATE trust_proposals SET outcome = ${outcome}, closed_seq = ${seq}, closed_command = ${command}
    WHERE seq = ${proposal}`;
}

async function isLivingOperator(tx: TransactionSql, account: string): Promise<boolean> {
  const [row] = await tx`SELECT 1 FROM accounts WHERE id = ${account} AND kind = 'operator' AND disabled_at IS NULL`;
  return row !== undefined;
}

export type ProposalFacts = {
  /** The entry of the ledger. */
  readonly proposal: number;
  readonly change: TrustChange;
  readonly changeSha256: string;
  readonly expiresAt: number;
  readonly state: 'open' | 'confirmed' | 'withdrawn' | 'expired';
  readonly proposedBy: string;
  readonly proposerName: string;
};

/** The newest proposals. */
export async function listProposals(sql: Sql, at: number, limit: number): Promise<ProposalFacts[]> {
  const rows = await sql<Proposal[]>`
    SELECT seq, proposed_by AS "proposedBy", proposer_name AS "proposerName", change, change_sha256 AS "changeSha256",
      expires_at AS "expiresAt", outcome, closed_command AS "closedCommand"
    FROM trust_proposals ORDER BY seq DESC LIMIT ${limit}`;
  return rows.map(({ seq, change, changeSha256, expiresAt, outcome, proposedBy, proposerName }) => ({
    proposal: seq,
    change: JSON.parse(change) as TrustChange,
    changeSha256,
    expiresAt,
    state: outcome ?? (at < expiresAt ? 'open' : 'expired'),
    proposedBy,
    proposerName,
  }));
}
