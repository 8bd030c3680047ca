/** The line that tells a bidder how long its decryption still waits. */

import type { Person } from '../../../server/cli/person/person.ts';
import { ASK_EVERY_MS, showQueuePlace } from '../../../server/cli/person/queue-place.ts';
import { ApiError } from '../../../server/client/transport.ts';
import t from '../../support/tap.ts';
import { steppedWorld } from '../../support/world.ts';

t.test('asked every other second, shown, and wiped at the end', async (t) => {
  const world = steppedWorld();
  const answers: (() => Promise<unknown>)[] = [
    async () => ({ queue: { ahead: 3, waitMs: 11_001 } }),
    async () => {
      throw new ApiError('overloaded', 503, '');
    },
    async () => ({ queue: null }),
  ];
  let asked = 0;
  const readOwnDecryption = async () => answers[asked++]?.();
  const person = { api: { readOwnDecryption }, world } as unknown as Person;
  const lines: string[] = [];
  const shown = showQueuePlace({ rewrite: (line) => void lines.push(line) }, person, 'A');
  for (const _ of answers) await world.advanceGently(ASK_EVERY_MS);
  shown.end();
  await world.advanceGently(10 * ASK_EVERY_MS);
  t.same(lines, ['排队 waiting: 前面 3 份，约 12 秒 · 3 before yours, about 12 s', '', '', '']);
  t.same([asked, world.alarms()], [3, 0]);
});

t.test('where no terminal is, nobody asks', async (t) => {
  const world = steppedWorld();
  showQueuePlace({}, { world } as unknown as Person, 'A').end();
  t.equal(world.alarms(), 0);
});
