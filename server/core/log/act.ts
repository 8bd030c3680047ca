/** A person's signed act: which JWS it is, what it binds, and whether session key or certificate really signed it. */
import { fromBase64, fromBase64Url, toBase64Url } from './base64.ts';
import { canonicalise, isJsonObject, type Json, type JsonObject } from './canonical.ts';
import { LogFormatError } from './error.ts';
import { HASH_BYTES, type Sha256 } from './hash.ts';
import { fromUtf8, utf8 } from './utf8.ts';
import type { Words } from './words.ts';

/** Characters one JWS may have; a statement with a chain of four RSA-4096 certificates needs about 12,000. */
export const JWS_LIMIT_CHARACTERS = 64 * 1024;
/** Certificates an `x5c` header may carry. */
export const X5C_LIMIT = 8;

/** `SM2SM3` is a private label: SM2 with SM3 under the identity 1234567812345678, the signature r‖s; JOSE has none of its own. */
export type JwsAlgorithm = 'ES256' | 'RS256' | 'PS256' | 'SM2SM3';
const CERTIFICATE_ALGORITHMS: readonly string[] = ['ES256', 'RS256', 'PS256', 'SM2SM3'] satisfies JwsAlgorithm[];

/** The session key as a login certifies it: a P-256 public key with exactly these members. */
export type SessionJwk = { readonly kty: 'EC'; readonly crv: 'P-256'; readonly x: string; readonly y: string };

/**
 * Checks one JWS signature; handed in. ES256 and SM2SM3 signatures are the raw 64 bytes. Must answer false, not throw, when key and
 * algorithm do not belong together. Judges nothing else: the certificate's chain and dates are the pki room's.
 */
export type VerifyJwsSignature = (request: {
  readonly alg: JwsAlgorithm;
  readonly key: { readonly jwk: SessionJwk } | { readonly certificate: Uint8Array };
  readonly data: Uint8Array;
  readonly signature: Uint8Array;
}) => boolean | Promise<boolean>;

/**
 * What a person sends with a command, and what an entry withholds as its field `act`: the act as compact JWS, the login JWS that
 * certified the session key (only when that key signed), and the command's data (only when the act is not itself a statement).
 */
export type PersonAct = { readonly act: string; readonly login?: string; readonly data?: Json };

/** The head a person's client had seen when it signed. `root` is standard base64, as in a checkpoint. */
export type HeadSeen = { readonly size: number; readonly root: string };

/** Statements that are acts themselves, and the command each of them gives. Source: seal-format §2 and §3. */
export const STATEMENT_COMMANDS = {
  'bid-lodgement+jws': 'LodgeBid',
  'bid-decryption+jws': 'DecryptBid',
  'bid-backup+jws': 'SubmitBackup',
} as const;
type StatementTyp = keyof typeof STATEMENT_COMMANDS;
const isStatementTyp = (typ: unknown): typ is StatementTyp =>
  typeof typ === 'string' && Object.hasOwn(STATEMENT_COMMANDS, typ);

/** Every reason an act can be refused for. */
export const ACT_REASONS = {
  act_malformed: { en: 'The act is not a compact JWS with plain JSON inside.', zh: '操作签名不是合规的紧凑 JWS。' },
  act_typ_unknown: { en: 'The act says a typ that is no act.', zh: '操作签名的 typ 不是任何一种操作。' },
  act_alg_refused: {
    en: 'The act is signed with an algorithm that is not allowed.',
    zh: '操作签名使用了不允许的算法。',
  },
  act_header_refused: {
    en: 'The act has header members that do not belong there.',
    zh: '操作签名的头部含有不应出现的成员。',
  },
  act_certificate_malformed: {
    en: 'The certificate in the act is missing, unreadable or not the one its thumbprint names.',
    zh: '操作签名中的证书缺失、无法读取，或与其指纹不符。',
  },
  act_payload_malformed: { en: 'The act does not say what an act must say.', zh: '操作签名的内容缺项或格式不符。' },
  act_other_platform: { en: 'The act was meant for another platform.', zh: '该操作签名是给另一个平台的。' },
  act_other_opening: { en: 'The act was meant for another opening.', zh: '该操作签名属于另一场开标。' },
  act_other_command: { en: 'The act was given for another command id.', zh: '该操作签名对应另一个指令编号。' },
  act_other_type: {
    en: 'The act asks for something else than was recorded.',
    zh: '该操作签名所请求的事项与记录不同。',
  },
  act_statement_needed: {
    en: 'Lodging and decrypting are signed as statements, not as ordinary acts.',
    zh: '递交与解密须以专用声明签名，不能用普通操作签名。',
  },
  act_data_missing: { en: 'The data the act was signed over is missing.', zh: '缺少该操作签名所覆盖的数据。' },
  act_data_unexpected: {
    en: 'A statement carries its own data; more came with it.',
    zh: '声明自带数据，却另附了数据。',
  },
  act_data_differs: { en: 'The data is not what the person signed.', zh: '数据与当事人签名时的内容不一致。' },
  act_signature_bad: { en: 'The signature of the act does not verify.', zh: '操作签名验证不通过。' },
  login_missing: {
    en: 'The act is signed by a session key, but the login that certified it is missing.',
    zh: '操作由会话密钥签名，但缺少为该密钥作证的登录声明。',
  },
  login_unexpected: {
    en: 'The act is signed by a certificate, yet a login came with it.',
    zh: '操作已由证书签名，却另附了登录声明。',
  },
  login_malformed: { en: 'The login is not a login JWS.', zh: '登录声明不是合规的登录 JWS。' },
  login_alg_refused: {
    en: 'The login is signed with an algorithm that is not allowed.',
    zh: '登录声明使用了不允许的算法。',
  },
  login_certificate_malformed: {
    en: 'The certificate in the login is missing, unreadable or not the one its thumbprint names.',
    zh: '登录声明中的证书缺失、无法读取，或与其指纹不符。',
  },
  login_payload_malformed: {
    en: 'The login does not say what a login must say.',
    zh: '登录声明的内容缺项或格式不符。',
  },
  login_other_platform: { en: 'The login was meant for another platform.', zh: '该登录声明是给另一个平台的。' },
  login_other_account: {
    en: 'The login belongs to another account than the act.',
    zh: '登录声明与操作签名不是同一账户。',
  },
  session_key_malformed: { en: 'The session key is no P-256 public key.', zh: '会话密钥不是 P-256 公钥。' },
  session_thumbprint_differs: {
    en: 'The session key is not the one its thumbprint names.',
    zh: '会话密钥与其指纹不符。',
  },
  login_signature_bad: { en: 'The signature of the login does not verify.', zh: '登录声明的签名验证不通过。' },
} as const satisfies Record<string, Words>;

export type ActReason = keyof typeof ACT_REASONS;

/**
 * A checked act. `account` is the signer's claim (`iss`): the pki room must still find that the certificate is this account's and
 * was good then. `iat` and `loginIat` are seconds since 1970 and claims of the person's clock, never facts. `headSeen` is null
 * for statements that name none. `certificates` are the DER of the `x5c` header, leaf first.
 */
export type CheckedAct = {
  readonly ok: true;
  readonly signedBy: 'session' | 'certificate';
  readonly type: string;
  readonly account: string;
  readonly certSha256: string;
  readonly certificates: readonly Uint8Array[];
  readonly headSeen: HeadSeen | null;
  readonly iat: number;
  readonly loginIat: number | null;
  readonly payload: JsonObject;
};
export type RefusedAct = { readonly ok: false; readonly reason: ActReason };

/** What an act must be for: `types` are the commands that may have led to what is recorded. */
export type ExpectedAct = {
  readonly platform: string;
  readonly openingId: string;
  readonly command: string;
  readonly types: readonly string[];
};

type Jws = { header: JsonObject; payload: JsonObject; signed: Uint8Array; signature: Uint8Array };

/**
 * JSON of one part of a JWS. The bytes must be what JSON.stringify makes of the value they parse to: that admits what common
 * libraries write, and leaves no room for repeated names, which two readers could understand differently.
 */
function readJsonPart(part: string): JsonObject | undefined {
  try {
    const text = fromUtf8(fromBase64Url(part));
    const value: unknown = JSON.parse(text);
    return isJsonObject(value) && JSON.stringify(value) === text ? value : undefined;
  } catch (fault) {
    if (fault instanceof LogFormatError || fault instanceof SyntaxError) return undefined;
    throw fault;
  }
}

function readJws(text: string): Jws | undefined {
  if (text.length > JWS_LIMIT_CHARACTERS) return undefined;
  const parts = text.split('.');
  const [headerPart, payloadPart, signaturePart] = parts;
  if (parts.length !== 3 || headerPart === undefined || payloadPart === undefined || !signaturePart) return undefined;
  const header = readJsonPart(headerPart);
  const payload = readJsonPart(payloadPart);
  const signature = readBase64Url(signaturePart);
  if (header === undefined || payload === undefined || signature === undefined) return undefined;
  return { header, payload, signed: utf8(`${headerPart}.${payloadPart}`), signature };
}

function readBase64Url(text: string): Uint8Array | undefined {
  try {
    return fromBase64Url(text);
  } catch (fault) {
    if (fault instanceof LogFormatError) return undefined;
    throw fault;
  }
}

function isHashText(text: unknown, read: (text: string) => Uint8Array): text is string {
  if (typeof text !== 'string') return false;
  try {
    return read(text).length === HASH_BYTES;
  } catch (fault) {
    if (fault instanceof LogFormatError) return false;
    throw fault;
  }
}

function hasOnly(value: JsonObject, required: readonly string[], optional: readonly string[] = []): boolean {
  const names = Object.keys(value);
  return (
    required.every((name) => names.includes(name)) && names.every((name) => [...required, ...optional].includes(name))
  );
}

const isText = (value: unknown): value is string =>
  typeof value === 'string' && value.length > 0 && value.length <= 256;
/** Sizes, and times in seconds since 1970. */
const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

/** The certificates of a header, leaf first, when its thumbprint is the leaf's. */
function readCertificates(
  header: JsonObject,
  sha256: Sha256,
): { certificates: Uint8Array[]; certSha256: string } | undefined {
  const x5c = header['x5c'];
  if (!Array.isArray(x5c) || x5c.length < 1 || x5c.length > X5C_LIMIT) return undefined;
  const certificates: Uint8Array[] = [];
  for (const text of x5c) {
    if (typeof text !== 'string' || text.length === 0) return undefined;
    try {
      certificates.push(fromBase64(text));
    } catch (fault) {
      if (fault instanceof LogFormatError) return undefined;
      throw fault;
    }
  }
  const certSha256 = toBase64Url(sha256(certificates[0] as Uint8Array));
  return header['x5t#S256'] === certSha256 ? { certificates, certSha256 } : undefined;
}

/** The raw forms of ECDSA over P-256 and of SM2 have 64 bytes; anything else is no signature and asks nobody. */
const isSignatureShape = (alg: JwsAlgorithm, signature: Uint8Array): boolean =>
  (alg !== 'ES256' && alg !== 'SM2SM3') || signature.length === 64;

/** RFC 7638 thumbprint of a P-256 public key, base64url of SHA-256. */
export function sessionThumbprint(sha256: Sha256, jwk: SessionJwk): string {
  return toBase64Url(sha256(utf8(canonicalise({ crv: jwk.crv, kty: jwk.kty, x: jwk.x, y: jwk.y }))));
}

function isSessionJwk(value: unknown): value is SessionJwk {
  return (
    isJsonObject(value) &&
    hasOnly(value, ['kty', 'crv', 'x', 'y']) &&
    value['kty'] === 'EC' &&
    value['crv'] === 'P-256' &&
    isHashText(value['x'], fromBase64Url) &&
    isHashText(value['y'], fromBase64Url)
  );
}

/** Digest an act binds its data with: base64url of SHA-256 over the RFC 8785 form. Throws: the codes of `canonicalise`. */
export function bodySha256(sha256: Sha256, data: Json): string {
  return toBase64Url(sha256(utf8(canonicalise(data))));
}

/** Reads the value of a withheld field `act`, or what came with a command. Returns: undefined when it is no such value. */
export function readPersonAct(value: unknown): PersonAct | undefined {
  if (!isJsonObject(value) || !hasOnly(value, ['act'], ['login', 'data'])) return undefined;
  const { act, login, data } = value;
  if (typeof act !== 'string' || (login !== undefined && typeof login !== 'string')) return undefined;
  return { act, ...(login === undefined ? {} : { login }), ...(data === undefined ? {} : { data }) };
}

export type CheckedLogin = {
  readonly ok: true;
  readonly account: string;
  readonly certSha256: string;
  readonly certificates: readonly Uint8Array[];
  readonly jwk: SessionJwk;
  readonly jkt: string;
  readonly origin: string;
  readonly nonce: string;
  readonly iat: number;
};

/**
 * Checks a login JWS: that a certificate's key really certified a session key, for this platform.
 *
 * Shape:   payload `{v: 1, iss, aud, origin, nonce, purpose: 'login', iat, session: {jwk, jkt}}`, optional `exp` and `jti`.
 * Returns: what it says, or the reason; it does not judge the chain, the nonce or the time.
 * Source:  seal-format §8.
 */
export async function checkLogin(
  login: string,
  expected: { readonly platform: string },
  verifySignature: VerifyJwsSignature,
  sha256: Sha256,
): Promise<CheckedLogin | RefusedAct> {
  const refuse = (reason: ActReason): RefusedAct => ({ ok: false, reason });
  const jws = readJws(login);
  if (jws === undefined || jws.header['typ'] !== 'login+jws') return refuse('login_malformed');
  const { header, payload, signed, signature } = jws;
  const alg = header['alg'];
  if (typeof alg !== 'string' || !CERTIFICATE_ALGORITHMS.includes(alg)) return refuse('login_alg_refused');
  if (!hasOnly(header, ['alg', 'typ', 'x5c', 'x5t#S256'])) return refuse('login_malformed');
  const certified = readCertificates(header, sha256);
  if (certified === undefined) return refuse('login_certificate_malformed');
  const members = ['v', 'iss', 'aud', 'origin', 'nonce', 'purpose', 'iat', 'session'];
  if (!hasOnly(payload, members, ['exp', 'jti'])) return refuse('login_payload_malformed');
  const { iss, origin, nonce, iat, session } = payload;
  const isShaped = payload['v'] === 1 && isText(iss) && isText(origin) && isText(nonce) && isCount(iat);
  if (!isShaped || payload['purpose'] !== 'login' || !isJsonObject(session)) return refuse('login_payload_malformed');
  if (!hasOnly(session, ['jwk', 'jkt'])) return refuse('login_payload_malformed');
  if (payload['aud'] !== expected.platform) return refuse('login_other_platform');
  const { jwk, jkt } = session;
  if (!isSessionJwk(jwk)) return refuse('session_key_malformed');
  if (jkt !== sessionThumbprint(sha256, jwk)) return refuse('session_thumbprint_differs');
  const { certificates, certSha256 } = certified;
  const key = { certificate: certificates[0] as Uint8Array };
  const request = { alg: alg as JwsAlgorithm, key, data: signed, signature };
  const good = isSignatureShape(request.alg, signature) && (await verifySignature(request));
  if (good !== true) return refuse('login_signature_bad');
  return { ok: true, account: iss, certSha256, certificates, jwk, jkt, origin, nonce, iat };
}

/** What an ordinary act says, when it says it in the right shape. */
function readActPayload(payload: JsonObject): { type: string; digest: string; headSeen: HeadSeen } | undefined {
  const members = ['v', 'iss', 'aud', 'openingId', 'command', 'type', 'bodySha256', 'headSeen', 'iat'];
  if (!hasOnly(payload, members, ['jti'])) return undefined;
  const { type, bodySha256: digest } = payload;
  const headSeen = readHeadSeen(payload['headSeen']);
  if (!isText(type) || !isHashText(digest, fromBase64Url) || headSeen === undefined) return undefined;
  return { type, digest, headSeen };
}

function readHeadSeen(value: unknown): HeadSeen | undefined {
  if (!isJsonObject(value) || !hasOnly(value, ['size', 'root'])) return undefined;
  const { size, root } = value;
  return isCount(size) && isHashText(root, fromBase64) ? { size, root } : undefined;
}

/**
 * Checks a person's act against what it is said to be for.
 *
 * Shape:   `act+jws` signed by a session key (header `alg` ES256, `typ`, optional `kid` = its thumbprint) that a login JWS
 *          certifies, or signed by a certificate (header `x5c`, `x5t#S256`); `bid-lodgement+jws` and `bid-decryption+jws` are
 *          statements, always signed by a certificate, and bind the opening but no command id and no separate data.
 * Returns: who signed and with what, or the first reason against it, in the order of the table above. It never throws on
 *          anything a person sent; `verifySignature` may.
 * Calls:   `readLogin` in the place of `checkLogin`, where a caller remembers what that said of the same text.
 * Why:     chain, revocation, key usage and the account's owner are not judged here: the log must stay readable when trust
 *          anchors have long changed, and the pki room judges them for the instant of the act.
 * Source:  seal-format §8; PersonAct as every human event withholds it.
 */
export async function checkAct(
  person: PersonAct,
  expected: ExpectedAct,
  verifySignature: VerifyJwsSignature,
  sha256: Sha256,
  readLogin: typeof checkLogin = checkLogin,
): Promise<CheckedAct | RefusedAct> {
  const refuse = (reason: ActReason): RefusedAct => ({ ok: false, reason });
  const jws = readJws(person.act);
  if (jws === undefined) return refuse('act_malformed');
  const { header, payload, signed, signature } = jws;
  const { typ, alg } = header;
  if (typ !== 'act+jws' && !isStatementTyp(typ)) return refuse('act_typ_unknown');
  const byCertificate = isStatementTyp(typ) || Object.hasOwn(header, 'x5c');
  const allowed = byCertificate ? CERTIFICATE_ALGORITHMS : ['ES256'];
  if (typeof alg !== 'string' || !allowed.includes(alg)) return refuse('act_alg_refused');
  const isHeader = byCertificate
    ? hasOnly(header, ['alg', 'typ', 'x5c', 'x5t#S256'])
    : hasOnly(header, ['alg', 'typ'], ['kid']);
  if (!isHeader) return refuse('act_header_refused');

  const { iss, iat } = payload;
  if (payload['v'] !== 1 || !isText(iss) || !isCount(iat)) return refuse('act_payload_malformed');
  const said = typ === 'act+jws' ? readActPayload(payload) : null;
  if (said === undefined) return refuse('act_payload_malformed');
  const headSeen = said?.headSeen ?? (payload['headSeen'] === undefined ? null : readHeadSeen(payload['headSeen']));
  if (headSeen === undefined) return refuse('act_payload_malformed');
  if (payload['aud'] !== expected.platform) return refuse('act_other_platform');
  if (payload['openingId'] !== expected.openingId) return refuse('act_other_opening');
  const type = isStatementTyp(typ) ? STATEMENT_COMMANDS[typ] : (said?.type as string);
  if (said !== null && payload['command'] !== expected.command) return refuse('act_other_command');
  if (!expected.types.includes(type)) return refuse('act_other_type');
  if (said !== null && Object.values<string>(STATEMENT_COMMANDS).includes(type)) return refuse('act_statement_needed');

  if (said === null) {
    if (person.data !== undefined) return refuse('act_data_unexpected');
  } else {
    if (person.data === undefined) return refuse('act_data_missing');
    const digest = digestOf(person.data, sha256);
    if (digest !== said.digest) return refuse('act_data_differs');
  }

  const checked = { ok: true, type, account: iss, headSeen, iat, payload } as const;
  const request = { alg: alg as JwsAlgorithm, data: signed, signature };
  if (!isSignatureShape(request.alg, signature)) return refuse('act_signature_bad');

  if (byCertificate) {
    if (person.login !== undefined) return refuse('login_unexpected');
    const certified = readCertificates(header, sha256);
    if (certified === undefined) return refuse('act_certificate_malformed');
    const key = { certificate: certified.certificates[0] as Uint8Array };
    if ((await verifySignature({ ...request, key })) !== true) return refuse('act_signature_bad');
    return { ...checked, ...certified, signedBy: 'certificate', loginIat: null };
  }

  if (person.login === undefined) return refuse('login_missing');
  const login = await readLogin(person.login, expected, verifySignature, sha256);
  if (!login.ok) return login;
  if (login.account !== iss) return refuse('login_other_account');
  if (Object.hasOwn(header, 'kid') && header['kid'] !== login.jkt) return refuse('act_header_refused');
  if ((await verifySignature({ ...request, key: { jwk: login.jwk } })) !== true) return refuse('act_signature_bad');
  const { certSha256, certificates } = login;
  return { ...checked, certSha256, certificates, signedBy: 'session', loginIat: login.iat };
}

/** The data's digest, or undefined when the data has no RFC 8785 form and so cannot be what was signed. */
function digestOf(data: Json, sha256: Sha256): string | undefined {
  try {
    return bodySha256(sha256, data);
  } catch (fault) {
    if (fault instanceof LogFormatError) return undefined;
    throw fault;
  }
}

/** The head an act says it has seen, read without checking its signature; null when it names none or cannot be read. */
export function headSeenOf(person: PersonAct): HeadSeen | null {
  const payload = readJws(person.act)?.payload;
  if (payload === undefined || payload['headSeen'] === undefined) return null;
  return readHeadSeen(payload['headSeen']) ?? null;
}
