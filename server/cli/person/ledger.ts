/** What a person reads of the platform's ledger: the keys it lists in its first entry, and the place of one's own acts. */
import * as Type from 'typebox';
import { Check } from 'typebox/schema';
import type { Api } from '../../client/api.ts';
import type { Json } from '../../core/log/canonical.ts';
import { openCheckpoint } from '../../core/log/checkpoint.ts';
import { parseEntry } from '../../core/log/entry.ts';
import { LogFormatError } from '../../core/log/error.ts';
import { inclusionPlan, leafHash, verifyInclusion } from '../../core/log/merkle.ts';
import { formatProof, parseProof } from '../../core/log/proof.ts';
import { readRegisterProof, verifyRegisterProof } from '../../core/log/register-proof.ts';
import { bundlesOf, formatTilePath, parseBundle } from '../../core/log/tile.ts';
import { fromUtf8 } from '../../core/log/utf8.ts';
import { DigestText, OpeningId } from '../../core/opening/details.ts';
import { CreditCode } from '../../core/opening/rows.ts';
import { sha256 } from '../../hash.ts';
import { listedReceiptKey, type ReceiptKey } from '../../verify/receipt-key.ts';
import { assembleFromTiles, proofFromTiles } from './head.ts';
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

/** The receipt key with what proves that the ledger lists it: the ledger's key, the exact text of its first entry, the entry's `.tlog-proof`. */
export type ProvenReceiptKey = {
  readonly key: ReceiptKey;
  readonly ledger: string;
  readonly entry: string;
  readonly proof: string;
};

/** The receipt key that the ledger's first entry lists. Throws: as proveReceiptKey. */
export async function findReceiptKey(api: Api, pin: LogPin): Promise<ReceiptKey> {
  return (await proveReceiptKey(api, pin)).key;
}

/**
 * The receipt key that the ledger's first entry lists, proven to stand there.
 *
 * Throws: PersonError log_not_genuine, log_key_changed; HeadError; ApiError.
 * Why:    a receipt checked by a key that came with it would prove nothing. The first entry of the ledger is the same for
 *         everyone, and whoever tails the ledger would see a second one.
 */
export async function proveReceiptKey(api: Api, pin: LogPin): Promise<ProvenReceiptKey> {
  const readFile = (path: string) => api.readLogFile(LEDGER, path);
  const vkey = fromUtf8(await readFile('vkey')).replace(/\n$/u, '');
  const verifier = await pin.verifierOf(vkey);
  try {
    const note = fromUtf8(await readFile('checkpoint'));
    const { checkpoint } = await openCheckpoint(note, verifier);
    const { size, root } = checkpoint;
    const [bundle] = bundlesOf(size);
    const [first] = bundle === undefined ? [] : parseBundle(await readFile(formatTilePath(bundle)), bundle.width);
    if (first === undefined) throw new PersonError('log_not_genuine', 'the ledger is empty');
    const hashes = await assembleFromTiles(readFile, inclusionPlan(0, size), size);
    if (!verifyInclusion(sha256, { index: 0, size, leaf: leafHash(sha256, first), proof: hashes, root }))
      throw new PersonError('log_not_genuine', 'the ledger’s first entry is not on it');
    const keeper = await pin.trust(vkey);
    await keeper.accept(note, proofFromTiles(readFile));
    const key = listedReceiptKey(sha256, parseEntry(first), pin.origin);
    if (key === null) throw new PersonError('log_not_genuine', 'the ledger’s first entry lists no receipt key');
    return { key, ledger: vkey, entry: fromUtf8(first), proof: formatProof({ index: 0, hashes, checkpoint: note }) };
  } catch (fault) {
    if (fault instanceof LogFormatError) throw new PersonError('log_not_genuine', fault.code);
    throw fault;
  }
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
  await person.receiptKey();
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
