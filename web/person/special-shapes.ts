/** What the acts ask for that only some policies have: shares of a drawing, quotes. */
import { MAX_SHARES_LEFT_OUT } from '../../server/core/opening/draw.ts';
import { type Drawing, shareOf } from '../../server/core/opening/drawing.ts';
import { runningRound } from '../../server/core/opening/quote-rounds.ts';
import { bidOf, isDecrypted } from '../../server/core/opening/state.ts';
import { QUOTE_KINDS } from '../secrets/quote-form.ts';
import type { Shaping, Standpoint } from './act-rows.ts';

/** Whose share one would give: null for the witness; undefined where one has no part in the drawing. */
function partyOf({ state, role, bidder }: Standpoint): number | null | undefined {
  if (role === 'witness') return null;
  const own = bidder === null ? undefined : bidOf(state, bidder);
  const { draw } = state.policy;
  if (own === undefined || draw === 'none') return undefined;
  return draw.when === 'after_decryption' && !isDecrypted(own) ? undefined : own.bidder;
}

const roundOf = ({ round }: Drawing) => [['drawRound', String(round)]] as const;

export const commitShare: Shaping = (standpoint) => {
  const { drawing } = standpoint.state;
  const party = partyOf(standpoint);
  if (drawing?.stage !== 'committing' || party === undefined || shareOf(drawing, party) !== undefined) return null;
  if (drawing.leftOut.filter((who) => who === party).length >= MAX_SHARES_LEFT_OUT) return null;
  return { fields: [], about: roundOf(drawing) };
};

export const revealShare: Shaping = (standpoint) => {
  const { drawing } = standpoint.state;
  const party = partyOf(standpoint);
  if (drawing?.stage !== 'revealing' || party === undefined || shareOf(drawing, party)?.share !== null) return null;
  return { fields: [{ name: 'shareFile', kind: 'file' }], about: roundOf(drawing) };
};

export const submitQuote: Shaping = ({ state, bidder }) => {
  const own = bidder === null ? undefined : bidOf(state, bidder);
  const running = runningRound(state);
  if (running === null || own === undefined || !isDecrypted(own)) return null;
  return {
    fields: [
      { name: 'quoteKind', kind: 'choice', options: QUOTE_KINDS },
      { name: 'amount', kind: 'amount' },
      { name: 'unit', kind: 'line', begins: '元' },
    ],
    about: [['quoteRound', String(running.round)]],
  };
};
