/** The cosigner's address: whoever sends half a body and waits is in nobody's way. */
import { REQUEST_LIMIT, serveCosigner } from '../../server/cosign/cosigner-server.ts';
import { systemWorld } from '../../server/world.ts';
import { cosignerBench, numberedLog } from '../support/cosigning.ts';
import { halfRequests } from '../support/half-requests.ts';
import t from '../support/tap.ts';

t.test('half bodies of a crowd keep nobody from being signed for', async (t) => {
  const { folder } = await cosignerBench(t);
  const server = await serveCosigner({ folder, host: '127.0.0.1', port: 0 }, systemWorld, (error) =>
    t.fail(String(error)),
  );
  t.teardown(server.close);
  await halfRequests(t, `${server.url}/add-checkpoint`, REQUEST_LIMIT);
  const body = Buffer.from(numberedLog().ask(0, 1));
  const answer = await fetch(`${server.url}/add-checkpoint`, { method: 'POST', body });
  t.equal(answer.status, 200);
  t.equal((await fetch(`${server.url}/else`)).status, 404);
});
