/** What a page and the phone that holds its person's key say to each other: the code that is scanned, the frames and every no. */
import * as Type from 'typebox';
import { Check } from 'typebox/schema';
import { isJsonObject, type JsonObject } from '../core/log/canonical.ts';
import { LogFormatError } from '../core/log/error.ts';
import { fromUtf8 } from '../core/log/utf8.ts';
import type { Words } from '../core/log/words.ts';
import { AgentProblemError } from './agent-keys.ts';
import type { AgentRefusal } from './agent-protocol.ts';
import { PHONE_FRAME_LIMIT_BYTES, PHONE_MESSAGES_LIMIT, type PhoneSide } from './phone-limits.ts';

/** Why a phone, or the way to it, does not do what it is asked: what an agent refuses, in a phone's words, and what can go wrong between the two. */
export const PHONE_REFUSALS = {
  phone_declined: {
    en: 'It was declined on the phone, or not answered in time.',
    zh: '已在手机上拒绝，或未在时限内确认。',
  },
  phone_malformed: { en: 'The phone does not understand the request.', zh: '手机无法理解该请求。' },
  phone_challenge_unknown: {
    en: 'The phone does not know this challenge: it was used, or is too old.',
    zh: '手机不认识该质询：已被使用或已过期。',
  },
  phone_challenge_other: {
    en: 'The challenge was for another request than this one.',
    zh: '该质询对应的是另一个请求。',
  },
  phone_busy: {
    en: 'The phone is waiting for an answer to another request. Answer it there.',
    zh: '手机上还有另一个请求等待确认，请先处理。',
  },
  phone_not_shown: {
    en: 'The phone signs only what it can read and show, and this it cannot.',
    zh: '手机只签署其能够读取并展示的内容，该内容不能。',
  },
  phone_other_origin: {
    en: 'What is to be signed is for another platform than the one whose page the phone shows.',
    zh: '待签署的内容属于另一个平台，与手机所打开的不一致。',
  },
  phone_key_missing: { en: 'The phone has no such certificate.', zh: '手机中没有该证书。' },
  phone_cannot_unwrap: {
    en: 'The bid is sealed by RSA PKCS#1 v1.5, which a phone’s browser does not decrypt: use kaibiao decrypt on the command line, or a token.',
    zh: '投标文件以 RSA PKCS#1 v1.5 方式加密，手机浏览器不支持解密：请用命令行 kaibiao decrypt，或改用密钥介质。',
  },
  phone_not_secure: {
    en: 'A browser seals only on pages that come by https: please use the https address.',
    zh: '浏览器只在 https 页面上提供密码功能，请改用 https 网址。',
  },
  phone_failed: {
    en: 'The page on the phone failed. Open it again and scan anew.',
    zh: '手机页面出错，请重新打开并扫描。',
  },
  phone_over: {
    en: 'The code was not scanned in time, or the pairing is over. Begin anew.',
    zh: '二维码超时未扫描，或配对已失效，请重新开始。',
  },
  phone_gone: { en: 'The pairing was ended on the other screen.', zh: '对方已结束配对。' },
  phone_silent: {
    en: 'The phone did not answer in time. Open its page again, and try once more.',
    zh: '手机没有在时限内应答，请打开手机上的页面后重试。',
  },
  phone_code_differs: {
    en: 'The codes on the two screens are not the same. Nothing was signed. Begin anew, and scan only the code on your own screen.',
    zh: '两块屏幕显示的校验码不一致，未签署任何内容。请重新开始，并只扫描本人屏幕上的二维码。',
  },
  phone_out_of_step: {
    en: 'A message came that the other screen did not send, or not in this place. The pairing is over.',
    zh: '收到了并非对方发出或次序不符的消息，配对已终止。',
  },
} as const satisfies Record<string, Words>;
export type PhoneRefusal = keyof typeof PHONE_REFUSALS;

/** A no of the phone or of the way to it, as a page says every no of a key that lies elsewhere. */
export const phoneProblem = (code: PhoneRefusal): AgentProblemError =>
  new AgentProblemError(code, PHONE_REFUSALS[code]);

/** What an agent refuses, as a phone says it; a pairing of an agent's kind a phone has none. */
export function phoneRefusal(code: AgentRefusal): PhoneRefusal {
  const own = code.replace(/^agent_/, 'phone_');
  return Object.hasOwn(PHONE_REFUSALS, own) ? (own as PhoneRefusal) : 'phone_malformed';
}

const ID = /^[A-Za-z0-9_-]{22}$/;
const SECRET = /^[A-Za-z0-9_-]{43}$/;

/** What the code on the screen holds: which mailbox, and what only somebody knows who saw the screen. */
export type PhoneCode = { readonly id: string; readonly secret: string };

/** The address in the code: the secret stands behind the `#`, which no browser sends to anybody. */
export function formatPhoneCode(origin: string, { id, secret }: PhoneCode): string {
  return `${origin}/phone#${id}.${secret}`;
}

/** What stands behind the `#`, with or without it; null for anything else. */
export function readPhoneCode(fragment: string): PhoneCode | null {
  const [id = '', secret = '', more] = fragment.replace(/^#/, '').split('.');
  return ID.test(id) && SECRET.test(secret) && more === undefined ? { id, secret } : null;
}

const closed = { additionalProperties: false } as const;
const AskNumber = Type.Integer({ minimum: 0, maximum: PHONE_MESSAGES_LIMIT });
const Fields = Type.Unsafe<JsonObject>({ type: 'object' });
const Text = Type.String({ minLength: 1, maxLength: 1_000 });

/** What the page says. `hello` proves that it holds the key whose digest was scanned, for this phone alone. */
export const DesktopFrameSchema = Type.Union([
  Type.Object({ kind: Type.Literal('hello') }, closed),
  Type.Object(
    {
      kind: Type.Literal('ask'),
      n: AskNumber,
      path: Type.Union([Type.Literal('/certificates'), Type.Literal('/challenge'), Type.Literal('/use')]),
      body: Fields,
    },
    closed,
  ),
]);
/** What the phone says: how the comparing ended, that keys are open, and its answers. */
export const PhoneFrameSchema = Type.Union([
  Type.Object({ kind: Type.Literal('compared'), isSame: Type.Boolean() }, closed),
  Type.Object({ kind: Type.Literal('ready') }, closed),
  Type.Object({ kind: Type.Literal('answer'), n: AskNumber, answer: Fields }, closed),
  Type.Object({ kind: Type.Literal('problem'), n: AskNumber, code: Text, zh: Text, en: Text }, closed),
]);
export type DesktopFrame = Type.Static<typeof DesktopFrameSchema>;
export type PhoneFrame = Type.Static<typeof PhoneFrameSchema>;

/** The frame in an opened message of that side; null for bytes that are none. */
export function readFrame(from: 'desktop', bytes: Uint8Array): DesktopFrame | null;
export function readFrame(from: 'phone', bytes: Uint8Array): PhoneFrame | null;
export function readFrame(from: PhoneSide, bytes: Uint8Array): DesktopFrame | PhoneFrame | null;
export function readFrame(from: PhoneSide, bytes: Uint8Array): DesktopFrame | PhoneFrame | null {
  if (bytes.length > PHONE_FRAME_LIMIT_BYTES) return null;
  let frame: unknown;
  try {
    frame = JSON.parse(fromUtf8(bytes));
  } catch (fault) {
    // no JSON, or no UTF-8
    if (fault instanceof SyntaxError || fault instanceof LogFormatError) return null;
    throw fault;
  }
  if (!isJsonObject(frame)) return null;
  if (from === 'desktop') return Check(DesktopFrameSchema, frame) ? frame : null;
  return Check(PhoneFrameSchema, frame) ? frame : null;
}
