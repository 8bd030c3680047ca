/** The judgement of logs and receipts with what Node.js brings: its hashes, its signature checks, its threads. */
import { createHash } from 'node:crypto';
import { checkCompiled } from '../compiled-check.ts';
import { toBase64Url } from '../core/log/base64.ts';
import { verifyEd25519 } from '../ed25519.ts';
import { digestByOid, sha256 } from '../hash.ts';
import { createJwsVerifier, verifyCertificateSignature } from '../identity/signature.ts';
import { nativeReader, textOfBytes } from '../native-text.ts';
import { readChunks } from '../vault/vault-folder.ts';
import { judgeSource, type Verified, type VerifyOptions } from '../verify/log.ts';
import { judgeReceipt, type Measured, type ReceiptVerdict } from '../verify/receipt.ts';
import type { LogSource } from '../verify/source.ts';
import type { VerifyTools } from '../verify/tools.ts';
import type { Refused } from '../verify/words.ts';

export const nodeTools: VerifyTools = {
  sha256,
  verifyEd25519,
  verifyCertificateSignature,
  createJwsVerifier,
  digestByOid,
  disclosureReader: nativeReader,
  decodeUtf8: textOfBytes,
  checkShape: checkCompiled,
};

/** Verifies the log of a source, as `judgeSource`. */
export const verifySource = (source: LogSource, options: VerifyOptions): Promise<Verified | Refused> =>
  judgeSource(nodeTools, source, options);

/** Judges a receipt file, and the envelope of that path where one is given, as `judgeReceipt`. */
export function verifyReceipt(
  text: string,
  { trust, envelope }: { readonly trust?: string; readonly envelope?: string },
): Promise<ReceiptVerdict | Refused> {
  return judgeReceipt(nodeTools, text, {
    ...(trust !== undefined && { trust }),
    ...(envelope !== undefined && { measureEnvelope: () => measure(envelope) }),
  });
}

async function measure(path: string): Promise<Measured> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of readChunks(path)) {
    hash.update(chunk);
    bytes += chunk.length;
  }
  return { bytes, sha256: toBase64Url(hash.digest()) };
}
