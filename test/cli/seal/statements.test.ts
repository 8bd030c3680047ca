/** Lodgement and decryption statements: what a bidder signs, and that its key stays untouched until the window is proven. */
import { readFile } from 'node:fs/promises';
import { adoptEnvelope } from '../../../server/cli/seal/adopt.ts';
import { signerOf } from '../../../server/cli/seal/held-key.ts';
import { unwrapWith } from '../../../server/cli/seal/wrap.ts';
import {
  type Challenge,
  type DecryptionMeans,
  decryptBid,
  type KeptLodgement,
} from '../../../server/client/decrypt-statement.ts';
import { type OpeningTerms, signLodgement } from '../../../server/client/lodge-statement.ts';
import { checkAct } from '../../../server/core/log/act.ts';
import { fromBase64Url, toBase64, toBase64Url } from '../../../server/core/log/base64.ts';
import type { Json, JsonObject } from '../../../server/core/log/canonical.ts';
import { inclusionProof, leafHash, readFromLeaves } from '../../../server/core/log/merkle.ts';
import { ed25519Verifier } from '../../../server/core/log/note.ts';
import { formatProof } from '../../../server/core/log/proof.ts';
import { utf8 } from '../../../server/core/log/utf8.ts';
import { checkDecryption, isDecryptionPayload } from '../../../server/core/seal/decryption.ts';
import { startEnvelope } from '../../../server/core/seal/envelope.ts';
import { checkLodgement, isLodgementPayload, type LodgementPayload } from '../../../server/core/seal/lodgement.ts';
import type { ReceiptPayload } from '../../../server/core/seal/receipt.ts';
import { payloadSha256 } from '../../../server/core/seal/statement.ts';
import { sha256 } from '../../../server/hash.ts';
import { verifyJwsSignature } from '../../../server/identity/signature.ts';
import { openEnvelope } from '../../../server/vault/open-envelope.ts';
import { readSealedKey } from '../../../server/vault/read-statement.ts';
import { makeWindowKey, unwrapWindowKey } from '../../../server/vault/window-key.ts';
import { systemWorld } from '../../../server/world.ts';
import { goldenPath } from '../../core/seal/golden.ts';
import { littleLog, logKey, verifyEd25519 } from '../../support/log-fixtures.ts';
import t from '../../support/tap.ts';
import { BIDDER, CREDIT_CODE, LOT, OTHER, promisedOf } from '../../vault/bids.ts';

const { randomBytes } = systemWorld;
const DEADLINE_AT = Date.UTC(2026, 2, 5, 1, 0, 0);
const ENVELOPE = goldenPath('valid/stream-oaep-sha256.cms');
const VAULT_KEY = new Uint8Array(32).fill(5);
const ORIGIN = 'kaibiao.example/opening/zhangye-1';
const TERMS: OpeningTerms = {
  platform: 'kaibiao.example',
  openingId: 'zhangye-1',
  lotId: LOT,
  policyHash: toBase64Url(sha256(utf8('policy'))),
  deadlineAt: DEADLINE_AT,
};
const EXPECTED = {
  platform: 'kaibiao.example',
  openingId: 'zhangye-1',
  command: 'c',
  types: ['LodgeBid', 'DecryptBid'],
};
const signer = signerOf(BIDDER);
const check = (act: string) => checkAct({ act }, EXPECTED, verifyJwsSignature, sha256);

async function lodge(): Promise<{ statement: string; payload: LodgementPayload }> {
  const { promises } = await adoptEnvelope(ENVELOPE, BIDDER.certificate, unwrapWith(BIDDER.privateKey));
  const bid = { creditCode: CREDIT_CODE, promises };
  return signLodgement(TERMS, bid, signer, { nowAt: DEADLINE_AT - 86_400_500, randomBytes, sha256 });
}

function receiptFor(payload: LodgementPayload): ReceiptPayload {
  const { iss, aud, openingId, lotId, bidId, envelopeSha256, envelopeBytes, recipientInfosSha256 } = payload;
  return {
    v: 1,
    iss: aud,
    aud: iss,
    openingId,
    lotId,
    bidId,
    act: 'lodged',
    statementSha256: payloadSha256(sha256, payload),
    envelopeSha256,
    envelopeBytes,
    recipientInfosSha256,
    receivedAt: '2026-03-04T01:00:00.000Z',
    iat: '2026-03-04T01:00:00.000Z',
    jti: toBase64Url(randomBytes(16)),
  };
}

const windowKey = makeWindowKey(VAULT_KEY, 'zhangye-1', randomBytes);
const WINDOW = {
  kid: windowKey.kid,
  windowKey: windowKey.publicKey,
  holders: ['platform'],
  opensAt: '2026-03-05T01:05:00.000Z',
  closesAt: '2026-03-05T01:35:00.000Z',
};

/** An opening log whose entry 2 is the window's opening, and the proof of that entry. */
function windowLog(body: JsonObject = WINDOW, type = 'WindowOpened', origin = ORIGIN, proveIndex = 2) {
  const steps = [{}, {}, { type, body }, {}, {}];
  const log = littleLog(steps, { origin });
  const leaves = log.entries.map((bytes) => leafHash(sha256, bytes));
  const hashes = inclusionProof(sha256, readFromLeaves(sha256, leaves), proveIndex, leaves.length);
  const entry = log.entries[proveIndex] as Uint8Array;
  return { entry, proof: formatProof({ index: proveIndex, hashes, checkpoint: log.note }) };
}

const verifierOf = (origin: string, seedByte = 7) => ed25519Verifier(logKey(origin, seedByte).key, verifyEd25519);

async function recipientInfos(): Promise<Uint8Array> {
  const reader = startEnvelope();
  reader.push(await readFile(ENVELOPE));
  return reader.header()?.recipientInfos ?? new Uint8Array(0);
}

/** Everything for a decryption; `used` counts how often the key was. */
async function situation() {
  const lodged = await lodge();
  const used = { times: 0 };
  const kept: KeptLodgement = {
    statement: lodged.statement,
    receipt: receiptFor(lodged.payload),
    logKey: verifierOf(ORIGIN),
    windowKid: null,
  };
  const challenge: Challenge = {
    window: windowLog(),
    jti: toBase64Url(randomBytes(16)),
    recipientInfos: await recipientInfos(),
  };
  const own = unwrapWith(BIDDER.privateKey);
  const means: DecryptionMeans = {
    unwrap(recipient) {
      used.times += 1;
      return own(recipient);
    },
    signer,
    sha256,
    verifySignature: verifyJwsSignature,
    nowAt: DEADLINE_AT + 400_000,
    randomBytes,
  };
  return { lodged, kept, challenge, means, used };
}

/** A compact JWS with its payload changed and everything else left. */
function withPayload(statement: string, change: (payload: Record<string, Json>) => void): string {
  const [head, body = '', signature] = statement.split('.');
  const payload = JSON.parse(Buffer.from(fromBase64Url(body)).toString());
  change(payload);
  return `${head}.${toBase64Url(utf8(JSON.stringify(payload)))}.${signature}`;
}

t.test('a lodgement statement is an act by the certificate’s key and says what was promised', async (t) => {
  const { statement, payload } = await lodge();
  const checked = await check(statement);
  if (!checked.ok) throw new Error(checked.reason);
  t.equal(checked.type, 'LodgeBid');
  t.equal(checked.signedBy, 'certificate');
  t.strictSame(checked.payload, payload);
  if (!isLodgementPayload(checked.payload)) throw new Error('not a lodgement');
  const { policyHash, deadlineAt, envelopeSha256 } = payload;
  t.equal(deadlineAt, '2026-03-05T01:00:00.000Z');
  t.equal(checked.payload.iat, Math.floor((DEADLINE_AT - 86_400_500) / 1000));
  t.equal(checkLodgement(checked.payload, { policyHash, deadlineAt, envelopeSha256 }), undefined);
});

t.test('each algorithm a CA key signs with is accepted', async (t) => {
  const { promises } = await adoptEnvelope(ENVELOPE, BIDDER.certificate, unwrapWith(BIDDER.privateKey));
  for (const by of [signerOf(BIDDER, 'RS256'), signerOf(BIDDER, 'PS256')]) {
    const bid = { creditCode: CREDIT_CODE, promises, replaces: toBase64Url(randomBytes(16)) };
    const { statement, payload } = await signLodgement(TERMS, bid, by, { nowAt: DEADLINE_AT, randomBytes, sha256 });
    t.match(await check(statement), { ok: true, payload: { replaces: bid.replaces } });
    t.ok(isLodgementPayload(payload));
  }
});

t.test('no member of a lodgement can be changed after signing', async (t) => {
  const { statement, payload } = await lodge();
  for (const field of Object.keys(payload)) {
    const changed = withPayload(statement, (members) => {
      const value = members[field];
      members[field] = typeof value === 'number' ? value + 1 : `${value}x`;
    });
    t.match(await check(changed), { ok: false }, field);
    const without = withPayload(statement, (members) => delete members[field]);
    t.match(await check(without), { ok: false }, `without ${field}`);
  }
  const price = withPayload(statement, (members) => {
    members['openingListCommit'] = toBase64Url(sha256(utf8('another list')));
  });
  t.strictSame(await check(price), { ok: false, reason: 'act_signature_bad' });
});

t.test('a decryption goes the whole way: statement, sealed key, opened bid', async (t) => {
  const { lodged, kept, challenge, means, used } = await situation();
  const { statement, jwe, payload } = await decryptBid(kept, challenge, means);
  t.equal(used.times, 1);
  const checked = await check(statement);
  if (!checked.ok || !isDecryptionPayload(checked.payload)) throw new Error('not an act');
  t.equal(checked.type, 'DecryptBid');
  t.strictSame(checked.payload, payload);
  t.strictSame(payload.headSeen.size, 5);

  const { iss, aud, openingId, lotId, bidId, recipientInfosSha256, cekCommit, envelopeSha256 } = lodged.payload;
  const receiptSha256 = payloadSha256(sha256, kept.receipt);
  const about = { iss, aud, openingId, lotId, bidId, receiptSha256, challengeJti: challenge.jti };
  t.equal(checkDecryption(sha256, payload, jwe, { ...about, recipientInfosSha256, cekCommit }), undefined);

  const binding = { kid: windowKey.kid, jti: challenge.jti, envelopeSha256 };
  const opened = await readSealedKey(jwe, unwrapWindowKey(VAULT_KEY, windowKey), binding);
  if (!opened.ok) throw new Error(opened.detail);
  const { encCertSha256, openingListCommit, contentCommit, envelopeBytes, profile } = lodged.payload;
  const promises = { encCertSha256, openingListCommit, contentCommit, envelopeBytes, envelopeSha256, profile };
  const promised = promisedOf({ ...promises, recipientInfosSha256, cekCommit });
  t.match(await openEnvelope(ENVELOPE, opened.cek, promised), { ok: true });
});

t.test('no member of a decryption can be changed after signing, nor its JWE swapped', async (t) => {
  const { kept, challenge, means } = await situation();
  const { statement, payload, jwe } = await decryptBid(kept, challenge, means);
  for (const field of Object.keys(payload)) {
    const changed = withPayload(statement, (members) => {
      members[field] = typeof members[field] === 'number' ? 7 : 'x';
    });
    t.match(await check(changed), { ok: false }, field);
  }
  const other = await decryptBid(kept, challenge, means);
  t.not(other.jwe, jwe);
  const { iss, aud, openingId, lotId, bidId, receiptSha256, challengeJti, recipientInfosSha256, cekCommit } = payload;
  const expected = { iss, aud, openingId, lotId, bidId, receiptSha256, challengeJti, recipientInfosSha256, cekCommit };
  t.equal(checkDecryption(sha256, payload, other.jwe, expected), 'statement_invalid');
});

t.test('before the deadline by the bidder’s own clock the key is not touched', async (t) => {
  const { kept, challenge, means, used } = await situation();
  const early = { ...means, nowAt: DEADLINE_AT - 1 };
  await t.rejects(decryptBid(kept, challenge, early), { code: 'before_deadline' });
  t.equal(used.times, 0);
  await decryptBid(kept, challenge, { ...means, nowAt: DEADLINE_AT });
  t.equal(used.times, 1);
});

t.test('without the proof of WindowOpened the key is not touched', async (t) => {
  const { kept, challenge, means, used } = await situation();
  const good = challenge.window;
  const elsewhere = 'kaibiao.example/opening/zhangye-2';
  const spoilt = good.entry.slice();
  spoilt[10] = (spoilt[10] as number) ^ 1;
  const twin = makeWindowKey(VAULT_KEY, 'zhangye-1', randomBytes);
  const cases: readonly [string, string, typeof good][] = [
    ['other_entry', 'another entry', windowLog({ text: 'x' }, 'NoticePosted')],
    [
      'proof_does_not_hold',
      'another entry’s proof',
      { ...good, proof: windowLog(WINDOW, 'WindowOpened', ORIGIN, 3).proof },
    ],
    ['other_entry', 'an entry beside it', windowLog(WINDOW, 'WindowOpened', ORIGIN, 3)],
    ['proof_does_not_hold', 'a changed entry', { ...good, entry: spoilt }],
    ['note_unsigned', 'a proof of another opening', windowLog(WINDOW, 'WindowOpened', elsewhere)],
    ['other_entry', 'a body out of form', windowLog({ ...WINDOW, more: 1 })],
    ['other_key', 'a key that is not the one named', windowLog({ ...WINDOW, windowKey: twin.publicKey })],
    [
      'other_entry',
      'a private key in the body',
      windowLog({ ...WINDOW, windowKey: { ...windowKey.publicKey, d: WINDOW.kid } }),
    ],
    ['proof_malformed', 'no proof', { ...good, proof: '' }],
    ['note_malformed', 'a proof without signature', { ...good, proof: good.proof.slice(0, good.proof.indexOf('—')) }],
  ];
  for (const [detail, what, window] of cases) {
    const attempt = decryptBid(kept, { ...challenge, window }, means);
    await t.rejects(attempt, { code: 'window_not_proven', detail }, what);
  }
  const otherKey = { ...kept, logKey: verifierOf(ORIGIN, 8) };
  await t.rejects(decryptBid(otherKey, challenge, means), { code: 'window_not_proven' }, 'signed by another log key');
  const otherLog = { ...kept, logKey: verifierOf(elsewhere) };
  const window = windowLog(WINDOW, 'WindowOpened', elsewhere);
  await t.rejects(decryptBid(otherLog, { ...challenge, window }, means), { code: 'window_not_proven' }, 'another log');
  const blind = { ...kept, windowKid: 'A'.repeat(43) };
  const notDealt = { code: 'window_not_proven', detail: 'not_the_dealt_key' };
  await t.rejects(decryptBid(blind, challenge, means), notDealt, 'a blind window with a key of the platform’s own');
  t.equal(used.times, 0);
  const named = { ...kept, windowKid: WINDOW.kid };
  await decryptBid(named, challenge, means);
  t.equal(used.times, 1, 'to the key that was dealt');
});

t.test('for another envelope’s header the key is not touched: the platform gets no oracle', async (t) => {
  const { kept, challenge, means, used } = await situation();
  const foreign = challenge.recipientInfos.slice();
  foreign[foreign.length - 1] = (foreign.at(-1) as number) ^ 1;
  const attempt = decryptBid(kept, { ...challenge, recipientInfos: foreign }, means);
  await t.rejects(attempt, { code: 'header_differs' });
  t.equal(used.times, 0);
});

t.test('a lodgement that is not the kept one stops everything', async (t) => {
  const { kept, challenge, means, used, lodged } = await situation();
  const later = withPayload(lodged.statement, (members) => {
    members['deadlineAt'] = '2020-01-01T00:00:00.000Z';
  });
  await t.rejects(decryptBid({ ...kept, statement: later }, challenge, means), { code: 'not_our_lodgement' });
  const second = await lodge();
  await t.rejects(decryptBid({ ...kept, statement: second.statement }, challenge, means), {
    code: 'receipt_not_for_this_bid',
  });
  const receipt = { ...kept.receipt, aud: '91620700MADEM00006' };
  await t.rejects(decryptBid({ ...kept, receipt }, challenge, means), { code: 'not_our_lodgement' });
  t.equal(used.times, 0);
});

t.test('a wrong token is known at once, before anything is sent', async (t) => {
  const { kept, challenge, means } = await situation();
  const other = { ...means, unwrap: unwrapWith(OTHER.privateKey) };
  await t.rejects(decryptBid(kept, challenge, other), { code: 'unwrap_failed' });
  const given = new Uint8Array(32).fill(4);
  await t.rejects(decryptBid(kept, challenge, { ...means, unwrap: async () => given }), { code: 'wrong_key' });
  t.ok(
    given.every((octet) => octet === 0),
    'what the device gave is erased',
  );
});

t.test('statement and JWE together hold no content key in clear', async (t) => {
  const { kept, challenge, means } = await situation();
  let cek = new Uint8Array(0);
  const own = unwrapWith(BIDDER.privateKey);
  const { statement, jwe } = await decryptBid(kept, challenge, {
    ...means,
    async unwrap(recipient) {
      const key = await own(recipient);
      cek = Uint8Array.from(key);
      return key;
    },
  });
  const everything = [...statement.split('.'), ...jwe.split('.')].map((part) => Buffer.from(part, 'base64url'));
  t.equal(cek.length, 32);
  for (const part of everything) {
    t.equal(part.indexOf(cek), -1);
    t.notOk(part.includes(toBase64(cek)));
    t.notOk(part.includes(toBase64Url(cek)));
  }
});
