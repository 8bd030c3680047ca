/** The bytes around the ciphertext of an envelope, in DER with every length known beforehand; it encrypts nothing. */
import { joinBytes } from '../log/bytes.ts';
import { elementHead, TAG, writeElement, writeOid } from './der.ts';
import { GCM_TAG_BYTES, NONCE_BYTES, OID_AES_256_GCM, OID_AUTH_ENVELOPED_DATA, OID_DATA } from './envelope.ts';
import { type Recipient, writeRecipientInfos } from './recipient-info.ts';

/**
 * What stands before and after the ciphertext.
 *
 * Shape:   header ‖ `contentBytes` bytes of ciphertext ‖ trailer(tag) is what `startEnvelope` reads and `openssl cms -decrypt` opens.
 * Asserts: 12 bytes of nonce, 16 of tag.
 */
export function writeEnvelope(
  recipient: Recipient,
  nonce: Uint8Array,
  contentBytes: number,
): { header: Uint8Array; recipientInfos: Uint8Array; trailer(tag: Uint8Array): Uint8Array; envelopeBytes: number } {
  if (nonce.length !== NONCE_BYTES) throw new RangeError(`a nonce has ${NONCE_BYTES} bytes`);
  const trailer = (tag: Uint8Array): Uint8Array => {
    if (tag.length !== GCM_TAG_BYTES) throw new RangeError(`a tag has ${GCM_TAG_BYTES} bytes`);
    return writeElement(TAG.octetString, tag);
  };
  const trailerBytes = trailer(new Uint8Array(GCM_TAG_BYTES)).length;

  const parameters = [writeElement(TAG.octetString, nonce), writeElement(TAG.integer, Uint8Array.of(GCM_TAG_BYTES))];
  const cipher = writeElement(TAG.sequence, writeOid(OID_AES_256_GCM), writeElement(TAG.sequence, ...parameters));
  const content = openElement(
    TAG.sequence,
    contentBytes,
    writeOid(OID_DATA),
    cipher,
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
