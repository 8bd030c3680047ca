/** The alarms of a folder: bounded, told once, acknowledged by people, and told again when what had passed comes back. */
import { appendFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { addAcknowledgement, readAcknowledgements } from '../../../server/cli/monitor/acknowledgements.ts';
import { ALARMS_OF_A_KIND, openAlarms, readAlarms } from '../../../server/cli/monitor/alarm-book.ts';
import { alarm, type RaisedAlarm } from '../../../server/cli/monitor/alarms.ts';
import { openKeptOpenings } from '../../../server/cli/monitor/kept-openings.ts';
import { openPatience } from '../../../server/cli/monitor/patience.ts';
import { openWaiting } from '../../../server/cli/monitor/waiting-heads.ts';
import { formatInstant } from '../../../server/core/log/instant.ts';
import { newFolder } from '../../support/folder.ts';
import t from '../../support/tap.ts';

const START_AT = Date.UTC(2026, 2, 5);
const at = (minutes: number): string => formatInstant(START_AT + minutes * 60_000);
/** A folder as a monitor has made it. */
async function keptFolder(t: Parameters<typeof newFolder>[0], name: string): Promise<string> {
  const folder = await newFolder(t, name);
  await mkdir(folder);
  return folder;
}
const open = (folder: string) => openAlarms(folder, () => START_AT);
const acknowledge = (folder: string, raised: RaisedAlarm | null, minutes = 1) =>
  addAcknowledgement(folder, { id: raised?.id ?? '', at: at(minutes), by: 'one', because: 'looked at' });
const forked = (n: number, origin = 'a') => alarm('opening_forked', origin, `at ${n} entries`);

t.test(
  'whoever is watched does not fill the disk with alarms: of a kind about one log so many may stand',
  async (t) => {
    const folder = await keptFolder(t, 'many');
    const alarms = await open(folder);
    const raised: (RaisedAlarm | null)[] = [];
    for (let n = 0; n <= ALARMS_OF_A_KIND; n++) raised.push(await alarms.raise(forked(n)));
    t.equal(alarms.count(), ALARMS_OF_A_KIND);
    t.equal(raised[ALARMS_OF_A_KIND], null);
    t.not(await alarms.raise(forked(0, 'b')), null, 'of another log');
    t.equal(await (await open(folder)).raise(alarm('opening_forked', 'a', 'more')), null);
    const [one, two] = await Promise.all([alarms.raise(forked(1, 'c')), alarms.raise(forked(1, 'c'))]);
    t.strictSame([one === null, two === null], [false, true], 'at one moment, too');
    await acknowledge(folder, raised[0] ?? null);
    t.not(
      await alarms.raise(forked(ALARMS_OF_A_KIND)),
      null,
      'one was dealt with: there is room for what was left out',
    );
    t.equal(await alarms.raise(forked(ALARMS_OF_A_KIND + 1)), null);
  },
);

t.test('an alarm stands until it is acknowledged, here and by whoever opens the folder later', async (t) => {
  const folder = await keptFolder(t, 'stands');
  const alarms = await open(folder);
  const [one, two] = [await alarms.raise(forked(1)), await alarms.raise(forked(2))];
  const notice = await alarms.raise(alarm('key_announced', 'a', 'x'));
  t.equal(notice?.level, 'notice');
  t.strictSame([alarms.count(), await alarms.standing()], [3, 2]);
  await acknowledge(folder, one);
  t.equal(await alarms.standing(), 1, 'while it is open');
  t.equal(await (await open(folder)).standing(), 1);
  t.equal(await alarms.raise(forked(1)), null, 'what was acknowledged and lasts is not told again');
  await acknowledge(folder, two);
  t.equal(await alarms.standing(), 0);
  t.equal((await readAlarms(folder)).length, 3, 'nothing is forgotten');
});

t.test('what may pass is told again when it was acknowledged, passed, and is there anew', async (t) => {
  const folder = await keptFolder(t, 'back');
  const alarms = await open(folder);
  const shrank = (minutes: number) => ({ ...alarm('ledger_shrank', 'a'), since: at(minutes) });
  const first = await alarms.raise(shrank(0));
  t.match(first, { since: at(0) });
  t.equal(await alarms.raise(shrank(5)), null, 'nobody has looked at the first yet');
  await acknowledge(folder, first, 10);
  t.equal(await alarms.raise(shrank(0)), null, 'it lasts');
  t.equal(await alarms.raise(shrank(10)), null, 'it was there when it was acknowledged');
  const again = await alarms.raise(shrank(11));
  t.match(again, { since: at(11) });
  t.not(again?.id, first?.id);
  t.equal(await alarms.standing(), 1);
  const reopened = await open(folder);
  t.equal(await reopened.raise(shrank(11)), null, 'told once, across a stop as well');
  await acknowledge(folder, again, 20);
  t.strictSame([await reopened.standing(), await reopened.raise(shrank(11))], [0, null]);
});

t.test('of one alarm the first word stands, and a line that cannot be read acknowledges nothing', async (t) => {
  const folder = await keptFolder(t, 'words');
  const raised = await (await open(folder)).raise(forked(1));
  const id = raised?.id ?? '';
  const file = join(folder, 'acknowledged.jsonl');
  await writeFile(file, `{"id":"${id}"}\nnull\n{"id":"${id}","at":"${at(1)}","by":"x","because":"`);
  t.equal((await readAcknowledgements(folder)).size, 0);
  t.equal(await (await open(folder)).standing(), 1);
  await acknowledge(folder, raised, 2);
  t.match((await readAcknowledgements(folder)).get(id), { at: at(2), by: 'one' }, 'behind a line that was cut off');
  await acknowledge(folder, raised, 3);
  t.match((await readAcknowledgements(folder)).get(id), { at: at(2) });
});

t.test('a folder from before alarms had an id goes on: each has the one that it would have got', async (t) => {
  const folder = await keptFolder(t, 'old');
  const raised = await (await open(folder)).raise(forked(1));
  const file = join(folder, 'alarms.jsonl');
  const { id, level: _level, ...before } = JSON.parse(await readFile(file, 'utf8'));
  await writeFile(file, `${JSON.stringify(before)}\n`);
  t.strictSame(
    (await readAlarms(folder)).map((alarm) => alarm.id),
    [id],
  );
  t.equal(id, raised?.id);
  await appendFile(file, '{"half');
  t.equal((await readAlarms(folder)).length, 1);
  t.equal(await readFile(file, 'utf8').then((text) => text.endsWith('{"half')), true, 'reading mends nothing');
});

t.test('a full disk loses no alarm, and leaves no line that a monitor cannot start with', async (t) => {
  const folder = await keptFolder(t, 'disk');
  let left: number | null = null;
  const alarms = await openAlarms(
    folder,
    () => START_AT,
    async (file, text) => {
      await appendFile(file, left === null ? text : text.slice(0, left));
      if (left !== null) throw Object.assign(new Error('no space left'), { code: 'ENOSPC' });
    },
  );
  await alarms.raise(forked(1));
  for (const bytes of [0, 20]) {
    left = bytes;
    await t.rejects(alarms.raise(forked(2)), { code: 'ENOSPC' });
    t.equal(alarms.count(), 1, 'it was not kept');
  }
  left = null;
  t.match(await alarms.raise(forked(2)), { detail: 'at 2 entries' }, 'and is told once there is room');
  t.equal(await alarms.raise(forked(2)), null);
  t.strictSame(
    (await readAlarms(folder)).map(({ detail }) => detail),
    ['at 1 entries', 'at 2 entries'],
  );
  await appendFile(join(folder, 'alarms.jsonl'), '{"half\n');
  await t.rejects(open(folder), { code: 'kept_damaged' }, 'by its name');
});

t.test('a file of the folder that cannot be read is called damaged', async (t) => {
  const folder = await keptFolder(t, 'damaged');
  for (const [name, opening] of [
    ['patience.json', () => openPatience(folder, () => START_AT)],
    ['openings.json', () => openKeptOpenings(folder)],
    ['reported.json', () => openWaiting(folder)],
  ] as const)
    for (const text of ['{', '3']) {
      await writeFile(join(folder, name), text);
      await t.rejects(async () => void (await opening()), { code: 'kept_damaged' }, `${name}: ${text}`);
    }
});
