/** /crls: operators bring the revocation lists of the CAs; signed by their digest, and on the ledger first. */
import * as Type from 'typebox';
import { fromBase64 } from '../core/log/base64.ts';
import { LogFormatError } from '../core/log/error.ts';
import { addCrl, listCrls, mayAddCrl, readCrl } from '../identity/crls.ts';
import type { Caller } from '../identity/tokens.ts';
import type { Source } from '../recorder/submission.ts';
import { callerOf, callers, sourceOf } from './authenticate.ts';
import type { Dependencies, Nouns } from './dependencies.ts';
import { accepted, ProblemError } from './errors.ts';
import { authorOf } from './operator.ts';
import { CommandId, DEFAULT_LIMIT, JwsText, strict } from './schemas.ts';

const tags = ['operator'];
/** Of an uploaded list; 200,000 entries have about this size. */
export const CRL_UPLOAD_LIMIT_BYTES = 8_388_608;
/** Base64, and the act and names beside it. */
const CRL_BODY_LIMIT_BYTES = Math.ceil((CRL_UPLOAD_LIMIT_BYTES * 4) / 3) + 131_072;

const Instant = Type.Integer({ minimum: 0, description: 'ms since 1970' });
const OrNull = <T extends Type.TSchema>(schema: T) => Type.Union([schema, Type.Null()]);
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

export function addCrls(app: Nouns, dependencies: Dependencies): void {
  const { must } = callers(dependencies);
  const { identity } = dependencies;
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

/**
 * Keeps a list.
 *
 * Throws: ProblemError not_operator, crl_malformed, body_too_large, crl_exists, crl_out_of_date, crl_not_newer, what checkSubmittedAct refuses.
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

/** Throws: ProblemError crl_malformed; body_too_large for a list that is a byte too long, which as text has no more characters. */
function bytesOf(text: string): Uint8Array {
  let bytes: Uint8Array;
  try {
    bytes = fromBase64(text);
  } catch (error) {
    if (error instanceof LogFormatError) throw new ProblemError('crl_malformed');
    throw error;
  }
  if (bytes.length > CRL_UPLOAD_LIMIT_BYTES) throw new ProblemError('body_too_large');
  return bytes;
}
