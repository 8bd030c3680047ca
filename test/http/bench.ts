/** The bench of the HTTP tests: the real app over real rooms on a database of its own, people with real keys, a stepped clock. */
import type { InjectOptions } from 'fastify';
import type { Logger } from 'pino';
import { type Config, readConfig } from '../../server/config.ts';
import { toBase64, toBase64Url } from '../../server/core/log/base64.ts';
import type { Json, JsonObject } from '../../server/core/log/canonical.ts';
import { formatInstant } from '../../server/core/log/instant.ts';
import { emptyRoot } from '../../server/core/log/merkle.ts';
import { ledgerOrigin, openingOrigin } from '../../server/core/log/origin.ts';
import { COMMANDS } from '../../server/core/opening/commands.ts';
import { PROFILES } from '../../server/core/opening/policy.ts';
import { REGISTER_COMMANDS } from '../../server/core/opening/register.ts';
import type { PersonRole } from '../../server/core/opening/roles.ts';
import { signAct, signProof, signStepUp } from '../../server/core/pki/person-jws.ts';
import { sha256 } from '../../server/hash.ts';
import { type App, createApp } from '../../server/http/app.ts';
import type { Dependencies } from '../../server/http/dependencies.ts';
import { createLogger } from '../../server/http/diagnostics.ts';
import { whyNoSeat } from '../../server/identity/seats.ts';
import { issueToken } from '../../server/identity/tokens.ts';
import { NO_COSIGNERS } from '../../server/ledger/cosigner-policy.ts';
import { type Ledger, openLedger } from '../../server/ledger/ledger.ts';
import { createPublishedHead } from '../../server/ledger/published-head.ts';
import { changeTrust, recordOperatorAct } from '../../server/ledger/trust.ts';
import { createHall } from '../../server/live/hall.ts';
import { createLogView } from '../../server/live/log-view.ts';
import { type Recorder, startRecorder } from '../../server/recorder/recorder.ts';
import { listen } from '../../server/store/announce.ts';
import { createUploads } from '../../server/vault/uploads.ts';
import { openVaultFolder } from '../../server/vault/vault-folder.ts';
import {
  accountOf,
  enterOfficials,
  logIn,
  ORIGIN,
  organisation,
  type Person,
  person,
  type Stage,
  setStage,
} from '../identity/stage.ts';
import { newFolder } from '../support/folder.ts';
import { lodgedBid } from '../support/opening-people.ts';
import { testDesk, until, type Verdicts } from '../support/recorder.ts';
import { testSigner } from '../support/signed-log.ts';
import type { SteppedWorld } from '../support/world.ts';

export { ORIGIN };
export const OPENING_ID = 'zhangye-2026-001';
export const MINUTE = 60_000;
/** The clock passes in such steps: sockets must get to answer their pings between two heartbeats. */
const STEP_MS = 3_000;
/** Looks at a room between two steps of the clock towards its next frame. */
const LOOKS_PER_STEP = 50;
/** No outages here: a slow test machine is none. */
const TOLERANCE_MS = 24 * 60 * MINUTE;
export const OFFICIALS = { host: 1, tenderer: 2, witness: 3, supervisor: 4, auditor: 5 } as const;
export type Official = keyof typeof OFFICIALS;

export type Answer = Awaited<ReturnType<App['inject']>>;

export type Bench = {
  readonly stage: Stage;
  readonly app: App;
  readonly recorder: Recorder;
  readonly dependencies: Dependencies;
  readonly ledger: Ledger;
  readonly deadlineAt: number;
  /** Everything the server wrote to its diagnostics. */
  readonly diagnostics: string[];
  /** Logged in anew for each test file; officials hold their roles in OPENING_ID once it is created. */
  official(role: Official): Promise<Person>;
  bidder(index: number): Promise<Person>;
  /** A request in a person's name, or the public's. */
  ask(who: Person | null, request: InjectOptions & { readonly url: string }): Promise<Answer>;
  /** Creates an opening over HTTP, and publishes it unless it is to stay a draft. */
  create(openingId?: string, isDraft?: boolean): Promise<void>;
  /** A signed command over HTTP. */
  command(
    who: Person,
    role: PersonRole,
    type: string,
    data?: JsonObject,
    openingId?: string,
    id?: string,
  ): Promise<Answer>;
  /** Puts a bid on the register as the gate would, without an envelope. */
  lodge(who: Person, index: number, openingId?: string): Promise<void>;
  /** Lets the clock pass. */
  pass(ms: number): Promise<void>;
  passTo(at: number): Promise<void>;
  ticket(who: Person, role: PersonRole, openingId?: string): Promise<string>;
  /** Waits until viewers are shown this phase. */
  untilPhase(phase: string, openingId?: string): Promise<void>;
};

type Teardown = { teardown(act: () => Promise<void>): void };

/** Sets the bench; `verdicts` is what the vault finds. */
export async function setBench(
  t: Teardown,
  changes: {
    readonly environment?: Record<string, string>;
    readonly verdicts?: Verdicts;
    readonly dependencies?: Partial<Dependencies>;
  } = {},
): Promise<Bench> {
  const stage = await setStage(t);
  const { world, database } = stage;
  const { sql, db } = database;
  const holders = Object.fromEntries(
    Object.entries(OFFICIALS).map(([role, index]) => [role, person(index, role.toUpperCase())]),
  ) as Record<Official, ReturnType<typeof person>>;
  await enterOfficials(stage, ...Object.values(holders));
  const config: Config = readConfig({
    KAIBIAO_PLATFORM: stage.config.platform,
    KAIBIAO_PUBLIC_ORIGIN: ORIGIN,
    KAIBIAO_METRICS_TOKEN: 'a-token-for-metrics',
    ...changes.environment,
  });
  const signer = await testSigner(t);
  const faults: unknown[] = [];
  const onFault = (error: unknown) => faults.push(error);
  const ledger = await openLedger({
    database,
    signer,
    world,
    platform: config.platform,
    batchPeriodMs: config.registerBatchPeriodMs,
    headPeriodMs: config.headPeriodMs,
    onFault,
  });
  const vaultKey = new Uint8Array(32).fill(7);
  const recorder = await startRecorder({
    sql,
    world,
    signer,
    desk: testDesk(changes.verdicts ?? (() => null)),
    platform: config.platform,
    production: false,
    vaultKey,
    heartbeatMs: config.heartbeatPeriodMs,
    outageToleranceMs: TOLERANCE_MS,
    isCosigned: async () => true,
    cosigners: { quorum: 0, vkeys: [] },
    onSealed: () => undefined,
    onFault,
  });
  const isBidder = async (openingId: string, account: string) =>
    (await recorder.keptOf(openingId))?.register.bidders.has(account.slice(0, 18)) === true;
  const diagnostics: string[] = [];
  const logger = createLogger('info', { write: (line: string) => void diagnostics.push(line) });
  const log = createLogView(sql, signer);
  const hall = createHall({
    log,
    world,
    config,
    logger,
    whyNoSeat: async ({ openingId, account, sessionId, role }) =>
      account === null || sessionId === null
        ? null
        : whyNoSeat({ db, world, isBidder }, { openingId, account, sessionId, role }),
  });
  const stopListening = await listen(
    database,
    (origin) => hall.hear(origin),
    () => hall.hearAll(),
  );
  const envelopes =
    changes.dependencies?.envelopes ?? (await openVaultFolder(await newFolder(t, 'vault'), world.randomBytes));
  const dependencies: Dependencies = {
    config,
    world,
    sql,
    identity: { ...stage, isBidder },
    recorder,
    hall,
    signer,
    log,
    cosigners: NO_COSIGNERS,
    cosignersSeen: () => [],
    publishedLedger: createPublishedHead(sql, ledgerOrigin(config.platform), NO_COSIGNERS),
    envelopes,
    uploads: createUploads({ sql, world, envelopes, lifetimeMs: config.uploadLifetimeMs }),
    vaultKey,
    ledger: {
      recordAccess: ledger.recordAccess,
      proofOfAct: ledger.proofOfAct,
      recordOperatorAct: (author, what) => recordOperatorAct(ledger.writer, author, what),
      changeTrust: (author, step) => changeTrust(ledger.writer, author, step),
    },
    term: () => 1,
    authorities: 0,
    lagMs: () => 0,
    clockOffsetMs: () => 0,
    pagesFolder: null,
    ...changes.dependencies,
  };
  const app = await createApp(dependencies, logger as Logger);
  t.teardown(async () => {
    hall.close('server_stopping');
    // Not every test's socket answers a close any more.
    for (const socket of app.websocketServer.clients) socket.terminate();
    await app.close();
    await stopListening();
    await recorder.close();
    await ledger.close();
  });

  const people = new Map<string, Promise<Person>>();
  const enter = (name: string, make: () => Promise<Person>): Promise<Person> => {
    const known = people.get(name) ?? make();
    people.set(name, known);
    return known;
  };
  const deadlineAt = world.now() + 3 * MINUTE;
  const details = {
    title: '张掖市某道路工程',
    project: { code: 'P-1', name: '道路工程' },
    lot: { code: 'LOT-1', name: '第一标段' },
    tenderer: '招标人',
    agency: '代理机构',
    place: '开标一室',
    deadlineAt: formatInstant(deadlineAt),
  };
  const policy = {
    ...PROFILES.rehearsal.defaults,
    minimumBidders: 1,
    checkInLeadMs: MINUTE,
    decryptionWindowMs: 5 * MINUTE,
  };
  let commands = 0;

  const bench: Bench = {
    stage,
    app,
    recorder,
    dependencies,
    ledger,
    deadlineAt,
    diagnostics,
    official: (role) => enter(role, () => logIn(stage, holders[role], 'p256')),
    bidder: (index) => enter(`bidder ${index}`, () => logIn(stage, organisation(100 + index), 'p256')),
    async ask(who, { headers, method = 'GET', ...request }) {
      const proof = who === null ? {} : await proofFor(stage, who, String(method), request.url);
      const asked = app.inject({ method, ...request, headers: { ...proof, ...headers } });
      return WAITS.test(request.url) ? whileTimePasses(world, asked) : asked;
    },
    async create(openingId = OPENING_ID, isDraft = false) {
      const host = await bench.official('host');
      const assignments = Object.entries(holders).map(([role, holder]) => ({ account: accountOf(holder), role }));
      const data = { profile: 'rehearsal', details, policy, assignments };
      const act = await sign(host, openingId, `create-${openingId}`, 'CreateOpening', data as unknown as Json);
      const created = await bench.ask(host, {
        method: 'POST',
        url: '/openings',
        payload: { id: `create-${openingId}`, openingId, ...data, act },
      });
      if (created.statusCode !== 200) throw new Error(created.body);
      if (isDraft) return;
      const published = await bench.command(host, 'host', 'PublishOpening', {}, openingId);
      if (published.statusCode !== 200) throw new Error(published.body);
    },
    async command(who, role, type, data = {}, openingId = OPENING_ID, id = `c-${commands++}`) {
      const act = await sign(who, openingId, id, type, data);
      return bench.ask(who, {
        method: 'POST',
        url: `/openings/${openingId}/commands`,
        payload: { id, type, data, role, act },
      });
    },
    async lodge(who, index, openingId = OPENING_ID) {
      const state = await recorder.stateOf(openingId);
      if (state === null) throw new Error('no opening');
      const bidId = toBase64Url(sha256(Buffer.from(`${openingId} ${index}`))).slice(0, 22);
      const data = lodgedBid(index, { policyHash: state.policyHash, deadlineAt: details.deadlineAt }, { bidId });
      const id = `l-${openingId}-${index}`;
      const answer = await recorder.submit({
        openingId,
        command: id,
        type: 'LodgeBid',
        data,
        role: 'bidder',
        who: { account: who.account, creditCode: who.account, name: `投标人${index}`, certSha256: who.certSha256 },
        act: { act: await sign(who, openingId, id, 'LodgeBid', data), data },
        source: { address: '192.0.2.1', client: 'test' },
        enclosure: { kind: 'envelope', file: `file-${bidId}`, header: 'AAAA', statementSha256: 'B'.repeat(43) },
      });
      if (answer.outcome === 'refused') throw new Error(answer.code);
    },
    async pass(ms) {
      for (let left = ms; left > 0; left -= STEP_MS) {
        world.advance(Math.min(left, STEP_MS));
        for (let turns = 0; turns < 20; turns++) await new Promise((resume) => setImmediate(resume));
      }
    },
    passTo: (at) => bench.pass(Math.max(0, at - world.now())),
    async ticket(who, role, openingId = OPENING_ID) {
      const answer = await bench.ask(who, { method: 'POST', url: '/auth/ticket', payload: { openingId, role } });
      if (answer.statusCode !== 200) throw new Error(answer.body);
      return (answer.json() as { ticket: string }).ticket;
    },
    async untilPhase(phase, openingId = OPENING_ID) {
      let looks = 0;
      await until(async () => {
        // The room's next frame waits for the clock; the announcement before it does not, and the clock may not run away meanwhile.
        if (++looks % LOOKS_PER_STEP === 0) world.advance(20);
        return (await hall.room(openingId))?.state().phase === phase;
      });
    },
  };

  function sign(who: Person, openingId: string, id: string, type: string, data: Json): Promise<string> {
    const terms = {
      account: who.account,
      platform: config.platform,
      openingId,
      command: id,
      type,
      data,
      headSeen: { size: 0, root: toBase64(emptyRoot(sha256)) },
      iatSeconds: Math.floor(world.now() / 1000),
    };
    const table: Readonly<Record<string, { readonly signedBy: string }>> = { ...COMMANDS, ...REGISTER_COMMANDS };
    return table[type]?.signedBy === 'certificate'
      ? signStepUp(sha256, who.signer, terms)
      : signAct(sha256, who.session, terms);
  }
  return bench;
}

/** The headers of a request in somebody's name; a token that has run out is made anew, as a client would have it renewed. */
export async function proofFor(
  stage: Stage,
  who: Person,
  method: string,
  path: string,
): Promise<Record<string, string>> {
  const now = stage.world.now();
  const fresh = now < who.expiresAt ? who : await issueToken(stage, who.caller, who.sessionEndsAt);
  const proof = await signProof(sha256, who.session, {
    method,
    url: `${ORIGIN}${path.replace(/\?.*$/, '')}`,
    accessToken: fresh.accessToken,
    jti: toBase64Url(stage.world.randomBytes(16)),
    iatSeconds: Math.floor(now / 1000),
  });
  return { authorization: `DPoP ${fresh.accessToken}`, dpop: proof };
}

/** What a page of the log waits for is the room's next frame, and that for the clock. */
const WAITS = /^\/openings\/[^/]+\/(entries|decryptions\/challenge)/;

async function whileTimePasses(world: SteppedWorld, asked: Promise<Answer>): Promise<Answer> {
  let isAnswered = false;
  const answer = asked.finally(() => {
    isAnswered = true;
  });
  for (let turns = 1; !isAnswered; turns++) {
    await new Promise((resume) => setImmediate(resume));
    if (turns % 100 === 0) world.advance(20);
  }
  return answer;
}

/** The code of a problem, with its status and type checked to be one. */
export function problemIn(answer: { statusCode: number; headers: Record<string, unknown>; body: string }): string {
  if (!String(answer.headers['content-type']).startsWith('application/problem+json'))
    throw new Error(`no problem: ${answer.statusCode} ${answer.body}`);
  const problem = JSON.parse(answer.body) as Record<string, unknown>;
  for (const member of ['type', 'title', 'status', 'code', 'zh', 'en'])
    if (problem[member] === undefined) throw new Error(`a problem without ${member}`);
  if (problem['status'] !== answer.statusCode) throw new Error('the status is not the status');
  return `${answer.statusCode} ${String(problem['code'])}`;
}

export const originOf = (openingId = OPENING_ID): string => openingOrigin('kaibiao.test', openingId);
