/** Says that the agent on this computer, or the phone, waits for an answer in its own window, with the digits that stand there. */
import type { JSX } from 'preact';
import { askedElsewhere } from '../keys/seat-keys.ts';
import { Icon } from '../parts/icon.tsx';
import { say } from './words.ts';

export function AgentAsks(): JSX.Element {
  const asked = askedElsewhere.value;
  // always there, so that a screen reader hears what comes into it
  return (
    <p class={asked === null ? 'agent-asks unseen' : 'agent-asks banner tone-warn'} role="status">
      {asked === null ? null : (
        <>
          <Icon name="clock" />
          <strong>{say(asked.at === 'phone' ? 'atPhone' : 'atAgent', { digits: asked.digits })}</strong>
        </>
      )}
    </p>
  );
}
