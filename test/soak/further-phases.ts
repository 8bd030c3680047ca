/** What some openings of a simulation go through beside the common way: a postponement, a draw, a remedy, rounds of quotes, a review, notices and talk. */
import { sealSecret } from '../../server/cli/seal/seal-secret.ts';
import { toBase64Url } from '../../server/core/log/base64.ts';
import type { Json } from '../../server/core/log/canonical.ts';
import { makeDisclosure, SALT_BYTES } from '../../server/core/log/disclosure.ts';
import { formatInstant } from '../../server/core/log/instant.ts';
import { utf8 } from '../../server/core/log/utf8.ts';
import { shareCommitment } from '../../server/core/opening/draw.ts';
import { type Drawing, hasWitnessShare, shareOf, sharerOf } from '../../server/core/opening/drawing.ts';
import { type Policy, WITNESS_POINTS } from '../../server/core/opening/policy.ts';
import { QUOTE_FIELD, type QuoteRound, runningRound } from '../../server/core/opening/quote-rounds.ts';
import { isRemediable, leftToRemedy } from '../../server/core/opening/remedy.ts';
import { type Bid, isDecrypted, isUndecided, numberOf, type OpeningState } from '../../server/core/opening/state.ts';
import { isDrawOpen } from '../../server/core/opening/steps/drawing.ts';
import { isDue, unacknowledged } from '../../server/core/opening/steps/point.ts';
import { isQuotingOpen } from '../../server/core/opening/steps/quotes.ts';
import { digestText, sha256 } from '../../server/hash.ts';
import { systemWorld } from '../../server/world.ts';
import { digest } from '../support/opening-people.ts';
import type { Chance } from './chance.ts';
import type { Person } from './people.ts';
import { atEdge, type Mind, type Wish } from './programs.ts';

/** A quote offered in a round: nobody may be shown it before the round is released. */
export type SecretQuote = { readonly round: number; readonly amount: string };

export type Further = {
  /** What the policy promises beside the common way. */
  readonly policy: Partial<Policy>;
  /** What was offered so far. */
  readonly quotes: readonly SecretQuote[];
  /** The wish of a person; undefined when the common way goes on for it, null when it has to wait. */
  wish(person: Person, state: OpeningState, mind: Mind): Wish | null | undefined;
};

/** Shares of the openings. */
const POSTPONED = 0.1;
const DRAWING = 0.25;
const REMEDIED = 0.3;
const QUOTING = 0.2;
const POINTED = 0.25;
const REVIEWED = 0.2;
/** Shares of the looks at which somebody speaks. */
const TALKING = 0.01;
const REVOKING = 0.003;
const VOIDING = 0.03;
/** From the postponement to the new deadline. */
const LATER_MS = 12_000;
const SHARE_BYTES = 32;

export function createFurther(openingId: string, chance: Chance): Further {
  const reviews = chance.happens(REVIEWED);
  let postpones = chance.happens(POSTPONED);
  const seconds = (least: number, most: number): number => 1_000 * chance.between(least, most);
  const policy: Partial<Policy> = {
    ...(chance.happens(DRAWING) && {
      draw: {
        when: chance.pick(['before_decryption', 'after_decryption'] as const),
        coefficients: { first: 95, last: 99 },
        commitMs: seconds(2, 4),
        revealMs: seconds(2, 4),
      },
    }),
    ...(chance.happens(REMEDIED) && { remedy: { kind: 'backup' as const, windowMs: seconds(3, 6) } }),
    ...(chance.happens(QUOTING) && { quoteRounds: { maxRounds: chance.between(1, 2), roundMs: seconds(3, 5) } }),
    ...(chance.happens(POINTED) && { witnessPoints: WITNESS_POINTS.filter(() => chance.happens(0.6)) }),
  };
  const shares = new Map<string, string>();
  const quotes: SecretQuote[] = [];
  const done = new Set<string>();
  const once = (name: string): boolean => !done.has(name) && done.add(name) !== undefined;

  function host(state: OpeningState, mind: Mind): Wish | null | undefined {
    const act = (type: string, data: Json = {}): Wish => ({ type, data });
    switch (state.phase) {
      case 'Scheduled':
      case 'CheckIn':
        if (!postpones || mind.now >= state.deadlineAt || !mind.chance.happens(0.5)) return undefined;
        postpones = false;
        return act('PostponeOpening', { reason: '场地故障' });
      case 'Postponed': {
        const deadlineAt = Math.ceil(Math.max(mind.now, state.deadlineAt) / 1_000) * 1_000 + LATER_MS;
        return act('RescheduleOpening', { deadlineAt: formatInstant(deadlineAt), place: '开标二室' });
      }
      case 'RosterPublished':
        return isDrawOpen(state) ? act('StartDrawing') : undefined;
      case 'Attribution': {
        const { remedy, policy: held } = state;
        const isDueNow = held.remedy !== 'none' && remedy === null && state.bids.some(isRemediable);
        return isDueNow && once('remedy') ? act('OpenRemedy') : undefined;
      }
      case 'Announcing':
        if (isDrawOpen(state)) return act('StartDrawing');
        return isQuotingOpen(state) ? act('StartQuoteRound') : undefined;
      case 'QuoteRound': {
        if (runningRound(state) !== null) return null;
        const isLast = state.quoteRounds.length >= (state.policy.quoteRounds?.maxRounds ?? 0);
        return isLast || mind.isLate ? act('IssueRecord', { note: '' }) : act('StartQuoteRound');
      }
      case 'Closed':
        return reviews && once('review') ? act('OpenReview', { reason: '复会' }) : undefined;
      case 'ReviewMeeting':
        return act('HandOver');
      case 'RecordConfirm':
        // the witness comes first
        return unacknowledged(state).some((point) => isDue(state, point)) ? null : undefined;
      default:
        return undefined;
    }
  }

  /** Promises a share, and shows it when all promises are in; a holder of none has nothing to do. */
  function draw(name: string, bidder: number | null, drawing: Drawing, mind: Mind): Wish | null {
    const { round, kid, key } = drawing;
    const own = shareOf(drawing, bidder);
    const place = `${round} ${name}`;
    if (drawing.stage === 'committing') {
      if (own !== undefined) return null;
      const isLastCall = bidder === null && !hasWitnessShare(drawing);
      if (!isLastCall && !mind.chance.happens(0.6)) return null;
      const share = shares.get(place) ?? toBase64Url(systemWorld.randomBytes(SHARE_BYTES));
      shares.set(place, share);
      const promised = shareCommitment({ openingId, round }, { sharer: sharerOf(bidder), share }, digestText);
      // some promise what they did not seal
      const isFalse = bidder !== null && mind.chance.happens(0.1);
      const data = async (): Promise<Json> => ({
        round,
        commitment: isFalse ? digest('another share') : promised,
        sealed: await sealSecret(
          Buffer.from(share, 'base64url'),
          { kid, key },
          { about: 'draw_share', openingId, round },
        ),
      });
      return atSomeEdge({ type: 'CommitShare', data }, drawing.commitBy, mind);
    }
    const share = shares.get(place);
    if (drawing.stage !== 'revealing' || drawing.revealBy === null || own?.share !== null || share === undefined)
      return null;
    if (!mind.chance.happens(0.5)) return null;
    return atSomeEdge({ type: 'RevealShare', data: { round, share } }, drawing.revealBy, mind);
  }

  function atSomeEdge(wish: Wish, edgeAt: number, mind: Mind): Wish {
    return mind.chance.happens(mind.temper.edge / 4) ? atEdge(wish, edgeAt, mind) : wish;
  }

  function quote(person: Person, bid: Bid, { round, kid, key, closesAt }: QuoteRound, mind: Mind): Wish | null {
    if (!isDecrypted(bid) || !mind.chance.happens(0.4) || !once(`quote ${round} ${person.who.account}`)) return null;
    const amount = `${mind.chance.between(100_000_000, 999_999_999)}.${mind.chance.between(10, 99)}`;
    quotes.push({ round, amount });
    const terms = { kind: 'total', amount, currency: 'CNY', unit: '元', inWords: '' } as const;
    const offer = { v: 1, openingId, round, creditCode: person.who.creditCode, quote: terms } as const;
    const salt = systemWorld.randomBytes(SALT_BYTES);
    const { disclosure, digest: commitment } = makeDisclosure(sha256, salt, QUOTE_FIELD, offer);
    const data = async (): Promise<Json> => ({
      round,
      commitment,
      sealed: await sealSecret(utf8(disclosure), { kid, key }, { about: 'quote', openingId, round }),
    });
    return atSomeEdge({ type: 'SubmitQuote', data }, closesAt, mind);
  }

  function backup(person: Person, bid: Bid, state: OpeningState, mind: Mind): Wish | null {
    if (state.remedy === null || !leftToRemedy(state).includes(bid) || isUndecided(bid)) return null;
    if (!mind.chance.happens(0.4)) return null;
    const jwe = `backup ${person.who.creditCode} ${bid.attempts.length + 1}`;
    const data = { jweSha256: digest(jwe) };
    const wish: Wish = { type: 'SubmitBackup', data, enclosure: { kind: 'decryption', jwe } };
    return atSomeEdge(wish, state.remedy.closesAt, mind);
  }

  function bidderWish(person: Person, state: OpeningState, mind: Mind): Wish | null | undefined {
    const number = numberOf(state, person.who.creditCode);
    const bid = number === null ? undefined : state.bids[number - 1];
    if (number === null || bid === undefined) return undefined;
    if (state.phase === 'Drawing' && state.drawing !== null)
      return draw(person.who.account, number, state.drawing, mind);
    if (state.phase === 'Remedy') return backup(person, bid, state, mind);
    const running = state.phase === 'QuoteRound' ? runningRound(state) : null;
    if (running !== null) return quote(person, bid, running, mind);
    if (!mind.isLate && bid.revokedAt === null && mind.chance.happens(REVOKING))
      return { type: 'RevokeBid', data: { reason: '放弃投标' } };
    return undefined;
  }

  function witness(state: OpeningState, mind: Mind): Wish | null | undefined {
    const point = unacknowledged(state).find((each) => isDue(state, each));
    if (point !== undefined && mind.chance.happens(0.7))
      return { type: 'AcknowledgePoint', data: { point, note: '已核对' } };
    if (state.phase !== 'Drawing' || state.drawing === null) return undefined;
    return voiding('witness', state.drawing, mind) ?? draw('witness', null, state.drawing, mind);
  }

  /** One asks for a void now and then; the other always agrees, so that none is left hanging. */
  function voiding(
    by: 'witness' | 'supervisor',
    { voidProposedBy, stage, round }: Drawing,
    mind: Mind,
  ): Wish | undefined {
    if (stage === 'drawn' || voidProposedBy === by || mind.isLate) return undefined;
    if (voidProposedBy === null && (round > 1 || !mind.chance.happens(VOIDING))) return undefined;
    return { type: 'VoidDrawing', data: { reason: '设备故障' } };
  }

  /** Notices and talk, by anybody at any time; now and then the host silences a bidder, or lets it speak again. */
  function talk(role: Person['role'], state: OpeningState, { chance: drawn, isLate }: Mind): Wish | undefined {
    if (isLate || !drawn.happens(TALKING)) return undefined;
    if (role === 'host' && state.bids.length > 0 && drawn.happens(0.5)) {
      const { bidder, muted } = drawn.pick(state.bids);
      return muted ? { type: 'Unmute', data: { bidder } } : { type: 'Mute', data: { bidder, reason: '扰乱秩序' } };
    }
    if (role === 'host' && drawn.happens(0.5)) return { type: 'GiveNotice', data: { text: '请各方注意' } };
    const notice = state.notices.length;
    if (role !== 'host' && notice > 0 && drawn.happens(0.5)) return { type: 'AcknowledgeNotice', data: { notice } };
    const to = role === 'bidder' && drawn.happens(0.5) ? 'host' : 'all';
    return { type: 'Say', data: { text: '收到', to } };
  }

  return {
    policy,
    quotes,
    wish(person, state, mind) {
      if (state.suspended !== null || state.phase === 'Archived' || state.phase === 'Draft') return undefined;
      const said = talk(person.role, state, mind);
      if (said !== undefined) return said;
      switch (person.role) {
        case 'host':
          return host(state, mind);
        case 'witness':
          return witness(state, mind);
        case 'supervisor':
          return state.phase === 'Drawing' && state.drawing !== null
            ? voiding('supervisor', state.drawing, mind)
            : undefined;
        case 'bidder':
          return bidderWish(person, state, mind);
        default:
          return undefined;
      }
    },
  };
}
