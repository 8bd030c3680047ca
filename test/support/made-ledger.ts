/** Small ledgers of a platform's own making: truly signed by its golden key, with whatever entries a test wants behind the golden genesis. */
import { formatCheckpoint } from '../../server/core/log/checkpoint.ts';
import { type Entry, encodeEntry, parseEntry } from '../../server/core/log/entry.ts';
import { leafHash, rootOf } from '../../server/core/log/merkle.ts';
import { formatNote, formatVkey, KEY_TYPES, verifierKey } from '../../server/core/log/note.ts';
import { fromUtf8, utf8 } from '../../server/core/log/utf8.ts';
import { sha256 } from '../../server/hash.ts';
import { ownKey } from './golden-change.ts';
import { type GoldenLog, readGolden } from './golden-log.ts';

export type MadeEntry = Pick<Entry, 'type' | 'at' | 'body'> & Partial<Pick<Entry, 'actor' | 'commit'>>;

/** A ledger that begins as the golden one does, but for what `begin` makes of its first entry. */
export function madeLedger(made: readonly MadeEntry[], begin: (genesis: string) => string = (same) => same): GoldenLog {
  const ledger = readGolden('ledger');
  const [genesis = ''] = ledger.entries;
  const template = parseEntry(utf8(ledger.entries.find((text) => text.includes('"type":"RegisterBatch"')) ?? ''));
  const rest = made.map((entry, n) =>
    fromUtf8(encodeEntry({ ...template, ...entry, seq: n + 1, command: `made-${n}` })),
  );
  return { ...madeLog('kaibiao.test/ledger', () => [begin(genesis), ...rest]), claim: ledger.claim };
}

/** A log of that name, signed by the golden key of its kind; `entriesOf` is given its vkey. */
export function madeLog(origin: string, entriesOf: (vkey: string) => readonly string[]): GoldenLog {
  const key = ownKey(origin);
  const verifier = verifierKey(sha256, origin, KEY_TYPES.ed25519, key.publicKey);
  const vkey = formatVkey(verifier);
  const entries = [...entriesOf(vkey)];
  const root = rootOf(
    sha256,
    entries.map((text) => leafHash(sha256, utf8(text))),
  );
  const text = formatCheckpoint({ origin, size: entries.length, root });
  const checkpoint = formatNote(text, [{ name: origin, keyId: verifier.keyId, signature: key.sign(utf8(text)) }]);
  return { claim: '', standing: 'valid, still open', vkey, checkpoint, entries, fields: {}, anchor: null };
}
