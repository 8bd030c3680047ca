/**
 * The documents say what the code does: README's settings, subcommands, scripts, routes and links, and the catalogue of events.
 * The READMEs' generated parts are written anew by TAP_SNAPSHOT=1 node --import=tsx test/docs.test.ts. Refusals: test/http/errors.test.ts.
 */

import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { SUBCOMMANDS } from '../server/cli/main.ts';
import { SETTINGS } from '../server/config.ts';
import { EVENT_TYPES } from '../server/core/opening/events.ts';
import { RECOVERY } from '../server/recorder/recovery.ts';
import { packageRoot } from '../server/root.ts';
import type { Setting } from '../server/setting.ts';
import t from './support/tap.ts';

const root = packageRoot;
const read = (path: string): string => readFileSync(resolve(root, path), 'utf8');

/** Defaults that depend on the machine, in words. */
const IN_WORDS: Readonly<Record<string, string>> = { [SETTINGS.vaultWorkers.variable]: 'one less than cores' };

function settingsTable(): string {
  const cell = (text: string): string => text.replaceAll('|', '\\|');
  const rows = Object.values<Setting<unknown>>(SETTINGS).map(({ variable, shape, unit, fallback, why }) => {
    const standing = fallback === null ? 'not set' : fallback === '' ? 'empty' : `\`${fallback}\``;
    const measure = unit === undefined ? '' : `, ${unit}`;
    return `| \`${variable}\` | ${cell(`${shape}${measure}`)} | ${IN_WORDS[variable] ?? standing} | ${cell(why)} |`;
  });
  return ['| variable | what to write | default | why |', '|---|---|---|---|', ...rows].join('\n');
}

/** The ways back from a log that can only be read, in both languages, the reader's first; reasons that share one stand together. */
function recoveryTable(
  head: string,
  inOrder: (words: { readonly en: string; readonly zh: string }) => string[],
): string {
  const codes = new Map<string, string[]>();
  for (const [code, both] of Object.entries(RECOVERY)) {
    const words = inOrder(both).join('<br>');
    codes.set(words, [...(codes.get(words) ?? []), `\`${code}\``]);
  }
  const rows = [...codes].map(([words, of]) => `| ${of.join(', ')} | ${words} |`);
  return [head, '|---|---|', ...rows].join('\n');
}

/** By file and marker. The Chinese settings are written by hand: test/readmes.test.ts holds them to the English ones. */
const GENERATED: Readonly<Record<string, Readonly<Record<string, () => string>>>> = {
  'README.md': {
    config: settingsTable,
    recovery: () => recoveryTable('| it begins with | the way back |', ({ en, zh }) => [en, zh]),
  },
  'README.zh-CN.md': {
    recovery: () => recoveryTable('| 开头的代码 | 恢复办法 |', ({ en, zh }) => [zh, en]),
  },
};

function between(text: string, name: string): string | undefined {
  return new RegExp(`<!-- ${name}:begin -->\\n([\\s\\S]*?)\\n<!-- ${name}:end -->`).exec(text)?.[1];
}

if (process.env['TAP_SNAPSHOT'] === '1') {
  for (const [file, parts] of Object.entries(GENERATED)) {
    const written = Object.entries(parts).reduce(
      (text, [name, print]) =>
        text.replace(
          new RegExp(`(<!-- ${name}:begin -->\\n)[\\s\\S]*?(<!-- ${name}:end -->)`),
          (_all, begin: string, end: string) => `${begin}${print()}\n${end}`,
        ),
      read(file),
    );
    writeFileSync(resolve(root, file), written);
  }
}

const readme = read('README.md');
/** What stands as code in README: in a line, or in a block. */
const codes = [...readme.matchAll(/```sh\n([\s\S]*?)```|`([^`\n]+)`/g)].map(
  ([, block, inline]) => block ?? inline ?? '',
);

t.test('the READMEs’ generated parts are what the code says', async (t) => {
  for (const [file, parts] of Object.entries(GENERATED))
    for (const [name, print] of Object.entries(parts)) t.equal(between(read(file), name), print(), `${file} ${name}`);
});

t.test('README knows every setting, and names no variable that is none', async (t) => {
  const settings = Object.values<Setting<unknown>>(SETTINGS).map(({ variable }) => variable);
  const named = new Set(readme.match(/\b(?:KAIBIAO|DATABASE)_[A-Z_]*[A-Z]\b/g));
  t.strictSame([...named].sort(), settings.toSorted());
  for (const { variable, shape, why } of Object.values<Setting<unknown>>(SETTINGS)) {
    t.match(why, /[.]$/, `${variable} says why in a sentence`);
    t.ok(shape.length > 4, variable);
  }
});

t.test('README’s subcommands are those of the command line, all of them', async (t) => {
  const row = /`kaibiao help`[^\n]*/.exec(readme.replaceAll('npx ', ''))?.[0] ?? '';
  const listed = (row.split('|')[1] ?? '').match(/(?<=`)[a-z][a-z -]*(?=`)/g)?.flatMap((names) => names.split(' '));
  t.strictSame(listed?.toSorted(), Object.keys(SUBCOMMANDS).toSorted());
  const called = codes.flatMap((code) => [...code.matchAll(/\bkaibiao ([a-z-]+)/g)].map(([, name]) => name ?? ''));
  t.ok(called.length > 8);
  t.strictSame(
    called.filter((name) => name !== 'help' && !Object.hasOwn(SUBCOMMANDS, name)),
    [],
  );
});

t.test('README’s options are in the usage of their subcommands', async (t) => {
  const given = codes.flatMap((code) =>
    code.split('\n').flatMap((line) => {
      const [, name = '', rest = ''] = /\bkaibiao ([a-z-]+)([^#]*)/.exec(line) ?? [];
      return [...rest.matchAll(/--[a-z-]+/g)].map(([option]) => ({ name, option }));
    }),
  );
  t.ok(given.length > 3);
  for (const { name, option } of given) t.ok(SUBCOMMANDS[name]?.usage.includes(option), `${name} ${option}`);
});

t.test('README’s scripts are package.json’s', async (t) => {
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
  const named = codes.flatMap((code) =>
    [...code.matchAll(/\bnpm (?:run )?([a-z:]+)/g)].map(([, name]) => name ?? '').filter((name) => name !== 'ci'),
  );
  t.ok(named.includes('demo') && named.includes('test'));
  t.strictSame(
    named.filter((name) => !Object.hasOwn(scripts, name)),
    [],
  );
});

t.test('README’s addresses are served', async (t) => {
  const sources = readdirSync(resolve(root, 'server/http'))
    .filter((name) => name.endsWith('.ts'))
    .map((name) => read(`server/http/${name}`))
    .join('\n');
  const named = codes
    .filter((code) =>
      /^((GET|POST) )?\/(openings|logs|auth|accounts|trust-anchors|platform|problems|docs|metrics)/.test(code),
    )
    .map((code) =>
      code
        .replace(/^[A-Z]+ /, '')
        .replace('<id>', ':openingId')
        .replace('<bidder>', ':bidder')
        .replace(/\/$/, '/*'),
    );
  t.ok(named.length > 3);
  t.strictSame(
    named.filter((route) => !sources.includes(`'${route}'`)),
    [],
  );
});

/** The documents whose links are followed. */
const LINKING = [
  'README.md',
  'README.zh-CN.md',
  'CHANGELOG.md',
  'server/cli/seal/GUIDE.md',
  'server/core/log/FORMAT.md',
  'server/cosign/README.md',
  'server/identity/CAS.md',
  'server/recorder/KEYS.md',
  'server/core/seal/FORMAT.md',
  'server/core/seal/LAYERS.md',
  'server/http/PROBLEMS.md',
];

t.test('every link leads somewhere', async (t) => {
  for (const file of LINKING) {
    const text = read(file);
    for (const [, target = ''] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^https?:/.test(target)) continue;
      if (target.startsWith('#')) {
        const headings = [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
          heading
            .toLowerCase()
            .replace(/[^\p{L}\p{N} -]/gu, '')
            .replaceAll(' ', '-'),
        );
        t.ok(headings.includes(target.slice(1)), `${file}: ${target}`);
      } else t.ok(existsSync(resolve(root, file, '..', target)), `${file}: ${target}`);
    }
  }
});

t.test('every event is in the catalogue people read, and no other', async (t) => {
  const events = /\n## Events\n([\s\S]*?)\n## /.exec(read('test/golden/rules.md'))?.[1] ?? '';
  const rows = [...events.matchAll(/^\| ([A-Z][A-Za-z]+) \|/gm)].map(([, name]) => name ?? '');
  t.strictSame(rows.toSorted(), EVENT_TYPES.toSorted());
});
