/** Taste, held by a test: where imports may point, how a file opens, and what nobody writes here. */

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { packageRoot } from '../server/root.ts';
import t from './support/tap.ts';

const root = packageRoot;

/** Our own source files, by their path from the root: what git knows or would take, less what is only data. */
const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], { cwd: root })
  .toString()
  .split('\n')
  .filter((path) => /^(server|web|test)\/.*\.(ts|tsx|mjs|css)$/.test(path) && !/^test\/(golden|vectors)\//.test(path))
  .map((path) => ({ path, text: read(path) }))
  .filter((file): file is { path: string; text: string } => file.text !== null)
  .map((file) => ({ ...file, code: without(file.text, /^\/[/*]/), bare: without(file.text, /^./) }));

/** null for a file that was deleted and is still in the index. */
function read(path: string): string | null {
  try {
    return readFileSync(join(root, path), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

/** The code with those comments and strings blanked out that begin like this. */
function without(text: string, beginning: RegExp): string {
  const token = /'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`|\/\/[^\n]*|\/\*[\s\S]*?\*\//g;
  return text.replace(token, (found) => (beginning.test(found) ? found.replace(/[^\n]/g, ' ') : found));
}

/** `path:line` of each place in these files where the pattern stands. */
function places(among: typeof files, pattern: RegExp, part: 'code' | 'bare' | 'text' = 'bare'): string[] {
  return among.flatMap((file) =>
    file[part].split('\n').flatMap((line, n) => (pattern.test(line) ? [`${file.path}:${n + 1} ${line.trim()}`] : [])),
  );
}

/** The rooms from the bottom up; a room may import from its own level and below. */
const LEVELS = [
  ['core'],
  ['client', 'verify'],
  [
    'world',
    'hash',
    'sm2',
    'native-text',
    'durable-file',
    'ed25519',
    'folder-lock',
    'limited-body',
    'compiled-check',
    'root',
    'version',
    'worker',
    'setting',
    'config',
    'store',
  ],
  ['recorder', 'ledger', 'identity', 'vault', 'cosign'],
  ['signer'],
  ['live', 'video', 'oversight', 'dossier', 'speech'],
  ['http'],
  ['opened', 'housekeeping'],
  ['leader'],
  ['follower'],
  ['either'],
  ['cli', 'main'],
];

/** The room of a path: `server/store/schema/log.ts` → store; `server/world.ts` → world; web and test are rooms of their own. */
function roomOf(path: string): string {
  const [top = '', second = ''] = path.split('/');
  return top === 'server' ? second.replace(/\.(ts|mjs)$/, '') : top;
}

const levelOf = (room: string): number => LEVELS.findIndex((level) => level.includes(room));

/** Every relative import of the code, as paths from the root. */
function importsOf(file: { path: string; code: string }): string[] {
  return [...file.code.matchAll(/(?:\bfrom|\bimport)\s*\(?\s*'(\.[^']*)'/g)].map((found) =>
    relative(root, resolve(root, dirname(file.path), found[1] ?? '')).replace(/\?.*$/, ''),
  );
}

const imports = files.flatMap((file) => importsOf(file).map((to) => ({ from: file.path, to })));

t.test('every room of the server has its place', async (t) => {
  const rooms = new Set(files.filter((file) => file.path.startsWith('server/')).map((file) => roomOf(file.path)));
  t.strictSame(
    [...rooms].filter((room) => levelOf(room) === -1),
    [],
  );
});

t.test('arrows point down only', async (t) => {
  const upward = imports.filter(({ from, to }) => {
    if (from.startsWith('test/')) return false;
    if (from.startsWith('web/')) return !to.startsWith('web/') && !['core', 'client', 'verify'].includes(roomOf(to));
    return !to.startsWith('server/') || levelOf(roomOf(to)) > levelOf(roomOf(from));
  });
  t.strictSame(
    upward.map(({ from, to }) => `${from} → ${to}`),
    [],
  );
});

/** Every file that these files need when they run, themselves included; types are left out, they are gone by then. */
function neededBy(paths: readonly string[]): Set<string> {
  const needed = new Set(paths);
  for (const path of needed) {
    const { code = '' } = files.find((file) => file.path === path) ?? {};
    const atRunTime = code.replace(/\bimport type [^;]*;/g, '');
    for (const to of importsOf({ path, code: atRunTime })) needed.add(to);
  }
  return needed;
}

t.test('a cosigner runs without database, framework and platform', async (t) => {
  const needed = [...neededBy(['server/cli/commands/cosign.ts'])];
  t.ok(needed.includes('server/cosign/cosigner.ts'));
  const rooms = new Set(needed.map(roomOf));
  t.strictSame([...rooms].sort(), [
    'cli',
    'core',
    'cosign',
    'durable-file',
    'ed25519',
    'folder-lock',
    'hash',
    'limited-body',
  ]);
  const packages = needed.flatMap((path) => {
    const { code = '' } = files.find((file) => file.path === path) ?? {};
    return [...code.matchAll(/\b(?:from|import) '([^'.][^']*)'/g)].map(([, name]) => name ?? '');
  });
  t.strictSame([...new Set(packages.filter((name) => !name.startsWith('node:')))].sort(), []);
});

t.test('the native binding is loaded by the agent alone', async (t) => {
  t.strictSame(
    places(
      files.filter(({ path }) => !path.startsWith('test/')),
      /'koffi'/,
      'code',
    ).map((place) => place.replace(/:.*/, '')),
    ['server/cli/agent/cryptoki.ts'],
  );
});

t.test('the cosigner is small enough to be read in one sitting', async (t) => {
  const own = files.filter(({ path }) => path.startsWith('server/cosign/'));
  const lines = own.flatMap(({ text }) => text.split('\n').filter((line) => !/^\s*($|\/\*|\*|\/\/)/.test(line)));
  t.ok(lines.length > 100 && lines.length <= 400, `${lines.length} lines of code`);
});

t.test('rooms side by side do not lean on each other both ways', async (t) => {
  const pairs = new Set(
    imports
      .filter(({ from, to }) => from.startsWith('server/') && to.startsWith('server/'))
      .map(({ from, to }) => [roomOf(from), roomOf(to)] as const)
      .filter(([from, to]) => from !== to && levelOf(from) === levelOf(to))
      .map((pair) => pair.join(' → ')),
  );
  t.strictSame(
    [...pairs].filter((pair) => pairs.has(pair.split(' → ').reverse().join(' → '))),
    [],
  );
});

t.test('the core imports only itself, typebox, canonicalize and @noble', async (t) => {
  const core = files.filter((file) => file.path.startsWith('server/core/'));
  t.ok(core.length > 10);
  const outside = core.flatMap((file) =>
    [...file.code.matchAll(/(?:\bfrom|\bimport)\s*\(?\s*'([^'.][^']*)'/g)]
      .map((found) => found[1] ?? '')
      .filter((name) => !/^(typebox(\/.*)?|canonicalize|@noble\/.*)$/.test(name))
      .map((name) => `${file.path}: ${name}`),
  );
  t.strictSame(outside, []);
});

t.test('a person’s client and the verifier need nothing but the core, so that they run in a browser', async (t) => {
  for (const [room, one] of [
    ['client', 'server/client/session.ts'],
    ['verify', 'server/verify/log.ts'],
  ] as const) {
    const own = files.filter(({ path }) => path.startsWith(`server/${room}/`));
    const needed = [...neededBy(own.map(({ path }) => path))];
    t.ok(needed.includes(one));
    t.strictSame([...new Set(needed.map(roomOf))].sort(), [room, 'core'].sort());
    t.strictSame(places(own, /\bfrom 'node:|\bprocess\b\s*[.[]|\bBuffer\b\s*[.(]/, 'code'), []);
  }
});

t.test('the core knows neither time nor chance nor the machine it runs on', async (t) => {
  const core = files.filter((file) => file.path.startsWith('server/core/'));
  for (const banned of [
    /\bDate\b\s*[.(]/,
    /\bMath\.random\b/,
    /\bprocess\b\s*[.[]/,
    /\bperformance\b\s*\./,
    /\bBuffer\b\s*[.(]/,
    /\b(setTimeout|setInterval|queueMicrotask)\b/,
  ])
    t.strictSame(places(core, banned), [], String(banned));
});

t.test('each file opens with one sentence on what it is', async (t) => {
  const silent = files.filter(({ text }) => {
    const opening = text.replace(/^#![^\n]*\n/, '');
    const comment = /^\/\*\*?\s([\s\S]*?)\*\//.exec(opening)?.[1] ?? /^((\/\/ [^\n]*\n)+)/.exec(opening)?.[1];
    return comment === undefined || !/[.:][\s*]*(\n|$)/.test(comment);
  });
  t.strictSame(
    silent.map((file) => file.path),
    [],
  );
});

t.test('what nobody writes here', async (t) => {
  for (const banned of [
    /\bas any\b|: any\b|<any>/,
    /^\s*(export\s+)?(declare\s+)?(const\s+)?enum\s/,
    /^\s*(export\s+)?(declare\s+)?namespace\s/,
    /\bcatch\s*(\([^)]*\))?\s*\{\s*\}/,
    /\.catch\(\s*\(\s*\)\s*=>\s*(\{\s*\}|undefined|null)\s*\)/,
    /^\s*export\s+\*\s+from/,
    /\bt\.only\(|\.only\(/,
  ])
    t.strictSame(places(files, banned), [], String(banned));
});

t.test('nobody silences the compiler', async (t) => {
  t.strictSame(places(files, /\/[/*]\s*@ts-(ignore|expect-error|nocheck)/, 'text'), []);
});

t.test('only the command line prints; diagnostics go to the logger', async (t) => {
  const silent = files.filter(({ path }) => /^server\/(?!cli\/)|^web\/.*\.tsx?$/.test(path));
  t.strictSame(places(silent, /\bconsole\./), []);
});

t.test('only world.ts asks the time and chance, only config.ts the environment', async (t) => {
  const server = files.filter(({ path }) => path.startsWith('server/') && path !== 'server/world.ts');
  const clockOrDice =
    /\bDate\.now\b|\bnew Date\(\s*\)|\bMath\.random\b|\bset(Interval|Timeout)\(|\bgetRandomValues\b|\bcrypto\.random/;
  t.strictSame(places(server, clockOrDice), []);
  const imported = /\bimport\s*\{[^}]*\brandom\w*[^}]*\}\s*from 'node:crypto'/;
  t.strictSame(
    server.filter((file) => imported.test(file.code)).map((file) => file.path),
    [],
  );
  t.strictSame(
    places(
      server.filter(({ path }) => path !== 'server/config.ts'),
      /\bprocess\.env\b/,
    ),
    [],
  );
});

t.test('files are kebab-case nouns, and no room is a drawer', async (t) => {
  const parts = files.flatMap((file) => file.path.split('/').map((part) => ({ path: file.path, part })));
  t.strictSame(
    parts.filter(({ part }) => !/^[a-z0-9]+(-[a-z0-9]+)*(\.[a-z]+)*$/.test(part)).map(({ path }) => path),
    [],
  );
  const drawers = /^(utils?|helpers?|services?|managers?|common|lib|types|constants|misc|shared|index)(\.tsx?)?$/;
  t.strictSame(
    parts.filter(({ part }) => drawers.test(part)).map(({ path }) => path),
    [],
  );
});

t.test('nothing names a path of somebody’s machine', async (t) => {
  t.strictSame(places(files, /['"`(\s]\/(work|root|home|farm)\/[a-z]/, 'text'), []);
});

// tap ends a file, and takes down what it set up, once the tests that are known have ended; it knows of none that a file is still on its way to.
t.test('a test file waits for nothing between its tests', async (t) => {
  const behind = files
    .filter(({ path }) => /\.test\.tsx?$/.test(path))
    .map((file) => ({ ...file, bare: file.bare.slice(Math.max(0, file.bare.search(/^t\.test\(/m))) }));
  t.strictSame(places(behind, /^(?:(?:const|let) .*= await|await (?!t\.)|for await) /), []);
});
