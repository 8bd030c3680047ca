/** 统一社会信用代码: known codes, and what its check character is for — catching every slip of one or two hands. */
import fc from 'fast-check';
import { demoCreditCode } from '../../../server/cli/demo/ca.ts';
import { CREDIT_CODE_ALPHABET, creditCodeCheck, isCreditCode } from '../../../server/core/pki/credit-code.ts';
import t from '../../support/tap.ts';

const character = fc.constantFrom(...CREDIT_CODE_ALPHABET);
const digit = fc.constantFrom(...'0123456789');
const code = fc
  .tuple(
    fc.array(character, { minLength: 2, maxLength: 2 }),
    fc.array(digit, { minLength: 6, maxLength: 6 }),
    fc.array(character, { minLength: 9, maxLength: 9 }),
  )
  .map((parts) => parts.flat().join(''))
  .map((body) => body + creditCodeCheck(body));

t.test('codes of well-known companies hold', async (t) => {
  for (const known of ['9144030071526726XG', '91330100799655058B', '914403001922038216', '91110000802100433B'])
    t.ok(isCreditCode(known), known);
});

t.test('what is no code', async (t) => {
  const table: [string, string][] = [
    ['', 'nothing'],
    ['9144030071526726X', 'seventeen characters'],
    ['9144030071526726XGG', 'nineteen'],
    ['9144030071526726xg', 'lower case'],
    ['9144030071526726XH', 'another check character'],
    ['9144030O71526726XG', 'the letter O'],
    ['91440A0071526726XG', 'a letter in the administrative division'],
    ['9144030071526726XG\n', 'a line end'],
    ['９１440300715267264G', 'full-width digits'],
  ];
  for (const [text, why] of table) t.notOk(isCreditCode(text), why);
});

t.test('a body of another length or alphabet is a mistake of the caller', async (t) => {
  t.throws(() => creditCodeCheck('123'), RangeError);
  t.throws(() => creditCodeCheck('I1440300715267264'), RangeError);
});

t.test('every made code holds', async (t) => {
  fc.assert(fc.property(code, (text) => isCreditCode(text)));
  t.pass('held');
});

t.test('one wrong character is always noticed', async (t) => {
  fc.assert(
    fc.property(code, fc.nat(17), character, (text, at, other) => {
      fc.pre(text.charAt(at) !== other);
      return !isCreditCode(text.slice(0, at) + other + text.slice(at + 1));
    }),
    { numRuns: 1000 },
  );
  t.pass('noticed');
});

t.test('two neighbours that change places are always noticed', async (t) => {
  fc.assert(
    fc.property(code, fc.nat(15), (text, at) => {
      const [a, b] = [text.charAt(at), text.charAt(at + 1)];
      fc.pre(a !== b);
      return !isCreditCode(text.slice(0, at) + b + a + text.slice(at + 2));
    }),
    { numRuns: 1000 },
  );
  t.pass('noticed');
});

t.test('any text is answered', async (t) => {
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => typeof isCreditCode(text) === 'boolean'));
  t.pass('answered');
});

t.test('the demo numbers its organisations with codes that hold and differ', async (t) => {
  const codes = Array.from({ length: 1200 }, (_, index) => demoCreditCode(index));
  t.ok(codes.every(isCreditCode));
  t.equal(new Set(codes).size, codes.length);
  t.equal(demoCreditCode(7), demoCreditCode(7));
});
