/** Who has acknowledged which alarm, when and why: a file beside the alarms that only grows, written while a monitor may be running. */
import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as Type from 'typebox';
import { Check } from 'typebox/schema';
import { readOrNull } from '../person/person-folder.ts';

const AcknowledgementSchema = Type.Object({
  id: Type.String(),
  /** RFC 3339. */
  at: Type.String(),
  by: Type.String(),
  because: Type.String(),
});
export type Acknowledgement = Type.Static<typeof AcknowledgementSchema>;

/** By the id of the alarm; of one alarm the first stands. */
export type Acknowledgements = ReadonlyMap<string, Acknowledgement>;

const fileIn = (folder: string): string => join(folder, 'acknowledged.jsonl');

/**
 * What was acknowledged by now.
 *
 * Why: a line that cannot be read — a crash cut it off, a hand has edited it — acknowledges nothing: then its alarm stands.
 */
export async function readAcknowledgements(folder: string): Promise<Acknowledgements> {
  const done = new Map<string, Acknowledgement>();
  for (const line of ((await readOrNull(fileIn(folder))) ?? '').split('\n')) {
    const said = readLine(line);
    if (said !== null && !done.has(said.id)) done.set(said.id, said);
  }
  return done;
}

/** Adds one; durable when it returns. */
export async function addAcknowledgement(folder: string, said: Acknowledgement): Promise<void> {
  // in front, too: behind a line that was cut off it would be part of that
  await appendFile(fileIn(folder), `\n${JSON.stringify(said)}\n`, { flush: true, mode: 0o600 });
}

function readLine(line: string): Acknowledgement | null {
  try {
    const value: unknown = JSON.parse(line);
    return Check(AcknowledgementSchema, value) ? value : null;
  } catch (fault) {
    if (!(fault instanceof SyntaxError)) throw fault;
    return null;
  }
}
