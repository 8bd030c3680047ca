/** The platform's keys at work: which key signs what, and under which name; it knows nothing of guards and remembers no head. */
import { type KeyObject, sign } from 'node:crypto';
import { toBase64Url } from '../core/log/base64.ts';
import { canonicalise, type Json } from '../core/log/canonical.ts';
import { formatCheckpoint } from '../core/log/checkpoint.ts';
import { formatNote, formatVkey, KEY_TYPES, type VerifierKey, verifierKey } from '../core/log/note.ts';
import { kindOfOrigin, type LogKind } from '../core/log/origin.ts';
import { utf8 } from '../core/log/utf8.ts';
import type { SigningKey } from '../ed25519.ts';
import { sha256 } from '../hash.ts';
import { hasGuard } from './guard-folder.ts';
import type { GuardedHead } from './guard-journal.ts';
import { type KeyUse, openKeys } from './keys.ts';

/** The receipt key as others may see it: RFC 8037, `kid` its RFC 7638 thumbprint. */
export type ReceiptJwk = { readonly kty: 'OKP'; readonly crv: 'Ed25519'; readonly x: string; readonly kid: string };

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

/** RFC 7638 thumbprint of an Ed25519 public key. */
function ed25519Thumbprint(x: string): string {
  return toBase64Url(sha256(utf8(canonicalise({ crv: 'Ed25519', kty: 'OKP', x }))));
}

export type SigningKeyring = Keyring & {
  /** The signed checkpoint of a head; for whoever has it let out by the guard already. */
  signHead(origin: string, head: GuardedHead): Promise<string>;
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
    async signHead(origin, { size, root }) {
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
