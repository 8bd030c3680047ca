/** A token in a reader: its certificates, and what its keys sign and unwrap; the PIN is asked for when a key is first needed, and not kept. */
import { createHash, verify, X509Certificate } from 'node:crypto';
import { SealError } from '../../client/seal-error.ts';
import type { JwsAlgorithm } from '../../core/log/act.ts';
import { joinBytes } from '../../core/log/bytes.ts';
import { type Certificate, parseCertificate } from '../../core/pki/certificate.ts';
import { CertificateError } from '../../core/pki/der.ts';
import { keyTransportsFor, type Recipient } from '../../core/seal/recipient-info.ts';
import { unwrapAgreed } from '../seal/wrap.ts';
import { boolByte, CK, type Cryptoki, CryptokiError, type Handle, type Mechanism, ulongBytes } from './cryptoki.ts';
import { TokenError, type TokenFault } from './token-error.ts';

/** A certificate on the token that is no CA's, DER, with the CAs' beside it. */
export type TokenCertificate = { readonly certificate: Uint8Array; readonly chain: readonly Uint8Array[] };

export type Token = {
  /** Needs no PIN. Throws: TokenError. */
  certificates(): readonly TokenCertificate[];
  /** The algorithm in which the key of a certificate signs. Throws: TokenError token_cannot. */
  algorithmOf(certificate: Uint8Array): JwsAlgorithm;
  /** Signs with the key of a certificate; for ES256 r‖s. Throws: TokenError. */
  sign(certificate: Uint8Array, data: Uint8Array): Promise<Uint8Array>;
  /** What the key of a certificate makes of a wrapped key. The bytes are the caller's to erase. Throws: TokenError; SealError unwrap_failed. */
  unwrap(certificate: Uint8Array, recipient: Recipient): Promise<Uint8Array>;
  close(): void;
};

export type TokenNeeds = {
  readonly cryptoki: Cryptoki;
  /** Which of several tokens; the only one when left out. */
  readonly label?: string | undefined;
  /** Asks the person; `isLastTry` when the token locks itself after one more wrong one. Throws: whatever it throws is passed on. */
  readonly askPin: (asked: { readonly label: string; readonly isLastTry: boolean }) => Promise<string>;
};

/** DigestInfo of SHA-256, for tokens that only pad. Source: RFC 8017 §9.2, note 1. */
const DIGEST_INFO = Buffer.from('3031300d060960864801650304020105000420', 'hex');
const X509 = 0;
const SHARED_BYTES = 32;
const OCTET_STRING = 0x04;

const FAULTS: Readonly<Record<number, TokenFault>> = {
  3: 'token_missing', // CKR_SLOT_ID_INVALID
  48: 'token_gone', // CKR_DEVICE_ERROR
  50: 'token_gone', // CKR_DEVICE_REMOVED
  99: 'token_cannot', // CKR_KEY_TYPE_INCONSISTENT
  104: 'token_cannot', // CKR_KEY_FUNCTION_NOT_PERMITTED
  112: 'token_cannot', // CKR_MECHANISM_INVALID
  113: 'token_cannot', // CKR_MECHANISM_PARAM_INVALID
  7: 'token_cannot', // CKR_ARGUMENTS_BAD: SoftHSM2 of OAEP with SHA-256
  160: 'token_pin_wrong', // CKR_PIN_INCORRECT
  161: 'token_pin_wrong', // CKR_PIN_INVALID
  162: 'token_pin_wrong', // CKR_PIN_LEN_RANGE
  164: 'token_pin_locked', // CKR_PIN_LOCKED
  176: 'token_gone', // CKR_SESSION_CLOSED
  179: 'token_gone', // CKR_SESSION_HANDLE_INVALID
  224: 'token_gone', // CKR_TOKEN_NOT_PRESENT
  225: 'token_gone', // CKR_TOKEN_NOT_RECOGNIZED
  257: 'token_gone', // CKR_USER_NOT_LOGGED_IN: somebody else ended it
};
const ALREADY_LOGGED_IN = 0x100;
/** What a private key answers to bytes that nobody wrapped to it. CKR_ENCRYPTED_DATA_INVALID, …_LEN_RANGE, CKR_DATA_INVALID, CKR_FUNCTION_FAILED, CKR_GENERAL_ERROR. */
const UNWRAP_FAILED: readonly number[] = [0x40, 0x41, 0x20, 0x06, 0x05];

/** Opens a token lazily: nothing is asked of it before something is asked of this. */
export function openToken({ cryptoki, label, askPin }: TokenNeeds): Token {
  let open: { readonly session: Handle; readonly slot: Handle; readonly name: string; isLoggedIn: boolean } | null =
    null;

  /** Runs calls; of a token that is gone nothing is kept, so that the next try begins anew. */
  function asking<Value>(ask: () => Value): Value {
    try {
      return ask();
    } catch (fault) {
      if (!(fault instanceof CryptokiError)) throw fault;
      const code = FAULTS[fault.value] ?? 'token_failed';
      if (code === 'token_gone' || code === 'token_missing') forget();
      throw new TokenError(code, fault.message);
    }
  }

  function forget(): void {
    const { session } = open ?? {};
    open = null;
    if (session === undefined) return;
    try {
      cryptoki.closeSession(session);
    } catch (fault) {
      // it went with its token
      if (!(fault instanceof CryptokiError)) throw fault;
    }
  }

  function opened() {
    open ??= asking(() => {
      const found = cryptoki.slots().flatMap((slot) => {
        const name = labelIn(slot);
        return name === null || (label !== undefined && name !== label) ? [] : [{ slot, name }];
      });
      const [first, second] = found;
      if (first === undefined || second !== undefined)
        throw new TokenError('token_missing', found.map(({ name }) => name).join(', '));
      return { ...first, session: cryptoki.openSession(first.slot), isLoggedIn: false };
    });
    return open;
  }

  /** Null for a slot whose token went, or was never set up. */
  function labelIn(slot: Handle): string | null {
    try {
      return cryptoki.tokenInfo(slot).label || null;
    } catch (fault) {
      if (fault instanceof CryptokiError) return null;
      throw fault;
    }
  }

  async function pinOf(): Promise<Uint8Array | null> {
    const { slot, name } = opened();
    const { flags } = asking(() => cryptoki.tokenInfo(slot));
    if ((flags & CK.tokenFlag.pinLocked) !== 0) throw new TokenError('token_pin_locked');
    // the reader has keys of its own
    if ((flags & CK.tokenFlag.protectedPath) !== 0) return null;
    const isLastTry = (flags & CK.tokenFlag.pinFinalTry) !== 0;
    const pin = await askPin({ label: name, isLastTry });
    // Enter alone is nobody's PIN, and some tokens count it as a try
    if (pin === '') throw new TokenError('token_pin_wrong', 'none was typed');
    return Buffer.from(pin, 'utf8');
  }

  async function loggedIn() {
    if (opened().isLoggedIn) return opened();
    const pin = await pinOf();
    try {
      const now = opened();
      asking(() => ignoring(ALREADY_LOGGED_IN, () => cryptoki.login(now.session, CK.user, pin)));
      now.isLoggedIn = true;
      return now;
    } finally {
      pin?.fill(0);
    }
  }

  /** The objects of a certificate: itself, and the private key of the same id. */
  async function keyOf(certificate: Uint8Array) {
    const { session, slot } = await loggedIn();
    return asking(() => {
      const [object] = cryptoki.find(session, [
        { type: CK.attribute.class, value: ulongBytes(CK.certificate) },
        { type: CK.attribute.value, value: certificate },
      ]);
      if (object === undefined) throw new TokenError('token_key_missing');
      const id = cryptoki.attribute(session, object, CK.attribute.id);
      const [key] = cryptoki.find(session, [
        { type: CK.attribute.class, value: ulongBytes(CK.privateKey) },
        { type: CK.attribute.id, value: id },
      ]);
      if (key === undefined) throw new TokenError('token_key_missing');
      return { session, slot, key, asksAlways: asksAlways(session, key) };
    });
  }

  /** Some keys, of qualified signatures, want their PIN each time. */
  function asksAlways(session: Handle, key: Handle): boolean {
    try {
      return cryptoki.attribute(session, key, CK.attribute.alwaysAuthenticate)[0] === 1;
    } catch (fault) {
      // modules from before the attribute
      if (fault instanceof CryptokiError) return false;
      throw fault;
    }
  }

  type Key = Awaited<ReturnType<typeof keyOf>>;
  async function using(key: Key, act: (before: () => void) => Uint8Array): Promise<Uint8Array> {
    const pin = key.asksAlways ? await pinOf() : null;
    try {
      return asking(() =>
        act(() => {
          if (key.asksAlways) cryptoki.login(key.session, CK.contextSpecific, pin);
        }),
      );
    } catch (fault) {
      // what was begun before the PIN is still under way in this session, and keeps every other thing from beginning
      if (key.asksAlways) forget();
      throw fault;
    } finally {
      pin?.fill(0);
    }
  }

  /** Source: PKCS #11 v2.40 §2.3.8: the other's point raw, and in older modules as an OCTET STRING. */
  function agree(key: Key, point: Uint8Array): Uint8Array {
    const wanted = [
      { type: CK.attribute.class, value: ulongBytes(CK.secretKey) },
      { type: CK.attribute.keyType, value: ulongBytes(CK.genericSecret) },
      { type: CK.attribute.token, value: boolByte(false) },
      { type: CK.attribute.sensitive, value: boolByte(false) },
      { type: CK.attribute.extractable, value: boolByte(true) },
      { type: CK.attribute.valueLength, value: ulongBytes(SHARED_BYTES) },
    ];
    const derive = (publicData: Uint8Array): Handle =>
      cryptoki.derive(
        key.session,
        { type: CK.mechanism.ecdhDerive, parameter: { kind: 'ecdh', publicData } },
        key.key,
        wanted,
      );
    let secret: Handle;
    try {
      secret = derive(point);
    } catch (fault) {
      if (!(fault instanceof CryptokiError)) throw fault;
      secret = derive(joinBytes(Uint8Array.of(OCTET_STRING, point.length), point));
    }
    try {
      return cryptoki.attribute(key.session, secret, CK.attribute.value);
    } finally {
      cryptoki.destroy(key.session, secret);
    }
  }

  return {
    certificates() {
      const { session } = opened();
      const all = asking(() =>
        cryptoki
          .find(session, [
            { type: CK.attribute.class, value: ulongBytes(CK.certificate) },
            { type: CK.attribute.certificateType, value: ulongBytes(X509) },
          ])
          .map((object) => cryptoki.attribute(session, object, CK.attribute.value)),
      ).flatMap((der) => readable(der));
      const chain = all.filter(isCa).map(({ der }) => der);
      return all.filter((one) => !isCa(one)).map(({ der }) => ({ certificate: der, chain }));
    },
    algorithmOf,
    async sign(certificate, data) {
      const key = await keyOf(certificate);
      const alg = algorithmOf(certificate);
      const digest = createHash('sha256').update(data).digest();
      const mechanisms = asking(() => cryptoki.mechanisms(key.slot));
      const { ecdsa, rsaPkcs, sha256RsaPkcs } = CK.mechanism;
      const isHashing = alg === 'RS256' && mechanisms.includes(sha256RsaPkcs);
      const mechanism = { type: alg === 'ES256' ? ecdsa : isHashing ? sha256RsaPkcs : rsaPkcs };
      const input = alg === 'ES256' ? digest : isHashing ? data : Buffer.concat([DIGEST_INFO, digest]);
      const signature = await using(key, (before) => cryptoki.sign(key.session, mechanism, key.key, input, before));
      // an id that names another key's object would otherwise be found out by the platform only
      const { publicKey } = new X509Certificate(certificate);
      if (!verify('sha256', data, { key: publicKey, dsaEncoding: 'ieee-p1363' }, signature))
        throw new TokenError('token_key_other');
      return signature;
    },
    async unwrap(certificate, recipient) {
      const key = await keyOf(certificate);
      if (recipient.keyTransport === 'ecdh_p256') {
        const shared = await using(key, () => agree(key, recipient.ephemeralKey));
        return unwrapAgreed(shared, recipient.encryptedKey);
      }
      const mechanism = rsaMechanism(recipient);
      return using(key, (before) =>
        unwrapping(() => cryptoki.decrypt(key.session, mechanism, key.key, recipient.encryptedKey, before)),
      );
    },
    close: forget,
  };
}

type Readable = { readonly der: Uint8Array; readonly certificate: Certificate };

/** Whatever else a token carries is nobody's certificate. */
function readable(der: Uint8Array): Readable[] {
  try {
    return [{ der, certificate: parseCertificate(der) }];
  } catch (fault) {
    if (fault instanceof CertificateError) return [];
    throw fault;
  }
}

const isCa = ({ certificate }: Readable): boolean => certificate.basicConstraints?.ca === true;

/** Why: PKCS #11 names no mechanism of SM2; makers number their own, and those are not guessed. */
function algorithmOf(certificate: Uint8Array): JwsAlgorithm {
  const [first] = keyTransportsFor(parseCertificate(certificate));
  if (first === 'ecdh_p256') return 'ES256';
  if (first === undefined || first === 'sm2') throw new TokenError('token_cannot', 'neither RSA nor P-256');
  return 'RS256';
}

function rsaMechanism({ keyTransport }: Recipient): Mechanism {
  const { rsaPkcs, rsaOaep, sha1, sha256 } = CK.mechanism;
  switch (keyTransport) {
    case 'rsa_pkcs1_v15':
      return { type: rsaPkcs };
    case 'rsa_oaep_sha1':
      return { type: rsaOaep, parameter: { kind: 'oaep', hash: sha1, mask: CK.mask.sha1 } };
    case 'rsa_oaep_sha256':
      return { type: rsaOaep, parameter: { kind: 'oaep', hash: sha256, mask: CK.mask.sha256 } };
    default:
      throw new TokenError('token_cannot', keyTransport);
  }
}

/** Throws: SealError unwrap_failed for bytes that were wrapped to another key. */
function unwrapping(decrypt: () => Uint8Array): Uint8Array {
  try {
    return decrypt();
  } catch (fault) {
    if (fault instanceof CryptokiError && UNWRAP_FAILED.includes(fault.value)) throw new SealError('unwrap_failed');
    throw fault;
  }
}

function ignoring(value: number, call: () => void): void {
  try {
    call();
  } catch (fault) {
    if (!(fault instanceof CryptokiError) || fault.value !== value) throw fault;
  }
}
