/** What the login shows while a phone is paired: the code to scan, the digits to compare, and what is to be done on the phone. */
import { useSignal } from '@preact/signals';
import type { JSX } from 'preact';
import { useEffect } from 'preact/hooks';
import type { Pairing } from '../keys/phone-keys.ts';
import { Icon } from '../parts/icon.tsx';
import { inGroups } from '../parts/in-groups.ts';
import { say } from './words.ts';

export function PhonePairing({ pairing }: { readonly pairing: Pairing | null }): JSX.Element {
  const state = pairing?.state.value ?? { kind: 'beginning' };
  const others = pairing?.others.value ?? 0;
  return (
    <div class="pairing" data-state={state.kind}>
      <p class={others === 0 ? '' : 'banner tone-bad'} role="alert">
        {others === 0 ? null : (
          <>
            <Icon name="warning" />
            <strong>{say('phoneOthers', { n: others })}</strong>
          </>
        )}
      </p>
      {state.kind === 'shown' ? <Code modules={state.modules} leftMs={state.leftMs} /> : null}
      <div role="status">
        {state.kind === 'compared' ? (
          <>
            <p class="code-digits">{inGroups(state.digits)}</p>
            <p class="dialog-words">{say('phoneCompare')}</p>
          </>
        ) : null}
        {state.kind === 'opened' ? <p class="dialog-words">{say('phoneOpens')}</p> : null}
      </div>
    </div>
  );
}

/** The code, dark on light in either mode: readers expect no other. */
function Code(props: { readonly modules: readonly (readonly boolean[])[]; readonly leftMs: number }): JSX.Element {
  const left = useSignal(props.leftMs);
  useEffect(() => {
    const shownAt = performance.now();
    const timer = setInterval(() => {
      left.value = props.leftMs - (performance.now() - shownAt);
    }, 1_000);
    return () => clearInterval(timer);
  }, [props.leftMs]);
  const side = props.modules.length;
  const dark = props.modules.flatMap((row, y) => row.flatMap((isDark, x) => (isDark ? [`M${x} ${y}h1v1h-1z`] : [])));
  return (
    <>
      <svg class="scan-code" viewBox={`0 0 ${side} ${side}`} role="img" aria-label={say('phoneCode')}>
        <path class="scan-light" d={`M0 0h${side}v${side}h-${side}z`} />
        <path class="scan-dark" d={dark.join('')} />
      </svg>
      <p class="dialog-words">{say('phoneScan', { n: Math.max(0, Math.ceil(left.value / 1_000)) })}</p>
    </>
  );
}
