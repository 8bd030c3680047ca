/** The platform's keys as its ledger shows them: its own, which may have followed the one held on to, and those for receipts, each proven to stand there. */
import * as Type from 'typebox';
import { Check } from 'typebox/schema';
import { fromBase64, toBase64 } from '../core/log/base64.ts';
import { type Checkpoint, openCheckpoint } from '../core/log/checkpoint.ts';
import { parseEntry } from '../core/log/entry.ts';
import { LogFormatError } from '../core/log/error.ts';
import type { Sha256 } from '../core/log/hash.ts';
import { type KeyLink, readLinks, standingOf } from '../core/log/key-links.ts';
import type { PlatformKey, PlatformKeyUse } from '../core/log/ledger-events.ts';
import { inclusionPlan, leafHash, verifyInclusion } from '../core/log/merkle.ts';
import { ed25519Verifier, parseVkey, type VerifyEd25519 } from '../core/log/note.ts';
import { formatProof } from '../core/log/proof.ts';
import { bundlesOf, formatTilePath, parseBundle } from '../core/log/tile.ts';
import { fromUtf8, utf8 } from '../core/log/utf8.ts';
import { listedReceiptKey, type ReceiptKey, receiptKeyOf } from '../core/seal/receipt-key.ts';
import { assembleFromTiles, type ReadTile } from './tile-proofs.ts';

/**
 * A key for receipts with what proves that the ledger lists it: the ledger's key, the exact text of the entry, which is its first one or
 * announces the key, the entry's `.tlog-proof`. `goodUntil`: when it was given up because others may have had it (RFC 3339); null otherwise.
 */
export type ListedReceiptKey = ReceiptKey & {
  readonly ledger: string;
  readonly entry: string;
  readonly proof: string;
  readonly goodUntil: string | null;
};

export type LedgerKeys = {
  /** The key that the ledger is signed with now. */
  readonly vkey: string;
  /** The signed head that all of it was read under. */
  readonly note: string;
  /** The newest first. */
  readonly receiptKeys: readonly ListedReceiptKey[];
};

/** `log_key_changed`: no link leads to the shown key from the one held on to, or only by the word of a key that others may have had. */
export type LedgerDoubt = { readonly doubt: 'log_key_changed' | 'log_not_genuine'; readonly detail: string };

export type LedgerTerms = {
  readonly sha256: Sha256;
  readonly verifyEd25519: VerifyEd25519;
  /** `<platform>/ledger`. */
  readonly origin: string;
  /** The key held on to from an earlier visit; null at the first. */
  readonly pinned: string | null;
};

/** What `/logs/ledger/keys` answers. */
const KeysShown = Type.Object({
  checkpoint: Type.String(),
  keys: Type.Array(Type.Object({ entry: Type.String(), proof: Type.String() })),
});
type Shown = Type.Static<typeof KeysShown>;

/**
 * Reads the keys; `readFile` reads below `/logs/ledger/`.
 *
 * Returns: what speaks against them as a value; who holds on to a head still proves that the ledger goes on from there.
 * Throws:  what `readFile` throws.
 * Why:     a receipt checked by a key that came with it would prove nothing. The ledger is the same for everyone, and whoever tails it
 *          would see a second one.
 */
export async function readLedgerKeys(readFile: ReadTile, terms: LedgerTerms): Promise<LedgerKeys | LedgerDoubt> {
  try {
    return await readKeys(readFile, terms);
  } catch (fault) {
    if (fault instanceof Doubt) return { doubt: fault.doubt, detail: fault.message };
    if (fault instanceof SyntaxError) return { doubt: 'log_not_genuine', detail: 'no list of keys' };
    if (fault instanceof LogFormatError) return { doubt: 'log_not_genuine', detail: fault.code };
    throw fault;
  }
}

/** Why nothing of it is believed; it leaves this module as a value. */
class Doubt extends Error {
  readonly doubt: LedgerDoubt['doubt'];
  constructor(doubt: LedgerDoubt['doubt'], detail: string) {
    super(detail);
    this.doubt = doubt;
  }
}

async function readKeys(readFile: ReadTile, terms: LedgerTerms): Promise<LedgerKeys> {
  const { sha256, verifyEd25519, origin } = terms;
  const vkey = fromUtf8(await readFile('vkey')).replace(/\n$/u, '');
  const shown: unknown = JSON.parse(fromUtf8(await readFile('keys')));
  if (!Check(KeysShown, shown)) throw new Doubt('log_not_genuine', 'no list of keys');
  const note = shown.checkpoint;
  const ledgerKey = parseVkey(sha256, vkey);
  if (ledgerKey.name !== origin) throw new Doubt('log_not_genuine', `its key is named ${ledgerKey.name}`);
  mustFollow(terms, vkey, await linksOf(terms, vkey, shown, 'ledger'));
  const { checkpoint } = await openCheckpoint(note, ed25519Verifier(ledgerKey, verifyEd25519));
  const first = await readFirst(sha256, readFile, checkpoint, note);
  const key = listedReceiptKey(sha256, parseEntry(utf8(first.entry)), origin);
  if (key === null) throw new Doubt('log_not_genuine', 'the ledger’s first entry lists no receipt key');
  const links = await linksOf(terms, vkey, shown, 'receipts');
  if (links.length > 0 && links[0]?.said.replaces !== toBase64(key.publicKey))
    throw new Doubt('log_not_genuine', 'a receipt key follows none that the ledger lists');
  const listed = [{ ...key, ...first }];
  for (const { seq, said } of links) {
    const one = shown.keys.find(({ entry }) => parseEntry(utf8(entry)).seq === seq);
    if (one !== undefined) listed.push({ ...receiptKeyOf(sha256, fromBase64(said.key.publicKey)), ...one });
  }
  const receiptKeys = listed.map((each, n) => ({ ...each, ledger: vkey, goodUntil: goodUntil(links[n]) })).reverse();
  return { vkey, note, receiptKeys };
}

/** The end of the key that this link replaces, where others may have had it. */
const goodUntil = (link: KeyLink | undefined): string | null =>
  link?.said.compromisedSince === undefined ? null : link.said.from;

/** The links of one use, as they hold under the head that is shown. */
async function linksOf(
  { sha256, verifyEd25519 }: LedgerTerms,
  vkey: string,
  { checkpoint, keys }: Shown,
  use: PlatformKeyUse,
): Promise<readonly KeyLink[]> {
  const ledgerKey = parseVkey(sha256, vkey);
  const platform = ledgerKey.name.replace(/\/ledger$/u, '');
  const links = await readLinks(
    keys
      .filter(({ entry }) => (parseEntry(utf8(entry)).body['key'] as unknown as PlatformKey | undefined)?.use === use)
      .map(({ entry, proof }) => ({ entry: utf8(entry), proof })),
    { ledgerKey, platform, use, checkpoint, sha256, verifyEd25519 },
  );
  if ('problem' in links) throw new Doubt('log_not_genuine', links.problem);
  return links;
}

/** Asks whether links lead from the key held on to to the one that is shown. */
function mustFollow({ sha256, origin, pinned }: LedgerTerms, vkey: string, links: readonly KeyLink[]): void {
  const keyIn = (text: string): string => toBase64(parseVkey(sha256, text).publicKey);
  const standing = standingOf(links, { trusted: keyIn(pinned ?? vkey), shown: keyIn(vkey), signsBeside: false });
  if (standing === null) throw new Doubt('log_key_changed', origin);
  if (standing.compromisedSince !== null)
    throw new Doubt(
      'log_key_changed',
      `${origin}: others may have had the key before, since ${standing.compromisedSince}`,
    );
}

/** The first entry of the ledger, proven to stand there. */
async function readFirst(sha256: Sha256, readFile: ReadTile, { size, root }: Checkpoint, note: string) {
  const [bundle] = bundlesOf(size);
  const [first] = bundle === undefined ? [] : parseBundle(await readFile(formatTilePath(bundle)), bundle.width);
  if (first === undefined) throw new Doubt('log_not_genuine', 'the ledger is empty');
  const hashes = await assembleFromTiles(sha256, readFile, inclusionPlan(0, size), size);
  if (!verifyInclusion(sha256, { index: 0, size, leaf: leafHash(sha256, first), proof: hashes, root }))
    throw new Doubt('log_not_genuine', 'the ledger’s first entry is not on it');
  return { entry: fromUtf8(first), proof: formatProof({ index: 0, hashes, checkpoint: note }) };
}
