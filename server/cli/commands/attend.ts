/** `kaibiao check-in` and `rehearse`: what a bidder does before the deadline to be ready after it. */

import { EXIT } from '../exit.ts';
import type { Io } from '../io.ts';
import { checkIn } from '../person/check-in.ts';
import { rehearse } from '../person/rehearse.ts';
import { enter, parsePerson, readPadding } from './options.ts';

/** Checks in. */
export async function attend(argv: readonly string[], io: Io): Promise<number> {
  const { values, positionals } = parsePerson(argv, ['opening'], {});
  const receipt = await checkIn(await enter(values, io), positionals[0] ?? '');
  io.out(
    receipt === null ? 'checked in before · 此前已签到' : `checked in, received ${receipt['receivedAt']} · 已签到`,
  );
  return EXIT.done;
}

/** Rehearses with one's own key. Returns: 1 when the key would fail in the window. */
export async function rehearseKey(argv: readonly string[], io: Io): Promise<number> {
  const options = { padding: { type: 'string' }, device: { type: 'string' } } as const;
  const { values, positionals } = parsePerson(argv, ['opening'], options);
  const keyTransport = readPadding(values.padding);
  const device = values.device === undefined ? {} : { device: values.device };
  const person = await enter(values, io);
  const { unwrapped, warning, clockOffsetMs } = await rehearse(person, positionals[0] ?? '', {
    keyTransport,
    ...device,
  });
  io.out(unwrapped ? 'the key works · 私钥可用' : 'the key does not work · 私钥不可用');
  io.out(`  clock ahead by ${clockOffsetMs} ms · 本机时钟超前 ${clockOffsetMs} 毫秒`);
  if (warning !== null)
    io.err('The bid is sealed to another certificate than this one · 投标文件是为另一张证书加密的。');
  return unwrapped && warning === null ? EXIT.done : EXIT.refused;
}
