// The fold of what happens to a key held in shares; digests are not looked at here, for a page folds too: the audit holds them against each other.
import { parseInstant } from '../log/instant.ts';
import { CorruptLogError, must } from './corrupt-log.ts';
import { type Knowable, type LoggedEvent, withheld } from './events.ts';
import { isHalfOpen, type Layer, type NamedKey, shareDealtTo, waitingBids, withLayerFailed } from './layer.ts';
import type { LAYER_EVENTS } from './layer-events.ts';
import { type Bid, bidOf, type OpeningState } from './state.ts';

export type LayerEvent = Extract<LoggedEvent, { type: keyof typeof LAYER_EVENTS }>;

/** The state after one more event of the second layer. Throws: CorruptLogError; LogFormatError for an instant that is none. */
export function evolveLayer(s: OpeningState, event: LayerEvent): OpeningState {
  const { seq } = event;
  const { layer } = s;
  const becomes = (change: Partial<Layer>): OpeningState => ({ ...s, layer: { ...layer, ...change } });
  switch (event.type) {
    case 'HolderKeyOffered':
      return becomes({ ...withHolder(layer, event), key: null });
    case 'OpeningKeyDealt': {
      const { shares, certificate = null, certSha256 = null, windowKey, kid, ...key } = event.body;
      const named = windowKey === undefined || kid === undefined ? null : { kid, key: windowKey };
      return becomes({
        key: {
          ...key,
          certificate,
          certSha256,
          windowKey: named,
          shares: shares.map((share) => ({ ...share, acknowledged: false })),
        },
      });
    }
    case 'ShareAcknowledged': {
      const { holder, secretCommit } = event.body;
      const key = must(layer.key, seq, 'no opening key');
      const mine = must(shareDealtTo(layer, holder), seq, `no share of holder ${holder}`);
      if (mine.acknowledged || secretCommit !== key.secretCommit)
        throw new CorruptLogError(seq, 'acknowledges another share');
      return becomes({
        key: { ...key, shares: key.shares.map((one) => (one === mine ? { ...one, acknowledged: true } : one)) },
      });
    }
    case 'LayerShareGiven': {
      const { holder, sealed } = event.body;
      if (shareDealtTo(layer, holder) === undefined || layer.given.some((one) => one.holder === holder))
        throw new CorruptLogError(seq, 'a share of nobody, or twice');
      return becomes({ given: [...layer.given, { holder, sealed }] });
    }
    case 'LayerShareRefused':
      return becomes({ wrong: [...layer.wrong, event.body.holder] });
    case 'LayerOpened':
      return settled(s, seq, event.body.bidder, (bid) => ({ ...bid, isLayerOpen: true }));
    case 'LayerFailed': {
      const { failure } = event.body;
      return settled(s, seq, event.body.bidder, (bid) => withLayerFailed(bid, failure));
    }
    case 'UnsealingClosed': {
      if (waitingBids(s).length > 0) throw new CorruptLogError(seq, 'closed while a bid waits');
      const closedAt = parseInstant(event.body.effectiveAt);
      const unsealing = { ...must(layer.unsealing, seq, 'no time to give shares'), closedAt };
      return { ...becomes({ unsealing }), phase: 'Attribution', phaseSince: closedAt };
    }
  }
}

/**
 * The state once a window or a remedy has ended: shares are asked for where that says until when, else attribution begins.
 *
 * Why: said in the event that ends the stretch and not in one of its own: one signed act of the host's stands behind one entry.
 */
export function afterDecrypting(
  s: OpeningState,
  at: number,
  { sharesBy, shareKey }: { readonly sharesBy?: string; readonly shareKey?: NamedKey },
  seq: number,
): OpeningState {
  if (sharesBy === undefined) return { ...s, phase: 'Attribution', phaseSince: at };
  const unsealing = { opensAt: at, closesAt: parseInstant(sharesBy), closedAt: null };
  if (unsealing.opensAt >= unsealing.closesAt) throw new CorruptLogError(seq, 'no time to give shares');
  const layer = { ...s.layer, unsealing, shareKey: shareKey ?? s.layer.shareKey };
  return { ...s, phase: 'TendererDecrypting', phaseSince: at, layer };
}

/** Its person, where the viewer is told; a value of another shape tells nothing. */
function accountOf({ fields }: LayerEvent): Knowable<string> {
  const who = fields['who'];
  const value = who?.known === true ? who.value : null;
  const account = typeof value === 'object' && value !== null && 'account' in value ? value.account : null;
  return typeof account === 'string' ? { known: true, value: account } : withheld;
}

function withHolder(layer: Layer, event: Extract<LayerEvent, { type: 'HolderKeyOffered' }>): Pick<Layer, 'holders'> {
  const { holder } = event.body;
  if (holder > layer.holders.length + 1) throw new CorruptLogError(event.seq, 'holders are not counted one by one');
  const offered = { ...event.body, account: accountOf(event) };
  return {
    holders: [...layer.holders.filter((one) => one.holder !== holder), offered].sort((a, b) => a.holder - b.holder),
  };
}

function settled(s: OpeningState, seq: number, bidder: number, change: (bid: Bid) => Bid): OpeningState {
  const bid = must(bidOf(s, bidder), seq, `no bidder ${bidder}`);
  if (!isHalfOpen(bid)) throw new CorruptLogError(seq, 'no layer of this bid waits');
  return { ...s, bids: s.bids.map((one) => (one === bid ? change(one) : one)) };
}
