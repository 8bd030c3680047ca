/** /healthz, /readyz and /metrics: whether it lives, whether it takes commands, and how it is doing. */
import { timingSafeEqual } from 'node:crypto';
import { collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import * as Type from 'typebox';
import { formatInstant } from '../core/log/instant.ts';
import { utf8 } from '../core/log/utf8.ts';
import { sha256 } from '../hash.ts';
import { areCosignersAmiss, claimants, type SeenCosigner } from '../ledger/cosigner-standings.ts';
import { COSIGNER_ALARM_CODES } from '../recorder/recovery.ts';
import type { Dependencies, Nouns } from './dependencies.ts';
import { ProblemError } from './errors.ts';

const tags = ['health'];
const Alive = Type.Object({ status: Type.Literal('alive') });
const Ready = Type.Object({
  /** `degraded`: commands are taken, and something is amiss with the cosigners that somebody should look after. */
  status: Type.Union([Type.Literal('ready'), Type.Literal('degraded'), Type.Literal('read_only')]),
  /** Whether this process decides and signs, or another does and this one hands it what it receives. */
  part: Type.Union([Type.Literal('leader'), Type.Literal('follower')]),
  clockOffsetMs: Type.Integer(),
  isClockRight: Type.Boolean(),
  /** Whom the platform asks to countersign its ledger, as this process last heard of them. */
  cosigners: Type.Array(
    Type.Object({
      name: Type.String(),
      isOfQuorum: Type.Boolean(),
      /** A code: what it claims against the ledger and has shown nothing of; null before it was asked. */
      state: Type.Union([Type.Enum(['signs', 'silent', ...COSIGNER_ALARM_CODES]), Type.Null()]),
      signedSize: Type.Union([Type.Integer(), Type.Null()]),
      /** RFC 3339, UTC. */
      signedAt: Type.Union([Type.String(), Type.Null()]),
    }),
  ),
});

const PREFIX = 'kaibiao_';
/** Figures that count connections and so those who look on. */
const TELLING = [
  'process_open_fds',
  'nodejs_active_handles',
  'nodejs_active_handles_total',
  'nodejs_active_requests',
  'nodejs_active_requests_total',
  'nodejs_active_resources',
  'nodejs_active_resources_total',
] as const;

export function addHealth(app: Nouns, dependencies: Dependencies): void {
  const { config, recorder } = dependencies;
  // Asked by machines all the time, also when the server is busiest.
  const exempt = { isVital: true, limit: null } as const;

  app.get(
    '/healthz',
    { config: exempt, schema: { tags, summary: 'It lives', response: { 200: Alive } } },
    async () => ({
      status: 'alive' as const,
    }),
  );

  app.get(
    '/readyz',
    {
      config: exempt,
      schema: {
        tags,
        summary: 'It takes commands, and how the cosigners stand; 503 when it only reads',
        response: { 200: Ready, 503: Ready },
      },
    },
    async (_request, reply) => {
      const { readOnly } = recorder.health();
      const clockOffsetMs = dependencies.clockOffsetMs();
      const isClockRight = Math.abs(clockOffsetMs) <= config.clockSkewLimitMs;
      const seen = dependencies.cosignersSeen();
      const isAmiss = areCosignersAmiss(dependencies.cosigners, seen);
      const status = readOnly ? ('read_only' as const) : isAmiss ? ('degraded' as const) : ('ready' as const);
      const part = dependencies.term() === null ? ('follower' as const) : ('leader' as const);
      const cosigners = seen.map(({ signedAt, ...one }) => ({
        ...one,
        signedAt: signedAt === null ? null : formatInstant(signedAt),
      }));
      return reply.code(readOnly ? 503 : 200).send({ status, part, clockOffsetMs, isClockRight, cosigners });
    },
  );

  const metrics = createMetrics(app, dependencies);
  app.get('/metrics', { config: exempt, schema: { hide: true } }, async (request, reply) => {
    if (!isAllowed(config.metricsToken, request.headers.authorization)) throw new ProblemError('no_such_address');
    return reply.type(metrics.contentType).send(await metrics.metrics());
  });
}

/** Compared by their hashes: in a time that tells nothing of the token. */
function isAllowed(token: string | null, authorization: string | undefined): boolean {
  const given = /^Bearer ([\x21-\x7e]+)$/.exec(authorization ?? '')?.[1];
  if (token === null || given === undefined) return false;
  return timingSafeEqual(sha256(utf8(given)), sha256(utf8(token)));
}

/**
 * The figures of this process.
 *
 * Why: only what the public reads is timed. How often bids are lodged, people check in or look on would tell before the
 *      roster how many bid (招投标法22), and whoever runs the server may not know that either.
 */
function createMetrics(app: Nouns, { lagMs, recorder, term, cosignersSeen }: Dependencies): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, prefix: PREFIX });
  for (const name of TELLING) registry.removeSingleMetric(PREFIX + name);
  const reads = new Histogram({
    name: 'kaibiao_read_seconds',
    help: 'Answers to GET requests by route and status.',
    labelNames: ['route', 'status'],
    buckets: [0.001, 0.005, 0.02, 0.1, 0.5, 2],
    registers: [registry],
  });
  app.addHook('onResponse', async (request, reply) => {
    if (request.method !== 'GET' || request.ws || request.headers.authorization !== undefined) return;
    reads.observe({ route: request.routeOptions.url ?? 'none', status: reply.statusCode }, reply.elapsedTime / 1000);
  });
  gauge('kaibiao_event_loop_lag_seconds', 'Mean lag of the event loop in the last second.', () => lagMs() / 1000);
  gauge('kaibiao_read_only', '1 while no command is taken.', () => (recorder.health().readOnly ? 1 : 0));
  gauge(
    'kaibiao_damaged_envelopes',
    'Stored envelopes that the last scans found damaged; the leader’s.',
    () => recorder.health().damaged,
  );
  gauge('kaibiao_leader_term', 'The term this process leads in; 0 while another leads.', () => term() ?? 0);
  ofCosigners(
    'kaibiao_cosigner_signs',
    '1 while this cosigner signs; 0 while it is silent or claims otherwise.',
    (c) => (c.state === 'signs' ? 1 : 0),
  );
  ofCosigners(
    'kaibiao_cosigner_claims',
    '1 while this cosigner claims another history and shows nothing of it.',
    (c) => claimants([c]).length,
  );
  ofCosigners(
    'kaibiao_cosigner_signed_size',
    'The largest head of the ledger that this cosigner signed.',
    (c) => c.signedSize ?? 0,
  );
  ofCosigners(
    'kaibiao_cosigner_signed_seconds',
    'When it signed that, in seconds since 1970; 0: never.',
    (c) => (c.signedAt ?? 0) / 1000,
  );
  return registry;

  function ofCosigners(name: string, help: string, read: (one: SeenCosigner) => number): void {
    new Gauge({
      name,
      help,
      labelNames: ['cosigner'],
      registers: [registry],
      collect() {
        for (const one of cosignersSeen()) this.set({ cosigner: one.name }, read(one));
      },
    });
  }

  function gauge(name: string, help: string, read: () => number): void {
    new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        this.set(read());
      },
    });
  }
}
