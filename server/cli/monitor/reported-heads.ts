/** Heads that pages and command lines were shown elsewhere: whether the platform signed them, and whether they belong to what is shown to us. */
import { join } from 'node:path';
import * as Type from 'typebox';
import { Check } from 'typebox/schema';
import { fromBase64, toBase64 } from '../../core/log/base64.ts';
import { sameBytes } from '../../core/log/bytes.ts';
import { type Checkpoint, openCheckpoint, parseCheckpoint } from '../../core/log/checkpoint.ts';
import { LogFormatError } from '../../core/log/error.ts';
import type { ForkEvidence } from '../../core/log/fork-evidence.ts';
import type { VerdictAnswer } from '../../core/log/head-report.ts';
import { ed25519Verifier, KEY_TYPES, type NoteVerifier, parseNote, verifierKey } from '../../core/log/note.ts';
import { kindOfOrigin } from '../../core/log/origin.ts';
import { verifyEd25519 } from '../../ed25519.ts';
import { sha256 } from '../../hash.ts';
import { readOrNull, writeDurably } from '../person/person-folder.ts';
import { alarm, type Raise } from './alarms.ts';
import { type KeptLedger, KeptLedgerError } from './kept-ledger.ts';
import { forkWith } from './ledger-tail.ts';
import type { Patience } from './patience.ts';
import type { SeenHead } from './replay-opening.ts';

/** Heads of one log that wait to be compared; the platform signed each, so nobody else can fill this. */
export const WAITING_OF_A_LOG = 16;
/** Logs with heads that wait. */
export const WAITING_LOGS = 1_024;
/** Heads that are remembered as known. */
const REMEMBERED = 16_384;

/** Why a report is not taken: no signed checkpoint at all; signed by no key of the platform; of another platform's log; too many wait. */
export const REPORT_REFUSALS = ['report_malformed', 'report_unsigned', 'report_of_other_log', 'reports_full'] as const;
export type ReportRefusal = (typeof REPORT_REFUSALS)[number];

export type ReportedHeads = {
  /** Takes a signed checkpoint. What contradicts is an alarm by then. */
  take(note: string): Promise<VerdictAnswer | ReportRefusal>;
  /** Compares what can be compared by now; `shownSize` is the size of the ledger as it is shown to us, null when it is not. */
  round(shownSize: number | null): Promise<void>;
  /** Heads of an opening that wait for it to be read. */
  of(origin: string): readonly SeenHead[];
  /** It was read, so many entries of it; what is that small was compared then. */
  settle(origin: string, size: number): Promise<void>;
  save(): Promise<void>;
};

const KNOWN: VerdictAnswer = { verdict: 'known' };
const WAITING: VerdictAnswer = { verdict: 'waiting' };

type Waiting = { readonly checkpoint: Checkpoint; readonly note: string };

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
};

/** Opens the reports of a folder, `reported.json`. Throws: KeptLedgerError kept_damaged. */
export async function openReports(options: ReportOptions): Promise<ReportedHeads> {
  const { folder, platform, verifier, keys, kept, patience, raise, keysOf, headsOf, seenOf } = options;
  const file = join(folder, 'reported.json');
  const stored: unknown = JSON.parse((await readOrNull(file)) ?? '[]');
  if (!Check(Type.Array(Type.String()), stored)) throw new KeptLedgerError('kept_damaged', 'reported.json');
  const waiting = new Map<string, Waiting[]>();
  const known = new Set<string>();
  let isSaved = true;

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

  /** The checkpoint, signed by the ledger's key or one that may sign that opening. */
  async function open(note: string): Promise<Checkpoint | ReportRefusal> {
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
        return (await openCheckpoint(note, key)).checkpoint;
      } catch (fault) {
        if (!(fault instanceof LogFormatError)) throw fault;
      }
    }
    return 'report_unsigned';
  }

  /** One that waits and contradicts it, whatever the platform shows us, if anything. */
  function contradicting({ origin, size, root }: Checkpoint): Waiting | undefined {
    return waiting.get(origin)?.find(({ checkpoint }) => checkpoint.size === size && !sameBytes(checkpoint.root, root));
  }

  function wait(checkpoint: Checkpoint, note: string): VerdictAnswer | ReportRefusal {
    const { origin } = checkpoint;
    const own = waiting.get(origin) ?? [];
    if (own.some((one) => keyOf(one.checkpoint) === keyOf(checkpoint))) return WAITING;
    if (own.length >= WAITING_OF_A_LOG || (own.length === 0 && waiting.size >= WAITING_LOGS)) return 'reports_full';
    waiting.set(origin, [...own, { checkpoint, note }]);
    isSaved = false;
    return WAITING;
  }

  function drop(origin: string, left: readonly Waiting[]): void {
    if (left.length === (waiting.get(origin) ?? []).length) return;
    if (left.length === 0) waiting.delete(origin);
    else waiting.set(origin, [...left]);
    isSaved = false;
  }

  /** Returns: null when the copy does not reach so far, or is on its way itself. */
  async function compareLedger(checkpoint: Checkpoint, note: string): Promise<VerdictAnswer | null> {
    const before = kept.note();
    const own = kept.roots.at(checkpoint.size);
    if (before === null || own === null) return null;
    if (sameBytes(own, checkpoint.root)) return KNOWN;
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
    const checkpoint = await open(note);
    if (typeof checkpoint === 'string') return checkpoint;
    if (known.has(keyOf(checkpoint))) return KNOWN;
    const compare = checkpoint.origin === verifier.name ? compareLedger : compareOpening;
    const answer = await compare(checkpoint, note);
    if (answer !== null) return remember(checkpoint, answer);
    // nothing is awaited from here to where it waits itself: two may come in one moment
    const other = contradicting(checkpoint);
    if (other === undefined) return wait(checkpoint, note);
    const kind = checkpoint.origin === verifier.name ? 'ledger_forked' : 'opening_forked';
    return forked(kind, checkpoint, 'as two were shown', [other.note, note]);
  }

  for (const note of stored) {
    const checkpoint = parseCheckpoint(parseNote(note).text);
    wait(checkpoint, note);
  }
  isSaved = true;

  return {
    take,
    async round(shownSize) {
      const left: Waiting[] = [];
      for (const one of waiting.get(verifier.name) ?? []) {
        const answer = await compareLedger(one.checkpoint, one.note);
        if (answer === null) left.push(one);
        else remember(one.checkpoint, answer);
      }
      drop(verifier.name, left);
      const beyond = left.find(({ checkpoint }) => checkpoint.size > (shownSize ?? 0));
      if (beyond === undefined) patience.forget('ledger_shown_longer');
      else if (shownSize !== null && patience.isOver('ledger_shown_longer'))
        await raise(
          alarm('ledger_shown_longer', verifier.name, undefined, [kept.note() ?? '', beyond.note]),
          'ledger_shown_longer',
        );
      for (const [origin, heads] of waiting) {
        const thing = `opening_not_in_ledger ${origin}`;
        if (origin === verifier.name || headsOf(origin).length > 0) patience.forget(thing);
        else if (patience.isOver(thing)) {
          const notes = heads.map(({ note }) => note);
          await raise(alarm('opening_not_in_ledger', origin, undefined, notes), thing);
        }
      }
    },
    of: (origin) =>
      (waiting.get(origin) ?? []).map(({ checkpoint, note }) => ({ ...checkpoint, note: async () => note })),
    async settle(origin, size) {
      const own = waiting.get(origin) ?? [];
      const left = own.filter(({ checkpoint }) => checkpoint.size > size);
      // Of the others the replay has raised what contradicts it; they are asked about once more when they come again.
      drop(origin, left);
      const thing = `opening_shown_longer ${origin}`;
      const [longer] = left;
      if (longer === undefined) patience.forget(thing);
      else if (patience.isOver(thing))
        await raise(alarm('opening_shown_longer', origin, undefined, [longer.note]), thing);
    },
    async save() {
      if (isSaved) return;
      isSaved = true;
      await writeDurably(file, JSON.stringify([...waiting.values()].flat().map(({ note }) => note)));
    },
  };
}

/** Those public keys (base64), as they sign heads of that log. */
export function verifiersOf(origin: string, publicKeys: readonly string[]): NoteVerifier[] {
  return publicKeys.map((text) =>
    ed25519Verifier(verifierKey(sha256, origin, KEY_TYPES.ed25519, fromBase64(text)), verifyEd25519),
  );
}
