/** /auth: challenge, login, renewal, logout, socket tickets and encryption certificates. */
import * as Type from 'typebox';
import { DigestText, OpeningId } from '../core/opening/details.ts';
import { registerEncryptionCertificate } from '../identity/encryption.ts';
import { endSession, login, openChallenge, renewToken } from '../identity/login.ts';
import { takeSeat } from '../identity/seats.ts';
import { issueTicket } from '../identity/tickets.ts';
import { addressOf, callerOf, callers } from './authenticate.ts';
import type { Dependencies, Nouns } from './dependencies.ts';
import { accepted, ProblemError } from './errors.ts';
import { Base64Text, JwsText, RoleName, Staples, stapled, strict } from './schemas.ts';

const tags = ['auth'];
const Token = Type.Object({ accessToken: Type.String(), expiresAt: Type.Integer() });
const ChallengeBody = Type.Object({ jkt: DigestText }, strict);
const LoginBody = Type.Object({ login: JwsText, ocsp: Type.Optional(Staples) }, strict);
const TicketBody = Type.Object({ openingId: OpeningId, role: RoleName }, strict);
const SeatBody = Type.Object({ openingId: OpeningId, takeOver: Type.Boolean() }, strict);
const CertificatesBody = Type.Object(
  { x5c: Type.Array(Base64Text, { minItems: 1, maxItems: 8 }), ocsp: Type.Optional(Staples) },
  strict,
);
const Nothing = Type.Object({}, strict);

const Challenge = Type.Object({
  nonce: Type.String(),
  aud: Type.String(),
  origin: Type.String(),
  purpose: Type.String(),
  expiresAt: Type.Integer(),
  now: Type.Integer(),
});
const LoggedIn = Type.Object({
  ...Token.properties,
  account: Type.Object({
    id: Type.String(),
    creditCode: Type.String(),
    organisation: Type.String(),
    name: Type.String(),
    kind: Type.String(),
  }),
  sessionId: Type.String(),
  sessionEndsAt: Type.Integer(),
  certSha256: Type.String(),
});

export function addAuth(app: Nouns, dependencies: Dependencies): void {
  const { identity, hall } = dependencies;
  const { must } = callers(dependencies);
  // Who cannot log in can neither lodge nor decrypt: not shed under load, but limited like everything.
  const config = { isVital: true, limit: 'login' } as const;
  // And what a page asks behind its log-in, before a bid can go out or a window be seen.
  const entering = { isVital: true } as const;

  app.post(
    '/auth/challenge',
    {
      config,
      schema: { tags, summary: 'A nonce for a fresh session key', body: ChallengeBody, response: { 200: Challenge } },
    },
    async ({ body, headers }) =>
      accepted(await openChallenge(identity, { jkt: body.jkt, origin: headers.origin })).challenge,
  );

  app.post(
    '/auth/login',
    {
      config,
      schema: { tags, summary: 'The challenge, signed by the CA key', body: LoginBody, response: { 200: LoggedIn } },
    },
    async ({ body }) => accepted(await login(identity, { login: body.login, ...stapled(body.ocsp) })),
  );

  app.post(
    '/auth/renew',
    {
      config,
      schema: { tags, summary: 'A new token for a session that lives', body: Nothing, response: { 200: Token } },
    },
    async (request) => {
      const { authorization, dpop } = request.headers;
      if (Array.isArray(dpop)) throw new ProblemError('proof_malformed');
      const url = addressOf(request, identity.origins);
      return accepted(await renewToken(identity, { authorization, proof: dpop, method: request.method, url }));
    },
  );

  app.post(
    '/auth/logout',
    { preParsing: must, schema: { tags, summary: 'Ends the session', body: Nothing, response: { 200: Nothing } } },
    async (request) => {
      await endSession(identity, callerOf(request));
      return {};
    },
  );

  app.post(
    '/auth/ticket',
    {
      config: entering,
      preParsing: must,
      schema: {
        tags,
        summary: 'A one-time ticket for a socket in a role',
        body: TicketBody,
        response: { 200: Type.Object({ ticket: Type.String(), expiresAt: Type.Integer() }) },
      },
    },
    async (request) => accepted(await issueTicket(identity, { caller: callerOf(request), ...request.body })),
  );

  app.post(
    '/auth/seat',
    {
      config: entering,
      preParsing: must,
      schema: {
        tags,
        summary: 'Takes the one active seat of one’s certificate in an opening',
        description: '`ended` says that another page had it and was logged out.',
        body: SeatBody,
        response: { 200: Type.Object({ ended: Type.Boolean() }) },
      },
    },
    async (request) => {
      const caller = callerOf(request);
      const { openingId, takeOver } = request.body;
      if ((await hall.room(openingId)) === null) throw new ProblemError('no_such_opening');
      const { ended } = accepted(await takeSeat(identity, { caller, openingId, takeOver }));
      if (ended !== null) hall.review(openingId, caller.account);
      return { ended: ended !== null };
    },
  );

  app.post(
    '/auth/encryption-certificates',
    {
      config: entering,
      preParsing: must,
      schema: {
        tags,
        summary: 'Registers the certificate that one’s envelopes are sealed to',
        body: CertificatesBody,
        response: { 200: Type.Object({ certSha256: Type.String() }) },
      },
    },
    async (request) => {
      const { x5c, ocsp } = request.body;
      const registered = { caller: callerOf(request), x5c, ...stapled(ocsp) };
      return accepted(await registerEncryptionCertificate(identity, registered));
    },
  );
}
