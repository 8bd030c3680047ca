/** Ledgers whose keys follow one another, and golden openings anchored in them: as an honest platform makes them, and as a thief does. */

import { toBase64, toBase64Url } from '../../server/core/log/base64.ts';
import { formatCheckpoint, parseCheckpoint } from '../../server/core/log/checkpoint.ts';
import { headBody } from '../../server/core/log/head.ts';
import { announcementStatement } from '../../server/core/log/key-announcement.ts';
import type { PlatformKeyUse } from '../../server/core/log/ledger-events.ts';
import { inclusionProof, leafHash, readFromLeaves } from '../../server/core/log/merkle.ts';
import { formatNote, formatVkey, KEY_TYPES, parseNote, verifierKey } from '../../server/core/log/note.ts';
import { formatProof } from '../../server/core/log/proof.ts';
import { utf8 } from '../../server/core/log/utf8.ts';
import { sha256 } from '../../server/hash.ts';
import { linkPaths } from '../../server/verify/source.ts';
import { ownKey, type SigningKey, signingKey } from './golden-change.ts';
import { filesOf, type GoldenLog, type LogFiles } from './golden-log.ts';
import { type MadeEntry, madeLedger } from './made-ledger.ts';

const PLATFORM = 'kaibiao.test';
export const LEDGER = `${PLATFORM}/ledger`;
/** Behind the golden logs. */
export const AT = '2026-12-01T00:00:00.000Z';

/** The ledger's keys, the golden one first; the last is a stranger's. */
export const [K0, K1, K2, THIEF] = [
  ownKey(LEDGER),
  ...[1, 2, 3].map((n) => signingKey(new Uint8Array(32).fill(n))),
] as [SigningKey, SigningKey, SigningKey, SigningKey];
export const vkeyOf = (name: string, { publicKey }: SigningKey): string =>
  formatVkey(verifierKey(sha256, name, KEY_TYPES.ed25519, publicKey));
export const ledgerVkey = (key: SigningKey): string => vkeyOf(LEDGER, key);

export type Announcing = {
  readonly use?: PlatformKeyUse;
  readonly compromisedSince?: string;
  /** Whose signature stands in the place of the one that it should be. */
  readonly forged?: { readonly replaced?: SigningKey; readonly key?: SigningKey };
  readonly platform?: string;
};

/** The entry that announces `key` in the place of `before`. */
export function announced(before: SigningKey, key: SigningKey, how: Announcing = {}): MadeEntry {
  const { use = 'ledger', compromisedSince, forged = {}, platform = PLATFORM } = how;
  const said = {
    key: { use, algorithm: 'Ed25519', publicKey: toBase64(key.publicKey) },
    replaces: toBase64(before.publicKey),
    from: AT,
    ...(compromisedSince !== undefined && { compromisedSince }),
  } as const;
  const text = announcementStatement(platform, said);
  const signatures = {
    replaced: toBase64((forged.replaced ?? before).sign(text)),
    key: toBase64((forged.key ?? key).sign(text)),
  };
  const digest = toBase64Url(sha256(utf8('withheld')));
  const commit = { who: digest, source: digest, act: digest };
  return { type: 'KeyAnnounced', at: AT, actor: { role: 'operator' }, body: { ...said, signatures }, commit };
}

/** The entry with which the ledger takes a log's head. */
export function headOf(log: GoldenLog, previousSize = 0): MadeEntry {
  const kind = previousSize === 0 ? 'opened' : 'closed';
  return { type: 'Head', at: AT, body: headBody({ kind, note: log.checkpoint, previousSize, consistency: [] }) };
}

/** The key for receipts that the golden genesis names; nobody here can sign with it. */
const goldenReceipts = (genesis: string): string =>
  (JSON.parse(genesis) as { body: { keys: { use: string; publicKey: string }[] } }).body.keys.find(
    ({ use }) => use === 'receipts',
  )?.publicKey ?? '';

/** A ledger of these entries behind the golden genesis, its head signed by these keys and shown with the first; `receipts` in the place of its key for those. */
export function ledgerUnder(keys: readonly SigningKey[], made: readonly MadeEntry[], receipts?: SigningKey): GoldenLog {
  const ledger = madeLedger(made, (genesis) =>
    receipts === undefined ? genesis : genesis.replace(goldenReceipts(genesis), toBase64(receipts.publicKey)),
  );
  const text = parseNote(ledger.checkpoint).text;
  const lines = keys.map(({ publicKey, sign }) => {
    const { keyId } = verifierKey(sha256, LEDGER, KEY_TYPES.ed25519, publicKey);
    return { name: LEDGER, keyId, signature: sign(utf8(text)) };
  });
  return { ...ledger, vkey: ledgerVkey(keys[0] as SigningKey), checkpoint: formatNote(text, lines) };
}

const leavesOf = ({ entries }: GoldenLog): Uint8Array[] => entries.map((entry) => leafHash(sha256, utf8(entry)));

/** The `.tlog-proof` of an entry under the ledger's head. */
export function proofIn(ledger: GoldenLog, index: number): string {
  const leaves = leavesOf(ledger);
  const hashes = inclusionProof(sha256, readFromLeaves(sha256, leaves), index, leaves.length);
  return formatProof({ index, hashes, checkpoint: ledger.checkpoint });
}

/** The links of a ledger as files: of the entries named, or of all that announce a key of its own. */
export function linkFiles(ledger: GoldenLog, seqs?: readonly number[]): LogFiles {
  const all = ledger.entries.flatMap((text, seq) => (text.includes('"use":"ledger"') && seq > 0 ? [seq] : []));
  const files: LogFiles = new Map();
  for (const [n, seq] of (seqs ?? all).entries()) {
    const { entry, proof } = linkPaths(n + 1);
    files.set(entry, utf8(ledger.entries[seq] ?? ''));
    files.set(proof, utf8(proofIn(ledger, seq)));
  }
  return files;
}

/** The files of an opening, anchored in a ledger that holds its head in that entry; with `links`. */
export function anchoredIn(
  log: GoldenLog,
  ledger: GoldenLog,
  seq: number,
  links: LogFiles = linkFiles(ledger),
): LogFiles {
  const { vkey, checkpoint, entries } = ledger;
  const anchor = { vkey, checkpoint, head: entries[seq] ?? '', proof: proofIn(ledger, seq) };
  return new Map([...filesOf({ ...log, anchor }), ...links]);
}

/** The same head of a log, signed by another key. */
export function signedBy(note: string, key: SigningKey): string {
  const { text } = parseNote(note);
  const { origin } = parseCheckpoint(text);
  const { keyId } = verifierKey(sha256, origin, KEY_TYPES.ed25519, key.publicKey);
  return formatNote(formatCheckpoint(parseCheckpoint(text)), [
    { name: origin, keyId, signature: key.sign(utf8(text)) },
  ]);
}
