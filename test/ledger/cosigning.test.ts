/** The ledger and its cosigners: every head signed by those who will, in whatever dialect; a process that begins anew, one that fails, what is published meanwhile. */
import { openCheckpoint } from '../../server/core/log/checkpoint.ts';
import { ed25519Verifier, KEY_TYPES, parseVkey } from '../../server/core/log/note.ts';
import { openingOrigin } from '../../server/core/log/origin.ts';
import { fromUtf8, utf8 } from '../../server/core/log/utf8.ts';
import { BAD_HEADS_LIMIT, cosignedHead, lastSigned } from '../../server/ledger/cosignatures.ts';
import { cosignedOpening, isCosignedIn } from '../../server/ledger/cosigned-openings.ts';
import { COSIGNER_TIMEOUT_MS } from '../../server/ledger/cosigner-client.ts';
import { cosignerPolicyOf, quorumOf } from '../../server/ledger/cosigner-policy.ts';
import { createCosigning, FIRST_PAUSE_MS, LONGEST_PAUSE_MS } from '../../server/ledger/cosigning.ts';
import { createPublishedHead, openPublisher } from '../../server/ledger/published-head.ts';
import { createLog } from '../../server/store/append.ts';
import { cosignedLedger, origin } from '../support/cosigned-ledger.ts';
import { answersOf, cosignerBench, type Line, networkOf, policyOf } from '../support/cosigning.ts';
import { testDb } from '../support/database.ts';
import { ledgerBench } from '../support/ledger.ts';
import { logKey, sha256, verifyEd25519 } from '../support/log-fixtures.ts';
import { PLATFORM } from '../support/signed-log.ts';
import t from '../support/tap.ts';
import { steppedWorld } from '../support/world.ts';

t.test('a head is signed by all, and what is published carries their lines, which verify', async (t) => {
  const b = await cosignedLedger(t, 2, 2);
  await b.grow('a');
  const released = b.signer.released(origin);
  t.equal(await signedSize(b), null);
  await b.take();
  t.equal(await signedSize(b), released?.size);
  t.strictSame(
    b.cosigning.standings().map(({ name, signedSize, fault }) => [name, signedSize, fault]),
    [
      ['w0', released?.size, null],
      ['w1', released?.size, null],
    ],
  );
  await (await openPublisher(b, origin, b.policy)).advance();
  const published = await createPublishedHead(b.sql, origin, b.policy).of(released ?? absent());
  const opened = await openCheckpoint(
    published.note,
    ed25519Verifier(parseVkey(sha256, b.vkey), verifyEd25519),
    b.policy.cosigners.map(({ verifier }) => verifier),
  );
  t.equal(opened.signatures.length, 3, 'the ledger and two cosigners');
  t.equal(opened.checkpoint.size, released?.size);
  // each is asked from what it signed last: growth needs no correction
  await b.grow('a');
  const asked: string[] = [];
  b.lines[0] = async (body, path) => {
    asked.push(fromUtf8(body).split('\n')[0] ?? '');
    return answersOf(b.cosigners[0] ?? absent())(body, path);
  };
  await b.take();
  t.strictSame(asked, [`old ${released?.size}`]);
  await b.take();
  t.equal(asked.length, 1, 'nobody is asked again for what it signed');
});

t.test(
  'a process that begins anew knows what each signed; one that knows nothing is corrected by the 409',
  async (t) => {
    const b = await cosignedLedger(t, 1, 1);
    await b.grow('a');
    await b.take();
    await b.grow('a');
    const asked: string[] = [];
    const count: Line = async (body, path) => {
      asked.push(fromUtf8(body).split('\n')[0] ?? '');
      return answersOf(b.cosigners[0] ?? absent())(body, path);
    };
    b.lines[0] = count;
    const size = b.cosigning.standings()[0]?.signedSize;
    const again = createCosigning(b.parts, origin);
    again.wake();
    await again.idle();
    t.strictSame(asked, [`old ${size}`]);
    // a cosigner that was asked by somebody else, or whose answer was lost, says where it stands
    asked.length = 0;
    const lost: Line = async (body, path) => {
      await count(body, path);
      throw new TypeError('fetch failed');
    };
    await b.grow('a');
    b.lines[0] = lost;
    again.wake();
    await again.idle();
    t.match(again.standings()[0]?.fault, /fetch failed/);
    b.lines[0] = count;
    b.world.advance(FIRST_PAUSE_MS);
    await b.grow('a');
    again.wake();
    await again.idle();
    t.equal(asked.length, 3, 'asked in vain, corrected, signed');
    t.equal(again.standings()[0]?.fault, null);
    t.equal(b.alarms.length, 0);
  },
);

t.test('a line that was lost on the way is asked for again, though the ledger does not grow', async (t) => {
  const b = await cosignedLedger(t, 1, 1);
  await b.grow('a');
  await b.take();
  await b.grow('a');
  const honest = answersOf(b.cosigners[0] ?? absent());
  b.lines[0] = async (body, path) => {
    const answer = await honest(body, path);
    if (answer?.status === 409) return answer;
    throw new TypeError('fetch failed');
  };
  await b.take();
  const before = await signedSize(b);
  b.world.advance(LONGEST_PAUSE_MS);
  await b.take();
  t.match(
    b.cosigning.standings(),
    [{ fault: /fetch failed/, signedSize: before }],
    'told where it stands, and lost again',
  );
  b.lines[0] = honest;
  b.world.advance(LONGEST_PAUSE_MS);
  await b.take();
  t.match(b.cosigning.standings(), [{ fault: null }]);
  t.ok(((await signedSize(b)) ?? 0) > (before ?? 0), 'its line is stored');
});

t.test(
  'one that is silent, away, or does not know us costs the others nothing and is asked less and less often',
  async (t) => {
    const silent: Line = async () => null;
    const b = await cosignedLedger(t, 1, 3, ([first]) => [
      first ?? silent,
      silent,
      async () => new Response('?', { status: 404 }),
    ]);
    await b.grow('a');
    b.cosigning.wake();
    await until(async () => (await signedSize(b)) !== null);
    b.world.advance(COSIGNER_TIMEOUT_MS);
    await b.cosigning.idle();
    t.match(
      b.cosigning.standings().map(({ fault }) => fault),
      [null, /no answer within 1000 ms/, /404/],
    );
    t.strictSame(b.troubles.map(([name]) => name).sort(), ['w1', 'w2'], 'said once each');
    let asked = 0;
    b.lines[2] = async () => {
      asked += 1;
      return new Response('?', { status: 403 });
    };
    b.lines[1] = b.lines[2];
    const pauses: number[] = [];
    let waited = 0;
    for (let n = 0; n < 70; n++) {
      b.world.advance(1_000);
      waited += 1_000;
      const before = asked;
      await b.take();
      if (asked > before) {
        pauses.push(waited);
        waited = 0;
      }
    }
    t.strictSame(pauses.slice(0, 6), [1_000, 1_000, 2_000, 4_000, LONGEST_PAUSE_MS, LONGEST_PAUSE_MS]);
    t.match(b.cosigning.standings()[2]?.fault, /403/);
    b.lines[2] = answersOf(b.cosigners[2] ?? absent());
    b.world.advance(LONGEST_PAUSE_MS);
    await b.take();
    t.equal(b.cosigning.standings()[2]?.fault, null);
    t.strictSame(b.troubles.at(-1), ['w2', null], 'and that it signs again');
  },
);

t.test(
  'an answer that is none is trouble and no alarm: other keys’ lines, bad signatures, floods, other statuses',
  async (t) => {
    const b = await cosignedLedger(t, 1, 1);
    const stranger = await cosignerBench(t, { name: 'stranger.test', vkey: b.vkey });
    const own = answersOf(b.cosigners[0] ?? absent());
    const answers: Line[] = [
      answersOf(stranger),
      async () => new Response('— cosigner.test/0 AAAA\n'),
      async () => new Response(''),
      async (body, path) => {
        const text = (await (await own(body, path))?.text()) ?? '';
        return new Response(text.replace(/....\n$/, 'AAA=\n'));
      },
      async () => new Response('x'.repeat(20_000)),
      async () => new Response('', { status: 500 }),
      async () => new Response('', { status: 429 }),
      async () => new Response('12a\n', { status: 500, headers: { 'content-type': 'text/x.tlog.size' } }),
      async () => Promise.reject(new TypeError('fetch failed', { cause: new Error('ECONNREFUSED') })),
    ];
    for (const answer of answers) {
      await b.grow('a');
      b.lines[0] = answer;
      b.world.advance(LONGEST_PAUSE_MS);
      await b.take();
      t.equal(typeof b.cosigning.standings()[0]?.fault, 'string');
      t.equal(b.alarms.length, 0);
    }
    t.equal(await signedSize(b), null);
  },
);

t.test('a database and a guard that were put back together are caught by a cosigner that remembers', async (t) => {
  const b = await cosignedLedger(t, 1, 1);
  const first = b.signer.released(origin) ?? absent();
  await b.grow('a');
  await b.take();
  const size = b.signer.released(origin)?.size ?? 0;
  // The older state of both: the ledger of one entry, in a database of its own with the same rows.
  const older = await testDb(t);
  for (const table of ['logs', 'entries', 'checkpoints'] as const) {
    const rows = await b.sql`SELECT * FROM ${b.sql(table)} WHERE origin = ${origin}`;
    const kept = rows.filter((row) => table === 'logs' || (row['seq'] ?? row['size'] - 1) < 1);
    const reset = { size: 1, frontier: first.root, root: first.root };
    for (const row of kept)
      await older.sql`INSERT INTO ${older.sql(table)} ${older.sql(table === 'logs' ? { ...row, ...reset } : row)}`;
  }
  const putBack = createCosigning({ ...b.parts, sql: older.sql, signer: { released: () => first } }, origin);
  putBack.wake();
  await putBack.idle();
  t.match(b.alarms, [{ code: 'cosigner_is_ahead', itsSize: size }]);
  t.match(b.alarms[0]?.itsNote, new RegExp(`^${origin}\\n${size}\\n`), 'the note it shows carries our own signature');
});

t.test('a process whose term is over and whose news is old raises no alarm', async (t) => {
  const b = await cosignedLedger(t, 1, 1);
  await b.grow('a');
  const old = b.signer.released(origin) ?? absent();
  await b.grow('a');
  await b.take();
  const late = createCosigning({ ...b.parts, signer: { released: () => old } }, origin);
  late.wake();
  await late.idle();
  t.equal(b.alarms.length, 0);
});

t.test(
  'an opening’s entries are cosigned when the ledger’s head that holds them is, by the opening’s own cosigners',
  async (t) => {
    const b = await cosignedLedger(t, 2, 2, ([first, second]) => [first ?? absent(), second ?? absent()]);
    const log = openingOrigin(PLATFORM, 'a');
    await b.grow('a');
    const all = quorumOf(b.policy);
    const asks = (size: number, quorum = all) => isCosignedIn(origin)(b.sql, { origin: log, size }, quorum);
    t.equal(await asks(1), false);
    b.lines[1] = async () => new Response('', { status: 500 });
    await b.take();
    t.equal(await asks(1), false, 'one of two');
    t.equal(await asks(1, { ...all, quorum: 1 }), true);
    t.equal(await cosignedOpening(b.sql, { ledger: origin, origin: log }, all), null, 'two must, one has');
    t.strictSame(await cosignedOpening(b.sql, { ledger: origin, origin: log }, { ...all, quorum: 1 }), {
      size: 1,
      by: 1,
    });
    t.equal(
      await cosignedOpening(b.sql, { ledger: origin, origin: openingOrigin(PLATFORM, 'b') }, { ...all, quorum: 1 }),
      null,
      'another opening',
    );
    t.equal(await asks(2, { ...all, quorum: 1 }), false, 'an entry it does not have yet');
    t.equal(await asks(1, { quorum: 1, vkeys: [all.vkeys[1] ?? ''] }), false, 'another cosigner than the one it names');
    b.lines[1] = answersOf(b.cosigners[1] ?? absent());
    b.world.advance(LONGEST_PAUSE_MS);
    await b.take();
    t.equal(await asks(1), true);
    t.strictSame(await cosignedOpening(b.sql, { ledger: origin, origin: log }, all), { size: 1, by: 2 });
    t.equal(
      await cosignedOpening(b.sql, { ledger: origin, origin: log }, { quorum: 0, vkeys: [] }),
      null,
      'nobody is asked',
    );
    t.equal(
      await asks(1, { quorum: 2, vkeys: [all.vkeys[0] ?? '', all.vkeys[0] ?? ''] }),
      false,
      'one named twice is one',
    );
  },
);

t.test('rows that somebody wrote into the database are no cosignatures', async (t) => {
  const b = await cosignedLedger(t, 2, 2);
  const all = quorumOf(b.policy);
  const log = openingOrigin(PLATFORM, 'a');
  const row = (size: number, vkey: string, line: string) => b.sql`
    INSERT INTO cosignatures (size, vkey, line, received_at) VALUES (${size}, ${vkey}, ${line}, 0)`;
  const asks = (size: number) => isCosignedIn(origin)(b.sql, { origin: log, size }, all);
  await b.grow('a');
  await b.take();
  const first = (await cosignedHead(b.sql, origin, all)) ?? absent();
  t.match(first.note, /cosigner\.test\/0 .*\n.*cosigner\.test\/1 .*\n$/);
  // of a size that no head has: nothing is taken for signed, and what is shown goes on
  const publisher = await openPublisher(b, origin, b.policy);
  for (const vkey of all.vkeys) await row(2 ** 52, vkey, 'x');
  t.equal(await signedSize(b), first.size);
  await b.grow('a');
  const second = b.signer.released(origin) ?? absent();
  t.equal(await asks(2), false);
  t.strictSame(await cosignedOpening(b.sql, { ledger: origin, origin: log }, all), { size: 1, by: 2 });
  const anew = createCosigning(b.parts, origin);
  anew.wake();
  await anew.idle();
  t.equal(await signedSize(b), second.size, 'a process that begins anew asks them all the same');
  await publisher.advance();
  t.equal((await createPublishedHead(b.sql, origin, b.policy).of(second)).size, second.size);
  t.equal(await asks(2), true);
  // of a head that there is: words, and lines of another head
  const lines = first.note.split('\n').slice(-3, -1);
  const writings = [['x', 'x'], lines, [...lines].reverse(), ['', `${lines[1]}\n${lines[1]}`]];
  while (writings.length < BAD_HEADS_LIMIT) writings.push(['x', 'y']);
  for (const [n, [one = '', other = '']] of writings.entries()) {
    await b.grow('a');
    const head = b.signer.released(origin) ?? absent();
    await row(head.size, all.vkeys[0] ?? '', one);
    await row(head.size, all.vkeys[1] ?? '', other);
    t.equal(await signedSize(b), second.size, `${n + 1} heads with such rows`);
    t.equal(await asks(n + 3), false);
    await publisher.advance();
    t.equal((await createPublishedHead(b.sql, origin, b.policy).of(head)).size, second.size);
  }
  t.strictSame([...(await lastSigned(b.sql, origin, all.vkeys)).values()], [second.size, second.size]);
  await b.grow('a');
  for (const vkey of all.vkeys) await row(b.signer.released(origin)?.size ?? 0, vkey, 'x');
  t.equal(await signedSize(b), null, 'one more, and no further head is looked at');
});

t.test(
  'a signed head under another size or name, and an index that names another entry, count for nothing',
  async (t) => {
    const b = await cosignedLedger(t, 1, 1);
    const all = quorumOf(b.policy);
    await b.grow('a');
    await b.take();
    const head = (await cosignedHead(b.sql, origin, all)) ?? absent();
    const line = head.note.trimEnd().split('\n').at(-1) ?? '';
    const size = head.size + 1_000;
    await b.sql`INSERT INTO checkpoints (origin, size, note) VALUES (${origin}, ${size}, ${head.note})`;
    await b.sql`INSERT INTO cosignatures (size, vkey, line, received_at) VALUES (${size}, ${all.vkeys[0] ?? ''}, ${line}, 0)`;
    t.equal(await signedSize(b), head.size);
    const log = openingOrigin(PLATFORM, 'a');
    for (const [n, seq] of [0, head.size - 1, size].entries()) {
      await b.sql`INSERT INTO ledger_heads (origin, size, ledger_seq) VALUES (${log}, ${10 - n}, ${seq})`;
      t.equal(await isCosignedIn(origin)(b.sql, { origin: log, size: 10 - n }, all), false);
    }
    t.equal(await isCosignedIn(origin)(b.sql, { origin: log, size: 1 }, all), true);
    t.equal(await cosignedOpening(b.sql, { ledger: origin, origin: log }, all), null);
  },
);

t.test('the newest cosigned head is found by reading a few rows, however long the ledger has grown', async (t) => {
  const { sql, superuser } = await testDb(t);
  const ledger = 'old.test/ledger';
  const heads = 3_000;
  await sql.begin((tx) => createLog(tx, { origin: ledger, kind: 'ledger', openingId: null }));
  await sql`INSERT INTO checkpoints (origin, size, note)
    SELECT ${ledger}, n, ${ledger} || E'\\n' || n || E'\\n' || ${ROOT} || E'\\n\\n— ' || ${ledger} || E' AAAAAAA=\\n' FROM generate_series(1, ${heads}) n`;
  // the first signs no more since long ago
  await sql`INSERT INTO cosignatures (size, vkey, line, received_at)
    SELECT n, v, 'no line', 0 FROM generate_series(1, ${heads}) n, unnest(ARRAY['a', 'b', 'c']) v WHERE v <> 'a' OR n < 100`;
  await superuser`ANALYZE`;
  const read = () =>
    sql.begin(async (tx) => {
      for (const [quorum, vkeys] of [
        [1, ['a']],
        [1, ['b']],
        [2, ['b', 'c']],
        [2, ['a', 'b']],
        [3, ['a', 'b', 'c']],
      ] as const)
        t.equal(await cosignedHead(tx, ledger, { quorum, vkeys }), null, 'none of the lines verifies');
      const [rows] = await tx<
        { read: number }[]
      >`SELECT sum(seq_tup_read + idx_tup_fetch)::bigint AS read FROM pg_stat_xact_user_tables
      WHERE relname IN ('checkpoints', 'cosignatures')`;
      return rows?.read ?? 0;
    });
  const perHead = 15;
  const rows = await read();
  t.ok(rows <= 5 * (BAD_HEADS_LIMIT + 1) * perHead, `${rows} rows`);
});

t.test('a cosigner outside the quorum is asked as well, for the openings that still name it', async (t) => {
  const b = await cosignedLedger(t, 1, 2);
  const [kept = absent(), replaced = absent()] = b.cosigners;
  const lines = [kept, replaced].map(({ vkey }, n) => `witness w${n} ${vkey} http://w${n}.test`);
  const policy = cosignerPolicyOf(utf8(`${lines.join('\n')}\nwitness x ${away(3)}\nquorum w0\n`));
  t.match(policy, { quorum: 1, cosigners: [{ name: 'w0' }], others: [{ name: 'w1', url: 'http://w1.test' }] });
  const cosigning = createCosigning({ ...b.parts, policy }, origin);
  await b.grow('a');
  cosigning.wake();
  await cosigning.idle();
  const held = { origin: openingOrigin(PLATFORM, 'a'), size: 1 };
  t.equal(await isCosignedIn(origin)(b.sql, held, { quorum: 1, vkeys: [replaced.vkey] }), true);
  t.equal(await isCosignedIn(origin)(b.sql, held, { quorum: 2, vkeys: [kept.vkey, replaced.vkey] }), true);
  t.throws(() => cosignerPolicyOf(utf8(`witness x ${away(3)}\nquorum x\n`)), { code: 'cosigner_policy_refused' });
});

t.test('the ledger has its heads cosigned in its own rhythm, and stops with it', async (t) => {
  const world = steppedWorld();
  const probe = await cosignerBench(t);
  const lines: Line[] = [async () => new Response('', { status: 500 })];
  const b = await ledgerBench(t, {
    world,
    cosigning: {
      policy: policyOf(1, [probe]),
      fetch: networkOf(lines),
      onAlarm: async () => void t.fail('an alarm'),
      onClaim: async () => void t.fail('a claim'),
      onTrouble: () => undefined,
    },
  });
  await b.ledger.takeRegister();
  await b.ledger.cosign();
  t.match(b.ledger.cosigners(), [{ name: 'w0', fault: /500/ }]);
  await b.ledger.close();
  await b.ledger.close();
});

const ROOT = Buffer.alloc(32).toString('base64');

/** The size of the newest head that a quorum signed. */
const signedSize = async ({ sql, policy }: Pick<Awaited<ReturnType<typeof cosignedLedger>>, 'sql' | 'policy'>) =>
  (await cosignedHead(sql, origin, quorumOf(policy)))?.size ?? null;

/** A cosigner without an address. */
const away = (seed: number): string => logKey('away.test', seed, KEY_TYPES.cosignature).vkey;

function absent(): never {
  throw new Error('the test lacks what it prepared');
}

async function until(is: () => Promise<boolean>): Promise<void> {
  while (!(await is())) await new Promise((again) => setImmediate(again));
}
