/** The CAs that are believed, as a fold over the changes on the ledger: what a change says, whether it fits, and which anchors hold at an instant. */
import * as Type from 'typebox';
import { fromBase64, toBase64Url } from '../log/base64.ts';
import { canonicalise, type Json } from '../log/canonical.ts';
import { LogFormatError } from '../log/error.ts';
import type { Sha256 } from '../log/hash.ts';
import { readInstant } from '../log/instant.ts';
import { utf8 } from '../log/utf8.ts';
import { personOf } from '../opening/staff.ts';
import { type Certificate, parseCertificate } from './certificate.ts';
import { CertificateError } from './der.ts';
import { SubjectRule } from './subject.ts';

const strict = { additionalProperties: false } as const;
/** Of a CA's certificate in base64; a change must fit into one entry of the log. */
export const ANCHOR_LIMIT_CHARACTERS = 16_384;
const REASON_LIMIT_CHARACTERS = 1_000;

/** The acts by which operators change whom the platform believes; the CA key itself signs each. */
export const TRUST_ACTS = ['ProposeTrust', 'ConfirmTrust', 'WithdrawTrust'] as const;

/** How long a second operator has to confirm, ms: long enough for a week with a holiday in it, too short to be forgotten. */
export const PROPOSAL_LIFETIME_MS = 7 * 86_400_000;

export const InstantText = Type.String({
  pattern: '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}Z$',
  description: 'RFC 3339 with ms, UTC',
});
/** base64url of the certificate's SHA-256. */
const DigestText = Type.String({ pattern: '^[A-Za-z0-9_-]{43}$' });
const Oids = Type.Array(Type.String({ pattern: '^[0-2](\\.[0-9]{1,39}){1,20}$', maxLength: 200 }), {
  minItems: 1,
  maxItems: 16,
});
const OrNull = <T extends Type.TSchema>(schema: T) => Type.Union([schema, Type.Null()]);

/** On what terms a CA is believed; everything that decides about a certificate under it. */
export const TrustTerms = Type.Object(
  {
    label: Type.String({ minLength: 1, maxLength: 200 }),
    purposes: Type.Array(Type.Union([Type.Literal('sign'), Type.Literal('encrypt')]), {
      minItems: 1,
      maxItems: 2,
      uniqueItems: true,
    }),
    rule: SubjectRule,
    revocation: Type.Union([Type.Literal('required'), Type.Literal('when_known')], {
      description: 'what is made of certificates of whose revocation no list speaks',
    }),
    extendedUsages: OrNull(Oids),
    policies: OrNull(Oids),
  },
  strict,
);
export type TrustTerms = Type.Static<typeof TrustTerms>;

const Reason = Type.String({ minLength: 1, maxLength: REASON_LIMIT_CHARACTERS });

/** What one operator proposes and another confirms, byte for byte; `from` is when it is to hold, or its confirmation when that is later. */
export const TrustChange = Type.Union([
  Type.Object(
    {
      change: Type.Literal('add'),
      certificate: Type.String({
        pattern: '^[A-Za-z0-9+/]+={0,2}$',
        maxLength: ANCHOR_LIMIT_CHARACTERS,
        description: 'DER in base64',
      }),
      terms: TrustTerms,
      from: InstantText,
      until: OrNull(InstantText),
      reason: Reason,
    },
    strict,
  ),
  Type.Object(
    {
      change: Type.Literal('alter'),
      certificateSha256: DigestText,
      terms: TrustTerms,
      from: InstantText,
      until: OrNull(InstantText),
      reason: Reason,
    },
    strict,
  ),
  Type.Object(
    { change: Type.Literal('end'), certificateSha256: DigestText, from: InstantText, reason: Reason },
    strict,
  ),
]);
export type TrustChange = Type.Static<typeof TrustChange>;

/** The terms of one CA for a stretch of time, half-open; a CA that was altered has several. */
export type AnchorVersion = {
  readonly certSha256: string;
  readonly certificate: Certificate;
  readonly terms: TrustTerms;
  readonly fromAt: number;
  readonly untilAt: number | null;
};

export const TRUST_CHANGE_REFUSALS = [
  'certificate_malformed',
  'anchor_not_ca',
  'anchor_dates_wrong',
  'anchor_unknown',
  'anchor_exists',
] as const;
export type TrustChangeRefusal = (typeof TRUST_CHANGE_REFUSALS)[number];

type Changed =
  | { readonly ok: true; readonly store: readonly AnchorVersion[] }
  | { readonly refused: TrustChangeRefusal };

/** base64url SHA-256 of the change as RFC 8785 writes it: what the second operator signs. */
export function digestOfChange(sha256: Sha256, change: TrustChange): string {
  return toBase64Url(sha256(utf8(canonicalise(change as unknown as Json))));
}

/** When a change holds that is confirmed at an instant: never before. One dated by what no calendar has, applyTrustChange refuses. */
export function effectiveFrom({ from }: { readonly from: string }, confirmedAt: number): number {
  return Math.max(readInstant(from) ?? confirmedAt, confirmedAt);
}

/**
 * The store with one change more.
 *
 * Shape:   `fromAt` the instant from which it holds, ms; the rest of what was believed stays as it was.
 * Refuses: in the order of TRUST_CHANGE_REFUSALS; anchor_unknown when the CA is not believed at that instant, anchor_exists when
 *          it is, or will be, in the stretch asked for.
 * Why:     what held before `fromAt` is never touched: a certificate that was judged then is judged the same way years later.
 */
export function applyTrustChange(
  sha256: Sha256,
  store: readonly AnchorVersion[],
  change: TrustChange,
  fromAt: number,
): Changed {
  const read = readVersion(sha256, store, change, fromAt);
  if ('refused' in read) return read;
  const { certSha256, version } = read;
  const others = store.filter((each) => each.certSha256 !== certSha256);
  const own = store.filter((each) => each.certSha256 === certSha256);
  const isBelieved = own.some((each) => holdsAt(each, fromAt) || (change.change === 'end' && each.fromAt > fromAt));
  if (change.change !== 'add' && !isBelieved) return { refused: 'anchor_unknown' };
  const left = change.change === 'add' ? own : own.flatMap((each) => cut(each, fromAt, change.change === 'end'));
  if (version === undefined) return { ok: true, store: [...others, ...left] };
  const overlaps = left.some(
    (each) =>
      each.fromAt < (version.untilAt ?? Number.POSITIVE_INFINITY) &&
      (each.untilAt ?? Number.POSITIVE_INFINITY) > fromAt,
  );
  return overlaps ? { refused: 'anchor_exists' } : { ok: true, store: [...others, ...left, version] };
}

/** What is left of a stretch when the CA's terms end at an instant; `all` when what would begin later goes as well. */
function cut(version: AnchorVersion, at: number, all: boolean): AnchorVersion[] {
  if (version.fromAt >= at) return all || version.fromAt === at ? [] : [version];
  return holdsAt(version, at) ? [{ ...version, untilAt: at }] : [version];
}

function readVersion(
  sha256: Sha256,
  store: readonly AnchorVersion[],
  change: TrustChange,
  fromAt: number,
): { readonly certSha256: string; readonly version?: AnchorVersion } | { readonly refused: TrustChangeRefusal } {
  const untilAt = change.change === 'end' || change.until === null ? null : readInstant(change.until);
  const isInOrder = readInstant(change.from) !== undefined && untilAt !== undefined;
  if (change.change === 'end')
    return isInOrder ? { certSha256: change.certificateSha256 } : { refused: 'anchor_dates_wrong' };
  const certificate =
    change.change === 'add' ? readCa(change.certificate) : certificateOf(store, change.certificateSha256);
  if (certificate === 'malformed') return { refused: 'certificate_malformed' };
  if (certificate !== undefined && certificate.basicConstraints?.ca !== true) return { refused: 'anchor_not_ca' };
  if (!isInOrder || (untilAt !== null && untilAt <= fromAt)) return { refused: 'anchor_dates_wrong' };
  if (certificate === undefined) return { refused: 'anchor_unknown' };
  const certSha256 = toBase64Url(sha256(certificate.der));
  return { certSha256, version: { certSha256, certificate, terms: change.terms, fromAt, untilAt } };
}

function certificateOf(store: readonly AnchorVersion[], certSha256: string): Certificate | undefined {
  return store.find((each) => each.certSha256 === certSha256)?.certificate;
}

function readCa(text: string): Certificate | 'malformed' {
  try {
    return parseCertificate(fromBase64(text));
  } catch (error) {
    if (error instanceof CertificateError || error instanceof LogFormatError) return 'malformed';
    throw error;
  }
}

function holdsAt({ fromAt, untilAt }: Pick<AnchorVersion, 'fromAt' | 'untilAt'>, at: number): boolean {
  return fromAt <= at && (untilAt === null || at < untilAt);
}

/** The anchors that hold at an instant, each on its terms of then. */
export function anchorsAt(store: readonly AnchorVersion[], at: number): AnchorVersion[] {
  return store.filter((version) => holdsAt(version, at));
}

/**
 * Until when a CA was believed from an instant on, as far as that matters to one path under it.
 *
 * Shape:   `passes` says whether the path holds on other terms, from the instant on at which they begin.
 * Returns: the first instant from which no terms of this CA let it pass; null when there is none as yet.
 * Why:     an alteration ends one stretch and begins the next; to who passes on either terms nothing has ended.
 */
export function believedUntil(
  store: readonly AnchorVersion[],
  { certSha256, at }: { readonly certSha256: string; readonly at: number },
  passes: (version: AnchorVersion) => boolean,
): number | null {
  const own = store.filter((each) => each.certSha256 === certSha256);
  const first = own.find((each) => holdsAt(each, at));
  let until = first === undefined ? at : first.untilAt;
  while (until !== null) {
    const beginsAt = until;
    const next = own.find((each) => each.fromAt === beginsAt && passes(each));
    if (next === undefined) return until;
    until = next.untilAt;
  }
  return null;
}

/** Does the account's certificate name a human being? An organisation's may be in anybody's hand. */
export function namesPerson(account: string): boolean {
  return account.includes('/');
}

/**
 * May these two be one human being?
 *
 * Why: a person may have accounts in several organisations, and of several CAs, which number people as they like: the same number or
 *      the same name is enough to be refused. Two operators of one name cost the platform a third; the reverse would cost it the rule.
 */
export function maybeSamePerson(some: TrustPerson, other: TrustPerson): boolean {
  return personOf(some.account) === personOf(other.account) || folded(some.name) === folded(other.name);
}

/** Who stands behind a step, as the certificate says. */
export type TrustPerson = { readonly account: string; readonly name: string };

/** When a proposal of this instant is over, ms. */
export function expiryOf(proposedAt: number): number {
  return proposedAt + PROPOSAL_LIFETIME_MS;
}

/** What stands open: what is wanted, by its digest, by whom and until when; `by` null where nobody is shown. */
export type OpenProposal = {
  readonly changeSha256: string;
  readonly expiresAt: number;
  readonly by: TrustPerson | null;
};

export type ConfirmationRefusal =
  | 'operator_names_nobody'
  | 'trust_proposal_expired'
  | 'trust_change_differs'
  | 'second_person_required';

/**
 * Why a confirmation does not make a proposal hold; undefined when it does. The server decides by it, and a verifier judges by it.
 *
 * Refuses: in this order, each as its code says; of persons who are not shown nothing is asked.
 */
export function whyNotConfirmed(
  proposal: OpenProposal,
  { changeSha256, at, by }: { readonly changeSha256: string; readonly at: number; readonly by: TrustPerson | null },
): ConfirmationRefusal | undefined {
  if ([proposal.by, by].some((person) => person !== null && !namesPerson(person.account)))
    return 'operator_names_nobody';
  if (at >= proposal.expiresAt) return 'trust_proposal_expired';
  if (changeSha256 !== proposal.changeSha256) return 'trust_change_differs';
  if (proposal.by !== null && by !== null && maybeSamePerson(proposal.by, by)) return 'second_person_required';
  return undefined;
}

function folded(name: string): string {
  return name.normalize('NFKC').replace(/\s/gu, '').toLowerCase();
}
