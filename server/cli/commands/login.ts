/** `kaibiao login`: proves keys, connection and platform before the day they are needed. */

import { EXIT } from '../exit.ts';
import type { Io } from '../io.ts';
import { enter, parsePerson } from './options.ts';

/** Logs in, says as whom, and ends the session. */
export async function login(argv: readonly string[], io: Io): Promise<number> {
  const { values } = parsePerson(argv, [], {});
  const person = await enter(values, io);
  const offsetMs = io.world.now() - person.session.serverNow();
  const [key] = await person.receiptKeys();
  io.out(`${person.account} at ${person.platform}`);
  io.out(`  clock ahead by ${offsetMs} ms · 本机时钟超前 ${offsetMs} 毫秒`);
  io.out(`  receipts are signed by key ${key?.kid} · 回执签名密钥 ${key?.kid}`);
  await person.api.endSession();
  return EXIT.done;
}
