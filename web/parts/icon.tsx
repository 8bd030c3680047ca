/** The page's few pictures, drawn in the colour of the text beside them; the text always says the same. */
import type { JSX } from 'preact';

const PATHS = {
  check: 'M3.5 8.5l3 3 6-7',
  cross: 'M4.5 4.5l7 7m0-7l-7 7',
  clock: 'M8 4.5V8l2.5 1.5M14 8A6 6 0 1 1 2 8a6 6 0 0 1 12 0z',
  lock: 'M5 7.5V5.5a3 3 0 0 1 6 0v2M4 7.5h8v6H4z',
  warning: 'M8 2.5l6 11H2zM8 6.5v3.5m0 1.6v.2',
  pause: 'M5.5 3.5v9m5-9v9',
  dots: 'M3.5 8h.01M8 8h.01M12.5 8h.01',
  shield: 'M8 2l5 2v4c0 3-2 5-5 6-3-1-5-3-5-6V4zM5.8 8l1.6 1.7L10.4 6',
  question: 'M6 6.2a2 2 0 1 1 2.7 1.9c-.5.2-.7.6-.7 1.2m0 2v.2M14 8A6 6 0 1 1 2 8a6 6 0 0 1 12 0z',
  arrow: 'M3 8h9m-3.5-3.5L12 8l-3.5 3.5',
} as const;
export type IconName = keyof typeof PATHS;

export function Icon({ name }: { name: IconName }): JSX.Element {
  return (
    <svg class="icon" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
}
