/** What tests of cosigning share: a log of numbered leaves, what it asks cosigners with, and a cosigner in a folder of its own. */
import { join } from 'node:path';
import { formatAddCheckpoint } from '../../server/core/log/add-checkpoint.ts';
import { consistencyProof, leafHash, readFromLeaves } from '../../server/core/log/merkle.ts';
import { utf8 } from '../../server/core/log/utf8.ts';
import { openCosignedHeads } from '../../server/cosign/cosigned-heads.ts';
import { type Cosigner, createCosigner } from '../../server/cosign/cosigner.ts';
import { type CosignerKey, filesOf, makeCosigner } from '../../server/cosign/cosigner-folder.ts';
import { enrolLog, readEnrolledLogs } from '../../server/cosign/enrolled-logs.ts';
import { systemWorld } from '../../server/world.ts';
import { checkpointNote, type LogKey, logKey, sha256 } from './log-fixtures.ts';
import { dataFolder } from './signed-log.ts';
import { type SteppedWorld, steppedWorld } from './world.ts';

export const ORIGIN = 'kaibiao.test/ledger';

export type NumberedLog = {
  readonly signer: LogKey;
  /** The signed checkpoint over the first `size` leaves. */
  note(size: number): string;
  proof(oldSize: number, size: number): Uint8Array[];
  /** The body that asks for a cosignature at `size`, of a cosigner that last signed `oldSize`. */
  ask(oldSize: number, size: number): Uint8Array;
};

/** A log whose leaves are numbers; another `branch` shares its first `fork` leaves and no more. */
export function numberedLog(branch = 'main', fork = 0, seedByte = 21): NumberedLog {
  const signer = logKey(ORIGIN, seedByte);
  const leaves = Array.from({ length: 304 }, (_, n) => leafHash(sha256, utf8(`${n < fork ? 'main' : branch} ${n}`)));
  const note = (size: number): string => checkpointNote(signer, leaves.slice(0, size));
  const proof = (oldSize: number, size: number): Uint8Array[] =>
    oldSize === 0 ? [] : consistencyProof(sha256, readFromLeaves(sha256, leaves.slice(0, size)), oldSize, size);
  return {
    signer,
    note,
    proof,
    ask: (oldSize, size) => utf8(formatAddCheckpoint({ oldSize, proof: proof(oldSize, size), checkpoint: note(size) })),
  };
}

export type CosignerBench = {
  readonly folder: string;
  readonly cosigner: Cosigner;
  readonly world: SteppedWorld;
} & CosignerKey;

/** A cosigner that is enrolled for the numbered log; one more on the same folder is what a restart would find. */
export async function cosignerBench(
  t: { teardown(act: () => Promise<void>): void },
  { folder, name = 'cosigner.test/1' }: { folder?: string; name?: string } = {},
): Promise<CosignerBench> {
  const home = folder ?? (await dataFolder(t));
  const made = await makeCosigner(home, name, systemWorld.randomBytes);
  const files = filesOf(home);
  if (folder === undefined) await enrolLog(files.logs, logKey(ORIGIN, 21).vkey);
  const world = steppedWorld();
  const heads = await openCosignedHeads(join(files.heads));
  const cosigner = createCosigner({ world, ...made, logs: readEnrolledLogs(files.logs), heads });
  return { folder: home, cosigner, world, ...made };
}
