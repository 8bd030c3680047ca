/** Finding paths from a certificate up to an anchor, bounded whatever certificates a stranger adds. */
import { sameBytes } from '../log/bytes.ts';
import { type AlgorithmPolicy, isAllowed } from './algorithms.ts';
import type { Algorithm, Certificate } from './certificate.ts';
import { isEmptyName } from './names.ts';

/** Checks one signature: true only when `data` was signed so by the key in `spki`; asked only for algorithms that the policy allows. */
export type VerifyCertificateSignature = (signed: {
  readonly algorithm: Algorithm;
  readonly spki: Uint8Array;
  readonly data: Uint8Array;
  readonly signature: Uint8Array;
}) => boolean;

/** Intermediates between anchor and leaf; Chinese CAs use one or two. */
export const PATH_LIMIT = 6;
/** Signature checks in one question: what an attacker's tangle of cross-certificates may cost. */
export const SIGNATURE_LIMIT = 64;
/** Candidates for an issuer that are looked at in one question, over all paths. */
export const STEP_LIMIT = 1_024;

/** What was signed: a certificate, a CRL, an OCSP response. */
type Signed = {
  readonly tbs: Uint8Array;
  readonly signature: Uint8Array;
  readonly signatureAlgorithm: Algorithm;
};

export type SignatureState = 'good' | 'bad_signature' | 'algorithm_refused' | 'search_limit';

/** One question's certificates, and what of its bounds is left. */
export type Search = {
  readonly anchors: readonly Certificate[];
  readonly intermediates: readonly Certificate[];
  readonly algorithms: AlgorithmPolicy;
  readonly verifySignature: VerifyCertificateSignature;
  readonly checked: Map<Signed, Map<Certificate, boolean>>;
  signaturesLeft: number;
  stepsLeft: number;
};

export function createSearch(
  given: Pick<Search, 'anchors' | 'intermediates' | 'algorithms' | 'verifySignature'>,
): Search {
  return { ...given, checked: new Map(), signaturesLeft: SIGNATURE_LIMIT, stepsLeft: STEP_LIMIT };
}

/** Whether the signer's key signed this; the same question costs one check. */
export function checkSignature(search: Search, signed: Signed, signer: Certificate): SignatureState {
  const { signatureAlgorithm: algorithm, tbs: data, signature } = signed;
  if (!isAllowed(search.algorithms, algorithm, signer.spki)) return 'algorithm_refused';
  const known = search.checked.get(signed) ?? new Map<Certificate, boolean>();
  search.checked.set(signed, known);
  let good = known.get(signer);
  if (good === undefined) {
    if (search.signaturesLeft === 0) return 'search_limit';
    search.signaturesLeft -= 1;
    good = search.verifySignature({ algorithm, spki: signer.spki, data, signature });
    known.set(signer, good);
  }
  return good ? 'good' : 'bad_signature';
}

export type Wanderer = {
  /** Ends the search when the path, leaf to anchor, will do. */
  accept(path: readonly Certificate[]): boolean;
  /** Hears why a way was not gone. */
  note(reason: Exclude<SignatureState, 'good'> | 'path_too_long'): void;
};

/**
 * Walks up from a certificate, depth first, and offers each path whose names and signatures hold.
 *
 * Returns: the accepted path, leaf to anchor.
 * Why:     names and signatures only: so a renewed intermediate beside the expired one, or one of two cross-certificates,
 *          is found by trying. The key that the certificate says it was signed by is tried first.
 */
export function findPath(
  search: Search,
  path: readonly Certificate[],
  wanderer: Wanderer,
): readonly Certificate[] | undefined {
  const last = path[path.length - 1];
  if (last === undefined || isEmptyName(last.issuer)) return undefined;
  const issues = (candidate: Certificate) =>
    candidate.subject.key === last.issuer.key && !path.some((known) => isSameKeyholder(known, candidate));
  const signs = (candidate: Certificate) => {
    if (search.stepsLeft === 0) {
      wanderer.note('search_limit');
      return false;
    }
    search.stepsLeft -= 1;
    const state = checkSignature(search, last, candidate);
    if (state !== 'good') wanderer.note(state);
    return state === 'good';
  };
  for (const anchor of likelyFirst(search.anchors.filter(issues), last.authorityKeyId)) {
    if (!signs(anchor)) continue;
    const whole = [...path, anchor];
    if (wanderer.accept(whole)) return whole;
  }
  const candidates = likelyFirst(search.intermediates.filter(issues), last.authorityKeyId);
  if (candidates.length > 0 && path.length > PATH_LIMIT) {
    wanderer.note('path_too_long');
    return undefined;
  }
  for (const candidate of candidates) {
    if (!signs(candidate)) continue;
    const found = findPath(search, [...path, candidate], wanderer);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The same name with the same key: going through it again can only go round in a loop. */
function isSameKeyholder(a: Certificate, b: Certificate): boolean {
  return a.subject.key === b.subject.key && sameBytes(a.spki, b.spki);
}

/** Those with the key identifier first, otherwise as given. */
export function likelyFirst(certificates: readonly Certificate[], keyId: string | undefined): Certificate[] {
  if (keyId === undefined) return [...certificates];
  const isLikely = (certificate: Certificate) => certificate.subjectKeyId === keyId;
  return [...certificates.filter(isLikely), ...certificates.filter((certificate) => !isLikely(certificate))];
}
