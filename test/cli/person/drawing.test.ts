/** A drawing from the terminal on the real server: shares promised, shown and kept back, and the log that anyone verifies. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { demoCreditCode, writePair } from '../../../server/cli/demo/ca.ts';
import { EXIT } from '../../../server/cli/exit.ts';
import { exportLog } from '../../../server/cli/export-log.ts';
import { commitShare, showShare } from '../../../server/cli/person/drawing.ts';
import { lodge } from '../../../server/cli/person/lodge.ts';
import type { Person } from '../../../server/cli/person/person.ts';
import { catchUp } from '../../../server/cli/person/read-opening.ts';
import { openingOrigin } from '../../../server/core/log/origin.ts';
import type { Policy } from '../../../server/core/opening/policy.ts';
import t from '../../support/tap.ts';
import { terminal } from '../../support/terminal.ts';
import { command, MINUTE, OPENING, seal, startPlatform } from './platform.ts';

const DRAW: Policy['draw'] = {
  when: 'before_decryption',
  coefficients: ['0.95', '0.96', '0.97'],
  commitMs: 3 * MINUTE,
  revealMs: 2 * MINUTE,
};

const platform = await startPlatform(t);
const { officials, ca, url, world } = platform;
const { host } = officials;
await platform.publish(OPENING, 15 * MINUTE, { draw: DRAW });
const people = await Promise.all([0, 1].map((index) => platform.bidder(index)));
const [first, second] = people as [Person, Person];
for (const [index, person] of people.entries())
  await lodge(person, OPENING, { envelope: await seal(platform, person, `${index + 1}000000.00`) });

const run = terminal(world);

t.test('nothing is promised before the drawing', async (t) => {
  await platform.passUntil(OPENING, 'Sealed');
  await command(host, 'host', 'PublishRoster');
  await t.rejects(commitShare(first, OPENING, 'bidder'), { code: 'no_drawing' });
  await t.rejects(command(host, 'host', 'OpenWindow'), { code: 'draw_not_done' });
  await command(host, 'host', 'StartDrawing');
  await t.rejects(showShare(first, OPENING, 'bidder'), { code: 'no_kept_share' });
});

t.test('bidders and witness promise; one that is kept is sent again as it is', async (t) => {
  const [mine] = [await commitShare(first, OPENING, 'bidder')];
  t.match(mine, { type: 'ShareCommitted', body: { round: 1 } });
  await t.rejects(commitShare(first, OPENING, 'bidder'), { code: 'share_already_committed' });
  await commitShare(second, OPENING, 'bidder');
  // the witness from the terminal, with keys in a folder
  const keys = join(platform.folder, 'witness');
  await mkdir(keys);
  const holder = { creditCode: demoCreditCode(0), organisation: '交易中心', name: '见证', personId: 'C2' };
  await writePair(keys, await ca.issuePair(holder));
  const asWitness = ['--role', 'witness', '--url', url, '--keys', keys];
  t.match(await run('draw', OPENING, ...asWitness), { code: EXIT.done, out: /ShareCommitted: proven/ });
  await platform.pass(3 * MINUTE);
  t.match(await run('draw', OPENING, '--show', ...asWitness), { code: EXIT.done, out: /ShareRevealed: proven/ });
  t.equal((await run('draw', OPENING, '--role', 'host', '--url', url, '--keys', keys)).code, EXIT.usage);
});

t.test('who shows nothing keeps nothing back; the log is valid to anyone', async (t) => {
  t.match(await showShare(first, OPENING, 'bidder'), { type: 'ShareRevealed' });
  await platform.passUntil(OPENING, 'RosterPublished');
  const { drawing } = await catchUp(second, OPENING);
  t.match(drawing, { stage: 'drawn', coefficient: /^0\.9[567]$/, shares: [{}, {}, { bidder: null }] });
  const { size } = await catchUp(host, OPENING);
  t.ok(size > 10);
  const origin = openingOrigin('kaibiao.test', OPENING);
  const vkey = (await (await fetch(`${url}/logs/opening/${OPENING}/vkey`)).text()).trimEnd();
  const folder = join(platform.folder, 'export');
  await exportLog(platform.db.sql, { origin, vkey, folder, ledger: null });
  await writeFile(join(folder, 'vkey'), `${vkey}\n`);
  const verified = await run('verify', folder);
  t.match(verified, { code: EXIT.done, out: /valid/ });
  await command(host, 'host', 'OpenWindow');
});
