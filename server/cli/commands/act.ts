/** `kaibiao act`, `create`, `let-in`, `disable` and `enable`: what officials and everyone else command, signed and proven. */
import { readFile } from 'node:fs/promises';
import { toBase64 } from '../../core/log/base64.ts';
import { isJsonObject, type JsonObject } from '../../core/log/canonical.ts';
import type { Entry } from '../../core/log/entry.ts';
import { parsePem } from '../../core/pki/certificate.ts';
import { EXIT, UsageError } from '../exit.ts';
import type { Io } from '../io.ts';
import { act, createOpening, type NewOpening } from '../person/act.ts';
import { changeAccount, letIn } from '../person/operator.ts';
import { enter, parseJson, parsePerson, readJsonFile, readRole } from './options.ts';

/** Gives a command of any type. */
export async function giveCommand(argv: readonly string[], io: Io): Promise<number> {
  const string = { type: 'string' } as const;
  const options = { role: string, data: string, 'data-file': string };
  const { values, positionals } = parsePerson(argv, ['opening', 'command'], options);
  const [openingId = '', type = ''] = positionals;
  if (values.role === undefined) throw new UsageError('--role is needed.');
  const role = readRole(values.role, 'public');
  const data = await readData(values.data, values['data-file']);
  const { entries, answer } = await act(await enter(values, io), openingId, { type, role, data });
  say(entries, io);
  if (answer.receipt !== null) io.out(answer.receipt);
  return EXIT.done;
}

/** Drafts an opening. */
export async function create(argv: readonly string[], io: Io): Promise<number> {
  const { values, positionals } = parsePerson(argv, ['opening.json'], {});
  const drafted = await readJsonFile(positionals[0] ?? '');
  const { openingId, profile, details, policy, assignments } = isJsonObject(drafted) ? drafted : {};
  if (typeof openingId !== 'string' || typeof profile !== 'string' || !Array.isArray(assignments))
    throw new UsageError('The file is {openingId, profile, details, policy, assignments}.');
  const opening = { openingId, profile, details, policy, assignments } as unknown as NewOpening;
  const { entries } = await createOpening(await enter(values, io), opening);
  say(entries, io);
  return EXIT.done;
}

/** Lets an official, or with --operator another operator, in. */
export async function letOfficialIn(argv: readonly string[], io: Io): Promise<number> {
  const operator = { type: 'boolean', default: false } as const;
  const { values, positionals } = parsePerson(argv, ['certificate.pem'], { operator });
  const x5c = parsePem(await readFile(positionals[0] ?? '', 'utf8')).map(({ der }) => toBase64(der));
  const person = await enter(values, io);
  const { account, name, organisation } = await letIn(person, { x5c, kind: values.operator ? 'operator' : 'official' });
  io.out(`${account} ${name}, ${organisation}`);
  return EXIT.done;
}

/** Shuts an account at once, or opens it again. */
async function setAccount(change: 'disable' | 'enable', argv: readonly string[], io: Io): Promise<number> {
  const { values, positionals } = parsePerson(argv, ['account'], { reason: { type: 'string' } });
  const [account = ''] = positionals;
  if (values.reason === undefined) throw new UsageError('--reason is needed.');
  await changeAccount(await enter(values, io), change, { account, reason: values.reason });
  io.out(`${account}: ${change === 'disable' ? 'shut · 已停用' : 'open again · 已恢复'}`);
  return EXIT.done;
}

export const disableAccount = (argv: readonly string[], io: Io): Promise<number> => setAccount('disable', argv, io);
export const enableAccount = (argv: readonly string[], io: Io): Promise<number> => setAccount('enable', argv, io);

async function readData(text: string | undefined, file: string | undefined): Promise<JsonObject> {
  if (text !== undefined && file !== undefined) throw new UsageError('Either --data or --data-file.');
  const data = file === undefined ? parseJson(text ?? '{}', '--data') : await readJsonFile(file);
  if (!isJsonObject(data)) throw new UsageError('The data of a command is a JSON object.');
  return data;
}

function say(entries: readonly Entry[], io: Io): void {
  for (const { seq, type, at, body } of entries) {
    io.out(`entry ${seq} ${type} ${at}: proven · 已证明`);
    // Whoever confirms it does so by its number, once it is seen what it would change.
    if (type === 'CorrectionProposed') io.out(JSON.stringify({ number: body['number'], effects: body['effects'] }));
  }
  if (entries.length === 0) io.out('accepted, no entry · 已受理，无新条目');
}
