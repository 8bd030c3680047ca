/** Strict DER (X.690 §10): definite, minimal, bounded elements and the universal values in them; it knows no certificate. */

import { toHex } from '../log/bytes.ts';
import { parseInstant } from '../log/instant.ts';
import { fromUtf8 } from '../log/utf8.ts';

export const CERTIFICATE_ERROR_CODES = [
  'der_truncated',
  'der_length',
  'der_tag',
  'der_trailing',
  'der_value',
  'certificate_too_large',
  'certificate_structure',
  'certificate_algorithm',
  'duplicate_extension',
  'pem_format',
  'too_many_certificates',
  'crl_too_large',
  'crl_structure',
  'ocsp_too_large',
  'ocsp_structure',
] as const;
export type CertificateErrorCode = (typeof CERTIFICATE_ERROR_CODES)[number];

/** Bytes that are not the certificate, CRL, OCSP response (or DER) they claim to be; `code` is stable, the message is for people. */
export class CertificateError extends Error {
  override readonly name = 'CertificateError';
  readonly code: CertificateErrorCode;

  constructor(code: CertificateErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** One element: its tag byte, its whole bytes and its content, both views into what was read. */
export type Der = { readonly tag: number; readonly full: Uint8Array; readonly content: Uint8Array };

export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  enumerated: 0x0a,
  utf8String: 0x0c,
  printableString: 0x13,
  teletexString: 0x14,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  universalString: 0x1c,
  bmpString: 0x1e,
  sequence: 0x30,
  set: 0x31,
} as const;

const CONSTRUCTED = 0x20;
const OID_LIMIT_BYTES = 64;

/**
 * Reads exactly one element that fills the bytes.
 *
 * Throws: CertificateError der_truncated | der_length | der_tag | der_trailing.
 */
export function readDer(bytes: Uint8Array): Der {
  const element = readElement(bytes, 0);
  if (element.full.length !== bytes.length) throw new CertificateError('der_trailing', 'bytes follow the element');
  return element;
}

/** Reads one element that fills the bytes and has this tag. */
export function readDerAs(bytes: Uint8Array, tag: number): Der {
  return expectTag(readDer(bytes), tag);
}

/** Returns the element, which must have this tag. */
export function expectTag(element: Der | undefined, tag: number): Der {
  if (element === undefined) throw new CertificateError('certificate_structure', `element ${hexByte(tag)} is missing`);
  if (element.tag !== tag)
    throw new CertificateError('der_tag', `tag ${hexByte(element.tag)} stands where ${hexByte(tag)} belongs`);
  return element;
}

/** The elements inside a constructed one, in order. */
export function derChildren(element: Der): Der[] {
  if ((element.tag & CONSTRUCTED) === 0) throw new CertificateError('der_tag', 'a primitive element holds no others');
  const children: Der[] = [];
  let at = 0;
  while (at < element.content.length) {
    const child = readElement(element.content, at);
    children.push(child);
    at += child.full.length;
  }
  return children;
}

function readElement(bytes: Uint8Array, start: number): Der {
  const head: DerHead = { tag: 0, contentStart: 0, end: 0 };
  readHead(bytes, start, bytes.length, head);
  return { tag: head.tag, full: bytes.subarray(start, head.end), content: bytes.subarray(head.contentStart, head.end) };
}

/** Where an element's content begins and ends. */
export type DerHead = { tag: number; contentStart: number; end: number };

/**
 * Reads tag and length of the element at `start`, which must end at `limit` or before, into `head`.
 *
 * Throws: CertificateError der_truncated | der_length | der_tag.
 * Why:    into what is handed in: who walks over a hundred thousand elements makes no object of each.
 */
export function readHead(bytes: Uint8Array, start: number, limit: number, head: DerHead): void {
  if (start + 2 > limit) throw new CertificateError('der_truncated', 'no room for tag and length');
  const tag = bytes[start] as number;
  const first = bytes[start + 1] as number;
  if ((tag & 0x1f) === 0x1f) throw new CertificateError('der_tag', 'tags above 30 have no place in a certificate');
  let length = first;
  let contentStart = start + 2;
  if (first >= 0x80) {
    const count = first & 0x7f;
    if (count === 0) throw new CertificateError('der_length', 'indefinite length is BER, not DER');
    if (count > 4) throw new CertificateError('der_length', 'length of more than four bytes');
    if (contentStart + count > limit) throw new CertificateError('der_truncated', 'length is cut off');
    length = 0;
    for (let i = 0; i < count; i++) length = length * 256 + (bytes[contentStart + i] as number);
    if (length < 0x80 || bytes[contentStart] === 0) throw new CertificateError('der_length', 'length is not minimal');
    contentStart += count;
  }
  if (contentStart + length > limit) throw new CertificateError('der_truncated', 'content is cut off');
  head.tag = tag;
  head.contentStart = contentStart;
  head.end = contentStart + length;
}

/** BOOLEAN: in DER true is 0xff and nothing else. */
export function derBoolean(element: Der): boolean {
  const [value, ...rest] = expectTag(element, TAG.boolean).content;
  if (rest.length > 0 || (value !== 0x00 && value !== 0xff))
    throw new CertificateError('der_value', 'a boolean is one byte, 00 or ff');
  return value === 0xff;
}

/** INTEGER as its two's-complement bytes, which must be minimal. */
export function derInteger(element: Der): Uint8Array {
  const { content } = expectTag(element, TAG.integer);
  const [first, second] = content;
  if (first === undefined) throw new CertificateError('der_value', 'an integer has a byte at least');
  if (second !== undefined && ((first === 0x00 && second < 0x80) || (first === 0xff && second >= 0x80)))
    throw new CertificateError('der_value', 'integer is not minimal');
  return content;
}

/** INTEGER that counts something small: 0 … 2^31 − 1. */
export function derCount(element: Der): number {
  const bytes = derInteger(element);
  if (bytes.length > 4 || (bytes[0] ?? 0) >= 0x80) throw new CertificateError('der_value', 'integer out of range');
  return bytes.reduce((value, byte) => value * 256 + byte, 0);
}

/** INTEGER of any size that is not negative: a CRL's number. */
export function derUnsigned(element: Der): bigint {
  const bytes = derInteger(element);
  if ((bytes[0] ?? 0) >= 0x80) throw new CertificateError('der_value', 'a number that counts is not negative');
  return BigInt(`0x${toHex(bytes)}`);
}

/** ENUMERATED of one byte: the reasons and states that RFC 5280 and RFC 6960 count are all below 128. */
export function derEnumerated(element: Der): number {
  const [value, ...rest] = expectTag(element, TAG.enumerated).content;
  if (value === undefined || value >= 0x80 || rest.length > 0)
    throw new CertificateError('der_value', 'no such enumerated value');
  return value;
}

/** BIT STRING: its bytes and how many bits of the last one are unused (these must be zero). */
export function derBits(element: Der): { bytes: Uint8Array; unused: number } {
  const { content } = expectTag(element, TAG.bitString);
  const unused = content[0];
  const last = content[content.length - 1];
  if (unused === undefined || last === undefined || unused > 7 || (content.length === 1 && unused !== 0))
    throw new CertificateError('der_value', 'bit string says a wrong number of unused bits');
  if (content.length > 1 && (last & ((1 << unused) - 1)) !== 0)
    throw new CertificateError('der_value', 'unused bits are set');
  return { bytes: content.subarray(1), unused };
}

/** BIT STRING of whole bytes (keys, signatures). */
export function derBitBytes(element: Der): Uint8Array {
  const { bytes, unused } = derBits(element);
  if (unused !== 0) throw new CertificateError('der_value', 'bit string is not of whole bytes');
  return bytes;
}

/** OBJECT IDENTIFIER in dotted form. */
export function derOid(element: Der): string {
  const { content } = expectTag(element, TAG.oid);
  if (content.length === 0 || content.length > OID_LIMIT_BYTES)
    throw new CertificateError('der_value', 'object identifier of a wrong length');
  let text = '';
  let arc = 0;
  let large: bigint | undefined;
  let begun = false;
  for (const byte of content) {
    if (!begun && byte === 0x80) throw new CertificateError('der_value', 'object identifier is not minimal');
    // Arcs of random 128 bits exist (2.25.x); all others are counted without bigint.
    if (large === undefined && arc >= SAFE_ARC) large = BigInt(arc);
    if (large !== undefined) large = large * 128n + BigInt(byte & 0x7f);
    else arc = arc * 128 + (byte & 0x7f);
    begun = byte >= 0x80;
    if (begun) continue;
    text += text === '' ? firstArcs(large ?? arc) : `.${large ?? arc}`;
    arc = 0;
    large = undefined;
  }
  if (begun) throw new CertificateError('der_value', 'object identifier is cut off');
  return text;
}

/** Below this an arc can take seven bits more and is still counted exactly. */
const SAFE_ARC = 2 ** 45;

/** The first two arcs, which share one number (X.690 §8.19.4). */
function firstArcs(number: number | bigint): string {
  if (number < 40) return `0.${number}`;
  if (number < 80) return `1.${Number(number) - 40}`;
  return `2.${typeof number === 'bigint' ? number - 80n : number - 80}`;
}

const UTC_TIME = /^(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/;
const GENERALIZED_TIME = /^(\d\d\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/;

/** UTCTime or GeneralizedTime as RFC 5280 §4.1.2.5 narrows them (seconds, Z, no fraction); an instant in ms. */
export function derTime(element: Der): number {
  const text = latin1(element.content);
  const parts =
    element.tag === TAG.utcTime
      ? UTC_TIME.exec(text)
      : element.tag === TAG.generalizedTime
        ? GENERALIZED_TIME.exec(text)
        : null;
  if (parts === null) throw new CertificateError('der_value', 'time is not of the form RFC 5280 asks');
  const [, short = '', month, day, hour, minute, second] = parts;
  const year = Number(short.length === 4 ? short : `${short < '50' ? '20' : '19'}${short}`);
  // The calendar repeats itself after 400 years: so years before 1970, which no signed instant of ours has, are read too.
  const shift = year < 1970 ? 400 : 0;
  const shifted = String(year + shift).padStart(4, '0');
  const instant = valueOr('time does not exist', () =>
    parseInstant(`${shifted}-${month}-${day}T${hour}:${minute}:${second}.000Z`),
  );
  return shift === 0 ? instant : instant - FOUR_CENTURIES_MS;
}

const FOUR_CENTURIES_MS = 146_097 * 86_400_000;

/** A directory string of any usual kind, or undefined when the tag is none of them; never empty of meaning, never trimmed. */
export function derText(element: Der): string | undefined {
  const { tag, content } = element;
  switch (tag) {
    case TAG.utf8String:
      return valueOr('text is not UTF-8', () => fromUtf8(content));
    case TAG.printableString:
    case TAG.ia5String:
      if (content.some((byte) => byte > 0x7e)) throw new CertificateError('der_value', 'text is not ASCII');
      return latin1(content);
    case TAG.teletexString:
      return latin1(content);
    case TAG.bmpString:
      return wideText(content, 2);
    case TAG.universalString:
      return wideText(content, 4);
    default:
      return undefined;
  }
}

function wideText(content: Uint8Array, width: 2 | 4): string {
  if (content.length % width !== 0) throw new CertificateError('der_value', 'wide text is cut off');
  let text = '';
  for (let at = 0; at < content.length; at += width) {
    let point = 0;
    for (const byte of content.subarray(at, at + width)) point = point * 256 + byte;
    // Surrogates would let two different byte strings read as one name.
    if (point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff))
      throw new CertificateError('der_value', 'wide text holds no such character');
    text += String.fromCodePoint(point);
  }
  return text;
}

function latin1(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

function valueOr<T>(message: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (cause instanceof RangeError) throw cause;
    throw new CertificateError('der_value', message);
  }
}

function hexByte(byte: number): string {
  return byte.toString(16).padStart(2, '0');
}
