/** What an envelope needs of DER beyond core/pki: lengths of a stream, context tags, and writing; it reads no element itself. */
import { joinBytes } from '../log/bytes.ts';
import { CertificateError, TAG as UNIVERSAL } from '../pki/der.ts';
import { EnvelopeError } from './envelope-error.ts';

export const TAG = {
  ...UNIVERSAL,
  context0: 0x80,
  constructedOctetString: 0x24,
  constructedContext0: 0xa0,
  constructedContext1: 0xa1,
  constructedContext2: 0xa2,
} as const;

/** Lengths of more octets are refused; 2^48 is far beyond any envelope and safe in a number. */
export const LENGTH_OCTETS_LIMIT = 6;

/** Runs a reader of core/pki; where it finds no DER, the envelope is at fault. Throws: EnvelopeError bad_der. */
export function readingDer<Value>(read: () => Value): Value {
  try {
    return read();
  } catch (error) {
    if (error instanceof CertificateError) throw new EnvelopeError('bad_der', error.message);
    throw error;
  }
}

/**
 * The length that `octets` (the bytes after 0x8n) spell.
 *
 * Throws: EnvelopeError bad_length when it is not the shortest spelling: two spellings of one envelope would be two hashes.
 * Why:    plain arithmetic, since `<<` is wrong from 2^31 on.
 */
export function readLongLength(octets: Uint8Array): number {
  let length = 0;
  for (const octet of octets) length = length * 256 + octet;
  if (octets[0] === 0 || length < 0x80) throw new EnvelopeError('bad_length', 'not the shortest spelling');
  return length;
}

/** Tag and shortest length, to stand before `length` bytes of content. */
export function elementHead(tag: number, length: number): Uint8Array {
  if (length < 0x80) return Uint8Array.of(tag, length);
  const octets: number[] = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) octets.unshift(rest % 256);
  return Uint8Array.of(tag, 0x80 | octets.length, ...octets);
}

/** One element whose content is `parts` joined. */
export function writeElement(tag: number, ...parts: Uint8Array[]): Uint8Array {
  const content = joinBytes(...parts);
  return joinBytes(elementHead(tag, content.length), content);
}

/** An OBJECT IDENTIFIER from its dotted text. */
export function writeOid(text: string): Uint8Array {
  const [first = 0, second = 0, ...rest] = text.split('.').map(Number);
  const octets = [first * 40 + second, ...rest].flatMap((arc) => {
    const base128 = [arc & 0x7f];
    for (let high = Math.floor(arc / 128); high > 0; high = Math.floor(high / 128))
      base128.unshift(0x80 | (high & 0x7f));
    return base128;
  });
  return writeElement(TAG.oid, Uint8Array.from(octets));
}
