/** The ciphers of PKCS#12 files by node:crypto, for handing to the pure reader. */
import { createDecipheriv, createHmac, hash, pbkdf2 } from 'node:crypto';
import { promisify } from 'node:util';
import { joinBytes } from '../../core/log/bytes.ts';
import { type Pkcs12Crypto, Pkcs12Unknown, Pkcs12Unopened } from '../../core/pki/pkcs12.ts';

const derive = promisify(pbkdf2);

export const nodePkcs12Crypto: Pkcs12Crypto = {
  hash: (digest, data) => hash(digest, data, 'buffer'),
  hmac: (digest, key, data) => createHmac(digest, key).update(data).digest(),
  pbkdf2: (digest, { password, salt, iterations, bytes }) => derive(password, salt, iterations, bytes, digest),
  async decipher(cipher, key, iv, data) {
    // OpenSSL 3 keeps it out of reach; node-forge, the next reader, knows it
    if (cipher === 'rc2-cbc' || cipher === 'rc2-40-cbc') throw new Pkcs12Unknown(`cipher ${cipher}`);
    try {
      const decipher = createDecipheriv(cipher, key, iv);
      return joinBytes(decipher.update(data), decipher.final());
    } catch {
      // what OpenSSL says here may quote the file
      throw new Pkcs12Unopened('it does not decipher');
    }
  },
};
