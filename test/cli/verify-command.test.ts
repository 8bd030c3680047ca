/** `kaibiao verify` on folders: exit code 0 and how far the log is along, or 1 and the reason in two languages. */

import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { verdictOf } from '../../server/cli/commands/verify.ts';
import { ACT_REASONS } from '../../server/core/log/act.ts';
import { LOG_REASONS } from '../../server/core/log/verify.ts';
import { AUDIT_PROBLEMS } from '../../server/core/opening/audit.ts';
import { packageRoot } from '../../server/root.ts';
import { VERIFY_REASONS } from '../../server/verify/words.ts';
import { type Change, readChange } from '../support/golden-change.ts';
import { goldenBench, goldenFiles, judge, runCli, TRUST, WHOLE } from '../support/golden-judge.ts';
import { GOLDEN_FOLDER, type GoldenLog, readGolden, writeFiles } from '../support/golden-log.ts';
import t from '../support/tap.ts';

const bench = await goldenBench(t);
const namesIn = (kind: 'valid' | 'invalid'): string[] =>
  readdirSync(join(GOLDEN_FOLDER, kind)).map((file) => file.replace(/\.json$/, ''));
const valid = namesIn('valid');
const invalid = namesIn('invalid');
const reasonOf = (name: string): string => name.slice(0, name.indexOf('--'));
/** One log for each reason: verify.test.ts judges all of them, here it is about exit codes and words. */
const oneForEach = [...new Map(invalid.map((name) => [reasonOf(name), name])).values()];

t.test('on the command line: exit code 0 and the standing, or 1 and the reason in two languages', async (t) => {
  for (const name of valid) {
    const { standing } = readChange('valid', name) as Change | GoldenLog;
    const { code, out, err } = await runCli('verify', await bench.place('valid', name));
    t.strictSame({ code, err }, { code: 0, err: '' }, name);
    t.ok(out.startsWith(`${standing}: kaibiao.test/`), name);
  }
  // A few reasons are found by two rooms, each in its own words.
  const catalogues: Readonly<Record<string, { en: string; zh: string }>>[] = [
    LOG_REASONS,
    ACT_REASONS,
    AUDIT_PROBLEMS,
    VERIFY_REASONS,
  ];
  const answers = await Promise.all(
    oneForEach.map(async (name) => {
      const { verify } = readChange('invalid', name);
      const trust = verify?.trust ? ['--trust', TRUST] : [];
      const ledger = verify?.ledger === undefined ? [] : ['--ledger', await bench.place('valid', verify.ledger)];
      return runCli('verify', await bench.place('invalid', name), ...trust, ...ledger);
    }),
  );
  for (const [n, name] of oneForEach.entries()) {
    const { code, out, err } = answers[n] ?? { code: -1, out: '', err: '' };
    t.strictSame({ code, out }, { code: 1, out: '' }, name);
    t.ok(err.startsWith(reasonOf(name)), name);
    const said = catalogues.flatMap((words) => (Object.hasOwn(words, reasonOf(name)) ? [words[reasonOf(name)]] : []));
    t.ok(
      said.some((words) => err.includes(`  ${words?.en}\n  ${words?.zh}`)),
      name,
    );
  }
});

t.test('a bundle that paints: its names and words are shown, and command no terminal', async (t) => {
  const folder = await writeFiles(goldenFiles('valid', WHOLE), join(bench.folder, 'painted'));
  const painted = '\u001b[2J\u001b[H\nvalid, complete: kaibiao.test\u009b1K\u202e\u200b';
  await writeFile(join(folder, painted), '');
  const { code, out, err } = await runCli('verify', folder);
  t.strictSame({ code, out }, { code: 1, out: '' });
  t.match(err, /^file_unlisted\n/);
  t.notMatch(err.replaceAll('\n', ''), /[\p{Cc}\p{Cf}]/u);
  t.notMatch(err, /^\s*valid/m, 'no line of it begins so');
});

t.test('with the ledger at hand a folder is held against all of it, and it is said so', async (t) => {
  const folder = await bench.place('valid', WHOLE);
  const ledger = await bench.place('valid', 'ledger');
  const say = async (...more: string[]) => runCli('verify', folder, ...more);
  t.match(await say('--trust', TRUST, '--ledger', ledger), {
    code: 0,
    out: /\n {2}anchored in the trusted ledger, which was read whole \(\d+ entries\): it knows no second log of this opening$/,
  });
  t.match(await say('--ledger', ledger), { code: 0, out: /a ledger that nobody said to trust, which was read whole/ });
  t.match(await say('--trust', TRUST), { code: 0, out: /can be excluded only with the whole ledger$/ });
  const forged = await bench.place('invalid', 'ledger_head_refused--opened-twice');
  t.match(await say('--trust', TRUST, '--ledger', forged), { code: 1, err: /^ledger_head_refused at entry \d+\n/ });
  const other = await bench.place('valid', 'ledger-told-differently--still-open');
  t.match(await say('--trust', TRUST, '--ledger', other), { code: 1, err: /^anchor_ledger_differs\n/ });
  t.match(await say('--ledger', join(bench.folder, 'nowhere')), { code: 1, err: /^file_missing\n[\s\S]*vkey/ });
  const cutOff = await bench.place('invalid', 'anchor_behind--ledger-cut-off-before-the-last-head');
  t.match(await runCli('verify', ledger, '--ledger', cutOff), {
    code: 2,
    err: /--ledger is for the log of an opening; kaibiao\.test\/ledger is none/,
  });
});

t.test('how many certificates were judged is said where any is named', async (t) => {
  const { out } = await runCli('verify', await bench.place('valid', WHOLE));
  const [, judged, named] =
    / {2}(\d+) of (\d+) certificates behind acts and bids judged again by their evidence\n/.exec(out) ?? [];
  t.ok(Number(named) > 0);
  t.equal(judged, named, 'of a whole log all');
  const whole = await judge('valid', WHOLE);
  if (!whole.ok) throw new Error(whole.reason);
  t.notMatch(
    verdictOf({ ...whole, certificates: { named: 0, judged: 0 } }).join('\n'),
    /certificates/,
    'as the public',
  );
});

t.test('what was erased is said, and nothing where nothing was', async (t) => {
  const judged = await judge('valid', WHOLE);
  if (!judged.ok) throw new Error(judged.reason);
  t.notMatch(verdictOf(judged).join('\n'), /erased/);
  t.match(
    verdictOf({ ...judged, erased: 2 })[4],
    /^ {2}2 fields erased for good, each by an entry that says so and why$/,
  );
  const revealed = verdictOf({ ...judged, batches: { revealed: 3, taken: 5 } });
  t.equal(revealed[4], '  3 of 5 register batches revealed');
});

t.test('a log from before an erasure is whole beside the newer ledger, which knows more of it', async (t) => {
  const before = await bench.place('valid', 'archived-and-erased-from-later');
  const after = await bench.place('valid', 'erased-behind-the-end');
  const ledger = await bench.place('valid', 'ledger-of-the-erased');
  const { vkey } = readGolden('ledger-of-the-erased');
  const say = (folder: string) => runCli('verify', folder, '--trust', vkey, '--ledger', ledger, '--complete');
  t.match(await say(before), {
    code: 0,
    out: /anchored in the trusted ledger, .*; erased since: 7 entries came behind its end, where nothing else may stand$/,
  });
  const erased = await say(after);
  t.match(erased, { code: 0, out: /\n {2}4 fields erased for good, each by an entry that says so and why\n/ });
  t.notMatch(erased.out, /erased since/);
  const alone = await runCli('verify', before, '--trust', vkey);
  t.match(alone, { code: 0, out: /^valid, complete: / }, 'without the ledger nothing tells');
});

t.test('as a program of its own, too', async (t) => {
  const bin = join(packageRoot, 'server/cli/bin.mjs');
  const run = (folder: string) => spawnSync(process.execPath, [bin, 'verify', folder], { encoding: 'utf8' });
  const good = run(await bench.place('valid', WHOLE));
  t.match(good, {
    status: 0,
    stdout: /^valid, complete: kaibiao\.test\/opening\/zhangye-2026-001\n {2}38 entries, root /,
  });
  const bad = run(await bench.place('invalid', 'act_signature_bad--act-signed-by-another-key'));
  t.match(bad, { status: 1, stdout: '', stderr: /^act_signature_bad at entry 20\n/ });
});
