/** A certificate that a key signs for itself: a form in which stock tools take the opening key, and nothing to trust; what to trust stands on the log. */
import { joinBytes } from '../core/log/bytes.ts';
import type { Sha256 } from '../core/log/hash.ts';
import { utf8 } from '../core/log/utf8.ts';
import { EXTENSION } from '../core/pki/extensions.ts';
import { ATTRIBUTE } from '../core/pki/names.ts';
import { TAG, writeElement, writeOid } from '../core/seal/der.ts';

const OID_SHA256_WITH_RSA = '1.2.840.113549.1.1.11';
/** What core/seal/der does not need: the tags of this one structure. */
const UTF8_STRING = 0x0c;
const UTC_TIME = 0x17;
const GENERALIZED_TIME = 0x18;
const BIT_STRING = 0x03;
const BOOLEAN = 0x01;
const CONTEXT_3 = 0xa3;
/** keyUsage with the one bit keyEncipherment. */
const KEY_ENCIPHERMENT = Uint8Array.of(BIT_STRING, 2, 5, 0x20);
const SERIAL_BYTES = 16;
const KEY_IDENTIFIER_BYTES = 20;

export type SelfSigned = {
  /** The one attribute of its name, commonName. */
  name: string;
  /** Instants, ms. */
  notBeforeAt: number;
  notAfterAt: number;
  /** The public key as SubjectPublicKeyInfo, DER. */
  spki: Uint8Array;
  /** RSASSA-PKCS1-v1_5 with SHA-256 by its private half. */
  sign(bytes: Uint8Array): Uint8Array | Promise<Uint8Array>;
};

/** The certificate, DER. Source: RFC 5280 §4.1. */
export async function selfSigned(
  { name, notBeforeAt, notAfterAt, spki, sign }: SelfSigned,
  { sha256, randomBytes }: { readonly sha256: Sha256; readonly randomBytes: (length: number) => Uint8Array },
): Promise<Uint8Array> {
  const algorithm = writeElement(TAG.sequence, writeOid(OID_SHA256_WITH_RSA), writeElement(TAG.null));
  const attribute = writeElement(TAG.sequence, writeOid(ATTRIBUTE.commonName), writeElement(UTF8_STRING, utf8(name)));
  const distinguishedName = writeElement(TAG.sequence, writeElement(TAG.set, attribute));
  const keyIdentifier = writeElement(TAG.octetString, sha256(spki).subarray(0, KEY_IDENTIFIER_BYTES));
  const extensions = writeElement(
    TAG.sequence,
    writeExtension(EXTENSION.keyUsage, KEY_ENCIPHERMENT, true),
    writeExtension(EXTENSION.subjectKeyIdentifier, keyIdentifier, false),
  );
  const body = writeElement(
    TAG.sequence,
    writeElement(TAG.constructedContext0, writeElement(TAG.integer, Uint8Array.of(2))),
    // positive, and never shortened: the first byte is between 0x40 and 0x7f
    writeElement(TAG.integer, joinBytes(Uint8Array.of(0x40), randomBytes(SERIAL_BYTES - 1))),
    algorithm,
    distinguishedName,
    writeElement(TAG.sequence, writeTime(notBeforeAt), writeTime(notAfterAt)),
    distinguishedName,
    spki,
    writeElement(CONTEXT_3, extensions),
  );
  const signature = await sign(body);
  return writeElement(TAG.sequence, body, algorithm, writeElement(BIT_STRING, joinBytes(Uint8Array.of(0), signature)));
}

function writeExtension(oid: string, value: Uint8Array, isCritical: boolean): Uint8Array {
  const critical = isCritical ? [writeElement(BOOLEAN, Uint8Array.of(0xff))] : [];
  return writeElement(TAG.sequence, writeOid(oid), ...critical, writeElement(TAG.octetString, value));
}

/** From then on two digits of the year do not say which. */
const UTC_TIME_ENDS_AT = Date.UTC(2050, 0, 1);

/** UTCTime, GeneralizedTime from 2050 on, whole seconds. Source: RFC 5280 §4.1.2.5. */
function writeTime(at: number): Uint8Array {
  const digits = new Date(at).toISOString().replace(/\.\d+/u, '').replace(/[-:T]/gu, '');
  return at < UTC_TIME_ENDS_AT
    ? writeElement(UTC_TIME, utf8(digits.slice(2)))
    : writeElement(GENERALIZED_TIME, utf8(digits));
}
