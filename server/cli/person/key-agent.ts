/** A person's keys as the rest of the client sees them: certificates, signatures, unwrapped content keys, never a private key. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { toBase64, toBase64Url } from '../../core/log/base64.ts';
import { type Certificate, parseCertificate } from '../../core/pki/certificate.ts';
import type { KeyUsage } from '../../core/pki/extensions.ts';
import type { CertificateSigner } from '../../core/pki/person-jws.ts';
import { sha256 } from '../../hash.ts';
import { type HeldKey, openPem, openPkcs12, signerOf } from '../seal/held-key.ts';
import { type Unwrap, unwrapWith } from '../seal/wrap.ts';

export type AgentCertificate = {
  readonly certSha256: string;
  readonly certificate: Certificate;
  /** Base64 certificates, this one first, as `x5c` has them. */
  readonly x5c: readonly string[];
  readonly canSign: boolean;
  readonly canUnwrap: boolean;
};

/** Whatever holds a person's keys: files here, a token or a phone later. Throws: KeyAgentError for a key it does not hold. */
export type KeyAgent = {
  listCertificates(): Promise<readonly AgentCertificate[]>;
  /** What signs with the key of a certificate. */
  signer(certSha256: string): Promise<CertificateSigner>;
  /** What unwraps an envelope's content key with the key of a certificate. */
  unwrapper(certSha256: string): Promise<Unwrap>;
};

export class KeyAgentError extends Error {
  override readonly name = 'KeyAgentError';
  readonly code: 'key_not_held' | 'key_not_for_this' | 'no_such_key' | 'several_keys';

  constructor(code: KeyAgentError['code'], message: string) {
    super(message);
    this.code = code;
  }
}

/**
 * An agent over keys that this process holds.
 *
 * Shape: `rsa` is the algorithm in which RSA keys sign; P-256 keys sign ES256, SM2 keys SM2SM3.
 */
export function heldKeyAgent(keys: readonly HeldKey[], rsa: 'RS256' | 'PS256' = 'RS256'): KeyAgent {
  const held = keys.map((key) => ({ key, listed: listingOf(key) }));

  function find(certSha256: string, can: 'canSign' | 'canUnwrap'): HeldKey {
    const found = held.find(({ listed }) => listed.certSha256 === certSha256);
    if (found === undefined) throw new KeyAgentError('key_not_held', `no key for certificate ${certSha256}`);
    if (!found.listed[can]) throw new KeyAgentError('key_not_for_this', 'the certificate is for another use');
    return found.key;
  }

  return {
    listCertificates: async () => held.map(({ listed }) => listed),
    signer: async (certSha256) => signerOf(find(certSha256, 'canSign'), rsa),
    unwrapper: async (certSha256) => unwrapWith(find(certSha256, 'canUnwrap').privateKey),
  };
}

/** What a certificate may say that is sealed to: key transport asks for the first, agreement for the last. */
const UNWRAPPING: readonly KeyUsage[] = ['keyEncipherment', 'dataEncipherment', 'keyAgreement'];

function listingOf({ certificate: der, chain }: HeldKey): AgentCertificate {
  const certificate = parseCertificate(der);
  const usages = certificate.keyUsage ?? [];
  return {
    certSha256: toBase64Url(sha256(der)),
    certificate,
    x5c: [der, ...chain].map(toBase64),
    canSign: usages.includes('digitalSignature'),
    canUnwrap: UNWRAPPING.some((usage) => usages.includes(usage)),
  };
}

/**
 * Opens a key folder: `sign.crt`, `sign.key`, `encrypt.crt`, `encrypt.key`, PEM, as the demo CA writes them.
 *
 * Throws: SealError key_unreadable, key_of_another_certificate; the error of node:fs when a file is missing.
 */
export async function openKeyFolder(folder: string, passphrase?: string): Promise<KeyAgent> {
  const keys = await Promise.all(
    ['sign', 'encrypt'].map(async (name) => {
      const [certificates, privateKey] = await Promise.all([
        readFile(join(folder, `${name}.crt`), 'utf8'),
        readFile(join(folder, `${name}.key`), 'utf8'),
      ]);
      return openPem({ certificates, privateKey, ...(passphrase !== undefined && { passphrase }) });
    }),
  );
  return heldKeyAgent(keys);
}

/**
 * Opens PKCS#12 files, each with one key.
 *
 * Throws: SealError key_unreadable (a wrong password too), key_of_another_certificate.
 */
export async function openPkcs12Files(paths: readonly string[], password: string): Promise<KeyAgent> {
  const files = await Promise.all(paths.map((path) => readFile(path)));
  return heldKeyAgent(await Promise.all(files.map((file) => openPkcs12(file, password))));
}

/**
 * The one certificate that serves a use now.
 *
 * Throws: KeyAgentError no_such_key, several_keys: which of two the person means is not guessed.
 */
export async function pickCertificate(agent: KeyAgent, use: 'sign' | 'unwrap', at: number): Promise<AgentCertificate> {
  const fitting = (await agent.listCertificates()).filter(
    ({ canSign, canUnwrap, certificate: { notBeforeAt, notAfterAt } }) =>
      (use === 'sign' ? canSign : canUnwrap) && notBeforeAt <= at && at < notAfterAt + 1000,
  );
  const [first, second] = fitting;
  if (first === undefined) throw new KeyAgentError('no_such_key', 'no valid certificate for this use');
  if (second !== undefined) throw new KeyAgentError('several_keys', 'several certificates for this use: name one');
  return first;
}
