/** Promises and statements about a bid: what they bind, in which form, and what is refused. */
import { createHash, createHmac } from 'node:crypto';
import fc from 'fast-check';
import { toBase64Url } from '../../../server/core/log/base64.ts';
import { canonicalise, type Json } from '../../../server/core/log/canonical.ts';
import { readDisclosure } from '../../../server/core/log/disclosure.ts';
import { utf8 } from '../../../server/core/log/utf8.ts';
import { cekCommit, openingListDisclosure, startContentCommit } from '../../../server/core/seal/commitments.ts';
import {
  checkDecryption,
  type DecryptionPayload,
  isDecryptionPayload,
  readSealedKeyHeader,
} from '../../../server/core/seal/decryption.ts';
import { checkLodgement, isLodgementPayload, type LodgementPayload } from '../../../server/core/seal/lodgement.ts';
import {
  COLUMN_TEXT_LIMIT,
  COLUMN_TITLE_LIMIT,
  OPENING_LIST_LIMIT_BYTES,
  readOpeningList,
} from '../../../server/core/seal/opening-list.ts';
import { isReceiptPayload, type ReceiptPayload } from '../../../server/core/seal/receipt.ts';
import { payloadSha256 } from '../../../server/core/seal/statement.ts';
import { sha256 } from '../../../server/hash.ts';
import { startHmac } from '../../../server/vault/content.ts';
import t from '../../support/tap.ts';

const CEK = Uint8Array.from({ length: 32 }, (_, index) => index);
const CODE = '91620700MADEM0001M';
const digest = (text: string): string => toBase64Url(sha256(utf8(text)));

const LIST = {
  v: 1,
  lotId: 'LOT-1',
  creditCode: CODE,
  name: '张掖建设有限公司',
  quote: { kind: 'total', amount: '12800000.00', currency: 'CNY', unit: '元', inWords: '壹仟贰佰捌拾万元整' },
  duration: '180天',
  quality: '合格',
  manager: '王工',
  columns: {},
} as const;

const LODGEMENT: LodgementPayload = {
  v: 1,
  iss: CODE,
  aud: 'kaibiao.example',
  openingId: 'zhangye-1',
  lotId: 'LOT-1',
  bidId: 'AAAAAAAAAAAAAAAAAAAAAA',
  policyHash: digest('policy'),
  deadlineAt: '2026-03-05T01:00:00.000Z',
  envelopeSha256: digest('envelope'),
  envelopeBytes: 12_345,
  recipientInfosSha256: digest('recipients'),
  encCertSha256: digest('certificate'),
  openingListCommit: digest('list'),
  cekCommit: digest('key'),
  contentCommit: digest('content'),
  profile: 'kaibiao-seal-1',
  iat: 1_772_000_000,
  jti: 'AAAAAAAAAAAAAAAAAAAAAQ',
};

const DECRYPTION: DecryptionPayload = {
  v: 1,
  iss: CODE,
  aud: 'kaibiao.example',
  openingId: 'zhangye-1',
  lotId: 'LOT-1',
  bidId: LODGEMENT.bidId,
  receiptSha256: digest('receipt'),
  recipientInfosSha256: LODGEMENT.recipientInfosSha256,
  cekCommit: LODGEMENT.cekCommit,
  challengeJti: 'AAAAAAAAAAAAAAAAAAAAAg',
  jweSha256: digest('a.b.c.d.e'),
  headSeen: { size: 12, root: Buffer.from(sha256(CEK)).toString('base64') },
  iat: 1_772_100_000,
  jti: 'AAAAAAAAAAAAAAAAAAAAAw',
};

t.test('cekCommit is SHA-256 over label and key', async (t) => {
  const expected = createHash('sha256').update('bid-cek-v1\0').update(CEK).digest('base64url');
  t.equal(cekCommit(sha256, CEK), expected);
  t.not(
    cekCommit(
      sha256,
      CEK.map((octet) => octet ^ 1),
    ),
    expected,
  );
  t.throws(() => cekCommit(sha256, CEK.subarray(1)), RangeError);
});

t.test('contentCommit is HMAC under a key derived from the content key, in any pieces', async (t) => {
  const key = createHash('sha256').update('bid-content-v1\0').update(CEK).digest();
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 50 }), { maxLength: 8 }), (pieces) => {
      const commit = startContentCommit(sha256, startHmac, CEK);
      for (const piece of pieces) commit.update(piece);
      t.equal(commit.digest(), createHmac('sha256', key).update(Buffer.concat(pieces)).digest('base64url'));
    }),
    { numRuns: 30 },
  );
});

t.test('the list’s disclosure can be checked by anyone, and its salt follows from the content key alone', async (t) => {
  const { disclosure, digest: commit } = openingListDisclosure(sha256, CEK, LIST);
  const { salt, field, value } = readDisclosure(disclosure);
  t.equal(field, 'openingList');
  t.strictSame(value, LIST);
  t.equal(
    Buffer.from(salt).toString('hex'),
    createHash('sha256').update('bid-list-salt-v1\0').update(CEK).digest('hex'),
  );
  t.equal(commit, createHash('sha256').update(disclosure).digest('base64url'));
  const lower = { ...LIST, quote: { ...LIST.quote, amount: '9800000.00' } };
  t.not(openingListDisclosure(sha256, CEK, lower).digest, commit);
});

t.test('an opening list is read in its one spelling only', async (t) => {
  const text = canonicalise(LIST);
  t.strictSame(readOpeningList(utf8(text)), { list: LIST });
  const others: readonly [string, string][] = [
    ['a space', text.replace(':', ': ')],
    ['a price twice', text.replace('"amount":', '"amount":"9800000.00","amount":')],
    ['another order', `{"v":1,${text.slice(1).replace(',"v":1', '')}`],
    ['an escape', text.replace('合格', '\\u5408格')],
    ['a byte-order mark', `\ufeff${text}`],
    ['a line feed at the end', `${text}\n`],
    ['a price as a number', text.replace('"12800000.00"', '12800000.5')],
    ['no JSON', text.slice(1)],
  ];
  for (const [what, other] of others) t.strictSame(readOpeningList(utf8(other)), { problem: 'not_canonical' }, what);
  t.strictSame(readOpeningList(Uint8Array.of(0x22, 0xff, 0x22)), { problem: 'not_canonical' });
});

t.test('an opening list has its members and no others, and money is decimal text', async (t) => {
  const wrong: Json[] = [
    {},
    [],
    { ...LIST, v: 2 },
    { ...LIST, more: 1 },
    { ...LIST, creditCode: '1' },
    { ...LIST, columns: { a: 1 } },
    { ...LIST, columns: { 'a\nb': 1 } },
    { ...LIST, columns: { '': 'x' } },
    { ...LIST, columns: { ['x'.repeat(COLUMN_TITLE_LIMIT + 1)]: 'x' } },
    { ...LIST, columns: { x: 'x'.repeat(COLUMN_TEXT_LIMIT + 1) } },
    { ...LIST, quote: { ...LIST.quote, kind: 'guess' } },
    ...['', '1,000', '01', '1.', '-1', '1e6', '1.0000001', '１'].map((amount) => ({
      ...LIST,
      quote: { ...LIST.quote, amount },
    })),
  ];
  for (const list of wrong) t.strictSame(readOpeningList(utf8(canonicalise(list))), { problem: 'not_in_form' });
  // What the words say is compared by people, never here.
  const edge = { ...LIST, columns: { ['x'.repeat(COLUMN_TITLE_LIMIT)]: 'x'.repeat(COLUMN_TEXT_LIMIT), 'a\nb': '' } };
  t.strictSame(readOpeningList(utf8(canonicalise(edge))), { list: edge });
  const words = { ...LIST, quote: { ...LIST.quote, inWords: '壹元整' } };
  t.strictSame(readOpeningList(utf8(canonicalise(words))), { list: words });
});

t.test('an opening list is read up to its limit', async (t) => {
  const columns: Record<string, string> = {};
  for (let index = 0; index < 131; index++) columns[`column ${index}`] = 'x'.repeat(1980);
  const length = utf8(canonicalise({ ...LIST, columns: { ...columns, last: '' } })).length;
  const fill = (bytes: number): Json => ({ ...LIST, columns: { ...columns, last: 'y'.repeat(bytes - length) } });
  t.equal(utf8(canonicalise(fill(OPENING_LIST_LIMIT_BYTES))).length, OPENING_LIST_LIMIT_BYTES);
  t.ok('list' in readOpeningList(utf8(canonicalise(fill(OPENING_LIST_LIMIT_BYTES)))));
  t.strictSame(readOpeningList(utf8(canonicalise(fill(OPENING_LIST_LIMIT_BYTES + 1)))), { problem: 'too_long' });
});

t.test('any bytes end in a list or in a problem', async () => {
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), fc.json().map(utf8)), (bytes) => {
      const read = readOpeningList(bytes);
      return 'problem' in read || Buffer.compare(utf8(canonicalise(read.list)), bytes) === 0;
    }),
    { numRuns: 500 },
  );
});

t.test('statements and receipts have their members and no others', async (t) => {
  const receipt: ReceiptPayload = {
    v: 1,
    iss: 'kaibiao.example',
    aud: CODE,
    openingId: 'zhangye-1',
    lotId: 'LOT-1',
    bidId: LODGEMENT.bidId,
    act: 'lodged',
    statementSha256: payloadSha256(sha256, LODGEMENT),
    envelopeSha256: LODGEMENT.envelopeSha256,
    envelopeBytes: LODGEMENT.envelopeBytes,
    recipientInfosSha256: LODGEMENT.recipientInfosSha256,
    receivedAt: '2026-03-04T01:00:00.000Z',
    iat: '2026-03-04T01:00:00.100Z',
    jti: LODGEMENT.jti,
  };
  t.ok(isLodgementPayload(LODGEMENT));
  t.ok(isLodgementPayload({ ...LODGEMENT, replaces: DECRYPTION.jti, envelopeSm3: digest('sm3') }));
  t.ok(isDecryptionPayload(DECRYPTION));
  t.ok(isReceiptPayload(receipt));
  t.ok(isReceiptPayload({ ...receipt, act: 'replaced', replaces: DECRYPTION.jti }));
  const kinds = [
    [LODGEMENT, isLodgementPayload],
    [DECRYPTION, isDecryptionPayload],
    [receipt, isReceiptPayload],
  ] as const;
  for (const [payload, isKind] of kinds) {
    t.notOk(isKind({ ...payload, more: 1 }));
    for (const field of Object.keys(payload)) {
      const { [field as keyof typeof payload]: _, ...rest } = payload;
      t.notOk(isKind(rest as Json), `without ${field}`);
      t.notOk(isKind({ ...payload, [field]: null }), `${field} null`);
    }
  }
  t.notOk(isLodgementPayload({ ...LODGEMENT, bidId: 'AAAAAAAAAAAAAAAAAAAAAB' }), 'spare bits in an id');
  t.notOk(isLodgementPayload({ ...LODGEMENT, deadlineAt: '2026-03-05T01:00:00Z' }), 'an instant without milliseconds');
});

t.test('a lodgement must say what the platform has seen', async (t) => {
  const { iss, aud, openingId, lotId, policyHash, deadlineAt } = LODGEMENT;
  const { envelopeSha256, envelopeBytes, recipientInfosSha256, encCertSha256 } = LODGEMENT;
  const opening = { iss, aud, openingId, lotId, policyHash, deadlineAt };
  const envelope = { envelopeSha256, envelopeBytes, recipientInfosSha256, encCertSha256 };
  t.equal(checkLodgement(LODGEMENT, { ...opening, ...envelope }), undefined);
  for (const field of Object.keys(opening)) {
    t.strictSame(checkLodgement({ ...LODGEMENT, [field]: 'other' }, { ...opening, ...envelope }), {
      refused: 'statement_not_for_this_opening',
      field,
    });
  }
  for (const field of Object.keys(envelope)) {
    t.strictSame(checkLodgement({ ...LODGEMENT, [field]: 'other' }, { ...opening, ...envelope }), {
      refused: 'envelope_not_as_signed',
      field,
    });
  }
});

t.test('a decryption is judged in the order of the table: about whom, the header, the key', async (t) => {
  const { iss, aud, openingId, lotId, bidId, receiptSha256, challengeJti, recipientInfosSha256, cekCommit } =
    DECRYPTION;
  const expected = { iss, aud, openingId, lotId, bidId, receiptSha256, challengeJti, recipientInfosSha256, cekCommit };
  const check = (changes: Partial<DecryptionPayload>, jwe = 'a.b.c.d.e') =>
    checkDecryption(sha256, { ...DECRYPTION, ...changes }, jwe, expected);
  t.equal(check({}), undefined);
  const other = digest('other');
  for (const field of ['iss', 'aud', 'openingId', 'lotId', 'bidId', 'receiptSha256', 'challengeJti'] as const) {
    t.equal(check({ [field]: other, recipientInfosSha256: other, cekCommit: other }), 'statement_invalid', field);
  }
  t.equal(check({}, 'a.b.c.d.f'), 'statement_invalid', 'another JWE');
  t.equal(check({ recipientInfosSha256: other, cekCommit: other }), 'header_differs');
  t.equal(check({ cekCommit: other }), 'wrong_key');
});

t.test('the JWE header binds window key, challenge and envelope, with fixed algorithms', async (t) => {
  const coordinate = digest('x');
  const header = {
    alg: 'ECDH-ES+A256KW',
    enc: 'A256GCM',
    kid: digest('kid'),
    jti: DECRYPTION.jti,
    envelopeSha256: digest('envelope'),
    epk: { kty: 'EC', crv: 'P-256', x: coordinate, y: coordinate },
  };
  const jweOf = (value: unknown): string => `${toBase64Url(utf8(JSON.stringify(value)))}.a.b.c.d`;
  t.strictSame(readSealedKeyHeader(jweOf(header)), header);
  for (const field of Object.keys(header)) {
    const { [field as keyof typeof header]: _, ...rest } = header;
    t.equal(readSealedKeyHeader(jweOf(rest)), undefined, `without ${field}`);
  }
  t.equal(readSealedKeyHeader(jweOf({ ...header, alg: 'dir' })), undefined);
  t.equal(readSealedKeyHeader(jweOf({ ...header, zip: 'DEF' })), undefined);
  t.equal(readSealedKeyHeader(jweOf({ ...header, epk: { ...header.epk, crv: 'P-384' } })), undefined);
  t.equal(readSealedKeyHeader(`${jweOf(header)}.e`), undefined);
  t.equal(readSealedKeyHeader('%.a.b.c.d'), undefined);
  t.equal(readSealedKeyHeader(`${jweOf(header)}${'d'.repeat(2048)}`), undefined);
});

t.test('a statement is named by its payload alone', async (t) => {
  t.equal(payloadSha256(sha256, LODGEMENT), createHash('sha256').update(canonicalise(LODGEMENT)).digest('base64url'));
});
