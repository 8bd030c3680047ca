/** Judges a record on paper (record.pdf) without asking anyone: who signed it, whether it is whole, and whether the log has the record. */
import { fromBase64, toBase64Url } from '../core/log/base64.ts';
import { sameBytes } from '../core/log/bytes.ts';
import { canonicalise, isJsonObject, type Json, type JsonObject, parseCanonical } from '../core/log/canonical.ts';
import { LogFormatError } from '../core/log/error.ts';
import { ed25519Verifier, openNote, parseNote, parseVkey } from '../core/log/note.ts';
import { fromUtf8 } from '../core/log/utf8.ts';
import {
  attachedRecord,
  type RecordStatement,
  readRecordStatement,
  splitRecordNote,
} from '../core/opening/record-paper.ts';
import type { OpeningRecordHead, OpeningState } from '../core/opening/state.ts';
import type { Roots } from './roots.ts';
import type { VerifyTools } from './tools.ts';
import { type Refused, refuse } from './words.ts';

export type PaperVerdict = {
  readonly ok: true;
  readonly statement: RecordStatement;
  /** `public`: without what the law withholds; it names the original's digest. */
  readonly form: 'original' | 'public';
  /** What travels in the file. */
  readonly record: JsonObject;
  /** The PDF as it was before it was signed. */
  readonly pdf: Uint8Array;
};

/** A PDF begins so. */
export const PDF_BEGIN = [0x25, 0x50, 0x44, 0x46, 0x2d] as const;

/**
 * Judges a record on paper by itself.
 *
 * Returns: the first thing wrong: the note behind the PDF, its signature by the key it names, the PDF's digest, the record inside.
 * Why:     that key is the file's own word. Only the log tells whose it is, and whether it has the record: see `paperOnLog`.
 */
export async function judgeRecordPaper(tools: VerifyTools, bytes: Uint8Array): Promise<PaperVerdict | Refused> {
  const split = splitRecordNote(bytes);
  if (split === null) return refuse('paper_unsigned');
  const statement = await signedStatement(tools, split.note);
  if (typeof statement === 'string') return refuse(statement);
  if (!sameBytes(tools.sha256(split.pdf), statement.sha256)) return refuse('paper_changed');
  const inside = attachedRecord(split.pdf);
  const record = inside === null ? null : readRecord(inside);
  if (inside === null || record === null) return refuse('paper_record_differs');
  const isPublic = 'form' in record;
  const named = isPublic ? record['originalSha256'] : toBase64Url(tools.sha256(inside));
  const { mark } = statement;
  if (named !== mark.sha256 || record['openingId'] !== mark.openingId || record['version'] !== mark.version)
    return refuse('paper_record_differs');
  return { ok: true, statement, form: isPublic ? 'public' : 'original', record, pdf: split.pdf };
}

async function signedStatement(
  { sha256, verifyEd25519 }: VerifyTools,
  note: string,
): Promise<RecordStatement | 'paper_unsigned' | 'paper_signature_bad'> {
  try {
    const { text, signatures } = parseNote(note);
    const statement = readRecordStatement(text);
    // a stranger's line beside it would pass unread
    if (statement === null || signatures.length !== 1) return 'paper_unsigned';
    const key = parseVkey(sha256, statement.vkey);
    if (key.name !== statement.log) return 'paper_unsigned';
    await openNote(note, [ed25519Verifier(key, verifyEd25519)]);
    return statement;
  } catch (fault) {
    if (!(fault instanceof LogFormatError)) throw fault;
    const isOther = fault.code === 'note_signature_bad' || fault.code === 'note_unsigned';
    return isOther ? 'paper_signature_bad' : 'paper_unsigned';
  }
}

function readRecord(bytes: Uint8Array): JsonObject | null {
  try {
    const value = parseCanonical(fromUtf8(bytes));
    return isJsonObject(value) ? value : null;
  } catch (fault) {
    if (fault instanceof LogFormatError) return null;
    throw fault;
  }
}

/** `replaced`: a later version voids what was signed on it. */
export type PaperStanding = 'stands' | 'replaced' | 'paper_other_key' | 'paper_not_on_log';

/** What the public's form says, no digest that people signed covers: the log says it itself, to everyone. */
function isPublicForm(inside: JsonObject, { publicForm }: Pick<OpeningRecordHead, 'publicForm'>): boolean {
  return publicForm.known && canonicalise(publicForm.value as Json) === canonicalise(inside);
}

/** How a record on paper stands to a log that was judged and held: its own key signed the PDF, and it has the record, under that head. */
export function paperOnLog(
  { statement: { log, vkey, mark }, form, record: inside }: Pick<PaperVerdict, 'statement' | 'form' | 'record'>,
  judged: {
    readonly origin: string;
    readonly vkey: string;
    readonly state: OpeningState;
    readonly roots: Pick<Roots, 'at'>;
  },
): PaperStanding {
  if (log !== judged.origin || vkey !== judged.vkey.trim()) return 'paper_other_key';
  const { openingId, record, pastRecords } = judged.state;
  const root = judged.roots.at(mark.size);
  const version = record?.version === mark.version ? record : pastRecords[mark.version - 1];
  const isThere =
    openingId === mark.openingId &&
    root !== null &&
    sameBytes(root, fromBase64(mark.root)) &&
    version?.sha256 === mark.sha256 &&
    (form === 'original' || isPublicForm(inside, version));
  if (!isThere) return 'paper_not_on_log';
  return version === record ? 'stands' : 'replaced';
}
