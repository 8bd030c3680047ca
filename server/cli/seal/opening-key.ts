/** Deals an opening key with Node.js's own ciphers, in this process for a moment and kept nowhere; the platform only ever sees what the log says. */
import { createCipheriv, generateKeyPair, sign } from 'node:crypto';
import { promisify } from 'node:util';
import {
  type Dealing as ClientDealing,
  type DealingMeans,
  type DealtOpeningKey,
  type DealtWindowKey,
  dealBlindKey,
  dealLayerKey,
} from '../../client/deal-key.ts';
import { joinBytes } from '../../core/log/bytes.ts';
import { GCM_TAG_BYTES } from '../../core/seal/content-cipher.ts';
import { sha256 } from '../../hash.ts';

const makeKeyPair = promisify(generateKeyPair);

export type Dealing = ClientDealing & { randomBytes: DealingMeans['randomBytes'] };

/** As dealLayerKey. */
export function dealOpeningKey({ randomBytes, ...dealing }: Dealing): Promise<DealtOpeningKey> {
  return dealLayerKey(meansWith(randomBytes), dealing);
}

/** As dealBlindKey. */
export function dealWindowKey({ randomBytes, ...dealing }: Dealing): Promise<DealtWindowKey> {
  return dealBlindKey(meansWith(randomBytes), dealing);
}

function meansWith(randomBytes: DealingMeans['randomBytes']): DealingMeans {
  return {
    sha256,
    randomBytes,
    async makeRsaKey(bits) {
      const { publicKey, privateKey } = await makeKeyPair('rsa', { modulusLength: bits });
      return {
        spki: new Uint8Array(publicKey.export({ type: 'spki', format: 'der' })),
        pkcs8: privateKey.export({ type: 'pkcs8', format: 'der' }),
        sign: async (bytes) => new Uint8Array(sign('sha256', bytes, privateKey)),
      };
    },
    async makeP256Key() {
      const { publicKey, privateKey } = await makeKeyPair('ec', { namedCurve: 'P-256' });
      const { x = '', y = '' } = publicKey.export({ format: 'jwk' });
      return { key: { kty: 'EC', crv: 'P-256', x, y }, pkcs8: privateKey.export({ type: 'pkcs8', format: 'der' }) };
    },
    async encryptGcm(key, nonce, about, plaintext) {
      const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: GCM_TAG_BYTES });
      cipher.setAAD(about);
      return joinBytes(cipher.update(plaintext), cipher.final(), cipher.getAuthTag());
    },
  };
}
