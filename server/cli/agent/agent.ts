/** A person's key agent: pairs pages, gives challenges, and lets a key be used for what was shown and agreed to; it knows no network and no terminal. */
import { Check } from 'typebox/schema';
import {
  AGENT_REFUSALS,
  type AgentRefusal,
  CHALLENGE_MS,
  CHALLENGES_LIMIT,
  ChallengeRequestSchema,
  CONSENT_MS,
  checkDigits,
  PAIRED_LIMIT,
  PAIRING_DIGITS,
  PAIRING_MS,
  PAIRING_TRIES,
  PairConfirmSchema,
  requestSha256,
  type SignRequest,
  type UnwrapRequest,
  UseSchema,
} from '../../client/agent-protocol.ts';
import { proveUnwrap } from '../../client/decrypt-statement.ts';
import { SealError } from '../../client/seal-error.ts';
import type { VerifyJwsSignature } from '../../core/log/act.ts';
import { fromBase64, toBase64, toBase64Url } from '../../core/log/base64.ts';
import { sameBytes } from '../../core/log/bytes.ts';
import type { JsonObject } from '../../core/log/canonical.ts';
import { LogFormatError } from '../../core/log/error.ts';
import { ed25519Verifier, parseVkey } from '../../core/log/note.ts';
import { utf8 } from '../../core/log/utf8.ts';
import { parseCertificate } from '../../core/pki/certificate.ts';
import { cekCommit } from '../../core/seal/commitments.ts';
import { EnvelopeError } from '../../core/seal/envelope-error.ts';
import { isReceiptPayload } from '../../core/seal/receipt.ts';
import { isAddressedTo } from '../../core/seal/recipient-info.ts';
import { verifyEd25519 } from '../../ed25519.ts';
import { sha256 } from '../../hash.ts';
import type { World } from '../../world.ts';
import type { Token } from './token.ts';
import { readToSign, type Shown, shownUnwrap } from './what-is-signed.ts';

/** A no of the agent's own. */
export class AgentError extends Error {
  override readonly name = 'AgentError';
  readonly code: AgentRefusal;

  constructor(code: AgentRefusal) {
    super(AGENT_REFUSALS[code].en);
    this.code = code;
  }
}

/** What a person is asked. `digits` stand on the page as well. */
export type Consent = { readonly origin: string; readonly digits: string; readonly shown: Shown };

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
  /** By the digest of its bearer. */
  const paired = new Map<string, string>();
  const challenges = new Map<string, { page: string; request: string; endsAt: number }>();
  let isAsking = false;

  const random = (): string => toBase64Url(world.randomBytes(RANDOM_BYTES));
  const digest = (text: string): string => toBase64Url(sha256(utf8(text)));

  /** One code at a time: the newest is the one that is shown. */
  function beginPairing(origin: string): object {
    const code = digitsOf(world.randomBytes(8), PAIRING_DIGITS);
    const pairing = random();
    pairings.clear();
    pairings.set(pairing, { origin, code, endsAt: world.now() + PAIRING_MS, triesLeft: PAIRING_TRIES });
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

  /** The page that asks, by the digest of its bearer. Throws: AgentError. */
  function pageOf({ origin, bearer }: AgentRequest): string {
    const page = digest(bearer ?? '');
    if (paired.get(page) !== origin) throw new AgentError('agent_not_paired');
    return page;
  }

  function challenge(page: string, body: unknown): object {
    if (!Check(ChallengeRequestSchema, body)) throw new AgentError('agent_malformed');
    const now = world.now();
    for (const [old, { endsAt }] of challenges) if (endsAt <= now) challenges.delete(old);
    const [oldest] = challenges.keys();
    if (challenges.size >= CHALLENGES_LIMIT && oldest !== undefined) challenges.delete(oldest);
    const made = random();
    challenges.set(made, { page, request: body.requestSha256, endsAt: now + CHALLENGE_MS });
    return { challenge: made };
  }

  async function use(page: string, { origin, body, signal }: AgentRequest): Promise<object> {
    if (!Check(UseSchema, body)) throw new AgentError('agent_malformed');
    const given = challenges.get(body.challenge);
    // gone with its first use, whatever comes of it
    challenges.delete(body.challenge);
    if (given === undefined || given.page !== page || world.now() >= given.endsAt)
      throw new AgentError('agent_challenge_unknown');
    const asked = requestSha256(sha256, body.request);
    if (given.request !== asked) throw new AgentError('agent_challenge_other');
    if (isAsking) throw new AgentError('agent_busy');
    isAsking = true;
    try {
      const { request } = body;
      const agree = (shown: Shown) =>
        agreed({ origin, digits: checkDigits(sha256, body.challenge, asked), shown }, signal);
      const result = request.use === 'sign' ? await sign(request, origin, agree) : await unwrap(request, agree);
      try {
        return { result: toBase64(result) };
      } finally {
        result.fill(0);
      }
    } finally {
      isAsking = false;
    }
  }

  /** Throws: AgentError agent_declined, also when nobody answers in time. */
  async function agreed(consent: Consent, signal: AbortSignal): Promise<void> {
    const late = new AbortController();
    const cancel = world.after(CONSENT_MS, () => late.abort());
    try {
      const isAgreed = await surface.agrees(consent, AbortSignal.any([signal, late.signal]));
      if (!isAgreed || signal.aborted || late.signal.aborted) throw new AgentError('agent_declined');
    } finally {
      cancel();
    }
  }

  async function sign(
    request: SignRequest,
    origin: string,
    agree: (shown: Shown) => Promise<void>,
  ): Promise<Uint8Array> {
    const found = token
      .certificates()
      .find(({ certificate }) => toBase64Url(sha256(certificate)) === request.certSha256);
    if (found === undefined) throw new AgentError('agent_key_missing');
    const { certificate } = found;
    const read = readToSign(request, { certificate, alg: token.algorithmOf(certificate) }, origin);
    if ('refused' in read) throw new AgentError(read.refused);
    await agree(read.shown);
    return token.sign(certificate, utf8(request.input));
  }

  /** Why: the lodgement must be one that a key of this very token signed; with anybody else's a page could name another deadline and another envelope. */
  async function unwrap(request: UnwrapRequest, agree: (shown: Shown) => Promise<void>): Promise<Uint8Array> {
    const certificates = token.certificates();
    const { logVkey, statement, windowKid, entry, proof, jti } = request;
    const receipt = request.receipt as JsonObject;
    if (!isReceiptPayload(receipt)) throw new AgentError('agent_malformed');
    const {
      lodged,
      certificates: signers,
      recipient,
    } = await proveUnwrap(
      {
        statement,
        receipt,
        windowKid,
        logKey: ed25519Verifier(parseVkey(sha256, logVkey), verifyEd25519),
      },
      { window: { entry: utf8(entry), proof }, jti, recipientInfos: fromBase64(request.recipientInfos) },
      { sha256, verifySignature, nowAt: world.now() },
    );
    const [signer] = signers;
    const isOurs = signer !== undefined && certificates.some(({ certificate }) => sameBytes(certificate, signer));
    if (!isOurs) throw new SealError('not_our_lodgement');
    const found = certificates.find(({ certificate }) => isAddressedTo(recipient, parseCertificate(certificate)));
    if (found === undefined) throw new SealError('envelope_for_another_certificate');
    await agree(shownUnwrap({ ...lodged, logVkey }));
    const cek = await token.unwrap(found.certificate, recipient);
    if (cekCommit(sha256, cek) === lodged.cekCommit) return cek;
    cek.fill(0);
    throw new SealError('wrong_key');
  }

  return {
    async answer(request) {
      try {
        if (request.path === '/pair') return beginPairing(request.origin);
        if (request.path === '/pair/confirm') return endPairing(request.origin, request.body);
        const page = pageOf(request);
        if (request.path === '/challenge') return challenge(page, request.body);
        if (request.path === '/use') return await use(page, request);
        if (request.path !== '/certificates') throw new AgentError('agent_malformed');
        return {
          certificates: token.certificates().map(({ certificate, chain }) => ({
            x5c: [certificate, ...chain].map(toBase64),
            alg: token.algorithmOf(certificate),
          })),
        };
      } catch (fault) {
        // keys, proofs and envelopes that are none: the page's fault, not ours
        if (fault instanceof LogFormatError || fault instanceof EnvelopeError) throw new AgentError('agent_malformed');
        throw fault;
      }
    },
  };
}

/** Numbers of this many digits, each as likely as the others to one part in a million millions. */
function digitsOf(random: Uint8Array, digits: number): string {
  const number = random.reduce((sum, byte) => sum * 256n + BigInt(byte), 0n) % 10n ** BigInt(digits);
  return number.toString().padStart(digits, '0');
}
