/** One entry of a witness log: the value, its exact bytes, and the strict way back. */
import { canonicalise, isJsonObject, type JsonObject, parseCanonical } from './canonical.ts';
import { FIELD_NAME, isDigest } from './disclosure.ts';
import { demand, LogFormatError } from './error.ts';
import { parseInstant } from './instant.ts';
import { isKeyName } from './key-name.ts';
import { fromUtf8, utf8 } from './utf8.ts';

/** Bytes an entry may have: what an entry bundle's 16-bit length can say. */
export const ENTRY_LIMIT_BYTES = 65_535;
/** The format version written into every entry. */
export const ENTRY_VERSION = 1;

/**
 * An entry. `seq` is the leaf index; `at` (of the commit) and `receivedAt` (of the act's durable receipt) are RFC 3339 UTC with ms;
 * `commit` maps each withheld field to the digest of its disclosure.
 */
export type Entry = {
  readonly v: 1;
  readonly log: string;
  readonly seq: number;
  readonly at: string;
  readonly receivedAt?: string;
  readonly type: string;
  readonly actor: { readonly role: string };
  readonly command: string;
  readonly body: JsonObject;
  readonly commit: { readonly [field: string]: string };
};

const MEMBERS: ReadonlySet<string> = new Set([
  'v',
  'log',
  'seq',
  'at',
  'receivedAt',
  'type',
  'actor',
  'command',
  'body',
  'commit',
]);
const TYPE = /^[A-Z][A-Za-z0-9]{0,63}$/;
const ROLE = /^[a-z][a-z_]{0,31}$/;
/** A command id is the caller's own: printable ASCII without spaces. */
const COMMAND = /^[\x21-\x7e]{1,128}$/;

function need(condition: boolean, message: string): asserts condition {
  demand(condition, 'entry_malformed', message);
}

function checkEntry(value: unknown): asserts value is Entry {
  need(isJsonObject(value), 'not an object');
  for (const name of Object.keys(value)) if (!MEMBERS.has(name)) need(false, `unknown member ${name}`);
  need(value['v'] === ENTRY_VERSION, 'v is not 1');
  need(isKeyName(value['log']), 'log is no origin');
  const seq = value['seq'];
  need(Number.isSafeInteger(seq) && (seq as number) >= 0, 'seq is no index');
  const at = value['at'];
  need(typeof at === 'string', 'at is no text');
  const atMs = parseInstant(at);
  if (Object.hasOwn(value, 'receivedAt')) {
    const receivedAt = value['receivedAt'];
    need(typeof receivedAt === 'string', 'receivedAt is no text');
    need(parseInstant(receivedAt) <= atMs, 'received after it was committed');
  }
  need(typeof value['type'] === 'string' && TYPE.test(value['type']), 'type is no event name');
  const actor = value['actor'];
  need(isJsonObject(actor) && Object.keys(actor).length === 1, 'actor is not just a role');
  need(typeof actor['role'] === 'string' && ROLE.test(actor['role']), 'role is no role name');
  need(typeof value['command'] === 'string' && COMMAND.test(value['command']), 'command is no id');
  need(isJsonObject(value['body']), 'body is no object');
  const commit = value['commit'];
  need(isJsonObject(commit), 'commit is no object');
  for (const field of Object.keys(commit))
    if (!FIELD_NAME.test(field) || !isDigest(commit[field])) need(false, `commit to ${field} is no digest`);
}

/**
 * The exact bytes of an entry: what is stored, hashed and sent.
 *
 * Throws: `entry_malformed`, `entry_too_long` (over 65,535 bytes), `instant_malformed`, the codes of `canonicalise`.
 * Calls:  `encode` in the place of `utf8`, where a caller has faster means; the text it is given is one that `canonicalise` made.
 * Why:    everything `parseEntry` refuses is refused here too, so that nothing is ever signed that no verifier will read.
 */
export function encodeEntry(entry: Entry, encode: (text: string) => Uint8Array = utf8): Uint8Array {
  const text = canonicalise(entry);
  checkEntry(entry);
  const bytes = encode(text);
  demand(bytes.length <= ENTRY_LIMIT_BYTES, 'entry_too_long', `${bytes.length} bytes`);
  return bytes;
}

/**
 * Reads the bytes of an entry.
 *
 * Throws: `entry_too_long`, `entry_malformed` (also for unknown members), `json_not_canonical` when the bytes are not the RFC 8785
 *         form of their value, `utf8_malformed`, `instant_malformed`, the codes of `parseCanonical`.
 * Calls:  `decode` in the place of `fromUtf8`, where a caller has faster means; it must be as strict.
 */
export function parseEntry(bytes: Uint8Array, decode: (bytes: Uint8Array) => string = fromUtf8): Entry {
  demand(bytes.length <= ENTRY_LIMIT_BYTES, 'entry_too_long', `${bytes.length} bytes`);
  const value = parseCanonical(decode(bytes));
  checkEntry(value);
  return value;
}

/** The entry, or the fault in its bytes as a value; faults of other kinds still throw. */
export function tryParseEntry(bytes: Uint8Array): { ok: true; entry: Entry } | { ok: false; fault: LogFormatError } {
  try {
    return { ok: true, entry: parseEntry(bytes) };
  } catch (fault) {
    if (fault instanceof LogFormatError) return { ok: false, fault };
    throw fault;
  }
}
