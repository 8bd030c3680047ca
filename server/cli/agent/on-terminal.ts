/** The agent's window where it is a terminal: what a page asks for in lines, and a person's yes. */
import type { Consent } from '../../client/key-desk.ts';
import type { Words } from '../../core/log/words.ts';
import type { Io } from '../io.ts';
import type { AgentSurface } from './agent.ts';

/** Controls, which could move the cursor, and marks that turn the direction of writing: what is shown is what stands there. */
const UNSHOWN = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

/** A text with everything in it that could make it look like another. */
export function plain(text: string): string {
  return text.replace(UNSHOWN, (mark) => `\\u${mark.codePointAt(0)?.toString(16).padStart(4, '0')}`);
}

const both = ({ en, zh }: Words): string => `${en} · ${zh}`;

/** Shows on a terminal, and asks there. */
export function terminalSurface(io: Pick<Io, 'out'>, agrees: NonNullable<Io['agrees']>): AgentSurface {
  return {
    showCode({ origin, code }) {
      io.out(`\n${plain(origin)}`);
      io.out(`  Pairing code · 配对码: ${code}`);
    },
    agrees({ origin, digits, shown }: Consent, signal) {
      io.out(`\n${both(shown.title)} [${digits}]`);
      io.out(`  ${plain(origin)}`);
      for (const { label, text } of shown.rows) io.out(`  ${both(label)}: ${plain(text)}`);
      return agrees(`  Does the page show ${digits}, and do you agree? · 网页显示 ${digits} 且您同意？ (y/N) `, signal);
    },
  };
}
