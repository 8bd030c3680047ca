/** Certificate authorities for the tests of core/pki: each certificate and CRL as a test wants it, wrong ones included. */
import { createPublicKey, type KeyObject } from 'node:crypto';
import forge from 'node-forge';
import {
  basicConstraints,
  type CertificateRequest,
  crlSigner,
  keyUsage,
  makeCertificate,
  makeKey,
  type NamePart,
} from '../../../server/cli/demo/ca.ts';
import { type CrlRequest, makeCrl, writeExtension } from '../../../server/cli/demo/crl.ts';
import { utf8 } from '../../../server/core/log/utf8.ts';
import { type Certificate, parsePem } from '../../../server/core/pki/certificate.ts';
import { type Crl, parseCrl } from '../../../server/core/pki/crl.ts';
import { TAG } from '../../../server/core/pki/der.ts';
import { ATTRIBUTE } from '../../../server/core/pki/names.ts';
import { writeElement, writeOid } from '../../../server/core/seal/der.ts';

export const DAY_MS = 86_400_000;
export const at = Date.parse('2026-03-02T01:00:00.000Z');

export type Authority = {
  readonly name: readonly NamePart[];
  readonly key: KeyObject;
  readonly certificate: Certificate;
  readonly pem: string;
};

export const caUsage = keyUsage(['keyCertSign', 'cRLSign']);
export const signUsage = keyUsage(['digitalSignature']);
let serial = 0x1000;

/** A certificate under `issuer` (or self-signed); a CA that may sign CRLs unless `changes` say otherwise. */
export async function authority(
  name: string,
  issuer?: Authority,
  changes: Partial<CertificateRequest> = {},
): Promise<Authority> {
  const key = await makeKey('p256');
  const subject: readonly NamePart[] = changes.subject ?? [[ATTRIBUTE.commonName, name]];
  serial += 1;
  const pem = makeCertificate({
    subject,
    issuer: issuer?.name ?? subject,
    publicKey: createPublicKey(key),
    issuerKey: issuer?.key ?? key,
    serial: serial.toString(16),
    notBeforeAt: at - DAY_MS,
    notAfterAt: at + DAY_MS,
    extensions: [basicConstraints(true), caUsage],
    ...changes,
  });
  return { name: subject, key, certificate: only(parsePem(pem)), pem };
}

/** Somebody's signing certificate. */
export function holder(issuer: Authority, ...extensions: CertificateRequest['extensions']): Promise<Authority> {
  return authority('Holder', issuer, { extensions: [basicConstraints(false), signUsage, ...extensions] });
}

export function only<T>(values: readonly T[]): T {
  const [value] = values;
  if (value === undefined) throw new Error('nothing there');
  return value;
}

/** A CRL of this authority, a day old and good for another, without entries unless `changes` say otherwise. */
export function crlDer(issuer: Authority, changes: Partial<CrlRequest> = {}): Uint8Array {
  return makeCrl({
    issuer: issuer.certificate.subject.full,
    signer: crlSigner(issuer.key),
    thisUpdateAt: at - DAY_MS,
    nextUpdateAt: at + DAY_MS,
    entries: [],
    number: 1,
    ...changes,
  });
}

export const crl = (issuer: Authority, changes: Partial<CrlRequest> = {}): Crl => parseCrl(crlDer(issuer, changes));

/** An extension of a certificate around DER of ours. */
export function rawExtension(oid: string, critical: boolean, value: Uint8Array): forge.asn1.Asn1 {
  return forge.asn1.fromDer(Buffer.from(writeExtension(oid, critical, value)).toString('latin1'));
}

export const sequenceOf = (...parts: Uint8Array[]): Uint8Array => writeElement(TAG.sequence, ...parts);
export const oid = writeOid;
/** An element with a context tag, around text or other elements. */
export const tagged = (tag: number, ...parts: (Uint8Array | string)[]): Uint8Array =>
  writeElement(tag, ...parts.map((part) => (typeof part === 'string' ? utf8(part) : part)));
/** A distribution point name with one URI. */
export const uriPoint = (uri: string): Uint8Array => tagged(0xa0, tagged(0xa0, tagged(0x86, uri)));
