/** The JSON files of a monitor's folder: read whole and by their form, or called damaged. */
import { join } from 'node:path';
import type * as Type from 'typebox';
import { Check } from 'typebox/schema';
import { readOrNull } from '../person/person-folder.ts';

/** What is kept is not what was written, belongs to another ledger, or another monitor is at it. */
export class KeptLedgerError extends Error {
  readonly code: 'kept_of_other_ledger' | 'kept_damaged' | 'kept_in_use';
  constructor(code: KeptLedgerError['code'], detail: string) {
    super(`${code}: ${detail}`);
    this.name = 'KeptLedgerError';
    this.code = code;
  }
}

/** A file of that form; null when there is none. Throws: KeptLedgerError kept_damaged. */
export async function readKept<Form extends Type.TSchema>(
  folder: string,
  name: string,
  form: Form,
): Promise<Type.Static<Form> | null> {
  const text = await readOrNull(join(folder, name));
  return text === null ? null : parseKept(text, name, form);
}

/** JSON of that form. Throws: KeptLedgerError kept_damaged, which names the file. */
export function parseKept<Form extends Type.TSchema>(text: string, name: string, form: Form): Type.Static<Form> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (fault) {
    if (!(fault instanceof SyntaxError)) throw fault;
    throw new KeptLedgerError('kept_damaged', `${name}: ${fault.message}`);
  }
  if (!Check(form, value)) throw new KeptLedgerError('kept_damaged', name);
  return value;
}
