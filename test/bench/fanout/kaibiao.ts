/** The bench's server of this project: the whole app with its hall, rooms and sockets, on a log in memory. */
import type { AddressInfo } from 'node:net';
import { readConfig } from '../../../server/config.ts';
import { createApp } from '../../../server/http/app.ts';
import type { Dependencies } from '../../../server/http/dependencies.ts';
import { createLogger } from '../../../server/http/diagnostics.ts';
import { createHall } from '../../../server/live/hall.ts';
import { systemWorld } from '../../../server/world.ts';
import { memoryLog, ORIGIN, PLATFORM } from './events.ts';
import { serve } from './serve.ts';

/** Where the bench's pages are said to come from. */
export const PAGE_ORIGIN = 'https://bench.test';

await serve(async () => {
  const { view, release } = memoryLog();
  const config = readConfig({
    KAIBIAO_PLATFORM: PLATFORM,
    KAIBIAO_PUBLIC_ORIGIN: PAGE_ORIGIN,
    // all viewers come from one address here
    KAIBIAO_REQUESTS_PER_MINUTE: '1000000',
  });
  const logger = createLogger('error');
  const hall = createHall({ log: view, world: systemWorld, config, logger, whyNoSeat: async () => null });
  // What only answers other addresses than the live one is left out.
  const dependencies = {
    config,
    world: systemWorld,
    identity: { origins: [PAGE_ORIGIN] },
    hall,
    authorities: 0,
    lagMs: () => 0,
    clockOffsetMs: () => 0,
    pagesFolder: null,
  } as unknown as Dependencies;
  const app = await createApp(dependencies, logger);
  await app.listen({ host: '127.0.0.1', port: 0 });
  return {
    port: (app.server.address() as AddressInfo).port,
    event(n) {
      release(n + 1);
      hall.hear(ORIGIN);
    },
  };
});
