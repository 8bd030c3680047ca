/** Bench `append`: 32 people act on one opening through the real recorder on a durable PostgreSQL, against bare inserts into the same. */

import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createDemoCa, type DemoCa } from '../../server/cli/demo/ca.ts';
import { sessionThumbprint } from '../../server/core/log/act.ts';
import { toBase64 } from '../../server/core/log/base64.ts';
import type { Json } from '../../server/core/log/canonical.ts';
import { formatInstant } from '../../server/core/log/instant.ts';
import { KNOWN_LOGINS_LIMIT, rememberLogins } from '../../server/core/log/known-logins.ts';
import { PROFILES } from '../../server/core/opening/policy.ts';
import { parsePem } from '../../server/core/pki/certificate.ts';
import { type SessionSigner, signAct, signLogin } from '../../server/core/pki/person-jws.ts';
import { sha256 } from '../../server/hash.ts';
import { type AcceptedAct, checkSubmittedAct } from '../../server/identity/acts.ts';
import { readSessionsTogether } from '../../server/identity/read-sessions.ts';
import { createJwsVerifier } from '../../server/identity/signature.ts';
import type { Caller } from '../../server/identity/tokens.ts';
import { createTrust } from '../../server/identity/trust.ts';
import { startRecorder } from '../../server/recorder/recorder.ts';
import { settleAll } from '../../server/recorder/settle-log.ts';
import { openSigner } from '../../server/recorder/signer.ts';
import { startCluster } from '../../server/store/cluster.ts';
import { connect, type Database, makeDatabase } from '../../server/store/connect.ts';
import { openPool } from '../../server/store/driver.ts';
import { migrateUp } from '../../server/store/migrate.ts';
import { systemWorld } from '../../server/world.ts';
import { organisation, signerOf } from '../identity/stage.ts';
import { testDesk } from '../support/recorder.ts';
import { addition, keepChange } from '../support/trust.ts';
import { type Figures, latenciesAt, median, percentile, REPETITIONS, rateOf, round } from './measure.ts';

const CLIENTS = 32;
const STRETCH_MS = 2_000;
/** A server runs for months; what is measured is compiled code. */
const WARM_UP_MS = 3_000;
const STEADY_PER_SECOND = 200;
const STEADY_COUNT = 600;
/** Acts that each client signs beforehand, outside the time measured: more than can be recorded in it. */
const ACTS_EACH = 1_200;
const PLATFORM = 'bench.test';
const OPENING_ID = 'bench-opening';
const HOUR_MS = 3_600_000;
const TYPE = 'AmendDraft';

type Client = { readonly caller: Caller; readonly session: SessionSigner };

/** A session key that signs without waiting; a browser's would be asked over another thread. */
function sessionKey(): SessionSigner {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { x = '', y = '' } = publicKey.export({ format: 'jwk' });
  return { jwk: { kty: 'EC', crv: 'P-256', x, y }, sign: async (data) => es256(privateKey, data) };
}

const es256 = (key: KeyObject, data: Uint8Array) =>
  new Uint8Array(sign('sha256', data, { key, dsaEncoding: 'ieee-p1363' }));

/** The host of the opening, logged in at 32 places: each has its own session key, as it would have from HTTP. */
async function logInEverywhere({ sql }: Database, ca: DemoCa, at: number): Promise<Client[]> {
  const holder = organisation(1);
  const { creditCode: account, name } = holder;
  await sql`INSERT INTO accounts (id, credit_code, organisation, name, kind, created_at)
    VALUES (${account}, ${account}, ${name}, ${name}, 'official', 1)`;
  const host = signerOf(await ca.issue({ holder, usage: 'sign' }));
  return Promise.all(
    Array.from({ length: CLIENTS }, async (_, n): Promise<Client> => {
      const session = sessionKey();
      const challenge = { nonce: 'n', aud: PLATFORM, origin: 'https://bench.test' };
      const iatSeconds = Math.floor(at / 1000);
      const login = await signLogin(sha256, host, { challenge, account, jwk: session.jwk, iatSeconds });
      const caller = { account, sessionId: `s-${n}`, jkt: sessionThumbprint(sha256, session.jwk), certSha256: '' };
      await sql`INSERT INTO sessions (id, account, jkt, cert_sha256, login, created_at, ends_at)
        VALUES (${caller.sessionId}, ${account}, ${caller.jkt}, ${''}, ${login}, ${at}, ${at + HOUR_MS})`;
      return { caller, session };
    }),
  );
}

export async function benchAppend(): Promise<Figures> {
  const folder = await mkdtemp(join(tmpdir(), 'kaibiao-bench-'));
  const cluster = await startCluster({ folder: join(folder, 'postgres'), isDurable: true });
  try {
    const { owner, app } = await makeDatabase(cluster, 'bench');
    await migrateUp(owner);
    const database = await connect(app, 12);
    const plain = openPool(owner, 1);
    const signer = await openSigner(folder, PLATFORM);
    await settleAll(database.sql, signer);
    const faults: unknown[] = [];
    const recorder = await startRecorder({
      sql: database.sql,
      world: systemWorld,
      signer,
      desk: testDesk(() => null),
      platform: PLATFORM,
      production: false,
      vaultKey: new Uint8Array(32),
      heartbeatMs: 1_000,
      outageToleranceMs: 10_000,
      isCosigned: async () => true,
      cosigners: { quorum: 0, vkeys: [] },
      onSealed: () => undefined,
      onFault: (error) => faults.push(error),
    });
    const { db } = database;
    const world = systemWorld;
    const at = Math.floor(world.now());
    const ca = await createDemoCa({ name: 'Bench', at });
    const [certificate] = parsePem(ca.rootPem);
    if (certificate === undefined) throw new Error('no root');
    const fromAt = at - HOUR_MS;
    await keepChange(database.sql, addition(certificate, { label: 'Bench', purposes: ['sign'], fromAt }), fromAt);
    const identity = {
      db,
      config: { platform: PLATFORM },
      trust: createTrust({ db, world }),
      verifySignature: createJwsVerifier(KNOWN_LOGINS_LIMIT),
      checkLogin: rememberLogins(),
      readSession: readSessionsTogether(database.sql),
    };
    const clients = await logInEverywhere(database, ca, at);

    const details = {
      title: '某道路工程第一标段',
      project: { code: 'P-1', name: '道路工程' },
      lot: { code: 'LOT-1', name: '第一标段' },
      tenderer: '招标人',
      agency: '代理机构',
      place: '开标一室',
      deadlineAt: formatInstant(at + 24 * HOUR_MS),
    };
    const policy = PROFILES.rehearsal.defaults;
    const source = { address: '192.0.2.7', client: 'kaibiao bench' };
    const { creditCode: account, name } = organisation(1);
    const created = await recorder.create({
      command: 'create',
      openingId: OPENING_ID,
      profile: 'rehearsal',
      details,
      policy,
      assignments: [{ account, role: 'host' }],
      who: { account, creditCode: account, name, certSha256: '' },
      act: { act: 'a.b.c' },
      source,
      data: {},
    });
    if (created.outcome === 'refused') throw new Error(created.code);
    const origin = `${PLATFORM}/opening/${OPENING_ID}`;
    const head = signer.released(origin) ?? absent();
    const headSeen = { size: head.size, root: toBase64(head.root) };

    const data: Json = { details, policy };
    const about = { account, platform: PLATFORM, openingId: OPENING_ID, type: TYPE, data, headSeen };
    const signed: { readonly command: string; readonly caller: Caller; readonly act: string }[] = [];
    for (let n = 0; n < ACTS_EACH * CLIENTS; n++) {
      const { caller, session } = clients[n % CLIENTS] ?? absent();
      const command = `c-${n}`;
      const act = await signAct(sha256, session, { ...about, command, iatSeconds: Math.floor(at / 1000) });
      signed.push({ command, caller, act });
    }

    /** One act as HTTP handles it: session, signature and certificate checked, then recorded and answered with its proof. */
    let next = 0;
    const actOnce = async (): Promise<void> => {
      const { command, caller, act } = signed[next++] ?? absent();
      const receivedAt = world.now();
      const asked = {
        caller,
        openingId: OPENING_ID,
        command: { id: command, type: TYPE, data },
        act,
        receivedAt,
      } as const;
      const checked = await checkSubmittedAct(identity, asked);
      if ('refused' in checked) throw new Error(checked.refused);
      const answer = await recorder.submit({ ...submissionOf(checked, command), type: TYPE, data, source });
      if (answer.outcome === 'refused') throw new Error(answer.code);
    };
    const submissionOf = ({ who, act }: AcceptedAct, command: string) =>
      ({ openingId: OPENING_ID, command, role: 'host', who, act }) as const;

    await rateOf(WARM_UP_MS, CLIENTS, actOnce);
    // The bytes that an act adds to the log's tables, as they lie there: so they are as hard to compress for the reference as for us.
    const [stored] = await database.sql<{ bytes: Uint8Array }[]>`
      SELECT e.bytes || convert_to(string_agg(d.disclosure, ''), 'UTF8') AS bytes
      FROM entries e JOIN disclosures d ON d.origin = e.origin AND d.seq = e.seq
      WHERE e.origin = ${origin} AND e.seq = 1 GROUP BY e.bytes`;
    const row = stored?.bytes ?? absent();
    await plain`CREATE TABLE bench_rows (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, bytes bytea NOT NULL)`;
    const insertOnce = async (): Promise<void> => {
      await plain`INSERT INTO bench_rows (bytes) VALUES (${row})`;
    };
    await rateOf(200, 1, insertOnce);

    const inserts: number[] = [];
    const appends: number[] = [];
    const latencies: number[] = [];
    for (let n = 0; n < REPETITIONS; n++) {
      inserts.push(await rateOf(STRETCH_MS, 1, insertOnce));
      appends.push(await rateOf(STRETCH_MS, CLIENTS, actOnce));
      latencies.push(percentile(await latenciesAt(STEADY_PER_SECOND, STEADY_COUNT, actOnce), 0.99));
    }
    if (faults.length > 0) throw faults[0];
    await recorder.close();
    await signer.close();
    await plain.end();
    await database.close();
    return {
      ratioVsPlainInsert: round(median(appends.map((rate, n) => rate / (inserts[n] ?? Number.NaN)))),
      p99MsAt200PerSecond: round(median(latencies)),
      actsPerSecond: round(median(appends)),
      plainInsertsPerSecond: round(median(inserts)),
      bytesPerAct: row.length,
    };
  } finally {
    await cluster.leave();
    await rm(folder, { recursive: true, force: true });
  }
}

function absent(): never {
  throw new Error('the bench lacks what it prepared; was more recorded than was signed beforehand?');
}
