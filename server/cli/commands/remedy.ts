/** `kaibiao keep-key` and `remedy`: the content key of one's bid kept beforehand, and handed in where the policy promises a remedy. */
import { readFile, writeFile } from 'node:fs/promises';
import { EXIT, UsageError } from '../exit.ts';
import type { Io } from '../io.ts';
import { outcomeOf } from '../person/decrypt.ts';
import { makeBackup, readBackup, submitBackup } from '../person/remedy.ts';
import { enter, parsePerson } from './options.ts';

/** Writes the content key of the standing bid to a file. */
export async function keepBackup(argv: readonly string[], io: Io): Promise<number> {
  const { values, positionals } = parsePerson(argv, ['opening'], { out: { type: 'string' } as const });
  if (values.out === undefined) throw new UsageError('--out is missing: where the key is kept.');
  const backup = await makeBackup(await enter(values, io), positionals[0] ?? '');
  await writeFile(values.out, `${JSON.stringify(backup)}\n`, { mode: 0o600, flag: 'wx' });
  io.out(
    `${values.out}: with the envelope it opens your bid; keep it as you keep the bid · 持有此文件与信封即可打开投标，请妥善保管`,
  );
  return EXIT.done;
}

/** Hands the kept key in. Returns: 1 when the vault says it did not open. */
export async function handInBackup(argv: readonly string[], io: Io): Promise<number> {
  const { values, positionals } = parsePerson(argv, ['opening'], { backup: { type: 'string' } as const });
  const [openingId = ''] = positionals;
  const person = await enter(values, io);
  const backup = values.backup === undefined ? null : readBackup(await readFile(values.backup, 'utf8'));
  const { seq, receivedAt } = await submitBackup(person, openingId, backup);
  io.out(`received ${receivedAt ?? ''} as entry ${seq} · 已收到`);
  const { outcome, bidder } = await outcomeOf(person, openingId);
  io.out(`  bidder ${bidder}: ${outcome}`);
  return outcome === 'decrypted' ? EXIT.done : EXIT.refused;
}
