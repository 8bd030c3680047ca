/** Whoever trusts the ledger's first key and nothing else: is led to the present one by links that hold, by no other, and by none that a thief could have made. */
import { spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { verifyReceipt, verifySource } from '../../server/cli/verify-log.ts';
import { formatAddCheckpoint } from '../../server/core/log/add-checkpoint.ts';
import { toBase64Url } from '../../server/core/log/base64.ts';
import { canonicalise, type Json } from '../../server/core/log/canonical.ts';
import { parsePolicy } from '../../server/core/log/policy-file.ts';
import { utf8 } from '../../server/core/log/utf8.ts';
import { isReceiptPayload, RECEIPT_TYPE } from '../../server/core/seal/receipt.ts';
import { receiptKeyOf } from '../../server/core/seal/receipt-key.ts';
import { sha256 } from '../../server/hash.ts';
import { packageRoot } from '../../server/root.ts';
import { cosignerBench } from '../support/cosigning.ts';
import { newFolder } from '../support/folder.ts';
import { bundleOf } from '../support/golden-bundle.ts';
import { ownKey, type SigningKey, signingKey } from '../support/golden-change.ts';
import { memorySource } from '../support/golden-judge.ts';
import { filesOf, type GoldenLog, type LogFiles, readGolden, writeFiles } from '../support/golden-log.ts';
import {
  AT,
  anchoredIn,
  announced,
  headOf,
  K0,
  K1,
  K2,
  ledgerUnder,
  ledgerVkey,
  linkFiles,
  proofIn,
  signedBy,
  THIEF,
  vkeyOf,
} from '../support/key-life.ts';
import type { MadeEntry } from '../support/made-ledger.ts';
import t from '../support/tap.ts';

const JUDGE = join(packageRoot, 'server/core/log/judge.py');
const opening = readGolden('failed-tender');
const size = Number(opening.checkpoint.split('\n')[1]);
const heads = [headOf(opening), headOf(opening, size)];
/** In a ledger of these heads and then links, where the log's last head stands. */
const CLOSED = 2;
const TRUST = ledgerVkey(K0);
type Asked = { trust?: string; policy?: string; ledger?: LogFiles };

/** What verify says of the files, held to what judge.py says of the same: the anchoring in words, or the reason. */
async function judge(t: Tap, files: LogFiles, { trust = TRUST, policy, ledger }: Asked = {}): Promise<string> {
  const judged = await verifySource(memorySource(files), {
    requireAllDisclosures: false,
    trust,
    ...(policy !== undefined && { policy: parsePolicy(sha256, utf8(policy)) }),
    ...(ledger !== undefined && { ledger: memorySource(ledger) }),
  });
  const folder = await newFolder(t, 'judged');
  await writeFiles(files, folder);
  const asked = ['--public', '--trust', trust];
  if (policy !== undefined) {
    await writeFile(`${folder}.policy`, policy);
    asked.push('--policy', `${folder}.policy`);
  }
  const other = spawnSync('python3', [JUDGE, ...asked, folder], { encoding: 'utf8' });
  // With the whole ledger beside it more is known than judge.py asks about.
  if (ledger === undefined)
    t.equal(other.status === 0, judged.ok, `judge.py agrees: ${other.stdout}${other.stderr} ${JSON.stringify(judged)}`);
  return judged.ok ? judged.anchoring : `${judged.reason} ${judged.detail ?? ''}`.trim();
}
type Tap = Parameters<typeof newFolder>[0] & { equal(found: unknown, wanted: unknown, message: string): unknown };

const twice = [announced(K0, K1), announced(K1, K2)];

t.test('an export and a bundle are anchored for whoever trusts the first key, the second or the last', async (t) => {
  const ledger = ledgerUnder([K2], [...heads, ...twice]);
  const files = anchoredIn(opening, ledger, CLOSED);
  const after = (links: string) =>
    `anchored in a ledger whose key follows the trusted one by ${links} on the ledger; a second log of this opening can be excluded only with the whole ledger`;
  t.equal(await judge(t, files), after('2 links'));
  t.equal(await judge(t, files, { trust: ledgerVkey(K1) }), after('1 link'));
  t.match(await judge(t, files, { trust: ledgerVkey(K2) }), /^anchored in the trusted ledger;/);
  t.equal(await judge(t, files, { trust: ledgerVkey(THIEF) }), 'anchor_other_ledger');
  const own = await verifySource(memorySource(filesOf(opening)), { requireAllDisclosures: true });
  const record = own.ok ? own.record : null;
  const bundle = bundleOf(files, record, 'complete', K2);
  t.equal(await judge(t, bundle), after('2 links'));
  t.equal(await judge(t, bundleOf(files, record, 'complete', K1)), 'bundle_unsigned');
  const whole = filesOf(ledger);
  t.equal(await judge(t, whole), 'its key follows the trusted one by 2 links on the ledger');
  // Made up, this ledger knows no CA that certificates could be judged by.
  const bare = anchoredIn({ ...opening, evidence: {} }, ledger, CLOSED, new Map());
  t.equal(await judge(t, bare), 'anchor_other_ledger', 'nothing leads there');
  t.match(await judge(t, bare, { ledger: whole }), /^anchored in the trusted ledger, which was read whole/);
  // No way leads back: whoever finds an old key could sign old heads.
  const old = ledgerUnder([K0], heads);
  t.equal(await judge(t, anchoredIn(opening, old, CLOSED), { trust: ledgerVkey(K2) }), 'anchor_other_ledger');
  t.equal(await judge(t, filesOf(old), { trust: ledgerVkey(K1) }), 'anchor_other_ledger');
});

t.test('an access log brings the links of the ledger whose key signs it, under a head of that ledger', async (t) => {
  const access = readGolden('access');
  const under = (key: typeof K0) => ({
    ...access,
    vkey: vkeyOf('kaibiao.test/access', key),
    checkpoint: signedBy(access.checkpoint, key),
  });
  const ledger = ledgerUnder([K2], [...heads, ...twice]);
  const files = new Map([...filesOf(under(K2)), ...linkFiles(ledger)]);
  t.equal(await judge(t, files), 'its key follows the trusted one by 2 links on the ledger');
  t.equal(await judge(t, filesOf(under(K2))), 'anchor_other_ledger');
  const other = new Map([...filesOf(under(THIEF)), ...linkFiles(ledger)]);
  t.match(await judge(t, other), /^anchor_links_bad link 1: is not proven/, 'under a ledger of another key');
});

t.test('links that do not hold lead nowhere, and are named', async (t) => {
  const foreign = ledgerUnder([K2], [...heads, announced(K0, K1, { platform: 'other.test' }), announced(K1, K2)]);
  const honest = ledgerUnder([K2], [...heads, ...twice]);
  const two = linkFiles(honest);
  const put = (path: string, bytes: Uint8Array | string): LogFiles =>
    new Map([...two, [path, typeof bytes === 'string' ? utf8(bytes) : bytes]]);
  const without = (path: string): LogFiles => new Map([...two].filter(([each]) => each !== path));
  const of = (made: readonly MadeEntry[]): GoldenLog => ledgerUnder([K2], [...heads, ...made]);
  const notInTree = of([announced(K0, K1), announced(K1, THIEF)]);
  const cases: readonly (readonly [string, LogFiles, RegExp])[] = [
    [
      'signed by the one that comes only',
      anchoredIn(opening, of([announced(K0, K1, { forged: { replaced: K1 } }), announced(K1, K2)]), CLOSED),
      /^anchor_links_bad link 1: is not signed/,
    ],
    [
      'signed by the one that goes only',
      anchoredIn(opening, of([announced(K0, K1, { forged: { key: K0 } }), announced(K1, K2)]), CLOSED),
      /^anchor_links_bad link 1: is not signed/,
    ],
    ['of another platform', anchoredIn(opening, foreign, CLOSED), /^anchor_links_bad link 1: is not signed/],
    [
      'order swapped, as files',
      anchoredIn(opening, honest, CLOSED, linkFiles(honest, [4, 3])),
      /^anchor_links_bad link 2: does not follow/,
    ],
    [
      'order swapped, in the ledger',
      anchoredIn(opening, of([announced(K1, K2), announced(K0, K1)]), CLOSED),
      /^anchor_links_bad link 2: does not follow/,
    ],
    ['one left out', anchoredIn(opening, honest, CLOSED, linkFiles(honest, [4])), /^anchor_other_ledger$/],
    ['one twice', anchoredIn(opening, honest, CLOSED, linkFiles(honest, [3, 3, 4])), /^anchor_links_bad link 2/],
    [
      'not in the tree',
      anchoredIn(opening, honest, CLOSED, put('keys/2.json', utf8(notInTree.entries[4] ?? ''))),
      /^anchor_links_bad link 2: is not proven/,
    ],
    [
      'proven in another tree',
      anchoredIn(opening, honest, CLOSED, put('keys/1.tlog-proof', proofIn(of([announced(K0, K1)]), 3))),
      /^anchor_links_bad link 1: is not proven/,
    ],
    [
      'no announcement at all',
      anchoredIn(opening, honest, CLOSED, linkFiles(honest, [2])),
      /^anchor_links_bad link 1: announces no key of use ledger/,
    ],
    [
      'of another use',
      anchoredIn(
        opening,
        of([announced(K0, K2, { use: 'receipts' })]),
        CLOSED,
        linkFiles(of([announced(K0, K2, { use: 'receipts' })]), [3]),
      ),
      /^anchor_links_bad link 1: announces no key/,
    ],
    ['half a link', anchoredIn(opening, honest, CLOSED, without('keys/2.json')), /^file_missing keys\/2\.json/],
    ['a proof missing', anchoredIn(opening, honest, CLOSED, without('keys/2.tlog-proof')), /^file_missing keys/],
    ['a gap', anchoredIn(opening, honest, CLOSED, without3(honest)), /^file_missing keys\/2\.json/],
    ['without an anchor', new Map([...filesOf({ ...opening, anchor: null }), ...two]), /^file_unlisted keys/],
    ['beside the ledger itself', new Map([...filesOf(honest), ...two]), /^file_unlisted keys/],
  ];
  for (const [name, files, wanted] of cases) t.match(await judge(t, files), wanted, name);
  // What an honest ledger would never hold is found by whoever reads it, whatever is trusted.
  const third = ledgerUnder([K2], [...heads, announced(K0, K1), announced(K0, K2)]);
  t.match(await judge(t, filesOf(third)), /^ledger_key_refused/, 'two that follow one');
});

/** Links 1 and 3, and no second. */
function without3(ledger: GoldenLog): LogFiles {
  const files = new Map(linkFiles(ledger));
  for (const end of ['json', 'tlog-proof']) {
    files.set(`keys/3.${end}`, files.get(`keys/2.${end}`) ?? new Uint8Array());
    files.delete(`keys/2.${end}`);
  }
  return files;
}

t.test(
  'a key that others may have had vouches for nothing behind its end, unless cosigners stand for the head',
  async (t) => {
    const stolen = { compromisedSince: AT };
    const ledger = ledgerUnder([K1], [...heads, announced(K0, K1, stolen)]);
    const files = anchoredIn(opening, ledger, CLOSED);
    t.equal(await judge(t, files), `trust_key_compromised since ${AT}`);
    t.equal(await judge(t, filesOf(ledger)), `trust_key_compromised since ${AT}`);
    t.match(await judge(t, files, { trust: ledgerVkey(K1) }), /^anchored in the trusted ledger;/);
    // The stolen key signs beside, or alone, what says of itself that it is stolen.
    for (const keys of [[K1, K0], [K0], [K0, K1]]) {
      const beside = ledgerUnder(keys, [...heads, announced(K0, K1, stolen)]);
      t.equal(await judge(t, anchoredIn(opening, beside, CLOSED)), `trust_key_compromised since ${AT}`);
      t.equal(await judge(t, filesOf(beside)), `trust_key_compromised since ${AT}`);
    }
    // A later announcement of the stolen key is none, in the ledger or beside a log.
    const later = ledgerUnder([THIEF], [...heads, announced(K0, K1, stolen), announced(K0, THIEF)]);
    t.match(await judge(t, filesOf(later)), /^ledger_key_refused/);
    t.match(await judge(t, anchoredIn(opening, later, CLOSED)), /^anchor_links_bad link 2/);
    // Behind it the way goes on for whoever trusts the one that came: a link before does not spoil it, one on it does.
    const further = ledgerUnder([K2], [...heads, announced(K0, K1, stolen), announced(K1, K2)]);
    t.match(
      await judge(t, anchoredIn(opening, further, CLOSED), { trust: ledgerVkey(K1) }),
      /follows the trusted one by 1/,
    );
    const second = ledgerUnder([K2], [...heads, announced(K0, K1), announced(K1, K2, stolen)]);
    t.equal(await judge(t, anchoredIn(opening, second, CLOSED)), `trust_key_compromised since ${AT}`);
    t.equal(await judge(t, filesOf(second)), `trust_key_compromised since ${AT}`);

    const supervisor = await cosignerBench(t, { name: 'supervisor.test', vkey: ledgerVkey(K1) });
    const body = utf8(formatAddCheckpoint({ oldSize: 0, proof: [], checkpoint: ledger.checkpoint }));
    const line = (await supervisor.cosigner.addCheckpoint(body)).body;
    const cosigned = { ...ledger, checkpoint: `${ledger.checkpoint}${line}` };
    const asks = (quorum: string): string => `log ${TRUST}\nwitness s ${supervisor.vkey}\n${quorum}\n`;
    const policy = asks('group g all s\nquorum g');
    t.match(
      await judge(t, anchoredIn(opening, cosigned, CLOSED), { policy }),
      /whose key follows .* stand for this head/,
    );
    t.match(await judge(t, filesOf(cosigned), { policy }), /^its key follows .* stand for this head$/);
    t.equal(await judge(t, filesOf(ledger), { policy }), `trust_key_compromised since ${AT}`, 'nobody signed');
    const none = asks('quorum none');
    t.equal(
      await judge(t, filesOf(cosigned), { policy: none }),
      `trust_key_compromised since ${AT}`,
      'asks for nobody',
    );
    t.equal(
      await judge(t, filesOf(cosigned), { policy: none, trust: ledgerVkey(K1) }),
      'policy_of_other_log',
      'a policy lists a log by a stolen key, and asks for nobody',
    );
  },
);

t.test('no log begins under a key that was replaced as stolen; one that began before goes on', async (t) => {
  const openings = ownKey('kaibiao.test/opening/any');
  const next = signingKey(new Uint8Array(32).fill(9));
  const stolen = announced(openings, next, { use: 'openings', compromisedSince: AT });
  const before = ledgerUnder([K0], [headOf(opening), stolen, headOf(opening, size)]);
  t.equal(await judge(t, filesOf(before)), 'its key is the trusted one');
  const behind = ledgerUnder([K0], [stolen, headOf(opening)]);
  t.match(await judge(t, filesOf(behind)), /^ledger_key_compromised/);
  const ended = ledgerUnder([K0], [announced(openings, next, { use: 'openings' }), headOf(opening)]);
  t.equal(await judge(t, filesOf(ended)), 'its key is the trusted one', 'announced, and not in use yet');
  const underNext = { ...opening, checkpoint: signedBy(opening.checkpoint, next) };
  t.equal(await judge(t, filesOf(ledgerUnder([K0], [stolen, headOf(underNext)]))), 'its key is the trusted one');
});

t.test('a receipt file may bring the announcement of its key in the place of the first entry', async (t) => {
  const [first, next] = [signingKey(new Uint8Array(32).fill(41)), signingKey(new Uint8Array(32).fill(42))];
  const use = 'receipts' as const;
  /** Everything behind the key and the signature is wanting, and said to be, once these have held. */
  const judged = async (said: MadeEntry, { by = next, seq = 1, trust = TRUST } = {}) => {
    const ledger = ledgerUnder([K0], [said, announced(K0, K1)], first);
    const key = { entry: ledger.entries[seq] ?? '', proof: proofIn(ledger, 1) };
    const file = { v: 1, ledger: ledger.vkey, key, receipt: receiptBy(by), act: {} };
    const verdict = await verifyReceipt(JSON.stringify(file), { trust });
    return verdict.ok ? 'ok' : verdict.reason;
  };
  const announcement = announced(first, next, { use });
  t.equal(await judged(announcement), 'receipt_not_in_ledger', 'key and signature hold');
  t.equal(await judged(announcement, { by: first }), 'receipt_unsigned', 'of the key before it');
  t.equal(await judged(announcement, { seq: 2 }), 'receipt_key_unproven', 'another entry than is proven');
  t.equal(await judged(announced(K0, next)), 'receipt_key_unproven', 'of another use');
  t.equal(await judged(announcement, { trust: ledgerVkey(K1) }), 'receipt_of_other_ledger');
  for (const forged of [{ replaced: next }, { key: first }])
    t.equal(await judged(announced(first, next, { use, forged })), 'receipt_key_unproven', 'signed by one only');
});

/** A receipt of nothing. */
function receiptBy(key: SigningKey): string {
  const [digest, id] = [toBase64Url(new Uint8Array(32)), toBase64Url(new Uint8Array(16))];
  const names = { v: 1, iss: 'kaibiao.test', aud: '91110000600037341L', openingId: 'one', lotId: 'lot-1', bidId: id };
  const digests = { statementSha256: digest, envelopeSha256: digest, recipientInfosSha256: digest };
  const payload = { ...names, ...digests, act: 'lodged', envelopeBytes: 1, receivedAt: AT, iat: AT, jti: id };
  if (!isReceiptPayload(payload)) throw new Error('no receipt');
  const part = (value: Json): string => toBase64Url(utf8(canonicalise(value)));
  const { kid } = receiptKeyOf(sha256, key.publicKey);
  const signed = `${part({ alg: 'EdDSA', kid, typ: RECEIPT_TYPE })}.${part(payload)}`;
  return `${signed}.${toBase64Url(key.sign(utf8(signed)))}`;
}
