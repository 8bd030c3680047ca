/** What a page asks to have signed, read and put into words: whoever holds a key for a page signs nothing that it cannot read and show. */
import * as Type from 'typebox';
import { Check } from 'typebox/schema';
import { bodySha256, type JwsAlgorithm } from '../core/log/act.ts';
import { fromBase64, fromBase64Url, toBase64Url } from '../core/log/base64.ts';
import { sameBytes } from '../core/log/bytes.ts';
import { canonicalise, isJsonObject, type Json, type JsonObject } from '../core/log/canonical.ts';
import { LogFormatError } from '../core/log/error.ts';
import type { Sha256 } from '../core/log/hash.ts';
import { fromUtf8, utf8 } from '../core/log/utf8.ts';
import type { Words } from '../core/log/words.ts';
import { BACKUP_TYPE, DECRYPTION_TYPE, isDecryptionPayload } from '../core/seal/decryption.ts';
import { isLodgementPayload, LODGEMENT_TYPE } from '../core/seal/lodgement.ts';
import type { AgentRefusal, SignRequest } from './agent-protocol.ts';

/** What a person sees before they agree. */
export type Shown = {
  readonly title: Words;
  readonly rows: readonly { readonly name: RowName; readonly label: Words; readonly text: string }[];
};

/** The longest text that is put before a person; what is longer nobody reads before agreeing. The longest reason of an act has 2,000. */
export const SHOWN_LIMIT_CHARACTERS = 16_384;

const closed = { additionalProperties: false } as const;
const Text = Type.String({ minLength: 1, maxLength: 256 });
/** Texts by name. Why: as in agent-protocol.ts, Type.Record is too large for a page. */
const Texts = Type.Unsafe<Record<string, string>>({ type: 'object', additionalProperties: { type: 'string' } });
const Seconds = Type.Integer({ minimum: 0 });
const LoginSchema = Type.Object(
  {
    v: Type.Literal(1),
    iss: Text,
    aud: Text,
    origin: Text,
    nonce: Text,
    purpose: Type.Literal('login'),
    iat: Seconds,
    session: Type.Object({ jwk: Texts, jkt: Text }, closed),
  },
  closed,
);
const ActSchema = Type.Object(
  {
    v: Type.Literal(1),
    iss: Text,
    aud: Text,
    openingId: Text,
    command: Text,
    type: Text,
    bodySha256: Text,
    headSeen: Type.Object({ size: Type.Integer({ minimum: 0 }), root: Text }, closed),
    iat: Seconds,
  },
  closed,
);

const LABELS = {
  platform: { en: 'Platform', zh: '平台' },
  page: { en: 'Page', zh: '网页' },
  account: { en: 'Account', zh: '账户' },
  opening: { en: 'Opening', zh: '开标编号' },
  command: { en: 'Act', zh: '操作' },
  data: { en: 'What it says', zh: '内容' },
  lot: { en: 'Lot', zh: '标段' },
  bid: { en: 'Bid', zh: '投标编号' },
  replaces: { en: 'Takes the place of bid', zh: '替换的投标编号' },
  sealedTo: { en: 'Sealed to certificate (SHA-256)', zh: '加密证书摘要（SHA-256）' },
  envelope: { en: 'Envelope (SHA-256)', zh: '信封摘要（SHA-256）' },
  deadline: { en: 'Bid deadline', zh: '投标截止时间' },
  logKey: { en: 'Key of the log', zh: '日志公钥' },
  rest: { en: 'The rest, word for word', zh: '其余内容（原文）' },
  digest: { en: 'Digest of what is signed (SHA-256)', zh: '待签内容摘要（SHA-256）' },
} as const satisfies Record<string, Words>;
type RowName = keyof typeof LABELS;

/**
 * Reads a signing input.
 *
 * Shape:   `key` is the certificate, DER, whose key is to sign; `origin` of the page that asks.
 * Returns: what to show, or why it is not signed.
 * Why:     every member of the payload is shown, and nothing longer than SHOWN_LIMIT_CHARACTERS. Header and payload must be the RFC 8785 text of what is shown: nothing else can stand in the signed bytes. A login names the page
 *          that it is for, so one platform's page cannot have a login for another signed.
 */
export function readToSign(
  sha256: Sha256,
  request: SignRequest,
  key: { readonly certificate: Uint8Array; readonly alg: JwsAlgorithm },
  origin: string,
): { readonly shown: Shown } | { readonly refused: AgentRefusal } {
  const read = readWhole(sha256, request, key, origin);
  const isTooLong = 'shown' in read && read.shown.rows.some(({ text }) => text.length > SHOWN_LIMIT_CHARACTERS);
  return isTooLong ? { refused: 'agent_not_shown' } : read;
}

function readWhole(
  sha256: Sha256,
  { input, data }: SignRequest,
  key: { readonly certificate: Uint8Array; readonly alg: JwsAlgorithm },
  origin: string,
): { readonly shown: Shown } | { readonly refused: AgentRefusal } {
  const [header, payload, more] = input.split('.').map(readPart);
  if (!header || !payload || more !== undefined || !isHeaderOf(sha256, header, key))
    return { refused: 'agent_not_shown' };
  const digest = toBase64Url(sha256(utf8(input)));
  switch (header['typ']) {
    case 'login+jws': {
      if (!Check(LoginSchema, payload) || data !== null) return { refused: 'agent_not_shown' };
      const { aud, iss, ...rest } = payload;
      if (rest.origin !== origin) return { refused: 'agent_other_origin' };
      return {
        shown: {
          title: { en: 'Log in', zh: '登录' },
          rows: rows({ page: rest.origin, platform: aud, account: iss, ...asRest(rest), digest }),
        },
      };
    }
    case 'act+jws': {
      const isShown = Check(ActSchema, payload) && data !== null && digestOf(sha256, data) === payload.bodySha256;
      if (!isShown) return { refused: 'agent_not_shown' };
      const { aud, openingId, type, iss, ...rest } = payload;
      return {
        shown: {
          title: { en: 'Sign an act', zh: '签署操作' },
          rows: rows({
            command: type,
            opening: openingId,
            platform: aud,
            account: iss,
            data: JSON.stringify(data),
            ...asRest(rest),
            digest,
          }),
        },
      };
    }
    case LODGEMENT_TYPE: {
      if (!isLodgementPayload(payload) || data !== null) return { refused: 'agent_not_shown' };
      const { aud, openingId, lotId, deadlineAt, envelopeSha256, bidId, replaces, encCertSha256, iss, ...rest } =
        payload;
      return {
        shown: {
          title: { en: 'Lodge a bid', zh: '递交投标文件' },
          rows: rows({
            opening: openingId,
            lot: lotId,
            deadline: deadlineAt,
            bid: bidId,
            ...(replaces !== undefined && { replaces }),
            envelope: envelopeSha256,
            sealedTo: encCertSha256,
            platform: aud,
            account: iss,
            ...asRest(rest),
            digest,
          }),
        },
      };
    }
    case DECRYPTION_TYPE:
    case BACKUP_TYPE: {
      if (!isDecryptionPayload(payload) || data !== null) return { refused: 'agent_not_shown' };
      const { aud, openingId, lotId, bidId, iss, ...rest } = payload;
      return {
        shown: {
          title: { en: 'Hand in the key of a bid', zh: '提交投标文件解密结果' },
          rows: rows({
            opening: openingId,
            lot: lotId,
            bid: bidId,
            platform: aud,
            account: iss,
            ...asRest(rest),
            digest,
          }),
        },
      };
    }
    default:
      return { refused: 'agent_not_shown' };
  }
}

/** The members that have no row of their own: digests, numbers, times; whoever signs them can read them all the same. */
function asRest(rest: object): { rest: string } {
  return { rest: canonicalise(rest as JsonObject) };
}

/** What is shown before a content key is unwrapped. */
export function shownUnwrap(proven: {
  readonly aud: string;
  readonly openingId: string;
  readonly lotId: string;
  readonly bidId: string;
  readonly deadlineAt: string;
  readonly logVkey: string;
}): Shown {
  const { aud, openingId, lotId, bidId, deadlineAt, logVkey } = proven;
  return {
    title: { en: 'Decrypt a bid', zh: '解密投标文件' },
    rows: rows({
      opening: openingId,
      lot: lotId,
      bid: bidId,
      deadline: deadlineAt,
      logKey: logVkey,
      platform: aud,
    }),
  };
}

function rows(texts: Partial<Record<RowName, string>>): Shown['rows'] {
  return Object.entries(texts).map(([name, text]) => ({
    name: name as RowName,
    label: LABELS[name as RowName],
    text,
  }));
}

/** A part in its one form. */
function readPart(part: string): JsonObject | null {
  try {
    const text = fromUtf8(fromBase64Url(part));
    const value: unknown = JSON.parse(text);
    return isJsonObject(value) && canonicalise(value) === text ? value : null;
  } catch (fault) {
    if (fault instanceof SyntaxError || fault instanceof LogFormatError) return null;
    throw fault;
  }
}

function isHeaderOf(
  sha256: Sha256,
  header: JsonObject,
  { certificate, alg }: { readonly certificate: Uint8Array; readonly alg: JwsAlgorithm },
): boolean {
  const names = Object.keys(header).sort().join(' ');
  const x5c = header['x5c'];
  const [leaf] = Array.isArray(x5c) ? (x5c as Json[]) : [];
  return (
    names === 'alg typ x5c x5t#S256' &&
    header['alg'] === alg &&
    header['x5t#S256'] === toBase64Url(sha256(certificate)) &&
    typeof leaf === 'string' &&
    isBase64Of(leaf, certificate)
  );
}

function isBase64Of(text: string, bytes: Uint8Array): boolean {
  try {
    return sameBytes(fromBase64(text), bytes);
  } catch (fault) {
    if (fault instanceof LogFormatError) return false;
    throw fault;
  }
}

function digestOf(sha256: Sha256, data: Readonly<Record<string, unknown>>): string | null {
  try {
    return bodySha256(sha256, data as JsonObject);
  } catch (fault) {
    if (fault instanceof LogFormatError) return null;
    throw fault;
  }
}

/** Controls, which could move the cursor, marks that turn the direction of writing, and what is not seen at all: what is shown is what stands there. */
const UNSHOWN = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu;

/** A text with everything in it that could make it look like another. */
export function plain(text: string): string {
  return text.replace(UNSHOWN, (mark) => `\\u${mark.codePointAt(0)?.toString(16).padStart(4, '0')}`);
}
