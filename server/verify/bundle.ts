/** Whether a bundle is what its manifest says: signed by the platform's ledger key, every file there, none beside, none changed. */
import {
  type BundleManifest,
  bundleKeyName,
  MANIFEST_FILE,
  MANIFEST_NOTE_FILE,
  manifestStatement,
  POLICY_FILE,
  parseManifest,
  RECORD_FILE,
} from '../core/log/bundle.ts';
import { sameBytes } from '../core/log/bytes.ts';
import type { Checkpoint } from '../core/log/checkpoint.ts';
import { LogFormatError } from '../core/log/error.ts';
import { ed25519Verifier, KEY_TYPES, openNote, type VerifierKey, verifierKey } from '../core/log/note.ts';
import { utf8 } from '../core/log/utf8.ts';
import type { BundleSource } from './source.ts';
import type { VerifyTools } from './tools.ts';
import { type Refused, refuse } from './words.ts';

/** Longest file of a bundle: the disclosures of one entry may have so many bytes, and a revocation list half of them. */
export const BUNDLED_FILE_LIMIT_BYTES = 67_108_864;

export type BundleTerms = {
  /** The log that is judged. */
  readonly origin: string;
  readonly platform: string;
  /** The key of the ledger: the one that is trusted, or the one that came with the bundle. */
  readonly ledgerKey: VerifierKey;
  readonly tools: VerifyTools;
};

/**
 * Checks the manifest and every file against it, before anything in them is believed.
 *
 * Returns: the manifest, or the first problem: its form, whose log it is of, its signature, then the files in the order of the manifest.
 */
export async function checkManifest(source: BundleSource, terms: BundleTerms): Promise<BundleManifest | Refused> {
  let manifest: BundleManifest;
  try {
    manifest = parseManifest(source.manifest);
  } catch (fault) {
    if (!(fault instanceof LogFormatError)) throw fault;
    return refuse('bundle_manifest_malformed', { detail: fault.message });
  }
  if (manifest.origin !== terms.origin) return refuse('bundle_of_other_log', { detail: manifest.origin });
  if (!(await isSigned(source, terms))) return refuse('bundle_unsigned');
  const problem = (await beside(source, manifest)) ?? (await differing(terms.tools, source, manifest));
  return problem ?? manifest;
}

async function isSigned({ manifest, note }: BundleSource, terms: BundleTerms): Promise<boolean> {
  const { origin, platform, ledgerKey, tools } = terms;
  const { sha256, verifyEd25519 } = tools;
  const key = verifierKey(sha256, bundleKeyName(platform), KEY_TYPES.ed25519, ledgerKey.publicKey);
  try {
    const { text } = await openNote(note, [ed25519Verifier(key, verifyEd25519)]);
    return text === manifestStatement(sha256, origin, manifest);
  } catch (fault) {
    if (fault instanceof LogFormatError) return false;
    throw fault;
  }
}

/** A file that the manifest does not list. */
async function beside(source: BundleSource, { files }: BundleManifest): Promise<Refused | undefined> {
  const listed = new Set([MANIFEST_FILE, MANIFEST_NOTE_FILE, ...files.map(({ path }) => path)]);
  for await (const { path, isFile } of source.list())
    if (!isFile || !listed.has(path)) return refuse('file_unlisted', { detail: path });
  return undefined;
}

async function differing(
  { sha256 }: VerifyTools,
  source: BundleSource,
  { files }: BundleManifest,
): Promise<Refused | undefined> {
  for (const file of files) {
    const bytes = await source.read(file.path, BUNDLED_FILE_LIMIT_BYTES);
    if (bytes === null) return refuse('file_missing', { detail: file.path });
    if (bytes.length !== file.sizeBytes || !sameBytes(sha256(bytes), file.sha256))
      return refuse('bundle_file_differs', { detail: file.path });
  }
  return undefined;
}

/**
 * Checks what a bundle says of its log against the log, which has been verified.
 *
 * Shape:  `record` the last record on the log in RFC 8785 form, null when there is none; `policy` the text that its first entry makes.
 */
export async function checkContents(
  source: BundleSource,
  manifest: BundleManifest,
  log: {
    readonly checkpoint: Checkpoint;
    readonly isComplete: boolean;
    readonly record: Uint8Array | null;
    readonly policy: string;
  },
): Promise<Refused | undefined> {
  const { size, root } = log.checkpoint;
  if (manifest.size !== size || !sameBytes(manifest.root, root)) return refuse('bundle_other_head');
  if ((manifest.standing === 'complete') !== log.isComplete) return refuse('bundle_standing_differs');
  const record = await source.read(RECORD_FILE, BUNDLED_FILE_LIMIT_BYTES);
  const isSame = record === null || log.record === null ? record === log.record : sameBytes(record, log.record);
  if (!isSame) return refuse('bundle_record_differs');
  const policy = await source.read(POLICY_FILE, BUNDLED_FILE_LIMIT_BYTES);
  return policy !== null && sameBytes(policy, utf8(log.policy)) ? undefined : refuse('bundle_policy_differs');
}
