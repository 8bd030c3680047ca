/** How one certificate stood at an instant, judged by a path, lists and responses that are named; who has the same comes to the same. */
import type { Certificate } from './certificate.ts';
import { type CertificateStatus, type ChainQuestion, type ChainResult, type Purpose, verifyChain } from './chain.ts';
import type { Crl } from './crl.ts';
import type { Digest, OcspResponse } from './ocsp.ts';
import type { VerifyCertificateSignature } from './search.ts';
import type { AnchorVersion, TrustTerms } from './trust-store.ts';

/**
 * `undetermined` when the path holds and nothing says whether something on it was revoked; `revoked` and `expired` when it holds but
 * for that; `ended` when it held at the instant that was asked for (`asOf`), and since then its CA, or one between, is believed or
 * valid no longer.
 */
export const JUDGED = ['good', 'undetermined', 'revoked', 'expired', 'ended'] as const;
export type Judged = (typeof JUDGED)[number];

/** What is judged, and by what. */
export type Grounds = {
  readonly purpose: Exclude<Purpose, 'any'>;
  /** The instant of judging, ms. */
  readonly at: number;
  /** The earlier instant, ms, at which the path must have held because it holds no longer; null when it is asked as of `at`. */
  readonly asOf: number | null;
  /** With `asOf`: from when on the anchor was not believed on terms that let the path pass, ms; null while it is. */
  readonly believedUntil: number | null;
  /** Of the anchor, at `asOf`, else at `at`. */
  readonly terms: TrustTerms;
  /** From the person's certificate to the anchor. */
  readonly path: readonly Certificate[];
  /** Further certificates: of those who sign lists and are not on the path. */
  readonly others: readonly Certificate[];
  readonly crls: readonly Crl[];
  readonly responses: readonly OcspResponse[];
};

export type JudgeTools = { readonly digest: Digest; readonly verifySignature: VerifyCertificateSignature };

export type Standing = {
  readonly outcome: Judged;
  /** When it was revoked, ran out or lost its CA, whichever came first, never later than the judging; null of one that has not. */
  readonly lapsedAt: number | null;
  /** How each certificate of the path but the anchor stands, in its order; empty of one that has lapsed. */
  readonly revocation: readonly CertificateStatus[];
};

/**
 * Judges.
 *
 * Returns: how it stands; undefined when its path does not hold, or holds to this day although it was asked as of an earlier one.
 * Why:     a bid that came in time is opened (招投标法36): what befell a CA between the deadline and the window is no fault of its
 *          people. So whether the path held is asked of the deadline then, and whether something on it was revoked of now, or of the
 *          last instant at which all of it was still valid.
 */
export function judge(grounds: Grounds, tools: JudgeTools): Standing | undefined {
  const { at, asOf, path } = grounds;
  const [leaf] = path;
  if (leaf === undefined) return undefined;
  const endings = asOf === null ? [leaf] : path;
  const ends = endings.map(({ notAfterAt }) => notAfterAt + 1_000);
  /** The last instant at which everything was still valid whose end does not speak against it. */
  const lastAt = Math.min(at, ...endings.map(({ notAfterAt }) => notAfterAt));
  const ask = asking(grounds, tools);
  const result = ask({ at: asOf === null ? at : lastAt });
  const outcome = outcomeOf(result);
  if (asOf === null && (outcome === 'good' || outcome === 'undetermined') && 'revocation' in result)
    return { outcome, lapsedAt: null, revocation: result.revocation };
  // But for what has lapsed the path must hold: otherwise nobody vouches for whose it is.
  const held = ask({ revocation: 'ignored', at: asOf ?? lastAt });
  if (!held.ok) return undefined;
  if (asOf !== null) ends.push(grounds.believedUntil ?? Number.POSITIVE_INFINITY);
  const lapsedAt = Math.min(
    at,
    ...ends,
    ...revokedAt(held.path, grounds, tools, (changes) => ask({ ...changes, at: lastAt })),
  );
  if (asOf === null) return outcome === undefined ? undefined : { outcome, lapsedAt, revocation: [] };
  if (asOf >= at || Math.min(...ends) > at) return undefined;
  return { outcome: outcome === 'revoked' ? 'revoked' : 'ended', lapsedAt, revocation: [] };
}

type Ask = (changes: Partial<ChainQuestion>) => ChainResult;

function asking(grounds: Grounds, { digest, verifySignature }: JudgeTools): Ask {
  const { purpose, terms, path, others, crls, responses, at } = grounds;
  const [leaf, ...above] = path as readonly [Certificate, ...Certificate[]];
  const anchor = above.at(-1) ?? leaf;
  return (changes) =>
    verifyChain({
      leaf,
      intermediates: [...above.slice(0, -1), ...others],
      anchors: [anchor],
      crls,
      ocsp: { responses, digest },
      ...conditionsOf(terms),
      at,
      purpose,
      verifySignature,
      ...changes,
    });
}

/**
 * When something of the path was revoked, as those lists and responses say by which it is.
 *
 * Returns: nothing unless it is revoked by all of them together.
 * Why:     anybody may carry a response in, and an operator a list: a date counts only where somebody signed it who may. And what a
 *          newer list took back, a hold that was released or a mistake, condemns nobody: the date of a list counts only where it
 *          still condemns beside those that do not.
 */
function revokedAt(
  path: readonly Certificate[],
  { crls, responses }: Grounds,
  { digest }: JudgeTools,
  ask: Ask,
): number[] {
  const below = path.slice(0, -1);
  const isRevokedBy = (lists: readonly Crl[], answers: readonly OcspResponse[]): boolean =>
    outcomeOf(ask({ crls: lists, ocsp: { responses: answers, digest }, revocation: 'when_known' })) === 'revoked';
  if (!isRevokedBy(crls, responses)) return [];
  const datesIn = (crl: Crl): number[] =>
    below.flatMap(({ issuer, serial }) => crl.entries.get(issuer.key)?.get(serial)?.revokedAt ?? []);
  const datesOf = ({ answers }: OcspResponse): number[] =>
    answers.flatMap(({ state, serial }) =>
      typeof state === 'object' && below.some((each) => each.serial === serial) ? [state.revokedAt] : [],
    );
  const condemning = crls.filter(
    (crl) => datesIn(crl).length > 0 && isRevokedBy(crl.deltaBase === undefined ? [crl] : crls, []),
  );
  const answers = responses.filter((response) => datesOf(response).length > 0 && isRevokedBy([], [response]));
  const others = crls.filter((crl) => !condemning.includes(crl));
  return [
    ...condemning.filter((crl) => isRevokedBy([...others, crl], [])).flatMap(datesIn),
    ...answers.filter((response) => isRevokedBy(others, [response])).flatMap(datesOf),
  ];
}

/** Would the path hold on these terms at the instant at which they begin, whatever was revoked? */
export function holdsOn(
  { terms, fromAt }: Pick<AnchorVersion, 'terms' | 'fromAt'>,
  { purpose, path }: Pick<Grounds, 'purpose' | 'path'>,
  tools: JudgeTools,
): boolean {
  const grounds = {
    purpose,
    path,
    terms,
    at: fromAt,
    asOf: null,
    believedUntil: null,
    others: [],
    crls: [],
    responses: [],
  };
  return terms.purposes.includes(purpose) && asking(grounds, tools)({ revocation: 'ignored' }).ok;
}

/** What a result comes to; undefined when the path itself does not hold. */
export function outcomeOf(result: ChainResult): Exclude<Judged, 'ended'> | undefined {
  if (result.ok) return 'good';
  if (result.undetermined) return 'undetermined';
  if (result.reason === 'revoked' || result.reason === 'issuer_revoked') return 'revoked';
  return result.reason === 'expired' ? 'expired' : undefined;
}

/** An anchor's terms as verifyChain takes them. */
export function conditionsOf({
  revocation,
  extendedUsages,
  policies,
}: Pick<TrustTerms, 'revocation' | 'extendedUsages' | 'policies'>) {
  return {
    revocation,
    ...(extendedUsages && { extendedUsages }),
    ...(policies && { initialPolicySet: policies, requireExplicitPolicy: true }),
  };
}
