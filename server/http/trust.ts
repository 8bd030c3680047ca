/** /trust-anchors and /crls: the operator says which CAs are believed, on what terms and until when, and brings their revocation lists; signed, and on the ledger first. */
import * as Type from 'typebox';
import { fromBase64, toBase64 } from '../core/log/base64.ts';
import { LogFormatError } from '../core/log/error.ts';
import { ReasonText } from '../core/opening/details.ts';
import { PLAIN_SUBJECT_RULE, SubjectRule } from '../core/pki/subject.ts';
import { addCrl, listCrls, mayAddCrl, readCrl } from '../identity/crls.ts';
import type { Caller } from '../identity/tokens.ts';
import { addAnchor, endAnchor, listAnchors, thumbprintOf } from '../identity/trust.ts';
import type { Source } from '../recorder/submission.ts';
import { callerOf, callers, sourceOf } from './authenticate.ts';
import type { Dependencies, Nouns } from './dependencies.ts';
import { accepted, ProblemError } from './errors.ts';
import { authorOf, chainOf } from './operator.ts';
import { Base64Text, CommandId, DEFAULT_LIMIT, JwsText, strict } from './schemas.ts';

const tags = ['operator'];
/** Of an uploaded list; 200,000 entries have about this size. */
export const CRL_UPLOAD_LIMIT_BYTES = 8_388_608;
/** Base64, and the act and names beside it. */
const CRL_BODY_LIMIT_BYTES = Math.ceil((CRL_UPLOAD_LIMIT_BYTES * 4) / 3) + 131_072;

const DigestText = Type.String({ pattern: '^[A-Za-z0-9_-]{43}$' });
const Instant = Type.Integer({ minimum: 0, description: 'ms since 1970' });
const Oids = Type.Array(Type.String({ pattern: '^[0-2](\\.[0-9]{1,39}){1,20}$' }), { minItems: 1, maxItems: 16 });
const Terms = {
  revocation: Type.Union([Type.Literal('required'), Type.Literal('when_known')], {
    description: 'what is made of certificates of whose revocation no list speaks; when_known when absent',
  }),
  extendedUsages: Oids,
  policies: Oids,
};
const AnchorBody = Type.Object(
  {
    id: CommandId,
    certificate: Base64Text,
    label: Type.String({ minLength: 1, maxLength: 200 }),
    purposes: Type.Array(Type.Union([Type.Literal('sign'), Type.Literal('encrypt')]), { minItems: 1, maxItems: 2 }),
    rule: Type.Optional(SubjectRule),
    revocation: Type.Optional(Terms.revocation),
    extendedUsages: Type.Optional(Terms.extendedUsages),
    policies: Type.Optional(Terms.policies),
    effectiveFromAt: Type.Optional(Instant),
    effectiveUntilAt: Type.Optional(Instant),
    act: JwsText,
  },
  strict,
);
const EndBody = Type.Object(
  { id: CommandId, certSha256: DigestText, effectiveUntilAt: Instant, reason: ReasonText, act: JwsText },
  strict,
);
const AnchorAnswer = Type.Object({ certSha256: Type.String() });
const OrNull = <T extends Type.TSchema>(schema: T) => Type.Union([schema, Type.Null()]);
const AnchorFacts = Type.Object({
  certSha256: Type.String(),
  label: Type.String(),
  purposes: Type.Array(Type.String()),
  rule: SubjectRule,
  revocation: Terms.revocation,
  extendedUsages: OrNull(Type.Array(Type.String())),
  policies: OrNull(Type.Array(Type.String())),
  effectiveFromAt: Instant,
  effectiveUntilAt: OrNull(Instant),
});
const CrlBody = Type.Object(
  {
    id: CommandId,
    crl: Type.String({ pattern: '^[A-Za-z0-9+/]+={0,2}$', maxLength: Math.ceil(CRL_UPLOAD_LIMIT_BYTES / 3) * 4 }),
    act: JwsText,
  },
  strict,
);
const CrlFacts = Type.Object({
  sha256: Type.String(),
  number: OrNull(Type.String()),
  deltaBase: OrNull(Type.String()),
  thisUpdateAt: Instant,
  nextUpdateAt: OrNull(Instant),
  entries: Type.Integer(),
  addedAt: Instant,
});

export function addTrust(app: Nouns, dependencies: Dependencies): void {
  const { must } = callers(dependencies);
  const { identity } = dependencies;
  app.get(
    '/trust-anchors',
    {
      schema: {
        tags,
        summary: 'The CAs that are or were believed, on what terms and when',
        response: { 200: Type.Object({ anchors: Type.Array(AnchorFacts) }) },
      },
    },
    async () => ({ anchors: await listAnchors(identity) }),
  );
  app.post(
    '/trust-anchors',
    {
      preParsing: must,
      schema: {
        tags,
        summary: 'Trusts a CA, from now on unless it says otherwise; the act signs all but id and act as TrustAnchor',
        body: AnchorBody,
        response: { 200: AnchorAnswer },
      },
    },
    async (request) => trustAnchor(dependencies, request.body, callerOf(request), sourceOf(request)),
  );
  app.post(
    '/trust-anchors/end',
    {
      preParsing: must,
      schema: {
        tags,
        summary:
          'Ends the trust in a CA at an instant; the act signs {certSha256, effectiveUntilAt, reason} as EndAnchor',
        body: EndBody,
        response: { 200: AnchorAnswer },
      },
    },
    async (request) => endTrust(dependencies, request.body, callerOf(request), sourceOf(request)),
  );
  app.get(
    '/crls',
    {
      schema: {
        tags,
        summary: `The last ${DEFAULT_LIMIT} revocation lists that operators brought`,
        response: { 200: Type.Object({ crls: Type.Array(CrlFacts) }) },
      },
    },
    async () => ({ crls: await listCrls(identity, DEFAULT_LIMIT) }),
  );
  app.post(
    '/crls',
    {
      preParsing: must,
      bodyLimit: CRL_BODY_LIMIT_BYTES,
      schema: {
        tags,
        summary: 'Brings a revocation list, DER in base64; the act signs {crlSha256} as AddCrl',
        body: CrlBody,
        response: { 200: Type.Object({ crlSha256: Type.String(), entries: Type.Integer() }) },
      },
    },
    async (request) => bringCrl(dependencies, request.body, callerOf(request), sourceOf(request)),
  );
}

/** Throws: ProblemError not_operator, anchor_exists, anchor_not_ca, anchor_end_is_past, certificate_malformed, what checkSubmittedAct refuses. */
async function trustAnchor(
  dependencies: Dependencies,
  { id, act, ...data }: Type.Static<typeof AnchorBody>,
  caller: Caller,
  source: Source,
): Promise<Type.Static<typeof AnchorAnswer>> {
  const { identity, world, ledger } = dependencies;
  const author = await authorOf(dependencies, { id, type: 'TrustAnchor', data }, act, caller, source);
  const { leaf: certificate } = chainOf([data.certificate]);
  const effectiveFromAt = data.effectiveFromAt ?? world.now();
  await ledger.recordTrustChange(author, {
    change: 'added',
    certificateSha256: thumbprintOf(certificate),
    fromAt: effectiveFromAt,
    certificate: toBase64(certificate.der),
    reason: data.label,
  });
  const { certSha256 } = accepted(
    await addAnchor(identity, {
      certificate,
      label: data.label,
      purposes: data.purposes,
      rule: data.rule ?? PLAIN_SUBJECT_RULE,
      revocation: data.revocation ?? 'when_known',
      extendedUsages: data.extendedUsages ?? null,
      policies: data.policies ?? null,
      effectiveFromAt,
      effectiveUntilAt: data.effectiveUntilAt ?? null,
      addedBy: caller.account,
    }),
  );
  identity.trust.forget();
  return { certSha256 };
}

/** Throws: ProblemError not_operator, anchor_unknown, anchor_end_is_past, what checkSubmittedAct refuses. */
async function endTrust(
  dependencies: Dependencies,
  { id, act, ...data }: Type.Static<typeof EndBody>,
  caller: Caller,
  source: Source,
): Promise<Type.Static<typeof AnchorAnswer>> {
  const { identity, world, ledger } = dependencies;
  const author = await authorOf(dependencies, { id, type: 'EndAnchor', data }, act, caller, source);
  const { certSha256, effectiveUntilAt, reason } = data;
  const anchor = (await listAnchors(identity)).find((each) => each.certSha256 === certSha256);
  // Refused before the ledger is told: it would say of a CA that its end had come when nothing changed.
  if (anchor === undefined) throw new ProblemError('anchor_unknown');
  if (effectiveUntilAt < world.now() || effectiveUntilAt <= anchor.effectiveFromAt)
    throw new ProblemError('anchor_end_is_past');
  await ledger.recordTrustChange(author, {
    change: 'ended',
    certificateSha256: certSha256,
    fromAt: effectiveUntilAt,
    certificate: toBase64(anchor.certificate),
    reason,
  });
  accepted(await endAnchor(identity, { certSha256, effectiveUntilAt }));
  identity.trust.forget();
  return { certSha256 };
}

/**
 * Keeps a list.
 *
 * Throws: ProblemError not_operator, crl_malformed, crl_exists, crl_out_of_date, crl_not_newer, what checkSubmittedAct refuses.
 * Why:    signed by its digest and named on the ledger by digest, number and date: the list itself may have megabytes. Who signed
 *         the list is asked when a certificate is judged by it, for the intermediate that did comes with the certificates.
 */
async function bringCrl(
  dependencies: Dependencies,
  { id, act, crl: text }: Type.Static<typeof CrlBody>,
  caller: Caller,
  source: Source,
): Promise<{ crlSha256: string; entries: number }> {
  const { identity, ledger } = dependencies;
  const { crl, sha256: crlSha256 } = accepted(readCrl(bytesOf(text)));
  const author = await authorOf(dependencies, { id, type: 'AddCrl', data: { crlSha256 } }, act, caller, source);
  accepted(await mayAddCrl(identity, { crl, sha256: crlSha256 }));
  const issuer = crl.issuer.attributes.map(({ value }) => value).join(', ');
  const number = crl.number?.toString() ?? null;
  await ledger.recordOperatorAct(author, { addCrl: crlSha256, issuer, number, entries: crl.entryCount });
  accepted(await addCrl(identity, { crl, sha256: crlSha256, addedBy: caller.account }));
  identity.trust.forget();
  return { crlSha256, entries: crl.entryCount };
}

function bytesOf(text: string): Uint8Array {
  try {
    return fromBase64(text);
  } catch (error) {
    if (error instanceof LogFormatError) throw new ProblemError('crl_malformed');
    throw error;
  }
}
