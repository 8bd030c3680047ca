/** What a page and the key agent on the same computer say to each other: addresses, shapes, limits and the codes of every no. */
import * as Type from 'typebox';
import { toBase64Url } from '../core/log/base64.ts';
import { canonicalise, type Json } from '../core/log/canonical.ts';
import type { Sha256 } from '../core/log/hash.ts';
import { utf8 } from '../core/log/utf8.ts';
import type { Words } from '../core/log/words.ts';

/** Any object. Why: Type.Record would bring the whole of typebox's type engine into the pages. */
const Fields = Type.Unsafe<Record<string, unknown>>({ type: 'object' });

/** Where an agent listens unless it is told otherwise; a platform names another in its settings. */
export const AGENT_PORT = 8617;

/** The one address at which a page looks for an agent. */
export const agentOrigin = (port: number): string => `http://127.0.0.1:${port}`;

/** Bytes of one request: a statement with its receipt, proof and certificates. */
export const AGENT_REQUEST_LIMIT_BYTES = 256 * 1024;
/** How long a pairing code may be typed, and how often wrongly. */
export const PAIRING_MS = 120_000;
export const PAIRING_TRIES = 3;
export const PAIRING_DIGITS = 6;
/** Pairings that may be begun in so many ms: whoever guesses has sixty guesses of a million in ten minutes. */
export const PAIRINGS_LIMIT = 20;
export const PAIRINGS_LIMIT_MS = 600_000;
/** How long the agent waits between a challenge and its use, and for the person to agree. */
export const CHALLENGE_MS = 60_000;
export const CONSENT_MS = 120_000;
/** Pages that may be paired, and challenges that may be open, at one time. */
export const PAIRED_LIMIT = 16;
export const CHALLENGES_LIMIT = 8;
/** Digits that the page shows and the person types at the agent, or sees on the phone too: so it is the same request. */
export const CHECK_DIGITS = 4;

/** Why an agent does not do what it is asked. */
export const AGENT_REFUSALS = {
  agent_host_refused: {
    en: 'The agent was reached under another name than its own address.',
    zh: '代理只接受以其本机地址发来的请求。',
  },
  agent_origin_refused: {
    en: 'The agent does not serve this page. Start it with --origin and the address of the platform.',
    zh: '代理不为本页面服务。请在启动代理时用 --origin 指定平台地址。',
  },
  agent_malformed: { en: 'The agent does not understand the request.', zh: '代理无法理解该请求。' },
  agent_not_paired: {
    en: 'This page is not paired with the agent. Pair it anew.',
    zh: '本页面尚未与代理配对，请重新配对。',
  },
  agent_code_wrong: {
    en: 'The pairing code is wrong. Type the one that the agent shows.',
    zh: '配对码不正确，请输入代理窗口显示的配对码。',
  },
  agent_code_over: {
    en: 'The pairing code is no longer good. Begin anew.',
    zh: '配对码已失效，请重新开始配对。',
  },
  agent_pairings_over: {
    en: 'Pairing was begun too often. Wait a few minutes, or start the agent anew.',
    zh: '配对次数过多，请几分钟后再试，或重新启动代理。',
  },
  agent_challenge_unknown: {
    en: 'The agent does not know this challenge: it was used, or is too old.',
    zh: '代理不认识该质询：已被使用或已过期。',
  },
  agent_challenge_other: {
    en: 'The challenge was for another request than this one.',
    zh: '该质询对应的是另一个请求。',
  },
  agent_busy: {
    en: 'The agent is waiting for an answer to another request. Answer it in the agent’s window.',
    zh: '代理正在等待处理另一个请求，请先在代理窗口中作答。',
  },
  agent_declined: { en: 'It was declined at the agent.', zh: '已在代理中拒绝。' },
  agent_not_shown: {
    en: 'The agent signs only what it can read and show, and this it cannot.',
    zh: '代理只签署其能够读取并展示的内容，该内容不能。',
  },
  agent_other_origin: {
    en: 'What is to be signed is for another page than the one that asks.',
    zh: '待签署的内容属于另一个网站。',
  },
  agent_key_missing: { en: 'The token has no such certificate.', zh: '介质中没有该证书。' },
} as const satisfies Record<string, Words>;
export type AgentRefusal = keyof typeof AGENT_REFUSALS;

const closed = { additionalProperties: false } as const;
const Digest = Type.String({ pattern: '^[A-Za-z0-9_-]{43}$' });
const Base64 = (maxLength: number) => Type.String({ pattern: '^[A-Za-z0-9+/]*={0,2}$', maxLength });

/** Digits typed after the agent has shown them. */
export const PairConfirmSchema = Type.Object(
  { pairing: Digest, code: Type.String({ pattern: `^[0-9]{${PAIRING_DIGITS}}$` }) },
  closed,
);

/** Header and payload of a JWS as they are signed; `data` is the command's, which an act names by its digest only. */
export const SignRequestSchema = Type.Object(
  {
    use: Type.Literal('sign'),
    certSha256: Digest,
    input: Type.String({ maxLength: 65_536 }),
    data: Type.Union([Type.Null(), Fields]),
  },
  closed,
);

/** All that seal-format §3 asks for before a key is used: the bidder's own lodgement and the proof that the window stands open. */
export const UnwrapRequestSchema = Type.Object(
  {
    use: Type.Literal('unwrap'),
    statement: Type.String({ maxLength: 65_536 }),
    receipt: Fields,
    logVkey: Type.String({ maxLength: 400 }),
    windowKid: Type.Union([Type.Null(), Digest]),
    entry: Type.String({ maxLength: 65_536 }),
    proof: Type.String({ maxLength: 65_536 }),
    jti: Type.String({ maxLength: 64 }),
    recipientInfos: Base64(8_192),
  },
  closed,
);
export const UseRequestSchema = Type.Union([SignRequestSchema, UnwrapRequestSchema]);
export type SignRequest = Type.Static<typeof SignRequestSchema>;
export type UnwrapRequest = Type.Static<typeof UnwrapRequestSchema>;
export type UseRequest = Type.Static<typeof UseRequestSchema>;

/** A challenge is asked for one request, by its digest, and used with that one. */
export const ChallengeRequestSchema = Type.Object({ requestSha256: Digest }, closed);
export const UseSchema = Type.Object({ challenge: Digest, request: UseRequestSchema }, closed);

export type PairingAnswer = { readonly pairing: string };
export type PairedAnswer = { readonly token: string };
export type ChallengedAnswer = { readonly challenge: string };
export type CertificatesListed = {
  readonly certificates: readonly { readonly x5c: readonly string[]; readonly alg: string }[];
};
/** Base64. */
export type UsedAnswer = { readonly result: string };
/** `code` is an AgentRefusal, a TokenFault or a SealErrorCode. */
export type AgentProblem = { readonly code: string; readonly zh: string; readonly en: string };

/** What a request is known by, before it is shown. Base64url. */
export function requestSha256(sha256: Sha256, request: UseRequest): string {
  return toBase64Url(sha256(utf8(canonicalise(request as Json))));
}

/** The digits that both sides show for one use: nobody can choose them, for the challenge is the agent's chance. */
export function checkDigits(sha256: Sha256, challenge: string, request: string): string {
  const digest = sha256(utf8(`kaibiao-agent-check-v1\0${challenge}\0${request}`));
  const number = new DataView(digest.buffer, digest.byteOffset).getUint32(0);
  return String(number % 10 ** CHECK_DIGITS).padStart(CHECK_DIGITS, '0');
}
