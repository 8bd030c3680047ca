/** The mailbox of a page and a phone over HTTP: one phone for each, a minute for each message, every limit at its edge, and nothing for strangers. */
import {
  PHONE_FRAME_LIMIT_BYTES,
  PHONE_HELLO_CHARACTERS,
  PHONE_IDLE_MS,
  PHONE_LONGEST_MS,
  PHONE_MAILBOXES_LIMIT,
  PHONE_MESSAGE_MS,
  PHONE_MESSAGES_LIMIT,
  PHONE_PAIRING_MS,
  PHONE_SEALED_LIMIT_CHARACTERS,
  PHONE_WAITING_LIMIT,
} from '../../server/client/phone-limits.ts';
import { forgetMailboxes } from '../../server/identity/phone-mailboxes.ts';
import { phoneMailboxes, phoneMessages } from '../../server/store/schema/identity.ts';
import t from '../support/tap.ts';
import { ORIGIN, problemIn, setBench } from './bench.ts';

const bench = await setBench(t);
const { stage } = bench;
const { world, db } = stage;
const HELLO = 'h'.repeat(PHONE_HELLO_CHARACTERS);
const DESKTOP = 'd'.repeat(43);
const PHONE = 'p'.repeat(43);
const THIRD = 't'.repeat(43);
const SEALED = 's'.repeat(24);

let made = 0;
const newId = (): string => String(made++).padStart(22, 'm');
const post = (path: string, payload: object, headers: Record<string, string> = { origin: ORIGIN }) =>
  bench.ask(null, { method: 'POST', url: `/phone/mailboxes${path}`, payload, headers });
const open = (id: string, token = DESKTOP, offer = HELLO) => post('', { id, token, offer });
const claim = (id: string, token = PHONE) => post(`/${id}/claim`, { token, reply: HELLO });
const leave = (id: string, token: string, seq: number, sealed = SEALED) =>
  post(`/${id}/messages`, { token, seq, sealed });
const take = async (id: string, token: string, from: number) => (await post(`/${id}/take`, { token, from })).json();

async function paired(): Promise<string> {
  const id = newId();
  t.equal((await open(id)).statusCode, 200);
  t.equal((await claim(id)).statusCode, 200);
  return id;
}

t.test('a page and its phone find each other, and leave each other messages once', async (t) => {
  const id = newId();
  t.match((await open(id)).json(), { expiresAt: world.now() + PHONE_PAIRING_MS, now: world.now() });
  t.equal((await open(id)).statusCode, 200, 'an answer that was lost is given again');
  t.strictSame((await take(id, DESKTOP, 0)).messages, []);
  t.equal((await claim(id)).json().offer, HELLO);
  t.equal((await claim(id)).json().offer, HELLO, 'the first may ask again');
  t.match(await take(id, DESKTOP, 0), { messages: [{ seq: 0, sealed: HELLO }], others: 0, isOver: false });
  t.equal((await leave(id, DESKTOP, 0)).statusCode, 200);
  t.equal((await leave(id, DESKTOP, 0)).statusCode, 200, 'the same again is one message');
  t.equal(problemIn(await leave(id, DESKTOP, 0, `${SEALED}x`)), '409 phone_message_out_of_step');
  t.equal(problemIn(await leave(id, DESKTOP, 2)), '409 phone_message_out_of_step');
  t.strictSame((await take(id, PHONE, 0)).messages, [{ seq: 0, sealed: SEALED }], 'the other side’s alone');
  t.strictSame((await take(id, PHONE, 1)).messages, []);
  t.strictSame((await take(id, PHONE, 0)).messages, [], 'what was taken is gone');
});

t.test('of two phones one has it, the other is refused, and both sides are told', async (t) => {
  const id = newId();
  await open(id);
  const answers = await Promise.all([PHONE, THIRD].map((token) => claim(id, token)));
  t.strictSame(answers.map(({ statusCode }) => statusCode).sort(), [200, 409]);
  const [refused] = answers.filter(({ statusCode }) => statusCode === 409);
  t.equal(refused && problemIn(refused), '409 phone_taken');
  const winner = answers[0]?.statusCode === 200 ? PHONE : THIRD;
  for (const token of [DESKTOP, winner]) t.equal((await take(id, token, 0)).others, 1);
});

t.test('a stranger finds nothing: not by another token, not under another number, not from another page', async (t) => {
  const id = await paired();
  for (const path of ['take', 'messages', 'end']) {
    const body = { take: { from: 0 }, messages: { seq: 0, sealed: SEALED }, end: {} }[path];
    t.equal(problemIn(await post(`/${id}/${path}`, { token: THIRD, ...body })), '404 no_such_phone_mailbox', path);
    t.equal(problemIn(await post(`/${newId()}/${path}`, { token: DESKTOP, ...body })), '404 no_such_phone_mailbox');
  }
  t.equal(problemIn(await claim(newId())), '404 no_such_phone_mailbox');
  t.equal(problemIn(await open(id, THIRD)), '409 phone_mailbox_exists');
  t.equal(problemIn(await open(id, DESKTOP, HELLO.replace('h', 'i'))), '409 phone_mailbox_exists');
  for (const headers of [{ origin: 'https://evil.example' }, { origin: 'null' }, {}] as Record<string, string>[])
    t.equal(
      problemIn(await post('', { id: newId(), token: DESKTOP, offer: HELLO }, headers)),
      '403 origin_not_allowed',
    );
});

t.test('a code that was not scanned within its minute is over; so is a pairing that somebody ended', async (t) => {
  const [early, late] = [newId(), newId()];
  await open(early);
  world.advance(1);
  await open(late);
  world.advance(PHONE_PAIRING_MS - 1);
  t.equal(problemIn(await claim(early)), '410 phone_mailbox_over');
  t.equal((await take(early, DESKTOP, 0)).isOver, true);
  t.equal((await claim(late)).statusCode, 200, 'one millisecond before its end');
  t.equal((await leave(late, PHONE, 1)).statusCode, 200);
  t.equal((await post(`/${late}/end`, { token: PHONE })).statusCode, 200);
  t.match(await take(late, DESKTOP, 0), { isOver: true, messages: [{ seq: 0 }, { seq: 1 }] }, 'what was said is heard');
  t.equal(problemIn(await leave(late, DESKTOP, 0)), '410 phone_mailbox_over');
});

t.test(
  'a message waits a minute; a pairing lives half an hour behind the phone’s last look, and no longer than half a day',
  async (t) => {
    const id = await paired();
    await leave(id, DESKTOP, 0);
    world.advance(PHONE_MESSAGE_MS - 1);
    t.equal((await take(id, PHONE, 0)).messages.length, 1);
    world.advance(1);
    t.equal((await take(id, PHONE, 0)).messages.length, 0);
    world.advance(PHONE_IDLE_MS - 1);
    t.equal((await take(id, DESKTOP, 0)).isOver, false, 'the page’s own looks do not count');
    world.advance(1);
    t.equal((await take(id, PHONE, 0)).isOver, true);
    const other = await paired();
    const opened = world.now();
    while (world.now() < opened + PHONE_LONGEST_MS - 1) {
      world.advance(Math.min(PHONE_IDLE_MS - 60_000, opened + PHONE_LONGEST_MS - 1 - world.now()));
      if ((await take(other, PHONE, 0)).isOver) t.fail('while the phone is there');
    }
    world.advance(1);
    t.equal((await take(other, PHONE, 0)).isOver, true);
  },
);

t.test('each limit at its edge: size, how many wait, how many in all', async (t) => {
  t.equal(PHONE_SEALED_LIMIT_CHARACTERS, Math.ceil(((PHONE_FRAME_LIMIT_BYTES + 16) * 4) / 3));
  const id = await paired();
  const whole = 'a'.repeat(PHONE_SEALED_LIMIT_CHARACTERS);
  t.equal((await leave(id, DESKTOP, 0, whole)).statusCode, 200);
  t.equal(problemIn(await leave(id, DESKTOP, 1, `${whole}a`)), '400 request_malformed');
  t.equal(problemIn(await leave(id, DESKTOP, 1, 'a'.repeat(whole.length + 1_024))), '413 body_too_large');
  t.equal(problemIn(await leave(id, DESKTOP, 1, 'a'.repeat(23))), '400 request_malformed');
  for (const hello of [HELLO.slice(1), `${HELLO}h`])
    t.equal(problemIn(await open(newId(), DESKTOP, hello)), '400 request_malformed');
  for (let seq = 1; seq < PHONE_WAITING_LIMIT; seq++) t.equal((await leave(id, DESKTOP, seq)).statusCode, 200);
  t.equal(problemIn(await leave(id, DESKTOP, PHONE_WAITING_LIMIT)), '409 phone_messages_waiting');
  await take(id, PHONE, 1);
  t.equal((await leave(id, DESKTOP, PHONE_WAITING_LIMIT)).statusCode, 200, 'one was taken');
  await db.update(phoneMailboxes).set({ desktopSent: PHONE_MESSAGES_LIMIT - 1 });
  await db.delete(phoneMessages);
  t.equal((await leave(id, DESKTOP, PHONE_MESSAGES_LIMIT - 1)).statusCode, 200);
  t.equal(problemIn(await leave(id, DESKTOP, PHONE_MESSAGES_LIMIT)), '409 phone_message_out_of_step');
});

t.test('a platform keeps so many pairings and no more; what is over is forgotten after a minute', async (t) => {
  world.advance(PHONE_LONGEST_MS);
  const [kept] = [await paired()];
  const row = { offer: HELLO, desktopTokenSha256: 'x', createdAt: world.now(), expiresAt: world.now() + 1 };
  const living = PHONE_MAILBOXES_LIMIT - 2;
  for (let from = 0; from < living; from += 5_000)
    await db
      .insert(phoneMailboxes)
      .values(Array.from({ length: Math.min(5_000, living - from) }, (_, n) => ({ id: `full ${from + n}`, ...row })));
  t.equal((await open(newId())).statusCode, 200, 'the last one');
  const refused = await open(newId());
  t.equal(problemIn(refused), '503 phone_mailboxes_full');
  t.ok(refused.headers['retry-after']);
  world.advance(60_001);
  await forgetMailboxes(stage);
  t.equal(
    (await db.select({ id: phoneMailboxes.id }).from(phoneMailboxes)).length,
    living + 2,
    'still told for a minute',
  );
  world.advance(1);
  t.equal(await forgetMailboxes(stage), living);
  world.advance(60_000);
  await forgetMailboxes(stage);
  t.strictSame(
    (await db.select({ id: phoneMailboxes.id }).from(phoneMailboxes)).map(({ id }) => id),
    [kept],
  );
  t.strictSame(await db.select().from(phoneMessages), [], 'its message was not fetched');
});

t.test('nothing of it stands on a log, and of what went wrong only its code in the diagnostics', async (t) => {
  const said = bench.diagnostics.join('\n');
  t.match(said, /phone_mailboxes_full/);
  for (const secret of [DESKTOP, PHONE, THIRD, HELLO, SEALED, newId().slice(0, 18)]) t.notMatch(said, secret);
  const entries = await stage.database.sql<{ bytes: Uint8Array }[]>`SELECT bytes FROM entries`;
  t.ok(entries.length > 0, 'the platform keeps its own logs meanwhile');
  t.notMatch(entries.map(({ bytes }) => Buffer.from(bytes).toString()).join('\n'), /phone/i);
});
