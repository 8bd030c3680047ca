/** `npm run soak -- --envelopes 20000`: mutated envelopes and archives, of which none may open to other content, take endless steps or memory. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { unwrapKey } from '../../server/cli/seal/wrap.ts';
import { SealError } from '../../server/client/seal-error.ts';
import { toBase64Url } from '../../server/core/log/base64.ts';
import { sameBytes } from '../../server/core/log/bytes.ts';
import { startArchive } from '../../server/core/seal/archive.ts';
import { ArchiveError } from '../../server/core/seal/archive-error.ts';
import { type EnvelopeHeader, startEnvelope } from '../../server/core/seal/envelope.ts';
import { EnvelopeError } from '../../server/core/seal/envelope-error.ts';
import { sha256 } from '../../server/hash.ts';
import { inflate } from '../../server/vault/inflate.ts';
import { type OpenResult, openEnvelope } from '../../server/vault/open-envelope.ts';
import { type Chance, chanceOf } from './chance.ts';
import { countSteps } from './counted-bytes.ts';
import { ARCHIVES, allSamples, FORM_NAMES, KIND_NAMES, listOf, type Sample, sampleOf } from './envelope-samples.ts';
import { listFromBehind, listFromFront } from './lenient-zip.ts';
import { elementsOf, mutate } from './mutations.ts';

/** Of all memory of the process: the envelopes here are of 10 KB, so that a length believed before its bytes came would show. */
const RSS_LIMIT_MB = 512;
/** One in so many is an archive that is spoilt before it is sealed. */
const ARCHIVE_SHARE = 0.3;

export type EnvelopeSummary = {
  readonly seed: string;
  readonly envelopes: number;
  /** That opened, to what was sealed. */
  opened: number;
  /** What the others ended with, by code. */
  readonly refused: Record<string, number>;
  /** The most that a reader took from an input, for each of its bytes. */
  mostStepsPerByte: number;
  peakRssMb: number;
};

/** A mutation that a reader did not stand; with the seed it comes again. */
export class MutationError extends Error {
  override readonly name = 'MutationError';
}

/**
 * Mutates `count` envelopes and archives and opens each as its bidder signed it.
 *
 * Shape:  number n is what it is by seed and n alone, however many there are.
 * Throws: MutationError, with the number, the sample and what was done to it.
 */
export async function mutateEnvelopes(
  seed: string,
  count: number,
  onProgress: (soFar: EnvelopeSummary, done: number) => void = () => undefined,
): Promise<EnvelopeSummary> {
  const summary: EnvelopeSummary = {
    seed,
    envelopes: count,
    opened: 0,
    refused: {},
    mostStepsPerByte: 0,
    peakRssMb: 0,
  };
  const folder = await mkdtemp(join(tmpdir(), 'kaibiao-mutations-'));
  try {
    const samples = allSamples();
    const places = new Map(samples.map((sample) => [sample, elementsOf(sample.bytes)]));
    for (let n = 0; n < count; n++) {
      const chance = chanceOf(`${seed}/${n}`);
      const one = chance.happens(ARCHIVE_SHARE) ? spoilArchive(chance) : spoilEnvelope(chance, samples, places);
      const outcome = await openSpoilt(chance, join(folder, 'envelope'), one).catch((error: unknown) => {
        const why = error instanceof Error ? error.message : String(error);
        throw new MutationError(`number ${n} of seed ${seed}, ${one.from}, ${one.how}: ${why}`, { cause: error });
      });
      if (outcome.ended === 'opened') summary.opened += 1;
      else summary.refused[outcome.ended] = (summary.refused[outcome.ended] ?? 0) + 1;
      summary.mostStepsPerByte = Math.max(summary.mostStepsPerByte, outcome.stepsPerByte);
      summary.peakRssMb = Math.round(process.resourceUsage().maxRSS / 1024);
      if (summary.peakRssMb > RSS_LIMIT_MB)
        throw new MutationError(`number ${n} of seed ${seed}: ${summary.peakRssMb} MB of memory`);
      onProgress(summary, n + 1);
    }
    return summary;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

type Spoilt = {
  readonly from: string;
  readonly how: string;
  readonly envelope: Uint8Array;
  /** The sealed archive, where that is what was spoilt. */
  readonly archive?: Uint8Array;
  /** The honest bid it was made of. */
  readonly sample: Sample;
  readonly list: Uint8Array;
};

function spoilEnvelope(
  chance: Chance,
  samples: readonly Sample[],
  places: ReadonlyMap<Sample, ReturnType<typeof elementsOf>>,
): Spoilt {
  const sample = chance.pick(samples);
  const others = samples.map(({ bytes }) => bytes);
  const { bytes, how } = mutate(chance, sample.bytes, places.get(sample) ?? [], others);
  return { from: sample.name, how, envelope: bytes, sample, list: listOf(ARCHIVES['ours'] as Uint8Array) };
}

/** The archive spoilt, then sealed and promised as if it were right: only its own reader stands before it. */
function spoilArchive(chance: Chance): Spoilt {
  const tool = chance.pick(Object.keys(ARCHIVES));
  const original = ARCHIVES[tool] as Uint8Array;
  const { bytes, how } = mutate(chance, original, zipRecordsOf(original), Object.values(ARCHIVES));
  const list = listOf(original);
  const sample = sampleOf(chance.pick(KIND_NAMES), chance.pick(FORM_NAMES), bytes, list);
  return { from: `archive ${tool} in ${sample.name}`, how, envelope: sample.bytes, archive: bytes, sample, list };
}

/** The records of an archive, by their signature `PK`. */
function zipRecordsOf(archive: Uint8Array): { at: number; length: number }[] {
  const found: { at: number; length: number }[] = [];
  for (let at = 0; at + 46 <= archive.length; at++)
    if (archive[at] === 0x50 && archive[at + 1] === 0x4b) found.push({ at, length: 46 });
  return found;
}

async function openSpoilt(chance: Chance, path: string, { envelope, archive, sample, list }: Spoilt) {
  const cuts = Array.from({ length: chance.below(6) }, () => chance.between(1, 5_000));
  const read = readCounted(envelope, cuts);
  let { stepsPerByte } = read;
  await writeFile(path, envelope);

  const isChanged = toBase64Url(sha256(envelope)) !== sample.promised.envelopeSha256;
  if (isChanged) {
    const kept = await openEnvelope(path, sample.cek, sample.promised);
    if (kept.ok || kept.failure !== 'stored_bytes_differ')
      throw new Error('the changed file was taken for the stored one');
  }
  const recipientInfosSha256 =
    read.header === undefined ? sample.promised.recipientInfosSha256 : toBase64Url(sha256(read.header.recipientInfos));
  const promised = {
    ...sample.promised,
    envelopeSha256: toBase64Url(sha256(envelope)),
    envelopeBytes: envelope.length,
    recipientInfosSha256,
  };
  const isSameHeader = recipientInfosSha256 === sample.promised.recipientInfosSha256;
  const cek = isSameHeader || read.header === undefined ? sample.cek : keyFrom(read.header, sample);
  const opened = await openEnvelope(path, cek, promised);
  checkList(opened, list);
  if (archive !== undefined) {
    const steps = checkArchive(archive, cuts, list, opened);
    stepsPerByte = Math.max(stepsPerByte, steps);
  }
  return { ended: opened.ok ? 'opened' : endOf(opened), stepsPerByte };
}

const endOf = ({ failure, detail }: Extract<OpenResult, { ok: false }>): string =>
  failure === detail ? failure : `${failure}: ${detail}`;

/** What the reader makes of it, each of its steps counted. */
function readCounted(bytes: Uint8Array, cuts: readonly number[]) {
  const reader = startEnvelope();
  let steps = 0;
  try {
    steps = countSteps(bytes, cuts, (chunk) => reader.push(chunk));
    reader.end();
  } catch (error) {
    if (!(error instanceof EnvelopeError)) throw error;
  }
  return { header: reader.header(), stepsPerByte: steps / Math.max(1, bytes.length) };
}

/** What the bidder's key makes of the spoilt header; where it makes nothing, an attacker may know the right key all the same. */
function keyFrom({ recipient }: EnvelopeHeader, { holder, cek }: Sample): Uint8Array {
  try {
    return Uint8Array.from(unwrapKey(recipient, holder.privateKey));
  } catch (error) {
    if (error instanceof SealError) return cek;
    throw error;
  }
}

function checkList(opened: OpenResult, list: Uint8Array): void {
  if (!opened.ok) return;
  const expected: unknown = JSON.parse(new TextDecoder().decode(list));
  if (!isDeepStrictEqual(opened.openingList, expected)) throw new Error('it opened to another list');
}

/**
 * Whoever reads the archive sees one list, whichever way they read; and it opens only to the promised one.
 *
 * Returns: steps a byte.
 */
function checkArchive(archive: Uint8Array, cuts: readonly number[], list: Uint8Array, opened: OpenResult): number {
  const reader = startArchive(inflate);
  let steps = 0;
  let seen: Uint8Array | undefined;
  try {
    steps = countSteps(archive, cuts, (chunk) => reader.push(chunk));
    seen = reader.end().openingList;
  } catch (error) {
    if (!(error instanceof ArchiveError)) throw error;
  }
  const isPromised = seen !== undefined && sameBytes(seen, list);
  if (isPromised !== opened.ok) throw new Error('the archive is one thing by itself and another in its envelope');
  const faces = seen === undefined ? [] : [listFromFront(archive), listFromBehind(archive)];
  for (const face of faces)
    if (face === undefined || !sameBytes(face, seen ?? list)) throw new Error('the archive has a second face');
  return steps / Math.max(1, archive.length);
}
