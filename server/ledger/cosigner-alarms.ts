/** Evidence of what cosigners hold or claim against the ledger: kept beside the guard, where no backup of the database takes it away. */
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { toBase64Url } from '../core/log/base64.ts';
import { toHex } from '../core/log/bytes.ts';
import { formatInstant } from '../core/log/instant.ts';
import { utf8 } from '../core/log/utf8.ts';
import { syncFolder, writeOnce } from '../durable-file.ts';
import { sha256 } from '../hash.ts';
import { COSIGNER_ALARM_CODES } from '../recorder/recovery.ts';
import type { World } from '../world.ts';
import type { CosignerClaim } from './cosigner-visit.ts';
import type { CosignerAlarm } from './cosigning.ts';

const NAME_BYTES = 12;
const KEY_NAME_DIGITS = 32;
/** Claims of one cosigner that are kept word for word: one that signs and claims in turn must fill neither the disk nor the others' room. */
export const KEPT_CLAIMS_LIMIT = 1_000;

/** Where the evidence lies that nothing may be signed; whoever has settled it with the supervisors moves the files away. */
export const alarmFolder = (dataFolder: string): string => join(dataFolder, 'cosigner-alarms');
/** Where claims lie that nobody has shown anything of, those of each cosigner's key by themselves: they stop nothing. */
export const claimFolder = (dataFolder: string, vkey: string): string =>
  join(dataFolder, 'cosigner-claims', toHex(sha256(utf8(vkey))).slice(0, KEY_NAME_DIGITS));

type Writing = { readonly dataFolder: string; readonly world: Pick<World, 'now' | 'randomBytes'> };

/** Why nothing may be signed while this evidence is there, beginning with the code of the way back. */
export function whyStopped({ code, cosigner, head, itsSize, itsNote, by }: CosignerAlarm): string {
  return itsNote === null
    ? `${code}: ${by.join(', ')} claim it, and without them there is no quorum`
    : `${code}: ${cosigner.name} shows size ${itsSize} with our signature, which is not of our ${head.size} entries`;
}

/** Keeps a claim: what we asked to have signed, and the answer. Returns: once it is durable; nothing is written beyond its cosigner's limit. */
export async function keepClaim(writing: Writing, claim: CosignerClaim): Promise<void> {
  const folder = claimFolder(writing.dataFolder, claim.cosigner.vkey);
  await folderAt(dirname(folder));
  await folderAt(folder);
  if ((await readdir(folder)).length >= KEPT_CLAIMS_LIMIT) return;
  await write(writing, folder, contentOf(claim));
}

/**
 * Keeps the evidence of an alarm.
 *
 * Shape:   a JSON file: a claim's, and what the cosigner showed, which our own key signed: then nobody can have made it up.
 * Returns: once it is durable. From then on every process of the platform finds it when it begins to lead.
 */
export async function keepAlarm(writing: Writing, alarm: CosignerAlarm): Promise<void> {
  const { itsNote, by } = alarm;
  const evidence = { why: whyStopped(alarm), ...contentOf(alarm), by, itsNote, isProven: itsNote !== null };
  await write(writing, await folderAt(alarmFolder(writing.dataFolder)), evidence);
}

const contentOf = ({ code, cosigner: { name, vkey, url }, head, itsSize, said }: CosignerClaim) => ({
  code,
  cosigner: { name, vkey, url },
  asked: head.note,
  itsSize,
  said,
});

async function folderAt(folder: string): Promise<string> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await syncFolder(dirname(folder));
  return folder;
}

async function write({ world }: Writing, folder: string, content: object): Promise<void> {
  const at = formatInstant(world.now());
  const name = `${at.replaceAll(':', '-')}-${toBase64Url(world.randomBytes(NAME_BYTES))}.json`;
  await writeOnce(join(folder, name), `${JSON.stringify({ at, ...content }, null, 2)}\n`, world.randomBytes);
}

/**
 * The reasons that stand, the oldest first; none when no evidence is kept.
 *
 * Why: whatever lies in that folder stops the signing, also what a crash left half written, what a hand has edited, and a folder that cannot
 *      be read. Evidence that is damaged may be evidence; nothing is signed before somebody has looked.
 */
export async function standingAlarms(dataFolder: string): Promise<string[]> {
  const folder = alarmFolder(dataFolder);
  let names: string[];
  try {
    names = await readdir(folder);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return code === 'ENOENT' ? [] : [`cosigner_alarm_unreadable: ${folder}: ${message}`];
  }
  return Promise.all(names.sort().map((name) => reasonIn(join(folder, name))));
}

async function reasonIn(file: string): Promise<string> {
  try {
    const { why } = JSON.parse(await readFile(file, 'utf8')) as { why?: unknown };
    const isKnown = typeof why === 'string' && COSIGNER_ALARM_CODES.some((code) => why.startsWith(`${code}: `));
    return isKnown ? why : `cosigner_alarm_unreadable: ${file}: it gives no reason that is known`;
  } catch (error) {
    return `cosigner_alarm_unreadable: ${file}: ${error instanceof Error ? error.message : String(error)}`;
  }
}
