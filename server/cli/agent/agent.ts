/** A person's key agent: pairs pages, and leads those that are paired to its key desk; it knows no network and no terminal. */
import { Check } from 'typebox/schema';
import {
  CONSENT_MS,
  PAIRED_LIMIT,
  PAIRING_DIGITS,
  PAIRING_MS,
  PAIRING_TRIES,
  PAIRINGS_LIMIT,
  PAIRINGS_LIMIT_MS,
  PairConfirmSchema,
} from '../../client/agent-protocol.ts';
import { AgentError, type Consent, createKeyDesk } from '../../client/key-desk.ts';
import type { VerifyJwsSignature } from '../../core/log/act.ts';
import { toBase64Url } from '../../core/log/base64.ts';
import { utf8 } from '../../core/log/utf8.ts';
import { verifyEd25519 } from '../../ed25519.ts';
import { sha256 } from '../../hash.ts';
import type { World } from '../../world.ts';
import type { Token } from './token.ts';

/** Where the agent shows and asks: its own window, which no page can reach. */
export type AgentSurface = {
  showCode(pairing: { readonly origin: string; readonly code: string }): void;
  /** Whether the person agrees; false when `signal` ends the question. */
  agrees(consent: Consent, signal: AbortSignal): Promise<boolean>;
};

export type AgentNeeds = {
  readonly token: Pick<Token, 'certificates' | 'algorithmOf' | 'sign' | 'unwrap'>;
  readonly surface: AgentSurface;
  readonly world: World;
  readonly verifySignature: VerifyJwsSignature;
};

/** A request of a page whose Host and Origin have been checked; `bearer` as it came, `signal` ends with the page's wish for an answer. */
export type AgentRequest = {
  readonly path: string;
  readonly origin: string;
  readonly bearer: string | null;
  readonly body: unknown;
  readonly signal: AbortSignal;
};

export type Agent = {
  /** Throws: AgentError, TokenError, SealError. */
  answer(request: AgentRequest): Promise<object>;
};

const RANDOM_BYTES = 32;

/** Starts an agent with nothing paired; it forgets everything when it ends. */
export function createAgent({ token, surface, world, verifySignature }: AgentNeeds): Agent {
  const pairings = new Map<string, { origin: string; code: string; endsAt: number; triesLeft: number }>();
  /** When the last pairings were begun. */
  let begun: number[] = [];
  /** By the digest of its bearer. */
  const paired = new Map<string, string>();
  const desk = createKeyDesk({
    keys: token,
    agrees: (consent, signal) => surface.agrees(consent, signal),
    consentMs: CONSENT_MS,
    world,
    sha256,
    verifySignature,
    verifyEd25519,
  });

  const random = (): string => toBase64Url(world.randomBytes(RANDOM_BYTES));
  const digest = (text: string): string => toBase64Url(sha256(utf8(text)));

  /** One code at a time: the newest is the one that is shown. */
  function beginPairing(origin: string): object {
    const now = world.now();
    begun = begun.filter((at) => now - at < PAIRINGS_LIMIT_MS);
    if (begun.length >= PAIRINGS_LIMIT) throw new AgentError('agent_pairings_over');
    begun.push(now);
    const code = digitsOf(world.randomBytes(8), PAIRING_DIGITS);
    const pairing = random();
    pairings.clear();
    pairings.set(pairing, { origin, code, endsAt: now + PAIRING_MS, triesLeft: PAIRING_TRIES });
    surface.showCode({ origin, code });
    return { pairing };
  }

  function endPairing(origin: string, body: unknown): object {
    if (!Check(PairConfirmSchema, body)) throw new AgentError('agent_malformed');
    const found = pairings.get(body.pairing);
    if (found === undefined || found.origin !== origin || world.now() >= found.endsAt)
      throw new AgentError('agent_code_over');
    if (found.code !== body.code) {
      found.triesLeft -= 1;
      if (found.triesLeft === 0) pairings.delete(body.pairing);
      throw new AgentError('agent_code_wrong');
    }
    pairings.delete(body.pairing);
    const bearer = random();
    const [oldest] = paired.keys();
    if (paired.size >= PAIRED_LIMIT && oldest !== undefined) paired.delete(oldest);
    paired.set(digest(bearer), origin);
    return { token: bearer };
  }

  return {
    async answer({ path, origin, bearer, body, signal }) {
      if (path === '/pair') return beginPairing(origin);
      if (path === '/pair/confirm') return endPairing(origin, body);
      // the page that asks, by the digest of its bearer
      const page = digest(bearer ?? '');
      if (paired.get(page) !== origin) throw new AgentError('agent_not_paired');
      return desk.answer({ path, page, origin, body, signal });
    },
  };
}

/** Numbers of this many digits, each as likely as the others to one part in a million millions. */
function digitsOf(random: Uint8Array, digits: number): string {
  const number = random.reduce((sum, byte) => sum * 256n + BigInt(byte), 0n) % 10n ** BigInt(digits);
  return number.toString().padStart(digits, '0');
}
