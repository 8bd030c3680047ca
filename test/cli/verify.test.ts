/** `kaibiao verify` on golden logs: each valid one passes, each invalid one is refused for the reason its file name claims. */

import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { folderSource } from '../../server/cli/log-source.ts';
import { verifySource } from '../../server/cli/verify-log.ts';
import { packageRoot } from '../../server/root.ts';
import { VERIFY_REASONS } from '../../server/verify/words.ts';
import { type Change, readChange } from '../support/golden-change.ts';
import { goldenBench, judge, TRUST, WHOLE } from '../support/golden-judge.ts';
import { disclosuresOf, GOLDEN_FOLDER, type GoldenLog, readGolden } from '../support/golden-log.ts';
import t from '../support/tap.ts';

const bench = await goldenBench(t);
const namesIn = (kind: 'valid' | 'invalid'): string[] =>
  readdirSync(join(GOLDEN_FOLDER, kind)).map((file) => file.replace(/\.json$/, ''));
const valid = namesIn('valid');
const invalid = namesIn('invalid');
const reasonOf = (name: string): string => name.slice(0, name.indexOf('--'));

t.test('every valid log verifies, as far along as it says', async (t) => {
  const judged = await Promise.all(valid.map((name) => judge('valid', name)));
  for (const [n, name] of valid.entries()) {
    const { standing } = readChange('valid', name) as Change | GoldenLog;
    t.match(judged[n], { ok: true, standing }, name);
  }
});

t.test('every invalid log is refused for the reason in its name', async (t) => {
  const judged = await Promise.all(invalid.map((name) => judge('invalid', name)));
  for (const [n, name] of invalid.entries()) {
    const one = judged[n];
    t.equal(one?.ok ? one.standing : one?.reason, reasonOf(name), name);
  }
});

t.test('every reason of this program has a log that is refused for it', async (t) => {
  const shown = new Set(invalid.map(reasonOf));
  // By address only: see verify-address.test.ts.
  shown.add('source_unreadable');
  // See test/verify/trust.test.ts and cosigned.test.ts.
  shown.add('ledger_trust_refused');
  // See person/renewal.test.ts, which has an export with its evidence.
  for (const reason of ['evidence_missing', 'evidence_differs']) shown.add(reason);
  // See test/verify/evidence.test.ts.
  for (const reason of ['certificate_not_good', 'certificate_decided_otherwise', 'anchor_not_believed'])
    shown.add(reason);
  for (const reason of ['policy_of_other_log', 'policy_needs_ledger', 'cosignature_bad', 'cosigners_too_few'])
    shown.add(reason);
  // See verify-succession.test.ts.
  for (const reason of ['anchor_links_bad', 'trust_key_compromised', 'ledger_key_compromised']) shown.add(reason);
  t.strictSame(
    Object.keys(VERIFY_REASONS).filter((reason) => !shown.has(reason)),
    [],
  );
  for (const words of Object.values(VERIFY_REASONS)) {
    t.match(words.en, /^[A-Z].*\.$/);
    t.match(words.zh, /。$/);
  }
});

t.test('what is said of how far a log is anchored', async (t) => {
  const folder = await bench.place('valid', WHOLE);
  const ledger = await bench.place('valid', 'ledger');
  const say = async (options: { trust?: string; ledger?: string }) => {
    const judged = await verifySource(folderSource(folder), {
      requireAllDisclosures: true,
      ...(options.trust !== undefined && { trust: options.trust }),
      ...(options.ledger !== undefined && { ledger: folderSource(options.ledger) }),
    });
    return judged.ok ? judged.anchoring : judged.reason;
  };
  t.match(await say({}), /^anchored in a ledger whose key came with it: consistent with its own key only$/);
  t.match(await say({ trust: TRUST }), /^anchored in the trusted ledger; a second log .* only with the whole ledger$/);
  const whole = `anchored in the trusted ledger, which was read whole (${readGolden('ledger').entries.length} entries)`;
  t.ok((await say({ trust: TRUST, ledger })).startsWith(whole));
  t.match(await say({ ledger }), /^anchored in a ledger that nobody said to trust, which was read whole/);
  t.equal(await say({ trust: readGolden('access').vkey }), 'anchor_other_ledger');
  t.equal(await say({ trust: TRUST, ledger: await bench.place('valid', 'access') }), 'anchor_other_ledger');
  const forged = await bench.place('invalid', 'ledger_head_refused--opened-twice');
  t.equal(await say({ ledger: forged }), 'ledger_head_refused', 'a second log is excluded by the whole ledger');
  const bare = await bench.place('valid', 'signed-anew-without-a-change--complete');
  t.match(await verifySource(folderSource(bare), { requireAllDisclosures: true }), {
    anchoring: 'consistent with its own key only',
  });
});

t.test('of a ledger it is said how many register batches are revealed', async (t) => {
  const judged = await judge('valid', 'ledger');
  const types = readGolden('ledger').entries.map((text) => (JSON.parse(text) as { type: string }).type);
  const count = (type: string): number => types.filter((one) => one === type).length;
  t.match(judged, { ok: true, batches: { taken: count('RegisterBatch'), revealed: count('DummiesRevealed') } });
  t.ok(
    count('DummiesRevealed') > 0 && count('RegisterBatch') > count('DummiesRevealed'),
    'some, and not the failed tender’s',
  );
  for (const name of ['access', WHOLE]) t.notOk('batches' in (await judge('valid', name)), name);
});

t.test('with everything withheld the log still verifies, and says how much was withheld', async (t) => {
  const source = folderSource(await bench.place('valid', WHOLE));
  const hidden = { ...source, disclosuresFor: () => Promise.resolve([]) };
  const judged = await verifySource(hidden, { requireAllDisclosures: false, trust: TRUST });
  const withheld = Object.values(readGolden(WHOLE).fields).reduce((sum, fields) => sum + Object.keys(fields).length, 0);
  t.match(judged, { ok: true, standing: 'valid, complete', withheld, actsChecked: 0 });
  t.match(await verifySource(hidden, { requireAllDisclosures: true }), { ok: false, reason: 'disclosure_missing' });
  const log = readGolden(WHOLE);
  const twice = {
    ...source,
    disclosuresFor: async (seq: number) => [...disclosuresOf(log, seq), ...disclosuresOf(log, seq).slice(0, 1)],
  };
  t.match(await verifySource(twice, { requireAllDisclosures: true }), { reason: 'disclosure_repeated', seq: 0 });
});

t.test('a folder that is none, holds links, or a file without end', async (t) => {
  const judgeFolder = async (folder: string) => {
    const judged = await verifySource(folderSource(folder), { requireAllDisclosures: true });
    return judged.ok ? judged.standing : `${judged.reason}: ${judged.detail}`;
  };
  t.equal(await judgeFolder(join(bench.folder, 'nowhere')), 'file_missing: vkey');
  await writeFile(join(bench.folder, 'a-file'), '');
  t.equal(await judgeFolder(join(bench.folder, 'a-file')), 'file_missing: vkey');
  const folder = await bench.place('valid', 'failed-tender');
  await rm(join(folder, 'checkpoint'));
  await mkdir(join(folder, 'checkpoint'));
  t.equal(await judgeFolder(folder), 'file_missing: checkpoint', 'a folder where a file should be');
  await rm(join(folder, 'checkpoint'), { recursive: true });
  await symlink(join(await bench.place('valid', WHOLE), 'checkpoint'), join(folder, 'checkpoint'));
  t.equal(await judgeFolder(folder), 'file_missing: checkpoint', 'a link leads out of the folder');
  await rm(join(folder, 'checkpoint'));
  await writeFile(join(folder, 'checkpoint'), 'x'.repeat(20_000));
  t.equal(await judgeFolder(folder), 'file_malformed: checkpoint: longer than 16384 bytes');
  await writeFile(join(folder, 'checkpoint'), readGolden('failed-tender').checkpoint);
  t.equal(await judgeFolder(folder), 'valid, complete');
  for (const path of ['vkey', 'checkpoint']) {
    const bytes = await readFile(join(folder, path));
    await rm(join(folder, path));
    t.equal(spawnSync('mkfifo', [join(folder, path)]).status, 0);
    t.equal(await judgeFolder(folder), `file_malformed: ${path}: no file`, 'nobody writes into it, and nobody waits');
    const other = spawnSync('python3', [join(packageRoot, 'server/core/log/judge.py'), folder], {
      encoding: 'utf8',
      timeout: 20_000,
    });
    t.match(other, { status: 1, stdout: `refused ${folder}: ${path} is missing\n` });
    await rm(join(folder, path));
    await writeFile(join(folder, path), bytes);
  }
  await symlink('/', join(folder, 'disclosures', 'elsewhere'));
  t.equal(await judgeFolder(folder), 'file_unlisted: disclosures/elsewhere');
});
