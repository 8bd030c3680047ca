/** Reports the signed heads that a command was shown to supervisors' monitors: so that a platform cannot show two people two histories. */
import { Check } from 'typebox/schema';
import { LogFormatError } from '../core/log/error.ts';
import { REPORT_PATH, type Verdict, VerdictAnswer } from '../core/log/head-report.ts';
import { parseNote } from '../core/log/note.ts';
import { EXIT, UsageError } from './exit.ts';
import type { Io } from './io.ts';
import type { LogSource } from './log-source.ts';
import { ReachError, reachOut } from './reach.ts';

/** The option of every command that is shown heads; it may stand more than once. */
export const REPORT_OPTION = { report: { type: 'string', multiple: true } } as const;

/** How long a monitor may take to answer: whoever asks has other things to do. */
export const REPORT_LIMIT_MS = 10_000;
const ANSWER_LIMIT_BYTES = 4_096;

/** Throws: UsageError when one is no address. */
export function readMonitors(given: readonly string[] | undefined): readonly string[] {
  for (const address of given ?? [])
    if (!/^https?:\/\//u.test(address) || !URL.canParse(address))
      throw new UsageError('--report takes the address of a monitor, without /heads.');
  return given ?? [];
}

/**
 * Reports signed checkpoints to each monitor, each of them once.
 *
 * Returns: EXIT.refused when a monitor was shown another history, whatever else was found; EXIT.done when none was, or could say.
 * Why:     a monitor that cannot be reached is told of and changes nothing: otherwise whoever keeps us from it decides.
 */
export async function reportHeads(monitors: readonly string[], notes: Iterable<string>, io: Io): Promise<number> {
  let code: number = EXIT.done;
  for (const note of new Set(notes)) {
    for (const monitor of monitors) {
      const said = await report(monitor, note, io);
      const what = `${monitor}: ${titleOf(note)}`;
      if (said === 'known') io.out(`reported, and known there · 已报送，监督端已知: ${what}`);
      else if (said === 'waiting') io.out(`reported; it will be compared · 已报送，待比对: ${what}`);
      else if (said === 'other') {
        io.err(`reported, and it contradicts what was shown there · 已报送，与监督端所见相互矛盾: ${what}`);
        code = EXIT.refused;
      } else io.err(`not reported · 未能报送 (${said.refused}): ${what}`);
    }
  }
  return code;
}

async function report(
  monitor: string,
  note: string,
  { world, fetch }: Io,
): Promise<Verdict | { readonly refused: string }> {
  const request = { method: 'POST', headers: { 'content-type': 'text/plain; charset=utf-8' }, body: note } as const;
  try {
    const reach = { world, fetch, limitMs: REPORT_LIMIT_MS };
    const url = `${monitor.replace(/\/+$/u, '')}${REPORT_PATH}`;
    const { status, bytes } = await reachOut(reach, url, request, ANSWER_LIMIT_BYTES);
    const answer: unknown = status === 200 ? JSON.parse(Buffer.from(bytes).toString()) : null;
    return Check(VerdictAnswer, answer) ? answer.verdict : { refused: `${status}` };
  } catch (error) {
    if (error instanceof ReachError || error instanceof SyntaxError) return { refused: error.message };
    throw error;
  }
}

/** Which log and size a note is about, for people. */
function titleOf(note: string): string {
  try {
    return parseNote(note).text.split('\n', 2).join(' ');
  } catch (fault) {
    if (fault instanceof LogFormatError) return 'no signed note';
    throw fault;
  }
}

/** The source, with every signed head that it shows added to `seen`: its own, the ledger's it is anchored in, the stamped one, those of the ledger beside it. */
export function noting(source: LogSource, seen: Set<string>): LogSource {
  return {
    ...source,
    async checkpoint() {
      const note = await source.checkpoint();
      seen.add(note);
      return note;
    },
    async anchor() {
      const anchor = await source.anchor();
      if (anchor !== null) seen.add(anchor.checkpoint);
      return anchor;
    },
    async timestamps() {
      const stamped = await source.timestamps();
      if (stamped !== null) seen.add(stamped.note);
      return stamped;
    },
    ledger() {
      const ledger = source.ledger();
      return ledger === null ? null : noting(ledger, seen);
    },
  };
}
