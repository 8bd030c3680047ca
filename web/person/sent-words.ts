/** What became of an act that was sent, in words: nothing is called done that the page has not verified. */
import type { IconName } from '../parts/icon.tsx';
import { language } from '../parts/language.ts';
import type { ReplicaView } from '../replica/replica.ts';
import { type Sent, standingOf as standingOfAnswer } from './outbox.ts';
import { say } from './words.ts';

export type SentWords = {
  readonly tone: 'good' | 'warn' | 'bad' | 'busy';
  readonly icon: IconName;
  readonly words: string;
  readonly receipt: string | null;
};

/** Shape: `receipt` where one came that is to be saved; `view` is of the act's own opening. */
export function sentWords({ state }: Sent, view: ReplicaView): SentWords {
  switch (state.kind) {
    case 'signing':
      return { tone: 'busy', icon: 'dots', words: say('out_signing'), receipt: null };
    case 'waiting':
      return { tone: 'warn', icon: 'clock', words: say('out_waiting'), receipt: null };
    case 'unknown':
      return { tone: 'warn', icon: 'question', words: say('out_unknown'), receipt: null };
    case 'refused': {
      const { code, words } = state;
      const why = words === null ? code : language.value === 'en' ? words.en : words.zh;
      return { tone: 'bad', icon: 'cross', words: say('out_refused', { why }), receipt: null };
    }
    case 'accepted': {
      const standing = standingOfAnswer(state.answer, view.entries);
      if (standing.kind === 'received')
        return {
          tone: 'good',
          icon: 'check',
          words: say(standing.receipt === null ? 'out_receivedBare' : 'out_received'),
          receipt: standing.receipt,
        };
      const isLogged = standing.kind === 'logged';
      const words = say(isLogged ? 'out_logged' : 'out_proving', { n: standing.seq });
      return { tone: isLogged ? 'good' : 'busy', icon: isLogged ? 'check' : 'clock', words, receipt: null };
    }
  }
}
