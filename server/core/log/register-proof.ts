/** What a bidder keeps of an act on the register: the act, its place in a batch, and the batch's place in the ledger. */
import { fromBase64, toBase64 } from './base64.ts';
import { isJsonObject, type Json, type JsonObject } from './canonical.ts';
import type { Checkpoint } from './checkpoint.ts';
import { readDisclosure } from './disclosure.ts';
import { type Entry, parseEntry } from './entry.ts';
import { demand, LogFormatError, recode } from './error.ts';
import type { Sha256 } from './hash.ts';
import { leafHash } from './merkle.ts';
import type { NoteVerifier } from './note.ts';
import { verifyProof } from './proof.ts';
import { readBatch, verifyBatchAct } from './register-batch.ts';
import { utf8 } from './utf8.ts';

/** The field name of an act's disclosure. */
const ACT_FIELD = 'act';

/**
 * `act` is the act's disclosure, `index` and `hashes` its place in the batch, `entry` the exact text of the ledger's entry for
 * that batch, `proof` the `.tlog-proof` of the entry.
 */
export type RegisterProof = {
  readonly act: string;
  readonly batch: { readonly index: number; readonly hashes: readonly Uint8Array[] };
  readonly entry: string;
  readonly proof: string;
};

/** As JSON, hashes in base64. */
export function formatRegisterProof({ act, batch, entry, proof }: RegisterProof): JsonObject {
  return { act, batch: { index: batch.index, hashes: batch.hashes.map(toBase64) }, entry, proof };
}

/** Reads the JSON of `formatRegisterProof`. Throws: `batch_malformed`. */
export function readRegisterProof(value: Json): RegisterProof {
  return recode('batch_malformed', () => {
    demand(isJsonObject(value) && Object.keys(value).length === 4, 'batch_malformed', 'not a register proof');
    const { act, batch, entry, proof } = value;
    demand(isJsonObject(batch) && Object.keys(batch).length === 2, 'batch_malformed', 'no place in a batch');
    const { index, hashes } = batch;
    const isText = typeof act === 'string' && typeof entry === 'string' && typeof proof === 'string';
    demand(isText, 'batch_malformed', 'act, entry or proof is no text');
    demand(typeof index === 'number' && Array.isArray(hashes), 'batch_malformed', 'no index or no hashes');
    const bytes = hashes.map((hash: Json) => {
      demand(typeof hash === 'string', 'batch_malformed', 'a hash is no text');
      return fromBase64(hash);
    });
    return { act, batch: { index, hashes: bytes }, entry, proof };
  });
}

/**
 * Whether an act on the register stands in the ledger.
 *
 * Returns: the act as it was committed to, the batch's entry and the ledger's checkpoint; or why not: the code of the fault in
 *          what was given, `not_a_batch`, `act_not_in_batch`, or the reason of `verifyProof`.
 * Why:     whose act it is, and whether it is what the receipt says, is read from `act`; here only that it is committed to.
 */
export async function verifyRegisterProof(options: {
  readonly sha256: Sha256;
  readonly proof: Json;
  readonly ledgerKey: NoteVerifier;
}): Promise<
  | { readonly ok: true; readonly act: Json; readonly entry: Entry; readonly checkpoint: Checkpoint }
  | { readonly ok: false; readonly reason: string }
> {
  const { sha256, ledgerKey } = options;
  try {
    const given = readRegisterProof(options.proof);
    const bytes = utf8(given.entry);
    const entry = parseEntry(bytes);
    if (entry.type !== 'RegisterBatch' || entry.log !== ledgerKey.name) return { ok: false, reason: 'not_a_batch' };
    const { field, value } = readDisclosure(given.act);
    if (field !== ACT_FIELD) return { ok: false, reason: 'not_an_act' };
    const { index, hashes } = given.batch;
    const root = readBatch(entry.body);
    if (!verifyBatchAct(sha256, { disclosure: given.act, position: index, proof: hashes, root }))
      return { ok: false, reason: 'act_not_in_batch' };
    const proven = await verifyProof({ sha256, proof: given.proof, leaf: leafHash(sha256, bytes), logKey: ledgerKey });
    if (!proven.ok) return proven;
    if (proven.index !== entry.seq) return { ok: false, reason: 'proof_does_not_hold' };
    return { ok: true, act: value, entry, checkpoint: proven.checkpoint };
  } catch (fault) {
    if (fault instanceof LogFormatError) return { ok: false, reason: fault.code };
    throw fault;
  }
}
