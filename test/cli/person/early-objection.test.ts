/** Someone who lodged no bid and objected early, on the real server: reads its own objection and the answer, by page and by socket, and disputes it. */
import { act } from '../../../server/cli/person/act.ts';
import { lodge } from '../../../server/cli/person/lodge.ts';
import { catchUp } from '../../../server/cli/person/read-opening.ts';
import { waitFor } from '../../../server/cli/person/wait-for.ts';
import t from '../../support/tap.ts';
import { command, MINUTE, OPENING, seal, startPlatform } from './platform.ts';

const platform = await startPlatform(t);
const { officials } = platform;
const { host } = officials;
await platform.publish(OPENING, 12 * MINUTE);
const bidder = await platform.bidder(0);
const objector = await platform.bidder(1);
const stranger = await platform.bidder(2);
await lodge(bidder, OPENING, { envelope: await seal(platform, bidder, '1000000.00') });
const text = '招标文件要求的直播 <没有> 开始';

t.test('a receipt at once, and not a word on the log', async (t) => {
  const { answer, entries } = await act(objector, OPENING, {
    type: 'RaiseEarlyObjection',
    role: 'bidder',
    data: { text },
  });
  t.same(entries, []);
  t.match(answer.receipt, /^[\w-]+\.[\w-]+\.[\w-]+$/);
  t.same((await catchUp(host, OPENING, 'host')).objections, []);
});

t.test('with the roster its objector reads it, though it looks on like the public', async (t) => {
  await platform.passUntil(OPENING, 'Sealed');
  const heard = waitFor(objector, OPENING, 'bidder', (state) => state.objections[0]?.text.known === true);
  await command(host, 'host', 'PublishRoster');
  t.match((await heard).objections, [{ bidder: null, text: { known: true, value: text } }], 'by socket');
  t.match((await catchUp(bidder, OPENING, 'bidder')).objections, [{ text: { known: true, value: text } }]);
  t.match((await catchUp(stranger, OPENING, 'public')).objections, [{ text: { known: false } }]);
});

t.test('it reads the answer, and may dispute it; nobody else may', async (t) => {
  const heard = waitFor(objector, OPENING, 'bidder', (state) => state.objections[0]?.answer.known === true);
  await command(host, 'host', 'AnswerObjection', { objection: 1, text: '已开始' });
  t.match((await heard).objections, [{ answer: { known: true, value: '已开始' } }], 'by socket');
  t.match((await catchUp(objector, OPENING, 'bidder')).objections, [{ answer: { value: '已开始' } }], 'by page');
  const dispute = { type: 'DisputeAnswer', role: 'bidder', data: { objection: 1, reason: '仍无声音' } } as const;
  await t.rejects(act(bidder, OPENING, dispute), { code: 'not_your_objection' });
  await t.rejects(act(stranger, OPENING, dispute), { code: 'role_not_held' });
  const { entries } = await act(objector, OPENING, dispute);
  t.match(entries, [{ type: 'AnswerDisputed', body: { objection: 1, bidder: null } }], 'proven on the log');
  t.equal((await catchUp(host, OPENING, 'host')).objections[0]?.status, 'disputed');
});
