/** The ciphers of PKCS#12 files by the browser: WebCrypto, @noble for the short hashes, node-forge for the one old cipher that WebCrypto lacks. */
import { hmac } from '@noble/hashes/hmac.js';
import { sha1 } from '@noble/hashes/legacy.js';
import { sha256, sha384, sha512 } from '@noble/hashes/sha2.js';
import type { CHash } from '@noble/hashes/utils.js';
import { sm3 } from '../../server/core/gm/sm3.ts';
import { joinBytes } from '../../server/core/log/bytes.ts';
import { type Pkcs12Crypto, type Pkcs12Digest, Pkcs12Unknown, Pkcs12Unopened } from '../../server/core/pki/pkcs12.ts';
import { inOwnMemory } from './own-memory.ts';

const HASHES: Readonly<Partial<Record<Pkcs12Digest, CHash>>> = { sha1, sha256, sha384, sha512 };
const WEB_NAMES: Readonly<Partial<Record<Pkcs12Digest, string>>> = {
  sha1: 'SHA-1',
  sha256: 'SHA-256',
  sha384: 'SHA-384',
  sha512: 'SHA-512',
};

/** SM3 is not among the library's. */
function hashed(digest: Pkcs12Digest, data: Uint8Array): Uint8Array {
  return digest === 'sm3' ? sm3(data) : hashNamed(digest)(data);
}

const SM3_BLOCK_BYTES = 64;

/** RFC 2104 over SM3; the key, derived here, is 32 bytes and so never longer than a block. */
function hmacSm3(key: Uint8Array, data: Uint8Array): Uint8Array {
  const padded = (pad: number) => Uint8Array.from({ length: SM3_BLOCK_BYTES }, (_, at) => (key[at] ?? 0) ^ pad);
  return sm3(joinBytes(padded(0x5c), sm3(joinBytes(padded(0x36), data))));
}

function hashNamed(digest: Pkcs12Digest): CHash {
  const found = HASHES[digest];
  if (found === undefined) throw new Pkcs12Unknown(`digest ${digest}`);
  return found;
}

/** For the reader of the core. Knows no PBKDF2 by SM3 and no SM4: Pkcs12Unknown. */
export function browserPkcs12Crypto(subtle: SubtleCrypto): Pkcs12Crypto {
  return {
    hash: hashed,
    hmac: (digest, key, data) => (digest === 'sm3' ? hmacSm3(key, data) : hmac(hashNamed(digest), key, data)),
    async pbkdf2(digest, { password, salt, iterations, bytes }) {
      const hash = WEB_NAMES[digest];
      if (hash === undefined) throw new Pkcs12Unknown(`derivation by ${digest}`);
      const secret = await subtle.importKey('raw', inOwnMemory(password), 'PBKDF2', false, ['deriveBits']);
      const terms = { name: 'PBKDF2', hash, salt: inOwnMemory(salt), iterations };
      return new Uint8Array(await subtle.deriveBits(terms, secret, 8 * bytes));
    },
    async decipher(cipher, key, iv, data) {
      if (cipher === 'des-ede3-cbc') return decipherOld(key, iv, data);
      if (cipher === 'sm4-cbc') throw new Pkcs12Unknown(`cipher ${cipher}`);
      const secret = await subtle.importKey('raw', inOwnMemory(key), 'AES-CBC', false, ['decrypt']);
      try {
        return new Uint8Array(
          await subtle.decrypt({ name: 'AES-CBC', iv: inOwnMemory(iv) }, secret, inOwnMemory(data)),
        );
      } catch (fault) {
        if (fault instanceof DOMException) throw new Pkcs12Unopened('it does not decipher');
        throw fault;
      }
    },
  };
}

/** Triple DES, for files of old tools; fetched only when one comes. */
async function decipherOld(key: Uint8Array, iv: Uint8Array, data: Uint8Array): Promise<Uint8Array> {
  const { default: forge } = await import('node-forge');
  const text = (bytes: Uint8Array): string => Array.from(bytes, (byte) => String.fromCharCode(byte)).join('');
  const decipher = forge.cipher.createDecipher('3DES-CBC', text(key));
  decipher.start({ iv: text(iv) });
  decipher.update(forge.util.createBuffer(text(data)));
  if (!decipher.finish()) throw new Pkcs12Unopened('it does not decipher');
  return Uint8Array.from(decipher.output.getBytes(), (char) => char.charCodeAt(0));
}
