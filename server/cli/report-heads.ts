/** Reports the signed heads that a command was shown to supervisors' monitors: so that a platform cannot show two people two histories. */
import { Check } from 'typebox/schema';
import { LogFormatError } from '../core/log/error.ts';
import { isFork } from '../core/log/fork-evidence.ts';
import { ANSWER_LIMIT_BYTES, REPORT_PATH, VerdictAnswer } from '../core/log/head-report.ts';
import { ed25519Verifier, type NoteVerifier, parseNote } from '../core/log/note.ts';
import { verifyEd25519 } from '../ed25519.ts';
import { sha256 } from '../hash.ts';
import { keyOf } from '../verify/anchoring.ts';
import type { LogSource } from '../verify/source.ts';
import { EXIT, UsageError } from './exit.ts';
import type { Io } from './io.ts';
import { ReachError, reachOut } from './reach.ts';

/** The option of every command that is shown heads; it may stand more than once. */
export const REPORT_OPTION = { report: { type: 'string', multiple: true } } as const;

/** How long a monitor may take to answer: whoever asks has other things to do. */
export const REPORT_LIMIT_MS = 10_000;

/** Throws: UsageError when one is no address. */
export function readMonitors(given: readonly string[] | undefined): readonly string[] {
  for (const address of given ?? [])
    if (!/^https?:\/\//u.test(address) || !URL.canParse(address))
      throw new UsageError('--report takes the address of a monitor, without /heads.');
  return given ?? [];
}

/**
 * Reports signed checkpoints to each monitor, each of them once; `keys` are those of the logs they are of.
 *
 * Returns: EXIT.refused when a monitor proves that one of the keys signed two histories, whatever else was found; else EXIT.done.
 * Why:     a monitor that cannot be reached, or that claims what it does not prove, is told of and changes nothing: otherwise
 *          whoever keeps us from it, or runs it, decides.
 */
export async function reportHeads(
  monitors: readonly string[],
  { notes, keys }: { readonly notes: Iterable<string>; readonly keys: readonly NoteVerifier[] },
  io: Io,
): Promise<number> {
  let code: number = EXIT.done;
  for (const note of new Set(notes)) {
    for (const monitor of monitors) {
      const said = await report(monitor, note, io);
      const what = `${monitor}: ${titleOf(note)}`;
      if ('refused' in said) io.err(`not reported · 未能报送 (${said.refused}): ${what}`);
      else if (said.verdict === 'known') io.out(`reported, and known there · 已报送，监督端已知: ${what}`);
      else if (said.verdict === 'waiting') io.out(`reported; it will be compared · 已报送，待比对: ${what}`);
      else if (await isFork(sha256, said.evidence ?? [], ...keys)) {
        io.err(
          `reported, and it contradicts what was shown there; both are signed · 已报送，与监督端所见相互矛盾，二者均有签名: ${what}`,
        );
        code = EXIT.refused;
      } else
        io.err(`reported; it claims another history and proves none · 已报送，监督端称所见不同但未予证明: ${what}`);
    }
  }
  return code;
}

async function report(
  monitor: string,
  note: string,
  { world, fetch }: Io,
): Promise<VerdictAnswer | { readonly refused: string }> {
  const request = { method: 'POST', headers: { 'content-type': 'text/plain; charset=utf-8' }, body: note } as const;
  try {
    const reach = { world, fetch, limitMs: REPORT_LIMIT_MS };
    const url = `${monitor.replace(/\/+$/u, '')}${REPORT_PATH}`;
    const { status, bytes } = await reachOut(reach, url, request, ANSWER_LIMIT_BYTES);
    const answer: unknown = status === 200 ? JSON.parse(Buffer.from(bytes).toString()) : null;
    return Check(VerdictAnswer, answer) ? answer : { refused: `${status}` };
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

/** Signed heads that a command was shown, and the keys they were shown under. */
export type Shown = { readonly notes: Set<string>; readonly vkeys: Set<string> };

/** Keys in verifier form; what is none is left out. */
export function keysOf(vkeys: Iterable<string>): NoteVerifier[] {
  return [...vkeys].flatMap((vkey) => {
    const key = keyOf(sha256, vkey);
    return 'ok' in key ? [] : [ed25519Verifier(key, verifyEd25519)];
  });
}

/** The source, with every signed head that it shows added to `seen`: its own, the ledger's it is anchored in, the stamped one, those of the ledger beside it. */
export function noting(source: LogSource, seen: Shown): LogSource {
  const { notes, vkeys } = seen;
  return {
    ...source,
    async vkey() {
      const vkey = await source.vkey();
      vkeys.add(vkey);
      return vkey;
    },
    async checkpoint() {
      const note = await source.checkpoint();
      notes.add(note);
      return note;
    },
    async anchor() {
      const anchor = await source.anchor();
      if (anchor !== null) {
        notes.add(anchor.checkpoint);
        vkeys.add(anchor.vkey);
      }
      return anchor;
    },
    async timestamps() {
      const stamped = await source.timestamps();
      if (stamped !== null) notes.add(stamped.note);
      return stamped;
    },
    ledger() {
      const ledger = source.ledger();
      return ledger === null ? null : noting(ledger, seen);
    },
  };
}
