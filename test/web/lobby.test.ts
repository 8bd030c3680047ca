/** What the lobby derives before it draws anything: whose list it is, and which opening stands where. */
import { COMMANDS, type CommandType } from '../../server/core/opening/commands.ts';
import { PHASES, phaseCell } from '../../server/core/opening/phases.ts';
import { isRegisterCommand, registerPhaseRefusal } from '../../server/core/opening/register.ts';
import { dutyOf, LOBBY_ROLES } from '../../web/lobby/duties.ts';
import {
  askAllPages,
  grouped,
  type ListedOpening,
  nextOf,
  PAGE_LIMIT,
  PAGES_LIMIT,
  readLobby,
  readOpenings,
} from '../../web/lobby/openings.ts';
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

/** A server with so many openings, all created in one instant. */
function crowd(count: number) {
  const all = Array.from({ length: count }, (_, n) => opening(`opening-${n}`, 'Scheduled', 1));
  const asked: (string | null)[] = [];
  const askPage = async (before: string | null) => {
    asked.push(before);
    const from = before === null ? 0 : all.findIndex(({ openingId }) => openingId === before) + 1;
    return { openings: all.slice(from, from + PAGE_LIMIT), now: asked.length };
  };
  return { askPage, asked };
}

t.test(
  'all pages are asked for, each behind the last opening that is held, and none is lost or shown twice',
  async (t) => {
    const { askPage, asked } = crowd(2 * PAGE_LIMIT + 1);
    const list = await askAllPages(askPage);
    t.equal(new Set(ids(list?.openings ?? [])).size, 2 * PAGE_LIMIT + 1);
    t.match(list, { isCut: false, now: 3 });
    t.strictSame(asked, [null, `opening-${PAGE_LIMIT - 1}`, `opening-${2 * PAGE_LIMIT - 1}`]);
    t.strictSame(readLobby(list), list);
    t.equal(await askAllPages(async (before) => (before === null ? askPage(null) : null)), null, 'half a list is none');
  },
);

t.test('at PAGES_LIMIT nothing more is asked for, and what is left out is said', async (t) => {
  const asking = async (count: number) => {
    const { askPage, asked } = crowd(count);
    const list = await askAllPages(askPage);
    return { asked: asked.length, count: list?.openings.length, isCut: list?.isCut };
  };
  const full = PAGES_LIMIT * PAGE_LIMIT;
  t.strictSame(await asking(full - 1), { asked: PAGES_LIMIT, count: full - 1, isCut: false });
  // whether there is one more behind a full last page nobody has asked: said as if there were
  t.strictSame(await asking(full), { asked: PAGES_LIMIT, count: full, isCut: true });
  t.strictSame(await asking(full + 1), { asked: PAGES_LIMIT, count: full, isCut: true });
  t.strictSame(await asking(0), { asked: 1, count: 0, isCut: false });
});

t.test('what a role is told to do, the rules let it do in that phase', async (t) => {
  let told = 0;
  for (const phase of PHASES)
    for (const role of LOBBY_ROLES) {
      const duty = dutyOf(role, phase);
      if (duty === null) continue;
      told++;
      if (isRegisterCommand(duty)) {
        t.equal(registerPhaseRefusal(duty, phase), null, `${duty} in ${phase}`);
        continue;
      }
      const roles: readonly string[] = COMMANDS[duty as CommandType].roles;
      t.ok(roles.includes(role) && phaseCell(phase, duty as CommandType) === 'yes', `${duty} by ${role} in ${phase}`);
    }
  t.ok(told > 15);
  t.equal(dutyOf('public', 'Decrypting'), null);
});
