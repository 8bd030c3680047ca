/** The certificates behind an opening's acts, judged again by the evidence that came with the log, and held against what the log made of them. */

import { Check } from 'typebox/schema';
import { toBase64Url } from '../core/log/base64.ts';
import { isJsonObject, parseCanonical } from '../core/log/canonical.ts';
import type { Entry } from '../core/log/entry.ts';
import { LogFormatError } from '../core/log/error.ts';
import { parseInstant } from '../core/log/instant.ts';
import { fromUtf8 } from '../core/log/utf8.ts';
import type { LodgementCertificates, RosterRow } from '../core/opening/rows.ts';
import { type Grounds, type Judged, judge } from '../core/pki/judge.ts';
import { filesOf, type Judgement, JudgementSchema, lastBefore, redoJudgement } from '../core/pki/judgement.ts';
import { readSubject, type Subject } from '../core/pki/subject.ts';
import { type Believed, JUDGED_NEAR_RECEIPT_MS, judgingTools, type Receipt, wasBelieved } from './belief.ts';
import type { LogSource } from './source.ts';
import type { VerifyTools } from './tools.ts';
import { type Refused, refuse } from './words.ts';

/** How long before its last byte a bid's certificates may have been judged, ms: before the bytes are carried, which one request may do for so long. */
const LODGED_WITHIN_MS = 3_600_000;
/** Files that are kept in memory: one person's certificate and lists are asked for again with each of its acts. */
const FILES_KEPT = 256;

export type EvidenceTerms = {
  /** Whether everything withheld must be there: then so must the evidence. */
  readonly isWhole: boolean;
  /** The deadline of the opening as the log has it; undefined of a log that is no opening's. */
  readonly deadlineAt: (() => number | null) | undefined;
  /** Null without the whole ledger. */
  readonly believed: Believed | null;
};

/** One judgement and what it must be of. */
type Asked = {
  readonly digest: unknown;
  readonly certSha256: unknown;
  readonly purpose?: 'sign' | 'encrypt';
  readonly seq: number;
  readonly receivedAt: number;
  readonly judgedWithinMs?: number;
  /** Whose it must be, as the log names the person; of a field left out nothing is asked. */
  readonly person: Partial<Record<keyof Subject, unknown>>;
};

export type EvidenceWatch = {
  /** Judges the certificate behind an entry again, where its judgement is disclosed and the source shows it. */
  see(entry: Entry, values: Record<string, unknown>): Promise<Refused | undefined>;
  /** Certificates behind acts and bids that the log names, and of how many their judgement was judged again. */
  counts(): { readonly named: number; readonly judged: number };
};

/** Watches the judgements of a log. */
export function watchEvidence(
  verifyTools: VerifyTools,
  source: Pick<LogSource, 'evidence'>,
  terms: EvidenceTerms,
): EvidenceWatch {
  const tools = judgingTools(verifyTools);
  const { isWhole, believed } = terms;
  const kept = new Map<string, Uint8Array>();
  /** Of each decryption received whether its certificate had lapsed before the deadline; none of which nothing is shown. */
  const lapsed = new Map<string, boolean>();
  let named = 0;
  let judged = 0;

  async function fetch(name: string): Promise<Uint8Array | undefined> {
    const before = kept.get(name);
    if (before !== undefined) return before;
    const bytes = await source.evidence(name);
    if (bytes === null) return undefined;
    const [oldest] = kept.keys();
    if (kept.size >= FILES_KEPT && oldest !== undefined) kept.delete(oldest);
    kept.set(name, bytes);
    return bytes;
  }

  /** A judgement that holds at the receipt of its act, with what it stands on; undefined when it is not shown, and need not be. */
  async function redo({ digest, certSha256, purpose = 'sign', seq, judgedWithinMs = 0, receivedAt, person }: Asked) {
    named += 1;
    const missing = (detail: string) => (isWhole ? refuse('evidence_missing', { seq, detail }) : undefined);
    if (typeof digest !== 'string') return missing('no judgement is named');
    const differs = (detail: string) => refuse('evidence_differs', { seq, detail });
    const bytes = await fetch(digest);
    if (bytes === undefined) return missing(digest);
    const judgement = toBase64Url(tools.sha256(bytes)) === digest ? readJudgement(bytes) : undefined;
    if (judgement === undefined || judgement.certificates[0] !== certSha256 || judgement.purpose !== purpose)
      return differs(digest);
    const files = new Map<string, Uint8Array>();
    for (const name of filesOf(judgement)) {
      const file = await fetch(name);
      if (file !== undefined) files.set(name, file);
    }
    const redone = redoJudgement(judgement, (name) => files.get(name), tools);
    if (!redone.ok) return redone.reason === 'file_missing' ? missing(digest) : differs(redone.reason);
    const around = {
      receivedAt,
      earliest: receivedAt - judgedWithinMs - JUDGED_NEAR_RECEIPT_MS,
      latest: receivedAt + JUDGED_NEAR_RECEIPT_MS,
    };
    if (!stillStands(tools, redone.grounds, judgement.outcome, around)) return differs('outcome_differs');
    if (believed !== null && !wasBelieved(tools, redone.grounds, judgement, around, believed))
      return refuse('anchor_not_believed', { seq, detail: judgement.certificates.at(-1) ?? '' });
    if (!speaksFor(redone.grounds, person)) return refuse('person_differs', { seq, detail: digest });
    judged += 1;
    return { judgement, lapsedAt: redone.lapsedAt };
  }

  /** What the log makes of it: only who is good acts, and a decryption is taken with the end that its certificate had. */
  function follow(entry: Entry, { judgement, lapsedAt }: { judgement: Judgement; lapsedAt: number | null }) {
    const { seq, type } = entry;
    const deadlineAt = terms.deadlineAt?.() ?? null;
    if (deadlineAt === null) return undefined;
    const { outcome, asOf } = judgement;
    if (!RECEIVED.includes(type) && type !== 'AttemptRefused')
      return outcome === 'good' ? undefined : refuse('certificate_not_good', { seq, detail: outcome });
    if (asOf !== null && parseInstant(asOf) !== lastBefore(deadlineAt))
      return refuse('evidence_differs', { seq, detail: `asked as of ${asOf}` });
    if (RECEIVED.includes(type)) lapsed.set(attemptOf(entry), lapsedAt !== null && lapsedAt < deadlineAt);
    return undefined;
  }

  /** The certificates behind the bids on the roster: good when they were lodged. */
  async function seeLodged(seq: number, roster: readonly RosterRow[], certificates: readonly LodgementCertificates[]) {
    if (certificates.length !== roster.length)
      return refuse('evidence_differs', { seq, detail: 'the certificates are not one pair for each bid' });
    for (const [n, row] of certificates.entries()) {
      const lodged = roster[n] as RosterRow;
      const { creditCode, name } = lodged;
      const common = { seq, receivedAt: parseInstant(lodged.lodgedAt), judgedWithinMs: LODGED_WITHIN_MS };
      for (const asked of [
        { ...common, digest: row.judgement, certSha256: row.certSha256, person: { creditCode, name } },
        {
          ...common,
          digest: row.encryptionJudgement,
          certSha256: row.encCertSha256,
          purpose: 'encrypt' as const,
          person: { creditCode },
        },
      ]) {
        const redone = await redo(asked);
        if (redone === undefined) continue;
        if ('ok' in redone) return redone;
        const { outcome } = redone.judgement;
        if (outcome !== 'good') return refuse('certificate_not_good', { seq, detail: outcome });
      }
    }
    return undefined;
  }

  return {
    async see(entry, values) {
      const { seq, at, receivedAt, actor, type, body } = entry;
      const had = DECIDED.includes(type) ? lapsed.get(attemptOf(entry)) : undefined;
      if (
        had !== undefined &&
        !(had ? OF_LAPSED.includes(body['failure']) : body['failure'] !== 'certificate_not_valid')
      )
        return refuse('certificate_decided_otherwise', { seq });
      const { who, roster, certificates } = values;
      // One that is promised and not shown is a disclosure missing, which is judged at the end: an erasure may account for it.
      const isPromised = certificates === undefined && Object.hasOwn(entry.commit, 'certificates');
      if (type === 'RosterPublished' && isWhole && !Array.isArray(certificates) && !isPromised)
        return refuse('evidence_missing', { seq, detail: 'no certificates of the bids' });
      if (type === 'RosterPublished' && Array.isArray(roster) && Array.isArray(certificates)) {
        const refused = await seeLodged(
          seq,
          roster as unknown as RosterRow[],
          certificates as unknown as LodgementCertificates[],
        );
        if (refused !== undefined) return refused;
      }
      if (!isJsonObject(who)) return undefined;
      const redone = await redo({
        digest: who['judgement'],
        certSha256: who['certSha256'],
        seq,
        // Of an objection from before the roster the entry holds the instant of its entering, not of its receipt.
        ...(type === 'ObjectionRaised' && actor.role !== 'bidder'
          ? { receivedAt: parseInstant(at), judgedWithinMs: Number.POSITIVE_INFINITY }
          : { receivedAt: parseInstant(receivedAt ?? at) }),
        person: { account: who['account'], creditCode: who['creditCode'], name: who['name'] },
      });
      return redone === undefined || 'ok' in redone ? redone : follow(entry, redone);
    },
    counts: () => ({ named, judged }),
  };
}

/** A decryption as it is received, and what the vault found of it. */
const RECEIVED: readonly string[] = ['DecryptionReceived', 'BackupReceived'];
const DECIDED: readonly string[] = ['BidDecrypted', 'DecryptionFailed'];

/** As what the attempt of a lapsed certificate fails; what is wrong with the statement itself is found before. */
const OF_LAPSED: readonly unknown[] = ['certificate_not_valid', 'statement_invalid', 'header_differs', 'wrong_key'];

const attemptOf = ({ body }: Entry): string => `${body['bidder']} ${body['attempt']}`;

/**
 * Does a judgement still say how the certificate stood when an act was received?
 *
 * Why: one judgement serves every act in whose time nothing can turn, so it may be much older than the act; then the same must come
 *      out at its receipt.
 */
function stillStands(
  tools: ReturnType<typeof judgingTools>,
  grounds: Grounds,
  outcome: Judged,
  { receivedAt, earliest, latest }: Receipt,
): boolean {
  if (grounds.at >= earliest && grounds.at <= latest) return true;
  return [receivedAt, earliest, latest].some((at) => judge({ ...grounds, at }, tools)?.outcome === outcome);
}

/**
 * Is this the person whom the certificate speaks for, by the anchor's own rule?
 *
 * Why: whom an act names is its signer's own word, and the platform's. Otherwise an operator with a good certificate could sign for
 *      a bidder.
 */
function speaksFor({ path, terms }: Grounds, person: Asked['person']): boolean {
  const [leaf] = path;
  const read = leaf === undefined ? undefined : readSubject(leaf, terms.rule);
  if (read === undefined || 'refused' in read) return false;
  const { subject } = read;
  return Object.entries(person).every(([field, value]) => subject[field as keyof Subject] === value);
}

function readJudgement(bytes: Uint8Array): Judgement | undefined {
  try {
    const value = parseCanonical(fromUtf8(bytes));
    return Check(JudgementSchema, value) ? (value as Judgement) : undefined;
  } catch (fault) {
    if (fault instanceof LogFormatError) return undefined;
    throw fault;
  }
}
