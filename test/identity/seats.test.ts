/** One active seat: of two pages with one certificate the second is told, may take over, and the first is logged out and told why. */
import { findSession } from '../../server/identity/login.ts';
import { forgetSeats, noteSeat, takeSeat, whyNoSeat } from '../../server/identity/seats.ts';
import { seats } from '../../server/store/schema/identity.ts';
import t from '../support/tap.ts';
import { accepted, logIn, logInBy, OPENING, organisation, type Person, refusalOf, setStage } from './stage.ts';

const stage = await setStage(t);
const isBidder = async () => true;
const holder = organisation(1);
const take = (person: Person, takeOver = false, openingId = OPENING) =>
  takeSeat(stage, { caller: person.caller, openingId, takeOver });
const lookUp = ({ caller: { account, sessionId } }: Person, role: 'bidder' | 'host' = 'bidder') =>
  whyNoSeat({ ...stage, isBidder }, { openingId: OPENING, account, sessionId, role });
const isLiving = async ({ caller: { sessionId } }: Person) =>
  refusalOf(await findSession(stage, { sessionId, at: stage.world.now() })) === 'ok';

/** Two pages of one person: two log-ins with one certificate. */
async function twoPages(): Promise<[Person, Person]> {
  const first = await logIn(stage, holder);
  return [first, await logInBy(stage, holder, first.signer)];
}

t.test(
  'the second page is told, and takes over only when it says so; the first is logged out and told why',
  async (t) => {
    const [first, second] = await twoPages();
    t.strictSame(accepted(await take(first)).ended, null);
    t.strictSame(accepted(await take(first)).ended, null, 'one’s own again');
    t.equal(refusalOf(await take(second)), 'seat_taken');
    t.equal(await lookUp(first), null, 'being asked changes nothing');
    t.equal(accepted(await take(second, true)).ended, first.caller.sessionId);
    t.notOk(await isLiving(first));
    t.ok(await isLiving(second));
    t.equal(await lookUp(first), 'seat_taken');
    t.equal(await lookUp(second), null);
    t.equal(refusalOf(await take(first, true)), 'session_ended', 'who was logged out takes nothing back');
    t.equal(await lookUp(second, 'host'), 'ticket_expired', 'a role that is not held');
  },
);

t.test('of two at the same moment one has it', async (t) => {
  const pages = await twoPages();
  const outcomes = await Promise.all(pages.map((page) => take(page, false, 'lot-2')));
  t.strictSame(outcomes.map(refusalOf).sort(), ['ok', 'seat_taken']);
});

t.test(
  'a seat that was left is free, and its session does not outlive its successor; back in time it is one’s own',
  async (t) => {
    const [first, second] = await twoPages();
    const place = { openingId: 'lot-3', sessionId: first.caller.sessionId };
    await take(first, false, 'lot-3');
    await noteSeat(stage, place, 'gone');
    await noteSeat(stage, place, 'there');
    t.equal(refusalOf(await take(second, false, 'lot-3')), 'seat_taken', 'a line that was cut and came back');
    await noteSeat(stage, place, 'gone');
    t.equal(accepted(await take(second, false, 'lot-3')).ended, first.caller.sessionId);
    t.notOk(await isLiving(first));
  },
);

t.test('other openings, and other certificates, are other seats', async (t) => {
  const [first, second] = await twoPages();
  accepted(await take(first, false, 'lot-4'));
  accepted(await take(second, false, 'lot-5'));
  const other = await logIn(stage, organisation(2));
  accepted(await take(other, false, 'lot-4'));
  t.ok((await isLiving(first)) && (await isLiving(second)));
});

t.test('a session that is over holds no seat; seats that none can hold are forgotten', async (t) => {
  const [first] = await twoPages();
  accepted(await take(first, false, 'lot-6'));
  stage.world.advance(stage.config.sessionLifetimeMs);
  const later = await logInBy(stage, holder, first.signer);
  t.equal(accepted(await take(later, false, 'lot-6')).ended, null);
  stage.world.advance(24 * 3_600_000);
  await forgetSeats(stage);
  t.equal((await stage.db.select().from(seats)).length, 1, 'the newest is at the edge');
  stage.world.advance(1);
  t.equal(await forgetSeats(stage), 1, 'the last one');
});
