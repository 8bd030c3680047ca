/** A whole platform for the person's tests: the real server on a database of its own, a CA, its officials, and a clock that jumps. */

import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type DemoCa, demoCreditCode, type Holder, type Issued, type KeyKind } from '../../../server/cli/demo/ca.ts';
import { act, createOpening } from '../../../server/cli/person/act.ts';
import { heldKeyAgent } from '../../../server/cli/person/held-keys.ts';
import { letIn } from '../../../server/cli/person/operator.ts';
import { openPerson, type Person } from '../../../server/cli/person/person.ts';
import { catchUp, readOpening } from '../../../server/cli/person/read-opening.ts';
import { openPem } from '../../../server/cli/seal/held-key.ts';
import { sealBid } from '../../../server/cli/seal/seal.ts';
import { openingCertificateIn } from '../../../server/client/dealt-key.ts';
import { type KeyAgent, pickCertificate } from '../../../server/client/key-agent.ts';
import { chooseKeyTransport } from '../../../server/client/key-transport.ts';
import { readConfig } from '../../../server/config.ts';
import type { JsonObject } from '../../../server/core/log/canonical.ts';
import { type Policy, PROFILES } from '../../../server/core/opening/policy.ts';
import type { PersonRole } from '../../../server/core/opening/roles.ts';
import type { OpeningList } from '../../../server/core/seal/opening-list.ts';
import { sha256 } from '../../../server/hash.ts';
import { createLogger } from '../../../server/http/diagnostics.ts';
import { start } from '../../../server/main.ts';
import { testCa } from '../../support/ca.ts';
import { type TestDatabase, testDb } from '../../support/database.ts';
import { newFolder } from '../../support/folder.ts';
import { until } from '../../support/recorder.ts';
import { LOT, roadworks } from '../../support/roadworks.ts';
import { type JumpingWorld, jumpingWorld } from './jumping-world.ts';

export const OPENING = 'zhangye-2026-001';
export const MINUTE = 60_000;
const START = Date.parse('2026-03-02T00:00:00.000Z');
/** Below the outage tolerance, so that a jump looks like time and not like an outage. */
const STEP_MS = 50_000;

export const BIDDERS = [10, 11, 12, 13].map(
  (n): Holder => ({ creditCode: demoCreditCode(n), organisation: `投标人${n}`, name: `投标人${n}` }),
);
export const OFFICIALS = {
  operator: { creditCode: demoCreditCode(0), organisation: '交易中心', name: '管理员', personId: 'C1' },
  host: { creditCode: demoCreditCode(1), organisation: '代理', name: '主持', personId: 'A1' },
  tenderer: { creditCode: demoCreditCode(2), organisation: '业主', name: '招标', personId: 'O1' },
  witness: { creditCode: demoCreditCode(0), organisation: '交易中心', name: '见证', personId: 'C2' },
  supervisor: { creditCode: demoCreditCode(3), organisation: '发改委', name: '监督', personId: 'B1' },
} as const satisfies Record<string, Holder>;
type Official = keyof typeof OFFICIALS;

type Teardown = { teardown(act: () => Promise<void>): void };

export type Platform = {
  readonly url: string;
  readonly db: TestDatabase;
  readonly world: JumpingWorld;
  readonly ca: DemoCa;
  readonly folder: string;
  /** What its operator is told that needs somebody at once. */
  readonly diagnostics: readonly string[];
  readonly officials: Readonly<Record<Official, Person>>;
  /** Lets time pass in steps, each with its heartbeat, as it does for a server that lives. */
  pass(ms: number): Promise<void>;
  keysOf(holder: Holder, kind?: KeyKind): Promise<KeyAgent>;
  enter(keys: KeyAgent, name: string, fetcher?: typeof fetch): Promise<Person>;
  /** A bidder of BIDDERS with fresh keys, logged in. */
  bidder(index: number, kind?: KeyKind): Promise<Person>;
  /** Drafts and publishes an opening whose deadline is `deadlineMs` away. */
  publish(openingId: string, deadlineMs: number, policy?: Partial<Policy>): Promise<void>;
  /** Drafts it only. */
  draft(openingId: string, deadlineMs: number, policy?: Partial<Policy>): Promise<void>;
  /** Lets time pass until the opening stands in this phase. */
  passUntil(openingId: string, phase: string): Promise<void>;
  /** Ends the server and starts it again, on the same database, folder and port; `meanwhile` happens while there is none. */
  restart(meanwhile?: () => Promise<void>): Promise<void>;
};

/** A bidder by its place. */
export function holderOf(index: number): Holder {
  const holder = BIDDERS[index];
  if (holder === undefined) throw new Error(`no bidder ${index}`);
  return holder;
}

export function heldKey({ certificatePem, chainPem, privateKeyPem }: Issued) {
  return openPem({ certificates: certificatePem + chainPem, privateKey: privateKeyPem });
}

/** Starts a platform that goes with the test; `settings` by their variables, beside those that it has in any case. */
export async function startPlatform(t: Teardown, settings: Readonly<Record<string, string>> = {}): Promise<Platform> {
  const world = jumpingWorld(START);
  const db = await testDb(t);
  const folder = await newFolder(t, 'platform');
  await mkdir(folder, { recursive: true });
  const ca = await testCa({ name: 'Test', at: START });
  const operatorKey = await ca.issue({ holder: OFFICIALS.operator, usage: 'sign', key: 'p256' });
  const anchors = join(folder, 'anchors.pem');
  const operatorFile = join(folder, 'operator.pem');
  await writeFile(anchors, ca.rootPem);
  await writeFile(operatorFile, operatorKey.certificatePem + operatorKey.chainPem);
  const config = readConfig({
    DATABASE_URL: db.appUrl,
    KAIBIAO_DATA: join(folder, 'data'),
    KAIBIAO_PLATFORM: 'kaibiao.test',
    KAIBIAO_PORT: '0',
    KAIBIAO_OUTAGE_TOLERANCE_MS: '60000',
    KAIBIAO_VAULT_WORKERS: '1',
    KAIBIAO_FIRST_ANCHORS: anchors,
    KAIBIAO_FIRST_OPERATOR: operatorFile,
    ...settings,
  });
  const diagnostics: string[] = [];
  const logger = createLogger('fatal', { write: (line: string) => void diagnostics.push(line) });
  let server = await start(config, world, logger);
  const { url } = server;
  t.teardown(async () => {
    await server.close();
    world.stop();
  });

  const enter = (keys: KeyAgent, name: string, fetcher: typeof fetch = fetch) =>
    openPerson({ url, keys, folder: join(folder, 'people', name), world, fetch: fetcher });
  const operator = await enter(heldKeyAgent([heldKey(operatorKey)]), 'operator');
  async function official(name: Exclude<Official, 'operator'>): Promise<Person> {
    const issued = await ca.issue({ holder: OFFICIALS[name], usage: 'sign', key: 'p256' });
    const keys = heldKeyAgent([heldKey(issued)]);
    await letIn(operator, { x5c: (await pickCertificate(keys, 'sign', world.now())).x5c, kind: 'official' });
    return enter(keys, name);
  }
  const officials = {
    operator,
    host: await official('host'),
    tenderer: await official('tenderer'),
    witness: await official('witness'),
    supervisor: await official('supervisor'),
  };

  async function pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= STEP_MS) {
      const step = Math.min(left, STEP_MS);
      world.jump(step);
      await until(async () => {
        const [beat] = await db.sql<{ at: number }[]>`SELECT at FROM heartbeats`;
        return beat !== undefined && beat.at >= world.now() - 2_000;
      });
    }
  }

  async function keysOf(holder: Holder, kind: KeyKind = 'rsa'): Promise<KeyAgent> {
    const [signing, encryption] = await Promise.all([
      ca.issue({ holder, usage: 'sign', key: kind }),
      ca.issue({ holder, usage: 'encrypt', key: kind }),
    ]);
    return heldKeyAgent([heldKey(signing), heldKey(encryption)]);
  }

  async function draft(openingId: string, deadlineMs: number, policy: Partial<Policy> = {}): Promise<void> {
    const { host, tenderer, witness, supervisor } = officials;
    await createOpening(host, {
      openingId,
      profile: 'rehearsal',
      details: roadworks(world.now() + deadlineMs),
      policy: {
        ...PROFILES.rehearsal.defaults,
        minimumBidders: 1,
        checkInLeadMs: 10 * MINUTE,
        decryptionWindowMs: 30 * MINUTE,
        confirmationMs: 5 * MINUTE,
        ...policy,
      },
      assignments: Object.entries({ host, tenderer, witness, supervisor }).map(([role, { account }]) => ({
        role,
        account,
      })),
    });
  }

  return {
    url,
    db,
    world,
    ca,
    folder,
    diagnostics,
    officials,
    pass,
    keysOf,
    enter,
    async bidder(index, kind) {
      return enter(await keysOf(holderOf(index), kind), `bidder-${index}`);
    },
    draft,
    async publish(openingId, deadlineMs, policy) {
      await draft(openingId, deadlineMs, policy);
      await act(officials.host, openingId, { type: 'PublishOpening', role: 'host', data: {} });
    },
    async restart(meanwhile = async () => undefined) {
      await server.close();
      await meanwhile();
      server = await start({ ...config, port: Number(new URL(url).port) }, world, logger);
    },
    async passUntil(openingId, phase) {
      for (let steps = 0; steps < 200; steps++) {
        if ((await catchUp(officials.host, openingId)).phase === phase) return;
        await pass(STEP_MS);
      }
      throw new Error(`${openingId} never came to ${phase}`);
    },
  };
}

/** Gives a command as an official. */
export function command(person: Person, role: PersonRole, type: string, data: JsonObject = {}) {
  return act(person, OPENING, { type, role, data });
}

/** Seals a bid of this person's and gives its path: as its key can, to an SM2 key in the SM profile. */
export async function seal(
  platform: Platform,
  person: Person,
  amount: string,
  change: Partial<OpeningList> = {},
  openingId = OPENING,
): Promise<string> {
  const { terms, state } = await readOpening(person, openingId);
  const openingCertificate = openingCertificateIn(sha256, state);
  const { certificate, certSha256 } = await pickCertificate(person.keys, 'unwrap', platform.world.now());
  const keyTransport = chooseKeyTransport(certificate);
  const out = join(platform.folder, `${person.creditCode}-${amount}.p7m`);
  await sealBid({
    openingList: listOf(person.creditCode, amount, { lotId: terms.lotId, ...change }),
    documents: [{ name: '技术标.txt', bytes: new TextEncoder().encode('施工组织设计\n'.repeat(500)) }],
    toolFacts: { v: 1 },
    certificate: certificate.der,
    keyTransport,
    profile: keyTransport === 'sm2' ? 'kaibiao-seal-sm-1' : 'kaibiao-seal-1',
    compress: true,
    out,
    unwrap: await person.keys.unwrapper(certSha256),
    randomBytes: platform.world.randomBytes,
    ...(openingCertificate && { openingCertificate }),
  });
  return out;
}

export function listOf(creditCode: string, amount: string, change: Partial<OpeningList> = {}): OpeningList {
  return {
    v: 1,
    lotId: LOT,
    creditCode,
    name: '投标人',
    quote: { kind: 'total', amount, currency: 'CNY', unit: '元', inWords: '' },
    duration: '90天',
    quality: '合格',
    manager: '经理',
    columns: {},
    ...change,
  };
}
