/** `kaibiao session`: the lots that share a room, or one command for each of them. */
import { isJsonObject } from '../../core/log/canonical.ts';
import { EXIT, UsageError } from '../exit.ts';
import type { Io } from '../io.ts';
import { actInSession, readSession } from '../person/session-acts.ts';
import { enter, parseJson, parsePerson, readRole } from './options.ts';

/** Lists a session's openings, or with --command gives it to each. Returns: 1 when one of them refused. */
export async function session(argv: readonly string[], io: Io): Promise<number> {
  const text = { type: 'string' } as const;
  const { values, positionals } = parsePerson(argv, ['session'], { command: text, role: text, data: text });
  const [sessionId = ''] = positionals;
  const person = await enter(values, io);
  const { command: type } = values;
  if (type === undefined) {
    const { title, openings } = await readSession(person, sessionId);
    io.out(title);
    for (const { openingId, lot, phase } of openings) io.out(`  ${openingId} ${lot.code} ${lot.name}: ${phase}`);
    return EXIT.done;
  }
  const data = parseJson(values.data ?? '{}', '--data');
  if (!isJsonObject(data)) throw new UsageError('The data of a command is a JSON object.');
  const answers = await actInSession(person, sessionId, { type, role: readRole(values.role, 'host'), data });
  for (const { openingId, refused, entries } of answers)
    io.out(refused === null ? `${openingId}: ${entries.length} entries, proven · 已证明` : `${openingId}: ${refused}`);
  return answers.every(({ refused }) => refused === null) ? EXIT.done : EXIT.refused;
}
