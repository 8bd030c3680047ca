/** Logging in over HTTP, and what the operator may do there: origins, renewal, tickets, and the ledger that hears of it first. */
import { generateKeyPairSync, sign } from 'node:crypto';
import { toBase64 } from '../../server/core/log/base64.ts';
import { parseEntry } from '../../server/core/log/entry.ts';
import { emptyRoot } from '../../server/core/log/merkle.ts';
import { ledgerOrigin } from '../../server/core/log/origin.ts';
import { parsePem } from '../../server/core/pki/certificate.ts';
import { signAct, signLogin } from '../../server/core/pki/person-jws.ts';
import { sha256 } from '../../server/hash.ts';
import { PLATFORM_SUBJECT } from '../../server/http/operator.ts';
import { accountOf, logIn, organisation, type Person, person, sessionKey, signerOf } from '../identity/stage.ts';
import t from '../support/tap.ts';
import { OPENING_ID, ORIGIN, problemIn, proofFor, setBench } from './bench.ts';

const bench = await setBench(t);
await bench.create();
const { stage } = bench;
const { world, ca } = stage;
const post = (url: string, payload: object, headers: Record<string, string> = {}, who: Person | null = null) =>
  bench.ask(who, { method: 'POST', url, payload, headers });

t.test('challenge, login and a first request, as a page does it', async (t) => {
  const holder = organisation(50);
  const session = await sessionKey();
  const challenge = (await post('/auth/challenge', { jkt: session.jkt }, { origin: ORIGIN })).json();
  t.match(challenge, { aud: 'kaibiao.test', origin: ORIGIN, purpose: 'login', now: world.now() });
  const signer = signerOf(await ca.issue({ holder, usage: 'sign', key: 'p256' }), 'ES256');
  const login = await signLogin(sha256, signer, {
    challenge,
    account: accountOf(holder),
    jwk: session.jwk,
    iatSeconds: Math.floor(world.now() / 1000),
  });
  const answer = await post('/auth/login', { login });
  t.equal(answer.statusCode, 200, answer.body);
  const granted = answer.json();
  t.match(granted, { account: { id: holder.creditCode, kind: 'bidder' }, sessionEndsAt: world.now() + 43_200_000 });
  t.equal(answer.headers['cache-control'], 'no-store');
  const caller = {
    account: granted.account.id,
    sessionId: granted.sessionId,
    jkt: session.jkt,
    certSha256: granted.certSha256,
  };
  const me = { ...granted, account: holder.creditCode, signer, session, login, caller } as Person;
  t.equal((await post('/auth/ticket', { openingId: OPENING_ID, role: 'public' }, {}, me)).statusCode, 200);
  t.equal(problemIn(await post('/auth/login', { login })), '401 challenge_used');
  t.equal((await post('/auth/logout', {}, {}, me)).statusCode, 200);
  t.equal(
    problemIn(await post('/auth/ticket', { openingId: OPENING_ID, role: 'public' }, {}, me)),
    '401 session_ended',
  );
});

t.test('a page of another origin logs nobody in', async (t) => {
  const jkt = 'A'.repeat(43);
  t.equal(
    problemIn(await post('/auth/challenge', { jkt }, { origin: 'https://evil.example' })),
    '403 origin_not_allowed',
  );
  t.equal(problemIn(await post('/auth/challenge', { jkt }, { origin: 'null' })), '403 origin_not_allowed');
  t.equal((await post('/auth/challenge', { jkt })).statusCode, 200, 'a command line has no page');
  t.equal(problemIn(await post('/auth/challenge', { jkt: 'short' })), '400 request_malformed');
  t.equal(problemIn(await post('/auth/challenge', { jkt, password: 'x' })), '400 request_malformed');
});

t.test('a token that has run out is renewed by its key, not by its text', async (t) => {
  const host = await bench.official('host');
  const { authorization, dpop } = await proofAt(host, '/auth/renew');
  const renewed = await post('/auth/renew', {}, { authorization, dpop });
  t.equal(renewed.statusCode, 200, renewed.body);
  t.equal(problemIn(await post('/auth/renew', {}, { authorization, dpop })), '401 proof_replayed');
  t.equal(problemIn(await post('/auth/renew', {}, { authorization })), '401 proof_missing');
  const elsewhere = await proofAt(host, '/auth/ticket');
  t.equal(problemIn(await post('/auth/renew', {}, elsewhere)), '401 proof_of_other_request');
});

async function proofAt(who: Person, path: string): Promise<{ authorization: string; dpop: string }> {
  return (await proofFor(stage, who, 'POST', path)) as { authorization: string; dpop: string };
}

t.test('a proof is for one request: another address, another method, another time', async (t) => {
  const host = await bench.official('host');
  const ticket = { openingId: OPENING_ID, role: 'host' };
  const proof = await proofAt(host, '/auth/ticket');
  t.equal(
    problemIn(await bench.ask(null, { url: `/openings/${OPENING_ID}/entries`, headers: proof })),
    '401 proof_of_other_request',
  );
  t.equal((await post('/auth/ticket', ticket, proof)).statusCode, 200);
  t.equal(problemIn(await post('/auth/ticket', ticket, proof)), '401 proof_replayed');
  const old = await proofAt(host, '/auth/ticket');
  world.advance(61_000);
  t.equal(problemIn(await post('/auth/ticket', ticket, old)), '401 proof_out_of_time');
});

let operator: Awaited<ReturnType<typeof logIn>>;

/** An operator's signed act. */
async function operate(who: Person, url: string, type: string, id: string, data: Record<string, unknown>) {
  const act = await signAct(sha256, who.session, {
    account: who.account,
    platform: 'kaibiao.test',
    openingId: PLATFORM_SUBJECT,
    command: id,
    type,
    data: data as never,
    headSeen: { size: 0, root: toBase64(emptyRoot(sha256)) },
    iatSeconds: Math.floor(world.now() / 1000),
  });
  return post(url, { id, ...data, act }, {}, who);
}

const typesOnLedger = async (): Promise<string[]> => {
  const rows = await stage.database.sql<{ bytes: Uint8Array }[]>`
    SELECT bytes FROM entries WHERE origin = ${ledgerOrigin('kaibiao.test')} ORDER BY seq`;
  return rows.map(({ bytes }) => parseEntry(bytes).type);
};

t.test('the operator lets an official in, and the ledger says so', async (t) => {
  operator = await logIn(stage, person(900, 'OP'), 'p256');
  const holder = person(60, 'NEW');
  const issued = await ca.issue({ holder, usage: 'sign', key: 'p256' });
  const x5c = parsePem(issued.certificatePem + issued.chainPem).map(({ der }) => toBase64(der));
  const host = await bench.official('host');
  t.equal(problemIn(await operate(host, '/accounts', 'LetIn', 'a-1', { x5c, kind: 'official' })), '403 not_operator');
  t.notOk((await typesOnLedger()).includes('OperatorActed'));
  const answer = await operate(operator, '/accounts', 'LetIn', 'a-1', { x5c, kind: 'official' });
  t.equal(answer.statusCode, 200, answer.body);
  t.match(answer.json(), { account: accountOf(holder), name: holder.name });
  t.ok((await typesOnLedger()).includes('OperatorActed'));
  t.equal(
    problemIn(await operate(operator, '/accounts', 'LetIn', 'a-2', { x5c, kind: 'official' })),
    '409 account_exists',
  );
  t.equal(
    problemIn(await operate(operator, '/accounts', 'EnableAccount', 'a-3', { x5c, kind: 'official' })),
    '400 act_other_type',
  );
  t.equal(
    problemIn(await operate(operator, '/accounts', 'LetIn', 'a-4', { x5c: ['AAAA'], kind: 'official' })),
    '400 certificate_malformed',
  );
  t.ok(await logIn(stage, holder, 'p256'));
});

t.test('an act of the operator’s signed by another key is refused', async (t) => {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const forger = {
    ...operator,
    session: {
      ...operator.session,
      sign: async (data: Uint8Array) =>
        new Uint8Array(sign('sha256', data, { key: privateKey, dsaEncoding: 'ieee-p1363' })),
    },
  };
  const issued = await ca.issue({ holder: person(62, 'X'), usage: 'sign', key: 'p256' });
  const x5c = parsePem(issued.certificatePem).map(({ der }) => toBase64(der));
  const data = { x5c, kind: 'official' };
  const act = await signAct(sha256, forger.session, {
    account: operator.account,
    platform: 'kaibiao.test',
    openingId: PLATFORM_SUBJECT,
    command: 'f-1',
    type: 'LetIn',
    data,
    headSeen: { size: 0, root: toBase64(emptyRoot(sha256)) },
    iatSeconds: Math.floor(world.now() / 1000),
  });
  t.equal(problemIn(await post('/accounts', { id: 'f-1', ...data, act }, {}, operator)), '401 act_signature_bad');
});
