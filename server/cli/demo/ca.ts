/** A certificate authority for the demo and the tests: every kind of right and wrong certificate, and never a trusted one. */
import { createHash, createPrivateKey, createPublicKey, generateKeyPair, type KeyObject, sign } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import forge from 'node-forge';
import { writeSm2Signature } from '../../core/gm/der.ts';
import { CREDIT_CODE_ALPHABET, creditCodeCheck } from '../../core/pki/credit-code.ts';
import { EXTENSION, KEY_USAGES, type KeyUsage } from '../../core/pki/extensions.ts';
import { ATTRIBUTE } from '../../core/pki/names.ts';
import { TIME_STAMPING } from '../../core/timestamp/object-ids.ts';
import { sm2PrivateKey } from '../../sm2.ts';
import { type CrlRequest, type CrlSigner, makeCrl } from './crl.ts';

const DAY_MS = 86_400_000;
const ROOT_DAYS = 3650;
const PERSON_DAYS = 730;
/** Certificates begin a day early, so that a client whose clock is behind can use a fresh one. */
const EARLY_MS = DAY_MS;
const RSA_BITS = 2048;
/** Iterations of PBKDF2 for exported PKCS#12: enough for a demo, and quick to open in forge. */
const PKCS12_ITERATIONS = 20_000;

const { asn1 } = forge;
const { Class, Type } = asn1;
const makeKeyPair = promisify(generateKeyPair);

export type KeyKind = 'rsa' | 'p256' | 'sm2';
const CURVES = { p256: 'P-256', sm2: 'SM2' } as const;
export type NamePart = readonly [oid: string, value: string];

/** A key with its certificate; `chainPem` holds the certificates above it, without the root. */
export type Issued = {
  readonly certificatePem: string;
  readonly privateKeyPem: string;
  readonly chainPem: string;
};

/** Whom a certificate is for: an organisation, or with `personId` a person in it. */
export type Holder = {
  readonly creditCode: string;
  readonly organisation: string;
  readonly name: string;
  readonly personId?: string;
};

export type IssueRequest = {
  readonly holder: Holder;
  readonly usage: 'sign' | 'encrypt';
  /** By default of the kind the CA's own keys are. */
  readonly key?: KeyKind;
  /** Instants, ms; by default from a day before the CA's `at` for two years. */
  readonly notBeforeAt?: number;
  readonly notAfterAt?: number;
  /** A certificate that this one takes the place of, for the same key; `key` is its kind. */
  readonly renewalOf?: Issued;
};

/** A person's pair, as Chinese CAs issue it: one certificate to sign with, another one to be encrypted to. */
export type Pair = { readonly holder: Holder; readonly signing: Issued; readonly encryption: Issued };

export type DemoCa = {
  readonly rootPem: string;
  readonly intermediatePem: string;
  /** Issues one certificate for a fresh key. */
  issue(request: IssueRequest): Promise<Issued>;
  /** Issues a holder's two certificates, for keys of the CA's own kind. */
  issuePair(holder: Holder): Promise<Pair>;
  /** A list of each of its two CAs; `revoked` those that the intermediate took back. Returns: DER. */
  issueCrls(terms: CrlTerms): { readonly root: Uint8Array; readonly intermediate: Uint8Array };
};

/** What a pair of revocation lists says: from when and until when, under which number, and who is on it. */
export type CrlTerms = Pick<CrlRequest, 'thisUpdateAt' | 'nextUpdateAt' | 'number'> & {
  readonly revoked?: CrlRequest['entries'];
};

export type CertificateRequest = {
  readonly subject: readonly NamePart[];
  readonly issuer: readonly NamePart[];
  readonly publicKey: KeyObject;
  readonly issuerKey: KeyObject;
  /** Hex of a positive number. */
  readonly serial: string;
  readonly notBeforeAt: number;
  readonly notAfterAt: number;
  readonly extensions: readonly forge.asn1.Asn1[];
};

/**
 * Makes a certificate authority: a root, an intermediate under it, fresh keys, names that come from `name` alone.
 *
 * Shape: `key` is the kind of its own keys, and by default of those it certifies; `makeKey` where they come from.
 * Units: `at` is the instant around which validity is laid, ms.
 * Why:   the names say that it is a demo; a production configuration has no anchor for it.
 */
export async function createDemoCa({
  name,
  at,
  key: ownKind = 'rsa',
  makeKey: keyOf = makeKey,
}: {
  name: string;
  at: number;
  key?: KeyKind;
  makeKey?: (kind: KeyKind) => Promise<KeyObject>;
}): Promise<DemoCa> {
  const [rootKey, intermediateKey] = await Promise.all([keyOf(ownKind), keyOf(ownKind)]);
  const rootName: NamePart[] = caName(`${name} Root`);
  const intermediateName: NamePart[] = caName(`${name} Issuing`);
  const years = { notBeforeAt: at - EARLY_MS, notAfterAt: at + ROOT_DAYS * DAY_MS };
  const rootPem = makeCertificate({
    ...years,
    subject: rootName,
    issuer: rootName,
    publicKey: createPublicKey(rootKey),
    issuerKey: rootKey,
    serial: '01',
    extensions: caExtensions(createPublicKey(rootKey), createPublicKey(rootKey), 1),
  });
  const intermediatePem = makeCertificate({
    ...years,
    subject: intermediateName,
    issuer: rootName,
    publicKey: createPublicKey(intermediateKey),
    issuerKey: rootKey,
    serial: '02',
    extensions: caExtensions(createPublicKey(intermediateKey), createPublicKey(rootKey), 0),
  });

  async function issue({ holder, usage, key = ownKind, renewalOf, ...validity }: IssueRequest): Promise<Issued> {
    const privateKey = renewalOf === undefined ? await keyOf(key) : createPrivateKey(renewalOf.privateKeyPem);
    const publicKey = createPublicKey(privateKey);
    const certificatePem = makeCertificate({
      notBeforeAt: validity.notBeforeAt ?? at - EARLY_MS,
      notAfterAt: validity.notAfterAt ?? at + PERSON_DAYS * DAY_MS,
      subject: holderName(holder),
      issuer: intermediateName,
      publicKey,
      issuerKey: intermediateKey,
      serial: renewalOf === undefined ? serialOf(publicKey) : `${serialOf(publicKey)}01`,
      extensions: [
        basicConstraints(false),
        keyUsage(usage === 'sign' ? ['digitalSignature', 'nonRepudiation'] : encryptionUsages(key)),
        subjectKeyIdentifier(publicKey),
        authorityKeyIdentifier(createPublicKey(intermediateKey)),
      ],
    });
    const privateKeyPem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    return { certificatePem, privateKeyPem, chainPem: intermediatePem };
  }

  async function issuePair(holder: Holder): Promise<Pair> {
    const [signing, encryption] = await Promise.all([
      issue({ holder, usage: 'sign' }),
      issue({ holder, usage: 'encrypt' }),
    ]);
    return { holder, signing, encryption };
  }

  function issueCrls({ revoked = [], ...dates }: CrlTerms): ReturnType<DemoCa['issueCrls']> {
    const list = (issuer: readonly NamePart[], issuerKey: KeyObject, entries: CrlRequest['entries']) => {
      const keyId = new Uint8Array(Buffer.from(keyIdentifier(createPublicKey(issuerKey)), 'latin1'));
      const name = new Uint8Array(derOf(distinguishedName(issuer)));
      return makeCrl({ ...dates, entries, issuer: name, signer: crlSigner(issuerKey), keyId });
    };
    return { root: list(rootName, rootKey, []), intermediate: list(intermediateName, intermediateKey, revoked) };
  }

  return { rootPem, intermediatePem, issue, issuePair, issueCrls };
}

/** A fresh private key. */
export async function makeKey(kind: KeyKind): Promise<KeyObject> {
  const { privateKey } =
    kind === 'rsa'
      ? await makeKeyPair('rsa', { modulusLength: RSA_BITS })
      : await makeKeyPair('ec', { namedCurve: CURVES[kind] });
  return privateKey;
}

/** The credit code of the demo's n-th organisation: department 9 (market regulation), kind 1, Zhangye, and a true check. */
export function demoCreditCode(index: number): string {
  if (!Number.isInteger(index) || index < 0 || index >= 31 ** 3) throw new RangeError('no such demo organisation');
  const digits = [index % 31, Math.floor(index / 31) % 31, Math.floor(index / 961)];
  const organisation = `MADEM0${digits
    .reverse()
    .map((digit) => CREDIT_CODE_ALPHABET.charAt(digit))
    .join('')}`;
  const body = `91620700${organisation}`;
  return body + creditCodeCheck(body);
}

/**
 * Assembles and signs one X.509 v3 certificate exactly as asked, sensible or not.
 *
 * Returns: PEM.
 */
export function makeCertificate(request: CertificateRequest): string {
  const algorithm = signatureAlgorithm(request.issuerKey);
  const body = sequence(
    asn1.create(Class.CONTEXT_SPECIFIC, 0, true, [universal(Type.INTEGER, '\x02')]),
    universal(Type.INTEGER, Buffer.from(request.serial, 'hex').toString('latin1')),
    algorithm,
    distinguishedName(request.issuer),
    sequence(time(request.notBeforeAt), time(request.notAfterAt)),
    distinguishedName(request.subject),
    asn1.fromDer(request.publicKey.export({ type: 'spki', format: 'der' }).toString('latin1')),
    asn1.create(Class.CONTEXT_SPECIFIC, 3, true, [sequence(...request.extensions)]),
  );
  const signature = signBy(request.issuerKey, derOf(body));
  const certificate = sequence(body, algorithm, universal(Type.BITSTRING, `\0${signature.toString('latin1')}`));
  return pemOf('CERTIFICATE', derOf(certificate));
}

/** The signature in the form certificates carry it: DER for the curves. */
function signBy(key: KeyObject, body: Uint8Array): Buffer {
  const sm2 = sm2PrivateKey(key);
  return sm2 === undefined ? sign('sha256', body, key) : Buffer.from(writeSm2Signature(sm2.sign(body)));
}

function caName(name: string): NamePart[] {
  return [
    [ATTRIBUTE.country, 'CN'],
    [ATTRIBUTE.organisation, '演示 Demo CA, never to be trusted'],
    [ATTRIBUTE.commonName, name],
  ];
}

/** The subject by the plain rule of core/pki/subject.ts: code in 2.5.4.97, person's number in 2.5.4.5. */
export function holderName({ creditCode, organisation, name, personId }: Holder): NamePart[] {
  return [
    [ATTRIBUTE.country, 'CN'],
    [ATTRIBUTE.organisation, organisation],
    [ATTRIBUTE.organizationIdentifier, creditCode],
    ...(personId === undefined ? [] : [[ATTRIBUTE.serialNumber, personId] as const]),
    [ATTRIBUTE.commonName, name],
  ];
}

function encryptionUsages(key: KeyKind): KeyUsage[] {
  return key === 'p256' ? ['keyAgreement'] : ['keyEncipherment', 'dataEncipherment'];
}

function caExtensions(publicKey: KeyObject, issuerKey: KeyObject, pathLength: number): forge.asn1.Asn1[] {
  return [
    basicConstraints(true, pathLength),
    keyUsage(['keyCertSign', 'cRLSign']),
    subjectKeyIdentifier(publicKey),
    authorityKeyIdentifier(issuerKey),
  ];
}

/** An extension of a certificate around the DER of its value. */
export function extension(oid: string, critical: boolean, value: forge.asn1.Asn1): forge.asn1.Asn1 {
  return sequence(
    objectIdentifier(oid),
    ...(critical ? [universal(Type.BOOLEAN, '\xff')] : []),
    universal(Type.OCTETSTRING, asn1.toDer(value).getBytes()),
  );
}

/** basicConstraints, critical; whether the holder is a CA and how many CAs may stand below it. */
export function basicConstraints(ca: boolean, pathLength?: number): forge.asn1.Asn1 {
  const parts = ca ? [universal(Type.BOOLEAN, '\xff')] : [];
  if (pathLength !== undefined) parts.push(universal(Type.INTEGER, String.fromCharCode(pathLength)));
  return extension(EXTENSION.basicConstraints, true, sequence(...parts));
}

/** keyUsage, critical, with these bits. */
export function keyUsage(usages: readonly KeyUsage[]): forge.asn1.Asn1 {
  const bits = usages.map((usage) => KEY_USAGES.indexOf(usage));
  const bytes = Buffer.alloc(bits.some((bit) => bit > 7) ? 2 : 1);
  for (const bit of bits) bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) | (0x80 >> (bit & 7));
  const unused = 7 - (Math.max(0, ...bits) & 7);
  const value = universal(Type.BITSTRING, String.fromCharCode(unused) + bytes.toString('latin1'));
  return extension(EXTENSION.keyUsage, true, value);
}

/** extendedKeyUsage, not critical. */
export function extendedKeyUsage(...purposes: readonly string[]): forge.asn1.Asn1 {
  return extension(EXTENSION.extendedKeyUsage, false, sequence(...purposes.map(objectIdentifier)));
}

/** The extended usage that a time-stamping authority's certificate must have: this one alone, and critical (RFC 3161 §2.3). */
export function timeStampingUsage(): forge.asn1.Asn1 {
  return extension(EXTENSION.extendedKeyUsage, true, sequence(objectIdentifier(TIME_STAMPING)));
}

function subjectKeyIdentifier(publicKey: KeyObject): forge.asn1.Asn1 {
  return extension(EXTENSION.subjectKeyIdentifier, false, universal(Type.OCTETSTRING, keyIdentifier(publicKey)));
}

function authorityKeyIdentifier(issuerKey: KeyObject): forge.asn1.Asn1 {
  const value = sequence(asn1.create(Class.CONTEXT_SPECIFIC, 0, false, keyIdentifier(issuerKey)));
  return extension(EXTENSION.authorityKeyIdentifier, false, value);
}

/** A serial that no other certificate of this CA has, since each is for a fresh key; positive, and 16 bytes. */
function serialOf(publicKey: KeyObject): string {
  return `40${Buffer.from(keyIdentifier(publicKey), 'latin1').subarray(0, 15).toString('hex')}`;
}

/** A key identifier need only be the same wherever the key is named: the first 20 bytes of the key's SHA-256. */
function keyIdentifier(publicKey: KeyObject): string {
  const spki = publicKey.export({ type: 'spki', format: 'der' });
  return createHash('sha256').update(spki).digest().subarray(0, 20).toString('latin1');
}

/** How this key signs lists. */
export function crlSigner(key: KeyObject): CrlSigner {
  const algorithm = new Uint8Array(derOf(signatureAlgorithm(key)));
  return { algorithm, sign: (body) => new Uint8Array(signBy(key, body)) };
}

function signatureAlgorithm(key: KeyObject): forge.asn1.Asn1 {
  if (sm2PrivateKey(key) !== undefined) return sequence(objectIdentifier('1.2.156.10197.1.501'));
  return key.asymmetricKeyType === 'rsa'
    ? sequence(objectIdentifier('1.2.840.113549.1.1.11'), universal(Type.NULL, ''))
    : sequence(objectIdentifier('1.2.840.10045.4.3.2'));
}

function distinguishedName(parts: readonly NamePart[]): forge.asn1.Asn1 {
  const attributes = parts.map(([type, value]) => {
    // X.520 wants the country in PrintableString; everything else may be Chinese.
    const valueTagClass = type === ATTRIBUTE.country ? Type.PRINTABLESTRING : Type.UTF8;
    return { type, value, valueTagClass: valueTagClass as unknown as forge.asn1.Class };
  });
  return forge.pki.distinguishedNameToAsn1({ attributes });
}

function time(at: number): forge.asn1.Asn1 {
  const date = new Date(at);
  return date.getUTCFullYear() < 2050
    ? universal(Type.UTCTIME, asn1.dateToUtcTime(date))
    : universal(Type.GENERALIZEDTIME, asn1.dateToGeneralizedTime(date));
}

/** SEQUENCE of these; exported for certificates that tests make wrong on purpose. */
export function sequence(...parts: forge.asn1.Asn1[]): forge.asn1.Asn1 {
  return asn1.create(Class.UNIVERSAL, Type.SEQUENCE, true, parts);
}

function universal(type: forge.asn1.Type, value: string): forge.asn1.Asn1 {
  return asn1.create(Class.UNIVERSAL, type, false, value);
}

function objectIdentifier(oid: string): forge.asn1.Asn1 {
  return universal(Type.OID, asn1.oidToDer(oid).getBytes());
}

function derOf(value: forge.asn1.Asn1): Buffer {
  return Buffer.from(asn1.toDer(value).getBytes(), 'latin1');
}

function pemOf(label: string, der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}

/**
 * A PKCS#12 file of one key with its chain, AES-256 (PBES2), as browsers and CA tools import it.
 *
 * Throws: Error for a key that is not RSA: forge writes no others.
 */
export function exportPkcs12(issued: Issued, password: string): Uint8Array {
  if (createPrivateKey(issued.privateKeyPem).asymmetricKeyType !== 'rsa')
    throw new Error('forge exports RSA keys only');
  const pems =
    `${issued.certificatePem}${issued.chainPem}`.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ??
    [];
  const file = forge.pkcs12.toPkcs12Asn1(
    forge.pki.privateKeyFromPem(issued.privateKeyPem),
    pems.map((pem) => forge.pki.certificateFromPem(pem)),
    password,
    { algorithm: 'aes256', count: PKCS12_ITERATIONS },
  );
  return derOf(file);
}

/**
 * Writes a pair as the folder a person's command line reads: `sign.crt`, `sign.key`, `encrypt.crt`, `encrypt.key`;
 * a `.crt` holds the certificate and those above it, the keys are readable by the owner only.
 */
export async function writePair(folder: string, { signing, encryption }: Pair): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  for (const [name, issued] of [
    ['sign', signing],
    ['encrypt', encryption],
  ] as const) {
    await writeFile(join(folder, `${name}.crt`), `${issued.certificatePem}${issued.chainPem}`);
    await writeFile(join(folder, `${name}.key`), issued.privateKeyPem, { mode: 0o600 });
  }
}
