/** Envelopes put together from parts, so that a test can leave out, add or spoil exactly one of them. */
import { joinBytes } from '../../../server/core/log/bytes.ts';
import { OID_AES_256_GCM } from '../../../server/core/seal/content-cipher.ts';
import { TAG, writeElement, writeOid } from '../../../server/core/seal/der.ts';
import { OID_AUTH_ENVELOPED_DATA, OID_DATA } from '../../../server/core/seal/envelope.ts';
import { type Recipient, writeRecipientInfos } from '../../../server/core/seal/recipient-info.ts';

export const NO_BYTES = new Uint8Array(0);
export const NONCE = Uint8Array.from({ length: 12 }, (_, index) => index);
export const GCM = { cipher: 'aes_256_gcm', nonce: NONCE } as const;
export const MAC = new Uint8Array(16).fill(0xee);
export const CIPHERTEXT = Uint8Array.from({ length: 3000 }, (_, index) => (index * 7) % 251);

export const RECIPIENT: Recipient = {
  keyTransport: 'rsa_oaep_sha256',
  encryptedKey: new Uint8Array(256).fill(7),
  identifier: { issuer: writeElement(TAG.sequence), serial: Uint8Array.of(1, 2, 3) },
};

type Wrap = (tag: number, ...parts: Uint8Array[]) => Uint8Array;
export const definite: Wrap = writeElement;
/** BER: end-of-contents octets instead of a length. */
export const indefinite: Wrap = (tag, ...parts) => joinBytes(Uint8Array.of(tag, 0x80), ...parts, Uint8Array.of(0, 0));

export const octets = (bytes: Uint8Array): Uint8Array => writeElement(TAG.octetString, bytes);

/** `bytes` as OCTET STRINGs of at most `size` bytes. */
export function segments(bytes: Uint8Array, size: number): Uint8Array {
  const parts: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += size) parts.push(octets(bytes.subarray(at, at + size)));
  return joinBytes(...parts);
}

export function cipherOf(oid: string, nonce: Uint8Array, tagLength: Uint8Array): Uint8Array {
  return definite(TAG.sequence, writeOid(oid), definite(TAG.sequence, octets(nonce), tagLength));
}

export const TAG_LENGTH = writeElement(TAG.integer, Uint8Array.of(16));

export type Parts = {
  wrap?: Wrap;
  outerType?: string;
  version?: Uint8Array;
  originator?: Uint8Array;
  recipientInfos?: Uint8Array;
  contentType?: string;
  cipher?: Uint8Array;
  content?: Uint8Array;
  attributes?: Uint8Array;
  mac?: Uint8Array;
  behindMac?: Uint8Array;
  trailing?: Uint8Array;
};

/** A right envelope, but for the parts given. */
export function envelopeOf(parts: Parts = {}): Uint8Array {
  const wrap = parts.wrap ?? definite;
  const content = wrap(
    TAG.sequence,
    writeOid(parts.contentType ?? OID_DATA),
    parts.cipher ?? cipherOf(OID_AES_256_GCM, NONCE, TAG_LENGTH),
    parts.content ?? writeElement(TAG.context0, CIPHERTEXT),
  );
  const data = wrap(
    TAG.sequence,
    parts.version ?? writeElement(TAG.integer, Uint8Array.of(0)),
    parts.originator ?? NO_BYTES,
    parts.recipientInfos ?? writeRecipientInfos(RECIPIENT),
    content,
    parts.attributes ?? NO_BYTES,
    parts.mac ?? octets(MAC),
    parts.behindMac ?? NO_BYTES,
  );
  const type = writeOid(parts.outerType ?? OID_AUTH_ENVELOPED_DATA);
  return joinBytes(wrap(TAG.sequence, type, wrap(TAG.constructedContext0, data)), parts.trailing ?? NO_BYTES);
}

export const POINT = Uint8Array.from({ length: 65 }, (_, index) => (index === 0 ? 4 : index));
const ISSUER_AND_SERIAL = definite(TAG.sequence, definite(TAG.sequence), definite(TAG.integer, Uint8Array.of(1)));
const recipientKey = (rid: Uint8Array, wrappedKey: Uint8Array): Uint8Array =>
  definite(TAG.sequence, rid, octets(wrappedKey));
export const AGREED_KEY = recipientKey(ISSUER_AND_SERIAL, new Uint8Array(40));

export type AgreementParts = {
  version?: Uint8Array;
  originator?: Uint8Array;
  keyType?: string;
  curve?: Uint8Array;
  point?: Uint8Array;
  ukm?: Uint8Array;
  scheme?: string;
  wrap?: string;
  wrapParameters?: Uint8Array;
  keys?: Uint8Array;
  rid?: Uint8Array;
  wrappedKey?: Uint8Array;
  behind?: Uint8Array;
};

/** An envelope whose recipient agrees on the key, right but for the parts given. */
export function agreed(parts: AgreementParts = {}): Uint8Array {
  const keyType = writeOid(parts.keyType ?? '1.2.840.10045.2.1');
  const publicKey = definite(TAG.bitString, Uint8Array.of(0), parts.point ?? POINT);
  const originator = definite(0xa1, definite(TAG.sequence, keyType, parts.curve ?? NO_BYTES), publicKey);
  const wrap = writeOid(parts.wrap ?? '2.16.840.1.101.3.4.1.45');
  const info = definite(
    0xa1,
    definite(TAG.integer, parts.version ?? Uint8Array.of(3)),
    definite(0xa0, parts.originator ?? originator),
    parts.ukm ?? NO_BYTES,
    definite(
      TAG.sequence,
      writeOid(parts.scheme ?? '1.3.132.1.11.1'),
      definite(TAG.sequence, wrap, parts.wrapParameters ?? NO_BYTES),
    ),
    definite(
      TAG.sequence,
      parts.keys ?? recipientKey(parts.rid ?? ISSUER_AND_SERIAL, parts.wrappedKey ?? new Uint8Array(40)),
    ),
    parts.behind ?? NO_BYTES,
  );
  return envelopeOf({ recipientInfos: definite(TAG.set, info) });
}
