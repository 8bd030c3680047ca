/** `kaibiao keys`: one signing key follows another, in the folder of a stopped server or signer. */
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { readOwnConfig } from '../../config.ts';
import { toBase64 } from '../../core/log/base64.ts';
import { readInstant } from '../../core/log/instant.ts';
import { formatVkey, KEY_TYPES, verifierKey } from '../../core/log/note.ts';
import { ledgerOrigin } from '../../core/log/origin.ts';
import { sha256 } from '../../hash.ts';
import { addNextKey, endEarlier, replaceCompromised, takeOver } from '../../recorder/key-succession.ts';
import { KEY_USES, type Key, type KeyUse, openKeys } from '../../recorder/keys.ts';
import { EXIT, UsageError } from '../exit.ts';
import type { Io } from '../io.ts';

const options = { command: { type: 'string' }, 'compromised-since': { type: 'string' } } as const;

/** Shows the keys of a folder, or takes one of the three steps; each is done when it returns. */
export async function keys(argv: readonly string[], io: Io): Promise<number> {
  const { values, positionals } = parseArgs({ args: [...argv], options, allowPositionals: true });
  const [part, place, use, ...rest] = positionals;
  const { platform } = readOwnConfig();
  if (part === 'show' && place !== undefined && use === undefined) return show(resolve(place), platform, io);
  if (place === undefined || !isUse(use) || rest.length > 0)
    throw new UsageError(`Say what to do, in which folder and with which key: ${KEY_USES.join(', ')}.`);
  const stopped = { folder: resolve(place), platform, world: io.world };
  const since = values['compromised-since'];
  const compromisedSince = since === undefined ? undefined : readInstant(since);
  if (since !== undefined && (compromisedSince === undefined || compromisedSince > io.world.now() || part !== 'next'))
    throw new UsageError(
      '--compromised-since goes with next, and is an instant that is over: 2026-11-22T08:30:00.000Z.',
    );
  if (part === 'next') {
    const { command: description } = values;
    const how = description === undefined ? {} : { description };
    if (compromisedSince === undefined) await addNextKey(stopped, use, how);
    else await replaceCompromised(stopped, use, { ...how, compromisedSince });
  } else if (part === 'take-over') await takeOver(stopped, use);
  else if (part === 'end') io.out(`${await endEarlier(stopped, use)} ended · 已停用`);
  else throw new UsageError('It is show, next, take-over or end.');
  return show(stopped.folder, platform, io);
}

function isUse(text: string | undefined): text is KeyUse {
  return KEY_USES.some((use) => use === text);
}

async function show(folder: string, platform: string, io: Io): Promise<number> {
  const { succession, ...found } = await openKeys(folder, false);
  const say = (use: KeyUse, standing: string, { publicBytes }: Key): void => {
    const ledger = verifierKey(sha256, ledgerOrigin(platform), KEY_TYPES.ed25519, publicBytes);
    io.out(`${use} ${standing} ${use === 'ledger' ? formatVkey(ledger) : toBase64(publicBytes)}`);
  };
  for (const use of KEY_USES) {
    say(use, 'in-use', found[use]);
    const next = succession.next[use];
    if (next !== undefined) say(use, 'next', next);
  }
  for (const key of succession.earlierLedger) say('ledger', 'earlier', key);
  for (const { key } of succession.earlierOpenings) say('openings', 'earlier', key);
  return EXIT.done;
}
