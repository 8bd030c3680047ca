/** Whom the platform believes, folded from its ledger: each change proposed by one operator and confirmed in time, byte for byte, by another. */

import { canonicalise, isJsonObject, type Json } from '../core/log/canonical.ts';
import type { Entry } from '../core/log/entry.ts';
import { parseInstant } from '../core/log/instant.ts';
import {
  type AnchorVersion,
  applyTrustChange,
  digestOfChange,
  effectiveFrom,
  maybeSamePerson,
  type TrustChange,
} from '../core/pki/trust-store.ts';
import { sha256 } from '../hash.ts';
import { type Refused, refuse } from './verify-words.ts';

type Proposed = { readonly change: TrustChange; readonly expiresAt: number };
type Person = { readonly account: string; readonly name: string };

export type TrustWatch = {
  /** Takes an entry of an operator in; who did it need not be shown. */
  take(entry: Entry): Refused | undefined;
  /** Does one person stand behind both acts, as far as they are shown? Remembers who proposed. */
  isByOnePerson(entry: Entry, values: Record<string, unknown>): boolean;
  /** The anchors as the ledger has left them so far. */
  store(): readonly AnchorVersion[];
};

/** Watches the changes of trust. It keeps the open proposals and the anchors. */
export function watchTrust(): TrustWatch {
  const open = new Map<number, Proposed>();
  const proposers = new Map<number, Person>();
  let store: readonly AnchorVersion[] = [];
  /** Once an operator has done anything, no configuration names anchors any more. */
  let isBegun = false;

  function change({ body, seq, at }: Entry): Refused | undefined {
    const {
      proposal,
      change: wanted,
      from,
    } = body as unknown as { proposal: number | null; change: TrustChange; from: string };
    const confirmedAt = parseInstant(at);
    if (proposal === null) {
      if (isBegun || wanted.change !== 'add' || from !== wanted.from)
        return refuse('ledger_trust_refused', { seq, detail: 'not of the first start' });
    } else {
      const proposed = open.get(proposal);
      if (proposed === undefined) return refuse('ledger_trust_refused', { seq, detail: 'trust_proposal_unknown' });
      if (confirmedAt >= proposed.expiresAt)
        return refuse('ledger_trust_refused', { seq, detail: 'trust_proposal_expired' });
      if (!isSame(proposed.change, wanted))
        return refuse('ledger_trust_refused', { seq, detail: 'trust_change_differs' });
      if (parseInstant(from) !== effectiveFrom(wanted, confirmedAt))
        return refuse('ledger_trust_refused', { seq, detail: 'anchor_dates_wrong' });
      open.delete(proposal);
    }
    const changed = applyTrustChange(sha256, store, wanted, parseInstant(from));
    if ('refused' in changed) return refuse('ledger_trust_refused', { seq, detail: changed.refused });
    store = changed.store;
    return undefined;
  }

  function take(entry: Entry): Refused | undefined {
    const { type, seq, body } = entry;
    if (type === 'TrustChanged') return change(entry);
    isBegun = true;
    if (type === 'TrustProposed') {
      const { change: wanted, expires } = body as unknown as { change: TrustChange; expires: string };
      open.set(seq, { change: wanted, expiresAt: parseInstant(expires) });
    }
    if (type === 'TrustProposalWithdrawn' && !open.delete(Number(body['proposal'])))
      return refuse('ledger_trust_refused', { seq, detail: 'trust_proposal_unknown' });
    return undefined;
  }

  return {
    take,
    isByOnePerson({ type, seq, body }, { who }) {
      if (!isJsonObject(who)) return false;
      const person = { account: String(who['account']), name: String(who['name']) };
      if (type === 'TrustProposed') proposers.set(seq, person);
      const proposer = type === 'TrustChanged' ? proposers.get(Number(body['proposal'])) : undefined;
      return proposer !== undefined && maybeSamePerson(proposer, person);
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
export function saysWhatWasSigned({ type, body }: Entry, data: Readonly<Record<string, unknown>>): boolean {
  if (type === 'TrustProposed') return isSame(body['change'], data['change']);
  if (type === 'TrustProposalWithdrawn') return body['proposal'] === data['proposal'];
  const signed = digestOfChange(sha256, body['change'] as unknown as TrustChange);
  return body['proposal'] === data['proposal'] && signed === data['changeSha256'];
}

function isSame(some: unknown, other: unknown): boolean {
  return canonicalise(some as Json) === canonicalise(other as Json);
}
