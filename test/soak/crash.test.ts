/** A drawn part of the crash matrix: the platform killed at points of its order of effects, cut off, its clock set, put back; all of it with `npm run soak -- --crash`. */

import { RECOVERY } from '../../server/recorder/recovery.ts';
import t from '../support/tap.ts';
import { chanceOf } from './chance.ts';
import { clockJumps, cutOff, killedAt, restoredBackup, someSteps } from './crash-matrix.ts';
import { FAULT_POINTS } from './fault-points.ts';
import { makeTown } from './people.ts';
import { START_AT } from './simulate.ts';

const SEED = 'npm test';
/** Each death costs the start of a process. */
const SHARE = 0.15;
/** Of the scripted opening when nothing befalls it. */
const PEACEFUL_ENTRIES = 40;

t.setTimeout(230_000);
const town = await makeTown(START_AT);
const point = chanceOf(SEED).pick(FAULT_POINTS);

t.test(`killed at ${point}, at some steps: nothing acknowledged is lost, nothing stands twice`, async (t) => {
  const row = await killedAt(point, { t, town, isStruck: someSteps(SEED, SHARE) });
  t.comment(JSON.stringify(row));
  t.ok(row.deaths > 0, 'it died');
});

t.test('killed with a command in the intake that waits for the vault: it is prepared anew, not refused', async (t) => {
  const waitsForVault = ['AnnouncePrices', 'HandOver'];
  const row = await killedAt('intake_committed', { t, town, isStruck: (step) => waitsForVault.includes(step) });
  t.equal(row.deaths, 2);
});

t.test('the answer to a COMMIT lost, at every step', async (t) => {
  const row = await cutOff('commit_answer_lost', { t, town });
  t.comment(JSON.stringify(row));
  t.ok(row.cuts > 0, 'it was lost indeed');
  t.equal(row.deaths, 0, 'and the platform lived on');
});

t.test(
  'the clock an hour on in mid-window: the hour passed over is an outage, and the window keeps its remainder',
  async (t) => {
    const row = await clockJumps('on', { t, town, isStruck: (step) => step === 'DecryptBid' });
    t.match(row, { jumps: 1, deaths: 0 });
  },
);

t.test('the clock an hour back in mid-window, and on again: the window ends when it was to end', async (t) => {
  const midWindow = ['DecryptBid', 'CloseWindow'];
  for (const how of ['back_and_on', 'back_and_on_while_down'] as const) {
    const row = await clockJumps(how, { t, town, isStruck: (step) => midWindow.includes(step) });
    // Nothing was suspended: as many entries as without any blow.
    t.match(row, { jumps: 2, deaths: 0, entries: PEACEFUL_ENTRIES }, how);
  }
});

t.test('a database put back to twenty entries ago: the server does not sign, and says how to come back', async (t) => {
  const { printed, ready, signed } = await restoredBackup({ t, town });
  t.match(printed, /The log can only be read · 日志只读: database_is_behind: .* at [0-9]+, but [0-9]+ was let out/);
  for (const words of Object.values(RECOVERY.database_is_behind)) t.ok(printed.includes(`  ${words}`), words);
  t.match(JSON.parse(ready), { status: 'read_only' });
  t.equal(signed, 0);
});
