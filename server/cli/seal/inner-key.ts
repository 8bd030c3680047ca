/** The inner content key of a bid with two layers, kept beside its envelope and wrapped to the bidder's own certificate, until the bid is lodged. */
import { readFile, writeFile } from 'node:fs/promises';
import type { Unwrap } from '../../client/key-agent.ts';
import { SealError } from '../../client/seal-error.ts';
import { fromBase64Url, toBase64Url } from '../../core/log/base64.ts';
import { isJsonObject } from '../../core/log/canonical.ts';
import { LogFormatError } from '../../core/log/error.ts';
import { EnvelopeError } from '../../core/seal/envelope-error.ts';
import { type KeyTransport, readRecipientInfos, writeRecipientInfos } from '../../core/seal/recipient-info.ts';
import { wrapTo } from './wrap.ts';

/** Where it lies. */
export function innerKeyFile(envelope: string): string {
  return `${envelope}.inner-key.json`;
}

/**
 * Keeps it.
 *
 * Why: only whoever sealed the inner layer knows its key, and lodging has to promise what is in it. It never goes to the platform;
 *      with it and the bidder's key, and no other, the bid can be read: so it is wrapped, and may be deleted once the bid is lodged.
 */
export async function keepInnerKey(
  envelope: string,
  cek: Uint8Array,
  to: { certificate: Uint8Array; keyTransport: KeyTransport },
): Promise<void> {
  const recipientInfos = toBase64Url(writeRecipientInfos(wrapTo(to.certificate, to.keyTransport, cek)));
  await writeFile(innerKeyFile(envelope), `${JSON.stringify({ v: 1, recipientInfos })}\n`, { mode: 0o600 });
}

/** The 32 bytes; the caller erases them. Throws: SealError inner_key_missing, unwrap_failed. */
export async function readInnerKey(envelope: string, unwrap: Unwrap): Promise<Uint8Array> {
  try {
    const kept: unknown = JSON.parse(await readFile(innerKeyFile(envelope), 'utf8'));
    const text = isJsonObject(kept) ? kept['recipientInfos'] : undefined;
    if (typeof text === 'string') return await unwrap(readRecipientInfos(fromBase64Url(text)));
  } catch (error) {
    const isFile = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    const isForm = error instanceof SyntaxError || error instanceof LogFormatError || error instanceof EnvelopeError;
    if (!isFile && !isForm) throw error;
  }
  throw new SealError('inner_key_missing');
}
