/** C2SP signed notes: verifier keys, the text with its signature lines, and the opening of a note by known keys. */
import { fromBase64, toBase64 } from './base64.ts';
import { joinBytes, readUint32, sameBytes, toHex, uint32Bytes } from './bytes.ts';
import { demand, recode } from './error.ts';
import type { Sha256 } from './hash.ts';
import { isKeyName } from './key-name.ts';
import { fromUtf8, utf8 } from './utf8.ts';

/** Bytes a note may have, signatures included. Room for every cosigner we allow and one post-quantum line. */
export const NOTE_LIMIT_BYTES = 16 * 1024;

/** Signature types of signed notes that a key can be enrolled for. 0x06 is read but nothing here checks it yet. */
export const KEY_TYPES = { ed25519: 0x01, cosignature: 0x04, mlDsa44Cosignature: 0x06 } as const;
const PUBLIC_KEY_BYTES: ReadonlyMap<number, number> = new Map([
  [KEY_TYPES.ed25519, 32],
  [KEY_TYPES.cosignature, 32],
  [KEY_TYPES.mlDsa44Cosignature, 1312],
]);

const ED25519_SIGNATURE_BYTES = 64;
const LINE_START = '\u2014 ';

/** A public key with its name: what a vkey says. `keyId` is an unsigned 32-bit number. */
export type VerifierKey = {
  readonly name: string;
  readonly keyId: number;
  readonly type: number;
  readonly publicKey: Uint8Array;
};

/** One signature line; `signature` is what follows the four bytes of key id. */
export type NoteSignature = { readonly name: string; readonly keyId: number; readonly signature: Uint8Array };

/** Whoever can check one known key's signature over a note's text. May answer later (WebCrypto). */
export type NoteVerifier = {
  readonly name: string;
  readonly keyId: number;
  readonly verify: (text: Uint8Array, signature: Uint8Array) => boolean | Promise<boolean>;
};

/** Pure Ed25519 of RFC 8032 over a message; handed in. A library with a ZIP-215 mode must have it off. */
export type VerifyEd25519 = (
  publicKey: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
) => boolean | Promise<boolean>;

/**
 * Key id of signed notes: SHA-256(name ‖ LF ‖ type ‖ public key), its first four bytes as an unsigned number.
 *
 * Throws: `key_name_malformed`.
 */
export function keyIdOf(sha256: Sha256, name: string, type: number, publicKey: Uint8Array): number {
  demand(isKeyName(name), 'key_name_malformed', `${JSON.stringify(name)} cannot name a key`);
  return readUint32(sha256(joinBytes(utf8(`${name}\n`), Uint8Array.of(type), publicKey)), 0);
}

/* y of the points whose order divides 8, little-endian, without the sign bit: 0, 1, p − 1 and the two of order 8. */
const SMALL_ORDER_Y: readonly Uint8Array[] = [
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
].map((hex) => Uint8Array.from(hex.match(/../g) as string[], (pair) => Number.parseInt(pair, 16)));

/**
 * Whether an Ed25519 public key must not be enrolled: of small order, or with y ≥ p = 2^255 − 19.
 *
 * Why: under a key of small order one signature verifies for (almost) every message, so whoever enrols it can deny or claim
 *      anything. A y ≥ p is a second spelling of a point, which some libraries take and others refuse: no key may depend on that.
 */
export function isWeakEd25519Key(publicKey: Uint8Array): boolean {
  if (publicKey.length !== 32) return true;
  const y = publicKey.slice();
  const top = y[31] as number;
  y[31] = top & 0x7f;
  const beyondField = (y[0] as number) >= 0xed && y[31] === 0x7f && y.subarray(1, 31).every((byte) => byte === 0xff);
  return beyondField || SMALL_ORDER_Y.some((small) => sameBytes(small, y));
}

function checkPublicKey(type: number, publicKey: Uint8Array): void {
  demand(publicKey.length === PUBLIC_KEY_BYTES.get(type), 'vkey_malformed', `no known key of type ${type}`);
  const isEd25519 = type === KEY_TYPES.ed25519 || type === KEY_TYPES.cosignature;
  demand(!isEd25519 || !isWeakEd25519Key(publicKey), 'vkey_weak', 'a key of small order verifies anything');
}

/**
 * Enrols a public key under a name.
 *
 * Throws: `key_name_malformed`; `vkey_malformed` on an unknown type or a wrong length; `vkey_weak` on a small-order key.
 */
export function verifierKey(sha256: Sha256, name: string, type: number, publicKey: Uint8Array): VerifierKey {
  const keyId = keyIdOf(sha256, name, type, publicKey);
  checkPublicKey(type, publicKey);
  return { name, keyId, type, publicKey: publicKey.slice() };
}

/** A verifier key as text: `name+hex8(key id)+base64(type ‖ public key)`. */
export function formatVkey({ name, keyId, type, publicKey }: VerifierKey): string {
  return `${name}+${toHex(uint32Bytes(keyId))}+${toBase64(joinBytes(Uint8Array.of(type), publicKey))}`;
}

/**
 * Reads a vkey; what is read is enrolled, so weak keys are refused here.
 *
 * Throws: `vkey_malformed` (also when the key id is not the key's own), `vkey_weak`.
 * Why:    cut at the first two `+` only: base64 may hold more of them.
 */
export function parseVkey(sha256: Sha256, vkey: string): VerifierKey {
  const match = /^([^+]*)\+([0-9a-f]{8})\+(.*)$/su.exec(vkey);
  demand(match !== null, 'vkey_malformed', 'not name+id+key');
  const [, name, id, encoded] = match as unknown as [string, string, string, string];
  demand(isKeyName(name), 'vkey_malformed', 'the name cannot name a key');
  const key = recode('vkey_malformed', () => fromBase64(encoded));
  const type = key[0];
  demand(type !== undefined, 'vkey_malformed', 'no key');
  const read = verifierKey(sha256, name, type, key.subarray(1));
  demand(toHex(uint32Bytes(read.keyId)) === id, 'vkey_malformed', 'the id is not the id of this name and key');
  return read;
}

/**
 * The verifier of a type-0x01 key.
 *
 * Throws: `vkey_malformed` when the key is of another type.
 */
export function ed25519Verifier(key: VerifierKey, verifyEd25519: VerifyEd25519): NoteVerifier {
  demand(key.type === KEY_TYPES.ed25519, 'vkey_malformed', 'not a key of type 0x01');
  return {
    name: key.name,
    keyId: key.keyId,
    verify: (text, signature) =>
      signature.length === ED25519_SIGNATURE_BYTES && verifyEd25519(key.publicKey, text, signature),
  };
}

function checkText(text: string): void {
  demand(text.endsWith('\n'), 'note_malformed', 'the text does not end in a line feed');
  for (const character of text) {
    demand(character >= ' ' || character === '\n', 'note_malformed', 'a control character other than a line feed');
  }
}

/**
 * Writes a note from its text and signatures, in the order given.
 *
 * Throws: `note_malformed` on a text that is none or on no signature at all, `key_name_malformed`, `note_too_long`.
 */
export function formatNote(text: string, signatures: readonly NoteSignature[]): string {
  checkText(text);
  demand(signatures.length > 0, 'note_malformed', 'no signature');
  const note = `${text}\n${signatures.map(formatSignatureLine).join('')}`;
  demand(utf8(note).length <= NOTE_LIMIT_BYTES, 'note_too_long', `over ${NOTE_LIMIT_BYTES} bytes`);
  return note;
}

/** One signature line with its line feed: what a cosigner answers. Throws: `key_name_malformed`, `note_malformed`. */
export function formatSignatureLine({ name, keyId, signature }: NoteSignature): string {
  demand(isKeyName(name), 'key_name_malformed', `${JSON.stringify(name)} cannot name a key`);
  demand(signature.length > 0, 'note_malformed', 'an empty signature');
  return `${LINE_START}${name} ${toBase64(joinBytes(uint32Bytes(keyId), signature))}\n`;
}

/** How every signature line of a key begins, as far as its characters say nothing but name and key id: to look for among notes. */
export function signatureLineStart({ name, keyId }: Pick<NoteSignature, 'name' | 'keyId'>): string {
  // Six bits a character: of the sixth, two are the signature's.
  return `${LINE_START}${name} ${toBase64(uint32Bytes(keyId)).slice(0, 5)}`;
}

/** Reads one signature line without its line feed. Throws: `note_malformed`. */
export function parseSignatureLine(line: string): NoteSignature {
  demand(line.startsWith(LINE_START), 'note_malformed', 'a signature line begins with a dash');
  const parts = line.slice(LINE_START.length).split(' ');
  const [name, encoded] = parts;
  demand(parts.length === 2 && isKeyName(name) && encoded !== undefined, 'note_malformed', 'not name and signature');
  const bytes = recode('note_malformed', () => fromBase64(encoded));
  demand(bytes.length > 4, 'note_malformed', 'a signature has a key id and at least one byte');
  return { name, keyId: readUint32(bytes, 0), signature: bytes.slice(4) };
}

/**
 * Takes a note apart WITHOUT checking a signature: for relaying it and for finding out whose it claims to be.
 *
 * Throws: `note_malformed`, `note_too_long`, `utf8_malformed`.
 */
export function parseNote(note: string | Uint8Array): { text: string; signatures: NoteSignature[] } {
  // before anything is converted, so that nobody can make us convert a gigabyte: a character has at least one byte
  demand(note.length <= NOTE_LIMIT_BYTES, 'note_too_long', `over ${NOTE_LIMIT_BYTES} bytes`);
  const bytes = typeof note === 'string' ? utf8(note) : note;
  demand(bytes.length <= NOTE_LIMIT_BYTES, 'note_too_long', `over ${NOTE_LIMIT_BYTES} bytes`);
  const all = fromUtf8(bytes);
  checkText(all);
  // the last blank line: a text may hold blank lines of its own, signatures never do
  const split = all.lastIndexOf('\n\n');
  demand(split >= 0, 'note_malformed', 'no blank line before signatures');
  const lines = all.slice(split + 2).split('\n');
  lines.pop();
  demand(lines.length > 0, 'note_malformed', 'no signature');
  return { text: all.slice(0, split + 1), signatures: lines.map(parseSignatureLine) };
}

/**
 * Opens a note: its text may be believed as far as the verifiers that signed it may.
 *
 * Returns: the text, and one signature per known key in the order of the lines; lines of unknown keys are left out, and a
 *          known key's further lines are checked but not counted again.
 * Throws:  `note_malformed`, `note_too_long`, `utf8_malformed`; `note_signature_bad` when a line of a known (name, id) does not
 *          verify, which spoils the whole note; `note_unsigned` when no known key signed.
 * Asserts: no two verifiers share name and id.
 */
export async function openNote(
  note: string | Uint8Array,
  verifiers: readonly NoteVerifier[],
): Promise<{ text: string; signatures: NoteSignature[] }> {
  const known = new Map<string, NoteVerifier>();
  for (const verifier of verifiers) {
    const label = `${verifier.name}+${verifier.keyId}`;
    if (known.has(label)) throw new RangeError(`two verifiers for ${label}`);
    known.set(label, verifier);
  }
  const { text, signatures } = parseNote(note);
  const signed = utf8(text);
  const opened = new Map<string, NoteSignature>();
  for (const signature of signatures) {
    const label = `${signature.name}+${signature.keyId}`;
    const verifier = known.get(label);
    if (verifier === undefined) continue;
    const good = await verifier.verify(signed, signature.signature);
    demand(good === true, 'note_signature_bad', `the signature of ${signature.name} does not verify`);
    if (!opened.has(label)) opened.set(label, signature);
  }
  demand(opened.size > 0, 'note_unsigned', 'no known key signed this note');
  return { text, signatures: [...opened.values()] };
}

/**
 * Signs a text as a new note with one signature.
 *
 * Throws: `note_malformed`, `key_name_malformed`, and whatever `sign` throws.
 */
export async function signNote(options: {
  text: string;
  name: string;
  keyId: number;
  sign: (text: Uint8Array) => Uint8Array | Promise<Uint8Array>;
}): Promise<string> {
  const { text, name, keyId, sign } = options;
  checkText(text);
  return formatNote(text, [{ name, keyId, signature: await sign(utf8(text)) }]);
}

/** The note with more signatures behind its own. Throws: as `parseNote` and `formatNote`. */
export function addSignatures(note: string, signatures: readonly NoteSignature[]): string {
  const parsed = parseNote(note);
  return formatNote(parsed.text, [...parsed.signatures, ...signatures]);
}
