/** Time-stamps over the anchors of golden logs, by authorities made for it. */
import { basicConstraints, timeStampingUsage } from '../../server/cli/demo/ca.ts';
import { answerTimestamp, type TsaAnswer } from '../../server/cli/demo/time-stamping.ts';
import { parseInstant } from '../../server/core/log/instant.ts';
import { fromUtf8, utf8 } from '../../server/core/log/utf8.ts';
import { NONCE_BYTES, writeTimestampRequest } from '../../server/core/timestamp/request.ts';
import { sha256 } from '../../server/hash.ts';
import { formatPem } from '../../server/verify/pem-file.ts';
import { stampPaths } from '../../server/verify/source.ts';
import { type Authority, authority, crlDer, DAY_MS, signUsage } from '../core/pki/authority.ts';
import type { LogFiles } from './golden-log.ts';

export type StampAuthority = { readonly root: Authority; readonly signer: Authority };

/** Validity of the certificates of an authority, ms; `at` is in the middle of it. */
export async function stampAuthority(name: string, at: number): Promise<StampAuthority> {
  const validity = { notBeforeAt: at - DAY_MS, notAfterAt: at + DAY_MS };
  const root = await authority(`${name} root`, undefined, validity);
  const extensions = [basicConstraints(false), signUsage, timeStampingUsage()];
  return { root, signer: await authority(name, root, { ...validity, extensions }) };
}

export type StampChoice = {
  /** The instant of the token; a second behind the ledger's entry when absent. */
  readonly at?: number;
  /** What is stamped; the anchor's checkpoint when absent. */
  readonly text?: string;
  readonly answer?: Partial<TsaAnswer>;
  readonly revoked?: boolean;
  /** Whether the authority has no list to show. */
  readonly listless?: boolean;
};

/** When the ledger's entry in an anchor says it was written, ms. */
export function writtenAt(files: LogFiles): number {
  const head = JSON.parse(fromUtf8(files.get('anchor/head.json') ?? new Uint8Array())) as { at: string };
  return parseInstant(head.at);
}

/** The files with the n-th stamp among them. */
export function withStamp(
  files: LogFiles,
  n: number,
  { root, signer }: StampAuthority,
  { at = writtenAt(files) + 1_000, text, answer, revoked = false, listless = false }: StampChoice = {},
): LogFiles {
  const imprint = sha256(text === undefined ? (files.get('anchor/checkpoint') ?? new Uint8Array()) : utf8(text));
  const request = writeTimestampRequest({ imprint, nonce: new Uint8Array(NONCE_BYTES).fill(n) });
  const identity = { key: signer.key, certificate: signer.certificate.der, chain: [] };
  const response = answerTimestamp(request, identity, { at, serial: n, ...answer });
  const entries = revoked ? [{ serial: signer.certificate.serial, revokedAt: at - 1_000 }] : [];
  const list = crlDer(root, { entries, thisUpdateAt: at - DAY_MS / 2, nextUpdateAt: at + DAY_MS / 2 });
  const paths = stampPaths(n);
  return new Map([
    ...files,
    [paths.response, response],
    [paths.path, utf8(formatPem('CERTIFICATE', [signer.certificate.der, root.certificate.der]))],
    ...(listless ? [] : [[paths.crls, utf8(formatPem('X509 CRL', [list]))] as const]),
  ]);
}
