/** Certificates that change while a tender runs: renewed with another key or the same, over or revoked before the deadline or since, their CA ended; what is opened, and what the log says. */
import { spawnSync } from 'node:child_process';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { demoCreditCode, type Issued } from '../../../server/cli/demo/ca.ts';
import { exportLog } from '../../../server/cli/export-log.ts';
import { folderSource } from '../../../server/cli/log-source.ts';
import { act } from '../../../server/cli/person/act.ts';
import { decrypt, handIn, makeDecryption, outcomeOf } from '../../../server/cli/person/decrypt.ts';
import { heldKeyAgent } from '../../../server/cli/person/held-keys.ts';
import { lodge } from '../../../server/cli/person/lodge.ts';
import { letIn } from '../../../server/cli/person/operator.ts';
import type { Person } from '../../../server/cli/person/person.ts';
import { catchUp } from '../../../server/cli/person/read-opening.ts';
import { bringCrl, confirmTrust, proposeTrust } from '../../../server/cli/person/trust.ts';
import { verifySource } from '../../../server/cli/verify-log.ts';
import { pickCertificate } from '../../../server/client/key-agent.ts';
import { readDisclosure } from '../../../server/core/log/disclosure.ts';
import { formatInstant } from '../../../server/core/log/instant.ts';
import { ledgerOrigin, openingOrigin } from '../../../server/core/log/origin.ts';
import { fromUtf8 } from '../../../server/core/log/utf8.ts';
import { numberOf } from '../../../server/core/opening/state.ts';
import { parsePem } from '../../../server/core/pki/certificate.ts';
import { thumbprintOf } from '../../../server/identity/check-certificate.ts';
import { packageRoot } from '../../../server/root.ts';
import { readDisclosures } from '../../../server/store/read-log.ts';
import { testCa } from '../../support/ca.ts';
import t from '../../support/tap.ts';
import { addition } from '../../support/trust.ts';
import { command, heldKey, holderOf, MINUTE, OPENING, seal, startPlatform } from './platform.ts';

const platform = await startPlatform(t);
const { world, ca, officials, url } = platform;
const { host, operator } = officials;
await platform.publish(OPENING, 15 * MINUTE);
const deadlineAt = world.now() + 15 * MINUTE;

type Held = { readonly sign: Issued; readonly encrypt: Issued };
const serialOf = ({ certificatePem }: Issued): string => parsePem(certificatePem)[0]?.serial ?? '';

async function issue(index: number, notAfterAt?: number): Promise<Held> {
  const common = { holder: holderOf(index), key: 'p256', ...(notAfterAt !== undefined && { notAfterAt }) } as const;
  const [sign, encrypt] = await Promise.all([
    ca.issue({ ...common, usage: 'sign' }),
    ca.issue({ ...common, usage: 'encrypt' }),
  ]);
  return { sign, encrypt };
}
const enter = (index: number, ...held: Issued[]): Promise<Person> =>
  platform.enter(heldKeyAgent(held.map(heldKey)), `bidder-${index}`);

/** Number on the roster, and the bid as the log has it. */
async function bidOf(person: Person) {
  const state = await catchUp(host, OPENING, 'host');
  const bidder = numberOf(await catchUp(person, OPENING, 'bidder'), person.creditCode);
  return state.bids.find((bid) => bid.bidder === bidder);
}

/** What the judgement behind somebody's last entry of a type says. */
async function outcomeBehind(person: Person): Promise<unknown> {
  const rows = await readDisclosures(platform.db.sql, openingOrigin('kaibiao.test', OPENING), 0, 10_000);
  const who = rows
    .filter(({ field }) => field === 'who')
    .map(({ disclosure }) => readDisclosure(disclosure).value as Record<string, string> | null)
    .findLast((each) => each?.['creditCode'] === person.creditCode);
  const answer = await fetch(`${url}/evidence/${who?.['judgement']}/${who?.['judgement']}`);
  return ((await answer.json()) as { outcome: unknown }).outcome;
}

// 0 renews with another key, 1 with the same, 2 runs out before the deadline, 3 is revoked in the window.
const old = [await issue(0), await issue(1), await issue(2, deadlineAt - MINUTE), await issue(3)] as const;
const before = await Promise.all(old.map(({ sign, encrypt }, index) => enter(index, sign, encrypt)));
for (const [index, person] of before.entries())
  await lodge(person, OPENING, { envelope: await seal(platform, person, `${index + 1}000000.00`) });
const [, , outdated, stolen] = before as [Person, Person, Person, Person];

// Of another CA, which ends between the deadline and the window.
const fallen = await testCa({ name: 'Fallen', at: world.now() });
const [fallenRoot] = parsePem(fallen.rootPem);
if (fallenRoot === undefined) throw new Error('no root');
const second = await platform.keysOf({ ...holderOf(0), creditCode: demoCreditCode(0), name: '第二人', personId: 'C9' });
await letIn(operator, { x5c: (await pickCertificate(second, 'sign', world.now())).x5c, kind: 'operator' });
const other = await platform.enter(second, 'operator-2');
const change = async (wanted: Parameters<typeof proposeTrust>[1]) =>
  confirmTrust(other, await proposeTrust(operator, wanted));
await change(addition(fallenRoot, { fromAt: world.now() }));
const orphan = { creditCode: demoCreditCode(14), organisation: '投标人14', name: '投标人14' };
const issueOrphan = async () =>
  heldKeyAgent(
    (
      await Promise.all([
        fallen.issue({ holder: orphan, usage: 'sign', key: 'p256' }),
        fallen.issue({ holder: orphan, usage: 'encrypt', key: 'p256' }),
      ])
    ).map(heldKey),
  );
const orphansKeys = await issueOrphan();
const orphaned = await platform.enter(orphansKeys, 'orphan');
await lodge(orphaned, OPENING, { envelope: await seal(platform, orphaned, '5000000.00') });

t.test('its CA ended between deadline and window: nothing but the opening of its bid is left to it', async (t) => {
  await platform.passUntil(OPENING, 'Sealed');
  const certificateSha256 = thumbprintOf(fallenRoot);
  await change({ change: 'end', certificateSha256, from: formatInstant(world.now()), reason: '签发机构被攻破' });
  await t.rejects(
    platform.enter(await issueOrphan(), 'forged'),
    { code: 'certificate_not_trusted' },
    'a certificate in its name that nobody has seen before the deadline',
  );
  const again = await platform.enter(orphansKeys, 'orphan');
  await t.rejects(act(again, OPENING, { type: 'RaiseEarlyObjection', role: 'bidder', data: { text: '异议' } }), {
    code: 'certificate_not_trusted',
  });
});

t.test('renewed with another key: the old one decrypts, the new one acts', async (t) => {
  await command(host, 'host', 'PublishRoster');
  await command(host, 'host', 'OpenWindow');
  const { sign, encrypt } = await issue(0);
  const onlyNew = await enter(0, sign, encrypt);
  await t.rejects(decrypt(onlyNew, OPENING), { code: 'envelope_for_another_certificate' });
  const renewed = await enter(0, sign, old[0].encrypt);
  const [fresh] = parsePem(sign.certificatePem);
  t.same(renewed.signer.certificate, fresh?.der, 'it signs with the new certificate');
  await decrypt(renewed, OPENING);
  t.match(await outcomeOf(renewed, OPENING), { outcome: 'decrypted', attempt: 1 });
  t.equal(await outcomeBehind(renewed), 'good');
});

t.test(
  'its CA ended: the bid is opened, by a login of today, and the log says how its certificate stood',
  async (t) => {
    const again = await platform.enter(orphansKeys, 'orphan');
    await decrypt(again, OPENING);
    t.match(await outcomeOf(again, OPENING), { outcome: 'decrypted', attempt: 1 });
    t.equal(await outcomeBehind(again), 'ended');
  },
);

t.test('renewed with the same key: nothing of the old certificate is needed', async (t) => {
  const sign = await ca.issue({ holder: holderOf(1), usage: 'sign', key: 'p256' });
  const encrypt = await ca.issue({ holder: holderOf(1), usage: 'encrypt', key: 'p256', renewalOf: old[1].encrypt });
  t.equal(encrypt.privateKeyPem, old[1].encrypt.privateKeyPem);
  const renewed = await enter(1, sign, encrypt);
  const { certSha256 } = await pickCertificate(renewed.keys, 'unwrap', world.now());
  t.not(
    certSha256,
    (await pickCertificate((await enter(1, sign, old[1].encrypt)).keys, 'unwrap', world.now())).certSha256,
  );
  await decrypt(renewed, OPENING);
  t.match(await outcomeOf(renewed, OPENING), { outcome: 'decrypted', attempt: 1 });
});

t.test('over before the deadline: it fails on the log by its bidder’s fault, who comes again renewed', async (t) => {
  const sign = await ca.issue({ holder: holderOf(2), usage: 'sign', key: 'p256' });
  const renewed = await enter(2, sign, old[2].encrypt);
  // The statement by the old key, carried in by a session of the new one.
  const file = await makeDecryption({ ...renewed, signer: outdated.signer }, OPENING);
  await handIn(renewed.api, file);
  t.match(await outcomeOf(renewed, OPENING), { outcome: 'certificate_not_valid', attempt: 1 });
  t.equal(await outcomeBehind(renewed), 'expired');
  const bid = await bidOf(renewed);
  t.match(bid?.attempts, [{ outcome: 'certificate_not_valid' }]);
  await decrypt(renewed, OPENING);
  t.match(await outcomeOf(renewed, OPENING), { outcome: 'decrypted', attempt: 2 });
});

t.test(
  'revoked since the deadline: the bid is opened all the same, and the log says how its certificate stood',
  async (t) => {
    // Lists date in whole seconds: the second that begins behind the deadline.
    const revoked = [{ serial: serialOf(old[3].sign), revokedAt: deadlineAt + 1_000 }];
    const terms = { number: 1, thisUpdateAt: world.now() - 1_000, nextUpdateAt: world.now() + 60 * MINUTE, revoked };
    const file = await makeDecryption(stolen, OPENING);
    await bringCrl(operator, ca.issueCrls(terms).intermediate);
    await t.rejects(enter(3, old[3].sign, old[3].encrypt), { code: 'certificate_revoked' });
    t.match(await handIn(host.api, file), { entries: [/DecryptionReceived/] }, 'whoever carries it in');
    const { creditCode } = stolen;
    await platform.passUntil(OPENING, 'Attribution');
    const state = await catchUp(host, OPENING, 'host');
    t.equal(state.bids.filter(({ attempts }) => attempts.at(-1)?.outcome === 'decrypted').length, 5);
    t.equal(await outcomeBehind({ ...stolen, creditCode }), 'revoked');
  },
);

t.test('an export brings the evidence along, and it is judged again from the folder alone', async (t) => {
  const folder = join(platform.folder, 'export');
  const vkeyOf = async (log: string) => (await (await fetch(`${url}/logs/${log}/vkey`)).text()).trim();
  const ledger = { origin: ledgerOrigin('kaibiao.test'), vkey: await vkeyOf('ledger') };
  const origin = openingOrigin('kaibiao.test', OPENING);
  await exportLog(platform.db.sql, { origin, vkey: await vkeyOf(`opening/${OPENING}`), folder, ledger });
  const judge = () => verifySource(folderSource(folder), { requireAllDisclosures: true });
  const whole = await judge();
  t.match(whole, { ok: true });
  if (!whole.ok) throw new Error(whole.reason);
  const { certificates } = whole;
  t.ok(certificates.judged >= 8, 'hosts and bidders');
  t.equal(certificates.judged, certificates.named, 'every one that is named');

  const beside = join(platform.folder, 'ledger');
  await exportLog(platform.db.sql, { ...ledger, folder: beside, ledger: null });
  const anchored = await verifySource(folderSource(folder), {
    requireAllDisclosures: true,
    trust: ledger.vkey,
    ledger: folderSource(beside),
  });
  t.match(anchored, { ok: true, certificates }, 'and as the ledger says whom the platform believed');

  const second = spawnSync('python3', [join(packageRoot, 'server/core/log/judge.py'), folder], { encoding: 'utf8' });
  if (second.error === undefined) t.match(second.stdout, /^valid /, 'and the second reader takes the folder');

  const evidence = join(folder, 'evidence');
  const names = await readdir(evidence);
  const judgements: string[] = [];
  for (const name of names) if ((await readFile(join(evidence, name)))[0] === 0x7b) judgements.push(name);
  const told = await Promise.all(judgements.map(async (name) => readFile(join(evidence, name), 'utf8')));
  t.ok(
    told.filter((text) => text.includes('"purpose":"encrypt"')).length >= 5,
    'of the keys that bids are sealed to as well',
  );
  const [one = ''] = judgements;
  const bytes = await readFile(join(evidence, one));
  await writeFile(join(evidence, one), fromUtf8(bytes).replace('"v":1', '"v":2'));
  t.match(await judge(), { ok: false, reason: 'evidence_differs' });
  await rm(join(evidence, one));
  t.match(await judge(), { ok: false, reason: 'evidence_missing' });
  t.match(
    await verifySource(folderSource(folder), { requireAllDisclosures: false }),
    { ok: true },
    'not shown, not judged',
  );
  await writeFile(join(evidence, one), bytes);
  await writeFile(join(evidence, 'more'), '');
  t.match(await judge(), { ok: false, reason: 'file_unlisted' });
});
