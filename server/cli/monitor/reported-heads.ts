/** Heads that pages and command lines were shown elsewhere: whether the platform signed them, and whether they belong to what is shown to us. */
import { fromBase64, toBase64 } from '../../core/log/base64.ts';
import { sameBytes } from '../../core/log/bytes.ts';
import { type Checkpoint, openCheckpoint, parseCheckpoint } from '../../core/log/checkpoint.ts';
import { LogFormatError } from '../../core/log/error.ts';
import type { ForkEvidence } from '../../core/log/fork-evidence.ts';
import type { VerdictAnswer } from '../../core/log/head-report.ts';
import {
  ed25519Verifier,
  formatNote,
  KEY_TYPES,
  type NoteVerifier,
  parseNote,
  verifierKey,
} from '../../core/log/note.ts';
import { kindOfOrigin } from '../../core/log/origin.ts';
import { verifyEd25519 } from '../../ed25519.ts';
import { sha256 } from '../../hash.ts';
import { alarm, type Raise } from './alarms.ts';
import type { KeptLedger } from './kept-ledger.ts';
import { forkWith } from './ledger-tail.ts';
import type { Patience } from './patience.ts';
import type { SeenHead } from './replay-opening.ts';
import { openWaiting, type WaitingHead } from './waiting-heads.ts';

/** Heads that are remembered as known. */
const REMEMBERED = 16_384;
/** Heads longer than what we are shown whose time is counted at once, of each log: the first of them tell enough. */
const LONGER_COUNTED = 16;
/** Notes that one alarm holds at most. */
const NOTES_OF_AN_ALARM = 16;

/** Why a report is not taken: no signed checkpoint at all; signed by no key of the platform; of another platform's log; too many wait. */
export const REPORT_REFUSALS = ['report_malformed', 'report_unsigned', 'report_of_other_log', 'reports_full'] as const;
export type ReportRefusal = (typeof REPORT_REFUSALS)[number];

export type ReportedHeads = {
  /** Takes a signed checkpoint. What contradicts is an alarm by then. */
  take(note: string): Promise<VerdictAnswer | ReportRefusal>;
  /** Compares what can be compared by now, after a look at the ledger. */
  round(look: LookedAt): Promise<void>;
  /** Heads of a log that wait. */
  of(origin: string): readonly WaitingHead[];
  /** An opening was read, so many entries of it, and `told` were held against it then; those that came meanwhile wait for the next time. */
  settle(size: number, told: readonly WaitingHead[]): Promise<void>;
  save(): Promise<void>;
};

export type LookedAt = {
  /** The size of the ledger as it was shown to us; null when it was not. */
  readonly shownSize: number | null;
  /** Whether our copy is all that was signed for us in this look: only then can anything be said of what is not in it. */
  readonly isCurrent: boolean;
  /** Heads of the ledger that waited before the look: one that came later may be longer without anybody's fault. */
  readonly told: readonly WaitingHead[];
};

const KNOWN: VerdictAnswer = { verdict: 'known' };
const WAITING: VerdictAnswer = { verdict: 'waiting' };

export type ReportOptions = {
  readonly folder: string;
  readonly platform: string;
  readonly verifier: NoteVerifier;
  /** All keys of the ledger, the trusted one among them. */
  readonly keys: () => readonly NoteVerifier[];
  readonly kept: KeptLedger;
  readonly patience: Patience;
  readonly raise: Raise;
  /** Public keys (base64) that may sign heads of that opening. */
  readonly keysOf: (origin: string) => readonly string[];
  /** Heads of that opening in the ledger; none when it knows no such opening. */
  readonly headsOf: (origin: string) => readonly SeenHead[];
  /** Heads of that opening that held when it was read before. */
  readonly seenOf: (origin: string) => readonly SeenHead[];
  /** By when the ledger has a head of an opening, ms. */
  readonly anchoredWithinMs: () => number;
};

/** Opens the reports of a folder, `reported.json`. Throws: KeptLedgerError kept_damaged. */
export async function openReports(options: ReportOptions): Promise<ReportedHeads> {
  const { platform, verifier, keys, kept, patience, raise, keysOf, headsOf, seenOf, anchoredWithinMs } = options;
  const waiting = await openWaiting(options.folder);
  const known = new Set<string>();

  const keyOf = ({ origin, size, root }: Checkpoint): string => `${origin}\n${size}\n${toBase64(root)}`;
  /** Only what is known: evidence is put together again, so that it fills no memory. */
  function remember(checkpoint: Checkpoint, answer: VerdictAnswer): VerdictAnswer {
    if (answer.verdict !== 'known') return answer;
    known.add(keyOf(checkpoint));
    for (const oldest of known) {
      if (known.size <= REMEMBERED) break;
      known.delete(oldest);
    }
    return answer;
  }

  /** The checkpoint, signed by the ledger's key or one that may sign that opening; `text` is its note with nobody's signature but that. */
  async function open(note: string): Promise<{ checkpoint: Checkpoint; text: string } | ReportRefusal> {
    let claimed: Checkpoint;
    try {
      claimed = parseCheckpoint(parseNote(note).text);
    } catch (fault) {
      if (fault instanceof LogFormatError) return 'report_malformed';
      throw fault;
    }
    const kind = kindOfOrigin(platform, claimed.origin);
    if (kind !== 'ledger' && kind !== 'opening') return 'report_of_other_log';
    for (const key of kind === 'ledger' ? keys() : verifiersOf(claimed.origin, keysOf(claimed.origin))) {
      try {
        const { checkpoint, text, signatures } = await openCheckpoint(note, key);
        return { checkpoint, text: formatNote(text, signatures) };
      } catch (fault) {
        if (!(fault instanceof LogFormatError)) throw fault;
      }
    }
    return 'report_unsigned';
  }

  /** One that waits and contradicts it, whatever the platform shows us, if anything. */
  function contradicting({ origin, size, root }: Checkpoint): WaitingHead | undefined {
    return waiting.of(origin).find((one) => one.size === size && !sameBytes(one.root, root));
  }

  function remove(heads: readonly WaitingHead[]): void {
    waiting.remove(heads);
    for (const head of heads) patience.forget(longer(head));
  }

  /**
   * Of heads that waited before we looked, those that are longer than what we were shown: each has a time of its own, for in a log
   * that grows somebody is always told of more than we were a moment before.
   */
  async function askForLonger(
    kind: 'ledger_shown_longer' | 'opening_shown_longer',
    told: readonly WaitingHead[],
    shownSize: number,
    before: readonly string[],
  ): Promise<void> {
    const beyond = told.filter(({ size }) => size > shownSize);
    for (const head of told) if (head.size <= shownSize) patience.forget(longer(head));
    const over = beyond.slice(0, LONGER_COUNTED).filter((head) => patience.isOver(longer(head)));
    const [first] = over;
    if (first !== undefined) await raise(alarm(kind, first.origin, undefined, [...before, first.text]), longer(first));
  }

  /** Returns: null when the copy does not reach so far, or is on its way itself. */
  async function compareLedger(checkpoint: Checkpoint, note: string): Promise<VerdictAnswer | null> {
    const before = kept.note();
    const own = kept.roots.at(checkpoint.size);
    if (before === null) return null;
    if (own !== null && sameBytes(own, checkpoint.root)) return KNOWN;
    const evidence = await forkWith(kept, before, { note, checkpoint }, keys());
    if (evidence === null) return null;
    return forked('ledger_forked', checkpoint, 'as somebody was shown', evidence);
  }

  async function compareOpening(checkpoint: Checkpoint, note: string): Promise<VerdictAnswer | null> {
    const { origin, size, root } = checkpoint;
    const head = [...headsOf(origin), ...seenOf(origin)].find((one) => one.size === size);
    if (head === undefined) return null;
    if (sameBytes(head.root, root)) return KNOWN;
    return forked('opening_forked', checkpoint, 'as somebody was shown', [await head.note(), note]);
  }

  async function forked(
    kind: 'ledger_forked' | 'opening_forked',
    { origin, size }: Checkpoint,
    how: string,
    evidence: ForkEvidence,
  ): Promise<VerdictAnswer> {
    await raise(alarm(kind, origin, `at ${size} entries, ${how}`, evidence));
    return { verdict: 'other', evidence: [...evidence] };
  }

  async function take(note: string): Promise<VerdictAnswer | ReportRefusal> {
    const opened = await open(note);
    if (typeof opened === 'string') return opened;
    const { checkpoint, text } = opened;
    if (known.has(keyOf(checkpoint))) return KNOWN;
    const compare = checkpoint.origin === verifier.name ? compareLedger : compareOpening;
    const answer = await compare(checkpoint, text);
    if (answer !== null) return remember(checkpoint, answer);
    // nothing is awaited from here to where it waits itself: two may come in one moment
    const other = contradicting(checkpoint);
    if (other === undefined) return waiting.add(checkpoint, text) ? WAITING : 'reports_full';
    const kind = checkpoint.origin === verifier.name ? 'ledger_forked' : 'opening_forked';
    return forked(kind, checkpoint, 'as two were shown', [other.text, text]);
  }

  return {
    take,
    async round({ shownSize, isCurrent, told }) {
      const compared: WaitingHead[] = [];
      for (const one of waiting.of(verifier.name)) {
        const answer = await compareLedger(one, one.text);
        if (answer === null) continue;
        remember(one, answer);
        compared.push(one);
      }
      remove(compared);
      if (shownSize !== null) {
        const left = told.filter((one) => !compared.includes(one));
        await askForLonger(
          'ledger_shown_longer',
          left,
          shownSize,
          [kept.note()].filter((note) => note !== null),
        );
      }
      for (const origin of waiting.origins()) {
        if (origin === verifier.name) continue;
        const thing = `opening_not_in_ledger ${origin}`;
        if (headsOf(origin).length > 0) patience.forget(thing);
        else if (isCurrent && patience.isOver(thing, anchoredWithinMs())) {
          const notes = waiting.of(origin).map(({ text }) => text);
          await raise(alarm('opening_not_in_ledger', origin, undefined, notes.slice(0, NOTES_OF_AN_ALARM)), thing);
        }
      }
    },
    of: waiting.of,
    async settle(size, told) {
      // the replay has raised what contradicts it
      remove(told.filter((head) => head.size <= size));
      await askForLonger('opening_shown_longer', told, size, []);
    },
    save: waiting.save,
  };
}

const longer = ({ origin, size, root }: Checkpoint): string => `shown_longer ${origin} ${size} ${toBase64(root)}`;

/** Those public keys (base64), as they sign heads of that log. */
export function verifiersOf(origin: string, publicKeys: readonly string[]): NoteVerifier[] {
  return publicKeys.map((text) =>
    ed25519Verifier(verifierKey(sha256, origin, KEY_TYPES.ed25519, fromBase64(text)), verifyEd25519),
  );
}
