/** The recorder's desk at the vault: hands received decryptions to its threads, brings back what the log may say, and prepares lists and files. */
import type { KeyObject } from 'node:crypto';
import { fromBase64, fromBase64Url } from '../core/log/base64.ts';
import { canonicalise, type Json } from '../core/log/canonical.ts';
import { fromUtf8 } from '../core/log/utf8.ts';
import type { Facts, OpenedList } from '../core/opening/facts.ts';
import type { DecryptionFailure } from '../core/opening/findings.ts';
import { blindRules } from '../core/opening/layer.ts';
import { type Bid, isDecrypted, type OpeningState } from '../core/opening/state.ts';
import { checkDecryption, isDecryptionPayload } from '../core/seal/decryption.ts';
import { isLodgementPayload } from '../core/seal/lodgement.ts';
import { digestText, sha256 } from '../hash.ts';
import type { Sql } from '../store/driver.ts';
import type { Promised } from '../vault/judgement.ts';
import type { LayerKey } from '../vault/layer-key.ts';
import type { MaterialiseResult } from '../vault/materialise.ts';
import type { OpenResult } from '../vault/open-envelope.ts';
import { type Turn, VaultClosed, type VaultPool } from '../vault/pool.ts';
import { readSealedKey } from '../vault/read-statement.ts';
import type { VaultFolder } from '../vault/vault-folder.ts';
import { challengeOf } from './challenge.ts';
import { blindKeyOf, layerKeyOf } from './layer-facts.ts';
import { privateKeyOf } from './private-key.ts';
import { jobName } from './queue-board.ts';
import { decryptionIdOf } from './write-round.ts';

export type DeskDeps = {
  readonly sql: Sql;
  readonly platform: string;
  readonly vaultKey: Uint8Array;
  readonly pool: VaultPool;
  readonly envelopes: VaultFolder;
  /** Folder of opened archives, for the hand-over. */
  readonly openedFolder: string;
  readonly unpackedLimitBytes: number;
};

/** The vault could not look now: nothing was found out, so it is asked again. */
export class VaultBusyError extends Error {
  readonly code = 'vault_is_busy';
}

export type OpeningDesk = {
  /**
   * Verifies one received decryption; writes nothing (pass 1 of seal-format §3). In a blind window only once its key is given.
   *
   * Throws: VaultBusyError, what the database says, and where the vault lacks what it must hold.
   */
  verify(state: OpeningState, bidder: number, attempt: number): Promise<DecryptionFailure | null>;
  /**
   * Opens the second layer of a bid whose own is open, with the key that the shares on the log give; writes nothing.
   *
   * Returns: `layer_not_opened` when they give none.
   * Throws:  as verify.
   */
  verifyLayer(state: OpeningState, bidder: number): Promise<DecryptionFailure | null>;
  /** Derives every opened bid's list again; kept in memory only, and only until the caller lets go of it. */
  lists(state: OpeningState): Promise<readonly OpenedList[]>;
  /** Brings every opened bid's documents to disk, each through quarantine. */
  manifest(state: OpeningState): Promise<NonNullable<Facts['manifest']>>;
  /** Removes the file of an envelope that no bid names. */
  discard(file: string): Promise<void>;
};

/** Bids opened at one time for lists and files: enough to keep every thread busy, and few keys in memory. */
const OPENED_AT_ONCE = 16;

/** A bid, its promise and the key that came for it. */
type Opened =
  | { readonly ok: true; readonly path: string; readonly cek: Uint8Array; readonly promised: Promised }
  | { readonly ok: false; readonly failure: DecryptionFailure };

/** A decryption as it was received, with the promise it is held against. */
type Received = {
  readonly statement: string;
  readonly jwe: string;
  readonly refusedFor: 'certificate_not_valid' | null;
  readonly bidId: string;
  readonly file: string;
  readonly lodgement: string;
};

export function createDesk(deps: DeskDeps): OpeningDesk {
  const { sql, pool } = deps;
  const sources = { tx: sql, vaultKey: deps.vaultKey };

  /** Everything up to the key in hand, in the order of seal-format §3: the statement, the header, the promised key. */
  async function unseal(state: OpeningState, bidder: number, attempt: number): Promise<Opened> {
    const [row] = await sql<Received[]>`
      SELECT d.statement, d.jwe, d.refused_for AS "refusedFor", d.bid_id AS "bidId", e.file, e.statement AS lodgement
      FROM decryptions d JOIN envelopes e ON e.id = d.bid_id
      WHERE d.id = ${decryptionIdOf(state.openingId, bidder, attempt)}`;
    if (row === undefined || state.window === null) throw new Error('the vault misses a decryption');
    const { kid } = state.window;
    const decryption = payloadOf(row.statement);
    const lodgement = payloadOf(row.lodgement);
    const receipt = standingReceipt(state, row.bidId);
    if (!isDecryptionPayload(decryption) || !isLodgementPayload(lodgement) || receipt === null)
      throw new Error('the vault holds a statement it did not receive');
    const jti = challengeOf(deps.vaultKey, state.openingId, kid, row.bidId);
    const problem = checkDecryption(sha256, decryption, row.jwe, {
      ...about(lodgement),
      receiptSha256: receipt,
      challengeJti: jti,
      recipientInfosSha256: lodgement.recipientInfosSha256,
      cekCommit: lodgement.cekCommit,
    });
    if (problem !== undefined) return { ok: false, failure: problem };
    if (row.refusedFor !== null) return { ok: false, failure: row.refusedFor };
    const privateKey = await windowKeyOf(state, kid);
    if (privateKey === null) return { ok: false, failure: 'window_key_not_given' };
    const envelopeSha256 = lodgement.envelopeSha256;
    const sealed = await readSealedKey(row.jwe, privateKey, { kid, jti, envelopeSha256 });
    if (!sealed.ok) return { ok: false, failure: sealed.failure };
    return { ok: true, path: deps.envelopes.path(row.file), cek: sealed.cek, promised: lodgement };
  }

  /** The private half of the window key: the vault's own, or made out of its holders' shares; null when these do not give it. */
  async function windowKeyOf(state: OpeningState, kid: string): Promise<KeyObject | null> {
    if (blindRules(state.policy) !== null) return blindKeyOf(state, sources);
    const key = await privateKeyOf(state.openingId, kid, sources);
    if (key === null) throw new Error('the vault misses its window key');
    return key;
  }

  async function open(
    state: OpeningState,
    bidder: number,
    attempt: number,
  ): Promise<OpenResult | { ok: false; failure: DecryptionFailure }> {
    const opened = await unseal(state, bidder, attempt);
    if (!opened.ok) return opened;
    const { path, cek, promised } = opened;
    let layer: LayerKey | undefined;
    try {
      layer = await layerKeyOf(state, sources);
      if (layer?.privateKey === null) return { ok: false, failure: 'layer_not_opened' };
      const turn = turnOf(state, bidder, attempt, promised);
      const ticket = pool.open({ path, cek, promised, ...(layer && { layer }) }, turn);
      if ('refused' in ticket) throw new VaultBusyError(ticket.refused);
      return await done(ticket.done);
    } finally {
      cek.fill(0);
      layer?.privateKey?.fill(0);
    }
  }

  /** In the window the bidder's own layer alone is opened: nobody has given the other key yet, and none is asked for. */
  async function openOwnLayer(
    state: OpeningState,
    bidder: number,
    attempt: number,
  ): Promise<{ ok: true } | { ok: false; failure: DecryptionFailure }> {
    const opened = await unseal(state, bidder, attempt);
    if (!opened.ok) return opened;
    const { path, cek, promised } = opened;
    try {
      const certificate = fromBase64(needed(state.layer.key?.certificate ?? undefined));
      const job = { path, cek, promised, layer: { certificate, privateKey: null } };
      const ticket = pool.openOuter(job, turnOf(state, bidder, attempt, promised));
      if ('refused' in ticket) throw new VaultBusyError(ticket.refused);
      return await done(ticket.done);
    } finally {
      cek.fill(0);
    }
  }

  return {
    async verify(state, bidder, attempt) {
      const isLayered = state.policy.tendererLayer !== false;
      const result = await (isLayered ? openOwnLayer : open)(state, bidder, attempt);
      return result.ok ? null : result.failure;
    },

    async verifyLayer(state, bidder) {
      const bid = state.bids[bidder - 1];
      if (bid === undefined) throw new Error(`no bidder ${bidder}`);
      const result = await open(state, bidder, successfulAttempt(bid));
      return result.ok ? null : result.failure;
    },

    lists: (state) =>
      eachOpened(state, async (bid) => {
        const result = await open(state, bid.bidder, successfulAttempt(bid));
        if (!result.ok) throw new Error(`an opened bid does not open again: ${result.failure}`);
        return { bidder: bid.bidder, disclosure: result.disclosure, list: result.openingList };
      }),

    async manifest(state) {
      const files = await eachOpened(state, (bid) => materialise(state, bid));
      const document: Json = { v: 1, openingId: state.openingId, bids: files };
      return { sha256: digestText(canonicalise(document)), bids: files.length, document };
    },

    discard: (file) => deps.envelopes.discard(file),
  };

  async function materialise(state: OpeningState, bid: Bid): Promise<Json> {
    const opened = await unseal(state, bid.bidder, successfulAttempt(bid));
    if (!opened.ok) throw new Error(`an opened bid does not open again: ${opened.failure}`);
    let layer: LayerKey | undefined;
    let result: MaterialiseResult;
    try {
      layer = await layerKeyOf(state, sources);
      const { path, cek, promised } = opened;
      const limits = { unpackedLimitBytes: deps.unpackedLimitBytes };
      const job = { path, cek, promised, folder: deps.openedFolder, limits, ...(layer && { layer }) };
      const ticket = pool.materialise(job, turnOf(state, bid.bidder, successfulAttempt(bid), promised));
      if ('refused' in ticket) throw new VaultBusyError(ticket.refused);
      result = await done(ticket.done);
    } finally {
      opened.cek.fill(0);
      layer?.privateKey?.fill(0);
    }
    if (!result.ok) throw new Error(`an opened bid could not be brought to disk: ${result.failure}`);
    const { name, manifest } = result;
    return { bidder: bid.bidder, file: name, ...(manifest as unknown as { [name: string]: Json }) };
  }
}

/** Openings take turns at the vault; within one, bids are looked at as they came. */
function turnOf({ openingId }: OpeningState, bidder: number, attempt: number, { envelopeBytes }: Promised): Turn {
  return { share: openingId, name: jobName(bidder, attempt), bytes: envelopeBytes };
}

function needed<Value>(value: Value | undefined): Value {
  if (value === undefined) throw new Error('a bid of two layers in an opening of one');
  return value;
}

/** The job's result; a vault that was closed under it found nothing out. */
async function done<Result>(result: Promise<Result>): Promise<Result> {
  try {
    return await result;
  } catch (error) {
    throw error instanceof VaultClosed ? new VaultBusyError(error.message, { cause: error }) : error;
  }
}

/** Does something for every opened bid, a few at a time; the results are in the order of the bids. */
async function eachOpened<Result>(state: OpeningState, work: (bid: Bid) => Promise<Result>): Promise<Result[]> {
  const opened = state.bids.filter(isDecrypted);
  const results: Result[] = [];
  for (let from = 0; from < opened.length; from += OPENED_AT_ONCE)
    results.push(...(await Promise.all(opened.slice(from, from + OPENED_AT_ONCE).map(work))));
  return results;
}

function about(payload: { iss: string; aud: string; openingId: string; lotId: string; bidId: string }) {
  const { iss, aud, openingId, lotId, bidId } = payload;
  return { iss, aud, openingId, lotId, bidId };
}

/** The receipt the log names for a standing bid. */
function standingReceipt(state: OpeningState, bidId: string): string | null {
  if (!state.lodgements.known) return null;
  return state.lodgements.value.find((l) => l.bidId === bidId)?.receiptSha256 ?? null;
}

function successfulAttempt({ bidder, attempts }: Bid): number {
  const attempt = attempts.find((a) => a.outcome === 'decrypted');
  if (attempt === undefined) throw new Error(`bidder ${bidder} did not decrypt`);
  return attempt.attempt;
}

/** The payload of a statement that was checked when it came in. */
function payloadOf(statement: string): Json {
  return JSON.parse(fromUtf8(fromBase64Url(statement.split('.')[1] ?? ''))) as Json;
}
