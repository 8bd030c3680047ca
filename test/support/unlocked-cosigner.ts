/** A process that signs with a cosigner's folder without its lock, as one in another container would: answers what its parent sends. */
import { openCosignedHeads } from '../../server/cosign/cosigned-heads.ts';
import { createCosigner } from '../../server/cosign/cosigner.ts';
import { filesOf, readCosignerKey } from '../../server/cosign/cosigner-folder.ts';
import { readEnrolledLogs } from '../../server/cosign/enrolled-logs.ts';
import { systemWorld } from '../../server/world.ts';

/** What it is sent: the body of a request, with a number that comes back with the answer. */
export type UnlockedAsk = { readonly n: number; readonly body: string };
export type UnlockedAnswer = { readonly n: number; readonly status: number; readonly body: string };

const [, , folder = ''] = process.argv;
const files = filesOf(folder);
const heads = await openCosignedHeads(files.heads, systemWorld.randomBytes);
const key = await readCosignerKey(folder);
const cosigner = createCosigner({ world: systemWorld, ...key, logs: readEnrolledLogs(files.logs), heads });

process.on('message', async ({ n, body }: UnlockedAsk) => {
  const answer = await cosigner.addCheckpoint(Buffer.from(body, 'base64'));
  process.send?.({ n, status: answer.status, body: answer.body } satisfies UnlockedAnswer);
});
process.on('disconnect', () => process.exit(0));
process.send?.('ready');
