/** The bytes around the ciphertext of an envelope, in DER with every length known beforehand; it encrypts nothing. */
import { joinBytes } from '../log/bytes.ts';
import { CIPHER_SHAPES, type ContentAlgorithm, writeContentAlgorithm } from './content-cipher.ts';
import { elementHead, TAG, writeElement, writeOid } from './der.ts';
import { OID_AUTH_ENVELOPED_DATA, OID_DATA } from './envelope.ts';
import { type Recipient, writeRecipientInfos } from './recipient-info.ts';

/**
 * What stands before and after the ciphertext.
 *
 * Shape:   header ‖ `contentBytes` bytes of ciphertext ‖ trailer(tag) is what `startEnvelope` reads and, where the cipher is
 *          AES-256-GCM, `openssl cms -decrypt` opens.
 * Asserts: nonce and tag of the cipher's lengths.
 */
export function writeEnvelope(
  recipient: Recipient,
  algorithm: ContentAlgorithm,
  contentBytes: number,
): { header: Uint8Array; recipientInfos: Uint8Array; trailer(tag: Uint8Array): Uint8Array; envelopeBytes: number } {
  const { tagBytes } = CIPHER_SHAPES[algorithm.cipher];
  const trailer = (tag: Uint8Array): Uint8Array => {
    if (tag.length !== tagBytes) throw new RangeError(`a tag has ${tagBytes} bytes`);
    return writeElement(TAG.octetString, tag);
  };
  const trailerBytes = trailer(new Uint8Array(tagBytes)).length;

  const content = openElement(
    TAG.sequence,
    contentBytes,
    writeOid(OID_DATA),
    writeContentAlgorithm(algorithm),
    elementHead(TAG.context0, contentBytes),
  );
  const recipientInfos = writeRecipientInfos(recipient);
  const version = writeElement(TAG.integer, Uint8Array.of(0));
  const data = openElement(TAG.sequence, contentBytes + trailerBytes, version, recipientInfos, content);
  const explicit = openElement(TAG.constructedContext0, contentBytes + trailerBytes, data);
  const header = openElement(TAG.sequence, contentBytes + trailerBytes, writeOid(OID_AUTH_ENVELOPED_DATA), explicit);
  return { header, recipientInfos, trailer, envelopeBytes: header.length + contentBytes + trailerBytes };
}

/** An element whose content is `parts` and `followingBytes` more that come later. */
function openElement(tag: number, followingBytes: number, ...parts: Uint8Array[]): Uint8Array {
  const begun = joinBytes(...parts);
  return joinBytes(elementHead(tag, begun.length + followingBytes), begun);
}
