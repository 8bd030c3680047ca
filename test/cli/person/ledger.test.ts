/** A person whose folder knows an earlier key of the ledger: led on by links that hold and by nothing else; receipts checked by every key that the ledger lists. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findReceiptKeys } from '../../../server/cli/person/ledger.ts';
import { openLogPin } from '../../../server/cli/person/log-pin.ts';
import { openActReceipt } from '../../../server/cli/person/receipt.ts';
import { toBase64Url } from '../../../server/core/log/base64.ts';
import { canonicalise, type Json } from '../../../server/core/log/canonical.ts';
import { utf8 } from '../../../server/core/log/utf8.ts';
import { receiptKeyOf } from '../../../server/core/seal/receipt-key.ts';
import { sha256 } from '../../../server/hash.ts';
import { ACT_RECEIPT_TYPE } from '../../../server/recorder/receipts.ts';
import { newFolder } from '../../support/folder.ts';
import { type SigningKey, signingKey } from '../../support/golden-change.ts';
import { filesOf, type GoldenLog } from '../../support/golden-log.ts';
import { AT, announced, K0, K1, K2, LEDGER, ledgerUnder, ledgerVkey, proofIn, THIEF } from '../../support/key-life.ts';
import type { MadeEntry } from '../../support/made-ledger.ts';
import t from '../../support/tap.ts';

type Test = Parameters<typeof newFolder>[0];

/** Keys for receipts, one following the other. */
const [R0, R1, R2] = [40, 41, 42].map((seed) => signingKey(new Uint8Array(32).fill(seed))) as [
  SigningKey,
  SigningKey,
  SigningKey,
];
const kidOf = ({ publicKey }: SigningKey): string => receiptKeyOf(sha256, publicKey).kid;

/** A receipt as the platform signs it. */
function jws(key: SigningKey, payload: Json): string {
  const part = (value: Json): string => toBase64Url(utf8(canonicalise(value)));
  const signed = `${part({ alg: 'EdDSA', kid: kidOf(key), typ: ACT_RECEIPT_TYPE })}.${part(payload)}`;
  return `${signed}.${toBase64Url(key.sign(utf8(signed)))}`;
}

/** What the server of this ledger answers; `hide` leaves announcements out. */
function serving(ledger: GoldenLog, hide: readonly number[] = []) {
  const files = filesOf(ledger);
  const seqs = ledger.entries.flatMap((text, seq) =>
    text.includes('"type":"KeyAnnounced"') && !hide.includes(seq) ? [seq] : [],
  );
  const keys = seqs.map((seq) => ({ entry: ledger.entries[seq], proof: proofIn(ledger, seq) }));
  const asked = new Map([...files, ['keys', utf8(JSON.stringify({ checkpoint: ledger.checkpoint, keys }))]]);
  return {
    async readLogFile(log: string, file: string): Promise<Uint8Array> {
      const bytes = asked.get(file);
      if (log !== 'ledger' || bytes === undefined) throw new Error(`nobody should ask for ${log}/${file}`);
      return bytes;
    },
  };
}

async function pinFiles(t: Test) {
  const folder = await newFolder(t, 'pin');
  await mkdir(folder);
  return { vkey: join(folder, 'vkey'), head: join(folder, 'head') };
}

const other: readonly MadeEntry[] = [announced(K0, K1), announced(K1, K2)];

t.test('a folder that knows the first key goes over to the present one, with the head it kept', async (t) => {
  const files = await pinFiles(t);
  const one = ledgerUnder([K0], other.slice(0, 1));
  const [first] = await findReceiptKeys(serving(one), await openLogPin(files, LEDGER));
  t.match(first, { ledger: ledgerVkey(K0), goodUntil: null });
  t.equal(await readFile(files.head, 'utf8'), one.checkpoint);
  // Opened anew each time, as the command line does; the last keys have signed nothing before.
  const two = ledgerUnder([K2], other);
  const [now] = await findReceiptKeys(serving(two), await openLogPin(files, LEDGER));
  t.match(now, { ledger: ledgerVkey(K2), kid: first?.kid });
  t.equal(await readFile(files.vkey, 'utf8'), `${ledgerVkey(K2)}\n${ledgerVkey(K0)}\n`);
  t.equal(await readFile(files.head, 'utf8'), two.checkpoint);
  // Broken off before the new head was kept.
  await writeFile(files.head, one.checkpoint);
  t.match(await findReceiptKeys(serving(two), await openLogPin(files, LEDGER)), [{ ledger: ledgerVkey(K2) }]);
  // Another history since is found, whoever signs it.
  const forked = ledgerUnder([K2], [...other].reverse());
  await t.rejects(findReceiptKeys(serving(forked), await openLogPin(files, LEDGER)), Error);
});

t.test('no other key is gone over to', async (t) => {
  const stolen = { compromisedSince: AT };
  const cases: readonly (readonly [string, GoldenLog, readonly number[], string])[] = [
    ['a stranger’s', ledgerUnder([THIEF], other), [], 'log_key_changed'],
    ['a link left out', ledgerUnder([K2], other), [1], 'log_key_changed'],
    ['signed by one only', ledgerUnder([K1], [announced(K0, K1, { forged: { replaced: K1 } })]), [], 'log_not_genuine'],
    ['given up as stolen', ledgerUnder([K1], [announced(K0, K1, stolen)]), [], 'log_key_changed'],
  ];
  for (const [name, ledger, hidden, code] of cases) {
    const files = await pinFiles(t);
    await findReceiptKeys(serving(ledgerUnder([K0], [])), await openLogPin(files, LEDGER));
    await t.rejects(findReceiptKeys(serving(ledger, hidden), await openLogPin(files, LEDGER)), { code }, name);
    t.equal(await readFile(files.vkey, 'utf8'), `${ledgerVkey(K0)}\n`, name);
  }
  // The person names the new one: then it is gone over to.
  const files = await pinFiles(t);
  const ledger = ledgerUnder([K1], [announced(K0, K1, stolen)]);
  await findReceiptKeys(serving(ledgerUnder([K0], [])), await openLogPin(files, LEDGER));
  const pin = await openLogPin(files, LEDGER);
  pin.follow(ledgerVkey(THIEF));
  await t.rejects(findReceiptKeys(serving(ledger), pin), { code: 'log_key_changed' });
  t.equal(await readFile(files.vkey, 'utf8'), `${ledgerVkey(K0)}\n`, 'a slip is not kept');
  pin.follow(ledgerVkey(K1));
  t.match(await findReceiptKeys(serving(ledger), pin), [{ ledger: ledgerVkey(K1) }]);
});

t.test('receipts hold by every key that the ledger lists; behind its end a stolen one signs none', async (t) => {
  const use = 'receipts' as const;
  const ledger = ledgerUnder(
    [K0],
    [announced(R0, R1, { use }), announced(R1, R2, { use, compromisedSince: '2026-11-30T00:00:00.000Z' })],
    R0,
  );
  const keys = await findReceiptKeys(serving(ledger), await openLogPin(await pinFiles(t), LEDGER));
  t.strictSame(
    keys.map(({ kid, goodUntil }) => [kid, goodUntil]),
    [
      [kidOf(R2), null],
      [kidOf(R1), AT],
      [kidOf(R0), null],
    ],
  );
  t.equal(JSON.parse(keys[0]?.entry ?? '{}').seq, 2);
  const expected = { iss: 'kaibiao.test', aud: 'bidder', openingId: 'one', act: 'checked-in' };
  const open = (key: SigningKey, receivedAt: string) =>
    openActReceipt(jws(key, { ...expected, receivedAt }), keys, expected);
  for (const key of [R0, R1, R2]) t.match(await open(key, '2026-11-30T12:00:00.000Z'), expected);
  t.match(await open(R2, AT), expected);
  await t.rejects(open(R1, AT), { code: 'receipt_not_genuine' }, 'from its end on');
  await t.rejects(open(THIEF, '2026-11-30T12:00:00.000Z'), { code: 'receipt_not_genuine' });
  const apart = ledgerUnder([K0], [announced(R1, R2, { use })], R0);
  const pin = await openLogPin(await pinFiles(t), LEDGER);
  await t.rejects(findReceiptKeys(serving(apart), pin), { code: 'log_not_genuine' }, 'follows none that is listed');
});
