/** The findings of a pre-flight that need no machine, at their edges. */
import type { CertificatesAnswer } from '../../server/client/api.ts';
import {
  CLOCK_BAD_MS,
  CLOCK_WARNING_MS,
  clockOf,
  EXPIRES_SOON_MS,
  expiring,
  isBad,
  judged,
  ofTwoOwners,
} from '../../server/client/preflight-checks.ts';
import t from '../support/tap.ts';

const AT = Date.UTC(2026, 2, 2);
const one = (changes: Partial<CertificatesAnswer['certificates'][number]> = {}) => ({
  use: 'sign',
  certSha256: 'x',
  notAfterAt: AT,
  creditCode: 'A',
  revocation: 'good',
  finding: null,
  ...changes,
});
const answer = (...certificates: ReturnType<typeof one>[]): CertificatesAnswer => ({
  now: AT,
  version: '1',
  certificates,
});

t.test('a clock is off only by what the way there and back cannot explain', async (t) => {
  const code = (aheadMs: number, wayMs = 0) => clockOf(AT, AT + aheadMs - wayMs / 2, AT + aheadMs + wayMs / 2).code;
  t.equal(code(0), null);
  for (const sign of [1, -1]) {
    t.equal(code(sign * CLOCK_WARNING_MS), null);
    t.equal(code(sign * (CLOCK_WARNING_MS + 1)), 'clock_off');
    t.equal(code(sign * CLOCK_BAD_MS), 'clock_off');
    t.equal(code(sign * (CLOCK_BAD_MS + 1)), 'clock_far_off');
    t.equal(code(sign * (CLOCK_WARNING_MS + 1), 10), null, 'ten milliseconds of way explain one');
  }
  t.equal(clockOf(AT, AT - 300, AT - 300).said, '-300 ms');
});

t.test('a certificate must outlast the window, and is wished to outlast it by a week', async (t) => {
  const deadline = { deadlineAt: AT, windowMs: 60_000 };
  const code = (notAfterAt: number) => expiring(answer(one({ notAfterAt })), deadline)[0]?.code ?? null;
  t.equal(code(AT + 59_999), 'expires_before_window');
  t.equal(code(AT + 60_000), 'expires_soon');
  t.equal(code(AT + EXPIRES_SOON_MS - 1), 'expires_soon');
  t.equal(code(AT + EXPIRES_SOON_MS), null);
  const expired = one({ notAfterAt: AT - 1, finding: { code: 'certificate_expired' } });
  t.strictSame(expiring(answer(expired), deadline), [], 'what is bad already is said once');
});

t.test('certificates of two organisations, none at all, and a code of a newer platform', async (t) => {
  t.strictSame(ofTwoOwners(answer(one(), one({ use: 'encrypt' }))), []);
  t.match(ofTwoOwners(answer(one(), one({ use: 'encrypt', creditCode: 'B' }))), [
    { check: 'encrypt', code: 'certificate_of_other_account', said: 'A / B' },
  ]);
  t.equal(judged('sign', 'certificate_missing', answer()).code, 'certificate_missing');
  const listed = {} as Parameters<typeof judged>[1];
  t.equal(judged('sign', listed, answer(one({ finding: { code: 'of_tomorrow' } }))).code, 'certificate_not_trusted');
  t.throws(() => judged('encrypt', listed, answer(one())), { code: 'unreadable' });
});

t.test('a warning keeps nobody from bidding', async (t) => {
  const check = (code: 'clock_off' | 'clock_far_off' | null) => ({ check: 'clock', code, said: '' }) as const;
  t.notOk(isBad([check(null), check('clock_off')]));
  t.ok(isBad([check('clock_off'), check('clock_far_off')]));
});
