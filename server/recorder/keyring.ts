/** The platform's keys at work: which key signs what, and under which name; it knows nothing of guards and remembers no head. */
import { createPublicKey, type KeyObject } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { toBase64, toBase64Url } from '../core/log/base64.ts';
import { canonicalise, type Json } from '../core/log/canonical.ts';
import { formatCheckpoint } from '../core/log/checkpoint.ts';
import type { KeyAnnouncement } from '../core/log/ledger-events.ts';
import { formatNote, formatVkey, KEY_TYPES, type VerifierKey, verifierKey } from '../core/log/note.ts';
import { kindOfOrigin, type LogKind } from '../core/log/origin.ts';
import { utf8 } from '../core/log/utf8.ts';
import { isRecordStatement, readRecordStatement } from '../core/opening/record-paper.ts';
import { KeyError } from '../ed25519.ts';
import { sha256 } from '../hash.ts';
import { hasGuard } from './guard-folder.ts';
import type { GuardedHead } from './guard-journal.ts';
import { KEY_USES, type Key, type KeyUse, openKeys, type PlatformKeys } from './keys.ts';

/** The receipt key as others may see it: RFC 8037, `kid` its RFC 7638 thumbprint. */
export type ReceiptJwk = { readonly kty: 'OKP'; readonly crv: 'Ed25519'; readonly x: string; readonly kid: string };

/** The `typ` of an access token (RFC 9068); a receipt never has it. */
export const TOKEN_TYPE = 'at+jwt';

/** The 32 bytes of each public key. */
export type PublicKeys = { readonly [Use in KeyUse]: Uint8Array };

/** An earlier key of openings, and the logs that began with it. */
export type EarlierKey = { readonly publicKey: Uint8Array; readonly logs: ReadonlySet<string> };

/** What everybody may know of the platform's keys. */
export type PublicKeyring = {
  /** The verifier key of a log. Throws: when the origin is no log of this kind on this platform. */
  vkeyOf(origin: string, kind: LogKind): string;
  readonly receiptJwk: ReceiptJwk;
  /** For the ledger to list. */
  readonly publicKeys: PublicKeys;
  /** For it to announce: what was signed of each key that followed another or is to, of every use in its order. */
  readonly announcements: readonly KeyAnnouncement[];
};

/** What the keys are good for without a guard: everything but heads of logs. Every process of a platform has it. */
export type Keyring = PublicKeyring & {
  /** A compact JWS (EdDSA) over the RFC 8785 form of the payload, by the receipt key. */
  signReceipt(payload: Json, typ: string): Promise<string>;
  /** Access tokens are signed by the receipt key, too, under a `typ` that no receipt has. */
  readonly tokenKey: { readonly publicKey: KeyObject; sign(payload: Json): Promise<string> };
  /** The ledger key's signature over the text of a bundle's manifest note (core/log/bundle.ts). */
  signManifest(text: Uint8Array): Promise<Uint8Array>;
  /**
   * The signed note over the statement of a record on paper (core/opening/record-paper.ts), by the key of that opening's log.
   *
   * Throws: for any other text: a caller's mistake.
   */
  signRecord(statement: string): Promise<string>;
};

export type SigningKeyring = Keyring & {
  /** The signed checkpoint of a head; for whoever has it let out by the guard already. */
  signHead(origin: string, head: GuardedHead): Promise<string>;
  checkKind(origin: string, kind: LogKind): void;
  /** Which openings began under earlier keys. */
  readonly earlierKeys: readonly EarlierKey[];
};

/** What a process knows of the platform's keys, and names to everybody for as long as it runs. */
export type KnownKeys = Pick<PublicKeyring, 'publicKeys' | 'announcements'> & {
  readonly earlierKeys: readonly EarlierKey[];
};

/**
 * Whether whoever signs has the keys that this process began with.
 *
 * Throws: KeyError `keys_changed`.
 * Why:    a log says in its first entry which key signs it, and the ledger which keys there are. Written by a process that has not
 *         heard of a step from one key to another, they name a key that signs nothing, and no verifier ever accepts that log.
 */
export function needSameKeys(began: KnownKeys, now: KnownKeys): void {
  const known = ({ publicKeys, announcements, earlierKeys }: KnownKeys): KnownKeys => ({
    publicKeys,
    announcements,
    earlierKeys,
  });
  if (isDeepStrictEqual(known(began), known(now))) return;
  throw new KeyError('keys_changed', 'the keys that sign are not those this process began with: start it again');
}

/** The public half of a keyring, with what names its keys. */
export function publicKeyring(platform: string, publicKeys: PublicKeys, earlierOpenings: readonly EarlierKey[]) {
  const verifierKeys = new Map<string, VerifierKey>();

  /** Throws: when the origin is no log of this platform: a caller's mistake, not a person's. */
  function keyOf(origin: string): { use: KeyUse; key: VerifierKey; kind: LogKind } {
    const kind = kindOfOrigin(platform, origin);
    if (kind === undefined) throw new Error(`${origin} is no log of ${platform}`);
    const use = kind === 'opening' ? 'openings' : 'ledger';
    const began = use === 'openings' ? earlierOpenings.find(({ logs }) => logs.has(origin))?.publicKey : undefined;
    const key = verifierKeys.get(origin) ?? verifierKey(sha256, origin, KEY_TYPES.ed25519, began ?? publicKeys[use]);
    verifierKeys.set(origin, key);
    return { use, key, kind };
  }

  function checkKind(origin: string, kind: LogKind): void {
    if (keyOf(origin).kind !== kind) throw new Error(`${origin} is no log of kind ${kind}`);
  }

  const x = toBase64Url(publicKeys.receipts);
  const kid = toBase64Url(sha256(utf8(canonicalise({ crv: 'Ed25519', kty: 'OKP', x }))));
  const receiptJwk: ReceiptJwk = { kty: 'OKP', crv: 'Ed25519', x, kid };
  const vkeyOf = (origin: string, kind: LogKind): string => {
    checkKind(origin, kind);
    return formatVkey(keyOf(origin).key);
  };
  const tokenPublicKey = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
  return { keyOf, checkKind, vkeyOf, receiptJwk, publicKeys, tokenPublicKey };
}

/** What leads to a key, the earliest first; one that was given up and never came into use is not in it. */
function announcementsTo(publicKey: Uint8Array, announcements: readonly KeyAnnouncement[]): readonly KeyAnnouncement[] {
  const path: KeyAnnouncement[] = [];
  for (let key = toBase64(publicKey); ; ) {
    const said = announcements.find((one) => one.key.publicKey === key);
    if (said === undefined || path.includes(said)) return path;
    path.unshift(said);
    key = said.replaces;
  }
}

/** The keyring of these keys. */
export function createKeyring(platform: string, keys: PlatformKeys): SigningKeyring {
  const { next, earlierLedger, earlierOpenings } = keys.succession;
  const earlierKeys = earlierOpenings.map(({ key, logs }) => ({ publicKey: key.publicBytes, logs }));
  const publicKeys = {
    openings: keys.openings.publicBytes,
    ledger: keys.ledger.publicBytes,
    receipts: keys.receipts.publicBytes,
  };
  const { keyOf, checkKind, vkeyOf, receiptJwk, tokenPublicKey } = publicKeyring(platform, publicKeys, earlierKeys);

  /** Who signs a log: the key it began with; of ledger and access log the present key, and beside it those before and the one to come. */
  function signersOf(origin: string, use: KeyUse): readonly Key[] {
    if (use === 'ledger') return [keys.ledger, ...earlierLedger, ...(next.ledger === undefined ? [] : [next.ledger])];
    return [earlierOpenings.find(({ logs }) => logs.has(origin))?.key ?? keys.openings];
  }

  async function noteBy(name: string, signers: readonly Key[], text: string): Promise<string> {
    const lines = signers.map(async ({ publicBytes, sign }) => {
      const { keyId } = verifierKey(sha256, name, KEY_TYPES.ed25519, publicBytes);
      return { name, keyId, signature: await sign(utf8(text)) };
    });
    return formatNote(text, await Promise.all(lines));
  }

  async function signJws(payload: Json, header: { readonly [name: string]: string }): Promise<string> {
    const part = (value: Json): string => toBase64Url(utf8(canonicalise(value)));
    const signed = `${part({ alg: 'EdDSA', ...header })}.${part(payload)}`;
    return `${signed}.${toBase64Url(await keys.receipts.sign(utf8(signed)))}`;
  }

  return {
    checkKind,
    earlierKeys,
    vkeyOf,
    receiptJwk,
    publicKeys,
    announcements: KEY_USES.flatMap((use) =>
      announcementsTo(next[use]?.publicBytes ?? publicKeys[use], keys.succession.announcements),
    ),
    async signHead(origin, { size, root }) {
      const text = formatCheckpoint({ origin, size, root });
      return noteBy(origin, signersOf(origin, keyOf(origin).use), text);
    },
    signReceipt: (payload, typ) => signJws(payload, { kid: receiptJwk.kid, typ }),
    tokenKey: { publicKey: tokenPublicKey, sign: (payload) => signJws(payload, { typ: TOKEN_TYPE }) },
    signManifest: (text) => keys.ledger.sign(text),
    async signRecord(statement) {
      const log = readRecordStatement(statement)?.log ?? '';
      if (!isRecordStatement(platform, vkeyOf(log, 'opening'), statement)) throw new Error('no statement of a record');
      return noteBy(log, signersOf(log, 'openings'), statement);
    },
  };
}

/**
 * Reads the keys of a folder; they are made on the first start.
 *
 * Throws: KeyError.
 */
export async function openKeyring(folder: string, platform: string): Promise<SigningKeyring> {
  const keys = await openKeys(folder, !(await hasGuard(folder)));
  checkNoneCompromised(keys);
  return createKeyring(platform, keys);
}

/** Throws: KeyError key_compromised for a key in use that was given up as known to others, and is not taken over from yet. */
function checkNoneCompromised({ succession, ...keys }: PlatformKeys): void {
  for (const use of KEY_USES) {
    const next = succession.next[use];
    if (next === undefined) continue;
    const said = succession.announcements.find(
      ({ key, replaces }) =>
        key.publicKey === toBase64(next.publicBytes) && replaces === toBase64(keys[use].publicBytes),
    );
    if (said?.compromisedSince !== undefined)
      throw new KeyError('key_compromised', `others may have the key for ${use}: say \`keys take-over\` first`);
  }
}
