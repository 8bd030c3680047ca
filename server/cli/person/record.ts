/** A bidder's answer to the opening record: read by its own log, held against its digest, then signed or refused by the CA key. */
import { canonicalise, type Json } from '../../core/log/canonical.ts';
import { digestText } from '../../hash.ts';
import { act, type ProvenAnswer } from './act.ts';
import type { Person } from './person.ts';
import { PersonError } from './person-error.ts';
import { catchUp } from './read-opening.ts';

/** A version of the record whose text was held against its digest on the log. */
export type ShownRecord = { readonly version: number; readonly sha256: string; readonly document: Json };

/**
 * The record as last issued, by the log and not by the page.
 *
 * Throws: PersonError no_record_shown; log_not_genuine when the document is not the one whose digest stands on the log.
 */
export async function readRecord(person: Person, openingId: string): Promise<ShownRecord> {
  const { record } = await catchUp(person, openingId);
  if (record === null || !record.document.known) throw new PersonError('no_record_shown');
  const document = record.document.value as Json;
  if (digestText(canonicalise(document)) !== record.sha256)
    throw new PersonError('log_not_genuine', 'the record is not the one its digest names');
  return { version: record.version, sha256: record.sha256, document };
}

/**
 * Signs the record, or with a reason refuses it; both name version and digest.
 *
 * Throws: as readRecord and act.
 */
export async function answerRecord(person: Person, openingId: string, reason?: string): Promise<ProvenAnswer> {
  const { version, sha256 } = await readRecord(person, openingId);
  const about = { version, recordSha256: sha256 };
  return reason === undefined
    ? act(person, openingId, { type: 'SignRecord', role: 'bidder', data: about })
    : act(person, openingId, { type: 'RefuseRecord', role: 'bidder', data: { ...about, reason } });
}
