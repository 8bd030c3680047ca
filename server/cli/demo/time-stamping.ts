/** Answers of a time-stamping authority of the demo, and of tests that make theirs wrong on purpose; read back by core/timestamp. */
import { constants, type KeyObject, sign } from 'node:crypto';
import { formatInstant } from '../../core/log/instant.ts';
import { utf8 } from '../../core/log/utf8.ts';
import { parseCertificate } from '../../core/pki/certificate.ts';
import { type Der, derChildren, expectTag, readDerAs, TAG } from '../../core/pki/der.ts';
import { writeElement, writeOid } from '../../core/seal/der.ts';
import { ATTRIBUTE, RSASSA_PSS, SHA256, SIGNED_DATA, TST_INFO } from '../../core/timestamp/object-ids.ts';
import { sha256 } from '../../hash.ts';

/** Below the arc for examples, 2.999 (ITU-T X.660). */
export const DEMO_POLICY = '2.999.3161.1';

export type TsaIdentity = {
  readonly key: KeyObject;
  /** DER. */
  readonly certificate: Uint8Array;
  /** DER of those above it that are sent along. */
  readonly chain: readonly Uint8Array[];
};

/** What is said, and what a test makes of it. */
export type TsaAnswer = {
  /** Instant, ms. */
  readonly at: number;
  readonly serial: number;
  readonly policy?: string;
  /** Whole seconds; 1 by default, null says nothing of it. */
  readonly accuracySeconds?: number | null;
  /** DER elements to stand in the place of those the token would have. */
  readonly imprint?: Uint8Array;
  readonly nonce?: Uint8Array | null;
  readonly tail?: readonly Uint8Array[];
  /** The signed attributes, by their OIDs; what is undefined is left out. */
  readonly attributes?: (attributes: Attributes) => Attributes;
  readonly certificates?: readonly Uint8Array[];
  readonly crls?: readonly Uint8Array[];
  /** An RSA key signs with PSS. */
  readonly pss?: boolean;
};
export type Attributes = Readonly<Record<string, Uint8Array | undefined>>;

const GRANTED = writeElement(TAG.sequence, writeElement(TAG.integer, Uint8Array.of(0)));
const SHA256_ALGORITHM = writeElement(TAG.sequence, writeOid(SHA256));

const RSA_ALGORITHM = writeElement(TAG.sequence, writeOid('1.2.840.113549.1.1.11'), writeElement(TAG.null));
const ECDSA_ALGORITHM = writeElement(TAG.sequence, writeOid('1.2.840.10045.4.3.2'));
const MASK = writeElement(TAG.sequence, writeOid('1.2.840.113549.1.1.8'), SHA256_ALGORITHM);
const PSS_ALGORITHM = writeElement(
  TAG.sequence,
  writeOid(RSASSA_PSS),
  writeElement(
    TAG.sequence,
    writeElement(0xa0, SHA256_ALGORITHM),
    writeElement(0xa1, MASK),
    writeElement(0xa2, writeElement(TAG.integer, Uint8Array.of(32))),
  ),
);
const withPss = (key: KeyObject) => ({ key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 });

/** What a request asks: its imprint and nonce as elements. Throws: CertificateError. */
function readRequest(request: Uint8Array): { imprint: Der; nonce: Der | undefined } {
  const [, imprint, ...rest] = derChildren(readDerAs(request, TAG.sequence));
  return { imprint: expectTag(imprint, TAG.sequence), nonce: rest.find(({ tag }) => tag === TAG.integer) };
}

/** Stamps what is asked. Returns: DER of the TimeStampResp. Throws: CertificateError for what is no request. */
export function answerTimestamp(request: Uint8Array, identity: TsaIdentity, answer: TsaAnswer): Uint8Array {
  const { imprint, nonce } = readRequest(request);
  const { policy = DEMO_POLICY, accuracySeconds = 1, serial } = answer;
  const ownNonce = answer.nonce === undefined ? nonce?.full : (answer.nonce ?? undefined);
  const info = writeElement(
    TAG.sequence,
    integer(1),
    writeOid(policy),
    answer.imprint ?? imprint.full,
    integer(serial),
    writeTime(answer.at),
    ...(accuracySeconds === null ? [] : [writeElement(TAG.sequence, integer(accuracySeconds))]),
    ...(ownNonce === undefined ? [] : [ownNonce]),
    ...(answer.tail ?? []),
  );
  return writeElement(TAG.sequence, GRANTED, signInfo(info, identity, answer));
}

/** Refuses a request. Returns: DER of a TimeStampResp with the status `rejection`. */
export function refuseTimestamp(words: string): Uint8Array {
  const said = writeElement(TAG.sequence, writeElement(TAG.utf8String, utf8(words)));
  return writeElement(TAG.sequence, writeElement(TAG.sequence, integer(2), said));
}

function signInfo(info: Uint8Array, identity: TsaIdentity, answer: TsaAnswer): Uint8Array {
  const { key, certificate, chain } = identity;
  const signer = parseCertificate(certificate);
  const essCertificate = writeElement(TAG.sequence, writeElement(TAG.octetString, sha256(certificate)));
  const own: Attributes = {
    [ATTRIBUTE.contentType]: writeOid(TST_INFO),
    [ATTRIBUTE.messageDigest]: writeElement(TAG.octetString, sha256(info)),
    [ATTRIBUTE.signingCertificateV2]: writeElement(TAG.sequence, writeElement(TAG.sequence, essCertificate)),
  };
  const attributes = Object.entries((answer.attributes ?? ((same) => same))(own))
    .flatMap(([oid, value]) =>
      value === undefined ? [] : [writeElement(TAG.sequence, writeOid(oid), writeElement(TAG.set, value))],
    )
    .sort(Buffer.compare);
  const isPss = answer.pss === true;
  const signature = sign('sha256', writeElement(TAG.set, ...attributes), isPss ? withPss(key) : key);
  const serial = derChildren(expectTag(derChildren(readDerAs(certificate, TAG.sequence))[0], TAG.sequence))[1] as Der;
  const signerInfo = writeElement(
    TAG.sequence,
    integer(1),
    writeElement(TAG.sequence, signer.issuer.full, serial.full),
    SHA256_ALGORITHM,
    writeElement(0xa0, ...attributes),
    isPss ? PSS_ALGORITHM : key.asymmetricKeyType === 'rsa' ? RSA_ALGORITHM : ECDSA_ALGORITHM,
    writeElement(TAG.octetString, signature),
  );
  const signedData = writeElement(
    TAG.sequence,
    integer(3),
    writeElement(TAG.set, SHA256_ALGORITHM),
    writeElement(TAG.sequence, writeOid(TST_INFO), writeElement(0xa0, writeElement(TAG.octetString, info))),
    writeElement(0xa0, ...(answer.certificates ?? [certificate, ...chain])),
    ...(answer.crls === undefined ? [] : [writeElement(0xa1, ...answer.crls)]),
    writeElement(TAG.set, signerInfo),
  );
  return writeElement(TAG.sequence, writeOid(SIGNED_DATA), writeElement(0xa0, signedData));
}

/** A small INTEGER that is not negative. */
function integer(value: number): Uint8Array {
  const octets: number[] = [];
  for (let rest = value; rest > 0; rest = Math.floor(rest / 256)) octets.unshift(rest % 256);
  if ((octets[0] ?? 0x80) >= 0x80) octets.unshift(0);
  return writeElement(TAG.integer, Uint8Array.from(octets));
}

/** GeneralizedTime in whole ms, without the zeros at the end that DER forbids. */
function writeTime(at: number): Uint8Array {
  const [seconds = '', fraction = ''] = formatInstant(at)
    .replace(/[-:TZ]/g, '')
    .split('.');
  const digits = fraction.replace(/0+$/, '');
  return writeElement(TAG.generalizedTime, utf8(`${seconds}${digits === '' ? '' : `.${digits}`}Z`));
}
