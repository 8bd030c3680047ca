/** What tests of cosigning share: a log of numbered leaves, what it asks cosigners with, and a cosigner in a folder of its own. */
import { formatAddCheckpoint } from '../../server/core/log/add-checkpoint.ts';
import { consistencyProof, leafHash, readFromLeaves } from '../../server/core/log/merkle.ts';
import { utf8 } from '../../server/core/log/utf8.ts';
import { openCosignedHeads } from '../../server/cosign/cosigned-heads.ts';
import { type Cosigner, createCosigner } from '../../server/cosign/cosigner.ts';
import { type CosignerKey, filesOf, makeCosigner } from '../../server/cosign/cosigner-folder.ts';
import { enrolLog, readEnrolledLogs } from '../../server/cosign/enrolled-logs.ts';
import { type CosignerPolicy, cosignerPolicyOf } from '../../server/ledger/cosigner-policy.ts';
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
  {
    folder,
    name = 'cosigner.test/1',
    vkey = logKey(ORIGIN, 21).vkey,
    startAt,
    isClockRight = false,
  }: { folder?: string; name?: string; vkey?: string; startAt?: number; isClockRight?: boolean } = {},
): Promise<CosignerBench> {
  const home = folder ?? (await dataFolder(t));
  const made = await makeCosigner(home, name, systemWorld.randomBytes);
  const files = filesOf(home);
  if (folder === undefined) await enrolLog(files.logs, vkey);
  const world = steppedWorld(startAt);
  const heads = await openCosignedHeads(files.heads, systemWorld.randomBytes);
  const cosigner = createCosigner({ world, ...made, logs: readEnrolledLogs(files.logs), heads, isClockRight });
  return { folder: home, cosigner, world, ...made };
}

/** A policy of so many of these, each at an address made of its name. */
export function policyOf(quorum: number, cosigners: readonly Pick<CosignerKey, 'vkey'>[]): CosignerPolicy {
  const lines = cosigners.map(({ vkey }, n) => `witness w${n} ${vkey} http://w${n}.test/`);
  const group = `group all-of-them ${quorum} ${cosigners.map((_, n) => `w${n}`).join(' ')}`;
  const named = quorum === 0 ? ['quorum none'] : [group, 'quorum all-of-them'];
  return cosignerPolicyOf(utf8(`${[...lines, ...named].join('\n')}\n`));
}

/** What a cosigner answers in the place of the network: by the number in its host name. Null never answers. */
export type Line = (body: Uint8Array, path: string) => Promise<Response | null>;

/** The answers of a cosigner as HTTP would bring them. */
export const answersOf =
  ({ cosigner }: Pick<CosignerBench, 'cosigner'>): Line =>
  async (body, path) => {
    if (path !== '/add-checkpoint') {
      const note = await cosigner.latest(path.split('/')[1] ?? '');
      return new Response(note === null ? '' : Buffer.from(note), { status: note === null ? 404 : 200 });
    }
    const answer = await cosigner.addCheckpoint(body);
    return new Response(answer.body, { status: answer.status, headers: { 'content-type': answer.type } });
  };

/** A network of these lines. */
export function networkOf(lines: Line[]): typeof fetch {
  return async (address, options = {}) => {
    const { hostname, pathname } = new URL(String(address));
    const line = lines[Number(hostname.slice(1, 2))];
    const body = utf8(typeof options.body === 'string' ? options.body : '');
    const answer = await line?.(body, pathname);
    if (options.signal?.aborted) throw new Error('aborted');
    if (answer !== null && answer !== undefined) return answer;
    return new Promise((_, fail) => {
      options.signal?.addEventListener('abort', () => fail(new Error('aborted')));
    });
  };
}
