/** A drawn part of the crash matrix: the platform killed at points of its order of effects, cut off, without disk, put back; all of it with `npm run soak -- --crash`. */

import t from '../support/tap.ts';
import { chanceOf } from './chance.ts';
import { cutOff, killedAt, restoredBackup, someSteps } from './crash-matrix.ts';
import { FAULT_POINTS } from './fault-points.ts';
import { makeTown } from './people.ts';
import { START_AT } from './simulate.ts';

const SEED = 'npm test';
/** Each death costs the start of a process. */
const SHARE = 0.15;

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

t.test('a database put back to twenty entries ago: the server does not sign', async (t) => {
  t.equal(await restoredBackup({ t, town }), 'database_is_behind');
});
