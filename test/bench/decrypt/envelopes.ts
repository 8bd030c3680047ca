/** The envelopes of bench `decrypt`: archives of any size, sealed by stock OpenSSL in its `-stream` form, with their keys and promises. */
import { spawn } from 'node:child_process';
import { truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { adoptEnvelope } from '../../../server/cli/seal/adopt.ts';
import { prepareArchive } from '../../../server/cli/seal/archive-source.ts';
import { unwrapWith } from '../../../server/cli/seal/wrap.ts';
import { toBase64Url } from '../../../server/core/log/base64.ts';
import { canonicalise } from '../../../server/core/log/canonical.ts';
import { utf8 } from '../../../server/core/log/utf8.ts';
import { goldenPath } from '../../core/seal/golden.ts';
import { BIDDER, LIST, promisedOf } from '../../vault/bids.ts';
import type { BidToOpen } from './server.ts';

export const RECIPIENT = goldenPath('bidder.crt.pem');
export const RECIPIENT_KEY = goldenPath('bidder.key.pem');

/** A bid with one document of `documentBytes`, sealed at `path`. The document is zeros: no cipher or hash is faster for that. */
export async function sealBid(folder: string, name: string, documentBytes: number): Promise<BidToOpen> {
  const document = join(folder, `${name}.document`);
  await writeFile(document, '');
  // sparse: what it holds is not written, only what is sealed of it
  await truncate(document, documentBytes);
  const archive = await prepareArchive(
    [
      { name: 'opening-list.json', bytes: utf8(canonicalise(LIST)) },
      { name: 'document.pdf', path: document },
    ],
    false,
  );
  const path = join(folder, `${name}.cms`);
  const args = ['cms', '-encrypt', '-binary', '-stream', '-aes-256-gcm', '-outform', 'DER', '-out', path];
  const padding = ['-keyopt', 'rsa_padding_mode:oaep', '-keyopt', 'rsa_oaep_md:sha256'];
  const openssl = spawn('openssl', [...args, '-recip', RECIPIENT, ...padding], {
    stdio: ['pipe', 'ignore', 'inherit'],
  });
  const ended = new Promise((resolve) => openssl.on('close', resolve));
  await pipeline(Readable.from(archive.read()), openssl.stdin);
  if ((await ended) !== 0) throw new Error('openssl cms -encrypt failed');

  let key = '';
  const unwrap = unwrapWith(BIDDER.privateKey);
  const { promises } = await adoptEnvelope(path, BIDDER.certificate, async (recipient) => {
    const cek = await unwrap(recipient);
    key = toBase64Url(cek);
    return cek;
  });
  return { path, cek: key, promised: promisedOf(promises) };
}
