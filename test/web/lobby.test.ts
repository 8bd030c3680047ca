/** What the lobby derives before it draws anything: whose list it is, and which opening stands where. */
import { PHASES } from '../../server/core/opening/phases.ts';
import { grouped, type ListedOpening, nextOf, readOpenings } from '../../web/lobby/openings.ts';
import t from '../support/tap.ts';

const opening = (openingId: string, phase: ListedOpening['phase'], deadlineAt: number, title = openingId) => ({
  openingId,
  title,
  phase,
  deadlineAt,
  createdAt: 1,
});
const ids = (list: readonly ListedOpening[]) => list.map(({ openingId }) => openingId);

t.test('every phase has its place, and each opening one', async (t) => {
  const openings = PHASES.map((phase, n) => opening(`opening-${n}`, phase, n));
  const { running, coming, over } = grouped(openings, '');
  t.equal(running.length + coming.length + over.length, PHASES.length);
  t.ok(coming.some(({ phase }) => phase === 'Postponed'));
  t.ok(running.some(({ phase }) => phase === 'Decrypting'));
  t.ok(over.some(({ phase }) => phase === 'Failed'));
});

t.test('what comes next stands first, what was last over stands first, and a tie is none', async (t) => {
  const { coming, over } = grouped(
    [
      opening('bb', 'Scheduled', 20),
      opening('cc', 'Scheduled', 10),
      opening('aa', 'Scheduled', 20),
      opening('dd', 'Archived', 1),
      opening('ee', 'Aborted', 2),
    ],
    '',
  );
  t.strictSame(ids(coming), ['cc', 'aa', 'bb']);
  t.strictSame(ids(over), ['ee', 'dd']);
});

t.test('the next opening is the earliest whose time is to come, also while it is checked in for', async (t) => {
  const openings = [
    opening('aa', 'CheckIn', 10),
    opening('bb', 'Scheduled', 20),
    opening('cc', 'Postponed', 15),
    opening('dd', 'Scheduled', 5),
  ];
  t.equal(nextOf(openings, 7)?.openingId, 'aa');
  t.equal(nextOf(openings, 10)?.openingId, 'bb', 'its time has come');
  t.equal(nextOf(openings, 20), undefined);
});

t.test('a search finds all its words in title and number, in any order and case', async (t) => {
  const openings = [
    opening('lot-7', 'Scheduled', 1, '国道312线 G312 改造'),
    opening('lot-8', 'Scheduled', 2, '河西走廊 g312'),
  ];
  t.strictSame(ids(grouped(openings, 'g312').coming), ['lot-7', 'lot-8']);
  t.strictSame(ids(grouped(openings, '改造  LOT-7').coming), ['lot-7']);
  t.strictSame(ids(grouped(openings, '改造 lot-8').coming), []);
});

t.test('an answer that is none of ours is not shown', async (t) => {
  const list = { openings: [opening('lot-7', 'Scheduled', 1)], now: 5 };
  t.strictSame(readOpenings(list), list);
  for (const wrong of [
    null,
    [],
    { openings: [] },
    { now: 1 },
    { openings: [{ ...opening('lot-7', 'Scheduled', 1), openingId: 'javascript:alert(1)' }], now: 1 },
    { openings: [{ ...opening('lot-7', 'Scheduled', 1), phase: 'Elsewhere' }], now: 1 },
  ])
    t.equal(readOpenings(wrong), null, JSON.stringify(wrong));
});
