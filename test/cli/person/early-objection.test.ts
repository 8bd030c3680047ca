/** Someone who lodged no bid and objected early, on the real server: reads its own objection and the answer, by page and by socket, and disputes it. */
import { join } from 'node:path';
import { exportLog } from '../../../server/cli/export-log.ts';
import { folderSource } from '../../../server/cli/log-source.ts';
import { act } from '../../../server/cli/person/act.ts';
import { lodge } from '../../../server/cli/person/lodge.ts';
import { catchUp } from '../../../server/cli/person/read-opening.ts';
import { waitFor } from '../../../server/cli/person/wait-for.ts';
import { verifySource } from '../../../server/cli/verify-log.ts';
import { pickCertificate } from '../../../server/client/key-agent.ts';
import { parseEntry } from '../../../server/core/log/entry.ts';
import { openingOrigin } from '../../../server/core/log/origin.ts';
import { batchLeaves, batchRoot } from '../../../server/core/log/register-batch.ts';
import { sha256 } from '../../../server/hash.ts';
import { actLeaves } from '../../../server/ledger/register-proofs.ts';
import { followOpenings } from '../../../server/recorder/followed-openings.ts';
import { sweepErasures } from '../../../server/store/erasures.ts';
import t from '../../support/tap.ts';
import { findInDatabase, findInFolder } from '../../support/whole-database.ts';
import { command, MINUTE, OPENING, seal, startPlatform } from './platform.ts';

const platform = await startPlatform(t);
const { officials } = platform;
const { host } = officials;
await platform.publish(OPENING, 12 * MINUTE, { archiveAfterMs: MINUTE });
const bidder = await platform.bidder(0);
const objector = await platform.bidder(1);
const stranger = await platform.bidder(2);
await lodge(bidder, OPENING, { envelope: await seal(platform, bidder, '1000000.00') });
const text = '招标文件要求的直播 <没有> 开始';

t.test('a receipt at once, and not a word on the log', async (t) => {
  const { answer, entries } = await act(objector, OPENING, {
    type: 'RaiseEarlyObjection',
    role: 'bidder',
    data: { text },
  });
  t.same(entries, []);
  t.match(answer.receipt, /^[\w-]+\.[\w-]+\.[\w-]+$/);
  t.same((await catchUp(host, OPENING, 'host')).objections, []);
});

t.test('with the roster its objector reads it, though it looks on like the public', async (t) => {
  await platform.passUntil(OPENING, 'Sealed');
  const heard = waitFor(objector, OPENING, 'bidder', (state) => state.objections[0]?.text.known === true);
  await command(host, 'host', 'PublishRoster');
  t.match((await heard).objections, [{ bidder: null, text: { known: true, value: text } }], 'by socket');
  t.match((await catchUp(bidder, OPENING, 'bidder')).objections, [{ text: { known: true, value: text } }]);
  t.match((await catchUp(stranger, OPENING, 'public')).objections, [{ text: { known: false } }]);
});

t.test('it reads the answer, and may dispute it; nobody else may', async (t) => {
  const heard = waitFor(objector, OPENING, 'bidder', (state) => state.objections[0]?.answer.known === true);
  await command(host, 'host', 'AnswerObjection', { objection: 1, text: '已开始' });
  t.match((await heard).objections, [{ answer: { known: true, value: '已开始' } }], 'by socket');
  t.match((await catchUp(objector, OPENING, 'bidder')).objections, [{ answer: { value: '已开始' } }], 'by page');
  const dispute = { type: 'DisputeAnswer', role: 'bidder', data: { objection: 1, reason: '仍无声音' } } as const;
  const notMine = { ...dispute, data: { objection: 1, reason: '与我无关' } };
  await t.rejects(act(bidder, OPENING, notMine), { code: 'not_your_objection' });
  await t.rejects(act(stranger, OPENING, notMine), { code: 'role_not_held' });
  const { entries } = await act(objector, OPENING, dispute);
  t.match(entries, [{ type: 'AnswerDisputed', body: { objection: 1, bidder: null } }], 'proven on the log');
  t.equal((await catchUp(host, OPENING, 'host')).objections[0]?.status, 'disputed');
});

t.test('what is erased is gone wherever the platform kept it, and the log still holds', async (t) => {
  const { witness, supervisor } = officials;
  const { certificate } = await pickCertificate(objector.keys, 'sign', platform.world.now());
  const marks = [text, '仍无声音', objector.creditCode].map((mark) => new TextEncoder().encode(mark));
  const needles = [...marks, certificate.der];
  const [ofText, ofReason, ofCode, ofCertificate] = needles.map((_, n) => n);
  const data = join(platform.folder, 'data');
  const where = async (n: number | undefined) => {
    await sweepErasures({ sql: platform.db.sql, world: platform.world });
    const found = await findInDatabase(platform.db.superuser, needles);
    const inFiles = await findInFolder(data, needles);
    return [...found, ...inFiles]
      .filter((place) => place.endsWith(`: ${n}`))
      .map((place) => place.replace(/: \d+$/, ''));
  };
  const everywhere = await where(ofText);
  for (const place of ['disclosures.disclosure', 'intake.content', 'register_acts.disclosure'])
    t.ok(everywhere.includes(place), `before, it is in ${place}`);
  const withCertificate = await where(ofCertificate);
  for (const place of ['disclosures.disclosure', 'evidence.content', 'intake.content', 'sessions.login'])
    t.ok(withCertificate.includes(place), `before, his certificate is in ${place}`);

  await command(supervisor, 'supervisor', 'OrderAbort', { reason: '终止' });
  await platform.passUntil(OPENING, 'Archived');
  const entries = await platform.db.sql<{ seq: number; bytes: Uint8Array }[]>`
    SELECT seq, bytes FROM entries WHERE origin = ${openingOrigin('kaibiao.test', OPENING)} ORDER BY seq`;
  const seqOf = (type: string) => entries.findIndex(({ bytes }) => parseEntry(bytes).type === type);
  let number = 0;
  const erase = async (seq: number, field: string): Promise<void> => {
    number += 1;
    const asked = { seq, field, basis: 'unlawful_processing', reason: '法院裁定' };
    await command(witness, 'witness', 'ProposeErasure', asked);
    await command(supervisor, 'supervisor', 'ConfirmErasure', { number });
  };
  await objector.api.endSession();
  // Somebody else may have chosen the same id for a command.
  const { superuser } = platform.db;
  await superuser`INSERT INTO commands (opening_id, actor, command_id, content_sha256, outcome)
    SELECT opening_id, 'another', command_id, content_sha256, '{}' FROM commands WHERE actor = ${objector.account}`;
  await superuser`INSERT INTO intake (opening_id, received_at, kind, content, decided)
    SELECT opening_id, 1, 'another', convert_to('{"command":"' || command_id || '","who":{"account":"another"}}', 'UTF8'), true
    FROM commands WHERE actor = 'another'`;
  const ofOthers = async () => [
    ...(await superuser`SELECT actor, command_id FROM commands WHERE actor <> ${objector.account}`),
    ...(await superuser`SELECT id FROM intake WHERE kind IN ('another', 'PublishRoster', 'AnswerObjection')`),
  ];
  const before = await ofOthers();
  t.ok(before.length > 6);
  const follower = followOpenings(platform.db.sql, 'kaibiao.test');
  const textKept = async () => (await follower.keptOf(OPENING))?.state.objections[0]?.text;
  t.match(await textKept(), { known: true, value: text });
  await erase(seqOf('ObjectionRaised'), 'text');
  t.same(await textKept(), { known: false }, 'nor is it in the memory of a process that follows');
  t.strictSame(await where(ofText), [], 'its words, with the act that says them');
  for (const field of ['who', 'source']) await erase(seqOf('ObjectionRaised'), field);
  t.ok((await where(ofCertificate)).includes('evidence.content'), 'it stands behind another act of his');
  for (const field of ['reason', 'who', 'source']) await erase(seqOf('AnswerDisputed'), field);
  t.strictSame(await where(ofReason), []);
  const after = (await ofOthers()).map((row) => JSON.stringify(row));
  t.same(
    before.filter((row) => !after.includes(JSON.stringify(row))),
    [],
    'nothing of anybody else goes along, and by whose command the objection came to the log',
  );
  await platform.pass(122 * MINUTE);
  t.strictSame(await where(ofCertificate), [], 'nor his certificate, in whatever it was wrapped');
  t.strictSame(
    await where(ofCode),
    ['accounts.credit_code', 'accounts.id'],
    'that he has an account here is not of this opening',
  );

  const batches = await platform.db.sql<{ batch: number; seed: Uint8Array; root: Uint8Array }[]>`
    SELECT DISTINCT b.batch, b.seed, b.root FROM register_batches b JOIN register_batch_members m ON m.batch = b.batch`;
  t.ok(batches.length > 0);
  for (const { batch, seed, root } of batches)
    t.same(
      batchRoot(sha256, batchLeaves(sha256, seed, await actLeaves(platform.db.sql, batch))),
      root,
      'and every other act of its batch keeps its proof',
    );
  const origin = openingOrigin('kaibiao.test', OPENING);
  const vkey = (await (await fetch(`${platform.url}/logs/opening/${OPENING}/vkey`)).text()).trimEnd();
  const folder = join(platform.folder, 'export');
  await exportLog(platform.db.sql, { origin, vkey, folder, ledger: null });
  const judged = await verifySource(folderSource(folder), { requireAllDisclosures: true });
  t.match(judged, { ok: true, standing: 'valid, complete', erased: 8 });
});
