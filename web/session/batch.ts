/** One act over several lots of a session: which lots may take it now and why the others may not, and how it goes to each. */
import type { CommandAnswer, SessionAnswers } from '../../server/client/api.ts';
import { ApiError } from '../../server/client/transport.ts';
import type { JsonObject } from '../../server/core/log/canonical.ts';
import type { Words } from '../../server/core/log/words.ts';
import type { CommandType } from '../../server/core/opening/commands.ts';
import { REFUSALS, type RefusalCode } from '../../server/core/opening/refusals.ts';
import { hindranceTo, type Stand, standingAt } from '../conduct/standing.ts';
import type { PageWorld } from '../connection/page-world.ts';
import type { ActType, Offer } from '../person/act-rows.ts';
import type { SignedCommand } from '../person/seat.ts';

/** What is done over lots: acts whose every word may be the same in all of them. */
export const BATCHED = [
  'PublishOpening',
  'PublishRoster',
  'StartDrawing',
  'OpenWindow',
  'EndWindowEarly',
  'ExtendWindow',
  'OpenRemedy',
  'AnnouncePrices',
  'StartQuoteRound',
  'IssueRecord',
  'ProposeClose',
  'OpenReview',
  'HandOver',
  'PostponeOpening',
  'RescheduleOpening',
  'SuspendOpening',
  'ResumeOpening',
  'ProposeAbort',
  'ConfirmAbort',
  'GiveNotice',
] as const satisfies readonly (ActType & CommandType)[];
export type BatchedType = (typeof BATCHED)[number];

/** How one lot stands to an act: it is offered there, or refused for a reason that this page knows. */
export type LotStanding = { readonly offer: Offer } | { readonly code: RefusalCode };

/** A lot and from where its host stands; `stand` null while its log is not verified, or where the role is not held. */
export type StandingLot = { readonly openingId: string; readonly stand: Stand | null };

export type BatchOffer = {
  readonly type: BatchedType;
  readonly lots: readonly { readonly openingId: string; readonly standing: LotStanding }[];
};

/** What can be done now in at least one of the lots, in the order in which openings come to it. */
export function batchOffers(lots: readonly StandingLot[]): BatchOffer[] {
  const known = lots.map((lot) => ({ ...lot, offers: lot.stand === null ? [] : standingAt(lot.stand).offers }));
  return BATCHED.map((type) => ({
    type,
    lots: known.map(({ openingId, stand, offers }) => {
      const offer = offers.find((one) => one.type === type);
      return { openingId, standing: offer === undefined ? { code: whyNot(stand, type) } : { offer } };
    }),
  })).filter(({ lots: each }) => each.some(({ standing }) => 'offer' in standing));
}

function whyNot(stand: Stand | null, type: BatchedType): RefusalCode {
  if (stand === null) return 'role_not_allowed';
  // where nothing that this page knows speaks against it, and still it is not offered, it is of no use there
  return hindranceTo(stand, type, {}) ?? 'too_late';
}

/** Acts that come within so short a time go in one request, ms. */
export const GATHER_MS = 50;

type Waiting = {
  readonly openingId: string;
  readonly signed: SignedCommand;
  readonly resolve: (answer: CommandAnswer) => void;
  readonly reject: (fault: unknown) => void;
};

/**
 * Sends acts of several lots, those that come together in one request.
 *
 * Returns: what sends one; it resolves with the answer of its own lot. Rejects: ApiError with its lot's own refusal, or what became of the whole
 *          request; the same act sent again goes with whatever else is sent then.
 */
export function gatheringSender(
  world: Pick<PageWorld, 'after'>,
  post: (commands: readonly JsonObject[]) => Promise<SessionAnswers>,
): (openingId: string, signed: SignedCommand) => Promise<CommandAnswer> {
  let waiting: Waiting[] = [];

  async function flush(): Promise<void> {
    const sent = waiting;
    waiting = [];
    try {
      const { answers } = await post(sent.map(({ openingId, signed }) => ({ openingId, ...signed })));
      for (const [place, { openingId, resolve, reject }] of sent.entries()) {
        const answer = answers[place];
        if (answer === undefined || answer.openingId !== openingId)
          reject(new ApiError('unreadable', 200, 'the platform answers for another lot'));
        else if (answer.accepted !== null) resolve(answer.accepted);
        else reject(refusalOf(answer.refused ?? 'unreadable'));
      }
    } catch (fault) {
      for (const { reject } of sent) reject(fault);
    }
  }

  return (openingId, signed) =>
    new Promise((resolve, reject) => {
      waiting.push({ openingId, signed, resolve, reject });
      if (waiting.length === 1) world.after(GATHER_MS, () => void flush());
    });
}

/** A refusal by its code, as if it had come alone; what has no words of the rules is said by its code. */
function refusalOf(code: string): ApiError {
  const words: Words | null = Object.hasOwn(REFUSALS, code) ? REFUSALS[code as RefusalCode] : null;
  return new ApiError(code, REFUSED_STATUS, code, words);
}

/** Any status that no retry is worth: the code says the rest. */
const REFUSED_STATUS = 409;
