/** Golden logs as evidence bundles, in memory: as the platform makes them, and as one makes them that holds its keys and lies. */
import {
  type BundleManifest,
  bundleKeyName,
  compareText,
  formatManifest,
  MANIFEST_FILE,
  MANIFEST_NOTE_FILE,
  manifestStatement,
  POLICY_FILE,
  RECORD_FILE,
} from '../../server/core/log/bundle.ts';
import { parseCheckpoint } from '../../server/core/log/checkpoint.ts';
import { parseEntry } from '../../server/core/log/entry.ts';
import { formatNote, KEY_TYPES, parseNote, parseVkey, verifierKey } from '../../server/core/log/note.ts';
import { formatPolicy } from '../../server/core/log/policy-file.ts';
import { parseBundle, TILE_WIDTH } from '../../server/core/log/tile.ts';
import { fromUtf8, utf8 } from '../../server/core/log/utf8.ts';
import type { Cosigners } from '../../server/core/opening/cosigners.ts';
import { sha256 } from '../../server/hash.ts';
import { ownKey, type SigningKey } from './golden-change.ts';
import type { LogFiles } from './golden-log.ts';

const PLATFORM = 'kaibiao.test';
/** The ledger's key of the golden logs, which signs their bundles. */
export const ledgerKey = ownKey(`${PLATFORM}/ledger`);

export type Lie = { readonly [Member in keyof BundleManifest]?: BundleManifest[Member] } & {
  readonly key?: SigningKey;
};

/** The files with a manifest of them, signed; `lie` is what the manifest says otherwise. */
export function withManifest(files: LogFiles, standing: BundleManifest['standing'], lie: Lie = {}): LogFiles {
  const { key = ledgerKey, ...said } = lie;
  const listed = [...files]
    .filter(([path]) => path !== MANIFEST_FILE && path !== MANIFEST_NOTE_FILE)
    .map(([path, bytes]) => ({ path, sizeBytes: bytes.length, sha256: sha256(bytes) }))
    .sort((a, b) => compareText(a.path, b.path));
  const head = parseCheckpoint(parseNote(files.get('checkpoint') ?? '').text);
  const manifest = formatManifest({ ...head, standing, files: listed, ...said });
  const text = manifestStatement(sha256, head.origin, manifest);
  const { name, keyId } = verifierKey(sha256, bundleKeyName(PLATFORM), KEY_TYPES.ed25519, key.publicKey);
  const note = formatNote(text, [{ name, keyId, signature: key.sign(utf8(text)) }]);
  return new Map([...files, [MANIFEST_FILE, manifest], [MANIFEST_NOTE_FILE, utf8(note)]]);
}

/** The bundle of a log: its files, its last record, its policy, its manifest. */
export function bundleOf(
  files: LogFiles,
  record: Uint8Array | null,
  standing: BundleManifest['standing'],
  key: SigningKey = ledgerKey,
): LogFiles {
  const policy = utf8(policyOf(files));
  const more: [string, Uint8Array][] = record === null ? [] : [[RECORD_FILE, record]];
  return withManifest(new Map([...files, ...more, [POLICY_FILE, policy]]), standing, { key });
}

/** The policy that the first entry of a log makes. */
export function policyOf(files: LogFiles): string {
  const [, bundle = new Uint8Array()] = [...files].find(([path]) => path.startsWith('tile/entries/000')) ?? [];
  const { size } = parseCheckpoint(parseNote(files.get('checkpoint') ?? '').text);
  const [genesis = new Uint8Array()] = parseBundle(bundle, Math.min(size, TILE_WIDTH));
  const { cosigners } = parseEntry(genesis).body as unknown as { cosigners: Cosigners };
  return formatPolicy(fromUtf8(files.get('anchor/vkey') ?? new Uint8Array()).trimEnd(), cosigners);
}

/** The name of the log that a vkey is of. */
export const nameOf = (vkey: string): string => parseVkey(sha256, vkey).name;
