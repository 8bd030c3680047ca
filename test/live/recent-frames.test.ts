/** Frames kept: as many as fit, the oldest going first. */
import type { SharedFrame } from '../../server/live/outbox.ts';
import { createRecentFrames, RECENT_LIMIT_BYTES } from '../../server/live/recent-frames.ts';
import t from '../support/tap.ts';

const frame = (length: number, own = 0): SharedFrame => ({
  from: 0,
  to: 1,
  bytes: new Uint8Array(length),
  own: new Map(own === 0 ? [] : [[1, new Uint8Array(own)]]),
});
const HALF = RECENT_LIMIT_BYTES / 2;

t.test('two that fill it are both kept; one byte more and the older goes', async (t) => {
  const frames = createRecentFrames();
  frames.put('a', frame(HALF));
  frames.put('b', frame(HALF - 1, 1));
  t.ok(frames.get('a'));
  frames.put('c', frame(1));
  t.notOk(frames.get('a'));
  t.ok(frames.get('b'));
});

t.test('one put again counts once and is the youngest', async (t) => {
  const frames = createRecentFrames();
  frames.put('a', frame(HALF));
  frames.put('b', frame(HALF));
  frames.put('a', frame(HALF));
  frames.put('c', frame(1));
  t.ok(frames.get('a'));
  t.notOk(frames.get('b'));
});

t.test('a frame larger than all is kept alone', async (t) => {
  const frames = createRecentFrames();
  frames.put('a', frame(1));
  frames.put('b', frame(RECENT_LIMIT_BYTES + 1));
  t.notOk(frames.get('a'));
  t.ok(frames.get('b'));
});
