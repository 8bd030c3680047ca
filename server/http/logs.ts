/** /logs: every log as C2SP tlog-tiles, for anyone's verifier. Nothing above the released head is served. */

import type { FastifyReply } from 'fastify';
import * as Type from 'typebox';
import { LogFormatError } from '../core/log/error.ts';
import { accessOrigin, type LogKind, ledgerOrigin, openingOrigin } from '../core/log/origin.ts';
import { parseTilePath } from '../core/log/tile.ts';
import { OpeningId } from '../core/opening/details.ts';
import { releasedNow } from '../live/log-view.ts';
import { readTile } from '../store/read-log.ts';
import type { Dependencies, Nouns } from './dependencies.ts';
import { ProblemError } from './errors.ts';
import { strict } from './schemas.ts';

const tags = ['logs'];
const CHECKPOINT_CACHE = 'public, max-age=1';
const KEY_CACHE = 'public, max-age=86400';
/** What a path names can never change: a tile of a given width is the same in every later tree. */
const TILE_CACHE = 'public, max-age=31536000, immutable';

const File = Type.String({ maxLength: 120 });
const OfOpening = Type.Object({ openingId: OpeningId, '*': File }, strict);
const OfPlatform = Type.Object({ '*': File }, strict);

export function addLogs(app: Nouns, dependencies: Dependencies): void {
  const { platform } = dependencies.config;
  const summary = 'checkpoint, vkey, tile/<L>/<N>[.p/<W>] or tile/entries/<N>[.p/<W>]';
  app.get('/logs/opening/:openingId/*', { schema: { tags, summary, params: OfOpening } }, ({ params }, reply) =>
    answerFile(dependencies, openingOrigin(platform, params.openingId), 'opening', params['*'], reply),
  );
  app.get('/logs/ledger/*', { schema: { tags, summary, params: OfPlatform } }, ({ params }, reply) =>
    answerFile(dependencies, ledgerOrigin(platform), 'ledger', params['*'], reply),
  );
  app.get('/logs/access/*', { schema: { tags, summary, params: OfPlatform } }, ({ params }, reply) =>
    answerFile(dependencies, accessOrigin(platform), 'access', params['*'], reply),
  );
}

/** Throws: ProblemError no_such_log, log_path_malformed, no_such_tile; LogDamagedError. */
async function answerFile(
  { signer, log, sql, publishedLedger }: Dependencies,
  origin: string,
  kind: LogKind,
  path: string,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const head = await releasedNow(log, origin);
  if (head === null) throw new ProblemError('no_such_log');
  // Anyone's page may read a log: there is nothing in it that is not everyone's.
  reply.header('access-control-allow-origin', '*').header('cross-origin-resource-policy', 'cross-origin');
  if (path === 'checkpoint')
    return reply
      .header('cache-control', CHECKPOINT_CACHE)
      .type('text/plain; charset=utf-8')
      .send((kind === 'ledger' ? await publishedLedger.of(head) : head).note);
  if (path === 'vkey')
    return reply
      .header('cache-control', KEY_CACHE)
      .type('text/plain; charset=utf-8')
      .send(`${signer.vkeyOf(origin, kind)}\n`);
  const tile = await readTile(sql, origin, tileOf(path), head.size);
  if (tile === null) throw new ProblemError('no_such_tile');
  return reply.header('cache-control', TILE_CACHE).type('application/octet-stream').send(Buffer.from(tile));
}

function tileOf(path: string) {
  try {
    return parseTilePath(path);
  } catch (fault) {
    if (fault instanceof LogFormatError) throw new ProblemError('log_path_malformed');
    throw fault;
  }
}
