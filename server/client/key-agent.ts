/** A person's keys as the rest of a client sees them: certificates, signatures, unwrapped content keys, never a private key. */
import { toBase64, toBase64Url } from '../core/log/base64.ts';
import type { Sha256 } from '../core/log/hash.ts';
import { type Certificate, parseCertificate } from '../core/pki/certificate.ts';
import type { KeyUsage } from '../core/pki/extensions.ts';
import type { CertificateSigner } from '../core/pki/person-jws.ts';
import type { ReceiptPayload } from '../core/seal/receipt.ts';
import type { Recipient } from '../core/seal/recipient-info.ts';

/**
 * Unwraps a content key wherever the private key lies. The 32 bytes are the caller's to erase.
 *
 * Shape: `evidence` is what a holder in another process asks for before it lets the key be used; one in this process needs none, for
 *        decryptBid has checked it here.
 */
export type Unwrap = (recipient: Recipient, evidence?: UnwrapEvidence) => Promise<Uint8Array>;

/** A bidder's own lodgement, and the challenge with its proof that the window was opened (seal-format §3). */
export type UnwrapEvidence = {
  readonly statement: string;
  readonly receipt: ReceiptPayload;
  readonly logVkey: string;
  readonly windowKid: string | null;
  /** Exact leaf text of WindowOpened, and its `.tlog-proof`. */
  readonly entry: string;
  readonly proof: string;
  readonly jti: string;
  readonly recipientInfos: Uint8Array;
};

export type AgentCertificate = {
  readonly certSha256: string;
  readonly certificate: Certificate;
  /** Base64 certificates, this one first, as `x5c` has them. */
  readonly x5c: readonly string[];
  readonly canSign: boolean;
  readonly canUnwrap: boolean;
};

/** Whatever holds a person's keys: files here, a token or a phone later. Throws: KeyAgentError for a key it does not hold. */
export type KeyAgent = {
  listCertificates(): Promise<readonly AgentCertificate[]>;
  /** What signs with the key of a certificate. */
  signer(certSha256: string): Promise<CertificateSigner>;
  /** What unwraps an envelope's content key with the key of a certificate. */
  unwrapper(certSha256: string): Promise<Unwrap>;
};

export class KeyAgentError extends Error {
  override readonly name = 'KeyAgentError';
  readonly code: 'key_not_held' | 'key_not_for_this' | 'no_such_key' | 'several_keys';

  constructor(code: KeyAgentError['code'], message: string) {
    super(message);
    this.code = code;
  }
}

/** What a certificate may say that is sealed to: key transport asks for the first, agreement for the last. */
const UNWRAPPING: readonly KeyUsage[] = ['keyEncipherment', 'dataEncipherment', 'keyAgreement'];

/** How a certificate with those above it (DER) is listed. Throws: CertificateError. */
export function listingOf(
  sha256: Sha256,
  { certificate: der, chain }: { readonly certificate: Uint8Array; readonly chain: readonly Uint8Array[] },
): AgentCertificate {
  const certificate = parseCertificate(der);
  const usages = certificate.keyUsage ?? [];
  return {
    certSha256: toBase64Url(sha256(der)),
    certificate,
    x5c: [der, ...chain].map(toBase64),
    canSign: usages.includes('digitalSignature'),
    canUnwrap: UNWRAPPING.some((usage) => usages.includes(usage)),
  };
}

/**
 * The one certificate that serves a use now.
 *
 * Throws: KeyAgentError no_such_key, several_keys: which of two the person means is not guessed.
 */
export async function pickCertificate(
  agent: Pick<KeyAgent, 'listCertificates'>,
  use: 'sign' | 'unwrap',
  at: number,
): Promise<AgentCertificate> {
  const fitting = (await agent.listCertificates()).filter(
    ({ canSign, canUnwrap, certificate: { notBeforeAt, notAfterAt } }) =>
      (use === 'sign' ? canSign : canUnwrap) && notBeforeAt <= at && at < notAfterAt + 1000,
  );
  const [first, second] = fitting;
  if (first === undefined) throw new KeyAgentError('no_such_key', 'no valid certificate for this use');
  if (second !== undefined) throw new KeyAgentError('several_keys', 'several certificates for this use: name one');
  return first;
}
