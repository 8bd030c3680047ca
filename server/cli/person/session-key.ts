/** The key of one session, made by WebCrypto and kept there. */
import { webcrypto } from 'node:crypto';
import type { SessionJwk } from '../../core/log/act.ts';
import type { SessionSigner } from '../../core/pki/person-jws.ts';

/** A fresh session key; its private half cannot be taken out of WebCrypto. */
export async function makeSessionKey(): Promise<SessionSigner> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256' };
  const { privateKey, publicKey } = await webcrypto.subtle.generateKey(algorithm, false, ['sign']);
  const { x, y } = await webcrypto.subtle.exportKey('jwk', publicKey);
  if (x === undefined || y === undefined) throw new Error('WebCrypto exported no point');
  const jwk: SessionJwk = { kty: 'EC', crv: 'P-256', x, y };
  return {
    jwk,
    async sign(data) {
      return new Uint8Array(await webcrypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, privateKey, data));
    },
  };
}
