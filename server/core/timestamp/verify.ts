/** Whether a time-stamp holds: the right answer, by a signer who may give it, under an anchor, not revoked; pure, hash and signature checks are handed in. */
import { sameBytes } from '../log/bytes.ts';
import { isAllowed, STRICT_ALGORITHMS } from '../pki/algorithms.ts';
import type { Certificate } from '../pki/certificate.ts';
import { type ChainReason, type ChainResult, verifyChain } from '../pki/chain.ts';
import { type Crl, parseCrl } from '../pki/crl.ts';
import { CertificateError } from '../pki/der.ts';
import { EXTENSION } from '../pki/extensions.ts';
import { generalNameKey } from '../pki/names.ts';
import type { Digest } from '../pki/ocsp.ts';
import type { VerifyCertificateSignature } from '../pki/search.ts';
import { SHA256, signatureOid, TIME_STAMPING, TST_INFO } from './object-ids.ts';
import { nonceNumber } from './request.ts';
import { TimestampError } from './timestamp-error.ts';
import { parseTimestampResponse, type SigningCertificate, type TimestampToken } from './token.ts';

/** How far the time of a token may lie from that of who asked for it, its accuracy aside: one of the two clocks is wrong then. */
export const CLOCK_LIMIT_MS = 60_000;

/** Why a time-stamp is refused, in the order in which it is looked at. */
export const TIMESTAMP_REASONS = {
  malformed: { en: 'The response is not one that RFC 3161 describes.', zh: '应答不符合 RFC 3161。' },
  not_granted: { en: 'The authority granted no time-stamp.', zh: '时间戳机构未签发时间戳。' },
  imprint_differs: { en: 'The time-stamp is of something else.', zh: '时间戳所对应的数据不符。' },
  nonce_differs: { en: 'The time-stamp answers another request.', zh: '时间戳对应另一请求。' },
  policy_differs: { en: 'The time-stamp was given under another policy.', zh: '时间戳所依据的策略不符。' },
  unknown_extension: {
    en: 'The time-stamp has a critical extension that is not known.',
    zh: '时间戳含有未知的关键扩展。',
  },
  accuracy: {
    en: 'The time-stamp does not say that its time is as accurate as asked.',
    zh: '时间戳未声明所要求的时间精度。',
  },
  content_attributes: {
    en: 'The signed attributes do not name the content they stand beside.',
    zh: '签名属性与其内容不符。',
  },
  signer_missing: { en: 'The signer’s certificate is not in the token.', zh: '令牌中没有签名者证书。' },
  signing_certificate: {
    en: 'The signed attributes do not name the signer’s certificate.',
    zh: '签名属性未指明签名者证书。',
  },
  signer_usage: {
    en: 'The signer’s certificate is not for time-stamping alone, and critically so.',
    zh: '签名者证书并非专用于时间戳。',
  },
  tsa_name_differs: { en: 'The token names another authority than its certificate.', zh: '令牌所称机构与证书不符。' },
  algorithm_refused: { en: 'The algorithm or key of the signature does not count.', zh: '签名算法或密钥不被接受。' },
  bad_signature: { en: 'The signature does not verify.', zh: '签名验证失败。' },
  chain_refused: { en: 'The signer’s certificate was not good at that time.', zh: '签名者证书当时无效。' },
  revoked: { en: 'The signer’s certificate, or one above it, is revoked.', zh: '签名者证书或其上级证书已被吊销。' },
} as const;
export type TimestampReason = keyof typeof TIMESTAMP_REASONS;

export type TimestampQuestion = {
  /** DER of the TimeStampResp. */
  readonly response: Uint8Array;
  /** SHA-256 of what must have been stamped. */
  readonly imprint: Uint8Array;
  /** What was sent with the request; not asked when it is no longer known. */
  readonly nonce?: Uint8Array;
  /** OIDs of which the token's policy must be one; any when absent. */
  readonly policies?: readonly string[];
  /** The token must say that it is as accurate as this; it need not say anything when absent. */
  readonly accuracyLimitMs?: number;
  /** DER, or read already; so with the next two. */
  readonly anchors: readonly (Uint8Array | Certificate)[];
  /** What may stand between, besides what is in the token. */
  readonly intermediates?: readonly (Uint8Array | Certificate)[];
  /** Besides what is in the token. */
  readonly crls?: readonly (Uint8Array | Crl)[];
  /** By OID: SHA-256, SHA-384, SHA-512, and SHA-1, which older tokens name their certificate by. */
  readonly digest: Digest;
  readonly verifySignature: VerifyCertificateSignature;
};

export type TimestampResult =
  | {
      readonly ok: true;
      /** The instant it says, ms; the true one lies within `accuracyMs` of it, when it says how far. */
      readonly at: number;
      readonly accuracyMs: number | null;
      readonly policy: string;
      readonly serial: string;
      /** From the signer to the anchor, both included. */
      readonly path: readonly Certificate[];
      /** `good`: no certificate of the path was on the lists that were current then. `undetermined` is neither good nor refused. */
      readonly revocation: 'good' | 'undetermined';
      /** The lists that were asked: with the path all that it takes to judge this again. */
      readonly crls: readonly Uint8Array[];
    }
  | { readonly ok: false; readonly reason: TimestampReason; readonly detail?: string };

/**
 * Judges a time-stamp response.
 *
 * Returns: what it says and how it is known, or the first thing that is wrong with it; total, whatever the bytes are.
 * Source:  RFC 3161 §2.2–2.4, RFC 5816, RFC 5652 §5.6, RFC 5280 §6.1 and §6.3.
 * Why:     the certificate must hold at the instant the token says. Lists are asked at that instant, or, when the newest of them
 *          came later, at the moment it came: so the answer never depends on when the question is asked.
 */
export function verifyTimestamp(question: TimestampQuestion): TimestampResult {
  let token: TimestampToken;
  try {
    const response = parseTimestampResponse(question.response);
    if (response.token === undefined) return refused('not_granted', `${response.status} ${response.said}`.trim());
    token = response.token;
  } catch (fault) {
    if (fault instanceof TimestampError) return refused('malformed', `${fault.code}: ${fault.message}`);
    throw fault;
  }
  const answered = whyNotAnswer(token, question);
  if (answered !== undefined) return answered;
  const signer = token.certificates.find((certificate) => isSigner(certificate, token.signer));
  if (signer === undefined) return refused('signer_missing');
  const signed = whyNotSigned(token, signer, question);
  if (signed !== undefined) return signed;
  return judgeChain(token, signer, question);
}

const refused = (reason: TimestampReason, detail?: string): TimestampResult & { ok: false } => ({
  ok: false,
  reason,
  ...(detail !== undefined && { detail }),
});

/** Is this the answer to what was asked? */
function whyNotAnswer({ info }: TimestampToken, question: TimestampQuestion) {
  const { imprint, nonce, policies, accuracyLimitMs } = question;
  if (info.imprint.oid !== SHA256 || !sameBytes(info.imprint.hash, imprint)) return refused('imprint_differs');
  if (nonce !== undefined && (info.nonce === undefined || !sameBytes(info.nonce, nonceNumber(nonce))))
    return refused('nonce_differs');
  if (policies !== undefined && !policies.includes(info.policy)) return refused('policy_differs', info.policy);
  const strange = info.extensions.find(({ critical }) => critical);
  if (strange !== undefined) return refused('unknown_extension', strange.oid);
  if (accuracyLimitMs !== undefined && (info.accuracyMs === null || info.accuracyMs > accuracyLimitMs))
    return refused('accuracy', `${info.accuracyMs ?? 'unsaid'}`);
  return undefined;
}

function isSigner({ issuer, serial, subjectKeyId }: Certificate, signer: TimestampToken['signer']): boolean {
  if ('keyId' in signer) return subjectKeyId === signer.keyId;
  return issuer.key === signer.issuer.key && serial === signer.serial;
}

/** Did this certificate's key sign just this content, and may it? */
function whyNotSigned(token: TimestampToken, signer: Certificate, { digest, verifySignature }: TimestampQuestion) {
  const { digestOid, signatureAlgorithm, contentType, messageDigest, signingCertificates } = token;
  const oid = signatureOid(digestOid, signatureAlgorithm.oid);
  const content = oid === undefined ? undefined : digest(digestOid, token.content);
  if (oid === undefined || content === undefined) return refused('algorithm_refused', signatureAlgorithm.oid);
  if (contentType !== TST_INFO || messageDigest === undefined || !sameBytes(messageDigest, content))
    return refused('content_attributes');
  const isNamed = signingCertificates.length > 0 && signingCertificates.every((named) => isThis(named, signer, digest));
  if (!isNamed) return refused('signing_certificate', signingCertificates.length === 0 ? 'none there' : undefined);
  if (!isForTimestamps(signer)) return refused('signer_usage');
  if (!isOwnName(token, signer)) return refused('tsa_name_differs');
  const algorithm = { ...signatureAlgorithm, oid };
  if (!isAllowed(STRICT_ALGORITHMS, algorithm, signer.spki)) return refused('algorithm_refused', oid);
  const { signature, signedAttributes: data } = token;
  return verifySignature({ algorithm, spki: signer.spki, data, signature }) ? undefined : refused('bad_signature');
}

function isThis({ hashOid, hash, issuer }: SigningCertificate, signer: Certificate, digest: Digest): boolean {
  const own = digest(hashOid, signer.der);
  if (own === undefined || !sameBytes(own, hash)) return false;
  if (issuer === undefined) return true;
  return issuer.serial === signer.serial && issuer.names.some(({ key }) => key === signer.issuer.key);
}

/** RFC 3161 §2.3: timeStamping is the only extended usage, and critical; a CA's key stamps nothing. */
function isForTimestamps({ extendedKeyUsage, extensions, keyUsage, basicConstraints }: Certificate): boolean {
  const isCritical = extensions.some(({ oid, critical }) => oid === EXTENSION.extendedKeyUsage && critical);
  const maySign =
    keyUsage === undefined || keyUsage.includes('digitalSignature') || keyUsage.includes('nonRepudiation');
  return isCritical && extendedKeyUsage?.join() === TIME_STAMPING && maySign && basicConstraints?.ca !== true;
}

/** RFC 3161 §2.4.2: an authority that names itself is one of its certificate's subjects. */
function isOwnName({ info: { tsa } }: TimestampToken, { subject, subjectAltNames = [] }: Certificate): boolean {
  if (tsa === undefined) return true;
  const subjects = [generalNameKey({ kind: 'directory', name: subject }), ...subjectAltNames.map(generalNameKey)];
  return subjects.includes(generalNameKey(tsa));
}

/** Lists that one token is judged by: those of its path, in parts and with their deltas, are far fewer. */
export const LISTS_LIMIT = 64;

function judgeChain(token: TimestampToken, signer: Certificate, question: TimestampQuestion): TimestampResult {
  const { info } = token;
  // Those that were fetched first: the token's own are unsigned with it, and whoever made it may have put in what he liked.
  const crls = [...(question.crls ?? []), ...token.crls].slice(0, LISTS_LIMIT).flatMap(readOrNothing);
  const terms = {
    leaf: signer,
    intermediates: [...token.certificates.filter((each) => each !== signer), ...(question.intermediates ?? [])],
    anchors: question.anchors,
    purpose: 'any',
    verifySignature: question.verifySignature,
  } as const;
  const held = verifyChain({ ...terms, at: info.at, revocation: 'ignored' });
  if (!held.ok) return refused('chain_refused', held.reason);
  // Asked at each list's own instant while the path lasts: one that is dated far ahead must not keep the others from speaking.
  const lastsTo = Math.min(...held.path.map(({ notAfterAt }) => notAfterAt));
  const instants = [info.at, ...crls.map(({ thisUpdateAt }) => thisUpdateAt)];
  const due = [...new Set(instants.filter((at) => at >= info.at && at <= Math.max(lastsTo, info.at)))].sort(
    (a, b) => a - b,
  );
  const answers = due.map((at) => verifyChain({ ...terms, at, crls }));
  const revoked = answers.find((answer) => !answer.ok && isRevocation(answer));
  if (revoked !== undefined && !revoked.ok) return refused('revoked', revoked.reason);
  const asked = answers.findLast(({ ok }) => ok) ?? (answers.at(-1) as ChainResult);
  const said = { at: info.at, accuracyMs: info.accuracyMs, policy: info.policy, serial: info.serial };
  if (!asked.ok) return { ok: true, ...said, path: held.path, revocation: 'undetermined', crls: [] };
  const used = new Set(asked.revocation.flatMap((each) => ('crls' in each ? [...each.crls] : [])));
  return { ok: true, ...said, path: asked.path, revocation: 'good', crls: [...used].map(({ der }) => der) };
}

const REVOKED: readonly ChainReason[] = ['revoked', 'issuer_revoked'];

function isRevocation(result: Extract<ChainResult, { ok: false }>): boolean {
  return !result.undetermined && REVOKED.includes(result.reason);
}

function readOrNothing(given: Uint8Array | Crl): Crl[] {
  if (!(given instanceof Uint8Array)) return [given];
  try {
    return [parseCrl(given)];
  } catch (error) {
    if (error instanceof CertificateError) return [];
    throw error;
  }
}
