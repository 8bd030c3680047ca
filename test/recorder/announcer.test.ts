/** The announcer: each size heard once or overtaken by a later one, none forgotten, and told when it fails. */
import { createAnnouncer } from '../../server/recorder/announcer.ts';
import type { Sql } from '../../server/store/driver.ts';
import t from '../support/tap.ts';

/** A database that hears announcements, each when the test lets it. */
function hearing() {
  const heard: string[] = [];
  const held: { readonly pass: () => void; readonly fail: (error: Error) => void }[] = [];
  const sql = ((_strings: unknown, _channel: string, text: string) => {
    heard.push(text);
    return new Promise<void>((pass, fail) => held.push({ pass, fail }));
  }) as unknown as Sql;
  return { sql, heard, next: () => held.shift() };
}

t.test('sizes that come while one is announced go out as the largest of them', async (t) => {
  const { sql, heard, next } = hearing();
  const announcer = createAnnouncer(sql, 'log', () => t.fail('no fault'));
  for (const size of [3, 5, 9, 7]) announcer.announce(size);
  t.strictSame(heard, ['3 log']);
  next()?.pass();
  while (heard.length < 2) await null;
  t.strictSame(heard, ['3 log', '9 log']);
  const idle = announcer.idle();
  next()?.pass();
  await idle;
  announcer.announce(10);
  t.strictSame(heard, ['3 log', '9 log', '10 log'], 'it begins anew');
  next()?.pass();
  await announcer.idle();
});

t.test('a failure is told once, and the next size goes out all the same', async (t) => {
  const { sql, heard, next } = hearing();
  const faults: unknown[] = [];
  const announcer = createAnnouncer(sql, 'log', (error) => faults.push(error));
  announcer.announce(1);
  announcer.announce(2);
  const why = new Error('away');
  next()?.fail(why);
  await announcer.idle();
  t.strictSame(faults, [why]);
  t.strictSame(heard, ['1 log'], 'whoever settles announces what is committed');
  announcer.announce(3);
  t.strictSame(heard, ['1 log', '3 log']);
  next()?.pass();
  await announcer.idle();
});
