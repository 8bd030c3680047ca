/** What a person reads of the platform's ledger: its own key as it may have followed the pinned one, the keys it lists for receipts, and the place of one's own acts. */
import * as Type from 'typebox';
import { Check } from 'typebox/schema';
import type { Api } from '../../client/api.ts';
import { assembleFromTiles, type ReadTile } from '../../client/tile-proofs.ts';
import { fromBase64, toBase64 } from '../../core/log/base64.ts';
import type { Json } from '../../core/log/canonical.ts';
import { type Checkpoint, openCheckpoint } from '../../core/log/checkpoint.ts';
import { parseEntry } from '../../core/log/entry.ts';
import { LogFormatError } from '../../core/log/error.ts';
import { type KeyLink, readLinks, standingOf } from '../../core/log/key-links.ts';
import type { PlatformKey, PlatformKeyUse } from '../../core/log/ledger-events.ts';
import { inclusionPlan, leafHash, verifyInclusion } from '../../core/log/merkle.ts';
import { parseVkey } from '../../core/log/note.ts';
import { formatProof, parseProof } from '../../core/log/proof.ts';
import { readRegisterProof, verifyRegisterProof } from '../../core/log/register-proof.ts';
import { bundlesOf, formatTilePath, parseBundle } from '../../core/log/tile.ts';
import { fromUtf8, utf8 } from '../../core/log/utf8.ts';
import { DigestText, OpeningId } from '../../core/opening/details.ts';
import { CreditCode } from '../../core/opening/rows.ts';
import { listedReceiptKey, type ReceiptKey, receiptKeyOf } from '../../core/seal/receipt-key.ts';
import { verifyEd25519 } from '../../ed25519.ts';
import { sha256 } from '../../hash.ts';
import { proofFromTiles } from './head.ts';
import type { LogPin } from './log-pin.ts';
import type { Person } from './person.ts';
import { PersonError } from './person-error.ts';

const LEDGER = 'ledger';

/** What an act of the register says of itself, as far as it is compared here. */
const ActSchema = Type.Object({
  v: Type.Literal(1),
  openingId: OpeningId,
  id: Type.String(),
  type: Type.String(),
  at: Type.String(),
  receivedAt: Type.String(),
  who: Type.Object({ creditCode: CreditCode }),
  receiptSha256: Type.Union([DigestText, Type.Null()]),
});
export type RegisteredAct = Type.Static<typeof ActSchema>;

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

/** What `/logs/ledger/keys` answers. */
const KeysShown = Type.Object({
  checkpoint: Type.String(),
  keys: Type.Array(Type.Object({ entry: Type.String(), proof: Type.String() })),
});

/**
 * The keys for receipts that the ledger lists, the newest first, each proven to stand there.
 *
 * Throws: PersonError log_not_genuine; log_key_changed when the ledger is shown with a key that no link leads to from the pinned one, or only
 *         by the word of a key that others may have had; HeadError; ApiError.
 * Why:    a receipt checked by a key that came with it would prove nothing. The ledger is the same for everyone, and whoever tails it
 *         would see a second one.
 */
export async function findReceiptKeys(
  api: Pick<Api, 'readLogFile'>,
  pin: LogPin,
): Promise<readonly ListedReceiptKey[]> {
  const readFile = (path: string) => api.readLogFile(LEDGER, path);
  const vkey = fromUtf8(await readFile('vkey')).replace(/\n$/u, '');
  try {
    const shown: unknown = JSON.parse(fromUtf8(await readFile('keys')));
    if (!Check(KeysShown, shown)) throw new PersonError('log_not_genuine', 'no list of keys');
    const note = shown.checkpoint;
    followTo(pin, vkey, await linksOf(vkey, shown, 'ledger'));
    const verifier = await pin.verifierOf(vkey);
    const { checkpoint } = await openCheckpoint(note, verifier);
    const first = await readFirst(readFile, checkpoint, note);
    const key = listedReceiptKey(sha256, parseEntry(utf8(first.entry)), pin.origin);
    if (key === null) throw new PersonError('log_not_genuine', 'the ledger’s first entry lists no receipt key');
    const links = await linksOf(vkey, shown, 'receipts');
    if (links.length > 0 && links[0]?.said.replaces !== toBase64(key.publicKey))
      throw new PersonError('log_not_genuine', 'a receipt key follows none that the ledger lists');
    const keeper = await pin.trust(vkey);
    await keeper.accept(note, proofFromTiles(readFile));
    const listed = [{ ...key, ...first }];
    for (const { seq, said } of links) {
      const one = shown.keys.find(({ entry }) => parseEntry(utf8(entry)).seq === seq);
      if (one !== undefined) listed.push({ ...receiptKeyOf(sha256, fromBase64(said.key.publicKey)), ...one });
    }
    return listed.map((each, n) => ({ ...each, ledger: vkey, goodUntil: goodUntil(links[n]) })).reverse();
  } catch (fault) {
    if (fault instanceof SyntaxError) throw new PersonError('log_not_genuine', 'no list of keys');
    if (fault instanceof LogFormatError) throw new PersonError('log_not_genuine', fault.code);
    throw fault;
  }
}

/** The end of the key that this link replaces, where others may have had it. */
const goodUntil = (link: KeyLink | undefined): string | null =>
  link?.said.compromisedSince === undefined ? null : link.said.from;

type Shown = Type.Static<typeof KeysShown>;

/** The links of one use, as they hold under the head that is shown. Throws: PersonError log_not_genuine; LogFormatError. */
async function linksOf(vkey: string, { checkpoint, keys }: Shown, use: PlatformKeyUse): Promise<readonly KeyLink[]> {
  const ledgerKey = parseVkey(sha256, vkey);
  const platform = ledgerKey.name.replace(/\/ledger$/u, '');
  const links = await readLinks(
    keys
      .filter(({ entry }) => (parseEntry(utf8(entry)).body['key'] as unknown as PlatformKey | undefined)?.use === use)
      .map(({ entry, proof }) => ({ entry: utf8(entry), proof })),
    { ledgerKey, platform, use, checkpoint, sha256, verifyEd25519 },
  );
  if ('problem' in links) throw new PersonError('log_not_genuine', links.problem);
  return links;
}

/** Goes over to the key that the ledger is shown with, where links lead to it from the pinned one. */
function followTo(pin: LogPin, vkey: string, links: readonly KeyLink[]): void {
  const keyIn = (text: string): string => toBase64(parseVkey(sha256, text).publicKey);
  const pinned = pin.pinnedVkey() ?? vkey;
  if (parseVkey(sha256, vkey).name !== pin.origin) throw new PersonError('log_not_genuine', vkey);
  const standing = standingOf(links, { trusted: keyIn(pinned), shown: keyIn(vkey), signsBeside: false });
  if (standing === null) throw new PersonError('log_key_changed', pin.origin);
  if (standing.compromisedSince !== null)
    throw new PersonError(
      'log_key_changed',
      `${pin.origin}: others may have had the key before, since ${standing.compromisedSince}`,
    );
  if (pinned !== vkey) pin.follow(vkey);
}

/** The first entry of the ledger, proven to stand there. */
async function readFirst(readFile: ReadTile, { size, root }: Checkpoint, note: string) {
  const [bundle] = bundlesOf(size);
  const [first] = bundle === undefined ? [] : parseBundle(await readFile(formatTilePath(bundle)), bundle.width);
  if (first === undefined) throw new PersonError('log_not_genuine', 'the ledger is empty');
  const hashes = await assembleFromTiles(sha256, readFile, inclusionPlan(0, size), size);
  if (!verifyInclusion(sha256, { index: 0, size, leaf: leafHash(sha256, first), proof: hashes, root }))
    throw new PersonError('log_not_genuine', 'the ledger’s first entry is not on it');
  return { entry: fromUtf8(first), proof: formatProof({ index: 0, hashes, checkpoint: note }) };
}

/**
 * Proves that one's act stands in the ledger: in a batch, and the batch on the log.
 *
 * Returns: the act as it was committed to, and the proof to keep.
 * Throws:  ApiError act_not_in_ledger_yet within the batch period; PersonError act_not_in_ledger, answer_not_as_asked; HeadError.
 */
export async function proveRegistered(
  person: Person,
  openingId: string,
  actId: string,
): Promise<{ readonly act: RegisteredAct; readonly proof: Json }> {
  const { api, folder, creditCode } = person;
  // The key is pinned with the ledger's first entry.
  await person.receiptKeys();
  const pin = await person.ledgerPin();
  const ledgerKey = await pin.pinned();
  const keeper = await pin.keeper();
  if (ledgerKey === null || keeper === null) throw new Error('the ledger is not pinned');
  const proof = await api.readActProof(openingId, actId);
  const proven = await verifyRegisterProof({ sha256, proof, ledgerKey });
  if (!proven.ok) throw new PersonError('act_not_in_ledger', proven.reason);
  const { act } = proven;
  const isOurs = Check(ActSchema, act) && act.id === actId && act.openingId === openingId;
  if (!isOurs || act.who.creditCode !== creditCode) throw new PersonError('answer_not_as_asked', 'another act');
  await keeper.accept(
    parseProof(readRegisterProof(proof).proof).checkpoint,
    proofFromTiles((path) => api.readLogFile(LEDGER, path)),
  );
  await folder.keepEvidence(openingId, `act-${actId}.json`, `${JSON.stringify(proof)}\n`);
  return { act, proof };
}
