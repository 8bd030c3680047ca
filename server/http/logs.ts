/** /logs: every log as C2SP tlog-tiles, for anyone's verifier. Nothing above the released head is served. */

import type { FastifyReply } from 'fastify';
import * as Type from 'typebox';
import { parseEntry } from '../core/log/entry.ts';
import { LogFormatError } from '../core/log/error.ts';
import { accessOrigin, type LogKind, ledgerOrigin, openingOrigin } from '../core/log/origin.ts';
import { parseTilePath } from '../core/log/tile.ts';
import { fromUtf8 } from '../core/log/utf8.ts';
import { OpeningId } from '../core/opening/details.ts';
import { releasedNow } from '../live/log-view.ts';
import type { Sql } from '../store/driver.ts';
import { proofsOf, readKeyAnnouncements, readTile } from '../store/read-log.ts';
import type { Dependencies, Nouns } from './dependencies.ts';
import { ProblemError } from './errors.ts';
import { strict } from './schemas.ts';

const tags = ['logs'];
const CHECKPOINT_CACHE = 'public, max-age=1';
/** An opening keeps the key it began with; the platform's own logs may go over to another. */
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
  const ofLedger = `${summary}; keys: {checkpoint, keys: [{entry, proof}]}, how the platform's keys followed one another`;
  app.get('/logs/ledger/*', { schema: { tags, summary: ofLedger, params: OfPlatform } }, ({ params }, reply) =>
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
      .header('cache-control', kind === 'opening' ? KEY_CACHE : CHECKPOINT_CACHE)
      .type('text/plain; charset=utf-8')
      .send(`${signer.vkeyOf(origin, kind)}\n`);
  if (path === 'keys' && kind === 'ledger')
    return reply
      .header('cache-control', CHECKPOINT_CACHE)
      .send(await readKeyLinks(sql, origin, await publishedLedger.of(head)));
  const tile = await readTile(sql, origin, tileOf(path), head.size);
  if (tile === null) throw new ProblemError('no_such_tile');
  return reply.header('cache-control', TILE_CACHE).type('application/octet-stream').send(Buffer.from(tile));
}

/** How the platform's keys followed one another: every announcement of the ledger, each proven under the head that is shown. */
async function readKeyLinks(
  sql: Sql,
  origin: string,
  { size, note }: { readonly size: number; readonly note: string },
) {
  const found = (await readKeyAnnouncements(sql, origin)).filter(
    ({ seq, bytes }) => seq < size && parseEntry(bytes).type === 'KeyAnnounced',
  );
  const seqs = found.map(({ seq }) => seq);
  const proofs = seqs.length === 0 ? [] : await proofsOf(sql, origin, seqs, size, note);
  return { checkpoint: note, keys: found.map(({ bytes }, n) => ({ entry: fromUtf8(bytes), proof: proofs[n] ?? '' })) };
}

function tileOf(path: string) {
  try {
    return parseTilePath(path);
  } catch (fault) {
    if (fault instanceof LogFormatError) throw new ProblemError('log_path_malformed');
    throw fault;
  }
}
