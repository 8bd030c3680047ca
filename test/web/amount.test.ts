/** Amounts in figures and in capital words: the rule book's own examples, its edges, and the way back. */
import fc from 'fast-check';
import { amountFromWords, amountInWords } from '../../server/core/opening/amount-in-words.ts';
import { isSameAmount } from '../../server/core/opening/price-words.ts';
import { formatAmount, plainAmount } from '../../web/parts/amount.ts';
import t from '../support/tap.ts';

const WORDS: readonly (readonly [string, string])[] = [
  ['0', '零元整'],
  ['0.00', '零元整'],
  ['0.01', '壹分'],
  ['0.10', '壹角'],
  ['0.5', '伍角'],
  ['0.05', '伍分'],
  ['0.99', '玖角玖分'],
  ['1', '壹元整'],
  ['10', '壹拾元整'],
  ['15', '壹拾伍元整'],
  ['100', '壹佰元整'],
  ['101', '壹佰零壹元整'],
  ['110', '壹佰壹拾元整'],
  ['1001', '壹仟零壹元整'],
  ['1010', '壹仟零壹拾元整'],
  ['1005.04', '壹仟零伍元零肆分'],
  ['1680.32', '壹仟陆佰捌拾元叁角贰分'],
  ['16409.02', '壹万陆仟肆佰零玖元零贰分'],
  ['325.04', '叁佰贰拾伍元零肆分'],
  ['107000.53', '壹拾万柒仟元伍角叁分'],
  ['10000', '壹万元整'],
  ['10001', '壹万零壹元整'],
  ['100500', '壹拾万零伍佰元整'],
  ['105000', '壹拾万伍仟元整'],
  ['6007.14', '陆仟零柒元壹角肆分'],
  ['1000000', '壹佰万元整'],
  ['10000000', '壹仟万元整'],
  ['12345678.90', '壹仟贰佰叁拾肆万伍仟陆佰柒拾捌元玖角'],
  ['100000000', '壹亿元整'],
  ['100000001', '壹亿零壹元整'],
  ['100010000', '壹亿零壹万元整'],
  ['100500000', '壹亿零伍拾万元整'],
  ['1000000000000', '壹万亿元整'],
  ['1000000010000', '壹万亿零壹万元整'],
  ['123400000000', '壹仟贰佰叁拾肆亿元整'],
  ['9999999999999999.99', '玖仟玖佰玖拾玖万玖仟玖佰玖拾玖亿玖仟玖佰玖拾玖万玖仟玖佰玖拾玖元玖角玖分'],
  ['7.500000', '柒元伍角'],
];

t.test('figures to words', async (t) => {
  for (const [amount, words] of WORDS) t.equal(amountInWords(amount), words, amount);
});

t.test('what words cannot say', async (t) => {
  for (const amount of ['', '01', '-1', '1.', '.5', '1,000', '1e3', '12345678901234567', '0.001', '1.005', '１'])
    t.equal(amountInWords(amount), null, amount);
});

t.test('words to figures, as bidders write them', async (t) => {
  for (const [amount, words] of WORDS) t.ok(isSameAmount(amountFromWords(words) ?? '', amount), words);
  const spellings: readonly (readonly [string, string])[] = [
    ['人民币壹仟元整', '1000.00'],
    ['人民币：壹仟圆正', '1000.00'],
    ['￥ 壹仟 元 整', '1000.00'],
    ['壹拾万零柒仟元零伍角叁分', '107000.53'],
    ['拾伍元', '15.00'],
    ['一千二百元整', '1200.00'],
    ['壹仟零伍元零角肆分', '1005.04'],
    ['贰佰元伍角整', '200.50'],
    ['伍分', '0.05'],
    ['壹亿零伍拾万元', '100500000.00'],
  ];
  for (const [words, amount] of spellings) t.equal(amountFromWords(words), amount, words);
});

t.test('words that name no amount', async (t) => {
  for (const words of [
    '',
    '元',
    '整',
    '人民币',
    '约壹仟元',
    '壹贰叁元',
    '拾仟元',
    '壹万万元',
    '万元',
    '1000元',
    'abc',
    '壹佰',
    '零拾元',
  ])
    t.equal(amountFromWords(words), null, words);
});

const amounts = fc
  .tuple(fc.bigInt({ min: 0n, max: 9_999_999_999_999_999n }), fc.nat(99))
  .map(([whole, cents]) => `${whole}.${String(cents).padStart(2, '0')}`);

t.test('there and back, for any amount', async (t) => {
  fc.assert(fc.property(amounts, (amount) => amountFromWords(amountInWords(amount) ?? '') === amount));
  // small and round numbers are where zeros go wrong
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 2_000_000 }),
      fc.constantFrom(1n, 10n, 1000n, 10_000n, 100_000_000n),
      (n, scale) => {
        const amount = `${(BigInt(n) * scale).toString()}.00`;
        const words = amountInWords(amount) ?? '';
        return amountFromWords(words) === amount && !/零零|零[万亿拾佰仟]|零元./.test(words);
      },
    ),
  );
  t.pass();
});

t.test('any text is read or refused, never a fault', async (t) => {
  const letters = fc.constantFrom(...'零壹贰玖拾佰仟万亿元角分整正圆 人民币1a');
  fc.assert(
    fc.property(fc.array(letters, { maxLength: 14 }), (parts) => {
      const read = amountFromWords(parts.join(''));
      return read === null || /^[0-9]+\.[0-9]{2}$/.test(read);
    }),
  );
  t.pass();
});

t.test('thousands separators', async (t) => {
  t.equal(formatAmount('12345678.9'), '12,345,678.90');
  t.equal(formatAmount('0'), '0.00');
  t.equal(formatAmount('999'), '999.00');
  t.equal(formatAmount('1000'), '1,000.00');
  t.equal(formatAmount('9999999999999999.99'), '9,999,999,999,999,999.99');
  t.equal(formatAmount('3.141592'), '3.141592', 'no place is cut off');
  t.equal(formatAmount('1000', 0), '1,000');
  fc.assert(fc.property(amounts, (amount) => formatAmount(amount).replace(/,/g, '') === amount));
});

t.test('the same amount in two spellings', async (t) => {
  t.ok(isSameAmount('1', '1.000000'));
  t.ok(isSameAmount('12.5', '12.50'));
  t.notOk(isSameAmount('1', '1.01'));
});

t.test('marks between groups are passed over where groups stand, and nowhere else', (t) => {
  for (const [typed, plain] of [
    ['12,350,000.00', '12350000.00'],
    ['12，350，000', '12350000'],
    ['12 350 000.5', '12350000.5'],
    ['1235,0000', '12350000'],
    [' 999 ', '999'],
    ['1234567', '1234567'],
    ['0.985', '0.985'],
    ['12,80', null],
    ['12,8', null],
    ['1,2,3', null],
    ['1,234,56', null],
    ['1234,567', null],
    ['12 350,000', null],
    [',350', null],
    ['350,', null],
    ['1.280.000', null],
    ['1.28,000', null],
    ['', null],
    ['１２', null],
  ] as const)
    t.equal(plainAmount(typed), plain, typed);
  t.end();
});
