/** Openings and commands over HTTP: created, commanded, read; and every way in that must stay shut. */
import { openCheckpoint } from '../../server/core/log/checkpoint.ts';
import { leafHash } from '../../server/core/log/merkle.ts';
import { ed25519Verifier, parseVkey } from '../../server/core/log/note.ts';
import { verifyProof } from '../../server/core/log/proof.ts';
import { utf8 } from '../../server/core/log/utf8.ts';
import { sha256 } from '../../server/hash.ts';
import { malleated } from '../identity/stage.ts';
import { verifyEd25519 } from '../support/log-fixtures.ts';
import t from '../support/tap.ts';
import { MINUTE, OPENING_ID, originOf, problemIn, setBench } from './bench.ts';

const bench = await setBench(t);
await bench.create();
const host = await bench.official('host');
const url = `/openings/${OPENING_ID}/commands`;

t.test('an opening at a glance says what stands in clear on its log', async (t) => {
  const answer = await bench.ask(null, { url: `/openings/${OPENING_ID}` });
  t.equal(answer.statusCode, 200);
  const glance = answer.json();
  t.match(glance, {
    openingId: OPENING_ID,
    phase: 'Scheduled',
    rehearsal: true,
    bids: null,
    window: null,
    deadlineAt: bench.deadlineAt,
  });
  t.equal(glance.log.origin, originOf());
  const verifier = ed25519Verifier(parseVkey(sha256, glance.log.vkey), verifyEd25519);
  t.equal((await openCheckpoint(glance.log.checkpoint, verifier)).checkpoint.size, glance.log.size);
  const { openings } = (await bench.ask(null, { url: '/openings' })).json();
  t.strictSame(
    openings.map((o: { openingId: string }) => o.openingId),
    [OPENING_ID],
  );
});

t.test('openings created in one instant are all listed, page by page, each once', async (t) => {
  const { superuser } = bench.stage.database;
  const count = 205;
  await superuser`INSERT INTO openings (id, title, phase, deadline_at, opening_at, created_at)
    SELECT 'crowd-' || n, 'crowd', 'Scheduled', 1, 1, 1 FROM generate_series(1, ${count}) n`;
  t.teardown(() => superuser`DELETE FROM openings WHERE title = 'crowd'`);
  const found: string[] = [];
  const lengths: number[] = [];
  for (let before = ''; lengths.length < 5; before = `?before=${found[found.length - 1]}`) {
    const { openings } = (await bench.ask(null, { url: `/openings${before}` })).json();
    found.push(...openings.map((o: { openingId: string }) => o.openingId));
    lengths.push(openings.length);
    if (openings.length < 100) break;
  }
  t.strictSame(lengths, [100, 100, count + 1 - 200]);
  t.equal(new Set(found).size, count + 1);
  t.equal(found[0], OPENING_ID, 'the newest first');
  t.equal(problemIn(await bench.ask(null, { url: '/openings?before=nobody' })), '404 no_such_opening');
});

t.test('a command is answered with its entry and a proof that anyone can check', async (t) => {
  const answer = await bench.command(host, 'host', 'ProposeAbort', { reason: '演练终止' });
  t.equal(answer.statusCode, 200, answer.body);
  const { seqs, entries, checkpoint, proofs, receipt } = answer.json();
  t.equal(receipt, null);
  t.equal(JSON.parse(entries[0]).type, 'AbortProposed');
  const { log } = (await bench.ask(null, { url: `/openings/${OPENING_ID}` })).json();
  const proven = await verifyProof({
    sha256,
    proof: proofs[0],
    leaf: leafHash(sha256, utf8(entries[0])),
    logKey: ed25519Verifier(parseVkey(sha256, log.vkey), verifyEd25519),
  });
  t.match(proven, { ok: true, index: seqs[0] });
  t.match(checkpoint, /^kaibiao\.test\/opening\//);
});

t.test('the same command again gets its first answer, another under its id a refusal', async (t) => {
  const first = await bench.command(host, 'host', 'ProposeAbort', { reason: '其一' }, OPENING_ID, 'twice');
  const again = await bench.command(host, 'host', 'ProposeAbort', { reason: '其一' }, OPENING_ID, 'twice');
  t.strictSame(again.json().seqs, first.json().seqs);
  t.equal(
    problemIn(await bench.command(host, 'host', 'ProposeAbort', { reason: '其二' }, OPENING_ID, 'twice')),
    '409 command_id_reused',
  );
});

t.test('an act with its signature’s other half is no new act', async (t) => {
  const request = await requestOf(host, 'ProposeAbort', { reason: '其一' });
  const send = (act: string) =>
    bench.ask(host, { method: 'POST', url: `/openings/${OPENING_ID}/commands`, payload: { ...request, act } });
  const first = await send(request.act);
  t.equal(first.statusCode, 200, first.body);
  const again = await send(malleated(request.act));
  t.equal(again.statusCode, 200, 'as valid as the first');
  t.same(again.json().seqs, first.json().seqs, 'and it is the first');
  const [count] = await bench.stage.database.sql<{ n: number }[]>`
    SELECT count(*)::int AS n FROM commands WHERE command_id = ${request.id}`;
  t.equal(count?.n, 1);
});

t.test('refusals of the rules come with their code and both languages', async (t) => {
  t.equal(problemIn(await bench.command(host, 'host', 'OpenWindow')), '409 too_early');
  const { zh, en } = JSON.parse((await bench.command(host, 'host', 'OpenWindow')).body);
  t.match([zh, en], [/尚未/, /not come/]);
  const witness = await bench.official('witness');
  t.equal(problemIn(await bench.command(witness, 'witness', 'PublishRoster')), '403 role_not_allowed');
});

t.test('nobody commands in a role that is not theirs, or in anyone else’s name', async (t) => {
  const [witness, bidder] = [await bench.official('witness'), await bench.bidder(1)];
  t.equal(problemIn(await bench.command(witness, 'host', 'PublishRoster')), '403 role_not_held');
  t.equal(problemIn(await bench.command(bidder, 'host', 'PublishRoster')), '403 role_not_held');
  t.equal(
    problemIn(await bench.command(bidder, 'bidder', 'RaiseObjection', { text: '异议' })),
    '403 role_not_held',
    'not on the register',
  );
  t.equal(
    problemIn(await bench.command(host, 'host', 'CheckIn')),
    '403 role_not_allowed',
    'only bidders act on the register',
  );
  // Another's act in one's own request.
  const theirs = JSON.parse((await bench.command(witness, 'witness', 'RequestSuspension', { reason: '甲' })).body);
  t.equal(theirs.code, 'too_early');
  const act = (await requestOf(witness, 'ProposeAbort', { reason: '乙' })).act;
  const answer = await bench.ask(host, {
    method: 'POST',
    url,
    payload: { id: 'stolen', type: 'ProposeAbort', data: { reason: '乙' }, role: 'host', act },
  });
  t.ok(
    ['400 act_other_command', '401 act_signature_bad', '403 act_of_other_account'].includes(problemIn(answer)),
    answer.body,
  );
});

/** The body of a command as it would be sent. */
async function requestOf(who: Parameters<typeof bench.command>[0], type: string, data: Record<string, string>) {
  let sent: Record<string, unknown> = {};
  const ask = bench.ask;
  bench.ask = (async (_who: unknown, request: { payload: Record<string, unknown> }) => {
    sent = request.payload;
    return { statusCode: 0 };
  }) as never;
  await bench.command(who, 'host', type, data);
  bench.ask = ask;
  return sent as { id: string; act: string };
}

t.test(
  'data that is not the command’s, unknown commands and machines’ commands are refused before anything else',
  async (t) => {
    t.equal(problemIn(await bench.command(host, 'host', 'ProposeAbort', { reason: '' })), '422 command_data_malformed');
    t.equal(
      problemIn(await bench.command(host, 'host', 'ProposeAbort', { reason: '甲', price: '1' })),
      '422 command_data_malformed',
    );
    t.equal(problemIn(await bench.command(host, 'host', 'RewriteRecord')), '422 command_unknown');
    t.equal(problemIn(await bench.command(host, 'host', 'CloseWindow')), '422 command_unknown');
    t.equal(
      problemIn(await bench.command(host, 'host', 'LodgeBid')),
      '422 command_unknown',
      'bytes have an address of their own',
    );
  },
);

t.test('unknown members are refused, not dropped; nothing is coerced', async (t) => {
  const { act } = await requestOf(host, 'ProposeAbort', { reason: '丙' });
  const good = { id: 'x', type: 'ProposeAbort', data: { reason: '丙' }, role: 'host', act };
  for (const payload of [
    { ...good, admin: true },
    { ...good, id: 7 },
    { ...good, role: 'clock' },
    { ...good, act: 'not a jws' },
    { ...good, id: '有空格 的' },
    [],
  ])
    t.equal(
      problemIn(await bench.ask(host, { method: 'POST', url, payload: payload as never })),
      '400 request_malformed',
    );
  t.equal(
    problemIn(await bench.ask(null, { url: `/openings/${OPENING_ID}/entries?after=1e3` })),
    '400 request_malformed',
  );
  t.equal(problemIn(await bench.ask(null, { url: `/openings/${OPENING_ID}/entries?aftr=1` })), '400 request_malformed');
  t.equal(problemIn(await bench.ask(null, { url: '/openings/NOT_AN_ID' })), '400 request_malformed');
});

t.test('bodies that are too large, no JSON or of another type are problems, too', async (t) => {
  const send = (payload: string, type = 'application/json') =>
    bench.ask(host, { method: 'POST', url, payload, headers: { 'content-type': type } });
  t.equal(problemIn(await send(`"${'x'.repeat(300_000)}"`)), '413 body_too_large');
  t.equal(problemIn(await send('{"id":')), '400 request_malformed');
  t.equal(problemIn(await send('')), '400 request_malformed');
  t.equal(problemIn(await send('<a/>', 'text/xml')), '415 media_type_not_taken');
  t.equal(problemIn(await send('{"__proto__":{"role":"host"}}')), '400 request_malformed');
});

t.test(
  'without a token, with a bad one, without a proof or with another’s: 401, before the body is read',
  async (t) => {
    const payload = 'not even JSON';
    const headers = { 'content-type': 'application/json' };
    const missing = await bench.ask(null, { method: 'POST', url, payload, headers });
    t.equal(problemIn(missing), '401 token_missing');
    t.match(missing.headers['www-authenticate'], /^DPoP/);
    const send = (changes: Record<string, string>) =>
      bench.ask(null, { method: 'POST', url, payload, headers: { ...headers, ...changes } });
    t.equal(problemIn(await send({ authorization: 'DPoP nonsense' })), '401 token_invalid');
    t.equal(problemIn(await send({ authorization: `Bearer ${host.accessToken}` })), '401 token_missing');
    t.equal(problemIn(await send({ authorization: `DPoP ${host.accessToken}` })), '401 proof_missing');
    const supervisor = await bench.official('supervisor');
    const other = await bench.ask(supervisor, {
      method: 'POST',
      url,
      payload,
      headers: { ...headers, authorization: `DPoP ${host.accessToken}` },
    });
    t.equal(problemIn(other), '401 proof_of_other_key');
  },
);

t.test('a bad credential is never taken for the public', async (t) => {
  const answer = await bench.ask(null, {
    url: `/openings/${OPENING_ID}/entries`,
    headers: { authorization: 'DPoP nonsense' },
  });
  t.equal(problemIn(answer), '401 token_invalid');
});

t.test('only officials create openings, as their host, with officials in the roles', async (t) => {
  const bidder = await bench.bidder(1);
  const entry = await bench.ask(null, { url: `/openings/${OPENING_ID}` });
  const { details, policy } = entry.json();
  const body = (openingId: string, account: string) => ({
    id: 'create',
    openingId,
    profile: 'rehearsal',
    details,
    policy,
    assignments: [{ account, role: 'host' }],
    act: 'a.b.c',
  });
  const create = (who: typeof host, payload: object) => bench.ask(who, { method: 'POST', url: '/openings', payload });
  t.equal(problemIn(await create(bidder, body('other-1', bidder.account))), '409 not_official');
  t.equal(problemIn(await create(host, body('other-1', bidder.account))), '409 not_official');
  t.equal(problemIn(await create(host, body('other-1', 'nobody'))), '403 account_unknown');
  t.equal(problemIn(await create(host, body('other-1', host.account))), '400 act_malformed');
});

t.test('an opening that is not there is 404 everywhere', async (t) => {
  for (const path of ['', '/entries', '/record'])
    t.equal(problemIn(await bench.ask(null, { url: `/openings/nowhere-1${path}` })), '404 no_such_opening');
  t.equal(problemIn(await bench.command(host, 'host', 'PublishRoster', {}, 'nowhere-1')), '403 role_not_held');
  t.equal(problemIn(await bench.ask(null, { url: `/openings/${OPENING_ID}/record` })), '404 no_record_yet');
  t.equal(problemIn(await bench.ask(null, { url: '/nowhere' })), '404 no_such_address');
  t.equal(
    problemIn(await bench.ask(null, { method: 'DELETE', url: `/openings/${OPENING_ID}` })),
    '404 no_such_address',
  );
});

t.test('check-in over HTTP gives a receipt, and fifty at once are one act', async (t) => {
  const bidder = await bench.bidder(1);
  await bench.lodge(bidder, 1);
  await bench.passTo(bench.deadlineAt - MINUTE);
  await bench.untilPhase('CheckIn');
  const answers = await Promise.all(
    Array.from({ length: 50 }, (_, n) => bench.command(bidder, 'bidder', 'CheckIn', {}, OPENING_ID, `in-${n}`)),
  );
  t.ok(answers.every(({ statusCode }) => statusCode === 200));
  t.equal(new Set(answers.map((answer) => answer.json().receipt)).size, 1, 'one receipt, given fifty times');
  const acts = await bench.stage.database.sql`SELECT FROM register_acts WHERE type = 'CheckedIn'`;
  t.equal(acts.length, 1);
});
