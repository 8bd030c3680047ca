/** A stored envelope that changed in the vault: found when the bids are sealed, told to the operator, on the log with the roster, and never the bidder's fault. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { damageLines } from '../../../server/cli/commands/status.ts';
import { decrypt } from '../../../server/cli/person/decrypt.ts';
import { lodge } from '../../../server/cli/person/lodge.ts';
import { readOpening } from '../../../server/cli/person/read-opening.ts';
import { evidenceOf, proposeVerdict } from '../../../server/core/opening/attribution.ts';
import { type Bid, bidOf, numberOf } from '../../../server/core/opening/state.ts';
import { until } from '../../support/recorder.ts';
import t from '../../support/tap.ts';
import { command, MINUTE, OPENING, seal, startPlatform } from './platform.ts';

const platform = await startPlatform(t);
await platform.publish(OPENING, 15 * MINUTE);
const [whole, rotten] = [await platform.bidder(0), await platform.bidder(1)];

t.test(
  'one byte of one envelope flips: the scrub names it and no other, the vault says whose fault it is',
  async (t) => {
    for (const [bidder, amount] of [
      [whole, '1000000.00'],
      [rotten, '1100000.00'],
    ] as const)
      await lodge(bidder, OPENING, { envelope: await seal(platform, bidder, amount) });
    const [row] = await platform.db.sql<{ id: string; file: string }[]>`
    SELECT id, file FROM envelopes WHERE account = ${rotten.account}`;
    const path = join(platform.folder, 'data/envelopes/finished', row?.file ?? '');
    const bytes = await readFile(path);
    bytes[bytes.length - 100] = (bytes.at(-100) ?? 0) ^ 1;
    await writeFile(path, bytes);

    await platform.passUntil(OPENING, 'Sealed');
    await until(async () => platform.diagnostics.length > 0);
    t.equal(platform.diagnostics.length, 1);
    t.match(JSON.parse(platform.diagnostics[0] ?? ''), {
      openingId: OPENING,
      bidId: row?.id,
      failure: 'stored_bytes_differ',
    });

    const { host } = platform.officials;
    await command(host, 'host', 'PublishRoster');
    // asked of the database: whoever asked over HTTP without a pause would soon be told to wait
    await until(async () => {
      const rows = await platform.db.sql`
        SELECT FROM entries WHERE convert_from(bytes, 'UTF8') LIKE '%"type":"EnvelopesScanned"%'`;
      return rows.length > 0;
    });
    const { state: scanned } = await readOpening(rotten, OPENING, 'bidder');
    const number = numberOf(scanned, rotten.creditCode);
    const damaged = [{ bidder: number, failure: 'stored_bytes_differ' }];
    t.same(scanned.scan, { damaged }, 'shown to its bidder, who is told that it is not its fault');
    t.match(damageLines(scanned, number), [/your own, is damaged in the platform’s storage/]);
    t.equal(proposeVerdict(evidenceOf(scanned, bidOf(scanned, number ?? 0) as Bid)), 'deemed_withdrawn');
    await command(host, 'host', 'OpenWindow');
    await decrypt(whole, OPENING);
    await decrypt(rotten, OPENING);
    await until(async () => {
      const { state } = await readOpening(host, OPENING, 'host');
      return state.bids.every(({ attempts }) => attempts.length === 1 && attempts[0]?.outcome !== 'undecided');
    });
    const { state } = await readOpening(host, OPENING, 'host');
    t.strictSame(state.bids.map(({ attempts }) => attempts[0]?.outcome).sort(), ['decrypted', 'stored_bytes_differ']);
    const bid = state.bids.find(({ attempts }) => attempts[0]?.outcome !== 'decrypted');
    if (bid === undefined) throw new Error('no bid failed');
    t.equal(
      proposeVerdict(evidenceOf(state, bid)),
      'deemed_withdrawn',
      'never deemed revoked: direct loss may be claimed',
    );
  },
);
