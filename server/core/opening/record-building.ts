// Builds the opening record 开标记录 from the state alone, so that anyone who may see the state can build it again.
import { canonicalise } from '../log/canonical.ts';
import { formatInstant } from '../log/instant.ts';
import type { RegisterFacts } from './facts.ts';
import { layerRules, sharingRules } from './layer.ts';
import { type Policy, PROFILES } from './policy.ts';
import type { OpeningRecord, PublicRecord, RecordLine } from './record.ts';
import type { PriceRow } from './rows.ts';
import { type Bid, type OpeningState, outcomeOf } from './state.ts';

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
    ...sharedKeyOf(state),
    ceilingPrice: state.policy.ceilingPrice,
    currency: state.policy.currency,
    lines: state.bids.map((bid) => lineOf(bid, register, prices.value)),
    ...roundsOf(state),
    objections: state.objections.map((o) => ({
      objection: o.objection,
      bidder: o.bidder,
      status: o.status,
      raisedAt: formatInstant(o.raisedAt),
    })),
    cosignerQuorum: state.cosigners.quorum,
    note,
  };
}

function drawOf({ drawing }: OpeningState): Pick<OpeningRecord, 'draw'> {
  if (drawing?.coefficient == null) return {};
  return { draw: { round: drawing.round, coefficient: drawing.coefficient } };
}

function sharedKeyOf({ policy, layer }: OpeningState): Pick<OpeningRecord, 'layer' | 'blindWindow'> {
  const rules = sharingRules(policy);
  if (rules === null || layer.unsealing?.closedAt == null) return {};
  const { holders, threshold } = rules;
  const closedAt = formatInstant(layer.unsealing.closedAt);
  const shared = { holders, threshold, given: layer.given.length, closedAt };
  return layerRules(policy) === null ? { blindWindow: shared } : { layer: shared };
}

function roundsOf({ quoteRounds }: OpeningState): Pick<OpeningRecord, 'rounds'> {
  if (quoteRounds.length === 0) return {};
  const rounds = quoteRounds.map(({ round, opensAt, closesAt, rows }) => {
    if (rows?.known !== true) throw new Error('a record needs the quotes of every round');
    const quotes = rows.value.map(({ bidder, quote }) => ({ bidder, quote }));
    return { round, opensAt: formatInstant(opensAt), closedAt: formatInstant(closesAt), quotes };
  });
  return { rounds };
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

/**
 * The form in which the public reads this record: null where it may read the original.
 *
 * Why:    where prices are secret (采购法38: nobody may tell one party's price to another or to outsiders) the record is published
 *         all the same (20号令32): who took part, what became of each bid, and the digest of what the bidders signed. The host's note is
 *         left out with the prices: it may speak of them.
 */
export function publicFormOf(
  record: OpeningRecord,
  sha256: string,
  policy: Pick<Policy, 'publicPrices'>,
): PublicRecord | null {
  if (policy.publicPrices) return null;
  const { lines, note: _note, rounds: _rounds, ...rest } = record;
  return {
    ...rest,
    form: 'public',
    originalSha256: sha256,
    lines: lines.map(({ price, ...shown }) => ({ ...shown, priceWithheld: price !== null })),
  };
}

/** Do two versions say the same but for their number? Then a new version would only void signatures. */
export function sameContent(a: OpeningRecord, b: OpeningRecord): boolean {
  const bare = (r: OpeningRecord) => canonicalise({ ...r, version: 0 });
  return bare(a) === bare(b);
}
