/** TSTInfo (RFC 3161 §2.4.2): what a token says, read into plain values. */

import { toHex } from '../log/bytes.ts';
import { parseInstant } from '../log/instant.ts';
import { readAlgorithm } from '../pki/certificate.ts';
import {
  type Der,
  derBoolean,
  derChildren,
  derCount,
  derInteger,
  derOid,
  expectTag,
  readDerAs,
  TAG,
} from '../pki/der.ts';
import { type Extension, readExtensions } from '../pki/extensions.ts';
import { type GeneralName, readGeneralName } from '../pki/names.ts';
import { TimestampError } from './timestamp-error.ts';

export type TimestampInfo = {
  readonly policy: string;
  /** OID of the hash and the hash itself. */
  readonly imprint: { readonly oid: string; readonly hash: Uint8Array };
  /** Hex of the serial's two's-complement bytes. */
  readonly serial: string;
  /** Instant in ms; what the token says beyond ms is cut off. */
  readonly at: number;
  /** How far the true time may lie from `at`, either way, rounded up to ms; null when the token does not say. */
  readonly accuracyMs: number | null;
  /** The INTEGER's bytes. */
  readonly nonce?: Uint8Array;
  readonly tsa?: GeneralName;
  readonly extensions: readonly Extension[];
};

/**
 * Reads a TSTInfo.
 *
 * Throws: TimestampError info_structure, CertificateError (see readingDer).
 */
export function readInfo(der: Uint8Array): TimestampInfo {
  const fields = derChildren(readDerAs(der, TAG.sequence));
  const [version, policy, imprint, serial, time, ...optional] = fields;
  if (version === undefined || policy === undefined || serial === undefined || time === undefined)
    throw new TimestampError('info_structure', 'a field of TSTInfo is missing');
  if (derCount(version) !== 1) throw new TimestampError('info_structure', 'TSTInfo is of version 1');
  const [algorithm, hash, ...rest] = derChildren(expectTag(imprint, TAG.sequence));
  if (algorithm === undefined || rest.length > 0)
    throw new TimestampError('info_structure', 'an imprint is an algorithm and a hash');
  const known = readOptional(optional);
  return {
    policy: derOid(policy),
    imprint: { oid: readAlgorithm(algorithm).oid, hash: expectTag(hash, TAG.octetString).content },
    serial: toHex(derInteger(serial)),
    at: readTime(time),
    accuracyMs: known.accuracy === undefined ? null : readAccuracy(known.accuracy),
    ...(known.nonce && { nonce: derInteger(known.nonce) }),
    ...(known.tsa && { tsa: readTsa(known.tsa) }),
    extensions: known.extensions === undefined ? [] : readExtensions({ ...known.extensions, tag: TAG.sequence }),
  };
}

/** The optional fields by their tags, which must come in the order of the standard. */
const OPTIONAL = [
  ['accuracy', TAG.sequence],
  ['ordering', TAG.boolean],
  ['nonce', TAG.integer],
  ['tsa', 0xa0],
  ['extensions', 0xa1],
] as const;

function readOptional(fields: readonly Der[]): { readonly [Name in (typeof OPTIONAL)[number][0]]?: Der } {
  const left = [...fields];
  const found: { [Name in (typeof OPTIONAL)[number][0]]?: Der } = {};
  for (const [name, tag] of OPTIONAL) if (left[0]?.tag === tag) found[name] = left.shift() as Der;
  if (left.length > 0) throw new TimestampError('info_structure', 'a field of TSTInfo that has no place there');
  // FALSE is the default, which DER leaves out.
  if (found.ordering !== undefined && !derBoolean(found.ordering))
    throw new TimestampError('info_structure', 'a default value is written out');
  return found;
}

const TIME = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(?:\.(\d{0,8}[1-9]))?Z$/;

/** GeneralizedTime with or without a fraction of a second, which never ends in 0. Source: RFC 3161 §2.4.2. */
function readTime(element: Der): number {
  const { content } = expectTag(element, TAG.generalizedTime);
  const parts = TIME.exec(String.fromCharCode(...content.subarray(0, 32)));
  if (parts === null || content.length > 32)
    throw new TimestampError('info_structure', 'no time as RFC 3161 writes it');
  const [, year, month, day, hour, minute, second, fraction = ''] = parts;
  const millis = fraction.padEnd(3, '0').slice(0, 3);
  try {
    return parseInstant(`${year}-${month}-${day}T${hour}:${minute}:${second}.${millis}Z`);
  } catch (cause) {
    throw new TimestampError('info_structure', `time does not exist: ${(cause as Error).message}`);
  }
}

/** Seconds, [0] millis and [1] micros, each optional; millis and micros 1 … 999. */
function readAccuracy(element: Der): number {
  const parts = derChildren(element);
  const seconds = parts[0]?.tag === TAG.integer ? derCount(parts.shift() as Der) : 0;
  const small = (tag: number): number => {
    if (parts[0]?.tag !== tag) return 0;
    const value = derCount({ ...(parts.shift() as Der), tag: TAG.integer });
    if (value < 1 || value > 999) throw new TimestampError('info_structure', 'a part of the accuracy is 1 to 999');
    return value;
  };
  const millis = small(0x80);
  const micros = small(0x81);
  if (parts.length > 0) throw new TimestampError('info_structure', 'accuracy holds too much');
  return seconds * 1000 + millis + (micros > 0 ? 1 : 0);
}

function readTsa(tagged: Der): GeneralName {
  const [name, ...rest] = derChildren(tagged);
  if (name === undefined || rest.length > 0) throw new TimestampError('info_structure', 'the authority has one name');
  return readGeneralName(name);
}
