/** Disclosures that end with a login: taken apart they come together again word for word, and without the login they are missing. */
import fc from 'fast-check';
import { disclosureDigest, makeDisclosure } from '../../server/core/log/disclosure.ts';
import { sha256, sha256OfText } from '../../server/hash.ts';
import { nativeWriter } from '../../server/native-text.ts';
import { createLog } from '../../server/store/append.ts';
import { readDisclosures } from '../../server/store/read-log.ts';
import { splitAtLogin, wholeDisclosure } from '../../server/store/stored-disclosure.ts';
import { testDb } from '../support/database.ts';
import t from '../support/tap.ts';

const salt = new Uint8Array(32).fill(9);

/** An act with a login as an entry withholds it: its disclosure, and the same taken apart. */
function actOf(data: string, login: string) {
  let text = '';
  const made = makeDisclosure(sha256, salt, 'act', { act: 'a.b.c', data: { text: data }, login }, (json) => {
    text = json;
    return nativeWriter(json);
  });
  return { ...made, split: splitAtLogin(text, login, sha256OfText(login)) };
}

t.test('taken apart and put together', async (t) => {
  const words = fc.string({ unit: 'grapheme', maxLength: 30 }).map((text) => text.normalize('NFC'));
  fc.assert(
    fc.property(words, fc.stringMatching(/^[\w-]{1,40}(\.[\w-]{1,40}){2}$/), (data, login) => {
      const { disclosure, digest, split } = actOf(data, login);
      t.notOk(split.beforeLogin.includes(login));
      t.equal(wholeDisclosure(split.beforeLogin, login), disclosure);
      t.equal(disclosureDigest(sha256, wholeDisclosure(split.beforeLogin, login)), digest);
    }),
    { numRuns: 300 },
  );
  t.equal(wholeDisclosure('AAAA', null), 'AAAA');
  t.throws(() => splitAtLogin('["s","act",{"act":"a","login":"other"}]', 'login', salt), /does not end with its login/);
});

t.test('read whole; one whose login is gone is not there, and another login makes another disclosure', async (t) => {
  const { sql, superuser } = await testDb(t);
  const origin = 'platform.test/opening/1';
  await sql.begin((tx) => createLog(tx, { origin, kind: 'opening', openingId: '1' }));
  await sql`INSERT INTO entries ${sql({ origin, seq: 0, bytes: salt, leaf_hash: salt })}`;
  const { disclosure, split } = actOf('一', 'l.o.g');
  await sql`INSERT INTO logins ${sql({ sha256: split.loginSha256, login: 'l.o.g' })}`;
  await sql`INSERT INTO disclosures ${sql([
    { origin, seq: 0, field: 'act', disclosure: split.beforeLogin, login_sha256: split.loginSha256 },
    { origin, seq: 0, field: 'who', disclosure: 'AAAA', login_sha256: null },
  ])}`;
  const who = { seq: 0, field: 'who', disclosure: 'AAAA' };
  t.strictSame(await readDisclosures(sql, origin, 0, 1), [{ seq: 0, field: 'act', disclosure }, who]);
  await superuser`ALTER TABLE logins DISABLE TRIGGER ALL`;
  await superuser`UPDATE logins SET login = 'm.o.g'`;
  const [changed] = await readDisclosures(sql, origin, 0, 1);
  t.ok(changed !== undefined && changed.disclosure !== disclosure, 'what its digest then tells');
  await superuser`DELETE FROM logins`;
  t.strictSame(await readDisclosures(sql, origin, 0, 1), [who]);
});
