/** The rehearsal beside one's bid: one press, a plain answer, and the signed word of it on the register. */
import { useSignal } from '@preact/signals';
import type { JSX } from 'preact';
import { Icon, type IconName } from '../parts/icon.tsx';
import { headSeenIn, type Seat } from '../person/seat.ts';
import type { ReplicaView } from '../replica/replica.ts';
import { type RehearsalResult, rehearse } from './rehearsal.ts';
import { standingCertificate } from './standing-certificate.ts';
import { say } from './words.ts';

const LOOKS = {
  good: { tone: 'good', icon: 'check' },
  bad: { tone: 'bad', icon: 'cross' },
  other: { tone: 'bad', icon: 'warning' },
  same: { tone: 'good', icon: 'check' },
  untried: { tone: 'warn', icon: 'question' },
  missing: { tone: 'bad', icon: 'cross' },
  several: { tone: 'warn', icon: 'warning' },
} as const satisfies Record<RehearsalResult, { tone: string; icon: IconName }>;

export function RehearsePart(props: {
  readonly seat: Seat;
  readonly view: ReplicaView;
  /** The certificate of the bid that this browser keeps; null where it keeps none. */
  readonly keptCertSha256: string | null;
  readonly onFault: (fault: unknown) => void;
}): JSX.Element {
  const { seat, view, keptCertSha256, onFault } = props;
  const result = useSignal<RehearsalResult | 'running' | null>(null);

  async function run(): Promise<void> {
    const { means } = seat;
    result.value = 'running';
    const { tryKeyHere } = await import('../seal/try-key.ts');
    const { result: found, told } = await rehearse({
      ...means,
      standingCertSha256: await standingCertificate(means.api, seat.openingId, keptCertSha256),
      tryKey: (certificate) => tryKeyHere(crypto.subtle, certificate, means.unwrapper(certificate.certSha256)),
      ownNow: () => Date.now(),
    });
    result.value = found;
    // the answer stands here whether or not the register hears of it
    if (told !== null) await seat.outbox.give(seat, { type: 'Rehearse', data: told, headSeen: headSeenIn(view) });
  }
  const shown = result.value;
  return (
    <div class="rehearsal" data-result={shown ?? 'none'}>
      <p class="label">{say('rehearseWords')}</p>
      <p class="bid-acts">
        <button type="button" disabled={shown === 'running'} onClick={() => run().catch(onFault)}>
          {say('rehearse')}
        </button>
      </p>
      <div role="status">
        {shown === null ? null : shown === 'running' ? (
          <p class="tone-busy">{say('working')}</p>
        ) : (
          <p class={`tone-${LOOKS[shown].tone}`}>
            <Icon name={LOOKS[shown].icon} /> {say(`rehearsed_${shown}`)}
          </p>
        )}
      </div>
    </div>
  );
}
