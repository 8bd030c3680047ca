/** The catalogue of ledger and access log: what FORMAT.md says of it, and that its schemas take what the core writes. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Check } from 'typebox/schema';
import { headBody } from '../../../server/core/log/head.ts';
import { ACCESS_EVENTS, LEDGER_EVENTS, PLATFORM_KEY_USES } from '../../../server/core/log/ledger-events.ts';
import { accessOrigin, kindOfOrigin, ledgerOrigin, openingOrigin } from '../../../server/core/log/origin.ts';
import { batchBody } from '../../../server/core/log/register-batch.ts';
import { packageRoot } from '../../../server/root.ts';
import { littleLog } from '../../support/log-fixtures.ts';
import t from '../../support/tap.ts';

const format = readFileSync(join(packageRoot, 'server/core/log/FORMAT.md'), 'utf8');
const events = { ...LEDGER_EVENTS, ...ACCESS_EVENTS };

t.test('FORMAT.md has every type and every use of a key', async (t) => {
  for (const type of Object.keys(events)) t.ok(format.includes(`\`${type}\``), type);
  for (const use of PLATFORM_KEY_USES) t.ok(format.includes(`\`${use}\``), use);
});

t.test('FORMAT.md marks exactly the fields that are withheld', async (t) => {
  for (const [type, { withheld }] of Object.entries(events)) {
    const row = format.split('\n').find((line) => line.startsWith(`| \`${type}\` |`));
    if (row === undefined) {
      t.strictSame(withheld, [], type);
      continue;
    }
    const marked = [...row.matchAll(/([a-z]+)†/gu)].map((found) => found[1]);
    t.strictSame(marked, [...withheld], type);
  }
});

t.test('bodies as the core writes them are of their schema', async (t) => {
  t.ok(Check(LEDGER_EVENTS.RegisterBatch.body, batchBody(new Uint8Array(32))));
  const { note } = littleLog([{}, {}]);
  t.ok(Check(LEDGER_EVENTS.Head.body, headBody({ kind: 'opened', note, previousSize: 0, consistency: [] })));
  const hash = new Uint8Array(32).fill(1);
  t.ok(Check(LEDGER_EVENTS.Head.body, headBody({ kind: 'closed', note, previousSize: 1, consistency: [hash] })));
});

t.test('a member more, a member less or of another shape is not of the schema', async (t) => {
  const key = { use: 'ledger', algorithm: 'Ed25519', publicKey: `${'A'.repeat(43)}=` };
  const good = { formatVersion: 1, platform: 'p', keys: [key], batchDepth: 12, batchPeriodMs: 10_000 };
  const is = (body: unknown): boolean => Check(LEDGER_EVENTS.LedgerOpened.body, body);
  t.ok(is(good));
  t.notOk(is({ ...good, more: 1 }));
  t.notOk(is({ ...good, batchDepth: 13 }));
  t.notOk(is({ ...good, keys: [{ ...key, use: 'other' }] }));
  t.notOk(is({ ...good, keys: [{ ...key, publicKey: 'short' }] }));
  const { platform: _platform, ...less } = good;
  t.notOk(is(less));
});

t.test('an origin says which kind of log it names, on its own platform only', async (t) => {
  const platform = 'kaibiao.example';
  t.equal(kindOfOrigin(platform, openingOrigin(platform, 'a')), 'opening');
  t.equal(kindOfOrigin(platform, ledgerOrigin(platform)), 'ledger');
  t.equal(kindOfOrigin(platform, accessOrigin(platform)), 'access');
  for (const other of [
    '',
    platform,
    `${platform}/`,
    `${platform}/opening`,
    `${platform}/opening/`,
    `${platform}/ledger/`,
  ])
    t.equal(kindOfOrigin(platform, other), undefined, other);
  t.equal(kindOfOrigin(platform, openingOrigin('other.example', 'a')), undefined);
  t.equal(kindOfOrigin('kaibiao', openingOrigin(platform, 'a')), undefined);
});
