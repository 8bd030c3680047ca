/** Evidence that a cosigner holds another history of the ledger: kept beside the guard, where no backup of the database takes it away. */
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { toBase64Url } from '../core/log/base64.ts';
import { openCheckpoint } from '../core/log/checkpoint.ts';
import { LogFormatError } from '../core/log/error.ts';
import { formatInstant } from '../core/log/instant.ts';
import { ed25519Verifier, parseVkey } from '../core/log/note.ts';
import { fromUtf8 } from '../core/log/utf8.ts';
import { syncFolder, writeOnce } from '../durable-file.ts';
import { verifyEd25519 } from '../ed25519.ts';
import { sha256 } from '../hash.ts';
import type { World } from '../world.ts';
import { bodyOf, COSIGNER_TIMEOUT_MS, type CosignerCaller } from './cosigner-client.ts';
import type { CosignerAlarm } from './cosigning.ts';

const NAME_BYTES = 12;

/** Where the evidence of a platform lies; whoever has settled it with the supervisors moves the files away. */
export const alarmFolder = (dataFolder: string): string => join(dataFolder, 'cosigner-alarms');

/** Why nothing may be signed while this evidence is there, beginning with the code of the way back. */
export function whyStopped({
  code,
  cosigner,
  head,
  itsSize,
}: Pick<CosignerAlarm, 'code' | 'cosigner' | 'head' | 'itsSize'>): string {
  return `${code}: ${cosigner.name} signed size ${itsSize} and not our ${head.size}`;
}

/**
 * Keeps the evidence of an alarm.
 *
 * Shape:   a JSON file: what we asked to have signed, what the cosigner answered, and the note that it shows to monitors. `isProven`
 *          says whether that note carries this ledger's own signature over a head that contradicts ours: then nobody can have made it
 *          up, and where it does not only the cosigner's word is known.
 * Returns: once it is durable.
 */
export async function keepAlarm(
  caller: CosignerCaller & { readonly world: World },
  { dataFolder, ledgerVkey }: { readonly dataFolder: string; readonly ledgerVkey: string },
  alarm: CosignerAlarm,
): Promise<void> {
  const { code, cosigner, head, itsSize, said } = alarm;
  const folder = alarmFolder(dataFolder);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await syncFolder(dataFolder);
  const itsNote = await noteForMonitors(caller, cosigner.url, parseVkey(sha256, ledgerVkey).name);
  const { now, randomBytes } = caller.world;
  const evidence = {
    why: whyStopped(alarm),
    code,
    at: formatInstant(now()),
    cosigner: { name: cosigner.name, vkey: cosigner.vkey, url: cosigner.url },
    asked: head.note,
    itsSize,
    said,
    itsNote,
    isProven: itsNote !== null && (await contradicts(itsNote, ledgerVkey, head)),
  };
  const name = `${evidence.at.replaceAll(':', '-')}-${toBase64Url(randomBytes(NAME_BYTES))}.json`;
  await writeOnce(join(folder, name), `${JSON.stringify(evidence, null, 2)}\n`, randomBytes);
}

/** The reasons that stand, the oldest first; none when no evidence is kept. */
export async function standingAlarms(dataFolder: string): Promise<string[]> {
  const folder = alarmFolder(dataFolder);
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  const files = names.filter((name) => name.endsWith('.json')).sort();
  return Promise.all(
    files.map(async (name) => {
      const { why } = JSON.parse(await readFile(join(folder, name), 'utf8')) as { why?: unknown };
      return typeof why === 'string' ? why : `cosigner_differs: ${name}`;
    }),
  );
}

/** What the cosigner shows to monitors; null when it cannot be had. Never throws for what the network does. */
async function noteForMonitors({ fetch, world }: CosignerCaller, url: string, origin: string): Promise<string | null> {
  const asking = new AbortController();
  const stop = world.after(COSIGNER_TIMEOUT_MS, () => asking.abort());
  try {
    const address = `${url}/${createHash('sha256').update(origin).digest('hex')}/checkpoint`;
    const answer = await fetch(address, { redirect: 'error', signal: asking.signal });
    return answer.status === 200 ? fromUtf8(await bodyOf(answer)) : null;
  } catch (error) {
    // whatever kept it from us, the alarm stands by itself
    return error instanceof Error ? null : null;
  } finally {
    stop();
  }
}

/** Whether our own key signed in it what cannot be of one history with our head: a larger tree, or another root at its size. */
async function contradicts(note: string, ledgerVkey: string, head: CosignerAlarm['head']): Promise<boolean> {
  try {
    const { checkpoint } = await openCheckpoint(note, ed25519Verifier(parseVkey(sha256, ledgerVkey), verifyEd25519));
    if (checkpoint.size !== head.size) return checkpoint.size > head.size;
    return !Buffer.from(checkpoint.root).equals(head.root);
  } catch (fault) {
    if (fault instanceof LogFormatError) return false;
    throw fault;
  }
}
