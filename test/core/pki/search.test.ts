/** The search for a path at its bounds, and chains of changed bytes: nothing is accepted, nothing but an answer comes out. */
import fc from 'fast-check';
import { STRICT_ALGORITHMS } from '../../../server/core/pki/algorithms.ts';
import { verifyChain } from '../../../server/core/pki/chain.ts';
import { createSearch, findPath, STEP_LIMIT } from '../../../server/core/pki/search.ts';
import { verifyCertificateSignature } from '../../../server/identity/signature.ts';
import t from '../../support/tap.ts';
import { at, authority, crlDer, holder } from './authority.ts';
import { pkitsAt, pkitsCases, pkitsDer } from './pkits.ts';

const root = await authority('Root');
const middle = await authority('Middle', root);
const leaf = await holder(middle);

t.test('the steps of a search, at the edge', async (t) => {
  // Others of the same name stand before the right one; each costs a step, the root one more.
  const others = await Promise.all(Array.from({ length: 5 }, () => authority('Middle')));
  const ask = (stepsLeft: number) => {
    const intermediates = [...others, middle].map(({ certificate }) => certificate);
    const notes: string[] = [];
    const search = {
      ...createSearch({
        anchors: [root.certificate],
        intermediates,
        algorithms: STRICT_ALGORITHMS,
        verifySignature: verifyCertificateSignature,
      }),
      stepsLeft,
    };
    const path = findPath(search, [leaf.certificate], { accept: () => true, note: (reason) => notes.push(reason) });
    return path?.length ?? notes.at(-1);
  };
  t.equal(ask(7), 3);
  t.equal(ask(6), 'search_limit');
  t.equal(ask(STEP_LIMIT), 3);
});

t.test('changed bytes in a certificate or a list: never accepted, never thrown', async (t) => {
  const files = [leaf.certificate.der, middle.certificate.der, crlDer(root), crlDer(middle)] as const;
  const change = fc.record({ which: fc.nat(3), where: fc.nat(10_000), by: fc.integer({ min: 1, max: 255 }) });
  fc.assert(
    fc.property(change, ({ which, where, by }) => {
      const [leafDer, middleDer, ...crls] = files.map((der, index) => {
        const changed = der.slice();
        const place = where % der.length;
        if (index === which) changed[place] = (changed[place] ?? 0) ^ by;
        return changed;
      }) as [Uint8Array, Uint8Array, Uint8Array, Uint8Array];
      const result = verifyChain({
        leaf: leafDer,
        intermediates: [middleDer],
        anchors: [root.certificate],
        crls,
        at,
        purpose: 'sign',
        verifySignature: verifyCertificateSignature,
      });
      return !result.ok;
    }),
    { numRuns: 400 },
  );
  t.pass('held');
});

t.test('whatever signatures say: changed NIST certificates end in an answer', async (t) => {
  // With every signature taken for good, changes reach constraints, policies and points instead of ending at the first check.
  const kinds = /^4\.(8|9|10|11|12|13|14|15)\./;
  const cases = pkitsCases.filter(({ id }) => kinds.test(id));
  const change = fc.record({
    which: fc.constantFrom(...cases),
    file: fc.nat(10),
    changes: fc.array(fc.tuple(fc.double({ min: 0.1, max: 0.7, noNaN: true }), fc.nat(255)), {
      minLength: 1,
      maxLength: 3,
    }),
  });
  let read = 0;
  fc.assert(
    fc.property(change, ({ which: { certs, crls, terms }, file, changes }) => {
      const ders = [...certs.map((name) => pkitsDer('certs', name)), ...crls.map((name) => pkitsDer('crls', name))];
      const changed = ders[file % ders.length] ?? new Uint8Array();
      for (const [where, byte] of changes) changed[Math.floor(where * changed.length)] = byte;
      const [anchor, ...below] = ders.slice(0, certs.length);
      const result = verifyChain({
        ...terms,
        leaf: below.at(-1) ?? new Uint8Array(),
        intermediates: below.slice(0, -1),
        anchors: [anchor ?? new Uint8Array()],
        crls: ders.slice(certs.length),
        at: pkitsAt,
        purpose: 'any',
        verifySignature: () => true,
      });
      if (result.ok || result.reason !== 'malformed') read += 1;
      return typeof result.ok === 'boolean';
    }),
    { numRuns: 600 },
  );
  t.ok(read > 100);
});
