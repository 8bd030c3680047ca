/**
 * Makes the golden logs anew: plays real openings with real people on the real server, and keeps its export and its signing keys.
 *
 * Run: `node --import=tsx test/support/make-golden.ts [all | erased]`; not part of the tests. Every log comes out different, and valid.
 */

import { createPrivateKey, createPublicKey } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CompactEncrypt } from 'jose';
import { exportLog } from '../../server/cli/export-log.ts';
import { act, createOpening, headSeen } from '../../server/cli/person/act.ts';
import { checkIn } from '../../server/cli/person/check-in.ts';
import { type DecryptionFile, decrypt, handIn, makeDecryption, outcomeOf } from '../../server/cli/person/decrypt.ts';
import { acknowledge, deal, giveShare, offerKey } from '../../server/cli/person/holding.ts';
import { lodge } from '../../server/cli/person/lodge.ts';
import { changeAccount } from '../../server/cli/person/operator.ts';
import type { Person } from '../../server/cli/person/person.ts';
import { catchUp } from '../../server/cli/person/read-opening.ts';
import { answerRecord } from '../../server/cli/person/record.ts';
import { waitFor } from '../../server/cli/person/wait-for.ts';
import { withdraw } from '../../server/cli/person/withdraw.ts';
import { ApiError } from '../../server/client/transport.ts';
import { fromBase64Url, toBase64Url } from '../../server/core/log/base64.ts';
import { isJsonObject, type JsonObject } from '../../server/core/log/canonical.ts';
import { parseEntry } from '../../server/core/log/entry.ts';
import { formatInstant } from '../../server/core/log/instant.ts';
import { accessOrigin, ledgerOrigin, openingOrigin } from '../../server/core/log/origin.ts';
import { fromUtf8, utf8 } from '../../server/core/log/utf8.ts';
import { type Policy, PROFILES } from '../../server/core/opening/policy.ts';
import { isDecrypted } from '../../server/core/opening/state.ts';
import { signByCertificate } from '../../server/core/pki/person-jws.ts';
import {
  DECRYPTION_TYPE,
  isDecryptionPayload,
  SEALED_KEY_ALGORITHM,
  SEALED_KEY_ENCRYPTION,
} from '../../server/core/seal/decryption.ts';
import { sha256 } from '../../server/hash.ts';
import { systemWorld } from '../../server/world.ts';
import { command, MINUTE, OPENING, type Platform, seal, startPlatform } from '../cli/person/platform.ts';
import { GOLDEN_FOLDER, type GoldenAbout, type GoldenKeys, goldenOf } from './golden-log.ts';
import { LOT } from './roadworks.ts';

const PLATFORM = 'kaibiao.test';
const FAILED = 'zhangye-2026-002';
const OBJECTED = 'zhangye-2026-003';
const LAYERED = 'zhangye-2026-004';
const ERASED = 'zhangye-2026-005';

async function draft(platform: Platform, openingId: string, changes: Partial<Policy>): Promise<void> {
  const { host, tenderer, witness, supervisor } = platform.officials;
  await createOpening(host, {
    openingId,
    profile: 'rehearsal',
    details: {
      title: '道路工程（样例）',
      project: { code: 'P-1', name: '道路工程' },
      lot: { code: LOT, name: '第一标段' },
      tenderer: '招标人',
      agency: '代理机构',
      place: '开标一室',
      deadlineAt: formatInstant(platform.world.now() + 15 * MINUTE),
    },
    policy: {
      ...PROFILES.rehearsal.defaults,
      ceilingPrice: '2500000.00',
      checkInLeadMs: 10 * MINUTE,
      decryptionWindowMs: 10 * MINUTE,
      maxExtensionMs: 10 * MINUTE,
      confirmationMs: MINUTE,
      archiveAfterMs: MINUTE,
      ...changes,
    },
    assignments: Object.entries({ host, tenderer, witness, supervisor }).map(([role, { account }]) => ({
      role,
      account,
    })),
  });
}

async function create(platform: Platform, openingId: string, minimumBidders: number): Promise<void> {
  await draft(platform, openingId, { minimumBidders });
  await act(platform.officials.host, openingId, { type: 'PublishOpening', role: 'host', data: {} });
}

/** A decryption as by a broken client: everything in order but the key inside. */
async function misled(person: Person): Promise<DecryptionFile> {
  const file = await makeDecryption(person, OPENING);
  const part = (n: number, text: string) => JSON.parse(fromUtf8(fromBase64Url(text.split('.')[n] ?? ''))) as JsonObject;
  const { kid, jti, envelopeSha256 } = part(0, file.jwe);
  const { window } = await person.api.readDecryptionChallenge(OPENING);
  const { body } = JSON.parse(window.entry) as {
    body: { windowKey: { kty: string; crv: string; x: string; y: string } };
  };
  const jwe = await new CompactEncrypt(person.world.randomBytes(32))
    .setProtectedHeader({
      alg: SEALED_KEY_ALGORITHM,
      enc: SEALED_KEY_ENCRYPTION,
      kid: String(kid),
      jti: String(jti),
      envelopeSha256,
    })
    .encrypt(createPublicKey({ key: body.windowKey, format: 'jwk' }));
  const payload = part(1, file.statement);
  const wrong = {
    ...payload,
    jweSha256: toBase64Url(sha256(utf8(jwe))),
    jti: toBase64Url(person.world.randomBytes(16)),
  };
  if (!isJsonObject(wrong) || !isDecryptionPayload(wrong)) throw new Error('no decryption');
  return { ...file, jwe, statement: await signByCertificate(sha256, person.signer, DECRYPTION_TYPE, wrong) };
}

/** A command that the rules refuse, with what its person signed. */
async function refusedOf(person: Person, type: string): Promise<NonNullable<GoldenAbout['refused']>> {
  const id = person.session.newId();
  const seen = await headSeen(person, OPENING);
  const signed = await person.session.sign({ openingId: OPENING, id, type, data: {}, headSeen: seen });
  try {
    await person.api.sendCommand(OPENING, { id, type, data: {}, role: 'host', act: signed });
  } catch (error) {
    if (error instanceof ApiError) return { command: id, type, act: { act: signed, data: {} } };
    throw error;
  }
  throw new Error(`${type} was not refused`);
}

/** Waits until the ledger holds the log's last head. */
async function anchored({ db }: Platform, origin: string): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    const [found] = await db.sql`SELECT 1 FROM ledger_heads h JOIN logs l ON l.origin = h.origin AND l.size = h.size
      WHERE l.origin = ${origin}`;
    if (found !== undefined) return;
    await new Promise<void>((done) => systemWorld.after(100, done));
  }
  throw new Error(`${origin} was not anchored`);
}

async function keep(platform: Platform, name: string, origin: string, about: GoldenAbout): Promise<void> {
  const { sql } = platform.db;
  const ledger = { origin: ledgerOrigin(PLATFORM), vkey: await vkeyOf(platform, 'ledger') };
  const isOpening = origin.includes('/opening/');
  if (isOpening) await anchored(platform, origin);
  const folder = join(platform.folder, 'export', name);
  const vkey = await vkeyOf(platform, origin.slice(PLATFORM.length + 1));
  const exported = await exportLog(sql, { origin, vkey, folder, ledger: isOpening ? ledger : null });
  const golden = await goldenOf(folder, about);
  await mkdir(join(GOLDEN_FOLDER, 'valid'), { recursive: true });
  await writeFile(join(GOLDEN_FOLDER, 'valid', `${name}.json`), `${JSON.stringify(golden, null, 1)}\n`);
  process.stdout.write(`${name}: ${exported.size} entries, ${exported.disclosures} disclosures\n`);
}

async function vkeyOf({ url }: Platform, log: string): Promise<string> {
  return (await (await fetch(`${url}/logs/${log}/vkey`)).text()).trimEnd();
}

async function keepKeys({ folder }: Platform): Promise<void> {
  const seed = async (use: string): Promise<string> => {
    const key = createPrivateKey(await readFile(join(folder, 'data', 'keys', `${use}.key`)));
    return key.export({ format: 'jwk' }).d ?? '';
  };
  const keys: GoldenKeys = {
    note: 'Test keys: seeds of the Ed25519 keys that signed the golden logs, so that tests can sign forgeries. They guard nothing.',
    openings: await seed('openings'),
    ledger: await seed('ledger'),
  };
  await writeFile(join(GOLDEN_FOLDER, 'test-keys.json'), `${JSON.stringify(keys, null, 1)}\n`);
}

async function playWhole(platform: Platform): Promise<void> {
  const { host, witness } = platform.officials;
  await create(platform, OPENING, 2);
  const people = await Promise.all([0, 1, 2, 3].map((index) => platform.bidder(index)));
  const [first, second, third, fourth] = people as [Person, Person, Person, Person];
  const bid = (person: Person, amount: string) => seal(platform, person, amount);
  await lodge(first, OPENING, { envelope: await bid(first, '1980000.00') });
  await lodge(second, OPENING, { envelope: await bid(second, '2100000.00') });
  await withdraw(second, OPENING);
  await lodge(second, OPENING, { envelope: await bid(second, '2050000.50') });
  await lodge(third, OPENING, { envelope: await bid(third, '2700000.00') });
  await lodge(third, OPENING, { envelope: await bid(third, '2600000.00'), replace: true });
  await lodge(fourth, OPENING, { envelope: await bid(fourth, '1500000.00') });
  await platform.passUntil(OPENING, 'CheckIn');
  for (const person of people) await checkIn(person, OPENING);
  await act(first, OPENING, { type: 'RaiseEarlyObjection', role: 'bidder', data: { text: '密封检查未见影像。' } });
  await platform.passUntil(OPENING, 'Sealed');
  await command(host, 'host', 'PublishRoster');
  await command(host, 'host', 'AnswerObjection', { objection: 1, text: '影像已于平台公开。' });
  await command(host, 'host', 'OpenWindow');
  await decrypt(first, OPENING);
  await outcomeOf(first, OPENING);
  await catchUp(host, OPENING);
  const refused = await refusedOf(host, 'AnnouncePrices');
  await keep(platform, 'still-open', openingOrigin(PLATFORM, OPENING), {
    claim:
      'An opening in the middle of its decryption window: one bid is decrypted, and the host asked for the prices too early.',
    standing: 'valid, still open',
    refused,
  });
  await decrypt(second, OPENING);
  await decrypt(third, OPENING);
  await handIn(fourth.api, await misled(fourth));
  await outcomeOf(fourth, OPENING);
  await command(host, 'host', 'ExtendWindow', { extraMs: 5 * MINUTE, reason: '一家投标人解密未成功。' });
  await command(host, 'host', 'SuspendOpening', { reason: '核对设备。' });
  await platform.pass(MINUTE);
  await command(host, 'host', 'ResumeOpening', { reason: '设备正常。' });
  await platform.passUntil(OPENING, 'Attribution');
  const { bids } = await catchUp(host, OPENING, 'host');
  for (const { bidder, proposal } of bids.filter((one) => !isDecrypted(one))) {
    const ruling = { bidder, verdict: proposal?.verdict ?? 'unknown', reason: '未在规定时间内成功解密。' };
    await command(host, 'host', 'GiveRuling', ruling);
    await command(witness, 'witness', 'GiveRuling', ruling);
  }
  await command(host, 'host', 'AnnouncePrices');
  await act(second, OPENING, { type: 'RaiseObjection', role: 'bidder', data: { text: '请说明最高限价。' } });
  await command(host, 'host', 'AnswerObjection', { objection: 2, text: '见招标公告。' });
  await command(host, 'host', 'IssueRecord', { note: '一家解密失败。' });
  await answerRecord(first, OPENING);
  await answerRecord(second, OPENING, '工期有误');
  await platform.pass(2 * MINUTE);
  const { record } = await catchUp(host, OPENING, 'host');
  const version = { version: record?.version ?? 0, recordSha256: record?.sha256 ?? '' };
  await command(host, 'host', 'ProposeClose');
  await command(witness, 'witness', 'AttestClose', version);
  await command(host, 'host', 'HandOver');
  await platform.passUntil(OPENING, 'Archived');
  await keep(platform, 'whole-opening-with-one-failed-decryption', openingOrigin(PLATFORM, OPENING), {
    claim: 'A whole opening with four bids, of which one was sealed with a key that does not open it.',
    standing: 'valid, complete',
  });
}

async function playFailed(platform: Platform): Promise<void> {
  await create(platform, FAILED, 3);
  await platform.passUntil(FAILED, 'Archived');
  await keep(platform, 'failed-tender', openingOrigin(PLATFORM, FAILED), {
    claim: 'A tender that failed at the deadline, as nobody had lodged a bid.',
    standing: 'valid, complete',
  });
}

async function playObjected(platform: Platform): Promise<void> {
  const { host, witness } = platform.officials;
  await create(platform, OBJECTED, 1);
  const objector = await platform.bidder(0);
  const early = (type: string, data: JsonObject) => act(objector, OBJECTED, { type, role: 'bidder', data });
  const asHost = (type: string, data: JsonObject) => act(host, OBJECTED, { type, role: 'host', data });
  await asHost('GiveNotice', { text: '答疑已发布。' });
  await act(witness, OBJECTED, { type: 'AcknowledgeNotice', role: 'witness', data: { notice: 1 } });
  await early('AcknowledgeEarlyNotice', { notice: 1 });
  await early('RaiseEarlyObjection', { text: '工期 <60> 天过短。' });
  await asHost('PostponeOpening', { reason: '澄清招标文件。' });
  const deadlineAt = formatInstant(platform.world.now() + 25 * MINUTE);
  await asHost('RescheduleOpening', { deadlineAt, place: '开标二室' });
  await platform.passUntil(OBJECTED, 'Failed');
  await asHost('AnswerObjection', { objection: 1, text: '重新招标时更正。' });
  await early('DisputeAnswer', { objection: 1, reason: '请说明依据。' });
  await platform.passUntil(OBJECTED, 'Archived');
  await keep(platform, 'postponed-and-failed-with-an-objection', openingOrigin(PLATFORM, OBJECTED), {
    claim:
      'A tender that was postponed and failed, as nobody had lodged a bid; who had objected before it got an answer and disputed it.',
    standing: 'valid, complete',
  });
}

async function playLayered(platform: Platform): Promise<void> {
  const { host, tenderer, witness, supervisor } = platform.officials;
  const as = (person: Person, role: 'host' | 'witness' | 'supervisor') => (type: string, data: JsonObject) =>
    act(person, LAYERED, { type, role, data });
  const [asHost, asWitness, asSupervisor] = [as(host, 'host'), as(witness, 'witness'), as(supervisor, 'supervisor')];
  await draft(platform, LAYERED, {
    minimumBidders: 2,
    tendererLayer: { holders: 3, threshold: 2, windowMs: 10 * MINUTE },
  });
  const holders = [
    [tenderer, 'tenderer'],
    [host, 'host'],
    [witness, 'witness'],
  ] as const;
  for (const [person, role] of holders) await offerKey(person, LAYERED, role);
  await deal(tenderer, LAYERED, 'tenderer');
  for (const [person, role] of holders) await acknowledge(person, LAYERED, role);
  await asHost('PublishOpening', {});
  const [first, second] = (await Promise.all([0, 1].map((index) => platform.bidder(index)))) as [Person, Person];
  await lodge(first, LAYERED, { envelope: await seal(platform, first, '1970000.00', {}, LAYERED) });
  await lodge(second, LAYERED, { envelope: await seal(platform, second, '2070000.00', {}, LAYERED) });
  await platform.passUntil(LAYERED, 'Sealed');
  await asHost('PublishRoster', {});
  await asHost('OpenWindow', {});
  await decrypt(first, LAYERED);
  await outcomeOf(first, LAYERED);
  await platform.passUntil(LAYERED, 'TendererDecrypting');
  await giveShare(tenderer, LAYERED, 'tenderer');
  await giveShare(witness, LAYERED, 'witness');
  const { bids } = await waitFor(host, LAYERED, 'host', ({ phase }) => phase === 'Attribution');
  const bidder = bids.find((bid) => !isDecrypted(bid))?.bidder ?? 0;
  const rule = async (verdict: string, reason: string): Promise<void> => {
    await asHost('GiveRuling', { bidder, verdict, reason });
    await asWitness('GiveRuling', { bidder, verdict, reason });
  };
  await rule('deemed_revoked', '未在规定时间内解密。');
  await asHost('AnnouncePrices', {});
  await asSupervisor('CorrectEmergency', {
    correction: { kind: 'reopen_ruling', bidder },
    reason: '现场录像显示平台终端故障。',
  });
  await asWitness('ConfirmCorrection', { number: 1 });
  await rule('deemed_withdrawn', '非投标人原因未能解密。');
  await asHost('IssueRecord', { note: '' });
  await platform.pass(2 * MINUTE);
  const { record } = await catchUp(host, LAYERED, 'host');
  await asHost('ProposeClose', {});
  await asWitness('AttestClose', { version: record?.version ?? 0, recordSha256: record?.sha256 ?? '' });
  await asHost('HandOver', {});
  await platform.passUntil(LAYERED, 'Archived');
  await keep(platform, 'two-layers-and-a-ruling-corrected', openingOrigin(PLATFORM, LAYERED), {
    claim:
      'An opening whose bids have a second layer, opened by two of three holders; the ruling on a bid that was not decrypted is corrected by two people.',
    standing: 'valid, complete',
  });
}

async function playErased(platform: Platform): Promise<void> {
  const { host, operator, tenderer, witness, supervisor } = platform.officials;
  await create(platform, ERASED, 1);
  const objector = await platform.bidder(1);
  await act(objector, ERASED, { type: 'RaiseEarlyObjection', role: 'bidder', data: { text: '联系人电话请勿公开。' } });
  await platform.passUntil(ERASED, 'Failed');
  const answer = { objection: 1, text: '不予公开。' };
  await act(host, ERASED, { type: 'AnswerObjection', role: 'host', data: answer });
  await platform.passUntil(ERASED, 'Archived');
  const origin = openingOrigin(PLATFORM, ERASED);
  await keep(platform, 'archived-and-erased-from-later', origin, {
    claim:
      'A failed tender as it was archived, with an objection; of which something was erased later, as the ledger shows.',
    standing: 'valid, complete',
  });
  const entries = await platform.db.sql<
    { bytes: Uint8Array }[]
  >`SELECT bytes FROM entries WHERE origin = ${origin} ORDER BY seq`;
  const seq = entries.findIndex(({ bytes }) => parseEntry(bytes).type === 'ObjectionRaised');
  const asked = { seq, basis: 'unlawful_processing', reason: '误录个人信息。' };
  for (const [n, field] of ['text', 'source'].entries()) {
    await act(witness, ERASED, { type: 'ProposeErasure', role: 'witness', data: { ...asked, field } });
    await act(supervisor, ERASED, { type: 'ConfirmErasure', role: 'supervisor', data: { number: n + 1 } });
  }
  // The supervisor has left; who follows him is named by the operator and confirms the third.
  await act(witness, ERASED, { type: 'ProposeErasure', role: 'witness', data: { ...asked, field: 'who' } });
  const successor = { account: tenderer.account, role: 'supervisor' };
  await act(operator, ERASED, { type: 'AssignRole', role: 'operator', data: successor });
  await act(tenderer, ERASED, { type: 'ConfirmErasure', role: 'supervisor', data: { number: 3 } });
  await keep(platform, 'erased-behind-the-end', origin, {
    claim:
      'A failed tender with an objection, of which words, person and source are erased behind its end, the last by a supervisor who was named for it.',
    standing: 'valid, complete',
  });
}

/** The logs that belong together, with their ledger and the keys that forgeries are signed with. */
async function playAll(platform: Platform): Promise<void> {
  await playWhole(platform);
  await playFailed(platform);
  await playObjected(platform);
  await playLayered(platform);
  const { operator, tenderer } = platform.officials;
  for (const change of ['disable', 'enable'] as const)
    await changeAccount(operator, change, { account: tenderer.account, reason: '证书介质遗失后补办。' });
  await catchUp(platform.officials.supervisor, OPENING, 'supervisor');
  await keep(platform, 'ledger', ledgerOrigin(PLATFORM), {
    claim:
      'The ledger beside the openings here: batches, their heads, the officials that were let in, and an account shut and opened again.',
    standing: 'valid, still open',
  });
  await keep(platform, 'access', accessOrigin(PLATFORM), {
    claim: 'The access log: each look of an official at what is not public.',
    standing: 'valid, still open',
  });
  await keepKeys(platform);
}

/** An opening of which something is erased later, with a ledger of its own: it is remade alone, and nothing else with it. */
async function playErasedAlone(platform: Platform): Promise<void> {
  await playErased(platform);
  await keep(platform, 'ledger-of-the-erased', ledgerOrigin(PLATFORM), {
    claim: 'The ledger beside the opening of which something was erased: it holds its end twice.',
    standing: 'valid, still open',
  });
}

const PLAYS: Readonly<Record<string, (platform: Platform) => Promise<void>>> = {
  all: playAll,
  erased: playErasedAlone,
};
const wanted = process.argv.slice(2);
for (const name of wanted.length === 0 ? Object.keys(PLAYS) : wanted) {
  const play = PLAYS[name];
  if (play === undefined) throw new Error(`no ${name}; there are ${Object.keys(PLAYS).join(', ')}`);
  const endings: (() => Promise<void>)[] = [];
  try {
    await play(await startPlatform({ teardown: (act) => void endings.push(act) }));
  } finally {
    for (const end of endings.reverse()) await end();
  }
}
