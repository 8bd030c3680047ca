/** `kaibiao record`: the opening record by the log, and a bidder's answer to it. */
import { EXIT, UsageError } from '../exit.ts';
import type { Io } from '../io.ts';
import { answerRecord, readRecord } from '../person/record.ts';
import { enter, parsePerson } from './options.ts';

/** Shows the record; with --sign or --refuse answers it. */
export async function record(argv: readonly string[], io: Io): Promise<number> {
  const options = { sign: { type: 'boolean', default: false }, refuse: { type: 'string' } } as const;
  const { values, positionals } = parsePerson(argv, ['opening'], options);
  if (values.sign && values.refuse !== undefined) throw new UsageError('Either --sign or --refuse.');
  const [openingId = ''] = positionals;
  const person = await enter(values, io);
  const { version, sha256, document } = await readRecord(person, openingId);
  io.out(JSON.stringify(document, null, 2));
  io.out(`version ${version}, SHA-256 ${sha256}`);
  if (!values.sign && values.refuse === undefined) return EXIT.done;
  await answerRecord(person, openingId, values.refuse);
  io.out(values.sign ? 'signed · 已确认' : 'refused · 已拒绝');
  return EXIT.done;
}
