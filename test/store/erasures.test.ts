/** What erasures leave is swept when its time has come: no login of a session that lasts, nothing that something else stands on. */
import { PHASES } from '../../server/core/opening/phases.ts';
import { digestOfFile, keepEvidence } from '../../server/identity/evidence.ts';
import { HANDED_OUT_MS } from '../../server/identity/trust-memory.ts';
import { sweepErasures } from '../../server/store/erasures.ts';
import { testDb } from '../support/database.ts';
import t from '../support/tap.ts';
import { steppedWorld } from '../support/world.ts';

const database = await testDb(t);
const { sql, superuser } = database;
const world = steppedWorld();
const sweep = () => sweepErasures({ sql, world });
const leave = (kind: string, key: string) =>
  superuser`INSERT INTO erasure_leftovers (kind, key) VALUES (${kind}, ${key})`;
const hash = (n: number) => new Uint8Array(32).fill(n);
const hex = (n: number) => Buffer.from(hash(n)).toString('hex');
const count = async (table: string): Promise<number> =>
  (await superuser`SELECT count(*)::int AS n FROM ${superuser(table)}`)[0]?.['n'] as number;

await superuser`INSERT INTO accounts (id, credit_code, organisation, name, kind, created_at) VALUES ('one', 'one', 'o', 'n', 'bidder', 1)`;
const session = (id: string, login: string, endsAt: number) => superuser`
  INSERT INTO sessions (id, account, jkt, cert_sha256, login, created_at, ends_at)
  VALUES (${id}, 'one', ${id}, 'c', ${login}, 1, ${endsAt})`;

t.test('a login goes when its session has ended, to the millisecond', async (t) => {
  const endsAt = world.now() + 1_000;
  await superuser`INSERT INTO logins (sha256, login) VALUES (${hash(1)}, 'login-1')`;
  await session('s1', 'login-1', endsAt);
  await leave('login', hex(1));
  await leave('sessions', 'one');
  t.equal(await sweep(), 0, 'both wait');
  world.advance(999);
  t.equal(await sweep(), 0);
  world.advance(1);
  t.equal(await sweep(), 2);
  t.same([await count('logins'), await count('sessions'), await count('erasure_leftovers')], [0, 0, 0]);
});

t.test('one that waits keeps nothing behind it from going', async (t) => {
  await superuser`INSERT INTO logins (sha256, login) VALUES (${hash(2)}, 'login-2'), (${hash(3)}, 'login-3')`;
  await session('s2', 'login-2', world.now() + 1_000);
  await leave('login', hex(2));
  await leave('login', hex(3));
  await leave('intake', 'o\nc\na');
  t.equal(await sweepErasures({ sql, world, mayGoOn: () => false }), 0, 'unless it is to end');
  t.equal(await sweep(), 2);
  t.same([...(await superuser`SELECT login FROM logins`)], [{ login: 'login-2' }]);
  world.advance(1_000);
  t.equal(await sweep(), 1);
});

t.test('sessions stay while a bid of their organisation waits in another opening', async (t) => {
  const [organisation, account] = ['9'.repeat(18), `${'9'.repeat(18)}/2`];
  await superuser`INSERT INTO accounts (id, credit_code, person_id, organisation, name, kind, created_at)
    VALUES (${account}, ${organisation}, '2', 'o', 'n', 'bidder', 1)`;
  await superuser`INSERT INTO sessions (id, account, jkt, cert_sha256, login, created_at, ends_at)
    VALUES ('of-2', ${account}, 'of-2', 'c', 'login', 1, ${world.now()})`;
  await superuser`INSERT INTO openings (id, title, phase, deadline_at, opening_at, created_at)
    VALUES ('other', 'other', 'CheckIn', 10, 10, 1), ('third', 'third', 'Decrypting', 10, 10, 1)`;
  const lodged = (opening: string, by: string) => superuser`
    INSERT INTO envelopes (id, opening_id, account, file, sha256, size_bytes, header, lodged_at, statement)
    VALUES (${opening}, ${opening}, ${by}, ${opening}, ${hash(1)}, 1, '', 1, 'statement')`;
  await lodged('other', `${organisation}/1`);
  await lodged('third', '8'.repeat(18));
  const sessions = () => superuser`SELECT id FROM sessions WHERE account = ${account}`;
  await leave('sessions', account);
  for (const phase of [...PHASES.slice(PHASES.indexOf('CheckIn'), PHASES.indexOf('Closed')), 'Postponed']) {
    await superuser`UPDATE openings SET phase = ${phase} WHERE id = 'other'`;
    t.equal(await sweep(), 0, phase);
  }
  t.equal((await sessions()).length, 1, 'his colleague lodged');
  await superuser`UPDATE openings SET phase = 'Closed' WHERE id = 'other'`;
  t.equal(await sweep(), 1, 'and it is closed');
  t.equal((await sessions()).length, 0, 'what waits of another organisation keeps nothing');
});

t.test('what something else stands on stays, and is not looked for again', async (t) => {
  await superuser`INSERT INTO logins (sha256, login) VALUES (${hash(4)}, 'login-4')`;
  await superuser`INSERT INTO intake (opening_id, received_at, kind, content, login_sha256) VALUES ('a', 1, 'k', '', ${hash(4)})`;
  await leave('login', hex(4));
  t.equal(await sweep(), 1);
  t.equal(await count('logins'), 1, 'another act was received under it');
  // The digest of a judgement stands in base64 somewhere in a disclosure, wherever a group of three begins.
  const [kept, lost] = ['K'.repeat(43), 'L'.repeat(43)];
  for (const shift of [0, 1, 2]) {
    await superuser`DELETE FROM evidence`;
    for (const digest of [kept, lost])
      await superuser`INSERT INTO evidence (sha256, kind, content, added_at)
        VALUES (${digest}, 'judgement', ${Buffer.from(`{"certificates":["${'C'.repeat(43)}"]}`)}, 1)`;
    await superuser`INSERT INTO evidence (sha256, kind, content, added_at) VALUES (${'C'.repeat(43)}, 'certificate', '', 1)`;
    const said = Buffer.from(`${'x'.repeat(30 + shift)}${kept}"}]`).toString('base64url');
    await superuser`INSERT INTO register_acts (id, opening_id, n, at, received_at, type, disclosure)
      VALUES (${`act${shift}`}, 'a', ${shift}, 1, 1, 'CheckedIn', ${said})`;
    for (const digest of [kept, lost]) await leave('judgement', digest);
    t.equal(await sweep(), 2);
    const left = await superuser`SELECT sha256 FROM evidence ORDER BY sha256`;
    t.same(
      left.map(({ sha256 }) => sha256),
      ['C'.repeat(43), kept],
      'and the certificate with it, about which something is still said',
    );
    await superuser`UPDATE register_acts SET disclosure = '', leaf = sha256('\\x00'::bytea || convert_to(disclosure, 'UTF8')) WHERE disclosure <> ''`;
    await leave('judgement', kept);
    t.equal(await sweep(), 1);
    t.equal(await count('evidence'), 0, 'with the last of them the certificate');
  }
});

t.test('a judgement that a process may still hand out is kept, and one that something received names', async (t) => {
  const judgement = 'J'.repeat(43);
  const addedAt = world.now();
  await superuser`INSERT INTO evidence (sha256, kind, content, added_at) VALUES (${judgement}, 'judgement', '{}', ${addedAt})`;
  await leave('judgement', judgement);
  world.advance(4 * HANDED_OUT_MS - 1);
  t.equal(await sweep(), 0);
  world.advance(1);
  await superuser`INSERT INTO intake (opening_id, received_at, kind, content)
    VALUES ('j', 1, 'Say', ${Buffer.from(`{"who":{"judgement":"${judgement}"}}`)})`;
  t.equal(await sweep(), 0, 'it waits to be decided');
  await superuser`UPDATE intake SET decided = true WHERE opening_id = 'j'`;
  t.equal(await sweep(), 1);
  t.equal(await count('evidence'), 0);
});

t.test(
  'a judgement that comes in while the last of its certificate is swept finds the certificate there',
  async (t) => {
    const file = (kind: 'judgement' | 'certificate', text: string) => ({ kind, content: Buffer.from(text) });
    const certificate = file('certificate', 'the certificate');
    const named = digestOfFile(certificate.content);
    const [old, fresh] = ['old', 'fresh'].map((salt) =>
      file('judgement', `{"certificates":["${named}"],"salt":"${salt}"}`),
    );
    if (old === undefined || fresh === undefined) throw new Error('no judgements');
    await keepEvidence(database.db, [old, certificate], 0);
    await leave('judgement', digestOfFile(old.content));
    let sweeping: Promise<number> | undefined;
    await database.db.transaction(async (tx) => {
      await keepEvidence(tx, [fresh, certificate], 0);
      sweeping = sweep();
      for (let waits = 0; waits === 0; ) {
        const [row] = await superuser<{ waits: number }[]>`
        SELECT count(*)::int AS waits FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`;
        waits = row?.waits ?? 0;
      }
    });
    t.equal(await sweeping, 1);
    const left = await superuser`SELECT sha256 FROM evidence`;
    t.same(left.map(({ sha256 }) => sha256).sort(), [named, digestOfFile(fresh.content)].sort());
  },
);

t.test('an act of the register gives up its text for its leaf, and for nothing else', async (t) => {
  await superuser`INSERT INTO register_acts (id, opening_id, n, at, received_at, type, disclosure) VALUES ('b', 'b', 0, 1, 1, 'CheckedIn', 'text')`;
  const refused = (work: PromiseLike<unknown>) => t.rejects(Promise.resolve(work), { code: 'KB001' });
  await refused(superuser`UPDATE register_acts SET disclosure = '', leaf = ${hash(1)} WHERE id = 'b'`);
  await refused(superuser`UPDATE register_acts SET disclosure = 'other' WHERE id = 'b'`);
  await refused(
    superuser`UPDATE register_acts SET disclosure = '', type = 'x', leaf = sha256('\\x00'::bytea || convert_to(disclosure, 'UTF8')) WHERE id = 'b'`,
  );
  await refused(superuser`DELETE FROM register_acts WHERE id = 'b'`);
  await t.rejects(Promise.resolve(sql`DELETE FROM commands`), { code: '42501' });
});
