/** The README of core/pki: its example runs as it stands there, and its bounds and files are those of the code. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { verifyChain } from '../../../server/core/pki/chain.ts';
import { verifyCertificateSignature } from '../../../server/identity/signature.ts';
import { packageRoot } from '../../../server/root.ts';
import t from '../../support/tap.ts';
import { authority, crlDer, holder } from './authority.ts';

const room = join(packageRoot, 'server/core/pki');
const readme = readFileSync(join(room, 'README.md'), 'utf8');

t.test('the example', async (t) => {
  const root = await authority('Root');
  const middle = await authority('Middle', root);
  const leaf = (await holder(middle)).certificate.der;
  const [intermediates, anchors] = [[middle.certificate.der], [root.certificate.der]];
  const said: unknown[][] = [];
  const console = { log: (...words: unknown[]) => said.push(words) };
  for (const crls of [[crlDer(root), crlDer(middle)], []]) {
    // the example
    const result = verifyChain({
      leaf,
      intermediates,
      anchors,
      crls,
      at: Date.parse('2026-03-02T01:00:00Z'),
      purpose: 'sign',
      verifySignature: verifyCertificateSignature,
    });
    if (result.ok) console.log('trusted, leaf to anchor:', result.path.length);
    else if (result.undetermined) console.log('neither good nor refused:', result.reason);
    else console.log('refused:', result.reason);
    // its end
  }
  t.strictSame(said, [
    ['trusted, leaf to anchor:', 3],
    ['neither good nor refused:', 'no_crl'],
  ]);
  const own = readFileSync(join(packageRoot, 'test/core/pki/readme.test.ts'), 'utf8');
  const ran = /\/\/ the example\n([\s\S]*?) {4}\/\/ its end/.exec(own)?.[1]?.replace(/^ {4}/gm, '');
  t.equal(/```ts\n([\s\S]*?)```/.exec(readme)?.[1], ran, 'what stands there is what ran');
});

t.test('every file and every bound is named', async (t) => {
  const files = readdirSync(room).flatMap((file) => (file.endsWith('.ts') ? [file.slice(0, -3)] : []));
  const table = readme.slice(readme.indexOf('| file |'));
  t.strictSame(
    files.filter((file) => !table.includes(`\`${file}\``)),
    [],
  );
  const bounds = ['search', 'policy', 'name-constraints', 'revocation'].flatMap((file) =>
    [...readFileSync(join(room, `${file}.ts`), 'utf8').matchAll(/export const ([A-Z_]+_LIMIT)\b/g)].map(
      ([, name]) => name,
    ),
  );
  t.strictSame(
    bounds.filter((name) => !readme.includes(`\`${name}\``)),
    [],
  );
});
