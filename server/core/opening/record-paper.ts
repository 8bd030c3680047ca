/** How a record on paper is signed: the statement of its bytes by the key of the opening's log, and the lines behind the PDF that carry it. */
import { fromBase64, toBase64 } from '../log/base64.ts';
import { joinBytes } from '../log/bytes.ts';
import { LogFormatError } from '../log/error.ts';
import { HASH_BYTES } from '../log/hash.ts';
import { NOTE_LIMIT_BYTES } from '../log/note.ts';
import { openingOrigin } from '../log/origin.ts';
import { fromUtf8, utf8 } from '../log/utf8.ts';
import { formatRecordMark, type RecordMark, readRecordMark } from './record-mark.ts';

const STATEMENT = 'kaibiao-record-pdf/v1\n';
/** Begins a comment of PDF, which readers pass over. */
const COMMENT = '%kaibiao-record-note ';
/** What every PDF ends in: where its table of objects begins. Behind the comment it stands again, for readers look for it at the end. */
const END = /startxref\n([0-9]{1,15})\n%%EOF\n$/;
const LINE = new RegExp(`${COMMENT}([A-Za-z0-9+/=]+)\n${END.source}`);

export type RecordStatement = {
  /** The opening's log. */
  readonly log: string;
  /** Where the platform is reached, as in the QR code. */
  readonly origin: string;
  readonly mark: RecordMark;
  /** The verifier key of the log: whoever has nothing else can at least hold the signature against it. */
  readonly vkey: string;
  /** 32 bytes: of the PDF without the lines behind it. */
  readonly sha256: Uint8Array;
};

/**
 * The text that is signed, as the text of a C2SP signed note: five lines, each with its line feed.
 *
 * Why: no head of a log can be read as this text, for no log's name ends in `/v1`; so the same key may sign both.
 */
export function formatRecordStatement({ log, origin, mark, vkey, sha256 }: RecordStatement): string {
  return `${STATEMENT}${log}\n${formatRecordMark(origin, mark)}\n${vkey}\n${toBase64(sha256)}\n`;
}

/** Reads such a text; null for any other. */
export function readRecordStatement(text: string): RecordStatement | null {
  if (!text.startsWith(STATEMENT)) return null;
  const [log = '', address = '', vkey = '', digest = '', end, ...rest] = text.slice(STATEMENT.length).split('\n');
  const found = readRecordMark(address);
  const sha256 = hashOf(digest);
  if (found === null || found.origin === null || sha256 === null || end !== '' || rest.length > 0) return null;
  const statement = { log, origin: found.origin, mark: found.mark, vkey, sha256 };
  return formatRecordStatement(statement) === text ? statement : null;
}

/** Is this such a text about an opening of this platform, of that log and under that key? For whoever signs what others write. */
export function isRecordStatement(platform: string, vkey: string, text: string): boolean {
  const statement = readRecordStatement(text);
  return (
    statement !== null && statement.vkey === vkey && statement.log === openingOrigin(platform, statement.mark.openingId)
  );
}

/** The PDF with the signed note behind it. Throws: `note_malformed` for bytes that end as no PDF does. */
export function appendRecordNote(pdf: Uint8Array, note: string): Uint8Array {
  const [end] = END.exec(tailOf(pdf)) ?? [];
  if (end === undefined) throw new LogFormatError('note_malformed', 'what is to be signed ends as no PDF does');
  return joinBytes(pdf, utf8(`${COMMENT}${toBase64(utf8(note))}\n${end}`));
}

/** A PDF and the note behind it; null where none is, or something else stands there besides. */
export function splitRecordNote(bytes: Uint8Array): { readonly pdf: Uint8Array; readonly note: string } | null {
  const [lines, text, at] = LINE.exec(tailOf(bytes)) ?? [];
  if (lines === undefined || text === undefined) return null;
  const pdf = bytes.subarray(0, bytes.length - lines.length);
  if (END.exec(tailOf(pdf))?.[1] !== at) return null;
  try {
    return { pdf, note: fromUtf8(fromBase64(text)) };
  } catch (fault) {
    if (fault instanceof LogFormatError) return null;
    throw fault;
  }
}

/**
 * The file that travels in a record on paper, as server/dossier writes it: the first of the PDF, stored as it is.
 *
 * Returns: its bytes; null when there is none of that form.
 */
export function attachedRecord(pdf: Uint8Array): Uint8Array | null {
  const head = letters(pdf.subarray(0, HEAD_BYTES));
  const found = ATTACHED.exec(head);
  if (found === null) return null;
  const begin = found.index + found[0].length;
  const end = begin + Number(found[1]);
  return letters(pdf.subarray(end, end + AFTER.length)) === AFTER ? pdf.slice(begin, end) : null;
}

/** It is written before everything else, behind some lines about itself. */
const HEAD_BYTES = 2_048;
const ATTACHED =
  /\/Type \/EmbeddedFile\n\/Params <<\n[^<>]*>>\n\/Subtype \/application#2Fjson\n\/Length ([0-9]{1,9})\n>>\nstream\n/;
const AFTER = '\nendstream\n';

/** The end of a file as letters of one byte each: longer than any note in base64 and the lines around it. */
function tailOf(bytes: Uint8Array): string {
  return letters(bytes.subarray(Math.max(0, bytes.length - 2 * NOTE_LIMIT_BYTES)));
}

function letters(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

function hashOf(text: string): Uint8Array | null {
  try {
    const hash = fromBase64(text);
    return hash.length === HASH_BYTES ? hash : null;
  } catch (fault) {
    if (fault instanceof LogFormatError) return null;
    throw fault;
  }
}
