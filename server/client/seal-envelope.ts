/** What of a bid is sealed in which order: the archive in the opening's layer where the policy asks for one, that in the bidder's own. */
import { toBase64Url } from '../core/log/base64.ts';
import { CEK_BYTES, openingListDisclosure } from '../core/seal/commitments.ts';
import { PROFILE_CIPHERS, type SealProfile } from '../core/seal/content-cipher.ts';
import type { OpeningList } from '../core/seal/opening-list.ts';
import {
  type KeyTransport,
  LAYER_KEY_TRANSPORT,
  type Recipient,
  writeRecipientInfos,
} from '../core/seal/recipient-info.ts';
import type { BidPromises } from './lodge-statement.ts';
import { type SealingMeans, writeLayer } from './seal-layer.ts';

export type EnvelopeRequest = {
  readonly openingList: OpeningList;
  /** The archive whose first entry is that list. */
  readonly archive: { readonly archiveBytes: number; read(): AsyncIterable<Uint8Array> };
  /** DER of the bidder's encryption certificate. */
  readonly certificate: Uint8Array;
  readonly keyTransport: KeyTransport;
  readonly profile: SealProfile;
  /** DER of the opening key's certificate, from a verified copy of the log, where the policy asks for a second layer. */
  readonly openingCertificate?: Uint8Array | undefined;
};

/** What is promised before the finished file is hashed. */
export type EarlyPromises = Omit<BidPromises, 'envelopeSha256'>;

export type SealedEnvelope = {
  readonly envelopeBytes: number;
  /** How the outer content key travels. */
  readonly recipient: Recipient;
  /** The outer content key, and the inner one of two layers: erased by `erase`. */
  readonly cek: Uint8Array;
  readonly innerCek: Uint8Array | undefined;
  /** The envelope, first byte to last, once. Throws: what the archive's reader throws. */
  bytes(): AsyncGenerator<Uint8Array>;
  /** Once all bytes were taken. */
  promises(): Promise<EarlyPromises>;
  erase(): void;
};

/**
 * Begins to seal.
 *
 * Throws: SealError transport_not_for_key.
 * Why:    command line and browser seal by this one text, so that with the same keys, nonces and recipients they write the same bytes.
 */
export async function sealEnvelope(request: EnvelopeRequest, means: SealingMeans): Promise<SealedEnvelope> {
  const { openingList, archive, certificate, keyTransport, profile, openingCertificate } = request;
  const { sha256, randomBytes } = means;
  const { archiveBytes } = archive;
  const cipher = PROFILE_CIPHERS[profile];
  const cek = randomBytes(CEK_BYTES);
  const innerCek = openingCertificate === undefined ? undefined : randomBytes(CEK_BYTES);
  const outer = await writeLayer({ certificate, keyTransport, cipher, cek }, means);
  const inner =
    openingCertificate === undefined || innerCek === undefined
      ? undefined
      : await writeLayer(
          { certificate: openingCertificate, keyTransport: LAYER_KEY_TRANSPORT, cipher, cek: innerCek },
          means,
        );
  const openingListCommit = openingListDisclosure(sha256, innerCek ?? cek, openingList).digest;
  const contentBytes = inner === undefined ? archiveBytes : inner.sealedBytes(archiveBytes);
  const envelopeBytes = outer.sealedBytes(contentBytes);
  return {
    envelopeBytes,
    recipient: outer.recipient,
    cek,
    innerCek,
    bytes: () =>
      outer.seal(contentBytes, inner === undefined ? archive.read() : inner.seal(archiveBytes, archive.read())),
    async promises() {
      const layer =
        inner === undefined || openingCertificate === undefined
          ? {}
          : { layer: { openingCertSha256: toBase64Url(sha256(openingCertificate)), ...(await inner.promises()) } };
      return {
        envelopeBytes,
        recipientInfosSha256: toBase64Url(sha256(writeRecipientInfos(outer.recipient))),
        encCertSha256: toBase64Url(sha256(certificate)),
        openingListCommit,
        ...(await outer.promises()),
        profile,
        ...layer,
      };
    },
    erase() {
      cek.fill(0);
      innerCek?.fill(0);
    },
  };
}
