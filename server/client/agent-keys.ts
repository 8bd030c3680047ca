/** A page's side of a key that lies elsewhere: pairing with the agent on the same computer, and whatever answers by its protocol as a KeyAgent. */
import type { JwsAlgorithm } from '../core/log/act.ts';
import { fromBase64, toBase64 } from '../core/log/base64.ts';
import { isJsonObject, type Json, type JsonObject } from '../core/log/canonical.ts';
import type { Sha256 } from '../core/log/hash.ts';
import { fromUtf8 } from '../core/log/utf8.ts';
import type { Words } from '../core/log/words.ts';
import type { CertificateSigner } from '../core/pki/person-jws.ts';
import {
  AGENT_REFUSALS,
  type AgentRefusal,
  type CertificatesListed,
  type ChallengedAnswer,
  checkDigits,
  type PairedAnswer,
  type PairingAnswer,
  requestSha256,
  type UsedAnswer,
  type UseRequest,
} from './agent-protocol.ts';
import { type AgentCertificate, type KeyAgent, KeyAgentError, listingOf } from './key-agent.ts';
import { SEAL_ERRORS, SealError, type SealErrorCode } from './seal-error.ts';

const UNREACHED: Words = {
  en: 'No key agent answers on this computer. Start it (kaibiao agent), and allow this page to reach it where the browser asks.',
  zh: '本机没有密钥代理应答。请先启动代理（kaibiao agent），浏览器询问时请允许本页面访问。',
};

/** What the agent or its token says no to; `code` is theirs, `agent_unreachable` when nobody answered. */
export class AgentProblemError extends Error {
  override readonly name = 'AgentProblemError';
  readonly code: string;
  readonly words: Words;

  constructor(code: string, words: Words) {
    super(words.en);
    this.code = code;
    this.words = words;
  }
}

export type AgentLink = {
  /** `http://127.0.0.1:<port>` */
  readonly origin: string;
  readonly fetch: typeof fetch;
  readonly sha256: Sha256;
};

/** Makes the agent show a code in its own window. Throws: AgentProblemError. */
export async function beginPairing(link: AgentLink): Promise<string> {
  return (await ask<PairingAnswer>(link, '/pair', {})).pairing;
}

/** Returns: what proves from now on that this page is the one that the person paired; theirs only as long as the agent runs. Throws: AgentProblemError. */
export async function endPairing(link: AgentLink, pairing: string, code: string): Promise<string> {
  return (await ask<PairedAnswer>(link, '/pair/confirm', { pairing, code })).token;
}

/** Carries a question of the agent's protocol to whoever holds the key, and what they answer back. Throws: AgentProblemError, SealError. */
export type AskAgent = <Answer>(path: '/certificates' | '/challenge' | '/use', body: Json) => Promise<Answer>;

/** The carrier to a paired agent: HTTP. */
export function askByHttp(link: AgentLink, token: string): AskAgent {
  return (path, body) => ask(link, path, body, token);
}

/**
 * The keys at the other end of a carrier: of a paired agent, or of a phone.
 *
 * Shape:  `onUse` is told the digits that stand there beside the question, and null when it was answered.
 * Throws: when asked, AgentProblemError, SealError; KeyAgentError for a certificate that is not there.
 */
export function agentKeys(
  sha256: Sha256,
  askAgent: AskAgent,
  onUse: (digits: string | null) => void = () => undefined,
): KeyAgent {
  let listed: Promise<readonly (AgentCertificate & { readonly alg: JwsAlgorithm })[]> | null = null;

  function list() {
    listed ??= askAgent<CertificatesListed>('/certificates', {}).then(({ certificates }) =>
      certificates.map(({ x5c, alg }) => {
        const [certificate = new Uint8Array(), ...chain] = x5c.map(fromBase64);
        return { ...listingOf(sha256, { certificate, chain }), alg: alg as JwsAlgorithm };
      }),
    );
    // a token that was not there is asked again
    listed.catch(() => {
      listed = null;
    });
    return listed;
  }

  async function use(request: UseRequest): Promise<Uint8Array> {
    const asked = requestSha256(sha256, request);
    const { challenge } = await askAgent<ChallengedAnswer>('/challenge', { requestSha256: asked });
    onUse(checkDigits(sha256, challenge, asked));
    try {
      const { result } = await askAgent<UsedAnswer>('/use', { challenge, request: request as Json });
      return fromBase64(result);
    } finally {
      onUse(null);
    }
  }

  return {
    listCertificates: list,
    async signer(certSha256): Promise<CertificateSigner> {
      const found = (await list()).find((one) => one.certSha256 === certSha256);
      if (found === undefined) throw new KeyAgentError('key_not_held', `no key for certificate ${certSha256}`);
      if (!found.canSign) throw new KeyAgentError('key_not_for_this', 'the certificate is for another use');
      const [certificate = new Uint8Array(), ...chain] = found.x5c.map(fromBase64);
      return {
        alg: found.alg,
        certificate,
        chain,
        sign: (data, shown) =>
          use({ use: 'sign', certSha256, input: fromUtf8(data), data: isJsonObject(shown) ? { ...shown } : null }),
      };
    },
    async unwrapper() {
      return (_recipient, evidence) => {
        if (evidence === undefined) throw new Error('an agent unwraps only upon the proof of the window');
        const { recipientInfos, receipt, ...rest } = evidence;
        return use({ use: 'unwrap', ...rest, receipt: { ...receipt }, recipientInfos: toBase64(recipientInfos) });
      };
    },
  };
}

async function ask<Answer>(link: AgentLink, path: string, body: Json, token?: string): Promise<Answer> {
  let response: Response;
  try {
    response = await link.fetch(`${link.origin}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(token !== undefined && { authorization: `Bearer ${token}` }) },
      body: JSON.stringify(body),
      credentials: 'omit',
      redirect: 'error',
    });
  } catch (cause) {
    // fetch says by a TypeError that nobody answered, or that the browser let nobody ask
    if (!(cause instanceof TypeError)) throw cause;
    throw new AgentProblemError('agent_unreachable', UNREACHED);
  }
  const answer = await readAnswer(response);
  if (response.ok) return answer as Answer;
  throw faultOf(answer);
}

/** Throws: AgentProblemError for what is no agent's answer: something else may listen there. */
async function readAnswer(response: Response): Promise<JsonObject> {
  try {
    const answer: unknown = await response.json();
    if (isJsonObject(answer)) return answer;
  } catch (fault) {
    // no JSON, or a line that was cut
    if (!(fault instanceof SyntaxError || fault instanceof TypeError)) throw fault;
  }
  throw new AgentProblemError('agent_unreachable', UNREACHED);
}

/** A no in the words of whoever said it; what the seal's rules refuse is the same error as with a key of the page's own. */
export function faultOf({ code, zh, en }: JsonObject): Error {
  if (typeof code !== 'string' || typeof zh !== 'string' || typeof en !== 'string')
    return new AgentProblemError('agent_malformed', AGENT_REFUSALS.agent_malformed);
  if (Object.hasOwn(SEAL_ERRORS, code)) return new SealError(code as SealErrorCode);
  return new AgentProblemError(
    code,
    Object.hasOwn(AGENT_REFUSALS, code) ? AGENT_REFUSALS[code as AgentRefusal] : { zh, en },
  );
}
