/** Name constraints: for each form of name a table of what lies within a subtree, what does not, and what cannot be judged. */
import fc from 'fast-check';
import type { NameConstraints } from '../../../server/core/pki/extensions.ts';
import { NAME_COMPARISON_LIMIT, whyNamesNot } from '../../../server/core/pki/name-constraints.ts';
import { ATTRIBUTE, type GeneralName, type Name } from '../../../server/core/pki/names.ts';
import t from '../../support/tap.ts';
import { authority } from './authority.ts';

const empty: Name = { attributes: [], parts: [], key: '', full: new Uint8Array() };
const text = (kind: 'email' | 'dns' | 'uri') => (value: string) => ({ kind, value }) as const;
const [email, dns, uri] = [text('email'), text('dns'), text('uri')];
const ip = (...bytes: number[]) => ({ kind: 'ip', bytes: Uint8Array.from(bytes) }) as const;

const permit = (...permitted: GeneralName[]): NameConstraints => ({ permitted, excluded: [] });
const exclude = (...excluded: GeneralName[]): NameConstraints => ({ permitted: [], excluded });

const judge = (name: GeneralName, ...constraints: NameConstraints[]) =>
  whyNamesNot({ subject: empty, subjectAltNames: [name] }, constraints, { left: NAME_COMPARISON_LIMIT }) ?? 'ok';

const yes = 'ok';
const no = 'name_not_permitted';
const unclear = 'constraint_not_supported';

const table: readonly [name: GeneralName, tree: GeneralName, expected: string][] = [
  [dns('example.cn'), dns('example.cn'), yes],
  [dns('a.B.example.CN'), dns('Example.cn'), yes],
  [dns('badexample.cn'), dns('example.cn'), no],
  [dns('cn'), dns('example.cn'), no],
  [dns('*.example.cn'), dns('example.cn'), yes],
  [dns('anything.else'), dns(''), yes],
  [dns('a b.example.cn'), dns('example.cn'), unclear],
  [dns('example.cn'), dns('.example.cn'), unclear],
  [dns(`${'a'.repeat(64)}.example.cn`), dns('example.cn'), unclear],
  [email('li@example.cn'), email('example.cn'), yes],
  [email('li@EXAMPLE.cn'), email('example.cn'), yes],
  [email('li@mail.example.cn'), email('example.cn'), no],
  [email('li@mail.example.cn'), email('.example.cn'), yes],
  [email('li@example.cn'), email('.example.cn'), no],
  [email('li@example.cn'), email('li@example.cn'), yes],
  [email('Li@example.cn'), email('li@example.cn'), no],
  [email('li@x@example.cn'), email('example.cn'), unclear],
  [email('example.cn'), email('example.cn'), unclear],
  [uri('https://example.cn/x'), uri('example.cn'), yes],
  [uri('https://u:p@example.cn:8443/x'), uri('example.cn'), yes],
  [uri('https://a.example.cn'), uri('example.cn'), no],
  [uri('https://a.example.cn'), uri('.example.cn'), yes],
  [uri('https://evil.cn#@example.cn'), uri('example.cn'), no],
  [uri('https://evil.cn/@example.cn'), uri('example.cn'), no],
  [uri('urn:example.cn'), uri('example.cn'), unclear],
  [uri('https://10.1.2.3/'), uri('example.cn'), unclear],
  [uri('https://[::1]/'), uri('example.cn'), unclear],
  [ip(10, 1, 2, 3), ip(10, 1, 0, 0, 255, 255, 0, 0), yes],
  [ip(10, 2, 2, 3), ip(10, 1, 0, 0, 255, 255, 0, 0), no],
  [ip(10, 1, 2, 3), ip(10, 1, 9, 9, 255, 255, 0, 0), yes],
  [ip(10, 1, 2), ip(10, 1, 0, 0, 255, 255, 0, 0), unclear],
  [ip(10, 1, 2, 3), ip(10, 1, 0, 0, 255, 0, 255, 0), unclear],
  [ip(...new Array<number>(16).fill(1)), ip(10, 1, 0, 0, 255, 255, 0, 0), no],
  [dns('example.cn'), email('example.cn'), yes],
];

t.test('each form, permitted and excluded', async (t) => {
  for (const [name, tree, expected] of table) {
    const what = `${JSON.stringify(name)} under ${JSON.stringify(tree)}`;
    t.equal(judge(name, permit(tree)), expected, what);
    if (name.kind !== tree.kind) continue;
    const turned = expected === yes ? 'name_excluded' : expected === no ? yes : expected;
    t.equal(judge(name, exclude(tree)), turned, `${what}, excluded`);
  }
});

t.test('all of several CAs bind, and one of several subtrees is enough', async (t) => {
  t.equal(judge(dns('a.cn'), permit(dns('b.cn'), dns('a.cn'))), yes);
  t.equal(judge(dns('a.cn'), permit(dns('a.cn')), permit(dns('b.cn'))), no);
  t.equal(judge(dns('x.a.cn'), permit(dns('a.cn')), exclude(dns('x.a.cn'))), 'name_excluded');
  t.equal(judge(dns('*.a.cn'), exclude(dns('x.a.cn'))), 'name_excluded', 'a wildcard covers it');
  t.equal(judge(dns('*.a.cn'), exclude(dns('x.b.cn'))), yes);
});

t.test(
  'forms that are not compared: refused where a constraint speaks of them, otherwise nobody’s business',
  async (t) => {
    const other = (tag: number): GeneralName => ({ kind: 'other', tag, full: Uint8Array.of(tag, 0) });
    t.equal(judge(other(0xa0), permit(other(0xa0))), unclear);
    t.equal(judge(other(0xa0), exclude(other(0xa0))), unclear);
    t.equal(judge(other(0x88), exclude(other(0xa0))), yes);
    t.equal(judge(other(0x88), permit(dns('a.cn'))), yes);
  },
);

t.test('distinguished names, and the address in one', async (t) => {
  const { certificate } = await authority('', undefined, {
    subject: [
      [ATTRIBUTE.country, 'CN'],
      [ATTRIBUTE.organisation, '张掖市  建设'],
      [ATTRIBUTE.commonName, 'Li'],
      [ATTRIBUTE.emailAddress, 'li@example.cn'],
    ],
  });
  const of = async (...subject: [string, string][]): Promise<GeneralName> => ({
    kind: 'directory',
    name: (await authority('', undefined, { subject })).certificate.subject,
  });
  const ask = (...constraints: NameConstraints[]) =>
    whyNamesNot(certificate, constraints, { left: NAME_COMPARISON_LIMIT }) ?? 'ok';
  const same = await of([ATTRIBUTE.country, 'CN'], [ATTRIBUTE.organisation, '张掖市 建设']);
  t.equal(ask(permit(same)), yes);
  t.equal(ask(exclude(same)), 'name_excluded');
  t.equal(ask(permit(await of([ATTRIBUTE.organisation, '张掖市 建设']))), no, 'a subtree begins at the root');
  t.equal(ask(permit(email('example.cn'))), yes);
  t.equal(ask(permit(email('example.com'))), no);
  t.equal(
    whyNamesNot(
      { subject: certificate.subject, subjectAltNames: [email('li@example.com')] },
      [permit(email('example.com'))],
      {
        left: NAME_COMPARISON_LIMIT,
      },
    ),
    no,
    'a second address hides the first no more than the other way round',
  );
});

t.test('the budget of comparisons, at its edge', async (t) => {
  const names = Array.from({ length: 10 }, (_, n) => dns(`a${n}.cn`));
  const constraints = [permit(dns('cn'), dns('b.cn'), dns('c.cn')), exclude(dns('d.cn'), dns('e.cn'))];
  const ask = (left: number) => whyNamesNot({ subject: empty, subjectAltNames: names }, constraints, { left });
  t.equal(ask(50), undefined);
  t.equal(ask(49), 'search_limit');
  const many = Array.from({ length: 5_000 }, (_, n) => dns(`a${n}.cn`));
  t.equal(
    whyNamesNot({ subject: empty, subjectAltNames: many }, [exclude(...many.map(({ value }) => dns(`x.${value}`)))], {
      left: NAME_COMPARISON_LIMIT,
    }),
    'search_limit',
    'thousands under thousands end at once',
  );
});

t.test('any text: an answer, and never both permitted and excluded', async (t) => {
  const value = fc.oneof(fc.domain(), fc.emailAddress(), fc.webUrl(), fc.string(), fc.constantFrom('.cn', '*.cn', ''));
  fc.assert(
    fc.property(fc.constantFrom('email' as const, 'dns' as const, 'uri' as const), value, value, (kind, name, tree) => {
      const within = judge({ kind, value: name }, permit({ kind, value: tree }));
      const without = judge({ kind, value: name }, exclude({ kind, value: tree }));
      return !(within === yes && without === yes) && (within === unclear) === (without === unclear);
    }),
    { numRuns: 500 },
  );
  t.pass('held');
});
