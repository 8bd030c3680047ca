/** A person's session: login with the CA key, a session key that never leaves, tokens renewed in time, every request and act signed. */
import { type HeadSeen, sessionThumbprint } from '../core/log/act.ts';
import { toBase64Url } from '../core/log/base64.ts';
import type { Json } from '../core/log/canonical.ts';
import type { Sha256 } from '../core/log/hash.ts';
import { COMMANDS } from '../core/opening/commands.ts';
import { REGISTER_COMMANDS } from '../core/opening/register.ts';
import { parseCertificate } from '../core/pki/certificate.ts';
import {
  type ActTerms,
  type CertificateSigner,
  type SessionSigner,
  signAct,
  signLogin,
  signProof,
  signStepUp,
} from '../core/pki/person-jws.ts';
import { PLAIN_SUBJECT_RULE, readSubject } from '../core/pki/subject.ts';
import { TRUST_ACTS } from '../core/pki/trust-store.ts';
import { type Api, askChallenge, createApi, sendLogin, sendRenewal } from './api.ts';
import { ApiError, type Authorise, type ClientWorld, type Transport } from './transport.ts';

/** A token this close to its end is renewed before it is used. */
const RENEW_BEFORE_MS = 60_000;
const RANDOM_ID_BYTES = 16;

export type SessionDependencies = {
  readonly transport: Transport;
  readonly sha256: Sha256;
  /** A fresh P-256 key for this session alone; its private half should not be takeable out of where it is made. */
  readonly makeSessionKey: () => Promise<SessionSigner>;
  readonly world: Pick<ClientWorld, 'now' | 'randomBytes'>;
  readonly signer: CertificateSigner;
  /** OCSP responses about the certificate and those above it, DER in base64; none when left out. */
  readonly staples?: readonly string[];
  /** The account's id; by default what the certificate says by the plain rule. */
  readonly account?: string;
};

export type Session = {
  readonly account: string;
  readonly platform: string;
  readonly endsAt: number;
  readonly api: Api;
  /** The server's time by this client's clock and the difference seen at login, ms. */
  serverNow(): number;
  /** A fresh command id. */
  newId(): string;
  /** Signs a command with the key that its type needs; statements are signed by cli/seal instead. */
  sign(command: { openingId: string; id: string; type: string; data: Json; headSeen: HeadSeen }): Promise<string>;
};

const SIGNED_BY: Readonly<Record<string, string | undefined>> = Object.fromEntries(
  Object.entries({ ...COMMANDS, ...REGISTER_COMMANDS })
    .map(([type, { signedBy }]) => [type, signedBy as string])
    .concat(TRUST_ACTS.map((type) => [type, 'certificate'])),
);

/**
 * Logs in.
 *
 * Throws: ApiError with the refusal's code; `challenge_not_ours` when the challenge names another platform's page than
 *         the one asked; `account_unclear` when the certificate does not say whose it is.
 * Why:    the origin that is signed is the one this client talks to, whatever the challenge says: a relay that passes
 *         on another platform's challenge gets a login that is good for nobody.
 */
export async function logIn(dependencies: SessionDependencies): Promise<Session> {
  const { transport, world, signer, sha256 } = dependencies;
  const account = dependencies.account ?? accountOf(signer);
  const key = await dependencies.makeSessionKey();
  const thumbprint = sessionThumbprint(sha256, key.jwk);
  const challenge = await askChallenge(transport, thumbprint);
  if (challenge.origin !== transport.origin)
    throw new ApiError('challenge_not_ours', 0, `the challenge is for ${challenge.origin}`);
  let offsetMs = challenge.now - world.now();
  const serverNow = () => world.now() + offsetMs;
  const seconds = () => Math.floor(serverNow() / 1000);
  const login = await signLogin(sha256, signer, { challenge, account, jwk: key.jwk, iatSeconds: seconds() });
  const answer = await sendLogin(transport, login, dependencies.staples ?? []);

  let token = { accessToken: answer.accessToken, expiresAt: answer.expiresAt };
  let renewal: Promise<void> | undefined;

  async function headersWith(request: { method: string; url: string }): Promise<Record<string, string>> {
    const { accessToken } = token;
    // A proof names the address without its query (RFC 9449 §4.2).
    const url = request.url.replace(/[?#].*$/, '');
    const jti = randomId(world);
    const proof = await signProof(sha256, key, { ...request, url, accessToken, jti, iatSeconds: seconds() });
    return { authorization: `DPoP ${accessToken}`, dpop: proof };
  }

  /** This machine slept, or its clock was set: the difference is taken anew. Returns: whether that was what was refused. */
  async function setClock(code: string): Promise<boolean> {
    if (code !== 'proof_out_of_time') return false;
    offsetMs = (await askChallenge(transport, thumbprint)).now - world.now();
    return true;
  }

  /** One renewal at a time, however many requests wait for it. */
  function renew(): Promise<void> {
    renewal ??= sendRenewal(transport, { headers: headersWith, refused: setClock })
      .then((renewed) => {
        token = renewed;
      })
      .finally(() => {
        renewal = undefined;
      });
    return renewal;
  }

  const authorise: Authorise = {
    async headers(request) {
      const left = token.expiresAt - serverNow();
      if (left < RENEW_BEFORE_MS && token.expiresAt < answer.sessionEndsAt) await renew();
      return headersWith(request);
    },
    async refused(code) {
      if (code !== 'token_expired') return setClock(code);
      await renew();
      return true;
    },
  };

  return {
    account,
    platform: challenge.aud,
    endsAt: answer.sessionEndsAt,
    api: createApi(transport, authorise),
    serverNow,
    newId: () => randomId(world),
    sign({ openingId, id, type, data, headSeen }) {
      const terms: ActTerms = {
        account,
        platform: challenge.aud,
        openingId,
        command: id,
        type,
        data,
        headSeen,
        iatSeconds: seconds(),
      };
      return SIGNED_BY[type] === 'certificate' ? signStepUp(sha256, signer, terms) : signAct(sha256, key, terms);
    },
  };
}

function accountOf({ certificate }: CertificateSigner): string {
  const read = readSubject(parseCertificate(certificate), PLAIN_SUBJECT_RULE);
  if ('refused' in read)
    throw new ApiError('account_unclear', 0, `the certificate does not say whose it is: ${read.refused}`);
  return read.subject.account;
}

function randomId(world: Pick<ClientWorld, 'randomBytes'>): string {
  return toBase64Url(world.randomBytes(RANDOM_ID_BYTES));
}
