/** The bundle of one of this server's own openings, signed with its key: a folder, or one ZIP file when the place ends in .zip. */
import { rename, rm } from 'node:fs/promises';
import type { Config } from '../../config.ts';
import { parseEntry } from '../../core/log/entry.ts';
import { formatVkey, KEY_TYPES, verifierKey } from '../../core/log/note.ts';
import { ledgerOrigin, openingOrigin } from '../../core/log/origin.ts';
import { sha256 } from '../../hash.ts';
import type { Keyring } from '../../recorder/keyring.ts';
import type { Sql } from '../../store/driver.ts';
import { readEntries } from '../../store/read-log.ts';
import { type LogSource, SourceError } from '../../verify/source.ts';
import { committedHead, ExportError, type Exported } from '../export-log.ts';
import { openZip, writeZip } from './stored-zip.ts';
import { writeBundle } from './write-bundle.ts';

export type OwnBundle = {
  readonly openingId: string;
  /** A path. */
  readonly place: string;
  readonly mayBeOpen: boolean;
};

/** Throws: ExportError, KeyError. */
export async function bundleOpening(
  { platform }: Pick<Config, 'platform'>,
  { publicKeys, signManifest }: Pick<Keyring, 'publicKeys' | 'signManifest'>,
  sql: Sql,
  { openingId, place, mayBeOpen }: OwnBundle,
): Promise<Exported> {
  const origin = openingOrigin(platform, openingId);
  const ledger = ledgerOrigin(platform);
  const request = {
    origin,
    vkey: await vkeyOf(sql, origin),
    ledger: { origin: ledger, vkey: formatVkey(verifierKey(sha256, ledger, KEY_TYPES.ed25519, publicKeys.ledger)) },
    signer: { platform, publicKey: publicKeys.ledger, sign: signManifest },
    mayBeOpen,
  };
  if (!place.toLowerCase().endsWith('.zip')) return writeBundle(sql, { ...request, folder: place });
  await checkZipPlace(place, origin);
  const folder = `${place}.part-${process.pid}`;
  try {
    const exported = await writeBundle(sql, { ...request, folder });
    await writeZip(folder, `${folder}.zip`);
    await rename(`${folder}.zip`, place);
    return exported;
  } finally {
    await rm(folder, { recursive: true, force: true });
    await rm(`${folder}.zip`, { force: true });
  }
}

/** Is there nothing yet, or a bundle of the same log? Throws: ExportError folder_of_other_log. */
async function checkZipPlace(place: string, origin: string): Promise<void> {
  let held: LogSource | null = null;
  try {
    held = await openZip(place);
    const vkey = await held.vkey();
    if (vkey.slice(0, vkey.indexOf('+')) !== origin) throw new ExportError('folder_of_other_log', place);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    if (error instanceof SourceError) throw new ExportError('folder_of_other_log', `${place}: ${error.message}`);
    throw error;
  } finally {
    await held?.close?.();
  }
}

/** The key an opening's log began with, as its genesis names it. Throws: ExportError log_not_found. */
export async function vkeyOf(sql: Sql, origin: string): Promise<string> {
  if ((await committedHead(sql, origin)) === null) throw new ExportError('log_not_found', origin);
  const [genesis] = await readEntries(sql, origin, 0, 1);
  return String(parseEntry(genesis?.bytes ?? new Uint8Array()).body['vkey']);
}
