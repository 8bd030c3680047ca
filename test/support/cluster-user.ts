/** Another process that uses a cluster: starts or adopts it, says so in a line of JSON, leaves when its input ends. */
import { once } from 'node:events';
import { startCluster } from '../../server/store/cluster.ts';

const cluster = await startCluster({ folder: process.argv[2] ?? '', isDurable: false });
console.log(JSON.stringify({ pid: cluster.pid, isAdopted: cluster.isAdopted }));
process.stdin.resume();
await once(process.stdin, 'end');
await cluster.leave();
