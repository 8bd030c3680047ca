/** What a time-stamping authority is asked (RFC 3161 §2.4.1), in DER. */
import { TAG } from '../pki/der.ts';
import { writeElement, writeOid } from '../seal/der.ts';
import { SHA256 } from './object-ids.ts';

/** 2^-64 that an answer to another question has the same. */
export const NONCE_BYTES = 8;

export type TimestampRequest = {
  /** SHA-256 of what is to be stamped. */
  readonly imprint: Uint8Array;
  /** NONCE_BYTES that nobody could guess; read as a number, see `nonceNumber`. */
  readonly nonce: Uint8Array;
  /** The policy asked for; the authority's own when absent. */
  readonly policy?: string;
};

/** Writes a request that also asks for the signer's certificate (certReq). */
export function writeTimestampRequest({ imprint, nonce, policy }: TimestampRequest): Uint8Array {
  const algorithm = writeElement(TAG.sequence, writeOid(SHA256), writeElement(TAG.null));
  return writeElement(
    TAG.sequence,
    writeElement(TAG.integer, Uint8Array.of(1)),
    writeElement(TAG.sequence, algorithm, writeElement(TAG.octetString, imprint)),
    ...(policy === undefined ? [] : [writeOid(policy)]),
    writeElement(TAG.integer, nonceNumber(nonce)),
    writeElement(TAG.boolean, Uint8Array.of(0xff)),
  );
}

/** The nonce as the minimal bytes of a positive INTEGER, which is how it stands in request and token. */
export function nonceNumber(nonce: Uint8Array): Uint8Array {
  const first = nonce.findIndex((byte) => byte !== 0);
  if (first < 0) return Uint8Array.of(0);
  const bytes = nonce.subarray(first);
  return (bytes[0] as number) < 0x80 ? bytes : Uint8Array.of(0, ...bytes);
}
