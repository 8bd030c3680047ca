/** Signs a statement with a CA key; the header says with which certificate. */
import { toBase64, toBase64Url } from '../../core/log/base64.ts';
import type { Json } from '../../core/log/canonical.ts';
import { prepareStatement } from '../../core/seal/statement.ts';
import { sha256 } from '../../hash.ts';
import type { Signer } from './held-key.ts';

/** The statement as compact JWS. */
export async function signStatement(typ: string, payload: Json, signer: Signer): Promise<string> {
  const { alg, certificate, chain } = signer;
  const x5c = [certificate, ...chain].map((der) => toBase64(der));
  const header = { alg, typ, x5c, 'x5t#S256': toBase64Url(sha256(certificate)) };
  const { signingInput, finish } = prepareStatement(header, payload);
  return finish(await signer.sign(signingInput));
}
