/** /trust-anchors: which CAs are believed, on what terms and when; one operator proposes a change, another confirms it, each with the CA key. */
import type { FastifyRequest } from 'fastify';
import * as Type from 'typebox';
import { toBase64 } from '../core/log/base64.ts';
import type { Json } from '../core/log/canonical.ts';
import { ReasonText } from '../core/opening/details.ts';
import { TrustChange, TrustTerms } from '../core/pki/trust-store.ts';
import { isOperator } from '../identity/accounts.ts';
import { readAnchors } from '../identity/trust.ts';
import { listProposals, type TrustStep } from '../identity/trust-changes.ts';
import { callerOf, callers, sourceOf } from './authenticate.ts';
import type { Dependencies, Nouns } from './dependencies.ts';
import { ProblemError } from './errors.ts';
import { authorOf } from './operator.ts';
import { CommandId, DEFAULT_LIMIT, JwsText, strict } from './schemas.ts';

const tags = ['operator'];
const Instant = Type.Integer({ minimum: 0, description: 'ms since 1970' });
const DigestText = Type.String({ pattern: '^[A-Za-z0-9_-]{43}$' });
const ProposalNumber = Type.Integer({ minimum: 1, description: 'the ledger’s entry' });

const ProposalBody = Type.Object({ id: CommandId, change: TrustChange, act: JwsText }, strict);
const ConfirmBody = Type.Object(
  { id: CommandId, proposal: ProposalNumber, changeSha256: DigestText, act: JwsText },
  strict,
);
const WithdrawBody = Type.Object({ id: CommandId, proposal: ProposalNumber, reason: ReasonText, act: JwsText }, strict);
const StepAnswer = Type.Object({ proposal: Type.Integer() });
const AnchorFacts = Type.Object({
  certSha256: Type.String(),
  certificate: Type.String({ description: 'DER in base64' }),
  terms: TrustTerms,
  fromAt: Instant,
  untilAt: Type.Union([Instant, Type.Null()]),
});
const ProposalFacts = Type.Object({
  proposal: Type.Integer(),
  change: TrustChange,
  changeSha256: Type.String({ description: 'of the change as RFC 8785 writes it: what ConfirmTrust signs' }),
  expiresAt: Instant,
  state: Type.Enum(['open', 'confirmed', 'withdrawn', 'expired'] as const),
  proposedBy: Type.String(),
  proposerName: Type.String(),
});

export function addTrust(app: Nouns, dependencies: Dependencies): void {
  const { must } = callers(dependencies);
  app.get(
    '/trust-anchors',
    {
      schema: {
        tags,
        summary: 'The CAs that are or were believed, on the terms of each stretch of time',
        response: { 200: Type.Object({ anchors: Type.Array(AnchorFacts) }) },
      },
    },
    async () => {
      const anchors = await readAnchors(dependencies.identity.db);
      return { anchors: anchors.map((anchor) => ({ ...anchor, certificate: toBase64(anchor.certificate.der) })) };
    },
  );
  app.get(
    '/trust-anchors/proposals',
    {
      preParsing: must,
      schema: {
        tags,
        summary: `The last ${DEFAULT_LIMIT} proposals and who made them, for operators; everyone has them from the ledger`,
        response: { 200: Type.Object({ proposals: Type.Array(ProposalFacts) }) },
      },
    },
    async (request) => {
      const { identity, sql, world } = dependencies;
      if (!(await isOperator(identity, callerOf(request).account))) throw new ProblemError('not_operator');
      return { proposals: await listProposals(sql, world.now(), DEFAULT_LIMIT) };
    },
  );
  app.post(
    '/trust-anchors/proposals',
    {
      preParsing: must,
      schema: {
        tags,
        summary: 'Proposes to add, alter or end a CA; the act signs {change} as ProposeTrust, with the CA key',
        body: ProposalBody,
        response: { 200: StepAnswer },
      },
    },
    async (request) => {
      const { id, act, change } = request.body;
      const command = { id, type: 'ProposeTrust', data: { change } as unknown as Json } as const;
      return takeStep(dependencies, { step: 'propose', change }, command, act, request);
    },
  );
  app.post(
    '/trust-anchors/proposals/confirm',
    {
      preParsing: must,
      schema: {
        tags,
        summary:
          'Confirms what another operator proposed; the act signs {proposal, changeSha256} as ConfirmTrust, with the CA key',
        body: ConfirmBody,
        response: { 200: StepAnswer },
      },
    },
    async (request) => {
      const { id, act, ...data } = request.body;
      return takeStep(dependencies, { step: 'confirm', ...data }, { id, type: 'ConfirmTrust', data }, act, request);
    },
  );
  app.post(
    '/trust-anchors/proposals/withdraw',
    {
      preParsing: must,
      schema: {
        tags,
        summary:
          'Takes a proposal back, or turns another’s down; the act signs {proposal, reason} as WithdrawTrust, with the CA key',
        body: WithdrawBody,
        response: { 200: StepAnswer },
      },
    },
    async (request) => {
      const { id, act, ...data } = request.body;
      return takeStep(dependencies, { step: 'withdraw', ...data }, { id, type: 'WithdrawTrust', data }, act, request);
    },
  );
}

/** Throws: ProblemError: what checkSubmittedAct and decideTrust refuse. */
async function takeStep(
  dependencies: Dependencies,
  step: TrustStep,
  command: Parameters<typeof authorOf>[1],
  act: string,
  request: FastifyRequest,
): Promise<Type.Static<typeof StepAnswer>> {
  const { identity, ledger } = dependencies;
  const author = await authorOf(dependencies, command, act, callerOf(request), sourceOf(request));
  const answer = await ledger.changeTrust(author, step);
  identity.trust.forget();
  if ('refused' in answer) throw new ProblemError(answer.refused);
  return answer;
}
