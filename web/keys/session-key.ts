/** The key of one session, made by WebCrypto; nothing takes its private half out again. */
import type { SessionSigner } from '../../server/core/pki/person-jws.ts';
import { inOwnMemory } from './own-memory.ts';

/** A fresh P-256 key. */
export async function makeSessionKey(subtle: SubtleCrypto): Promise<SessionSigner> {
  const { privateKey, publicKey } = await subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign']);
  const { x, y } = await subtle.exportKey('jwk', publicKey);
  if (x === undefined || y === undefined) throw new Error('WebCrypto exported no point');
  return {
    jwk: { kty: 'EC', crv: 'P-256', x, y },
    async sign(data) {
      return new Uint8Array(await subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, privateKey, inOwnMemory(data)));
    },
  };
}
