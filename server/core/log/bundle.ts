/** The manifest of an evidence bundle: every file with its digest, in one canonical JSON, and the statement that is signed of it. */
import { fromBase64, toBase64 } from './base64.ts';
import { canonicalise, isJsonObject, type Json, parseCanonical } from './canonical.ts';
import { demand, recode } from './error.ts';
import { HASH_BYTES, type Sha256 } from './hash.ts';
import { isKeyName } from './key-name.ts';
import { kindOfOrigin } from './origin.ts';
import { fromUtf8, utf8 } from './utf8.ts';

export const MANIFEST_FILE = 'manifest.json';
export const MANIFEST_NOTE_FILE = 'manifest.note';
export const RECORD_FILE = 'record.json';
export const POLICY_FILE = 'policy.txt';

/** A manifest of half a million files. */
export const MANIFEST_LIMIT_BYTES = 67_108_864;
const VERSION = 1;
const STATEMENT = 'kaibiao-bundle/v1\n';

/** `path` with slashes below the bundle's folder; `sha256` the 32 bytes of the digest. */
export type ManifestFile = { readonly path: string; readonly sizeBytes: number; readonly sha256: Uint8Array };

export type BundleManifest = {
  /** The log whose bundle it is, and the head it was made of. */
  readonly origin: string;
  readonly size: number;
  readonly root: Uint8Array;
  /** Whether that head is behind the terminal entry. */
  readonly standing: 'complete' | 'open';
  /** Every file but the manifest and its note, by path, each once. */
  readonly files: readonly ManifestFile[];
};

/** The order of files: by code unit, as RFC 8785 orders members. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Writes the manifest's one form. Throws: `manifest_malformed` when a part does not fit or files are out of order. */
export function formatManifest(manifest: BundleManifest): Uint8Array {
  const { origin, size, root, standing, files } = manifest;
  const listed = files.map(({ path, sizeBytes, sha256 }) => ({ path, sizeBytes, sha256: toBase64(sha256) }));
  const bytes = utf8(canonicalise({ v: VERSION, origin, size, root: toBase64(root), standing, files: listed }));
  parseManifest(bytes);
  return bytes;
}

/** Reads a manifest: canonical bytes, exactly the members above. Throws: `manifest_malformed`. */
export function parseManifest(bytes: Uint8Array): BundleManifest {
  demand(bytes.length <= MANIFEST_LIMIT_BYTES, 'manifest_malformed', `over ${MANIFEST_LIMIT_BYTES} bytes`);
  const value = recode('manifest_malformed', () => parseCanonical(fromUtf8(bytes)));
  demand(hasMembers(value, ['files', 'origin', 'root', 'size', 'standing', 'v']), 'manifest_malformed', 'its members');
  const { v, origin, size, root, standing, files } = value;
  demand(v === VERSION, 'manifest_malformed', 'another version');
  demand(typeof origin === 'string' && isKeyName(origin), 'manifest_malformed', 'the origin cannot name a log');
  demand(isCount(size), 'manifest_malformed', 'no size');
  demand(standing === 'complete' || standing === 'open', 'manifest_malformed', 'no standing');
  demand(Array.isArray(files), 'manifest_malformed', 'no list of files');
  const listed = files.map(readFile);
  const isInOrder = listed.every(({ path }, n) => n === 0 || compareText(listed[n - 1]?.path ?? '', path) < 0);
  demand(isInOrder, 'manifest_malformed', 'files out of order, or one twice');
  return { origin, size, root: readHash(root), standing, files: listed };
}

function readFile(value: Json): ManifestFile {
  demand(hasMembers(value, ['path', 'sha256', 'sizeBytes']), 'manifest_malformed', 'the members of a file');
  const { path, sizeBytes, sha256 } = value;
  demand(typeof path === 'string' && isPath(path), 'manifest_malformed', 'a path that stays within no folder');
  demand(path !== MANIFEST_FILE && path !== MANIFEST_NOTE_FILE, 'manifest_malformed', 'it lists itself');
  demand(isCount(sizeBytes), 'manifest_malformed', `no size of ${path}`);
  return { path, sizeBytes, sha256: readHash(sha256) };
}

function hasMembers(value: Json, names: readonly string[]): value is { readonly [name: string]: Json } {
  return isJsonObject(value) && Object.keys(value).sort(compareText).join() === names.join();
}

function isCount(value: Json | undefined): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isPath(path: string): boolean {
  return path.split('/').every((part) => /^[a-zA-Z0-9_-][a-zA-Z0-9._-]*$/u.test(part));
}

function readHash(value: Json | undefined): Uint8Array {
  demand(typeof value === 'string', 'manifest_malformed', 'no digest');
  const hash = recode('manifest_malformed', () => fromBase64(value));
  demand(hash.length === HASH_BYTES, 'manifest_malformed', 'a digest has 32 bytes');
  return hash;
}

/** The name under which the platform's ledger key signs manifests, so that no such signature passes for one of a log. */
export const bundleKeyName = (platform: string): string => `${platform}/bundle`;

/** The text of the note beside a manifest: what it is, of which log, and the digest of the manifest's bytes. */
export function manifestStatement(sha256: Sha256, origin: string, manifest: Uint8Array): string {
  return `${STATEMENT}${origin}\n${toBase64(sha256(manifest))}\n`;
}

/** Is this the text of the note beside a manifest of an opening of this platform, and nothing else? For whoever signs what others write. */
export function isBundleStatement(platform: string, text: string): boolean {
  if (!text.startsWith(STATEMENT)) return false;
  const [origin = '', digest = '', end, ...rest] = text.slice(STATEMENT.length).split('\n');
  const isDigest = /^[A-Za-z0-9+/]{43}=$/.test(digest);
  return kindOfOrigin(platform, origin) === 'opening' && isDigest && end === '' && rest.length === 0;
}
