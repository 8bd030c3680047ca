/** Bench `append`: 32 people act on one opening through the real recorder on a durable PostgreSQL, against bare inserts into the same. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bodySha256, checkAct, type PersonAct, sessionThumbprint } from '../../server/core/log/act.ts';
import { toBase64, toBase64Url } from '../../server/core/log/base64.ts';
import type { Json } from '../../server/core/log/canonical.ts';
import { formatInstant } from '../../server/core/log/instant.ts';
import { PROFILES } from '../../server/core/opening/policy.ts';
import { sha256 } from '../../server/hash.ts';
import { startRecorder } from '../../server/recorder/recorder.ts';
import { settleAll } from '../../server/recorder/settle-log.ts';
import { openSigner } from '../../server/recorder/signer.ts';
import type { Submission } from '../../server/recorder/submission.ts';
import { startCluster } from '../../server/store/cluster.ts';
import { connect, makeDatabase } from '../../server/store/connect.ts';
import { openPool } from '../../server/store/driver.ts';
import { migrateUp } from '../../server/store/migrate.ts';
import { systemWorld } from '../../server/world.ts';
import { caKey, compactJws, sessionKey, verifyJws } from '../support/log-fixtures.ts';
import { testDesk } from '../support/recorder.ts';
import { type Figures, latenciesAt, median, percentile, REPETITIONS, rateOf, round } from './measure.ts';

const CLIENTS = 32;
const STRETCH_MS = 2_000;
const STEADY_PER_SECOND = 200;
const STEADY_COUNT = 600;
/** Acts signed beforehand: more than can be recorded in the time. */
const ACTS = 20_000;
const PLATFORM = 'bench.test';
const OPENING_ID = 'bench-opening';
const HOUR_MS = 3_600_000;

type Client = { readonly login: string; readonly sign: (data: Uint8Array) => Uint8Array };
type Signed = { readonly command: string; readonly act: PersonAct };

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
      isCosigned: () => true,
      onSealed: () => undefined,
      onFault: (error) => faults.push(error),
    });
    const who = { account: '91620700HA7000000A', creditCode: '91620700HA7000000A', name: '主持人', certSha256: '' };
    const host = caKey('RS256');
    const certSha256 = toBase64Url(sha256(host.certificate));
    await database.sql`INSERT INTO accounts (id, credit_code, organisation, name, kind, created_at)
      VALUES (${who.account}, ${who.creditCode}, ${who.name}, ${who.name}, 'official', 1)`;
    const details = {
      title: '某道路工程第一标段',
      project: { code: 'P-1', name: '道路工程' },
      lot: { code: 'LOT-1', name: '第一标段' },
      tenderer: '招标人',
      agency: '代理机构',
      place: '开标一室',
      deadlineAt: formatInstant(Math.floor(systemWorld.now()) + 24 * HOUR_MS),
    };
    const policy = PROFILES.rehearsal.defaults;
    const source = { address: '192.0.2.7', client: 'kaibiao bench' };
    const assignments = [{ account: who.account, role: 'host' }] as const;
    const created = await recorder.create({
      command: 'create',
      openingId: OPENING_ID,
      profile: 'rehearsal',
      details,
      policy,
      assignments,
      who: { ...who, certSha256 },
      act: { act: 'a.b.c' },
      source,
      data: {},
    });
    if (created.outcome === 'refused') throw new Error(created.code);
    const head = signer.released(`${PLATFORM}/opening/${OPENING_ID}`);
    if (head === null) throw new Error('no head');
    const headSeen = { size: head.size, root: toBase64(head.root) };

    const common = { v: 1, iss: who.account, aud: PLATFORM };
    const x5c = { x5c: [toBase64(host.certificate)], 'x5t#S256': certSha256 };
    const clients = Array.from({ length: CLIENTS }, (): Client => {
      const { jwk, sign } = sessionKey();
      const session = { jwk, jkt: sessionThumbprint(sha256, jwk) };
      const said = { ...common, origin: 'https://bench.test', nonce: 'n', purpose: 'login', iat: 1, session };
      return { sign, login: compactJws({ alg: 'RS256', typ: 'login+jws', ...x5c }, said, host.sign) };
    });
    const type = 'AmendDraft';
    const data: Json = { details, policy };
    const digest = bodySha256(sha256, data);
    const signed = Array.from({ length: ACTS }, (_, n): Signed => {
      const { login, sign } = clients[n % CLIENTS] as Client;
      const command = `c-${n}`;
      const said = { ...common, openingId: OPENING_ID, command, type, bodySha256: digest, headSeen, iat: 1 };
      return { command, act: { act: compactJws({ alg: 'ES256', typ: 'act+jws' }, said, sign), login, data } };
    });

    /** One act as HTTP handles it: its signatures checked, then recorded and answered with its proof. */
    let next = 0;
    const actOnce = async (): Promise<void> => {
      const { command, act } = signed[next++] ?? absent();
      const expected = { platform: PLATFORM, openingId: OPENING_ID, command, types: [type] };
      const checked = await checkAct(act, expected, verifyJws, sha256);
      if (!checked.ok) throw new Error(checked.reason);
      const submission: Submission = {
        openingId: OPENING_ID,
        command,
        type,
        data,
        role: 'host',
        who: { ...who, certSha256: checked.certSha256 },
        act,
        source,
      };
      const answer = await recorder.submit(submission);
      if (answer.outcome === 'refused') throw new Error(answer.code);
    };

    await rateOf(500, CLIENTS, actOnce);
    const [size] = await database.sql<{ bytes: number }[]>`
      SELECT avg(octet_length(e.bytes) + (SELECT sum(octet_length(disclosure)) FROM disclosures d
        WHERE d.origin = e.origin AND d.seq = e.seq))::int AS bytes FROM entries e`;
    const row = new Uint8Array(size?.bytes ?? 0).fill(7);
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
      bytesPerAct: size?.bytes ?? 0,
    };
  } finally {
    await cluster.leave();
    await rm(folder, { recursive: true, force: true });
  }
}

function absent(): never {
  throw new Error('more was recorded than was signed beforehand');
}
