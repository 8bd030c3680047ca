/** One viewer's way along the log: order, bound, cutover, and the end of it. */
import fc from 'fast-check';
import { createOutbox, type SharedFrame } from '../../server/live/outbox.ts';
import { PING_FRAME, textFrame } from '../../server/live/text-frame.ts';
import t from '../support/tap.ts';
import { readFrames, testSink } from './viewers.ts';

const frame = (
  from: number,
  to: number,
  bytes = 10,
  own: readonly (readonly [number, Uint8Array])[] = [],
): SharedFrame => ({
  from,
  to,
  bytes: new Uint8Array(bytes),
  own: new Map(own),
});

t.test('what is delivered goes out in order and moves the viewer on', async (t) => {
  const sink = testSink();
  const outbox = createOutbox(sink, 3, 100);
  const first = frame(3, 5);
  t.ok(outbox.deliver(first, null));
  t.ok(outbox.deliver(frame(5, 6), null));
  t.equal(outbox.next(), 6);
  t.equal(sink.written[0], first.bytes, 'the very bytes, not a copy');
});

t.test('a gap or a repeat is a fault of the room', async (t) => {
  const outbox = createOutbox(testSink(), 3, 100);
  t.throws(() => outbox.deliver(frame(4, 5), null), /stands at 3/);
  t.throws(() => outbox.deliver(frame(2, 4), null), /stands at 3/);
  t.throws(() => outbox.deliver(frame(3, 3), null), /stands at 3/);
});

t.test('own disclosures follow the shared frame, for the owner only', async (t) => {
  const own = Uint8Array.of(1, 2, 3);
  const shared = frame(0, 1, 10, [[2, own]]);
  const [owner, other, nobody] = [testSink(), testSink(), testSink()];
  createOutbox(owner, 0, 100).deliver(shared, 2);
  createOutbox(other, 0, 100).deliver(shared, 3);
  createOutbox(nobody, 0, 100).deliver(shared, null);
  t.strictSame(owner.written, [shared.bytes, own]);
  t.strictSame(other.written, [shared.bytes]);
  t.strictSame(nobody.written, [shared.bytes]);
});

t.test('a viewer for whom too much waits is closed with outbox_full', async (t) => {
  const sink = testSink(true);
  const outbox = createOutbox(sink, 0, 25);
  t.ok(outbox.deliver(frame(0, 1), null));
  t.ok(outbox.deliver(frame(1, 2), null));
  t.ok(outbox.deliver(frame(2, 3), null), 'the bound is asked before a frame, not after');
  t.notOk(outbox.deliver(frame(3, 4), null));
  t.strictSame(sink.closedFor, ['outbox_full']);
  t.equal(outbox.phase(), 'closed');
  t.equal(outbox.next(), 3);
});

t.test('one frame larger than the bound reaches a viewer who keeps up', async (t) => {
  const sink = testSink(true);
  const outbox = createOutbox(sink, 0, 25);
  t.ok(outbox.deliver(frame(0, 1, 1000), null));
  sink.drain();
  t.ok(outbox.deliver(frame(1, 2, 1000), null));
  t.strictSame(sink.closedFor, []);
});

t.test('a pulse is left out where too much waits; a resync is not', async (t) => {
  const sink = testSink(true);
  const outbox = createOutbox(sink, 0, 5);
  outbox.deliver(frame(0, 1, 100), null);
  outbox.say(new Uint8Array(1), true);
  t.equal(sink.written.length, 1);
  t.strictSame(sink.closedFor, []);
  outbox.say(new Uint8Array(1), false);
  t.strictSame(sink.closedFor, ['outbox_full']);
});

t.test('cutover happens where the stream stands, once, and not after the end', async (t) => {
  const outbox = createOutbox(testSink(), 0, 100);
  t.notOk(outbox.cutOver(1), 'there is more to read');
  t.equal(outbox.phase(), 'backfill');
  outbox.deliver(frame(0, 1), null);
  t.ok(outbox.cutOver(1));
  t.equal(outbox.phase(), 'stream');
  t.notOk(outbox.cutOver(1));
  const ended = createOutbox(testSink(), 0, 100);
  ended.end();
  t.notOk(ended.cutOver(0));
});

t.test('the first reason to close counts, and nothing is sent after it', async (t) => {
  const sink = testSink();
  const outbox = createOutbox(sink, 0, 100);
  outbox.close('seat_taken');
  outbox.close('server_stopping');
  outbox.say(new Uint8Array(1), false);
  t.notOk(outbox.deliver(frame(0, 1), null));
  t.strictSame(sink.closedFor, ['seat_taken']);
  t.strictSame(sink.written, []);
});

t.test('who waits for a drain is woken by it, or by the end', async (t) => {
  const sink = testSink(true);
  const outbox = createOutbox(sink, 0, 1000);
  await outbox.drained();
  outbox.deliver(frame(0, 1), null);
  let woken = 0;
  const first = outbox.drained().then(() => woken++);
  await Promise.resolve();
  t.equal(woken, 0);
  sink.drain();
  await first;
  t.equal(woken, 1);
  outbox.deliver(frame(1, 2), null);
  const second = outbox.drained().then(() => woken++);
  outbox.end();
  await second;
  t.equal(woken, 2);
});

t.test('a text frame is what RFC 6455 says, at every length of header', async (t) => {
  const pulse = (padding: number) =>
    JSON.stringify({ v: 1, kind: 'entries', entries: ['开'.repeat(padding)], disclosures: {}, checkpoint: '', now: 1 });
  for (const padding of [0, 10, 20, 21_000, 22_000]) {
    const [down] = readFrames(textFrame(pulse(padding)));
    t.equal(down?.kind === 'entries' && down.entries[0]?.length, padding);
  }
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', maxLength: 300 }), (text) => {
      const bytes = Buffer.from(textFrame(text));
      const header = Buffer.byteLength(text) < 126 ? 2 : 4;
      return bytes.subarray(header).toString() === Buffer.from(text).toString();
    }),
  );
  t.strictSame([...PING_FRAME], [0x89, 0]);
});
