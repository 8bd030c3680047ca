/** A process that appends to one log until it is killed; it prints each size only after the head was let out. */

import { settleAll } from '../../server/recorder/settle-log.ts';
import { openSigner } from '../../server/recorder/signer.ts';
import { openPool } from '../../server/store/driver.ts';
import { appendSome, PLATFORM } from './signed-log.ts';

const [url = '', folder = '', origin = ''] = process.argv.slice(2);
const sql = openPool(url, 4);
const signer = await openSigner(folder, PLATFORM);
await settleAll(sql, signer);
console.log(`started ${signer.released(origin)?.size ?? 0}`);
const appendForever = async (): Promise<never> => {
  for (;;) {
    const { checkpoint } = await appendSome(sql, signer, origin, 1, { by: process.pid });
    console.log(JSON.stringify(checkpoint));
  }
};
await Promise.all([appendForever(), appendForever(), appendForever()]);
