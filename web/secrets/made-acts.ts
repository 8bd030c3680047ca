/** Acts whose data is made in this browser before it is signed: shares of a drawing, quotes, an opening key; what is secret in them is kept first. */
import { sha256 } from '@noble/hashes/sha2.js';
import { makeShare, promiseShare, readShareFile, shareFile } from '../../server/client/draw-share.ts';
import { prepareQuote } from '../../server/client/quote-offer.ts';
import type { JsonObject } from '../../server/core/log/canonical.ts';
import { runningRound } from '../../server/core/opening/quote-rounds.ts';
import type { PersonRole } from '../../server/core/opening/roles.ts';
import { numberOf, type OpeningState } from '../../server/core/opening/state.ts';
import { acknowledgeShare, dealOpeningKey, offerHolderKey, unsealLayer } from './holder-acts.ts';
import type { KeptFiles } from './kept-files.ts';
import { MadeActError } from './made-act-error.ts';
import { quoteOf } from './quote-form.ts';

/** Who acts, what the page has verified, what was filled in, and where files are kept. */
export type Making = {
  readonly role: PersonRole;
  readonly creditCode: string;
  readonly state: OpeningState;
  /** As the offer's `data` gives it. */
  readonly given: JsonObject;
  readonly files: KeptFiles;
  readonly account: string;
  readonly randomBytes: (count: number) => Uint8Array;
  /** This computer's own clock, ms. */
  readonly now: () => number;
};

/** Makes the command's data. Throws: MadeActError; SealError. */
export type Maker = (making: Making) => Promise<JsonObject>;

/** As the command line names it. */
export const shareFileName = (round: number, role: PersonRole): string => `draw-share-${round}-${role}.json`;

/**
 * A share is made once in a round and kept before it is sent.
 *
 * Why: a second attempt promises the same share, so that a lost answer costs nothing.
 */
const commitShare: Maker = async ({ state, role, creditCode, files, randomBytes }) => {
  const { openingId, drawing } = state;
  const bidder = role === 'witness' ? null : numberOf(state, creditCode);
  if (drawing === null || (role === 'bidder' && bidder === null)) throw new MadeActError('no_drawing');
  const { round } = drawing;
  const name = shareFileName(round, role);
  const kept = readShareFile(files.textOf(name) ?? '', openingId, round);
  const share = kept ?? makeShare(randomBytes);
  if (kept === null) files.keep({ name, text: shareFile(openingId, round, share) });
  return promiseShare(sha256, { openingId, drawing, bidder }, share);
};

/** From the file that promising has kept, here or elsewhere. */
const revealShare: Maker = async ({ state: { openingId, drawing }, given }) => {
  if (drawing === null) throw new MadeActError('no_drawing');
  const { round } = drawing;
  const share = readShareFile(String(given['shareFile'] ?? ''), openingId, round);
  if (share === null) throw new MadeActError('no_kept_share');
  return { round, share };
};

/** Every quote is kept under a name of its own: what is sealed is shown later by its disclosure. */
const submitQuote: Maker = async ({ state, creditCode, given, files, randomBytes }) => {
  const running = runningRound(state);
  if (running === null) throw new MadeActError('no_quote_round');
  const about = { openingId: state.openingId, creditCode, running };
  const { disclosure, data } = await prepareQuote({ sha256, randomBytes }, about, quoteOf(given));
  files.keep({ name: `quote-${data.round}-${data.commitment.slice(0, 8)}.json`, text: `${disclosure}\n` });
  return data;
};

export const MAKERS = {
  CommitShare: commitShare,
  RevealShare: revealShare,
  SubmitQuote: submitQuote,
  OfferHolderKey: offerHolderKey,
  DealOpeningKey: dealOpeningKey,
  AcknowledgeShare: acknowledgeShare,
  UnsealLayer: unsealLayer,
} as const satisfies Readonly<Record<string, Maker>>;
export type MadeActType = keyof typeof MAKERS;

export const isMade = (type: string): type is MadeActType => Object.hasOwn(MAKERS, type);
