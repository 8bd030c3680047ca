/** The agent's window where it is a terminal: what a page asks for in lines, and the digits by which a person agrees. */
import type { Consent } from '../../client/key-desk.ts';
import { plain } from '../../client/what-is-signed.ts';
import type { Words } from '../../core/log/words.ts';
import type { Io } from '../io.ts';
import type { AgentSurface } from './agent.ts';

/** Cells of one line; the narrowest terminals in use have 80. */
const LINE_CELLS = 72;
/** Of what a question is about, in the line that asks. */
const SUBJECT_CELLS = 60;

/** A plain text in lines that no terminal breaks: what breaks by itself could look like a line of the agent's own. */
export function inLines(text: string, cells: number = LINE_CELLS): string[] {
  const lines = [''];
  let used = 0;
  for (const mark of plain(text)) {
    // whatever is no ASCII may take two
    const width = mark.length === 1 && mark < '\u007f' ? 1 : 2;
    if (used + width > cells) {
      lines.push('');
      used = 0;
    }
    lines[lines.length - 1] += mark;
    used += width;
  }
  return lines;
}

const both = ({ en, zh }: Words): string => `${en} · ${zh}`;

/**
 * Shows on a terminal, and asks there.
 *
 * Shape: `asks` answers with the line that was typed, null when the question was taken back.
 * Why:   the digits stand on the page alone, and typing them agrees: whoever types them has both before them. A yes could have been typed
 *        ahead, twice for the question before, and would agree to something that was never read. The act stands in the question once more,
 *        for long data moves it out of the window.
 */
export function terminalSurface(io: Pick<Io, 'out'>, asks: NonNullable<Io['asks']>): AgentSurface {
  return {
    showCode({ origin, code }) {
      io.out(`\n${plain(origin)}`);
      io.out(`  Pairing code · 配对码: ${code}`);
    },
    async agrees({ origin, digits, shown }: Consent, signal) {
      io.out(`\n${both(shown.title)}`);
      io.out(`  ${plain(origin)}`);
      for (const { label, text } of shown.rows) {
        io.out(`  ${both(label)}:`);
        for (const line of inLines(text)) io.out(`    │ ${line}`);
      }
      const [subject = ''] = inLines(shown.rows[0]?.text ?? '', SUBJECT_CELLS);
      io.out(`  ${both(shown.title)}: ${subject}`);
      const typed = await asks(
        '  To agree, type the digits that the page shows; Enter declines · 同意请输入网页显示的数字，直接回车为拒绝: ',
        signal,
      );
      return typed?.trim() === digits;
    },
  };
}
