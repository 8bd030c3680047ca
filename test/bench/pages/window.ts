/** An opening with very many bids, as far as its window. */
import {
  clock,
  DEADLINE,
  HOUR,
  host,
  MINUTE,
  openingScript,
  type Script,
  SECOND,
} from '../../support/opening-script.ts';
import { type Bidder, factsOf } from '../../web/story.ts';

/** The script with its window open, and the facts that go with its further commands; bidders are numbered from 1. */
export function openWindow(bids: number): { readonly script: Script; readonly facts: ReturnType<typeof factsOf> } {
  const cast = Array.from({ length: bids }, (_, i): Bidder => {
    const n = String(i).padStart(5, '0');
    return {
      name: `河西 ${n} 工程有限公司`,
      creditCode: `916200MA${n}A0001`,
      amount: `12${n}.00`,
      inWords: '',
      manager: '马',
    };
  });
  const script = openingScript();
  const numbers = cast.map((_, i) => i + 1);
  const facts = factsOf(script, cast, numbers);
  script.clockTo(DEADLINE - 20 * HOUR).go('PublishOpening', {}, host);
  script.clockTo(DEADLINE - 2 * HOUR).go('OpenCheckIn', {}, clock);
  script.clockTo(DEADLINE).go('Seal', {}, clock, facts);
  script.clockTo(DEADLINE + 20 * SECOND).go('PublishRoster', {}, host, facts);
  script.clockTo(DEADLINE + MINUTE).go('OpenWindow', {}, host, facts);
  return { script, facts };
}
