/** Wraps a content key to a certificate by WebCrypto, in the ways of the command line that a browser knows: OAEP, agreement on P-256, SM2. */
import { SealError } from '../../server/client/seal-error.ts';
import { readSm2PublicKey } from '../../server/core/gm/curve.ts';
import { writeSm2Ciphertext } from '../../server/core/gm/der.ts';
import { encryptSm2 } from '../../server/core/gm/encryption.ts';
import { sm3 } from '../../server/core/gm/sm3.ts';
import { fromHex } from '../../server/core/log/bytes.ts';
import { parseCertificate } from '../../server/core/pki/certificate.ts';
import type { KeyTransport, Recipient } from '../../server/core/seal/recipient-info.ts';
import { agreeOnKey, P256 } from '../keys/agreed-key.ts';
import { inOwnMemory } from '../keys/own-memory.ts';

const OAEP_HASHES: Readonly<Partial<Record<KeyTransport, string>>> = {
  rsa_oaep_sha256: 'SHA-256',
  rsa_oaep_sha1: 'SHA-1',
};

/** The RecipientInfo of `cek` to a certificate (DER). Throws: SealError transport_not_for_key, for PKCS#1 v1.5 too. */
export async function wrapInBrowser(
  subtle: SubtleCrypto,
  certificate: Uint8Array,
  keyTransport: KeyTransport,
  cek: Uint8Array,
): Promise<Recipient> {
  const { issuer, serial, spki } = parseCertificate(certificate);
  const identifier = { issuer: issuer.full, serial: fromHex(serial) };
  if (keyTransport === 'sm2') return { keyTransport, identifier, encryptedKey: wrapSm2(spki, cek) };
  if (keyTransport === 'ecdh_p256') return { keyTransport, identifier, ...(await agreeAndWrap(subtle, spki, cek)) };
  const hash = OAEP_HASHES[keyTransport];
  if (hash === undefined) throw new SealError('transport_not_for_key', keyTransport);
  const key = await importOpen(subtle, spki, { name: 'RSA-OAEP', hash }, ['encrypt']);
  const encryptedKey = new Uint8Array(await subtle.encrypt({ name: 'RSA-OAEP' }, key, inOwnMemory(cek)));
  return { keyTransport, identifier, encryptedKey };
}

function wrapSm2(spki: Uint8Array, cek: Uint8Array): Uint8Array {
  const publicKey = readSm2PublicKey(spki);
  if (publicKey === undefined) throw new SealError('transport_not_for_key', 'sm2');
  const randomBytes = (length: number) => crypto.getRandomValues(new Uint8Array(length));
  return writeSm2Ciphertext(encryptSm2(sm3, publicKey, cek, randomBytes));
}

/** Agrees with a key made for this once. */
async function agreeAndWrap(subtle: SubtleCrypto, spki: Uint8Array, cek: Uint8Array) {
  const other = await importOpen(subtle, spki, P256, []);
  const own = await subtle.generateKey(P256, false, ['deriveBits']);
  const kek = await agreeOnKey(subtle, own.privateKey, other, 'wrapKey');
  const raw = inOwnMemory(cek);
  const wrapped = await subtle.importKey('raw', raw, 'AES-GCM', true, ['encrypt']);
  raw.fill(0);
  return {
    ephemeralKey: new Uint8Array(await subtle.exportKey('raw', own.publicKey)),
    encryptedKey: new Uint8Array(await subtle.wrapKey('raw', wrapped, kek, 'AES-KW')),
  };
}

/** A key of another kind than the transport's is said by a DOMException. */
async function importOpen(
  subtle: SubtleCrypto,
  spki: Uint8Array,
  terms: RsaHashedImportParams | EcKeyImportParams,
  uses: KeyUsage[],
): Promise<CryptoKey> {
  try {
    return await subtle.importKey('spki', inOwnMemory(spki), terms, false, uses);
  } catch (fault) {
    if (fault instanceof DOMException) throw new SealError('transport_not_for_key', terms.name);
    throw fault;
  }
}
