/** The HTTP server as one fastify app: headers, limits, load shedding and problems around the nouns. */
import helmet from '@fastify/helmet';
import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import websocket from '@fastify/websocket';
import { type FastifyBaseLogger, type FastifyError, fastify, LogController } from 'fastify';
import type { Logger } from 'pino';
import { agentOrigin } from '../client/agent-protocol.ts';
import { REPORT_PATH } from '../core/log/head-report.ts';
import { UP_LIMIT_BYTES } from '../core/wire/up.ts';
import { SUBPROTOCOL } from '../core/wire/version.ts';
import { VERSION } from '../version.ts';
import { addAccessReads } from './access-reads.ts';
import { addActs } from './acts.ts';
import { answerError, sendProblem } from './answer.ts';
import { addAuth } from './auth.ts';
import { addCredentials, countedAs } from './authenticate.ts';
import { addBidUploads } from './bid-uploads.ts';
import { addBids } from './bids.ts';
import { addCertificates } from './certificates.ts';
import { addCommands } from './commands.ts';
import { addCosignatures } from './cosignatures.ts';
import { addCrls } from './crls.ts';
import { addDecryptions } from './decryptions.ts';
import type { Dependencies } from './dependencies.ts';
import { addEntries } from './entries.ts';
import { ProblemError } from './errors.ts';
import { addEvidence } from './evidence.ts';
import { createFaultWords } from './fault-words.ts';
import { addHealth } from './health.ts';
import { createLimits, type LimitKind } from './limits.ts';
import { addLive } from './live.ts';
import { addLogs } from './logs.ts';
import { addOpenings } from './openings.ts';
import { addOperator } from './operator.ts';
import { addPages } from './pages.ts';
import { addPhone } from './phone.ts';
import { addPlatform } from './platform.ts';
import { addPreflight } from './preflight.ts';
import { addProblems } from './problems.ts';
import { addRecord } from './record.ts';
import { addRecordPdf } from './record-pdf.ts';
import { addRoles } from './roles.ts';
import { addSessions } from './sessions.ts';
import { addSpoken } from './spoken.ts';
import { addThreads } from './threads.ts';
import { addTimestamps } from './timestamps.ts';
import { addTrust } from './trust.ts';

/** How long one request may take altogether: the largest envelope over a slow line. */
const REQUEST_LIMIT_MS = 3_600_000;

/** The policy of every page: nothing inline, nothing foreign, no text becomes script. */
export const PAGE_POLICY = {
  'default-src': ["'none'"],
  'script-src': ["'self'"],
  'style-src': ["'self'"],
  'img-src': ["'self'", 'data:', 'blob:'],
  'font-src': ["'self'"],
  'connect-src': ["'self'"],
  'media-src': ["'self'", 'blob:'],
  'worker-src': ["'self'"],
  'base-uri': ["'none'"],
  'form-action': ["'self'"],
  'frame-ancestors': ["'none'"],
  'require-trusted-types-for': ["'script'"],
  'trusted-types': ['kaibiao-worker'],
};

/** The policy with those whom pages ask beside their own platform: monitors, told of the heads that were shown, and the key agent on the same computer. Nobody else. */
export function pagePolicy(config: {
  readonly monitors: readonly string[];
  readonly agentPort: number;
}): typeof PAGE_POLICY {
  const addresses = config.monitors.map((monitor) => monitor + REPORT_PATH);
  const connect = [...PAGE_POLICY['connect-src'], ...addresses, agentOrigin(config.agentPort)];
  return { ...PAGE_POLICY, 'connect-src': connect };
}

/** The API's own description brings its page with it: it may style itself inline, and still loads nothing foreign. */
const DOCS_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Lodging, decrypting, and what leads to them: never shed (domain §5). */
    readonly isVital?: boolean;
    /** What its requests are counted as, `general` by default; null: not at all. */
    readonly limit?: LimitKind | null;
  }
}

export type App = ReturnType<typeof bare>;

function bare(logger: Logger, trustedProxies: readonly string[]) {
  return fastify({
    loggerInstance: logger as FastifyBaseLogger,
    // Who asked for what and when is the log's to say, and before the roster nobody's to read.
    logController: new LogController({ disableRequestLogging: true }),
    trustProxy: trustedProxies.length === 0 ? false : [...trustedProxies],
    requestTimeout: REQUEST_LIMIT_MS,
    routerOptions: { ignoreTrailingSlash: false, maxParamLength: 200 },
    // Nothing is quietly changed: what was signed is what was sent, and an unknown member is refused.
    ajv: {
      customOptions: {
        removeAdditional: false,
        coerceTypes: false,
        useDefaults: false,
        allErrors: false,
        strict: true,
      },
    },
  }).withTypeProvider<TypeBoxTypeProvider>();
}

/** Builds the app; it listens to nothing yet. */
export async function createApp(dependencies: Dependencies, logger: Logger): Promise<App> {
  const { config } = dependencies;
  const app = bare(logger, config.trustedProxies);
  const faults = createFaultWords(dependencies.world, app.log);
  app.addHook('onClose', async () => faults.close());
  app.setErrorHandler((error: FastifyError | Error, request, reply) => answerError(faults, error, request, reply));
  app.setNotFoundHandler((_request, reply) => sendProblem(reply, 'no_such_address'));

  app.addHook('onRequest', async (request, reply) => {
    reply.header('cache-control', 'no-store');
    const { isVital } = request.routeOptions.config;
    if (isVital !== true && dependencies.lagMs() > config.eventLoopLagLimitMs) throw new ProblemError('overloaded');
  });
  addCredentials(app, dependencies);
  const limits = createLimits(dependencies);
  app.addHook('onRequest', async (request) => {
    const { limit = 'general' } = request.routeOptions.config;
    const retryAfterS = limit === null ? null : limits.take(limit, countedAs(request));
    if (retryAfterS !== null) throw new ProblemError('too_many_requests', undefined, retryAfterS);
  });

  await app.register(helmet, {
    contentSecurityPolicy: { useDefaults: false, directives: pagePolicy(config) },
    // Over plain http a browser ignores it; behind TLS it is the proxy's origin that counts.
    strictTransportSecurity: config.publicOrigin?.startsWith('https:') === true,
    xFrameOptions: { action: 'deny' },
    referrerPolicy: { policy: 'no-referrer' },
  });
  await app.register(websocket, {
    options: {
      maxPayload: UP_LIMIT_BYTES,
      perMessageDeflate: false,
      handleProtocols: (offered: Set<string>) => (offered.has(SUBPROTOCOL) ? SUBPROTOCOL : false),
    },
    // Every socket is told why by its room; what is left here is only to let go of it.
    preClose(done) {
      this.websocketServer.close();
      done();
    },
  });
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'kaibiao',
        version: VERSION,
        description:
          'No-meeting bid openings on a signed log. Requests in a person’s name carry `Authorization: DPoP <token>` and a `DPoP` proof (RFC 9449); refusals are RFC 9457 problems whose `code` is in /problems.',
      },
    },
  });
  await app.register(swaggerUi, { routePrefix: '/docs', staticCSP: DOCS_POLICY });

  app.register(async (nouns) => {
    const typed = nouns.withTypeProvider<TypeBoxTypeProvider>();
    addAuth(typed, dependencies);
    addPhone(typed, dependencies);
    addOpenings(typed, dependencies);
    addCommands(typed, dependencies);
    addSessions(typed, dependencies);
    addEntries(typed, dependencies);
    addBids(typed, dependencies);
    addBidUploads(typed, dependencies);
    addActs(typed, dependencies);
    addDecryptions(typed, dependencies);
    addRecord(typed, dependencies);
    addRecordPdf(typed, dependencies);
    addSpoken(typed, dependencies);
    addRoles(typed, dependencies);
    addThreads(typed, dependencies);
    addAccessReads(typed, dependencies);
    addOperator(typed, dependencies);
    addTrust(typed, dependencies);
    addCertificates(typed, dependencies);
    addCrls(typed, dependencies);
    addEvidence(typed, dependencies);
    addLive(typed, dependencies, limits);
    addPreflight(typed, dependencies, limits);
    addLogs(typed, dependencies);
    addTimestamps(typed, dependencies);
    addCosignatures(typed, dependencies);
    addHealth(typed, dependencies);
    addPlatform(typed, dependencies);
    addProblems(typed);
    await addPages(typed, dependencies);
  });
  await app.ready();
  return app;
}
