/** Where a key is asked for by a page: one challenge for each use, nothing that was not shown and agreed to; it knows neither carrier nor window. */
import { Check } from 'typebox/schema';
import type { JwsAlgorithm, VerifyJwsSignature } from '../core/log/act.ts';
import { fromBase64, toBase64, toBase64Url } from '../core/log/base64.ts';
import { sameBytes } from '../core/log/bytes.ts';
import type { JsonObject } from '../core/log/canonical.ts';
import { LogFormatError } from '../core/log/error.ts';
import type { Sha256 } from '../core/log/hash.ts';
import { ed25519Verifier, parseVkey, type VerifyEd25519 } from '../core/log/note.ts';
import { utf8 } from '../core/log/utf8.ts';
import { parseCertificate } from '../core/pki/certificate.ts';
import { cekCommit } from '../core/seal/commitments.ts';
import { EnvelopeError } from '../core/seal/envelope-error.ts';
import { isReceiptPayload } from '../core/seal/receipt.ts';
import { isAddressedTo, type Recipient } from '../core/seal/recipient-info.ts';
import {
  AGENT_REFUSALS,
  type AgentRefusal,
  CHALLENGE_MS,
  CHALLENGES_LIMIT,
  ChallengeRequestSchema,
  checkDigits,
  requestSha256,
  type SignRequest,
  type UnwrapRequest,
  UseSchema,
} from './agent-protocol.ts';
import { proveUnwrap } from './decrypt-statement.ts';
import { SealError } from './seal-error.ts';
import type { ClientWorld } from './transport.ts';
import { readToSign, type Shown, shownUnwrap } from './what-is-signed.ts';

/** A no of the desk's own. */
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

/** The keys behind the desk: of a token, or of a file. */
export type DeskKeys = {
  certificates(): readonly { readonly certificate: Uint8Array; readonly chain: readonly Uint8Array[] }[];
  /** In which the key of a certificate signs. */
  algorithmOf(certificate: Uint8Array): JwsAlgorithm;
  sign(certificate: Uint8Array, data: Uint8Array): Promise<Uint8Array>;
  /** The bytes are the caller's to erase. */
  unwrap(certificate: Uint8Array, recipient: Recipient): Promise<Uint8Array>;
};

export type DeskNeeds = {
  readonly keys: DeskKeys;
  /** Asks the person; false when `signal` ends the question. */
  agrees(consent: Consent, signal: AbortSignal): Promise<boolean>;
  /** How long the person is waited for, ms. */
  readonly consentMs: number;
  readonly world: ClientWorld;
  readonly sha256: Sha256;
  readonly verifySignature: VerifyJwsSignature;
  readonly verifyEd25519: VerifyEd25519;
};

/** What one page asks. `page` is whatever tells pages apart, `origin` theirs; `signal` ends with its wish for an answer. */
export type DeskRequest = {
  readonly path: string;
  readonly page: string;
  readonly origin: string;
  readonly body: unknown;
  readonly signal: AbortSignal;
};

export type KeyDesk = {
  /** Throws: AgentError, SealError; whatever the keys throw. */
  answer(request: DeskRequest): Promise<object>;
};

const RANDOM_BYTES = 32;

/** A desk with no challenge given; it forgets all of them with its process. */
export function createKeyDesk({
  keys,
  agrees,
  consentMs,
  world,
  sha256,
  verifySignature,
  verifyEd25519,
}: DeskNeeds): KeyDesk {
  const challenges = new Map<string, { page: string; request: string; endsAt: number }>();
  let isAsking = false;

  function challenge(page: string, body: unknown): object {
    if (!Check(ChallengeRequestSchema, body)) throw new AgentError('agent_malformed');
    const now = world.now();
    for (const [old, { endsAt }] of challenges) if (endsAt <= now) challenges.delete(old);
    const [oldest] = challenges.keys();
    if (challenges.size >= CHALLENGES_LIMIT && oldest !== undefined) challenges.delete(oldest);
    const made = toBase64Url(world.randomBytes(RANDOM_BYTES));
    challenges.set(made, { page, request: body.requestSha256, endsAt: now + CHALLENGE_MS });
    return { challenge: made };
  }

  async function use({ page, origin, body, signal }: DeskRequest): Promise<object> {
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
    const over = new AbortController();
    const end = (): void => over.abort();
    if (signal.aborted) end();
    signal.addEventListener('abort', end);
    const cancel = world.after(consentMs, end);
    try {
      const isAgreed = await agrees(consent, over.signal);
      if (!isAgreed || over.signal.aborted) throw new AgentError('agent_declined');
    } finally {
      cancel();
      signal.removeEventListener('abort', end);
    }
  }

  async function sign(
    request: SignRequest,
    origin: string,
    agree: (shown: Shown) => Promise<void>,
  ): Promise<Uint8Array> {
    const found = keys
      .certificates()
      .find(({ certificate }) => toBase64Url(sha256(certificate)) === request.certSha256);
    if (found === undefined) throw new AgentError('agent_key_missing');
    const { certificate } = found;
    const read = readToSign(sha256, request, { certificate, alg: keys.algorithmOf(certificate) }, origin);
    if ('refused' in read) throw new AgentError(read.refused);
    await agree(read.shown);
    return keys.sign(certificate, utf8(request.input));
  }

  /** Why: the lodgement must be one that a key behind this very desk signed; with anybody else's a page could name another deadline and another envelope. */
  async function unwrap(request: UnwrapRequest, agree: (shown: Shown) => Promise<void>): Promise<Uint8Array> {
    const certificates = keys.certificates();
    const { logVkey, statement, windowKid, entry, proof, jti } = request;
    const receipt = request.receipt as JsonObject;
    if (!isReceiptPayload(receipt)) throw new AgentError('agent_malformed');
    const logKey = ed25519Verifier(parseVkey(sha256, logVkey), verifyEd25519);
    const {
      lodged,
      certificates: signers,
      recipient,
    } = await proveUnwrap(
      { statement, receipt, windowKid, logKey },
      { window: { entry: utf8(entry), proof }, jti, recipientInfos: fromBase64(request.recipientInfos) },
      { sha256, verifySignature, nowAt: world.now() },
    );
    const [signer] = signers;
    const isOurs = signer !== undefined && certificates.some(({ certificate }) => sameBytes(certificate, signer));
    if (!isOurs) throw new SealError('not_our_lodgement');
    const found = certificates.find(({ certificate }) => isAddressedTo(recipient, parseCertificate(certificate)));
    if (found === undefined) throw new SealError('envelope_for_another_certificate');
    await agree(shownUnwrap({ ...lodged, logVkey }));
    const cek = await keys.unwrap(found.certificate, recipient);
    if (cekCommit(sha256, cek) === lodged.cekCommit) return cek;
    cek.fill(0);
    throw new SealError('wrong_key');
  }

  return {
    async answer(request) {
      try {
        if (request.path === '/challenge') return challenge(request.page, request.body);
        if (request.path === '/use') return await use(request);
        if (request.path !== '/certificates') throw new AgentError('agent_malformed');
        return {
          certificates: keys.certificates().map(({ certificate, chain }) => ({
            x5c: [certificate, ...chain].map(toBase64),
            alg: keys.algorithmOf(certificate),
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
