/** A server of golden logs as a platform serves them: tiles under /logs, and what the public may see under /openings. */
import fastify from 'fastify';
import { disclosuresOf, filesOf, type GoldenLog } from './golden-log.ts';

type Teardown = { teardown(act: () => Promise<void>): void };

export type GoldenServer = {
  readonly url: string;
  /** Answers for one path with something else: bytes, a status, elsewhere, never at all; null answers as before. */
  spoil(path: string, answer: Spoiled | null): void;
  /** Called whenever something is asked for that is never answered. */
  onNever(listener: () => void): void;
};

type Spoiled = Uint8Array | number | { readonly redirect: string } | 'never';

export type StampedServer = GoldenServer & {
  /** What it answers when it is asked for the evidence of an opening's stamp; nothing before. */
  stamp(openingId: string, evidence: unknown): void;
};

/** Serves openings by their id, and a ledger. Entries go out in pages of `pageEntries`, as a real server's may be short. */
export async function goldenServer(
  t: Teardown,
  { openings, ledger, pageEntries = 7 }: { openings: GoldenLog[]; ledger: GoldenLog; pageEntries?: number },
): Promise<StampedServer> {
  const files = new Map<string, Uint8Array>();
  const logs = new Map<string, GoldenLog>();
  for (const log of [...openings, ledger]) {
    const prefix = log === ledger ? '/logs/ledger' : `/logs/opening/${idOf(log)}`;
    if (log !== ledger) logs.set(idOf(log), log);
    for (const [path, bytes] of filesOf({ ...log, fields: {}, anchor: null })) files.set(`${prefix}/${path}`, bytes);
  }
  const spoiled = new Map<string, Spoiled>();
  const stamps = new Map<string, unknown>();
  let whenNever = (): void => undefined;
  const app = fastify({ forceCloseConnections: true });
  app.get('/logs/*', async (request, reply) => {
    const answer = spoiled.get(request.url) ?? files.get(request.url) ?? 404;
    if (answer === 'never') {
      whenNever();
      return reply.hijack();
    }
    if (typeof answer === 'number') return reply.code(answer).send();
    if ('redirect' in answer) return reply.redirect(answer.redirect);
    return reply.send(Buffer.from(answer));
  });
  app.get<{ Params: { id: string }; Querystring: { after: string } }>(
    '/openings/:id/entries',
    async ({ params, query }, reply) => {
      const log = logs.get(params.id);
      const answer = spoiled.get(`/openings/${params.id}/entries`);
      if (typeof answer === 'number') return reply.code(answer).send();
      if (answer instanceof Uint8Array) return reply.send(answer);
      if (log === undefined) return reply.code(404).send();
      const from = Number(query.after) + 1;
      const entries = log.entries.slice(from, from + pageEntries);
      const disclosures = Object.fromEntries(
        entries.map((_, n) => [String(from + n), disclosuresOf(log, from + n)]).filter(([, texts]) => texts?.length),
      );
      return { entries, disclosures, checkpoint: log.checkpoint, size: log.entries.length };
    },
  );
  app.get<{ Params: { id: string } }>('/openings/:id/timestamp/evidence', async ({ params }, reply) =>
    stamps.has(params.id) ? reply.send(stamps.get(params.id)) : reply.code(404).send(),
  );
  const url = await app.listen({ port: 0, host: '127.0.0.1' });
  t.teardown(() => app.close());
  return {
    url,
    spoil: (path, answer) => void (answer === null ? spoiled.delete(path) : spoiled.set(path, answer)),
    onNever(listener) {
      whenNever = listener;
    },
    stamp: (openingId, evidence) => void stamps.set(openingId, evidence),
  };
}

export function idOf(log: GoldenLog): string {
  const origin = log.vkey.slice(0, log.vkey.indexOf('+'));
  return origin.slice(origin.lastIndexOf('/') + 1);
}
