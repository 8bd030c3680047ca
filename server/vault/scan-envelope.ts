/** One streaming pass over a stored envelope, in bounded memory; it gathers facts and judges none of them. */
import { createHash } from 'node:crypto';
import { toBase64Url } from '../core/log/base64.ts';
import type { ContentAlgorithm } from '../core/seal/content-cipher.ts';
import { type EnvelopeEnd, type EnvelopeHeader, startEnvelope } from '../core/seal/envelope.ts';
import { type EnvelopeCode, EnvelopeError } from '../core/seal/envelope-error.ts';
import { sha256 } from '../hash.ts';
import { type Content, startContent } from './content.ts';
import { firstProblem } from './first-problem.ts';
import { startJoining } from './join-pieces.ts';
import { type Layers, startLayers } from './layers.ts';

export type ScannedHeader = EnvelopeHeader & { recipientInfosSha256: string };

export type EnvelopeScan = {
  envelopeSha256: string;
  envelopeBytes: number;
  /** Undefined when the bytes are no envelope; then `problem` says why. */
  header: ScannedHeader | undefined;
  problem: EnvelopeCode | undefined;
  /** Undefined when no key was given, the bytes are no envelope, or it was read as one of two layers. */
  content: Content | undefined;
  /** Undefined unless it was read as an envelope of two layers. */
  layers: Layers | undefined;
};

export type ScanOptions = {
  /** Asked once, with the header; undefined = hash only. The key stays the answerer's to erase. */
  cekFor: (header: ScannedHeader) => Uint8Array | undefined | Promise<Uint8Array | undefined>;
  /** Reads it as an envelope of two layers; asked once, with the inner header: undefined = the inner content stays sealed. */
  innerCekFor?: (header: EnvelopeHeader) => Uint8Array | undefined;
  /** Takes the plaintext, which nothing vouches for before the scan's end: only into quarantine. */
  toQuarantine?: (plaintext: Uint8Array) => Promise<void>;
};

/**
 * Reads an envelope once, first byte to last.
 *
 * Shape:  `chunks` may reuse one buffer; nothing of a chunk is kept.
 * Throws: what `chunks`, `cekFor` and `toQuarantine` throw; never because of the envelope's bytes.
 * Why:    the hash goes on to the last byte even when the structure breaks: whether the stored bytes are the received ones is the
 *         first question, and decides at whose door everything after it lies.
 */
export async function scanEnvelope(chunks: AsyncIterable<Uint8Array>, options: ScanOptions): Promise<EnvelopeScan> {
  const reader = startEnvelope();
  const join = startJoining();
  const hash = createHash('sha256');
  let envelopeBytes = 0;
  let header: ScannedHeader | undefined;
  const problem = firstProblem<EnvelopeCode>(EnvelopeError);
  let pass: Pass | undefined;

  for await (const chunk of chunks) {
    hash.update(chunk);
    envelopeBytes += chunk.length;
    const pieces = problem.attempt(() => reader.push(chunk));
    if (header === undefined && pieces !== undefined) {
      const read = reader.header();
      if (read === undefined) continue;
      header = { ...read, recipientInfosSha256: toBase64Url(sha256(read.recipientInfos)) };
      const cek = await options.cekFor(header);
      if (cek !== undefined) pass = startPass(cek, header, options.innerCekFor);
    }
    if (pass === undefined || pieces === undefined || pieces.length === 0) continue;
    const plaintext = pass.update(join(pieces));
    if (plaintext.length > 0) await options.toQuarantine?.(plaintext);
  }
  const end: EnvelopeEnd | undefined = problem.attempt(() => reader.end());
  return {
    envelopeSha256: toBase64Url(hash.digest()),
    envelopeBytes,
    header: problem.code() === undefined ? header : undefined,
    problem: problem.code(),
    content: undefined,
    layers: undefined,
    ...(end && pass?.finish(end.tag)),
  };
}

type Pass = {
  update(ciphertext: Uint8Array): Uint8Array;
  finish(tag: Uint8Array): Pick<EnvelopeScan, 'content'> | Pick<EnvelopeScan, 'layers'>;
};

function startPass(cek: Uint8Array, algorithm: ContentAlgorithm, innerCekFor: ScanOptions['innerCekFor']): Pass {
  if (innerCekFor !== undefined) {
    const layers = startLayers(cek, algorithm, innerCekFor);
    return { update: (ciphertext) => layers.update(ciphertext), finish: (tag) => ({ layers: layers.finish(tag) }) };
  }
  const content = startContent(cek, algorithm);
  return { update: (ciphertext) => content.update(ciphertext), finish: (tag) => ({ content: content.finish(tag) }) };
}
