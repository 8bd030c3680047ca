// The lists and sums of an opening held against each other: lodgements and root, roster, drawn numbers, prices and promises, record, counts.
import { Check } from 'typebox/schema';
import { toBase64Url } from '../log/base64.ts';
import { canonicalise, type Json } from '../log/canonical.ts';
import { type Disclosed, disclosureDigest, readDisclosure } from '../log/disclosure.ts';
import { LogFormatError } from '../log/error.ts';
import type { Sha256 } from '../log/hash.ts';
import { utf8 } from '../log/utf8.ts';
import { OPENING_LIST_FIELD } from '../seal/commitments.ts';
import { OpeningListSchema } from '../seal/opening-list.ts';
import type { AuditCode } from './audit.ts';
import { envelopesRootOf } from './envelopes-root.ts';
import type { EventBody, Knowable } from './events.ts';
import { type OpeningRecord, recordDigest } from './record.ts';
import { buildRecord, publicFormOf } from './record-building.ts';
import { isGreaterAmount, type PriceRow } from './rows.ts';
import { isDecrypted, type OpeningState } from './state.ts';

export type Finding = AuditCode | null;
/** base64url SHA-256 of a text's UTF-8 bytes. */
export type DigestText = (text: string) => string;

export function digestWith(sha256: Sha256): DigestText {
  return (text) => toBase64Url(sha256(utf8(text)));
}

/** The lodgements: one for each bidder in the order of credit codes, their root, and what the register counted. */
export function sealProblem({ lodgements, counts }: OpeningState, root: string, sha256: Sha256): Finding[] {
  const found: Finding[] = [];
  if (lodgements.known) {
    const codes = lodgements.value.map((l) => l.creditCode);
    found.push(codes.every((code, i) => i === 0 || (codes[i - 1] ?? '') < code) ? null : 'lodgements_disordered');
    found.push(envelopesRootOf(sha256, lodgements.value) === root ? null : 'envelopes_root_differs');
  }
  if (counts.known) {
    const { receipts, standing, replaced, withdrawn } = counts.value;
    const isStanding = !lodgements.known || lodgements.value.length === standing;
    found.push(receipts === standing + replaced + withdrawn && isStanding ? null : 'counts_differ');
  }
  return found;
}

/** The roster: what was sealed, row by row, and numbers that are a draw of 1 to n. */
export function rosterProblem({ lodgements, roster, numbers, bids }: OpeningState): Finding[] {
  const found: Finding[] = [];
  if (lodgements.known && lodgements.value.length !== bids.length) found.push('roster_differs');
  if (roster.known) {
    const isSame = roster.value.every((row, i) => {
      const sealed = lodgements.known ? lodgements.value[i] : row;
      return (['creditCode', 'name', 'envelopeSha256', 'lodgedAt'] as const).every((m) => row[m] === sealed?.[m]);
    });
    found.push(isSame && roster.value.length === bids.length ? null : 'roster_differs');
  }
  if (numbers.known) found.push(isPermutation(numbers.value, bids.length) ? null : 'numbers_not_a_permutation');
  return found;
}

function isPermutation(numbers: readonly number[], n: number): boolean {
  return numbers.length === n && [...numbers].sort((a, b) => a - b).every((number, i) => number === i + 1);
}

/** The announced rows: every opened bid and no other, each equal to the list its bidder promised before the deadline. */
export function rowsProblem(before: OpeningState | null, state: OpeningState, sha256: Sha256): Finding[] {
  const { prices, numbers, bids } = state;
  const found: Finding[] = [];
  if (numbers.known) {
    const isSame = before?.numbers.known !== true || before.numbers.value.join() === numbers.value.join();
    found.push(isSame && isPermutation(numbers.value, bids.length) ? null : 'numbers_not_a_permutation');
  }
  if (prices?.known !== true) return found;
  const opened = bids.filter(isDecrypted).map((bid) => bid.bidder);
  const isComplete = prices.value.map((row) => row.bidder).join() === opened.join();
  found.push(isComplete && prices.value.every((row) => isPromised(row, state, sha256)) ? null : 'prices_differ');
  return found;
}

function isPromised(row: PriceRow, { roster, numbers, lodgements, policy }: OpeningState, sha256: Sha256): boolean {
  if (roster.known && numbers.known) {
    const mine = roster.value[numbers.value.indexOf(row.bidder)];
    if (mine?.creditCode !== row.creditCode || mine.name !== row.name) return false;
  }
  const promise = lodgements.known ? lodgements.value.find((l) => l.creditCode === row.creditCode) : undefined;
  if (lodgements.known && promise?.openingListCommit !== disclosureDigest(sha256, row.openingList)) return false;
  const said = readList(row.openingList);
  if (said?.field !== OPENING_LIST_FIELD || !Check(OpeningListSchema, said.value)) return false;
  const { creditCode, quote, duration, quality, manager } = said.value;
  const { ceilingPrice } = policy;
  const overCeiling = ceilingPrice !== null && quote.kind === 'total' && isGreaterAmount(quote.amount, ceilingPrice);
  const announced = {
    creditCode: row.creditCode,
    quote: row.quote,
    duration: row.duration,
    quality: row.quality,
    manager: row.manager,
  };
  return (
    canonicalise(announced) === canonicalise({ creditCode, quote, duration, quality, manager }) &&
    row.overCeiling === overCeiling
  );
}

function readList(disclosure: string): Disclosed | undefined {
  try {
    return readDisclosure(disclosure);
  } catch (fault) {
    if (fault instanceof LogFormatError) return undefined;
    throw fault;
  }
}

/** The record: its digest, and, where the viewer knows enough to build it, the same as building it from the log. */
export function recordProblem(before: OpeningState | null, state: OpeningState, digest: DigestText): Finding[] {
  const { record, roster, numbers, prices } = state;
  if (record?.document.known !== true || before === null) return [];
  const document = record.document.value as Json & OpeningRecord;
  if (recordDigest(document, digest) !== record.sha256) return ['record_differs'];
  if (!hasPublicForm(document, state)) return ['record_differs'];
  if (!roster.known || !numbers.known || prices?.known !== true) return [];
  if (before.quoteRounds.some((held) => held.rows?.known !== true)) return [];
  // what cannot be a roster has been found at the roster
  if (roster.value.length !== state.bids.length || !isPermutation(numbers.value, state.bids.length)) return [];
  const note = typeof document.note === 'string' ? document.note : '';
  const built = buildRecord(before, { roster: roster.value, numbers: numbers.value }, record.version, note);
  return [canonicalise(built) === canonicalise(document) ? null : 'record_differs'];
}

/** Is the public told of this record what the policy says, and nothing else? */
function hasPublicForm(document: OpeningRecord, { record, policy }: OpeningState): boolean {
  if (record?.publicForm.known !== true) return true;
  const due = publicFormOf(document, record.sha256, policy);
  return canonicalise(due) === canonicalise(record.publicForm.value as Json);
}

type Counts = EventBody<'OpeningArchived'>['counts'];

/** The last sums: receipts = opened + withdrawn + replaced + ruled, the same in clear and withheld, and the same as the log. */
export function archiveProblem(state: OpeningState, clear: Counts, withheld: Knowable<unknown> | undefined): Finding[] {
  const opened = state.bids.filter(isDecrypted).length;
  const ruled = state.bids.length - opened;
  const found: Finding[] = [];
  if (clear !== null) {
    const isSum = clear.receipts === clear.opened + clear.withdrawn + clear.replaced + clear.ruled;
    found.push(isSum && clear.opened === opened && clear.ruled === ruled ? null : 'counts_differ');
    if (state.counts.known) {
      const { receipts, replaced, withdrawn } = state.counts.value;
      const isSame = clear.receipts === receipts && clear.replaced === replaced && clear.withdrawn === withdrawn;
      found.push(isSame ? null : 'counts_differ');
    }
  }
  if (withheld?.known === true) {
    const all = withheld.value as { readonly [name: string]: Json };
    const isSame = Object.entries(clear ?? { opened, ruled }).every(([name, count]) => all?.[name] === count);
    const isStanding = !state.counts.known || all?.['standing'] === state.counts.value.standing;
    found.push(isSame && isStanding ? null : 'counts_differ');
  }
  return found;
}
