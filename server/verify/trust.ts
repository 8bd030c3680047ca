/** Whom the platform believes, folded from its ledger: each change proposed by one operator and confirmed in time, byte for byte, by another. */

import { canonicalise, isJsonObject, type Json } from '../core/log/canonical.ts';
import type { Entry } from '../core/log/entry.ts';
import type { Sha256 } from '../core/log/hash.ts';
import { parseInstant, readInstant } from '../core/log/instant.ts';
import {
  type AnchorVersion,
  applyTrustChange,
  digestOfChange,
  effectiveFrom,
  expiryOf,
  namesPerson,
  type OpenProposal,
  type TrustChange,
  type TrustPerson,
  whyNotConfirmed,
} from '../core/pki/trust-store.ts';
import { type Refused, refuse } from './words.ts';

export type TrustWatch = {
  /** Takes an entry of an operator in, with who stands behind it where that is shown. */
  take(entry: Entry, values: Record<string, unknown>): Refused | undefined;
  /** The anchors as the ledger has left them so far. */
  store(): readonly AnchorVersion[];
};

/** Watches the changes of trust, by the rule that the server decides by. It keeps the open proposals and the anchors. */
export function watchTrust(sha256: Sha256): TrustWatch {
  const open = new Map<number, OpenProposal>();
  let store: readonly AnchorVersion[] = [];
  /** Once an operator has done anything, no configuration names anchors any more. */
  let isBegun = false;

  function change({ body, at }: Entry, by: TrustPerson | null): string | undefined {
    const {
      proposal,
      change: wanted,
      from,
    } = body as unknown as { proposal: number | null; change: TrustChange; from: string };
    const confirmedAt = parseInstant(at);
    const fromAt = readInstant(from);
    if (fromAt === undefined) return 'anchor_dates_wrong';
    if (proposal === null) {
      if (isBegun || wanted.change !== 'add' || from !== wanted.from) return 'not of the first start';
    } else {
      const proposed = open.get(proposal);
      if (proposed === undefined) return 'trust_proposal_unknown';
      const changeSha256 = digestOfChange(sha256, wanted);
      const why = whyNotConfirmed(proposed, { changeSha256, at: confirmedAt, by });
      if (why !== undefined) return why;
      if (fromAt !== effectiveFrom(wanted, confirmedAt)) return 'anchor_dates_wrong';
      open.delete(proposal);
    }
    const changed = applyTrustChange(sha256, store, wanted, fromAt);
    if ('refused' in changed) return changed.refused;
    store = changed.store;
    return undefined;
  }

  function propose({ body, seq, at }: Entry, by: TrustPerson | null): string | undefined {
    const { change: wanted, expires } = body as unknown as { change: TrustChange; expires: string };
    const expiresAt = expiryOf(parseInstant(at));
    if (readInstant(expires) !== expiresAt) return 'open for another time than a proposal is';
    if (by !== null && !namesPerson(by.account)) return 'operator_names_nobody';
    const fits = applyTrustChange(sha256, store, wanted, effectiveFrom(wanted, parseInstant(at)));
    if ('refused' in fits) return fits.refused;
    open.set(seq, { changeSha256: digestOfChange(sha256, wanted), expiresAt, by });
    return undefined;
  }

  function withdraw({ body, at }: Entry, by: TrustPerson | null): string | undefined {
    const proposed = open.get(Number(body['proposal']));
    if (by !== null && !namesPerson(by.account)) return 'operator_names_nobody';
    if (proposed === undefined) return 'trust_proposal_unknown';
    if (parseInstant(at) >= proposed.expiresAt) return 'trust_proposal_expired';
    open.delete(Number(body['proposal']));
    return undefined;
  }

  return {
    take(entry, { who }) {
      const by = isJsonObject(who) ? { account: String(who['account']), name: String(who['name']) } : null;
      const step = { TrustChanged: change, TrustProposed: propose, TrustProposalWithdrawn: withdraw };
      const why = isTrustEntry(entry.type) ? step[entry.type as keyof typeof step](entry, by) : undefined;
      isBegun ||= entry.type !== 'TrustChanged';
      return why === undefined ? undefined : refuse('ledger_trust_refused', { seq: entry.seq, detail: why });
    },
    store: () => store,
  };
}

export function isTrustEntry(type: string): boolean {
  return ['TrustProposed', 'TrustProposalWithdrawn', 'TrustChanged'].includes(type);
}

/** Is it a step of operators, and not a CA of the first start? */
export function isProposed({ type, body }: Entry): boolean {
  return isTrustEntry(type) && body['proposal'] !== null;
}

/** Did its person sign what the entry of a step says? */
export function saysWhatWasSigned(
  sha256: Sha256,
  { type, body }: Entry,
  data: Readonly<Record<string, unknown>>,
): boolean {
  if (type === 'TrustProposed') return isSame(body['change'], data['change']);
  if (type === 'TrustProposalWithdrawn') return body['proposal'] === data['proposal'];
  const signed = digestOfChange(sha256, body['change'] as unknown as TrustChange);
  return body['proposal'] === data['proposal'] && signed === data['changeSha256'];
}

function isSame(some: unknown, other: unknown): boolean {
  return canonicalise(some as Json) === canonicalise(other as Json);
}
