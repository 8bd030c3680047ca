/** Manifests of bundles: one form, read back as written, and every other refused with the one fault. */
import fc from 'fast-check';
import {
  type BundleManifest,
  bundleKeyName,
  compareText,
  formatManifest,
  MANIFEST_LIMIT_BYTES,
  manifestStatement,
  parseManifest,
} from '../../../server/core/log/bundle.ts';
import type { Json } from '../../../server/core/log/canonical.ts';
import { canonicalise } from '../../../server/core/log/canonical.ts';
import { parseCheckpoint } from '../../../server/core/log/checkpoint.ts';
import { LogFormatError } from '../../../server/core/log/error.ts';
import { utf8 } from '../../../server/core/log/utf8.ts';
import { sha256 } from '../../../server/hash.ts';
import t from '../../support/tap.ts';

const digest = fc.uint8Array({ minLength: 32, maxLength: 32 });
const part = fc.stringMatching(/^[a-zA-Z0-9_-][a-zA-Z0-9._-]{0,8}$/);
const path = fc.array(part, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/'));
const plain = { noNullPrototype: true } as const;
const manifests: fc.Arbitrary<BundleManifest> = fc.record(
  {
    origin: fc.constant('kaibiao.test/opening/one'),
    size: fc.nat(),
    root: digest,
    standing: fc.constantFrom('complete', 'open'),
    files: fc
      .uniqueArray(fc.record({ path, sizeBytes: fc.nat(), sha256: digest }, plain), { selector: (file) => file.path })
      .map((files) => files.filter((file) => !/^manifest\.(json|note)$/.test(file.path)))
      .map((files) => files.sort((a, b) => compareText(a.path, b.path))),
  },
  plain,
);
const fault = { code: 'manifest_malformed' };
const simple: BundleManifest = {
  origin: 'kaibiao.test/opening/one',
  size: 3,
  root: new Uint8Array(32),
  standing: 'open',
  files: [{ path: 'vkey', sizeBytes: 1, sha256: new Uint8Array(32) }],
};
const asJson = () => JSON.parse(new TextDecoder().decode(formatManifest(simple))) as { [name: string]: Json };

t.test('what was written is read back', (t) => {
  fc.assert(
    fc.property(manifests, (manifest) => {
      t.strictSame(parseManifest(formatManifest(manifest)), manifest);
    }),
    { numRuns: 50 },
  );
  t.end();
});

t.test('a byte changed anywhere: refused, or another manifest', (t) => {
  const bytes = formatManifest(simple);
  fc.assert(
    fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, mask) => {
      const other = bytes.map((byte, place) => (place === at ? byte ^ mask : byte));
      try {
        return canonicalise({ ...asJson() }) !== new TextDecoder().decode(formatManifest(parseManifest(other)));
      } catch (error) {
        return error instanceof LogFormatError && error.code === 'manifest_malformed';
      }
    }),
    { numRuns: 300 },
  );
  t.end();
});

t.test('members, paths and order', (t) => {
  const file = { path: 'vkey', sizeBytes: 1, sha256: 'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=' };
  const read = (changes: { [name: string]: Json }) => () =>
    parseManifest(utf8(canonicalise({ ...asJson(), ...changes })));
  t.doesNotThrow(read({ files: [file] }));
  for (const bad of [
    '',
    '/vkey',
    '../vkey',
    'a//b',
    'a/',
    './a',
    '.a',
    'a\\b',
    'a b',
    'é',
    'manifest.json',
    'manifest.note',
  ])
    t.throws(read({ files: [{ ...file, path: bad }] }), fault, JSON.stringify(bad));
  t.throws(read({ files: [file, file] }), fault, 'one twice');
  t.throws(read({ files: [file, { ...file, path: 'a' }] }), fault, 'out of order');
  t.throws(read({ files: [{ ...file, sizeBytes: -1 }] }), fault);
  t.throws(read({ files: [{ ...file, more: 1 }] }), fault);
  t.throws(read({ files: [{ ...file, sha256: 'AAAA' }] }), fault);
  t.throws(read({ files: {} }), fault);
  t.throws(read({ v: 2 }), fault);
  t.throws(read({ more: 1 }), fault);
  t.throws(read({ size: '3' }), fault);
  t.throws(read({ origin: 'a+b' }), fault);
  t.throws(read({ standing: 'closed' }), fault);
  t.throws(() => parseManifest(new Uint8Array(MANIFEST_LIMIT_BYTES + 1)), { ...fault, message: /over 67108864 bytes/ });
  t.throws(() => parseManifest(new Uint8Array(MANIFEST_LIMIT_BYTES)), { ...fault, message: /^(?!.*over)/ });
  t.throws(() => formatManifest({ ...simple, files: [...simple.files, ...simple.files] }), fault);
  t.end();
});

t.test('what is signed of a manifest is no checkpoint of any log', (t) => {
  const text = manifestStatement(sha256, simple.origin, formatManifest(simple));
  t.match(text, /^kaibiao-bundle\/v1\nkaibiao\.test\/opening\/one\n[A-Za-z0-9+/]{43}=\n$/);
  t.throws(() => parseCheckpoint(text), { code: 'checkpoint_malformed' });
  t.equal(bundleKeyName('kaibiao.test'), 'kaibiao.test/bundle');
  t.end();
});
