/** The findings of a pre-flight that need no machine: certificates as the platform judged them, the deadline's rule, two clocks. */
import { formatInstant } from '../core/log/instant.ts';
import { PREFLIGHT_CODES, PREFLIGHT_FINDINGS, type PreflightCode } from '../core/seal/preflight-words.ts';
import type { CertificatesAnswer } from './api.ts';
import type { AgentCertificate } from './key-agent.ts';
import { ApiError } from './transport.ts';

/** How far this clock may be from the platform's, beyond what the way there explains, before it is said; and before it is bad. Units: ms. */
export const CLOCK_WARNING_MS = 2_000;
export const CLOCK_BAD_MS = 60_000;
/** A certificate that ends so soon behind the deadline is said to. */
export const EXPIRES_SOON_MS = 7 * 24 * 3_600_000;

export const CHECKS = ['sign', 'encrypt', 'key', 'clock', 'tool', 'device', 'login', 'bid'] as const;
/** One thing looked at; `code` null: nothing speaks against it. `said` is a fact for people, of no language. */
export type Check = {
  readonly check: (typeof CHECKS)[number];
  readonly code: PreflightCode | null;
  readonly said: string;
};

/** Does any of them keep a bid from being taken or opened? */
export function isBad(checks: readonly Check[]): boolean {
  return checks.some(({ code }) => code !== null && PREFLIGHT_FINDINGS[code].severity === 'bad');
}

/** The one certificate for a use, expired ones too, for it is to be said that they are; or why there is none. */
export function chooseCertificate(
  listed: readonly AgentCertificate[],
  use: 'sign' | 'encrypt',
  at: number,
): AgentCertificate | 'certificate_missing' | 'certificate_ambiguous' {
  const all = listed.filter(({ canSign, canUnwrap }) => (use === 'sign' ? canSign : canUnwrap));
  const valid = all.filter(({ certificate: c }) => c.notBeforeAt <= at && at < c.notAfterAt + 1_000);
  const fitting = valid.length > 0 ? valid : all;
  const [first, second] = fitting;
  if (first === undefined) return 'certificate_missing';
  return second === undefined ? first : 'certificate_ambiguous';
}

/** What the platform found of a certificate. Throws: ApiError unreadable when it says nothing of it. */
export function judged(
  use: 'sign' | 'encrypt',
  listed: ReturnType<typeof chooseCertificate>,
  answer: CertificatesAnswer,
): Check {
  if (typeof listed === 'string') return { check: use, code: listed, said: '' };
  const { creditCode, notAfterAt, revocation, finding } = answerFor(answer, use);
  const until = notAfterAt === null ? '' : `→ ${formatInstant(notAfterAt)}`;
  return {
    check: use,
    code: finding && codeOf(finding.code),
    said: [creditCode, until, revocation].filter(Boolean).join(' '),
  };
}

function answerFor({ certificates }: CertificatesAnswer, use: string): CertificatesAnswer['certificates'][number] {
  const found = certificates.find((one) => one.use === use);
  if (found === undefined) throw new ApiError('unreadable', 0, `the platform says nothing of the ${use} certificate`);
  return found;
}

/** A code of a newer platform is bad, and its own sentence is not known here. */
function codeOf(text: string): PreflightCode {
  return PREFLIGHT_CODES.find((code) => code === text) ?? 'certificate_not_trusted';
}

/** Signing and encryption certificate of two organisations. */
export function ofTwoOwners({ certificates }: CertificatesAnswer): Check[] {
  const codes = new Set(certificates.flatMap(({ creditCode }) => creditCode ?? []));
  if (codes.size < 2) return [];
  return [{ check: 'encrypt', code: 'certificate_of_other_account', said: [...codes].join(' / ') }];
}

export type Deadline = { readonly deadlineAt: number; readonly windowMs: number };

/** The deadline's certificate rule: it must outlast the window, and a week more is wise. */
export function expiring({ certificates }: CertificatesAnswer, { deadlineAt, windowMs }: Deadline): Check[] {
  return certificates.flatMap(({ use, notAfterAt, finding }): Check[] => {
    const isBadAlready = finding !== null && PREFLIGHT_FINDINGS[codeOf(finding.code)].severity === 'bad';
    if (notAfterAt === null || isBadAlready || (use !== 'sign' && use !== 'encrypt')) return [];
    const said = `${formatInstant(notAfterAt)} / ${formatInstant(deadlineAt)}`;
    if (notAfterAt < deadlineAt + windowMs) return [{ check: use, code: 'expires_before_window', said }];
    return notAfterAt < deadlineAt + EXPIRES_SOON_MS ? [{ check: use, code: 'expires_soon', said }] : [];
  });
}

/** By how much this clock is ahead: what the time of the way there and back cannot explain. */
export function clockOf(serverAt: number, sentAt: number, answeredAt: number): Check {
  const offsetMs = Math.round((sentAt + answeredAt) / 2 - serverAt);
  const surelyMs = Math.max(0, Math.abs(offsetMs) - Math.ceil((answeredAt - sentAt) / 2));
  const code = surelyMs > CLOCK_BAD_MS ? 'clock_far_off' : surelyMs > CLOCK_WARNING_MS ? 'clock_off' : null;
  return { check: 'clock', code, said: `${offsetMs >= 0 ? '+' : ''}${offsetMs} ms` };
}
