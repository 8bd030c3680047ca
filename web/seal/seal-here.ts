/** Seals a bid out of Blobs into a sink of bytes: what the worker does, without a worker. */

import { TOOL_FACTS_NAME } from '../../server/client/document-name.ts';
import type { BidPromises } from '../../server/client/lodge-statement.ts';
import { type EarlyPromises, sealEnvelope } from '../../server/client/seal-envelope.ts';
import { SealError } from '../../server/client/seal-error.ts';
import type { Hashing, SealingMeans } from '../../server/client/seal-layer.ts';
import { toBase64Url } from '../../server/core/log/base64.ts';
import { canonicalise, type Json } from '../../server/core/log/canonical.ts';
import { utf8 } from '../../server/core/log/utf8.ts';
import type { SealProfile } from '../../server/core/seal/content-cipher.ts';
import { OPENING_LIST_NAME, type OpeningList, readOpeningList } from '../../server/core/seal/opening-list.ts';
import { type KeyTransport, writeRecipientInfos } from '../../server/core/seal/recipient-info.ts';
import { prepareArchiveBlob, type SourceDocument } from './archive-blob.ts';
import type { EnvelopeSink } from './envelope-sink.ts';

export type SealTask = {
  readonly openingList: OpeningList;
  readonly documents: readonly SourceDocument[];
  readonly toolFacts: Json;
  /** DER. */
  readonly certificate: Uint8Array;
  readonly keyTransport: KeyTransport;
  readonly profile: SealProfile;
  /** DER of the opening key's certificate, where the policy asks for a second layer. */
  readonly openingCertificate?: Uint8Array | undefined;
  /** The largest envelope that the platform takes, where that is known. */
  readonly limitBytes?: number | undefined;
};

/** Reading for the CRCs is a part of the way, enciphering the other. */
export type SealStep = 'read' | 'seal';
export type SealProgress = (step: SealStep, doneBytes: number, allBytes: number) => void;

export type SealedBid = {
  readonly envelope: Blob;
  readonly promises: BidPromises;
  /** DER of the RecipientInfos SET: what the bidder's own key has to open. */
  readonly recipientInfos: Uint8Array;
  /** The outer content key; the receiver's to erase. */
  readonly cek: Uint8Array;
};

/**
 * Seals one bid.
 *
 * Throws: SealError list_not_in_form, name_not_allowed, names_alike, too_many_documents, too_large_to_lodge, document_changed, transport_not_for_key; what the sink throws. Nothing is left in
 *         the sink then.
 * Why:    the envelope is hashed as it is written and not read again: whether the bytes at the platform are those, its gate says, which
 *         holds them against the signed promise. That the key opens it is tried by whoever asked, with the recipient.
 */
export async function sealHere(
  task: SealTask,
  outside: {
    readonly means: SealingMeans;
    readonly sink: EnvelopeSink;
    readonly startHash: () => Hashing;
    readonly progress?: SealProgress;
  },
): Promise<SealedBid> {
  const { means, sink, startHash, progress = () => undefined } = outside;
  try {
    const listBytes = utf8(canonicalise(task.openingList));
    if ('problem' in readOpeningList(listBytes)) throw new SealError('list_not_in_form');
    const inMemory = (name: string, bytes: Uint8Array) => ({
      name,
      content: new Blob([bytes as Uint8Array<ArrayBuffer>]),
    });
    const documents = [
      inMemory(OPENING_LIST_NAME, listBytes),
      ...task.documents,
      inMemory(TOOL_FACTS_NAME, utf8(canonicalise(task.toolFacts))),
    ];
    const readBytes = documents.reduce((sum, { content }) => sum + content.size, 0);
    const archive = await prepareArchiveBlob(documents, (done) => progress('read', done, readBytes));
    const sealed = await sealEnvelope({ ...task, archive }, means);
    try {
      // said before anything is sealed, and not by the platform's gate afterwards
      if (sealed.envelopeBytes > (task.limitBytes ?? Number.POSITIVE_INFINITY))
        throw new SealError('too_large_to_lodge');
      const hash = startHash();
      let done = 0;
      for await (const bytes of sealed.bytes()) {
        done += bytes.length;
        await sink.write(bytes);
        await hash.update(bytes);
        progress('seal', done, sealed.envelopeBytes);
      }
      const early: EarlyPromises = await sealed.promises();
      const envelopeSha256 = toBase64Url(await hash.digest());
      return {
        envelope: await sink.finish(),
        promises: { ...early, envelopeSha256 },
        recipientInfos: writeRecipientInfos(sealed.recipient),
        cek: sealed.cek.slice(),
      };
    } finally {
      sealed.erase();
    }
  } catch (fault) {
    await sink.giveUp();
    throw fault;
  }
}
