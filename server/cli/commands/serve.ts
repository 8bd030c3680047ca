/** `kaibiao serve`: runs the platform until it is told to stop, and stops it in order. */
import { parseArgs } from 'node:util';
import { readOwnConfig } from '../../config.ts';
import { start } from '../../main.ts';
import { recoveryFrom } from '../../recorder/recovery.ts';
import { systemWorld } from '../../world.ts';
import { EXIT } from '../exit.ts';
import type { Io } from '../io.ts';

/** Serves. A second signal ends it at once. */
export async function serve(argv: readonly string[], io: Io): Promise<number> {
  parseArgs({ args: [...argv], options: {} });
  const server = await start(readOwnConfig(), systemWorld);
  if (server.readOnly !== null) {
    io.err(`The log can only be read · 日志只读: ${server.readOnly}`);
    const recovery = recoveryFrom(server.readOnly);
    if (recovery !== null) io.err(`  ${recovery.en}\n  ${recovery.zh}`);
  }
  io.out(server.url);
  await new Promise<void>((stop) => {
    process.once('SIGINT', () => stop());
    process.once('SIGTERM', () => stop());
  });
  await server.close();
  return EXIT.done;
}
