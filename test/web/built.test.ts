/** The pages as they are built: that browsers of the Chrome 80 class can read them, what they may call there, and how little comes first. */
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { parse } from 'acorn';
import { packageRoot } from '../../server/root.ts';
import t from '../support/tap.ts';

// Does nothing when the built pages are current.
await promisify(execFile)(process.execPath, ['web/build.mjs', '--missing'], { cwd: packageRoot });
const folder = join(packageRoot, 'dist/web');
const assets = readdirSync(join(folder, 'assets'));
const scripts = assets
  .filter((name) => name.endsWith('.js'))
  .map((name) => ({ name, text: readFileSync(join(folder, 'assets', name), 'utf8') }));

/** JavaScript that a page may load before it shows anything, in bytes of gzip; log-in, sealing and verifying come later. */
const FIRST_LIMIT_BYTES = 61_440;

/** What a script calls by these names came after Chrome 80, in the version that is named. */
const LATER_NAMES: Readonly<Record<string, number>> = {
  fromAsync: 121,
  getDirectory: 86,
  getOrInsert: 145,
  groupBy: 117,
  isWellFormed: 111,
  randomUUID: 92,
  replaceAll: 85,
  replaceChildren: 86,
  structuredClone: 98,
  throwIfAborted: 100,
  toReversed: 110,
  toSorted: 110,
  toSpliced: 110,
  toWellFormed: 111,
  withResolvers: 119,
  AggregateError: 85,
  BarcodeDetector: 83,
  FinalizationRegistry: 84,
  WeakRef: 84,
};
/** Of these the ones that are used, where it is asked first whether they are there; `at`, `findLast`, `findLastIndex` and `hasOwn` are laid by old-browsers.ts. */
const ASKED_FIRST: readonly string[] = ['BarcodeDetector', 'getDirectory'];

type Node = { readonly type: string; readonly start: number } & Readonly<Record<string, unknown>>;
const isNode = (value: unknown): value is Node => typeof value === 'object' && value !== null && 'type' in value;

function* nodesOf(node: Node): Generator<Node> {
  yield node;
  for (const value of Object.values(node))
    for (const each of Array.isArray(value) ? value : [value]) if (isNode(each)) yield* nodesOf(each);
}

/** The later names that a script uses, each with a piece of its text: members of anything, and what would be global. */
function laterNames(text: string): string[] {
  const found: string[] = [];
  const tree = parse(text, { ecmaVersion: 2020, sourceType: 'module' }) as unknown as Node;
  for (const node of nodesOf(tree)) {
    const { type, property, callee } = node;
    const named =
      type === 'MemberExpression' ? property : ['CallExpression', 'NewExpression'].includes(type) ? callee : null;
    const name = isNode(named) && named.type === 'Identifier' ? String(named['name']) : '';
    if (Object.hasOwn(LATER_NAMES, name))
      found.push(`${name} (Chrome ${LATER_NAMES[name]}): ${text.slice(node.start, node.start + 60)}`);
  }
  return found;
}

t.test('every script is in the syntax of Chrome 80 (ECMAScript 2020)', async (t) => {
  t.ok(scripts.length > 8, `${scripts.length} scripts`);
  for (const { name, text } of scripts)
    t.doesNotThrow(() => parse(text, { ecmaVersion: 2020, sourceType: 'module' }), name);
  t.throws(
    () => parse('class A { #a = 1 }', { ecmaVersion: 2020, sourceType: 'module' }),
    'what came later it refuses',
  );
});

t.test('no script calls what Chrome 80 has not', async (t) => {
  for (const { name, text } of scripts)
    t.strictSame(
      laterNames(text).filter((line) => !ASKED_FIRST.some((asked) => line.startsWith(`${asked} `))),
      [],
      name,
    );
  t.match(laterNames('a.replaceAll(b, c); structuredClone(d); new WeakRef(e)'), [
    /^replaceAll/,
    /^structuredClone/,
    /^WeakRef/,
  ]);
});

t.test('the page of an opening begins with few bytes, and every file of it comes compressed', async (t) => {
  const html = readFileSync(join(folder, 'opening/index.html'), 'utf8');
  const first = [...html.matchAll(/"\/assets\/([^"]+\.js)"/g)].map(([, name]) => String(name));
  t.ok(first.length > 1, `${first.length} files`);
  const bytes = first.map((name) => gzipSync(readFileSync(join(folder, 'assets', name)), { level: 9 }).length);
  const sum = bytes.reduce((a, b) => a + b, 0);
  t.ok(sum <= FIRST_LIMIT_BYTES, `${sum} bytes`);
  for (const name of assets.filter((each) => /\.(js|css)$/.test(each)))
    if (readFileSync(join(folder, 'assets', name)).length >= 1_024)
      for (const form of ['br', 'gz']) t.ok(assets.includes(`${name}.${form}`), `${name}.${form}`);
});
