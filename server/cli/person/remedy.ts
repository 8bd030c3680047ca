/** The remedy from the bidder's side: the content key kept beforehand, and handed in when one's own key failed in the window. */
import { pickCertificate } from '../../client/key-agent.ts';
import { type KeyBackup, readKeyBackup } from '../../client/key-backup.ts';
import { fromBase64Url, toBase64Url } from '../../core/log/base64.ts';
import type { Entry } from '../../core/log/entry.ts';
import { BACKUP_TYPE } from '../../core/seal/decryption.ts';
import { takeContentKey } from '../seal/backup.ts';
import { deliver } from './decrypt.ts';
import { readStanding } from './lodge.ts';
import type { Person } from './person.ts';
import { PersonError } from './person-error.ts';

/**
 * Takes the content key of the standing bid out of the envelope that was sent.
 *
 * Throws: PersonError no_kept_bid; as takeContentKey.
 */
export async function makeBackup(person: Person, openingId: string): Promise<KeyBackup> {
  const lodged = await readStanding(person, openingId);
  if (lodged === null) throw new PersonError('no_kept_bid');
  const { envelope, bidId } = lodged.bid;
  const certificate = await pickCertificate(person.keys, 'unwrap', person.world.now());
  const unwrap = await person.keys.unwrapper(certificate.certSha256);
  const key = await takeContentKey(envelope, certificate.certificate.der, unwrap);
  try {
    return { v: 1, openingId, bidId, contentKey: toBase64Url(key) };
  } finally {
    key.fill(0);
  }
}

/** The text of a backup file. Throws: PersonError backup_not_in_form. */
export function readBackup(text: string): KeyBackup {
  const backup = readKeyBackup(text);
  if (backup === null) throw new PersonError('backup_not_in_form');
  return backup;
}

/**
 * Hands the kept key in, or without one what one's own key unwraps now.
 *
 * Returns: the proven BackupReceived entry.
 * Throws:  as decrypt; PersonError backup_not_in_form for a backup of another bid.
 * Why:     the client holds the key against its own promise before it is sent, so a wrong file is known at once and uses up no try.
 */
export async function submitBackup(person: Person, openingId: string, backup: KeyBackup | null): Promise<Entry> {
  const lodged = await readStanding(person, openingId);
  if (backup !== null && (backup.openingId !== openingId || backup.bidId !== lodged?.bid.bidId))
    throw new PersonError('backup_not_in_form', 'another bid');
  const unwrap = backup === null ? {} : { unwrap: async () => fromBase64Url(backup.contentKey) };
  return deliver(person, openingId, { type: BACKUP_TYPE, event: 'BackupReceived', ...unwrap });
}
