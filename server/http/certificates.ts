/** POST /certificates/check: what the platform would say of certificates now, before anybody relies on them; it takes no key, sends nothing to unwrap, and keeps nothing. */
import * as Type from 'typebox';
import { CERTIFICATES_LIMIT } from '../core/pki/certificate.ts';
import { PREFLIGHT_CODES, PREFLIGHT_FINDINGS, type PreflightCode } from '../core/seal/preflight-words.ts';
import { thumbprintOf } from '../identity/check-certificate.ts';
import type { TrustedCertificate } from '../identity/trust.ts';
import { VERSION } from '../version.ts';
import type { Dependencies, Nouns } from './dependencies.ts';
import { ProblemError } from './errors.ts';
import { chainOf } from './operator.ts';
import { Base64Text, strict } from './schemas.ts';

/** A pair, and the one it replaces. */
export const CHECKED_CERTIFICATES_LIMIT = 4;

const CheckBody = Type.Object(
  {
    certificates: Type.Array(
      Type.Object(
        {
          use: Type.Enum(['sign', 'encrypt'] as const),
          x5c: Type.Array(Base64Text, { minItems: 1, maxItems: CERTIFICATES_LIMIT }),
        },
        strict,
      ),
      { minItems: 1, maxItems: CHECKED_CERTIFICATES_LIMIT },
    ),
  },
  strict,
);
const WordsSchema = Type.Object({ zh: Type.String(), en: Type.String() });
const Finding = Type.Object({
  code: Type.Enum(PREFLIGHT_CODES),
  severity: Type.Enum(['warning', 'bad'] as const),
  zh: Type.String(),
  en: Type.String(),
  fix: WordsSchema,
});
const REVOCATION = ['good', 'revoked', 'undetermined', 'unknown', 'not_looked_at'] as const;
const Checked = Type.Object({
  use: Type.String(),
  certSha256: Type.Union([Type.String(), Type.Null()]),
  notBeforeAt: Type.Union([Type.Integer(), Type.Null()]),
  notAfterAt: Type.Union([Type.Integer(), Type.Null()]),
  creditCode: Type.Union([Type.String(), Type.Null()]),
  revocation: Type.Enum(REVOCATION, {
    description: 'unknown: no list, under a CA of which none is asked; not_looked_at: refused for something else',
  }),
  finding: Type.Union([Finding, Type.Null()]),
});
type Checked = Type.Static<typeof Checked>;

export function addCertificates(app: Nouns, { identity, world }: Dependencies): void {
  app.post(
    '/certificates/check',
    {
      config: { limit: 'chains' },
      schema: {
        tags: ['auth'],
        summary: 'What the platform would say of certificates now, and what to do about each that is not good',
        description:
          'For a pre-flight: chain, dates, use and revocation, by the same rules as at login and lodging. Asks for no login, since a certificate that is not good could make none.',
        body: CheckBody,
        response: {
          200: Type.Object({ now: Type.Integer(), version: Type.String(), certificates: Type.Array(Checked) }),
        },
      },
    },
    async (request) => {
      const now = world.now();
      const certificates: Checked[] = [];
      for (const { use, x5c } of request.body.certificates) certificates.push(await check(identity, use, x5c, now));
      return { now, version: VERSION, certificates };
    },
  );
}

async function check(
  { trust }: Dependencies['identity'],
  use: 'sign' | 'encrypt',
  x5c: readonly string[],
  at: number,
): Promise<Checked> {
  const nothing = { use, certSha256: null, notBeforeAt: null, notAfterAt: null, creditCode: null };
  let chain: ReturnType<typeof chainOf>;
  try {
    chain = chainOf(x5c);
  } catch (error) {
    if (!(error instanceof ProblemError)) throw error;
    return { ...nothing, revocation: 'not_looked_at', finding: findingOf('certificate_malformed') };
  }
  const { leaf, intermediates } = chain;
  const certificates = [leaf, ...intermediates].map(({ der }) => der);
  const { notBeforeAt, notAfterAt } = leaf;
  const facts = { ...nothing, certSha256: thumbprintOf(leaf), notBeforeAt, notAfterAt };
  const trusted = await trust.check({ certificates, purpose: use, at, isOnRecord: false });
  if ('refused' in trusted) {
    const code = PREFLIGHT_CODES.find((one) => one === trusted.refused);
    if (code === undefined) throw new Error(`the pre-flight has no words for ${trusted.refused}`);
    return { ...facts, revocation: revocationOf(code), finding: findingOf(code) };
  }
  const { creditCode } = trusted.subject;
  const revocation = worstOf(trusted);
  return { ...facts, creditCode, revocation, finding: revocation === 'good' ? null : findingOf('revocation_unknown') };
}

function revocationOf(code: PreflightCode): Checked['revocation'] {
  if (code === 'certificate_revoked') return 'revoked';
  return code === 'certificate_undetermined' ? 'undetermined' : 'not_looked_at';
}

/** Good only when a list speaks of each certificate of the path. */
function worstOf({ revocation }: TrustedCertificate): 'good' | 'unknown' {
  return revocation.every(({ status }) => status === 'good') ? 'good' : 'unknown';
}

function findingOf(code: PreflightCode): NonNullable<Checked['finding']> {
  return { code, ...PREFLIGHT_FINDINGS[code] };
}
