/** The second layer of a bid judged against its promises: addressed to the opening key, opened by it, promised by its bidder. */
import { constants, createPrivateKey, privateDecrypt } from 'node:crypto';
import { toBase64Url } from '../core/log/base64.ts';
import { type Certificate, parseCertificate } from '../core/pki/certificate.ts';
import { CEK_BYTES, cekCommit } from '../core/seal/commitments.ts';
import { profileOf } from '../core/seal/content-cipher.ts';
import type { EnvelopeHeader } from '../core/seal/envelope.ts';
import { isAddressedTo, LAYER_KEY_TRANSPORT, type Recipient } from '../core/seal/recipient-info.ts';
import { sha256 } from '../hash.ts';
import { failed, type JudgedContent, judgeContent, type OpenFailure, type Promised } from './judgement.ts';
import type { EnvelopeScan } from './scan-envelope.ts';

/** The second layer's key of the opening: its certificate as the log names it, and its private half (PKCS#8) once the holders gave it. */
export type LayerKey = { certificate: Uint8Array; privateKey: Uint8Array | null };

export type Layer = {
  innerCekFor(header: EnvelopeHeader): Uint8Array | undefined;
  /** The first fault of the bidder's own layer, or of what lies under it as far as no other key is needed. */
  judgeOuter(scan: EnvelopeScan): OpenFailure | undefined;
  judgeInner(scan: EnvelopeScan): OpenFailure | JudgedContent;
  /** Erases the inner content key; what was judged stays. */
  erase(): void;
};

/**
 * The second layer of one bid; undefined where neither bid nor opening has one.
 *
 * Throws: where one has it and the other has not; the gate takes no such bid.
 */
export function startLayer(promised: Promised, key: LayerKey | undefined): Layer | undefined {
  const { layer } = promised;
  if (layer === undefined && key === undefined) return undefined;
  if (layer === undefined || key === undefined) throw new Error('a bid and its opening disagree on the second layer');
  const certificate = parseCertificate(key.certificate);
  let innerCek: Uint8Array | undefined;
  let isRightKey = false;

  function judgeOuter({ layers }: EnvelopeScan): OpenFailure | undefined {
    if (!layers?.outer.isAuthentic) return failed('tag_mismatch');
    if (layers.outer.contentCommit !== promised.contentCommit) return failed('content_mismatch');
    const { header, problem } = layers.inner;
    if (header === undefined) return failed('layer_malformed', problem);
    if (profileOf(header.cipher) !== promised.profile) return failed('layer_malformed', 'other_profile');
    return isForKey(header.recipient, certificate) ? undefined : failed('layer_malformed', 'other_recipient');
  }

  return {
    innerCekFor({ recipient, cipher }) {
      if (profileOf(cipher) !== promised.profile || key.privateKey === null || !isForKey(recipient, certificate))
        return undefined;
      innerCek = unwrapInner(recipient, key.privateKey);
      isRightKey = innerCek !== undefined && cekCommit(sha256, innerCek) === layer.cekCommit;
      return isRightKey ? innerCek : undefined;
    },
    judgeOuter,
    judgeInner(scan) {
      const outer = judgeOuter(scan);
      if (outer) return outer;
      if (layer.openingCertSha256 !== toBase64Url(sha256(key.certificate)))
        return failed('layer_malformed', 'other_opening_key');
      if (!isRightKey) return failed('layer_wrong_key');
      return judgeContent({ content: scan.layers?.inner.content }, { ...promised, contentCommit: layer.contentCommit });
    },
    erase: () => void innerCek?.fill(0),
  };
}

function isForKey(recipient: Recipient, certificate: Certificate): boolean {
  return recipient.keyTransport === LAYER_KEY_TRANSPORT && isAddressedTo(recipient, certificate);
}

/** The inner content key; undefined when this key unwraps none. */
export function unwrapInner({ encryptedKey }: Recipient, pkcs8: Uint8Array): Uint8Array | undefined {
  // a view and no copy: what Buffer.from copies nobody erases
  const der = Buffer.from(pkcs8.buffer, pkcs8.byteOffset, pkcs8.byteLength);
  const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  const padding = constants.RSA_PKCS1_OAEP_PADDING;
  let cek: Buffer;
  try {
    cek = privateDecrypt({ key, padding, oaepHash: 'sha256' }, encryptedKey);
  } catch {
    // Another key, or bytes that nobody wrapped: OpenSSL tells them not apart, and neither is a fault of ours.
    return undefined;
  }
  if (cek.length === CEK_BYTES) return cek;
  cek.fill(0);
  return undefined;
}
