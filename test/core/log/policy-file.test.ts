/** tlog-policy files: what they say, which sets of signatures are a quorum, every line that is none, and their limits. */
import fc from 'fast-check';
import { LogFormatError } from '../../../server/core/log/error.ts';
import { KEY_TYPES } from '../../../server/core/log/note.ts';
import {
  asThreshold,
  isQuorate,
  POLICY_LIMIT_BYTES,
  POLICY_LIMIT_NAMES,
  parsePolicy,
} from '../../../server/core/log/policy-file.ts';
import { utf8 } from '../../../server/core/log/utf8.ts';
import { logKey, sha256 } from '../../support/log-fixtures.ts';
import t from '../../support/tap.ts';

const log = (n: number): string => logKey(`log${n}.test`, n).vkey;
const witness = (n: number): string => logKey(`w${n}.test`, 100 + n, KEY_TYPES.cosignature).vkey;
const read = (text: string) => parsePolicy(sha256, utf8(text));
const malformed = { code: 'policy_malformed' };

t.test('the example of the specification: groups of groups, and what makes their quorum', async (t) => {
  const { logs, witnesses, quorum } = read(`# who is believed
log ${log(1)}

witness X1 ${witness(1)} https://x1.test/w
witness X2 ${witness(2)}
\twitness   X3 \t ${witness(3)}
group X-witnesses 2 X1 X2 X3

witness Y1 ${witness(4)}
witness Y2 ${witness(5)}
witness Y3 ${witness(6)}
  # any of them
group Y-witnesses any Y1 Y2 Y3

group X-and-Y all X-witnesses Y-witnesses
quorum X-and-Y
`);
  t.equal(logs[0]?.key.name, 'log1.test');
  t.strictSame(
    witnesses.map(({ name, url }) => [name, url]),
    [['X1', 'https://x1.test/w'], ...['X2', 'X3', 'Y1', 'Y2', 'Y3'].map((name) => [name, null])],
  );
  const holds = (...names: string[]): boolean => isQuorate(quorum, ({ name }) => names.includes(name));
  t.ok(holds('X1', 'X3', 'Y2'));
  t.ok(holds('X1', 'X2', 'X3', 'Y1', 'Y2', 'Y3'));
  for (const names of [[], ['X1', 'Y1'], ['X1', 'X2', 'X3'], ['Y1', 'Y2', 'Y3', 'X2']])
    t.notOk(holds(...names), `${names}`);
  t.equal(asThreshold(quorum), undefined, 'not so many of these');
});

t.test('one cosigner, none, and so many of these', async (t) => {
  const one = read(`witness a ${witness(1)}\nquorum a\n`);
  t.match(asThreshold(one.quorum), { least: 1, of: [{ name: 'a' }] });
  t.equal(
    isQuorate(one.quorum, () => false),
    false,
  );
  const none = read('quorum none\n');
  t.strictSame(asThreshold(none.quorum), { least: 0, of: [] });
  t.equal(
    isQuorate(none.quorum, () => false),
    true,
  );
  const some = read(
    `witness a ${witness(1)}\nwitness b ${witness(2)}\nwitness c ${witness(3)}\ngroup g 2 a b\nquorum g\n`,
  );
  t.match(asThreshold(some.quorum), { least: 2, of: [{ name: 'a' }, { name: 'b' }] });
});

t.test('what is no policy, by its line', async (t) => {
  const a = `witness a ${witness(1)}\n`;
  const b = `witness b ${witness(2)}\n`;
  const cases: readonly (readonly [text: string, says: RegExp])[] = [
    ['', /no quorum/],
    ['quorum none', /last line does not end/],
    [a, /no quorum/],
    [`${a}quorum b\n`, /line 2.*not defined/],
    [`quorum a\n${a}`, /line 1.*not defined/],
    ['quorum none\nquorum none\n', /line 2.*already/],
    ['quorum none none\n', /line 1/],
    ['Quorum none\n', /no line begins/],
    ['toString\nquorum none\n', /no line begins/],
    [`${a}witness a ${witness(2)}\nquorum a\n`, /line 2.*taken/],
    [`witness none ${witness(1)}\nquorum none\n`, /taken/],
    [`${a}witness b ${witness(1)}\nquorum a\n`, /line 2.*already/],
    [`log ${log(1)}\nlog ${log(1)}\nquorum none\n`, /already/],
    [`log ${witness(1)}\nquorum none\n`, /type 1/],
    [`witness a ${log(1)}\nquorum a\n`, /type 4/],
    ['log nonsense\nquorum none\n', /line 1/],
    [`log ${log(1)} http://a b\nquorum none\n`, /not: log/],
    [`witness ${witness(1)}\nquorum none\n`, /not: witness/],
    [`${a}group g 1\nquorum g\n`, /not: group/],
    [`${a}group g 0 a\nquorum g\n`, /threshold/],
    [`${a}group g 2 a\nquorum g\n`, /threshold/],
    [`${a}group g 01 a\nquorum g\n`, /threshold/],
    [`${a}group g 1 a a\nquorum g\n`, /member twice/],
    [`${a}${b}group g 1 a\ngroup h 1 a b\nquorum h\n`, /line 4.*member twice/],
    [`${a}group g 1 none\nquorum g\n`, /not defined/],
    [`group g 1 g\nquorum g\n`, /not defined/],
    ['# \u0000\nquorum none\n', /control/],
    ['quorum none\r\n', /control/],
    ['# \u007f\nquorum none\n', /control/],
  ];
  for (const [text, says] of cases) {
    t.throws(() => read(text), malformed, JSON.stringify(text.slice(-40)));
    t.throws(() => read(text), { message: says }, JSON.stringify(text.slice(-40)));
  }
  t.throws(() => parsePolicy(sha256, Uint8Array.of(0x23, 0xff, 0x0a)), malformed, 'what is not ASCII is UTF-8');
  t.doesNotThrow(() => read('# 联署规则\nquorum none\n'));
});

t.test('the limits, at the edge', async (t) => {
  const witnesses = Array.from({ length: POLICY_LIMIT_NAMES + 1 }, (_, n) => `witness w${n} ${witness(n)}\n`);
  const full = witnesses.slice(0, -1).join('');
  t.equal(read(`${full}quorum w0\n`).witnesses.length, POLICY_LIMIT_NAMES);
  t.throws(() => read(`${witnesses.join('')}quorum w0\n`), malformed);
  const groups = Array.from(
    { length: POLICY_LIMIT_NAMES + 1 },
    (_, n) => `group g${n} any ${n === 0 ? 'w0' : `g${n - 1}`}\n`,
  );
  const nested = read(`${full}${groups.slice(0, -1).join('')}quorum g${POLICY_LIMIT_NAMES - 1}\n`);
  t.equal(
    isQuorate(nested.quorum, ({ name }) => name === 'w0'),
    true,
  );
  t.throws(() => read(`${full}${groups.join('')}quorum g0\n`), malformed);
  const end = 'quorum none\n';
  const room = POLICY_LIMIT_BYTES - end.length - 2;
  t.doesNotThrow(() => read(`#${'x'.repeat(room)}\n${end}`));
  t.throws(() => read(`#${'x'.repeat(room + 1)}\n${end}`), malformed);
});

t.test('whatever bytes come, it throws its own error or reads a policy', async () => {
  const words = fc.constantFrom(
    'log',
    'witness',
    'group',
    'quorum',
    'none',
    'a',
    'b',
    'any',
    'all',
    '1',
    '2',
    '#',
    witness(1),
    witness(2),
    log(1),
  );
  const lines = fc.array(
    fc.array(words, { maxLength: 5 }).map((items) => items.join(' ')),
    { maxLength: 8 },
  );
  const texts = fc.oneof(
    lines.map((all) => utf8(`${all.join('\n')}\n`)),
    fc.uint8Array({ maxLength: 80 }),
  );
  fc.assert(
    fc.property(texts, (bytes) => {
      try {
        const { quorum } = parsePolicy(sha256, bytes);
        // all together are always a quorum, and more never less than fewer
        if (!isQuorate(quorum, () => true)) throw new Error('nobody could ever be a quorum');
      } catch (fault) {
        if (!(fault instanceof LogFormatError && fault.code === 'policy_malformed')) throw fault;
      }
    }),
    { numRuns: 400 },
  );
});
