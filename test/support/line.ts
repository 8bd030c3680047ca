/** A line to the database that a test can cut: no word of farewell on it, as when a machine loses its power. */
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

type Place = { readonly host: string; readonly port: number; readonly database: string; readonly user: string };

export type Line = {
  /** The same database, by way of this line. */
  readonly place: Place;
  /** Cuts every connection there is; new ones are let through. */
  cut(): void;
  /**
   * Cuts the connection on which the database next says something that holds this text, before it is heard.
   *
   * Returns: when it is cut.
   */
  cutBefore(text: string): Promise<void>;
  /** What the database says no longer arrives, and nobody is told: as when a cable is cut. What is lost is not made good. */
  silence(isSilent: boolean): void;
  /** Takes the line away, as when the database is stopped; or lays it again. */
  block(isBlocked: boolean): Promise<void>;
  /** Connections that are through. */
  open(): number;
};

type Teardown = { teardown(act: () => Promise<void>): void };

export async function lineTo(t: Teardown, place: Place): Promise<Line> {
  const folder = await mkdtemp(join(tmpdir(), 'kaibiao-line-'));
  const name = `.s.PGSQL.${place.port}`;
  const pairs = new Set<() => void>();
  let isSilent = false;
  let watched: { readonly text: Buffer; readonly onCut: () => void } | null = null;
  const server = createServer((near: Socket) => {
    const far = connect(join(place.host, name));
    const end = (): void => {
      near.destroy();
      far.destroy();
      pairs.delete(end);
    };
    pairs.add(end);
    for (const side of [near, far]) side.on('error', end).on('close', end);
    near.pipe(far);
    far.on('data', (said: Buffer) => {
      if (isSilent) return;
      if (watched?.text !== undefined && said.includes(watched.text)) {
        const { onCut } = watched;
        watched = null;
        end();
        onCut();
      } else near.write(said);
    });
  });
  const lay = () => new Promise<void>((listening) => server.listen(join(folder, name), listening));
  const take = () => new Promise((closed) => server.close(closed));
  await lay();
  const cut = (): void => {
    for (const end of [...pairs]) end();
  };
  t.teardown(async () => {
    cut();
    await take();
    await rm(folder, { recursive: true, force: true });
  });
  return {
    place: { ...place, host: folder },
    cut,
    cutBefore: (text) =>
      new Promise((onCut) => {
        watched = { text: Buffer.from(text), onCut };
      }),
    silence(is) {
      isSilent = is;
    },
    async block(isBlocked) {
      cut();
      await (isBlocked ? take() : lay());
    },
    open: () => pairs.size,
  };
}
