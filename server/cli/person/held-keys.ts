/** Keys in files, as an agent that holds them in this process. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type KeyAgent, KeyAgentError, listingOf } from '../../client/key-agent.ts';
import { sha256 } from '../../hash.ts';
import { type HeldKey, openPem, openPkcs12, signerOf } from '../seal/held-key.ts';
import { unwrapWith } from '../seal/wrap.ts';

/**
 * An agent over keys that this process holds.
 *
 * Shape: `rsa` is the algorithm in which RSA keys sign; P-256 keys sign ES256, SM2 keys SM2SM3.
 */
export function heldKeyAgent(keys: readonly HeldKey[], rsa: 'RS256' | 'PS256' = 'RS256'): KeyAgent {
  const held = keys.map((key) => ({ key, listed: listingOf(sha256, key) }));

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
 * Opens PKCS#12 files, each with one key or a pair.
 *
 * Throws: SealError key_unreadable (a wrong password too), key_of_another_certificate.
 */
export async function openPkcs12Files(paths: readonly string[], password: string): Promise<KeyAgent> {
  const files = await Promise.all(paths.map((path) => readFile(path)));
  return heldKeyAgent((await Promise.all(files.map((file) => openPkcs12(file, password)))).flat());
}
