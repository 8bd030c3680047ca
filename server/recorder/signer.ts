/** Signs heads of logs and receipts: the only holder of the keys, and it signs no head that its guard has not noted. */
import { type KeyObject, sign } from 'node:crypto';
import { toBase64Url } from '../core/log/base64.ts';
import { sameBytes } from '../core/log/bytes.ts';
import { canonicalise, type Json } from '../core/log/canonical.ts';
import { formatCheckpoint } from '../core/log/checkpoint.ts';
import { formatNote, formatVkey, KEY_TYPES, type VerifierKey, verifierKey } from '../core/log/note.ts';
import { kindOfOrigin, type LogKind } from '../core/log/origin.ts';
import { utf8 } from '../core/log/utf8.ts';
import type { SigningKey } from '../ed25519.ts';
import { sha256 } from '../hash.ts';
import { openGuard } from './guard.ts';
import { hasGuard, type Office } from './guard-folder.ts';
import type { GuardedHead } from './guard-journal.ts';
import { type KeyUse, openKeys } from './keys.ts';

/** A head that was let out, with its signed checkpoint. */
export type ReleasedHead = GuardedHead & { readonly note: string };

/** The receipt key as others may see it: RFC 8037, `kid` its RFC 7638 thumbprint. */
export type ReceiptJwk = { readonly kty: 'OKP'; readonly crv: 'Ed25519'; readonly x: string; readonly kid: string };

/**
 * Database and guard contradict each other: one of them was put back to an earlier state. The server must stay read-only.
 *
 * `database_is_behind`: it lacks a head that was let out. `database_differs`: it has another root at that size.
 * `guard_is_behind`: it has a head that this guard never noted.
 */
export class RestoredBackupError extends Error {
  readonly code: 'database_is_behind' | 'database_differs' | 'guard_is_behind';
  readonly origin: string;
  constructor(code: RestoredBackupError['code'], origin: string, detail: string) {
    super(`${code}: ${origin}: ${detail}`);
    this.name = 'RestoredBackupError';
    this.code = code;
    this.origin = origin;
  }
}

/** What the keys are good for without a guard: everything but heads of logs. Every process of a platform has it. */
export type Keyring = {
  /** The verifier key of a log. */
  vkeyOf(origin: string, kind: LogKind): string;
  /** A compact JWS (EdDSA) over the RFC 8785 form of the payload, by the receipt key. */
  signReceipt(payload: Json, typ: string): Promise<string>;
  readonly receiptJwk: ReceiptJwk;
  /** The receipt key itself, for access tokens. */
  readonly tokenKey: { readonly privateKey: KeyObject; readonly publicKey: KeyObject };
  /** The 32 bytes of each public key, for the ledger to list. */
  readonly publicKeys: { readonly [Use in KeyUse]: Uint8Array };
};

export type Signer = Keyring & {
  /**
   * Signs a head that grows from `after`; noted durably in the guard before this returns.
   *
   * Returns: the signed checkpoint; Ed25519 always makes the same one of the same head.
   * Throws:  GuardRefusal, GuardFault. The caller must then settle, and also when its transaction fails after this returned.
   */
  sign(origin: string, kind: LogKind, size: number, root: Uint8Array, after: GuardedHead): Promise<string>;
  /** Lets out a head whose transaction has committed: durable in the guard before this returns. Throws: GuardRefusal, GuardFault. */
  release(origin: string, size: number, root: Uint8Array): Promise<void>;
  /** The largest head let out, which is all that any reader may be shown; null when there is none. */
  released(origin: string): ReleasedHead | null;
  /**
   * Brings the guard in line with what is committed, after a crash, a failed transaction or a COMMIT with unknown outcome.
   *
   * Shape:  `committed` must be read while the log's row is locked, or a head that is just being committed would be dropped.
   * Throws: RestoredBackupError, GuardFault.
   */
  settle(origin: string, committed: GuardedHead | null): Promise<void>;
  /** Whether nothing is left to settle of a log: the guard has let out just what is committed, and has nothing else noted. */
  isSettled(origin: string, committed: GuardedHead | null): boolean;
  /** Every log the guard has heard of. */
  origins(): readonly string[];
  close(): Promise<void>;
};

/** RFC 7638 thumbprint of an Ed25519 public key. */
function ed25519Thumbprint(x: string): string {
  return toBase64Url(sha256(utf8(canonicalise({ crv: 'Ed25519', kty: 'OKP', x }))));
}

type SigningKeyring = Keyring & {
  /** The signed checkpoint of a head; for the signer, once its guard has noted it. */
  signHead(origin: string, head: GuardedHead): string;
  checkKind(origin: string, kind: LogKind): void;
};

/**
 * Reads the keys of a data folder; they are made on the first start.
 *
 * Throws: KeyError.
 */
export async function openKeyring(dataFolder: string, platform: string): Promise<SigningKeyring> {
  const keys = await openKeys(dataFolder, !(await hasGuard(dataFolder)));
  const verifierKeys = new Map<string, VerifierKey>();

  /** Throws: when the origin is no log of this kind on this platform: a caller's mistake, not a person's. */
  function keyOf(origin: string): { signingKey: SigningKey; key: VerifierKey; kind: LogKind } {
    const kind = kindOfOrigin(platform, origin);
    if (kind === undefined) throw new Error(`${origin} is no log of ${platform}`);
    const signingKey = kind === 'opening' ? keys.openings : keys.ledger;
    const key = verifierKeys.get(origin) ?? verifierKey(sha256, origin, KEY_TYPES.ed25519, signingKey.publicBytes);
    verifierKeys.set(origin, key);
    return { signingKey, key, kind };
  }

  function checkKind(origin: string, kind: LogKind): void {
    if (keyOf(origin).kind !== kind) throw new Error(`${origin} is no log of kind ${kind}`);
  }

  const x = toBase64Url(keys.receipts.publicBytes);
  const receiptJwk: ReceiptJwk = { kty: 'OKP', crv: 'Ed25519', x, kid: ed25519Thumbprint(x) };

  return {
    checkKind,
    vkeyOf(origin, kind) {
      checkKind(origin, kind);
      return formatVkey(keyOf(origin).key);
    },
    signHead(origin, { size, root }) {
      const { signingKey, key } = keyOf(origin);
      const text = formatCheckpoint({ origin, size, root });
      const signature = new Uint8Array(sign(null, utf8(text), signingKey.privateKey));
      return formatNote(text, [{ name: origin, keyId: key.keyId, signature }]);
    },
    async signReceipt(payload, typ) {
      const part = (value: Json): string => toBase64Url(utf8(canonicalise(value)));
      const signed = `${part({ alg: 'EdDSA', kid: receiptJwk.kid, typ })}.${part(payload)}`;
      return `${signed}.${toBase64Url(new Uint8Array(sign(null, utf8(signed), keys.receipts.privateKey)))}`;
    },
    receiptJwk,
    tokenKey: { privateKey: keys.receipts.privateKey, publicKey: keys.receipts.publicKey },
    publicKeys: {
      openings: keys.openings.publicBytes,
      ledger: keys.ledger.publicBytes,
      receipts: keys.receipts.publicBytes,
    },
  };
}

/**
 * Opens the signer of a data folder: for this process alone, or for the term of an office (see `openGuard`).
 *
 * Throws: KeyError, GuardFault.
 */
export async function openSigner(dataFolder: string, platform: string, office: Office | null = null): Promise<Signer> {
  const { signHead, checkKind, ...keyring } = await openKeyring(dataFolder, platform);
  const guard = await openGuard(dataFolder, office);
  const notes = new Map<string, ReleasedHead>();

  return {
    ...keyring,
    async sign(origin, kind, size, root, after) {
      checkKind(origin, kind);
      await guard.pend(origin, { size, root }, after);
      return signHead(origin, { size, root });
    },
    release: (origin, size, root) => guard.release(origin, { size, root }),
    released(origin) {
      const head = guard.released(origin);
      if (head === null) return null;
      const kept = notes.get(origin);
      if (kept?.size === head.size) return kept;
      // signed again rather than stored: it comes out byte for byte as it was committed
      const made = { ...head, note: signHead(origin, head) };
      notes.set(origin, made);
      return made;
    },
    async settle(origin, committed) {
      const released = guard.released(origin);
      const size = committed?.size ?? 0;
      if (released !== null) {
        if (size < released.size)
          throw new RestoredBackupError('database_is_behind', origin, `at ${size}, but ${released.size} was let out`);
        if (committed !== null && size === released.size && !sameBytes(committed.root, released.root))
          throw new RestoredBackupError('database_differs', origin, `another root at size ${size}`);
      }
      if (committed !== null && size > (released?.size ?? 0)) {
        const noted = guard.pending(origin).find((head) => head.size === size);
        if (noted === undefined || !sameBytes(noted.root, committed.root))
          throw new RestoredBackupError('guard_is_behind', origin, `the database's head at ${size} was never noted`);
        await guard.release(origin, noted);
      }
      // Whatever is still noted is larger than what is committed, or another root: its transaction is gone.
      await guard.drop(origin);
    },
    isSettled(origin, committed) {
      const released = guard.released(origin);
      if (guard.pending(origin).length > 0) return false;
      if (released === null || committed === null) return released === committed;
      return released.size === committed.size && sameBytes(released.root, committed.root);
    },
    origins: () => guard.origins(),
    close: () => guard.close(),
  };
}
