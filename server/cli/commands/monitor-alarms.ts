/** `kaibiao monitor --list` and `--acknowledge`: a person looks at the alarms of a folder and says which have been dealt with; a monitor may be running on it. */
import { stat } from 'node:fs/promises';
import { formatInstant } from '../../core/log/instant.ts';
import { EXIT, UsageError } from '../exit.ts';
import type { Io } from '../io.ts';
import { addAcknowledgement, readAcknowledgements } from '../monitor/acknowledgements.ts';
import { readAlarms, standingAmong } from '../monitor/alarm-book.ts';

/** Characters of a person's own words that are kept. */
export const BY_LIMIT_CHARACTERS = 200;
export const BECAUSE_LIMIT_CHARACTERS = 2_000;

/** Prints every alarm with who acknowledged it. Returns: 1 when one stands. */
export async function listAlarms(folder: string, io: Io): Promise<number> {
  await needFolder(folder);
  const alarms = await readAlarms(folder);
  const done = await readAcknowledgements(folder);
  for (const alarm of alarms) {
    const { id: _id, ...acknowledged } = done.get(alarm.id) ?? { id: alarm.id };
    io.out(JSON.stringify({ ...alarm, acknowledged: done.has(alarm.id) ? acknowledged : null }));
  }
  return standingAmong(alarms, done).length > 0 ? EXIT.refused : EXIT.done;
}

/**
 * Keeps that these alarms have been dealt with: by whom, when and why. They stay in the folder, and stand no more.
 *
 * Returns: 1, and keeps nothing, when the folder has no alarm of such an id. Of one that was acknowledged before the first word stands.
 */
export async function acknowledgeAlarms(
  folder: string,
  ids: readonly string[],
  { by, because }: { readonly by: string | undefined; readonly because: string | undefined },
  io: Io,
): Promise<number> {
  const words = {
    by: readWords('--by', by, BY_LIMIT_CHARACTERS),
    because: readWords('--because', because, BECAUSE_LIMIT_CHARACTERS),
  };
  await needFolder(folder);
  const alarms = await readAlarms(folder);
  const unknown = ids.filter((id) => !alarms.some((alarm) => alarm.id === id));
  if (unknown.length > 0) {
    io.err(`alarm_unknown: no alarm is called ${unknown.join(', ')} · 没有此编号的警报`);
    return EXIT.refused;
  }
  const done = await readAcknowledgements(folder);
  for (const id of new Set(ids)) {
    const before = done.get(id);
    const said = before ?? { id, at: formatInstant(io.world.now()), ...words };
    if (before === undefined) await addAcknowledgement(folder, said);
    io.out(JSON.stringify(said));
  }
  const { length } = standingAmong(alarms, await readAcknowledgements(folder));
  io.err(`${length} alarms still stand · 尚有 ${length} 条警报未处置`);
  return EXIT.done;
}

function readWords(option: string, text: string | undefined, limit: number): string {
  const words = text?.trim() ?? '';
  if (words === '' || words.length > limit) throw new UsageError(`${option} takes 1 to ${limit} characters.`);
  return words;
}

/** A misspelt folder has no alarms, and that must not look like all is well. */
async function needFolder(folder: string): Promise<void> {
  const found = await stat(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
  if (found?.isDirectory() !== true) throw new UsageError(`No monitor keeps anything in ${folder}.`);
}

/** Whether an alarm of that folder stands; also before there is any such folder. */
export async function standsIn(folder: string): Promise<boolean> {
  return standingAmong(await readAlarms(folder), await readAcknowledgements(folder)).length > 0;
}
