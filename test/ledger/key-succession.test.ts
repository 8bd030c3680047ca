/** One key follows another, and the drill of a stolen one: who trusts either is not lost, a thief gets no cosigner, and a step that was broken off is done again. */
import { spawnSync } from 'node:child_process';
import { readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { makeBackup } from '../../server/cli/backup/make-backup.ts';
import { restoreBackup } from '../../server/cli/backup/restore-backup.ts';
import { exportLog } from '../../server/cli/export-log.ts';
import { folderSource } from '../../server/cli/log-source.ts';
import { nodeTools, verifySource } from '../../server/cli/verify-log.ts';
import { formatAddCheckpoint } from '../../server/core/log/add-checkpoint.ts';
import { toBase64 } from '../../server/core/log/base64.ts';
import { formatCheckpoint, openCheckpoint } from '../../server/core/log/checkpoint.ts';
import { isAnnouncementSigned } from '../../server/core/log/key-announcement.ts';
import type { KeyAnnouncement } from '../../server/core/log/ledger-events.ts';
import {
  ed25519Verifier,
  formatNote,
  formatVkey,
  KEY_TYPES,
  parseNote,
  parseVkey,
  verifierKey,
} from '../../server/core/log/note.ts';
import { accessOrigin, ledgerOrigin, openingOrigin } from '../../server/core/log/origin.ts';
import { parsePolicy } from '../../server/core/log/policy-file.ts';
import { utf8 } from '../../server/core/log/utf8.ts';
import { filesOf } from '../../server/cosign/cosigner-folder.ts';
import { enrolLog } from '../../server/cosign/enrolled-logs.ts';
import { makeSigningKey, verifyEd25519 } from '../../server/ed25519.ts';
import { sha256 } from '../../server/hash.ts';
import { openLedger } from '../../server/ledger/ledger.ts';
import { judgeShown } from '../../server/ledger/shown-head.ts';
import { provingVkeys } from '../../server/ledger/trust.ts';
import { addNextKey, endEarlier, replaceCompromised, takeOver } from '../../server/recorder/key-succession.ts';
import { openKeyring } from '../../server/recorder/keyring.ts';
import { KEY_USES, type Key, openKeys } from '../../server/recorder/keys.ts';
import { startSelfAudit } from '../../server/recorder/self-audit.ts';
import { settleAll } from '../../server/recorder/settle-log.ts';
import { openSigner } from '../../server/recorder/signer.ts';
import { packageRoot } from '../../server/root.ts';
import { openAsOwner } from '../../server/store/connect.ts';
import type { Sql } from '../../server/store/driver.ts';
import { consistencyOf } from '../../server/store/read-log.ts';
import { addTimestamp } from '../../server/store/timestamps.ts';
import { checkCosigned } from '../../server/verify/cosigned.ts';
import { systemWorld } from '../../server/world.ts';
import { cosignerBench } from '../support/cosigning.ts';
import { type TestDatabase, testDb } from '../support/database.ts';
import { newFolder } from '../support/folder.ts';
import { addOpening } from '../support/ledger.ts';
import { entriesOf } from '../support/server-log.ts';
import { appendSome, begin, dataFolder, PLATFORM } from '../support/signed-log.ts';
import t from '../support/tap.ts';
import { steppedWorld } from '../support/world.ts';

const ledger = ledgerOrigin(PLATFORM);
const JUDGE = join(packageRoot, 'server/core/log/judge.py');
type Test = Parameters<typeof dataFolder>[0] & { equal(found: unknown, wanted: unknown, message: string): unknown };
const openingOf = (id: string): string => openingOrigin(PLATFORM, id);

/** A platform that is started, used and stopped again and again over one folder and one database. */
function platform(database: TestDatabase, folder: string) {
  const world = steppedWorld();
  const { sql } = database;
  return {
    stopped: { folder, platform: PLATFORM, world: { now: world.now, randomBytes: systemWorld.randomBytes } },
    /** One life of it: begins an opening, takes heads, audits itself. Returns: the vkeys and the ledger's head. */
    async live(openingId: string) {
      const signer = await openSigner(folder, PLATFORM);
      try {
        await settleAll(sql, signer);
        const faults: unknown[] = [];
        const running = await openLedger({
          database,
          signer,
          world,
          platform: PLATFORM,
          batchPeriodMs: 10_000,
          headPeriodMs: 1_000,
          onFault: (error) => faults.push(error),
        });
        const origin = openingOf(openingId);
        await addOpening(sql, openingId);
        await begin(sql, origin);
        await appendSome(sql, signer, origin);
        if (openingId !== 'one') await appendSome(sql, signer, openingOf('one'));
        await running.takeHeads();
        await running.close();
        const findings: unknown[] = [];
        const audit = startSelfAudit({
          sql,
          signer,
          world,
          periodMs: 1_000,
          entriesPerTick: 1_000,
          onFinding: (finding) => findings.push(finding),
          onFault: (error) => faults.push(error),
        });
        while (audit.progress().rounds < 1) await audit.tick();
        await audit.stop();
        const head = signer.released(ledger);
        if (head === null) throw new Error('no head');
        const vkeyOf = (id: string): string => signer.vkeyOf(openingOf(id), 'opening');
        return { ledger: signer.vkeyOf(ledger, 'ledger'), vkeyOf, head, wrong: [...faults, ...findings] };
      } finally {
        await signer.close();
      }
    },
    /** What verify says of the whole ledger, shown with one key and asked of by another. */
    async judge(t: Test, shown: string, trust: string): Promise<string> {
      const out = join(await dataFolder(t), 'out');
      await exportLog(sql, { origin: ledger, vkey: shown, folder: out, ledger: null });
      return judgeFolder(t, out, trust);
    },
    /** The same of the access log, which that key signs as well. */
    async judgeAccess(t: Test, { publicKey }: { publicKey: Uint8Array }, trust: string): Promise<string> {
      const out = join(await dataFolder(t), 'out');
      const vkey = formatVkey(verifierKey(sha256, accessOrigin(PLATFORM), KEY_TYPES.ed25519, publicKey));
      await exportLog(sql, { origin: accessOrigin(PLATFORM), vkey, folder: out, ledger: null });
      return judgeFolder(t, out, trust);
    },
    /** Begins an opening that the ledger hears nothing of yet. */
    async beginOnly(openingId: string): Promise<void> {
      const signer = await openSigner(folder, PLATFORM);
      try {
        await settleAll(sql, signer);
        await addOpening(sql, openingId);
        await begin(sql, openingOf(openingId));
        await appendSome(sql, signer, openingOf(openingId));
      } finally {
        await signer.close();
      }
    },
  };
}

async function judgeFolder(t: Test, out: string, trust: string): Promise<string> {
  const judged = await verifySource(folderSource(out), { requireAllDisclosures: true, trust });
  const other = spawnSync('python3', [JUDGE, '--trust', trust, out], { encoding: 'utf8' });
  t.equal(other.status === 0, judged.ok, `judge.py agrees: ${other.stdout}`);
  return judged.ok ? judged.anchoring : `${judged.reason} ${judged.detail ?? ''}`.trim();
}

const signersOf = (note: string): number[] => parseNote(note).signatures.map(({ keyId }) => keyId);
const keyId = (vkey: string): number => parseVkey(sha256, vkey).keyId;

/** The database as the owner of its tables. */
async function ownerOf(t: Parameters<typeof testDb>[0], { appUrl, ownerUrl }: TestDatabase): Promise<Sql> {
  const settings = { databaseUrl: appUrl, databaseMigrationUrl: ownerUrl, dataFolder: '', databasePoolSize: 2 };
  const { sql, close } = await openAsOwner(settings, false);
  t.teardown(close);
  return sql;
}

t.test(
  'announced, taken over, ended: each start goes on, and who trusts either key believes the ledger meanwhile',
  async (t) => {
    const database = await testDb(t);
    const folder = await dataFolder(t);
    const { live, judge, judgeAccess, stopped } = platform(database, folder);
    const first = await live('one');
    t.strictSame(first.wrong, []);
    t.strictSame(signersOf(first.head.note), [keyId(first.ledger)]);

    const backups = await newFolder(t, 'backups');
    const owner = await ownerOf(t, database);
    const dataOf = (name: string) => ({ platform: PLATFORM, dataFolder: folder, folder: join(backups, name) });
    const backUp = async (name: string) =>
      makeBackup(owner, { ...dataOf(name), publicKeys: (await openKeyring(folder, PLATFORM)).publicKeys });
    await backUp('first');
    const before = await openKeyring(folder, PLATFORM);

    for (const use of KEY_USES) await addNextKey(stopped, use);
    await t.rejects(addNextKey(stopped, 'ledger'), { code: 'key_twice' });
    const announced = await live('two');
    t.strictSame(announced.wrong, []);
    t.equal(announced.ledger, first.ledger, 'still the one before');
    const { succession } = await openKeys(folder, false);
    const next = toBase64(succession.next.ledger?.publicBytes ?? new Uint8Array());
    const said = (await entriesOf(database.sql, ledger)).filter(({ type }) => type === 'KeyAnnounced');
    t.strictSame(
      said.map(({ body }) => (body['key'] as { use: string }).use),
      [...KEY_USES],
    );
    t.match(said[1]?.body, { key: { publicKey: next }, replaces: toBase64(parseVkey(sha256, first.ledger).publicKey) });
    for (const { body } of said)
      t.ok(await isAnnouncementSigned(PLATFORM, body as unknown as KeyAnnouncement, verifyEd25519), 'by both keys');
    t.equal(signersOf(announced.head.note).length, 2, 'both sign');
    t.equal(announced.vkeyOf('two'), first.vkeyOf('two'), 'openings under the one in use');

    for (const use of KEY_USES) await takeOver(stopped, use);
    await t.rejects(takeOver(stopped, 'ledger'), { code: 'key_missing' });
    const taken = await live('three');
    t.strictSame(taken.wrong, []);
    t.equal(toBase64(parseVkey(sha256, taken.ledger).publicKey), next);
    t.equal(taken.vkeyOf('one'), first.vkeyOf('one'), 'an opening keeps the key it began with');
    t.equal(taken.vkeyOf('two'), first.vkeyOf('two'));
    t.not(taken.vkeyOf('three'), first.vkeyOf('three'), 'a new one begins with the new');
    t.strictSame(signersOf(taken.head.note), [keyId(taken.ledger), keyId(first.ledger)]);
    t.equal(
      (await entriesOf(database.sql, ledger)).filter(({ type }) => type === 'KeyAnnounced').length,
      3,
      'once each',
    );
    t.equal(await judge(t, taken.ledger, taken.ledger), 'its key is the trusted one');
    t.equal(await judge(t, taken.ledger, first.ledger), 'the trusted key signs its head, too');
    t.equal(await judge(t, first.ledger, taken.ledger), 'the trusted key signs its head, too');

    await backUp('taken');
    t.equal(await endEarlier(stopped, 'ledger'), 1);
    await t.rejects(endEarlier(stopped, 'openings'), { code: 'key_still_signs' });
    const ended = await live('four');
    t.strictSame(ended.wrong, [], 'the self-audit knows heads from before');
    t.strictSame(signersOf(ended.head.note), [keyId(taken.ledger)]);
    t.equal(await judge(t, taken.ledger, taken.ledger), 'its key is the trusted one');
    t.equal(await judge(t, taken.ledger, first.ledger), 'its key follows the trusted one by 1 link on the ledger');
    t.match(await judge(t, first.ledger, first.ledger), /^checkpoint_unsigned/);
    const present = parseVkey(sha256, taken.ledger);
    t.equal(await judgeAccess(t, present, taken.ledger), 'its key is that of the trusted ledger');
    t.equal(
      await judgeAccess(t, present, first.ledger),
      'the trusted key signs its head, too',
      'it did not grow since',
    );

    // What a key signed that has ended since is proof against us all the same.
    t.strictSame(await provingVkeys(database.sql, ledger), [first.ledger, taken.ledger]);

    // Put back with the keys of today: of before the first step, and with openings of either key.
    const keyring = await openKeyring(folder, PLATFORM);
    const asked = { signerFolder: join(backups, 'no-guard'), seen: [], isGuardLost: true };
    for (const name of ['first', 'taken']) {
      const into = await ownerOf(t, await testDb(t));
      const restored = await restoreBackup(into, {
        ...dataOf(name),
        ...asked,
        keyring,
        signerFolder: join(backups, `${name}-guard`),
      });
      t.ok(restored.heads.length > 2, name);
      const again = { ...dataOf(name), ...asked, keyring: before };
      if (name === 'taken') await t.rejects(restoreBackup(into, again), { code: 'keys_differ' }, 'keys from before it');
    }
  },
);

t.test(
  'an opening stamped before the ledger’s key was followed is anchored under the key that is asked for',
  async (t) => {
    const database = await testDb(t);
    const { sql } = database;
    const { live, stopped } = platform(database, await dataFolder(t));
    await live('one');
    const first = await live('two');
    const stamp = ({ size, note }: { size: number; note: string }): Promise<void> =>
      addTimestamp(sql, {
        ...{ ledgerSize: size, note, authority: 'http://tsa.test', stampedAt: size, accuracyMs: null, policy: '1.2.3' },
        ...{ serial: '01', response: new Uint8Array(), path: new Uint8Array(), crls: new Uint8Array() },
        ...{ revocation: 'good', receivedAt: size },
      });
    await stamp(first.head);
    await addNextKey(stopped, 'ledger');
    const both = await live('three');
    await takeOver(stopped, 'ledger');
    await endEarlier(stopped, 'ledger');
    const present = await live('four');
    const anchorUnder = async (vkey: string): Promise<{ note: string; files: string[] }> => {
      const out = await newFolder(t, 'out');
      const asked = { origin: openingOf('two'), vkey: first.vkeyOf('two'), folder: out };
      await exportLog(sql, { ...asked, ledger: { origin: ledger, vkey } });
      const note = await readFile(join(out, 'anchor', 'checkpoint'), 'utf8');
      await openCheckpoint(note, ed25519Verifier(parseVkey(sha256, vkey), verifyEd25519));
      return { note, files: await readdir(join(out, 'anchor')) };
    };
    const before = await anchorUnder(first.ledger);
    t.equal(before.note, first.head.note);
    t.ok(before.files.includes('1.tsr'));
    const unstamped = await anchorUnder(present.ledger);
    t.equal(unstamped.note, present.head.note, 'no note that is stamped is signed by the present key');
    t.notOk(unstamped.files.includes('1.tsr'));
    await stamp(both.head);
    const stamped = await anchorUnder(present.ledger);
    t.equal(stamped.note, both.head.note, 'the first that is');
    t.ok(stamped.files.includes('1.tsr'));
  },
);

t.test(
  'a step that was broken off stops every start until it is done again; nobody changes keys that are in use',
  async (t) => {
    const database = await testDb(t);
    const folder = await dataFolder(t);
    const { live, stopped } = platform(database, folder);
    const first = await live('one');
    const signer = await openSigner(folder, PLATFORM);
    await t.rejects(addNextKey(stopped, 'ledger'), /in use: stop the server/);
    await signer.close();
    await addNextKey(stopped, 'openings');
    const keys = join(folder, 'keys');
    // Killed before anything was signed of it.
    const said = (await readdir(keys)).find((name) => name.endsWith('.announcement')) ?? '';
    await rm(join(keys, said));
    await t.rejects(takeOver(stopped, 'openings'), { code: 'key_unannounced' });
    await addNextKey(stopped, 'openings');
    t.ok((await readdir(keys)).includes(said), 'signed of the same key');
    // Killed between the two renames.
    await rename(join(keys, 'openings.key'), join(keys, 'openings.1.key'));
    await t.rejects(openSigner(folder, PLATFORM), { code: 'key_missing' });
    // As it was before them; the list of logs is made anew.
    await rename(join(keys, 'openings.1.key'), join(keys, 'openings.key'));
    const again = await live('two');
    t.equal(again.vkeyOf('two'), first.vkeyOf('two'), 'announced only now, so not taken');
    await takeOver(stopped, 'openings');
    await rename(join(keys, 'openings.key'), join(keys, 'openings.next.key'));
    await t.rejects(openSigner(folder, PLATFORM), { code: 'key_missing' });
    await takeOver(stopped, 'openings');
    const taken = await live('three');
    t.strictSame(taken.wrong, []);
    t.equal(taken.vkeyOf('two'), first.vkeyOf('two'));
    t.not(taken.vkeyOf('three'), first.vkeyOf('three'));
    t.strictSame((await readdir(keys)).filter((name) => /^openings.*(?<!announcement)$/.test(name)).sort(), [
      'openings.1.key',
      'openings.1.logs',
      'openings.key',
    ]);
  },
);

t.test('a key that the one before it says nothing of is announced by nobody, and signs nothing', async (t) => {
  const database = await testDb(t);
  const folder = await dataFolder(t);
  const { live, stopped } = platform(database, folder);
  await live('one');
  const keys = join(folder, 'keys');
  // Put there by hand, over what was made to follow.
  await addNextKey(stopped, 'receipts', { compromisedSince: 1 });
  await rename(join(keys, 'receipts.next.key'), join(keys, 'given-up.key'));
  await rm(join(keys, 'receipts.key'));
  await makeSigningKey(join(keys, 'receipts.key'), systemWorld.randomBytes);
  await t.rejects(live('two'), { code: 'key_unannounced' });
  t.equal((await entriesOf(database.sql, ledger)).filter(({ type }) => type === 'KeyAnnounced').length, 0);
  await rename(join(keys, 'given-up.key'), join(keys, 'receipts.key'));
  t.strictSame((await live('two')).wrong, []);
  t.match((await entriesOf(database.sql, ledger)).find(({ type }) => type === 'KeyAnnounced')?.body, {
    key: { use: 'receipts' },
    compromisedSince: '1970-01-01T00:00:00.001Z',
  });
  const clock = { ...stopped, world: { ...stopped.world, now: () => stopped.world.now() + 86_400_000 } };
  await addNextKey(clock, 'ledger');
  await t.rejects(live('three'), { code: 'key_unannounced' }, 'verifiers would refuse an announcement from tomorrow');
});

t.test(
  'the drill: a thief of the ledger’s key gets no cosigner, whoever has a policy sees it, and a new key ends it',
  async (t) => {
    const database = await testDb(t);
    const folder = await dataFolder(t);
    const { live, judge, stopped } = platform(database, folder);
    const before = await live('one');
    const supervisor = await cosignerBench(t, { vkey: before.ledger });
    const policy = parsePolicy(
      sha256,
      utf8(`log ${before.ledger}\nwitness s ${supervisor.vkey}\ngroup g all s\nquorum g\n`),
    );
    let signedSize = 0;
    const cosign = async (note: string, size: number): Promise<string> => {
      const proof = signedSize === 0 ? [] : await consistencyOf(database.sql, ledger, signedSize, size);
      const body = utf8(formatAddCheckpoint({ oldSize: signedSize, proof, checkpoint: note }));
      const answer = await supervisor.cosigner.addCheckpoint(body);
      if (answer.status === 200) signedSize = size;
      return answer.status === 200 ? note + answer.body : String(answer.status);
    };
    const seen = await cosign(before.head.note, before.head.size);
    t.match(await checkCosigned(nodeTools, { note: seen, vkey: before.ledger, links: [] }, policy), {
      words: /^cosigned by 1 of 1/,
    });

    // The thief signs another history: another root at the size that is out, and a larger tree.
    const { ledger: stolen } = await openKeys(folder, false);
    const forge = (size: number): Promise<string> => signBy(stolen, before.ledger, size);
    const sameSize = await forge(before.head.size);
    t.equal(await cosign(sameSize, before.head.size), '409', 'another root for a size');
    const larger = await forge(before.head.size + 5);
    const body = utf8(formatAddCheckpoint({ oldSize: signedSize, proof: [new Uint8Array(32)], checkpoint: larger }));
    t.equal((await supervisor.cosigner.addCheckpoint(body)).status, 422, 'growth that is none');
    for (const fork of [sameSize, larger])
      t.match(
        await checkCosigned(nodeTools, { note: fork, vkey: before.ledger, links: [] }, policy),
        { reason: 'cosigners_too_few' },
        'named by the policy',
      );

    // The way back: a new key, known to the cosigner before the old one is ended.
    await replaceCompromised(stopped, 'ledger', { compromisedSince: stopped.world.now() });
    const taken = await live('two');
    t.match(
      await cosign(taken.head.note, taken.head.size),
      /^kaibiao\.test\/ledger\n/,
      'who knows the old key goes on',
    );
    t.match(await judge(t, taken.ledger, before.ledger), /^trust_key_compromised/, 'while it still signs beside');
    await enrolLog(filesOf(supervisor.folder).logs, taken.ledger);
    t.equal(await endEarlier(stopped, 'ledger'), 1);
    const ended = await live('four');
    const recovered = await cosign(ended.head.note, ended.head.size);
    const later = parsePolicy(
      sha256,
      utf8(`log ${taken.ledger}\nwitness s ${supervisor.vkey}\ngroup g all s\nquorum g\n`),
    );
    t.match(await checkCosigned(nodeTools, { note: recovered, vkey: taken.ledger, links: [] }, later), {
      words: /^cosigned by 1 of 1/,
    });
    t.match(await judge(t, taken.ledger, taken.ledger), 'its key is the trusted one');
    t.match(
      await judge(t, taken.ledger, before.ledger),
      /^trust_key_compromised/,
      'the thief could announce his own so',
    );
    // What it signs is a claim, and its thief stops no platform by it.
    t.strictSame(await provingVkeys(database.sql, ledger), [taken.ledger]);
    const contrary = utf8(await forge(before.head.size));
    t.match(await judgeShown(database.sql, [before.ledger, taken.ledger], contrary), { shown: 'contrary' });
    t.match(await judgeShown(database.sql, await provingVkeys(database.sql, ledger), contrary), { shown: 'nothing' });
    // What the stolen key signs counts no more for whoever trusts the new one.
    t.match(
      await checkCosigned(nodeTools, { note: await forge(ended.head.size + 9), vkey: before.ledger, links: [] }, later),
      {
        reason: 'policy_of_other_log',
      },
    );
  },
);

t.test(
  'a key of openings that others may have had: what began under it stands on the ledger first, and nothing begins under it any more',
  async (t) => {
    const database = await testDb(t);
    const folder = await dataFolder(t);
    const { live, judge, beginOnly, stopped } = platform(database, folder);
    const first = await live('one');
    await beginOnly('late');
    const since = stopped.world.now();
    // Broken off before the key is taken over.
    await addNextKey(stopped, 'openings', { compromisedSince: since });
    await t.rejects(openSigner(folder, PLATFORM), { code: 'key_compromised' });
    await takeOver(stopped, 'openings');
    const second = await live('two');
    t.strictSame(second.wrong, []);
    t.equal(second.vkeyOf('late').split('+')[2], first.vkeyOf('one').split('+')[2], 'begun, so it keeps its key');
    t.not(second.vkeyOf('two').split('+')[2], first.vkeyOf('one').split('+')[2]);
    const told = (await entriesOf(database.sql, ledger)).map(({ type, body }) => [type, body['kind'], body['origin']]);
    const at = (wanted: readonly unknown[]) => told.findIndex((one) => one.join() === wanted.join());
    const announced = told.findIndex(([type]) => type === 'KeyAnnounced');
    t.ok(at(['Head', 'opened', openingOf('late')]) < announced, 'first the log, then the word on its key');
    t.ok(at(['Head', 'opened', openingOf('two')]) > announced);
    t.equal(await judge(t, first.ledger, first.ledger), 'its key is the trusted one', 'and everybody finds it so');
  },
);

async function signBy(key: Key, vkey: string, size: number): Promise<string> {
  const text = formatCheckpoint({ origin: ledger, size, root: new Uint8Array(32).fill(size) });
  return formatNote(text, [{ name: ledger, keyId: keyId(vkey), signature: await key.sign(utf8(text)) }]);
}
