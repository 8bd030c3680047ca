/** Lodging and decrypting over HTTP: what the gate lets in, what it leaves behind, and who may deliver what. */
import { mkdir, readdir } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { join } from 'node:path';
import { decryptBid } from '../../server/client/decrypt-statement.ts';
import { fromBase64, toBase64 } from '../../server/core/log/base64.ts';
import { ed25519Verifier, parseVkey } from '../../server/core/log/note.ts';
import { verifyRegisterProof } from '../../server/core/log/register-proof.ts';
import { utf8 } from '../../server/core/log/utf8.ts';
import { parsePem } from '../../server/core/pki/certificate.ts';
import type { ReceiptPayload } from '../../server/core/seal/receipt.ts';
import { payloadSha256 } from '../../server/core/seal/statement.ts';
import { sha256 } from '../../server/hash.ts';
import { BID_MEDIA_TYPE } from '../../server/http/bid-upload.ts';
import { verifyJwsSignature } from '../../server/identity/signature.ts';
import { openVaultFolder } from '../../server/vault/vault-folder.ts';
import { systemWorld } from '../../server/world.ts';
import { organisation, type Person } from '../identity/stage.ts';
import { newFolder } from '../support/folder.ts';
import { verifyEd25519 } from '../support/log-fixtures.ts';
import { until } from '../support/recorder.ts';
import t from '../support/tap.ts';
import { type Answer, OPENING_ID, problemIn, proofFor, setBench } from './bench.ts';
import { bidderWithKeys, receiptIn } from './sealing-bidders.ts';

const folder = await newFolder(t, 'bids');
await mkdir(folder, { recursive: true });
const vault = join(folder, 'vault');
const envelopes = await openVaultFolder(vault, systemWorld.randomBytes);
const bench = await setBench(t, { dependencies: { envelopes }, environment: { KAIBIAO_BID_LIMIT_BYTES: '1048576' } });
await bench.create();
const { world, database, ca } = bench.stage;
const url = `/openings/${OPENING_ID}/bids`;
const filesLeft = async () =>
  [...(await readdir(join(vault, 'finished'))), ...(await readdir(join(vault, 'incoming')))].length;

function send(who: Person | null, statement: string, bytes: Uint8Array, type = BID_MEDIA_TYPE): Promise<Answer> {
  const payload = Buffer.concat([Buffer.from(`${statement}\n`), bytes]);
  return bench.ask(who, { method: 'POST', url, payload, headers: { 'content-type': type } });
}

const one = await bidderWithKeys(bench, folder, 1);
const two = await bidderWithKeys(bench, folder, 2);
const bid = await one.seal('12680000.00');
const lodged = await one.sign(bid.promises);
let receipt: ReceiptPayload;
let actId = '';

t.test('an encryption certificate must be registered first, by its own organisation', async (t) => {
  t.equal(problemIn(await send(one.person, lodged.statement, bid.bytes)), '404 encryption_certificate_unknown');
  t.equal((await one.register()).statusCode, 200);
  t.equal((await two.register()).statusCode, 200);
  const foreign = await bench.ask(two.person, {
    method: 'POST',
    url: '/auth/encryption-certificates',
    payload: {
      x5c: [
        toBase64(
          parsePem((await ca.issue({ holder: organisation(101), usage: 'encrypt' })).certificatePem)[0]?.der ??
            new Uint8Array(),
        ),
      ],
    },
  });
  t.equal(foreign.statusCode >= 400, true);
  t.equal(await filesLeft(), 0);
});

t.test('a bid is lodged: receipt at once, envelope in the vault, nothing on the opening’s log', async (t) => {
  const before = (await bench.recorder.stateOf(OPENING_ID))?.size;
  const answer = await send(one.person, lodged.statement, bid.bytes);
  t.equal(answer.statusCode, 200, answer.body);
  receipt = receiptIn(answer);
  actId = answer.json().actId;
  t.match(receipt, {
    act: 'lodged',
    aud: one.person.account,
    bidId: lodged.payload.bidId,
    envelopeSha256: bid.promises.envelopeSha256,
    statementSha256: payloadSha256(sha256, lodged.payload),
  });
  t.equal(await filesLeft(), 1);
  t.equal((await bench.recorder.stateOf(OPENING_ID))?.size, before);
  t.strictSame(answer.json().entries, []);
});

const own = async (who: Person | null) => bench.ask(who, { url: `${url}/own` });

t.test('what stands of one’s own is told again, with its receipt, to nobody else', async (t) => {
  const { statement } = lodged;
  const { standing } = (await own(one.person)).json();
  t.match(standing, { bidId: lodged.payload.bidId, statement, actId });
  t.match(standing.receipt, /^[\w-]+\.[\w-]+\.[\w-]+$/);
  t.strictSame((await own(two.person)).json(), { standing: null }, 'another bidder’s is not there');
  t.equal(problemIn(await own(null)), '401 token_missing');
  t.equal(problemIn(await bench.ask(one.person, { url: '/openings/no-such-opening/bids/own' })), '404 no_such_opening');
});

t.test('the same statement again gets the same receipt, and no second file stays', async (t) => {
  const again = await send(one.person, lodged.statement, bid.bytes);
  t.equal(again.statusCode, 200, again.body);
  t.strictSame(receiptIn(again), receipt);
  t.equal(await filesLeft(), 1);
});

t.test('what the gate refuses leaves nothing behind', async (t) => {
  const other = await two.seal('12345678.90');
  const { statement } = await two.sign(other.promises);
  const changed = other.bytes.slice();
  changed[changed.length - 40] = (changed[changed.length - 40] ?? 0) ^ 1;
  t.equal(problemIn(await send(two.person, statement, changed)), '422 envelope_not_as_signed');
  t.equal(problemIn(await send(two.person, statement, other.bytes.subarray(0, -1))), '422 envelope_malformed');
  t.equal(
    problemIn(await send(two.person, statement, Buffer.concat([other.bytes, Buffer.from('x')]))),
    '422 envelope_not_as_signed',
  );
  t.equal(
    problemIn(await send(two.person, statement, utf8('%PDF-1.7 报价 12345678.90'))),
    '422 envelope_malformed',
    'unencrypted',
  );
  t.equal(problemIn(await send(two.person, statement, new Uint8Array())), '422 envelope_malformed');
  t.equal(problemIn(await send(two.person, statement, bid.bytes)), '422 envelope_for_another_certificate');
  const large = await two.seal('1.00', 1_100_000);
  t.equal(
    problemIn(await send(two.person, (await two.sign(large.promises)).statement, large.bytes)),
    '413 envelope_too_large',
  );
  t.equal(await filesLeft(), 1);
  t.equal((await database.sql`SELECT FROM envelopes`).length, 1);
});

t.test('statements that are another’s, for elsewhere, or none', async (t) => {
  t.equal(problemIn(await send(two.person, lodged.statement, bid.bytes)), '403 act_of_other_account');
  t.equal(problemIn(await send(null, lodged.statement, bid.bytes)), '401 token_missing');
  t.equal(
    problemIn(
      await send(two.person, (await two.sign(bid.promises, { openingId: 'other-opening-1' })).statement, bid.bytes),
    ),
    '400 act_other_opening',
  );
  t.equal(
    problemIn(await send(two.person, (await two.sign(bid.promises, { lotId: 'LOT-2' })).statement, bid.bytes)),
    '422 statement_not_for_this_opening',
  );
  t.equal(problemIn(await send(two.person, 'a.b.c', bid.bytes)), '400 act_malformed');
  t.equal(problemIn(await send(two.person, '声明', bid.bytes)), '400 statement_line_malformed');
  t.equal(problemIn(await send(two.person, '', bid.bytes)), '400 statement_line_malformed');
  t.equal(problemIn(await send(two.person, 'x'.repeat(70_000), bid.bytes)), '400 statement_line_malformed');
  t.equal(problemIn(await send(one.person, lodged.statement, bid.bytes, 'application/json')), '400 request_malformed');
  t.equal(
    problemIn(await send(one.person, lodged.statement, bid.bytes, 'application/octet-stream')),
    '415 media_type_not_taken',
  );
  const unended = await bench.ask(one.person, {
    method: 'POST',
    url,
    payload: Buffer.from('no line feed'),
    headers: { 'content-type': BID_MEDIA_TYPE },
  });
  t.equal(problemIn(unended), '400 statement_line_malformed');
});

t.test('a replacement names the bid that stands, and is refused before its bytes when it does not', async (t) => {
  const better = await one.seal('12600000.00');
  const orphan = await one.sign(better.promises);
  t.equal(problemIn(await send(one.person, orphan.statement, new Uint8Array())), '409 statement_replaces_another');
  const { statement, payload } = await one.sign(better.promises, { replaces: lodged.payload.bidId });
  const answer = await send(one.person, statement, better.bytes);
  t.equal(answer.statusCode, 200, answer.body);
  t.match(receiptIn(answer), { act: 'replaced', replaces: lodged.payload.bidId, bidId: payload.bidId });
  t.equal(await filesLeft(), 2, 'the replaced one stays sealed and unread');
  const withdrawn = await bench.command(one.person, 'bidder', 'WithdrawBid', { bidId: payload.bidId });
  t.equal(withdrawn.statusCode, 200, withdrawn.body);
  t.match(receiptIn(withdrawn), { act: 'withdrawn', bidId: payload.bidId });
  t.strictSame((await own(one.person)).json(), { standing: null }, 'what was withdrawn stands no more');
});

t.test('an upload that breaks off leaves nothing, and the server stands', async (t) => {
  await bench.app.listen({ port: 0, host: '127.0.0.1' });
  const [address] = bench.app.addresses() as { port: number }[];
  const other = await two.seal('12000000.00', 400_000);
  const { statement } = await two.sign(other.promises);
  const headers = await proofFor(bench.stage, two.person, 'POST', url);
  const before = await filesLeft();
  await new Promise<void>((resolve) => {
    const upload = httpRequest({
      port: address?.port,
      host: '127.0.0.1',
      method: 'POST',
      path: url,
      headers: {
        ...headers,
        'content-type': BID_MEDIA_TYPE,
        'content-length': statement.length + 1 + other.bytes.length,
      },
    });
    upload.on('error', () => resolve());
    upload.write(`${statement}\n`);
    upload.write(other.bytes.subarray(0, 200_000), () => setImmediate(() => upload.destroy()));
    upload.on('close', () => resolve());
  });
  await until(async () => (await filesLeft()) === before);
  t.equal((await database.sql`SELECT FROM envelopes WHERE account = ${two.person.account}`).length, 0);
  t.equal((await bench.ask(null, { url: '/healthz' })).statusCode, 200);
});

t.test('the proof behind a receipt follows within the batch period, for its owner only', async (t) => {
  const proofUrl = `/openings/${OPENING_ID}/acts/${actId}/proof`;
  await bench.pass(11_000);
  await until(async () => (await bench.ask(one.person, { url: proofUrl })).statusCode === 200);
  const proof = (await bench.ask(one.person, { url: proofUrl })).json();
  const { ledger } = (await bench.ask(null, { url: '/platform' })).json();
  const ledgerKey = ed25519Verifier(parseVkey(sha256, ledger.vkey), verifyEd25519);
  const proven = await verifyRegisterProof({ sha256, proof, ledgerKey });
  t.match(proven, { ok: true, act: { type: 'BidLodged', openingId: OPENING_ID } });
  t.equal(problemIn(await bench.ask(two.person, { url: proofUrl })), '404 act_not_in_ledger_yet');
  t.equal(problemIn(await bench.ask(null, { url: proofUrl })), '401 token_missing');
  t.equal(
    problemIn(await bench.ask(one.person, { url: `/openings/${OPENING_ID}/acts/${'A'.repeat(22)}/proof` })),
    '404 act_not_in_ledger_yet',
  );
});

let final: Awaited<ReturnType<typeof two.seal>>;
let finalLodged: Awaited<ReturnType<typeof two.sign>>;
let finalReceipt: ReceiptPayload;

t.test('late by a moment is late; a lost answer is given again even then', async (t) => {
  final = await two.seal('12499999.99');
  finalLodged = await two.sign(final.promises);
  const early = await bench.ask(two.person, { url: `/openings/${OPENING_ID}/decryptions/challenge` });
  t.equal(problemIn(early), '409 window_not_open');
  finalReceipt = receiptIn(await send(two.person, finalLodged.statement, final.bytes));
  const late = await one.seal('1.00');
  const lateLodged = await one.sign(late.promises);
  await bench.passTo(bench.deadlineAt);
  await bench.untilPhase('Sealed');
  t.equal(problemIn(await send(one.person, lateLodged.statement, late.bytes)), '409 deadline_has_passed');
  const again = await send(two.person, finalLodged.statement, final.bytes);
  t.equal(again.statusCode, 200, again.body);
  t.strictSame(receiptIn(again), finalReceipt);
  t.match(
    (await own(two.person)).json(),
    { standing: { statement: finalLodged.statement } },
    'after the deadline, too',
  );
});

t.test('received before the deadline and not decided yet, its repeat is let through to the recorder', async (t) => {
  const { promises } = await one.seal('2.00');
  const { statement, payload } = await one.sign(promises);
  t.equal(problemIn(await send(one.person, statement, new Uint8Array())), '409 deadline_has_passed');
  // as another process leaves it between receiving and deciding
  const content = Buffer.from(JSON.stringify({ bidId: payload.bidId }));
  await database.sql`INSERT INTO intake (opening_id, kind, received_at, content)
    VALUES (${OPENING_ID}, 'LodgeBid', ${bench.deadlineAt - 1}, ${content})`;
  t.equal(problemIn(await send(one.person, statement, new Uint8Array())), '422 envelope_malformed');
  await database.sql`UPDATE intake SET decided = true WHERE content = ${content}`;
});

t.test('in the window: the challenge for one’s own bid, its answer from anyone, and no swapped key', async (t) => {
  const host = await bench.official('host');
  t.equal((await bench.command(host, 'host', 'PublishRoster')).statusCode, 200);
  t.equal((await bench.command(host, 'host', 'OpenWindow')).statusCode, 200);
  world.advance(20);
  const path = `/openings/${OPENING_ID}/decryptions`;
  t.equal(
    problemIn(await bench.ask(one.person, { url: `${path}/challenge` })),
    '409 no_standing_bid',
    'it was withdrawn',
  );
  t.equal(problemIn(await bench.ask(host, { url: `${path}/challenge` })), '409 no_standing_bid');
  const challenge = (await bench.ask(two.person, { url: `${path}/challenge` })).json();
  t.equal(challenge.bidId, finalLodged.payload.bidId);
  const { log } = (await bench.ask(null, { url: `/openings/${OPENING_ID}` })).json();
  const { statement, jwe } = await decryptBid(
    {
      statement: finalLodged.statement,
      receipt: finalReceipt,
      logKey: ed25519Verifier(parseVkey(sha256, log.vkey), verifyEd25519),
      windowKid: null,
    },
    {
      window: { entry: utf8(challenge.window.entry), proof: challenge.window.proof },
      jti: challenge.jti,
      recipientInfos: fromBase64(challenge.recipientInfos),
    },
    {
      unwrap: two.unwrap,
      signer: two.person.signer,
      sha256,
      verifySignature: verifyJwsSignature,
      nowAt: world.now(),
      randomBytes: world.randomBytes,
    },
  );
  const deliver = (who: Person | null, payload: object) => bench.ask(who, { method: 'POST', url: path, payload });
  const swapped = `${jwe.slice(0, -4)}AAAA`;
  t.equal(problemIn(await deliver(null, { statement, jwe: swapped })), '400 act_data_differs');
  t.equal(problemIn(await deliver(null, { statement: finalLodged.statement, jwe })), '400 act_other_type');
  t.equal(
    problemIn(await deliver(null, { statement, jwe, privateKey: 'x' })),
    '400 request_malformed',
    'no address takes key material',
  );
  const state = await bench.recorder.stateOf(OPENING_ID);
  t.strictSame(state?.bids[0]?.attempts, [], 'none of this is an attempt of the bidder’s');
  const answer = await deliver(null, { statement, jwe });
  t.equal(answer.statusCode, 200, answer.body);
  t.equal(JSON.parse(answer.json().entries[0]).type, 'DecryptionReceived');
  const again = await deliver(one.person, { statement, jwe });
  t.strictSame(again.json().seqs, answer.json().seqs, 'from whomever');
  const own = async (who: Person) => bench.ask(who, { url: `${path}/own` });
  t.equal(problemIn(await own(one.person)), '409 no_standing_bid', 'it was withdrawn');
  t.equal(problemIn(await own(host)), '409 no_standing_bid');
  await until(async () => (await bench.recorder.stateOf(OPENING_ID))?.bids[0]?.attempts[0]?.outcome === 'decrypted');
  const stored = await database.sql<{ jwe: string }[]>`SELECT jwe FROM decryptions`;
  t.strictSame(
    stored.map((row) => row.jwe),
    [jwe],
  );
  t.same((await own(two.person)).json(), {
    bidder: 1,
    attempts: [{ attempt: 1, outcome: 'decrypted' }],
    queue: null,
  });
});

t.test('nothing of a bid stands in the diagnostics', async (t) => {
  const text = bench.diagnostics.join('');
  for (const canary of ['12680000', '12499999', one.person.account, two.person.account, 'eyJ'])
    t.notOk(text.includes(canary), canary);
});
