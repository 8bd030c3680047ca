/** Envelopes that come in piece by piece: each piece through the gate and durable before it is told of, by one request at a time, in any process. */
import { toBase64Url } from '../core/log/base64.ts';
import type { Sql } from '../store/driver.ts';
import {
  endUpload,
  findUpload,
  findUploadOf,
  holdUpload,
  insertUpload,
  keepUpload,
  releaseUpload,
  type StoredUpload,
  type UploadOwner,
} from '../store/uploads.ts';
import type { World } from '../world.ts';
import {
  type Gate,
  type PassingEnvelope,
  type ReceivedEnvelope,
  type Refused,
  refusalOf,
  startGate,
} from './envelope-gate.ts';
import { readChunks, type VaultFolder, writeAll } from './vault-folder.ts';

/** After so many bytes what came is made durable, and a crash costs no more than them. */
export const DURABLE_EVERY_BYTES = 8_388_608;
/** How long a request that went silent keeps others from its upload, ms: a bidder whose line was cut comes back sooner than its socket is known dead. */
export const HOLD_MS = 15_000;
/** Uploads that one bidder may have under way in one opening: its bid, and the one that replaces it. */
export const UPLOADS_PER_BIDDER = 2;
/** Envelopes of which the hash so far is kept in memory; of any other it is computed again from the file. */
const REMEMBERED_LIMIT = 256;
const HOLDER_BYTES = 12;

export const UPLOAD_REFUSALS = [
  'no_such_upload',
  'upload_in_use',
  'upload_offset_differs',
  'upload_incomplete',
  'upload_withdrawn',
  'upload_expired',
  'upload_given_up',
  'too_many_uploads',
] as const;
export type UploadRefusal = (typeof UPLOAD_REFUSALS)[number];
type UploadRefused = { readonly refused: UploadRefusal };

export type UploadsDependencies = {
  readonly sql: Sql;
  readonly world: Pick<World, 'now' | 'randomBytes'>;
  readonly envelopes: VaultFolder;
  readonly lifetimeMs: number;
};

/** What a new upload is of; all of it from the signed statement. */
export type NewUpload = UploadOwner & {
  readonly command: string;
  readonly bidId: string;
  readonly statement: string;
  readonly sizeBytes: number;
  readonly deadlineAt: number;
};

/** A complete upload in the hands of whoever lodges it, until one of these is called. */
export type CompleteUpload = {
  readonly received: ReceivedEnvelope;
  /** It was lodged, or refused with this code; the file is the lodging's from now on. */
  end(refusal: string | null): Promise<void>;
  /** Nothing is known: it may be lodged again later. */
  release(): Promise<void>;
};

type Progress = { readonly receivedBytes: number };

export type Uploads = {
  /** Enters an upload; that of the same statement is found again. Refuses: too_many_uploads. */
  create(upload: NewUpload): Promise<StoredUpload | UploadRefused>;
  /**
   * An upload as it stands.
   *
   * Refuses: no_such_upload, also for another's.
   */
  find(owner: UploadOwner, id: string): Promise<StoredUpload | UploadRefused>;
  /**
   * Writes what one request brings, behind byte `from`.
   *
   * Returns: how many bytes of the upload are durable.
   * Refuses: how it ended; upload_offset_differs; upload_in_use; what the gate refuses, and then the upload has ended.
   * Throws:  what `chunks` and the disk throw; what was written before stays, as far as it is durable.
   */
  write(
    upload: StoredUpload,
    from: number,
    chunks: AsyncIterable<Uint8Array>,
    gate: Gate,
  ): Promise<Progress | UploadRefused | Refused>;
  /**
   * Takes a complete upload out, its file finished in the vault.
   *
   * Refuses: upload_incomplete, upload_in_use, what the gate refuses, and then the upload has ended.
   */
  complete(upload: StoredUpload, gate: Gate): Promise<CompleteUpload | UploadRefused | Refused>;
  /** Ends an upload by its bidder's will. Refuses: upload_in_use. */
  giveUp(upload: StoredUpload): Promise<Progress | UploadRefused | Refused>;
};

/** The refusal of an upload that has ended; null while it is under way, or when it was lodged. What the gate refused is told again by its own code. */
export function endOf({ ended, refusal }: Pick<StoredUpload, 'ended' | 'refusal'>): string | null {
  switch (ended) {
    case null:
    case 'lodged':
      return null;
    case 'refused':
      return refusal;
    case 'withdrawn':
      return 'upload_withdrawn';
    case 'expired':
      return 'upload_expired';
    case 'given_up':
      return 'upload_given_up';
  }
}

/** An envelope that has passed the gate so far, up to this byte. */
type Passing = { readonly gate: PassingEnvelope; bytes: number };

/** A request's hold on an upload while it works on it. */
type Claim = {
  readonly id: string;
  readonly holder: string;
  readonly untilAt: number;
  /** Goes on holding, with so many bytes durable by now. Returns: false when another request has it. */
  keep(receivedBytes: number): Promise<boolean>;
  /** The same when it would soon be over; true at once when it would not. */
  keepWhenDue(receivedBytes: number): Promise<boolean>;
};

export function createUploads({ sql, world, envelopes, lifetimeMs }: UploadsDependencies): Uploads {
  const { parts } = envelopes;
  const remembered = new Map<string, Passing>();

  function newClaim(id: string): Claim {
    const holder = toBase64Url(world.randomBytes(HOLDER_BYTES));
    const untilAt = world.now() + HOLD_MS;
    let heldUntil = untilAt;
    async function keep(receivedBytes: number): Promise<boolean> {
      const at = world.now();
      heldUntil = at + HOLD_MS;
      return keepUpload(sql, { id, holder, untilAt: heldUntil }, { receivedBytes, expiresAt: at + lifetimeMs });
    }
    const keepWhenDue = async (receivedBytes: number): Promise<boolean> =>
      world.now() <= heldUntil - HOLD_MS / 2 || keep(receivedBytes);
    return { id, holder, untilAt, keep, keepWhenDue };
  }

  /** Holds an upload as it stands. */
  async function hold(upload: StoredUpload): Promise<Claim | UploadRefused> {
    const claim = newClaim(upload.id);
    if (await holdUpload(sql, claim, upload.receivedBytes, world.now())) return claim;
    const now = await findUpload(sql, upload, upload.id);
    return { refused: now?.receivedBytes === upload.receivedBytes ? 'upload_in_use' : 'upload_offset_differs' };
  }

  /** The gate as it stands after the durable bytes: remembered, or made anew from the file. */
  async function gateAfter(
    { id, receivedBytes }: StoredUpload,
    gate: Gate,
    claim: Claim,
  ): Promise<Passing | UploadRefused> {
    const known = remembered.get(id);
    remembered.delete(id);
    if (known?.bytes === receivedBytes) return known;
    const passing: Passing = { gate: startGate(gate), bytes: 0 };
    const path = await parts.find(id);
    for await (const chunk of path === null ? [] : readChunks(path, receivedBytes)) {
      if (!(await claim.keepWhenDue(receivedBytes))) return { refused: 'upload_in_use' };
      passing.gate.push(chunk);
      passing.bytes += chunk.length;
    }
    if (path !== null && passing.bytes === receivedBytes) return passing;
    // The disk lost what it had promised to hold: it is asked for again.
    if (path === null) throw new Error('the file of an upload is gone');
    await claim.keep(0);
    return { refused: 'upload_offset_differs' };
  }

  function remember(id: string, passing: Passing): void {
    remembered.set(id, passing);
    for (const [oldest] of remembered) {
      if (remembered.size <= REMEMBERED_LIMIT) break;
      remembered.delete(oldest);
    }
  }

  /**
   * Takes one request's bytes. Returns: how many are durable now, or null when another request has the upload.
   *
   * The order of effects, and what a crash after each leaves:
   *   1. through the gate, 2. into the file   bytes behind what is told of; the next request writes over them
   *   3. on the disk                          the same
   *   4. the row says so                      they are told of; whoever goes on begins behind them
   */
  async function take(
    { id, receivedBytes }: StoredUpload,
    claim: Claim,
    passing: Passing,
    chunks: AsyncIterable<Uint8Array>,
  ): Promise<number | null> {
    const file = await parts.open(id);
    if (file === null) throw new Error('the file of an upload is gone');
    let durable = receivedBytes;
    async function settle(): Promise<boolean> {
      if (passing.bytes > durable) await file?.datasync();
      durable = passing.bytes;
      return claim.keep(durable);
    }
    try {
      for await (const chunk of chunks) {
        const isOurs =
          passing.bytes - durable >= DURABLE_EVERY_BYTES ? await settle() : await claim.keepWhenDue(durable);
        if (!isOurs) return null;
        passing.gate.push(chunk);
        await writeAll(file, chunk, passing.bytes);
        passing.bytes += chunk.length;
      }
      return (await settle()) ? durable : null;
    } catch (error) {
      // What came before the line was cut, or the disk was full, is kept.
      if (refusalOf(error) === null) await settle();
      throw error;
    } finally {
      await file.close();
    }
  }

  /** Does something with an upload that this request holds; what the gate refuses ends the upload. */
  async function holding<Result>(
    upload: StoredUpload,
    work: (claim: Claim) => Promise<Result>,
  ): Promise<Result | UploadRefused | Refused> {
    const claim = await hold(upload);
    if ('refused' in claim) return claim;
    try {
      return await work(claim);
    } catch (error) {
      const refused = refusalOf(error);
      if (refused !== null) {
        await endUpload(sql, claim, { how: 'refused', at: world.now(), refusal: refused.refused });
        await parts.discard(upload.id);
        return refused;
      }
      await releaseUpload(sql, claim);
      throw error;
    }
  }

  return {
    async create(asked) {
      const known = await findUploadOf(sql, asked, asked.command);
      if (known !== null && endOf(known) === null) return known;
      const id = await parts.create();
      const createdAt = world.now();
      const upload = { ...asked, id, createdAt, expiresAt: createdAt + lifetimeMs };
      const stands = await insertUpload(sql, upload, UPLOADS_PER_BIDDER);
      if (stands?.id !== id) await parts.discard(id);
      return stands ?? { refused: 'too_many_uploads' };
    },

    find: async (owner, id) => (await findUpload(sql, owner, id)) ?? { refused: 'no_such_upload' },

    async write(upload, from, chunks, gate) {
      if (from !== upload.receivedBytes) return { refused: 'upload_offset_differs' };
      return holding(upload, async (claim) => {
        const passing = await gateAfter(upload, gate, claim);
        const durable = 'refused' in passing ? passing : await take(upload, claim, passing, chunks);
        if (typeof durable === 'number' && 'gate' in passing) remember(upload.id, passing);
        await releaseUpload(sql, claim);
        if (durable === null) return { refused: 'upload_in_use' as const };
        return typeof durable === 'number' ? { receivedBytes: durable } : durable;
      });
    },

    async complete(upload, gate) {
      if (upload.receivedBytes < upload.sizeBytes) return { refused: 'upload_incomplete' };
      return holding(upload, async (claim) => {
        const passing = await gateAfter(upload, gate, claim);
        if ('refused' in passing) {
          await releaseUpload(sql, claim);
          return passing;
        }
        const received = { name: upload.id, ...passing.gate.end() };
        await parts.publish(upload.id);
        return {
          received,
          async end(refusal) {
            const at = world.now();
            await endUpload(sql, claim, refusal === null ? { how: 'lodged', at } : { how: 'refused', at, refusal });
          },
          release: () => releaseUpload(sql, claim),
        };
      });
    },

    async giveUp(upload) {
      return holding(upload, async (claim) => {
        await endUpload(sql, claim, { how: 'given_up', at: world.now() });
        remembered.delete(upload.id);
        await parts.discard(upload.id);
        return { receivedBytes: 0 };
      });
    },
  };
}
