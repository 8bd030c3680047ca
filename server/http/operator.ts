/** /accounts: the operator lets officials in, shuts and opens accounts; each act signed, and on the ledger first. */
import * as Type from 'typebox';
import type { Json } from '../core/log/canonical.ts';
import { ReasonText } from '../core/opening/details.ts';
import { type Certificate, parseX5c } from '../core/pki/certificate.ts';
import { CertificateError } from '../core/pki/der.ts';
import {
  type AccountChange,
  changeAccount,
  createOfficial,
  findAccount,
  isOperator,
  mayChangeAccount,
} from '../identity/accounts.ts';
import { checkSubmittedAct, type FURTHER_ACTS } from '../identity/acts.ts';
import type { Caller } from '../identity/tokens.ts';
import type { Source } from '../recorder/submission.ts';
import { callerOf, callers, sourceOf } from './authenticate.ts';
import { type Dependencies, type Nouns, receiptTime } from './dependencies.ts';
import { accepted, ProblemError } from './errors.ts';
import { Base64Text, CommandId, JwsText, strict } from './schemas.ts';

const tags = ['operator'];
/** Operators' acts concern no opening; their JWS names this instead of one. */
export const PLATFORM_SUBJECT = 'platform';

const X5c = Type.Array(Base64Text, { minItems: 1, maxItems: 8 });
const AccountBody = Type.Object(
  { id: CommandId, x5c: X5c, kind: Type.Union([Type.Literal('official'), Type.Literal('operator')]), act: JwsText },
  strict,
);
const ChangeBody = Type.Object(
  { id: CommandId, account: Type.String({ minLength: 1, maxLength: 60 }), reason: ReasonText, act: JwsText },
  strict,
);
const AccountAnswer = Type.Object({ account: Type.String(), name: Type.String(), organisation: Type.String() });

export function addOperator(app: Nouns, dependencies: Dependencies): void {
  const { must } = callers(dependencies);
  app.post(
    '/accounts',
    {
      preParsing: must,
      schema: {
        tags,
        summary: 'Lets an official in by certificate; the act signs {x5c, kind} as LetIn',
        body: AccountBody,
        response: { 200: AccountAnswer },
      },
    },
    async (request) => letIn(dependencies, request.body, callerOf(request), sourceOf(request)),
  );
  for (const change of ['disable', 'enable'] as const) {
    const summary = {
      disable:
        'Shuts an account: its sessions and sockets end at once; the act signs {account, reason} as DisableAccount',
      enable: 'Opens an account again; the act signs {account, reason} as EnableAccount',
    }[change];
    app.post(
      `/accounts/${change}`,
      { preParsing: must, schema: { tags, summary, body: ChangeBody, response: { 200: Type.Object({}, strict) } } },
      async (request) => {
        await setAccount(dependencies, change, request.body, callerOf(request), sourceOf(request));
        return {};
      },
    );
  }
}

/** Checks that an operator signed this. Returns: what the ledger is told of it. Throws: ProblemError not_operator, what checkSubmittedAct refuses. */
export async function authorOf(
  dependencies: Dependencies,
  command: { readonly id: string; readonly type: (typeof FURTHER_ACTS)[number]; readonly data: Json },
  act: string,
  caller: Caller,
  source: Source,
) {
  const { identity } = dependencies;
  if (!(await isOperator(identity, caller.account))) throw new ProblemError('not_operator');
  const checked = accepted(
    await checkSubmittedAct(identity, {
      caller,
      openingId: PLATFORM_SUBJECT,
      command,
      act,
      receivedAt: receiptTime(dependencies),
    }),
  );
  return { command: command.id, who: checked.who, source: source as Json, act: checked.act as unknown as Json };
}

/** Throws: ProblemError not_operator, account_exists, the certificate_… codes, what checkSubmittedAct refuses. */
async function letIn(
  dependencies: Dependencies,
  { id, act, ...data }: Type.Static<typeof AccountBody>,
  caller: Caller,
  source: Source,
): Promise<Type.Static<typeof AccountAnswer>> {
  const { identity, world, ledger } = dependencies;
  const author = await authorOf(dependencies, { id, type: 'LetIn', data }, act, caller, source);
  const { leaf, intermediates } = chainOf(data.x5c);
  const certificates = [leaf, ...intermediates].map(({ der }) => der);
  const trusted = accepted(await identity.trust.check({ certificates, purpose: 'sign', at: world.now() }));
  const { account, name, organisation } = trusted.subject;
  // Refused before the ledger is told: an act that is sent again must not stand there twice.
  if ((await findAccount(identity, account)) !== undefined) throw new ProblemError('account_exists');
  await ledger.recordOperatorAct(author, { letIn: account, kind: data.kind, certSha256: trusted.certSha256 });
  accepted(await createOfficial(identity, { by: caller.account, subject: trusted.subject, kind: data.kind }));
  return { account, name, organisation };
}

/**
 * Shuts or opens an account.
 *
 * Throws: ProblemError: what mayChangeAccount and checkSubmittedAct refuse.
 * Why:    refused before the ledger is told, where it can be; between the two somebody else may have done the same, and the ledger
 *         then says it twice.
 */
async function setAccount(
  dependencies: Dependencies,
  change: AccountChange,
  { id, act, ...data }: Type.Static<typeof ChangeBody>,
  caller: Caller,
  source: Source,
): Promise<void> {
  const { identity, ledger, hall } = dependencies;
  const { account, reason } = data;
  const type = change === 'disable' ? 'DisableAccount' : 'EnableAccount';
  const author = await authorOf(dependencies, { id, type, data }, act, caller, source);
  const what = { by: caller.account, account, change };
  accepted(await mayChangeAccount(identity, what));
  await ledger.recordOperatorAct(author, { [change]: account, reason });
  accepted(await changeAccount(identity, what));
  if (change === 'disable') hall.shutOut(account);
  else hall.letBackIn(account);
}

/** Reads certificates in base64. Throws: ProblemError certificate_malformed. */
export function chainOf(x5c: readonly string[]): { leaf: Certificate; intermediates: Certificate[] } {
  try {
    return parseX5c(x5c);
  } catch (error) {
    if (error instanceof CertificateError) throw new ProblemError('certificate_malformed');
    throw error;
  }
}
