// The fold of a round of quotes: who quoted is withheld, so only commitments are counted until all are released.
import { parseInstant } from '../log/instant.ts';
import { CorruptLogError, must } from './corrupt-log.ts';
import type { Knowable, LoggedEvent } from './events.ts';
import { withheld } from './events.ts';
import type { QUOTE_EVENTS } from './quote-events.ts';
import { type QuoteRound, type QuoteRow, runningRound } from './quote-rounds.ts';
import type { OpeningState } from './state.ts';

export type QuoteEvent = Extract<LoggedEvent, { type: keyof typeof QUOTE_EVENTS }>;

/** The state after one more event of a round. Throws: CorruptLogError; LogFormatError for an instant that is none. */
export function evolveQuotes(s: OpeningState, event: QuoteEvent): OpeningState {
  const { seq } = event;
  if (event.type === 'QuoteRoundStarted') {
    const { round, kid, roundKey, closesAt } = event.body;
    if (round !== s.quoteRounds.length + 1 || runningRound(s) !== null)
      throw new CorruptLogError(seq, 'rounds are not held one by one');
    const started: QuoteRound = {
      round,
      kid,
      key: roundKey,
      opensAt: event.at,
      closesAt: parseInstant(closesAt),
      commitments: [],
      rows: null,
    };
    if (started.opensAt >= started.closesAt) throw new CorruptLogError(seq, 'an empty round');
    return { ...s, phase: 'QuoteRound', phaseSince: event.at, quoteRounds: [...s.quoteRounds, started] };
  }
  const running = must(runningRound(s), seq, 'no round is running');
  if (event.body.round !== running.round) throw new CorruptLogError(seq, 'another round');
  const becomes = (change: Partial<QuoteRound>): OpeningState => ({
    ...s,
    quoteRounds: [...s.quoteRounds.slice(0, -1), { ...running, ...change }],
  });
  if (event.type === 'QuoteReceived') {
    const { commitment } = event.body;
    if (running.commitments.includes(commitment)) throw new CorruptLogError(seq, 'one quote twice');
    return becomes({ commitments: [...running.commitments, commitment] });
  }
  if (event.body.quoted !== running.commitments.length) throw new CorruptLogError(seq, 'releases other quotes');
  return becomes({ rows: (event.fields['rows'] ?? withheld) as Knowable<readonly QuoteRow[]> });
}
