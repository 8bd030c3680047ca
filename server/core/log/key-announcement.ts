/** What is signed when one key of the platform follows another: by the key that goes, so that nobody without it can say who comes, and by the one that comes. */
import { fromBase64 } from './base64.ts';
import { LogFormatError } from './error.ts';
import { readInstant } from './instant.ts';
import type { KeyAnnouncement } from './ledger-events.ts';
import type { VerifyEd25519 } from './note.ts';
import { utf8 } from './utf8.ts';

const STATEMENT = 'kaibiao-key/v1\n';

/**
 * The bytes that both keys sign: seven lines, each with its line feed, the last one empty but for a key that was compromised.
 *
 * Why: no head, bundle or token can be read as this text: a head begins with the name of a log, which ends in no `/v1`.
 */
export function announcementStatement(
  platform: string,
  { key, replaces, from, compromisedSince = '' }: Omit<KeyAnnouncement, 'signatures'>,
): Uint8Array {
  return utf8(`${STATEMENT}${[platform, key.use, key.publicKey, replaces, from, compromisedSince].join('\n')}\n`);
}

/** Is this what both keys signed for this platform, with instants that are some? Both keys must have been found strong enough before. */
export async function isAnnouncementSigned(
  platform: string,
  said: KeyAnnouncement,
  verifyEd25519: VerifyEd25519,
): Promise<boolean> {
  const { key, replaces, from, compromisedSince, signatures } = said;
  const fromAt = readInstant(from);
  if (fromAt === undefined) return false;
  if (compromisedSince !== undefined && (readInstant(compromisedSince) ?? Number.POSITIVE_INFINITY) > fromAt)
    return false;
  const text = announcementStatement(platform, said);
  try {
    return (
      (await verifyEd25519(fromBase64(replaces), text, fromBase64(signatures.replaced))) &&
      (await verifyEd25519(fromBase64(key.publicKey), text, fromBase64(signatures.key)))
    );
  } catch (fault) {
    // Base64 of another form than its only one.
    if (fault instanceof LogFormatError) return false;
    throw fault;
  }
}
