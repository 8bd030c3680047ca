/** Remembered logins: the same text is checked once, a refused one each time, and the memory has an end. */
import type { CheckedLogin } from '../../../server/core/log/act.ts';
import { type CheckLogin, KNOWN_LOGINS_LIMIT, rememberLogins } from '../../../server/core/log/known-logins.ts';
import { sha256 } from '../../../server/hash.ts';
import { verifyJwsSignature } from '../../../server/identity/signature.ts';
import t from '../../support/tap.ts';

const GOOD = { ok: true, account: 'a' } as CheckedLogin;

/** A check that finds every text good but `bad`, and counts. */
function counting() {
  const checked: string[] = [];
  const check: CheckLogin = async (login, { platform }) => {
    checked.push(`${platform} ${login}`);
    return login === 'bad' ? { ok: false, reason: 'login_signature_bad' } : { ...GOOD, account: login };
  };
  const remembered = rememberLogins(check);
  return {
    checked,
    ask: (login: string, platform = 'p') => remembered(login, { platform }, verifyJwsSignature, sha256),
  };
}

t.test('a good login is checked once on each platform, and the very same answer comes again', async (t) => {
  const { checked, ask } = counting();
  const first = await ask('one');
  t.equal(await ask('one'), first);
  t.strictSame(first, { ok: true, account: 'one' });
  await ask('one', 'q');
  t.strictSame(checked, ['p one', 'q one']);
});

t.test('a refused one is checked each time', async (t) => {
  const { checked, ask } = counting();
  for (let n = 0; n < 2; n++) t.match(await ask('bad'), { ok: false, reason: 'login_signature_bad' });
  t.equal(checked.length, 2);
});

t.test(`${KNOWN_LOGINS_LIMIT} are remembered; with one more the one used longest ago is forgotten`, async (t) => {
  const { checked, ask } = counting();
  for (let n = 0; n < KNOWN_LOGINS_LIMIT; n++) await ask(`l${n}`);
  await ask('l0');
  t.equal(checked.length, KNOWN_LOGINS_LIMIT);
  await ask('more');
  await ask('l0');
  t.equal(checked.length, KNOWN_LOGINS_LIMIT + 1);
  await ask('l1');
  t.equal(checked.at(-1), 'p l1');
});
