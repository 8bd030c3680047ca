/** The line of one connection to the database: laid once to each host that is named, and never again behind the pool's back. */
import { connect, type NetConnectOpts, type Socket } from 'node:net';
import type { World } from '../world.ts';
import { connectionError, told } from './pool-errors.ts';

/** Where the driver would connect to: a Unix socket, or hosts with their ports. */
export type Places = { readonly path?: string; readonly host: readonly string[]; readonly port: readonly number[] };

export type DatabaseLine = {
  /** A connected socket, for the driver. Throws: CONNECTION_CLOSED, of which `onFail` is told as well. */
  lay(places: Places): Promise<Socket>;
  /** Ends it at once: nobody waits for the other end. */
  cut(): void;
};

/**
 * A line that is not laid yet.
 *
 * Why: a connection that ends before PostgreSQL was ready the driver opens anew, at once and without end, and tells nobody
 *      (postgres 3.4.9, `closed` with `initial`); and one that was given up it opens again for a query that it still holds. Here
 *      the second time is refused, and whoever waits is told.
 */
export function createDatabaseLine(
  { after, connectMs }: Pick<World, 'after'> & { readonly connectMs: number },
  onFail: (why: unknown) => void,
): DatabaseLine {
  let tried = 0;
  let isCut = false;
  let socket: Socket | null = null;

  function reach(place: NetConnectOpts): Promise<Socket> {
    return new Promise((done, fail) => {
      const reaching = connect(place);
      socket = reaching;
      const cancel = after(connectMs, () =>
        reaching.destroy(connectionError('CONNECTION_CLOSED', `no connection to the database within ${connectMs} ms`)),
      );
      const end = (error?: Error): void => {
        cancel();
        fail(error ?? connectionError('CONNECTION_CLOSED', 'the connection to the database was given up'));
      };
      reaching.once('error', end);
      reaching.once('close', () => end());
      reaching.once('connect', () => {
        cancel();
        reaching.removeAllListeners();
        done(reaching);
      });
    });
  }

  async function lay({ path, host, port }: Places): Promise<Socket> {
    let last: unknown = connectionError('CONNECTION_CLOSED', 'the connection was closed before the database was ready');
    const places = path ? [{ path }] : host.map((name, n) => ({ host: name, port: port[n] ?? port[0] ?? 0 }));
    while (!isCut && tried < places.length) {
      const place = places[tried] as NetConnectOpts;
      tried += 1;
      try {
        // The driver names the host from here when it asks for TLS.
        return Object.assign(await reach(place), place);
      } catch (error) {
        last = told(error);
      }
    }
    throw last;
  }

  return {
    async lay(places) {
      try {
        return await lay(places);
      } catch (error) {
        onFail(error);
        throw error;
      }
    },
    cut() {
      isCut = true;
      socket?.destroy();
    },
  };
}
