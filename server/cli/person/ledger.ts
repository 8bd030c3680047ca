/** What a person reads of the platform's ledger: its own key as it may have followed the pinned one, the keys it lists for receipts, and the place of one's own acts. */
import * as Type from 'typebox';
import { Check } from 'typebox/schema';
import type { Api } from '../../client/api.ts';
import { type ListedReceiptKey, readLedgerKeys } from '../../client/ledger-keys.ts';
import type { Json } from '../../core/log/canonical.ts';
import { parseProof } from '../../core/log/proof.ts';
import { readRegisterProof, verifyRegisterProof } from '../../core/log/register-proof.ts';
import { DigestText, OpeningId } from '../../core/opening/details.ts';
import { CreditCode } from '../../core/opening/rows.ts';
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
  const pinned = pin.pinnedVkey();
  const found = await readLedgerKeys(readFile, { sha256, verifyEd25519, origin: pin.origin, pinned });
  if ('doubt' in found) throw new PersonError(found.doubt, found.detail);
  if (pinned !== null && pinned !== found.vkey) pin.follow(found.vkey);
  const keeper = await pin.trust(found.vkey);
  await keeper.accept(found.note, proofFromTiles(readFile));
  return found.receiptKeys;
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
