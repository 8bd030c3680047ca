// The opening record 开标记录 as data: built from the state alone, so that anyone who may see the state can build it again.
import { canonicalise, type Json } from '../log/canonical.ts';
import { formatInstant } from '../log/instant.ts';
import type { RegisterFacts } from './facts.ts';
import { PROFILES } from './policy.ts';
import type { PriceRow } from './rows.ts';
import { type Bid, type OpeningState, outcomeOf } from './state.ts';

/** One bidder's line of the record. A price stands there only when the bid was opened. */
export type RecordLine = {
  readonly bidder: number;
  readonly name: string;
  readonly creditCode: string;
  readonly lodgedAt: string;
  readonly checkedIn: boolean;
  readonly envelopeSha256: string;
  readonly decryption: 'decrypted' | 'revoked' | 'deemed_revoked' | 'deemed_withdrawn' | 'unknown';
  /** Only where its bidder revoked it after the deadline, opened or not; the bid bond may be kept (条例35). */
  readonly revokedAt?: string;
  readonly price: Omit<PriceRow, 'bidder' | 'name' | 'creditCode' | 'openingList'> | null;
};

export type OpeningRecord = {
  readonly v: 1;
  readonly openingId: string;
  readonly log: string;
  readonly version: number;
  readonly rehearsal: boolean;
  readonly profile: string;
  readonly articles: { readonly record: string; readonly fault: string };
  readonly title: string;
  readonly project: { readonly code: string; readonly name: string };
  readonly lot: { readonly code: string; readonly name: string };
  readonly tenderer: string;
  readonly agency: string;
  readonly place: string;
  readonly openingAt: string;
  readonly window: { readonly opensAt: string; readonly closedAt: string; readonly extendedMs: number };
  /** Where the policy drew one: the round and what came of it. */
  readonly draw?: { readonly round: number; readonly coefficient: string };
  readonly ceilingPrice: string | null;
  readonly currency: string;
  readonly lines: readonly RecordLine[];
  readonly objections: readonly {
    readonly objection: number;
    /** Null: raised before the roster by someone without a standing bid. */
    readonly bidder: number | null;
    readonly status: string;
    readonly raisedAt: string;
  }[];
  readonly cosignerQuorum: number;
  readonly note: string;
};

/**
 * The record of this state.
 *
 * Asserts: prices are announced and the window is closed; roster and numbers are the register's.
 * Source:  20号令32, 62: this JSON is the original, every other form a view of it.
 */
export function buildRecord(
  state: OpeningState,
  register: Pick<RegisterFacts, 'roster' | 'numbers'>,
  version: number,
  note: string,
): OpeningRecord {
  const { window, prices } = state;
  if (window?.closed == null || prices?.known !== true)
    throw new Error('a record needs a closed window and announced prices');
  const articles = PROFILES[state.profile].articles;
  return {
    v: 1,
    openingId: state.openingId,
    log: `${state.platform}/opening/${state.openingId}`,
    version,
    rehearsal: state.profile === 'rehearsal',
    profile: state.profile,
    articles: { record: articles.record, fault: articles.fault },
    title: state.details.title,
    project: state.details.project,
    lot: state.details.lot,
    tenderer: state.details.tenderer,
    agency: state.details.agency,
    place: state.details.place,
    openingAt: formatInstant(state.deadlineAt),
    window: {
      opensAt: formatInstant(window.opensAt),
      closedAt: formatInstant(window.closed.at),
      extendedMs: window.extendedMs,
    },
    ...drawOf(state),
    ceilingPrice: state.policy.ceilingPrice,
    currency: state.policy.currency,
    lines: state.bids.map((bid) => lineOf(bid, register, prices.value)),
    objections: state.objections.map((o) => ({
      objection: o.objection,
      bidder: o.bidder,
      status: o.status,
      raisedAt: formatInstant(o.raisedAt),
    })),
    cosignerQuorum: state.quorum,
    note,
  };
}

function drawOf({ drawing }: OpeningState): Pick<OpeningRecord, 'draw'> {
  if (drawing?.coefficient == null) return {};
  return { draw: { round: drawing.round, coefficient: drawing.coefficient } };
}

function lineOf(
  bid: Bid,
  register: Pick<RegisterFacts, 'roster' | 'numbers'>,
  prices: readonly PriceRow[],
): RecordLine {
  const row = register.roster[register.numbers.indexOf(bid.bidder)];
  if (row === undefined) throw new Error(`no roster row for bidder ${bid.bidder}`);
  const price = prices.find((p) => p.bidder === bid.bidder);
  return {
    bidder: bid.bidder,
    name: row.name,
    creditCode: row.creditCode,
    lodgedAt: row.lodgedAt,
    checkedIn: row.checkedIn,
    envelopeSha256: row.envelopeSha256,
    decryption: outcomeOf(bid),
    ...(bid.revokedAt === null ? {} : { revokedAt: formatInstant(bid.revokedAt) }),
    price:
      price === undefined
        ? null
        : {
            quote: price.quote,
            duration: price.duration,
            quality: price.quality,
            manager: price.manager,
            overCeiling: price.overCeiling,
          },
  };
}

/** The digest that bidders sign: base64url SHA-256 of the record's canonical bytes. */
export function recordDigest(record: Json, digest: (text: string) => string): string {
  return digest(canonicalise(record));
}

/** Do two versions say the same but for their number? Then a new version would only void signatures. */
export function sameContent(a: OpeningRecord, b: OpeningRecord): boolean {
  const bare = (r: OpeningRecord) => canonicalise({ ...r, version: 0 });
  return bare(a) === bare(b);
}
