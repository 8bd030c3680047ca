/** Says that the agent on this computer waits for an answer in its own window, with the digits that stand there. */
import type { JSX } from 'preact';
import { askedAtAgent } from '../keys/seat-keys.ts';
import { Icon } from '../parts/icon.tsx';
import { say } from './words.ts';

export function AgentAsks(): JSX.Element {
  const digits = askedAtAgent.value;
  // always there, so that a screen reader hears what comes into it
  return (
    <p class={digits === null ? 'agent-asks unseen' : 'agent-asks banner tone-warn'} role="status">
      {digits === null ? null : (
        <>
          <Icon name="clock" />
          <strong>{say('atAgent', { digits })}</strong>
        </>
      )}
    </p>
  );
}
