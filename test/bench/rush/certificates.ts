/** Certificates for a thousand bidders in seconds: a CA of one level, a fresh P-256 key to sign with for each, one RSA key to be sealed to for all. */
import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import {
  basicConstraints,
  demoCreditCode,
  type Holder,
  holderName,
  keyUsage,
  makeCertificate,
} from '../../../server/cli/demo/ca.ts';
import { parsePem } from '../../../server/core/pki/certificate.ts';
import type { KeyUsage } from '../../../server/core/pki/extensions.ts';
import { ATTRIBUTE } from '../../../server/core/pki/names.ts';

const DAY_MS = 86_400_000;
/** Behind the organisations that the officials are of. */
const FIRST_ORGANISATION = 10;

export type BulkBidder = {
  readonly holder: Holder;
  readonly signing: { readonly certificate: Uint8Array; readonly privateKey: KeyObject };
  /** DER. */
  readonly encryptionCertificate: Uint8Array;
};

export type BulkCa = {
  readonly rootPem: string;
  /** Opens what is sealed to any of these bidders: making a thousand RSA keys would take minutes and measure nothing. */
  readonly encryptionKey: KeyObject;
  issue(index: number): BulkBidder;
};

/** Makes the CA, around the instant `at`, ms. */
export function makeBulkCa(at: number): BulkCa {
  const caKey = p256();
  const encryptionKey = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
  const caName = [
    [ATTRIBUTE.country, 'CN'],
    [ATTRIBUTE.commonName, 'Rush Root'],
  ] as const;
  const validity = { notBeforeAt: at - DAY_MS, notAfterAt: at + 30 * DAY_MS };
  const rootPem = makeCertificate({
    ...validity,
    subject: caName,
    issuer: caName,
    publicKey: createPublicKey(caKey),
    issuerKey: caKey,
    serial: '01',
    extensions: [basicConstraints(true, 0), keyUsage(['keyCertSign', 'cRLSign'])],
  });
  let serial = 0x1000;

  function certificateFor(holder: Holder, key: KeyObject, usages: readonly KeyUsage[]): Uint8Array {
    serial += 1;
    const pem = makeCertificate({
      ...validity,
      subject: holderName(holder),
      issuer: caName,
      publicKey: createPublicKey(key),
      issuerKey: caKey,
      serial: serial.toString(16).padStart(6, '0'),
      extensions: [basicConstraints(false), keyUsage(usages)],
    });
    const [certificate] = parsePem(pem);
    if (certificate === undefined) throw new Error('no certificate');
    return certificate.der;
  }

  return {
    rootPem,
    encryptionKey,
    issue(index) {
      const name = `投标人${index}`;
      const holder: Holder = {
        creditCode: demoCreditCode(FIRST_ORGANISATION + index),
        organisation: name,
        name,
      };
      const privateKey = p256();
      return {
        holder,
        signing: {
          certificate: certificateFor(holder, privateKey, ['digitalSignature', 'nonRepudiation']),
          privateKey,
        },
        encryptionCertificate: certificateFor(holder, encryptionKey, ['keyEncipherment', 'dataEncipherment']),
      };
    },
  };
}

function p256(): KeyObject {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
}
