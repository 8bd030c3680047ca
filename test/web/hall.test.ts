/** Who is shown what while somebody logs in, turns to another role or leaves in the middle of loading: nobody’s view outlives them. */
import { signal } from '@preact/signals';
import type { PersonRole } from '../../server/core/opening/roles.ts';
import { openHall } from '../../web/opening/hall.ts';
import type { Viewing } from '../../web/opening/viewing.ts';
import type { Seat } from '../../web/person/seat.ts';
import t from '../support/tap.ts';

/** A page whose viewings load when they are told to. */
function stage() {
  const begun: {
    load(size: number): void;
    refuse(): void;
    tick(at: number): void;
    takeSeat(): void;
    closed: boolean;
    as: unknown;
    viewing: Viewing;
  }[] = [];
  const hall = openHall('lot-1', (_openingId, askTicket = null) => {
    const view = signal<unknown>({ state: null, standing: { kind: 'empty' }, entries: [] });
    const link = signal<unknown>({ kind: 'connecting' });
    const now = signal<number | null>(null);
    const one = {
      tick: (at: number) => {
        now.value = at;
      },
      takeSeat: () => {
        link.value = { kind: 'stopped', why: 'seat_taken' };
      },
      load: (size: number) => {
        view.value = { state: { size }, standing: { kind: 'verified' }, entries: [] };
      },
      refuse: () => {
        view.value = { state: null, standing: { kind: 'refused' }, entries: [] };
      },
      closed: false,
      as: askTicket,
      viewing: {
        view,
        fault: signal(null),
        link,
        now,
        close: () => {
          one.closed = true;
        },
      } as unknown as Viewing,
    };
    begun.push(one);
    return one.viewing;
  });
  /** Whose view is on the page. */
  const shown = () => begun.findIndex(({ viewing }) => viewing === hall.viewing.value);
  const open = () => begun.flatMap(({ closed }, n) => (closed ? [] : [n]));
  return { hall, begun, shown, open };
}

/** Somebody with a ticket of each role. */
function somebody(name: string, role: PersonRole = 'host'): Seat {
  const seat = {
    name,
    role,
    roles: ['host', 'witness'],
    askTicket: async () => `${name} ${role}`,
    inRole: (other: PersonRole) => somebody(name, other),
    leave: async () => undefined,
  };
  return seat as unknown as Seat;
}
const settled = () => new Promise((done) => setImmediate(done));

t.test('what the public sees stays until the person’s own view shows as much', async (t) => {
  const { hall, begun, shown, open } = stage();
  begun[0]?.load(10);
  hall.sit(somebody('a'));
  begun[1]?.load(9);
  t.strictSame([shown(), hall.seat.value], [0, null], 'nine entries are less than ten');
  begun[1]?.load(10);
  t.strictSame([shown(), hall.seat.value?.name], [1, 'a']);
  await settled();
  t.strictSame(open(), [1], 'the one before it is closed');
});

t.test('who turns to another role in the middle of loading is shown that one, and the first never', async (t) => {
  const { hall, begun, shown, open } = stage();
  begun[0]?.load(10);
  hall.sit(somebody('a'));
  hall.turnTo('witness');
  t.strictSame(open(), [0, 2], 'the first is given up');
  begun[1]?.load(50);
  t.equal(shown(), 0, 'and shows nothing when it comes after all');
  begun[2]?.load(10);
  t.strictSame([shown(), hall.seat.value?.role], [2, 'witness']);
  hall.turnTo('witness');
  t.equal(begun.length, 3, 'the same role again is no other');
  await settled();
  t.strictSame(open(), [2]);
});

t.test('who leaves in the middle of loading leaves nothing: the public again, whatever comes later', async (t) => {
  const { hall, begun, shown, open } = stage();
  begun[0]?.load(10);
  hall.sit(somebody('a'));
  await hall.leave();
  t.strictSame([shown(), hall.seat.value], [2, null]);
  begun[1]?.load(50);
  t.strictSame([shown(), hall.seat.value], [2, null]);
  t.strictSame(open(), [2]);
  hall.turnTo('witness');
  t.equal(begun.length, 3, 'nobody turns to nothing');
});

t.test('who leaves still signs by the server’s clock, whatever this computer’s says', async (t) => {
  const { hall, begun } = stage();
  const HOUR_MS = 3_600_000;
  begun[0]?.load(10);
  begun[0]?.tick(Date.now() - HOUR_MS);
  let leftAt = 0;
  hall.sit({
    ...somebody('a'),
    leave: async () => {
      leftAt = hall.now();
    },
  });
  await hall.leave();
  t.equal(hall.viewing.value.now.value, null, 'the view that is left knows no time yet');
  t.ok(Math.abs(Date.now() - HOUR_MS - leftAt) < HOUR_MS / 2);
});

t.test('somebody else who logs in before the first is shown takes their place', async (t) => {
  const { hall, begun, shown, open } = stage();
  begun[0]?.load(10);
  hall.sit(somebody('a'));
  hall.sit(somebody('b'));
  begun[1]?.load(10);
  begun[2]?.load(10);
  t.strictSame([shown(), hall.seat.value?.name], [2, 'b']);
  await settled();
  t.strictSame(open(), [2]);
});

t.test('a view that is over before it shows as much is shown all the same, with its reason', async (t) => {
  const { hall, begun, shown } = stage();
  begun[0]?.load(10);
  hall.sit(somebody('a'));
  begun[1]?.refuse();
  t.equal(shown(), 1);
});

t.test('whose seat another page takes is told, is nobody here any more, and may log in again', async (t) => {
  const { hall, begun, shown } = stage();
  begun[0]?.load(1);
  let left = 0;
  hall.sit({ ...somebody('a'), leave: async () => void left++ } as Seat);
  begun[1]?.load(1);
  await settled();
  t.equal(hall.seat.value?.name, 'a');
  begun[1]?.takeSeat();
  await settled();
  t.strictSame([hall.seat.value, hall.isSeatLost.value, left, shown()], [null, true, 1, 2]);
  t.equal(begun[2]?.as, null, 'as the public');
  begun[2]?.takeSeat();
  await settled();
  t.equal(left, 1, 'nobody has no seat to lose');
  hall.sit(somebody('a'));
  t.ok(hall.isSeatLost.value, 'said until they log in again');
});
