/** Makes an evidence bundle of an opening: its export, verified before anybody gets it, with its record and a signed manifest of every file. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  bundleKeyName,
  compareText,
  formatManifest,
  MANIFEST_FILE,
  MANIFEST_NOTE_FILE,
  type ManifestFile,
  manifestStatement,
  POLICY_FILE,
  RECORD_FILE,
} from '../../core/log/bundle.ts';
import { parseCheckpoint } from '../../core/log/checkpoint.ts';
import { KEY_TYPES, parseNote, signNote, verifierKey } from '../../core/log/note.ts';
import { formatPolicy } from '../../core/log/policy-file.ts';
import { sha256 } from '../../hash.ts';
import type { Sql } from '../../store/driver.ts';
import type { Verified } from '../../verify/log.ts';
import { ExportError, type Exported, type ExportRequest, exportLog } from '../export-log.ts';
import { filesBelow, folderSource } from '../log-source.ts';
import { verifySource } from '../verify-log.ts';

/** The platform's ledger key, which signs manifests under a name of their own. */
export type BundleSigner = {
  readonly platform: string;
  readonly publicKey: Uint8Array;
  sign(bytes: Uint8Array): Promise<Uint8Array>;
};

export type BundleRequest = ExportRequest & {
  readonly ledger: NonNullable<ExportRequest['ledger']>;
  readonly signer: BundleSigner;
  /** Whether a log that has not come to its terminal entry may be bundled. */
  readonly mayBeOpen: boolean;
};

/**
 * Writes the bundle of an opening's log.
 *
 * Shape:  the folder of core/log/FORMAT.md §8.
 * Throws: ExportError as `exportLog`; `log_not_anchored` while the ledger lacks exactly this head; `log_still_open`;
 *         `log_does_not_verify`: then nobody is given a bundle that he would refuse.
 */
export async function writeBundle(sql: Sql, request: BundleRequest): Promise<Exported> {
  return exportLog(sql, request, async (part, { anchored }) => {
    if (!anchored) throw new ExportError('log_not_anchored', `${request.ledger.origin} has not this head yet`);
    const judged = await verifySource(folderSource(part), { requireAllDisclosures: true, trust: request.ledger.vkey });
    if (!judged.ok) throw new ExportError('log_does_not_verify', `${judged.reason} ${judged.detail ?? ''}`.trim());
    await seal(part, judged, request);
  });
}

async function seal(
  folder: string,
  judged: Verified,
  { origin, ledger, signer, mayBeOpen }: BundleRequest,
): Promise<void> {
  const isComplete = judged.standing === 'valid, complete';
  if (!isComplete && !mayBeOpen) throw new ExportError('log_still_open', `${origin} has not come to its end`);
  if (judged.record !== null) await writeFile(join(folder, RECORD_FILE), judged.record);
  const { cosigners } = judged;
  if (cosigners === null) throw new ExportError('log_does_not_verify', `${origin} is no opening`);
  await writeFile(join(folder, POLICY_FILE), formatPolicy(ledger.vkey, cosigners));
  const files: ManifestFile[] = [];
  for await (const { path } of filesBelow(folder)) {
    const bytes = await readFile(join(folder, path));
    files.push({ path, sizeBytes: bytes.length, sha256: sha256(bytes) });
  }
  files.sort((a, b) => compareText(a.path, b.path));
  const { size, root } = parseCheckpoint(parseNote(await readFile(join(folder, 'checkpoint'))).text);
  const manifest = formatManifest({ origin, size, root, standing: isComplete ? 'complete' : 'open', files });
  const name = bundleKeyName(signer.platform);
  const note = await signNote({
    text: manifestStatement(sha256, origin, manifest),
    name,
    keyId: verifierKey(sha256, name, KEY_TYPES.ed25519, signer.publicKey).keyId,
    sign: (text) => signer.sign(text),
  });
  await writeFile(join(folder, MANIFEST_FILE), manifest);
  await writeFile(join(folder, MANIFEST_NOTE_FILE), note);
}
