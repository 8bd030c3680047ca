/** The tests' one PostgreSQL: started before the suite, or by a test file that runs alone; the last to leave stops it. */

import { createHash } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packageRoot } from '../../server/root.ts';
import { type Cluster, startCluster } from '../../server/store/cluster.ts';

// Not inside the checkout, which PostgreSQL's own user may be unable to enter; named after it, so that two do not meet.
const checkout = createHash('sha256').update(packageRoot).digest('hex').slice(0, 8);

export function startTestCluster(): Promise<Cluster> {
  return startCluster({
    folder: join(tmpdir(), `kaibiao-test-${checkout}`),
    isDurable: false,
    settings: {
      max_connections: '400',
      shared_buffers: '64MB',
      autovacuum: 'off',
      wal_level: 'minimal',
      max_wal_senders: '0',
    },
  });
}
