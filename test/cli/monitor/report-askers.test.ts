/** Who reports heads: counted by network and minute, refused reports more strictly, and behind a named proxy each by himself. */
import type { IncomingMessage } from 'node:http';
import {
  ADDRESSES_LIMIT,
  allowReports,
  askersBehind,
  REFUSED_OF_AN_ADDRESS,
  REPORTS_OF_AN_ADDRESS,
} from '../../../server/cli/monitor/report-askers.ts';
import t from '../../support/tap.ts';
import { steppedWorld } from '../../support/world.ts';

t.test('as many in a minute as the limit says, each asker by himself, and anew in the next', async (t) => {
  const world = steppedWorld();
  const { take } = allowReports(world);
  for (let n = 1; n < REPORTS_OF_AN_ADDRESS; n++) take('a');
  t.equal(take('a'), true, 'the last');
  t.equal(take('a'), false, 'one more');
  t.equal(take('b'), true);
  world.advance(60_000);
  t.equal(take('a'), true);
});

t.test('of refused ones fewer: who has sent so many is heard again in the next minute', async (t) => {
  const world = steppedWorld();
  const { take, refuse } = allowReports(world);
  for (let n = 1; n < REFUSED_OF_AN_ADDRESS; n++) refuse('a');
  t.equal(take('a'), true, 'one may still be refused');
  refuse('a');
  t.equal(take('a'), false);
  t.equal(take('b'), true);
  world.advance(60_000);
  t.equal(take('a'), true);
});

t.test('askers counted apart are bounded; those beyond share one count', async (t) => {
  const { take, refuse } = allowReports(steppedWorld());
  for (let n = 0; n < ADDRESSES_LIMIT; n++) take(`${n}`);
  for (let n = 0; n < REFUSED_OF_AN_ADDRESS; n++) refuse('x');
  t.equal(take('y'), false, 'it shares with x');
  t.equal(take(`${ADDRESSES_LIMIT - 1}`), true, 'known before');
});

/** Whom a request counts as, from this address and with this header. */
function askerOf(proxies: string[], remoteAddress: string | undefined, forwarded?: string | string[]): string {
  const headers = forwarded === undefined ? {} : { 'x-forwarded-for': forwarded };
  return askersBehind(proxies)({ socket: { remoteAddress }, headers } as unknown as IncomingMessage);
}

t.test('only a named proxy may say whom it speaks for', async (t) => {
  const proxies = ['127.0.0.1', '10.0.0.0/8', 'fd00::/8'];
  for (const [what, remote, forwarded, asker] of [
    ['no proxy', '192.0.2.1', undefined, '192.0.2.1'],
    ['a stranger who names somebody', '192.0.2.1', '198.51.100.7', '192.0.2.1'],
    ['a proxy', '127.0.0.1', '198.51.100.7', '198.51.100.7'],
    ['as a socket of both families sees it', '::ffff:127.0.0.1', '198.51.100.7', '198.51.100.7'],
    ['two proxies in a row', '127.0.0.1', '198.51.100.7, 10.1.2.3', '198.51.100.7'],
    ['what the asker made up stands on the left', '127.0.0.1', '203.0.113.9, 198.51.100.7', '198.51.100.7'],
    ['in several headers', 'fd00::1', ['203.0.113.9', '198.51.100.7'], '198.51.100.7'],
    ['by IPv6 the network', '127.0.0.1', '2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
    ['a proxy that names nobody', '127.0.0.1', undefined, '127.0.0.1'],
    ['a proxy that names nonsense', '127.0.0.1', '198.51.100.7, unknown', '127.0.0.1'],
    ['only proxies', '127.0.0.1', '10.0.0.9', '10.0.0.9'],
    ['gone already', undefined, '198.51.100.7', ''],
  ] as const)
    t.equal(askerOf(proxies, remote, forwarded as string | string[] | undefined), asker, what);
  t.equal(askerOf([], '127.0.0.1', '198.51.100.7'), '127.0.0.1', 'none is trusted unless it is named');
});
