/** `kaibiao verify` on folders: exit code 0 and how far the log is along, or 1 and the reason in two languages. */
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { VERIFY_REASONS } from '../../server/cli/verify-words.ts';
import { ACT_REASONS } from '../../server/core/log/act.ts';
import { LOG_REASONS } from '../../server/core/log/verify.ts';
import { AUDIT_PROBLEMS } from '../../server/core/opening/audit.ts';
import { type Change, readChange } from '../support/golden-change.ts';
import { goldenBench, runCli, TRUST, WHOLE } from '../support/golden-judge.ts';
import { GOLDEN_FOLDER, type GoldenLog } from '../support/golden-log.ts';
import t from '../support/tap.ts';

const bench = await goldenBench(t);
const namesIn = (kind: 'valid' | 'invalid'): string[] =>
  readdirSync(join(GOLDEN_FOLDER, kind)).map((file) => file.replace(/\.json$/, ''));
const valid = namesIn('valid');
const invalid = namesIn('invalid');
const reasonOf = (name: string): string => name.slice(0, name.indexOf('--'));

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
  // The whole ledger of another place is for the library; by address it is found by itself.
  const alone = invalid.filter((name) => readChange('invalid', name).verify?.ledger === undefined);
  const answers = await Promise.all(
    alone.map(async (name) => {
      const trust = readChange('invalid', name).verify?.trust ? ['--trust', TRUST] : [];
      return runCli('verify', await bench.place('invalid', name), ...trust);
    }),
  );
  for (const [n, name] of alone.entries()) {
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

t.test('as a program of its own, too', async (t) => {
  const bin = resolve(import.meta.dirname, '../../server/cli/bin.mjs');
  const run = (folder: string) => spawnSync(process.execPath, [bin, 'verify', folder], { encoding: 'utf8' });
  const good = run(await bench.place('valid', WHOLE));
  t.match(good, {
    status: 0,
    stdout: /^valid, complete: kaibiao\.test\/opening\/zhangye-2026-001\n {2}38 entries, root /,
  });
  const bad = run(await bench.place('invalid', 'act_signature_bad--act-signed-by-another-key'));
  t.match(bad, { status: 1, stdout: '', stderr: /^act_signature_bad at entry 20\n/ });
});
