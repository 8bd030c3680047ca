/** The ciphers of PKCS#12 files by the browser: WebCrypto, @noble for the short hashes, our own SM3 and SM4, node-forge for the old ones. */
import { hmac } from '@noble/hashes/hmac.js';
import { sha1 } from '@noble/hashes/legacy.js';
import { sha256, sha384, sha512 } from '@noble/hashes/sha2.js';
import type { CHash } from '@noble/hashes/utils.js';
import { hmacSm3, sm3 } from '../../server/core/gm/sm3.ts';
import { decipherSm4Cbc } from '../../server/core/gm/sm4.ts';
import { BLOCK_BYTES } from '../../server/core/log/block-hash.ts';
import { joinBytes } from '../../server/core/log/bytes.ts';
import {
  type Pkcs12Crypto,
  type Pkcs12Digest,
  Pkcs12Unknown,
  Pkcs12Unopened,
  type Rc2Name,
} from '../../server/core/pki/pkcs12.ts';
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

function hashNamed(digest: Pkcs12Digest): CHash {
  const found = HASHES[digest];
  if (found === undefined) throw new Pkcs12Unknown(`digest ${digest}`);
  return found;
}

/** RFC 8018 §5.2 over SM3, which WebCrypto lacks; 30 ms for the 2,048 rounds of common tools. */
function pbkdf2Sm3(password: Uint8Array, salt: Uint8Array, iterations: number, bytes: number): Uint8Array {
  const key = password.length > BLOCK_BYTES ? sm3(password) : password;
  const blocks: Uint8Array[] = [];
  for (let made = 0; made < bytes; ) {
    const number = Uint8Array.of(0, 0, 0, blocks.length + 1);
    let turn = hmacSm3(key, joinBytes(salt, number));
    const block = Uint8Array.from(turn);
    for (let round = 1; round < iterations; round++) {
      turn = hmacSm3(key, turn);
      for (const [at, byte] of turn.entries()) block[at] = (block[at] ?? 0) ^ byte;
    }
    blocks.push(block);
    made += block.length;
  }
  return joinBytes(...blocks).subarray(0, bytes);
}

/** For the reader of the core. */
export function browserPkcs12Crypto(subtle: SubtleCrypto): Pkcs12Crypto {
  return {
    hash: hashed,
    hmac: (digest, key, data) => (digest === 'sm3' ? hmacSm3(key, data) : hmac(hashNamed(digest), key, data)),
    async pbkdf2(digest, { password, salt, iterations, bytes }) {
      if (digest === 'sm3') return pbkdf2Sm3(password, salt, iterations, bytes);
      const hash = WEB_NAMES[digest];
      if (hash === undefined) throw new Pkcs12Unknown(`derivation by ${digest}`);
      const secret = await subtle.importKey('raw', inOwnMemory(password), 'PBKDF2', false, ['deriveBits']);
      const terms = { name: 'PBKDF2', hash, salt: inOwnMemory(salt), iterations };
      return new Uint8Array(await subtle.deriveBits(terms, secret, 8 * bytes));
    },
    async decipher(cipher, key, iv, data) {
      if (cipher === 'des-ede3-cbc' || cipher === 'rc2-cbc' || cipher === 'rc2-40-cbc')
        return decipherOld(cipher, key, iv, data);
      if (cipher === 'sm4-cbc') {
        const plain = decipherSm4Cbc(key, iv, data);
        if (plain === undefined) throw new Pkcs12Unopened('it does not decipher');
        return plain;
      }
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

/** Triple DES and RC2, for files of old tools; fetched only when one comes. */
async function decipherOld(
  name: 'des-ede3-cbc' | Rc2Name,
  key: Uint8Array,
  iv: Uint8Array,
  data: Uint8Array,
): Promise<Uint8Array> {
  const { default: forge } = await import('node-forge');
  const text = (bytes: Uint8Array): string => Array.from(bytes, (byte) => String.fromCharCode(byte)).join('');
  const decipher = name === 'des-ede3-cbc' ? desOf(forge, text(key), text(iv)) : rc2Of(forge, text(key), text(iv));
  decipher.update(forge.util.createBuffer(text(data)));
  if (!decipher.finish()) throw new Pkcs12Unopened('it does not decipher');
  return Uint8Array.from(decipher.output.getBytes(), (char) => char.charCodeAt(0));
}

type Forge = typeof import('node-forge');

function desOf(forge: Forge, key: string, iv: string) {
  const decipher = forge.cipher.createDecipher('3DES-CBC', key);
  decipher.start({ iv });
  return decipher;
}

/** As many effective bits as the key has. */
function rc2Of(forge: Forge, key: string, iv: string) {
  const decipher = forge.rc2.createDecryptionCipher(key, 8 * key.length);
  decipher.start(iv);
  return decipher;
}
