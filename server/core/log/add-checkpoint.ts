/** The body of C2SP tlog-witness `add-checkpoint`: what a log asks a cosigner with, and what it reads of the answer. */
import { fromBase64, toBase64 } from './base64.ts';
import { parseDecimal } from './decimal.ts';
import { demand, recode } from './error.ts';
import { HASH_BYTES } from './hash.ts';
import { NOTE_LIMIT_BYTES, type NoteSignature, parseNote, parseSignatureLine } from './note.ts';
import { fromUtf8 } from './utf8.ts';

/** Hashes a consistency proof may have (tlog-witness: "MUST NOT send more than 63"). */
export const CONSISTENCY_LIMIT_HASHES = 63;
/** Characters of a line with one hash in base64, its line feed included. */
const HASH_LINE_CHARACTERS = 45;
const OLD = 'old ';
/** `old `, a number of 16 digits, its line feed, and the empty line before the checkpoint. */
const FIRST_LINE_LIMIT_CHARACTERS = OLD.length + 16 + 2;
/** The longest body there can be: every proof line and the longest note. */
export const ADD_CHECKPOINT_LIMIT_BYTES =
  FIRST_LINE_LIMIT_CHARACTERS + CONSISTENCY_LIMIT_HASHES * HASH_LINE_CHARACTERS + NOTE_LIMIT_BYTES;
/** The longest answer that is read: as many signature lines as a note may have. */
export const COSIGNATURES_LIMIT_BYTES = NOTE_LIMIT_BYTES;
/** The media type of a 409 that tells the size the cosigner last signed. */
export const SIZE_TYPE = 'text/x.tlog.size';

/** A request: the size the cosigner last signed, the proof from there, and the signed checkpoint, word for word. */
export type AddCheckpoint = {
  readonly oldSize: number;
  readonly proof: readonly Uint8Array[];
  readonly checkpoint: string;
};

/** Writes the body. Throws: `cosign_request_malformed` when a part does not fit; the codes of `parseNote`. */
export function formatAddCheckpoint({ oldSize, proof, checkpoint }: AddCheckpoint): string {
  demand(Number.isSafeInteger(oldSize) && oldSize >= 0, 'cosign_request_malformed', `${oldSize} is no size`);
  demand(proof.length <= CONSISTENCY_LIMIT_HASHES, 'cosign_request_malformed', 'too many hashes');
  const isWhole = proof.every((hash) => hash.length === HASH_BYTES);
  demand(isWhole, 'cosign_request_malformed', 'a hash has 32 bytes');
  parseNote(checkpoint);
  return `${OLD}${oldSize}\n${proof.map((hash) => `${toBase64(hash)}\n`).join('')}\n${checkpoint}`;
}

/**
 * Reads the body; neither signature nor proof is checked.
 *
 * Throws: `cosign_request_malformed`, also for what is wrong with the note or its encoding.
 */
export function parseAddCheckpoint(body: Uint8Array): AddCheckpoint {
  demand(body.length <= ADD_CHECKPOINT_LIMIT_BYTES, 'cosign_request_malformed', 'too long');
  return recode('cosign_request_malformed', () => {
    const text = fromUtf8(body);
    const split = text.indexOf('\n\n');
    demand(split >= 0, 'cosign_request_malformed', 'no empty line before the checkpoint');
    const [first = '', ...lines] = text.slice(0, split).split('\n');
    demand(first.startsWith(OLD), 'cosign_request_malformed', 'the first line is not the old size');
    const oldSize = parseDecimal(first.slice(OLD.length));
    demand(oldSize !== undefined, 'cosign_request_malformed', 'the old size is no number');
    demand(lines.length <= CONSISTENCY_LIMIT_HASHES, 'cosign_request_malformed', 'too many hashes');
    const proof = lines.map((line) => {
      const hash = fromBase64(line);
      demand(hash.length === HASH_BYTES, 'cosign_request_malformed', 'a hash has 32 bytes');
      return hash;
    });
    const checkpoint = text.slice(split + 2);
    parseNote(checkpoint);
    return { oldSize, proof, checkpoint };
  });
}

/**
 * Reads the signature lines of an answer.
 *
 * Throws: `cosign_request_malformed` when it is anything but one or more signature lines. Whose they are is for `openNote`.
 */
export function parseCosignatureLines(body: Uint8Array): NoteSignature[] {
  return recode('cosign_request_malformed', () => {
    demand(body.length <= COSIGNATURES_LIMIT_BYTES, 'cosign_request_malformed', 'too long');
    const lines = fromUtf8(body).split('\n');
    demand(lines.pop() === '' && lines.length > 0, 'cosign_request_malformed', 'not signature lines');
    return lines.map(parseSignatureLine);
  });
}

/** Reads the size that a 409 tells: a decimal and a line feed. Returns: undefined for any other text. */
export function parseSizeAnswer(body: Uint8Array): number | undefined {
  // a character at a time, since a fault of its encoding is no fault of ours
  const text = String.fromCharCode(...body.subarray(0, 18));
  return body.length <= 17 && text.endsWith('\n') ? parseDecimal(text.slice(0, -1)) : undefined;
}
