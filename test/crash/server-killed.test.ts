/** The real server killed with SIGKILL in the window: with a decryption under way, then in a burst of acts; nothing acknowledged is lost. */
import { execFileSync } from 'node:child_process';
import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { act, headSeen } from '../../server/cli/person/act.ts';
import { decrypt, outcomeOf } from '../../server/cli/person/decrypt.ts';
import { lodge } from '../../server/cli/person/lodge.ts';
import type { Person } from '../../server/cli/person/person.ts';
import { catchUp } from '../../server/cli/person/read-opening.ts';
import { waitFor } from '../../server/cli/person/wait-for.ts';
import type { CommandAnswer } from '../../server/client/api.ts';
import { ApiError } from '../../server/client/transport.ts';
import { encodeEntry } from '../../server/core/log/entry.ts';
import { formatInstant } from '../../server/core/log/instant.ts';
import { leafHash } from '../../server/core/log/merkle.ts';
import { openingOrigin } from '../../server/core/log/origin.ts';
import { verifyProof } from '../../server/core/log/proof.ts';
import { fromUtf8, utf8 } from '../../server/core/log/utf8.ts';
import { numberOf } from '../../server/core/opening/state.ts';
import { sha256 } from '../../server/hash.ts';
import { systemWorld } from '../../server/world.ts';
import { testDb } from '../support/database.ts';
import { newFolder } from '../support/folder.ts';
import { checkTree, entriesOf, exportAndVerify } from '../support/server-log.ts';
import { makeTown, publishOpening } from '../support/server-people.ts';
import { freePort, type ServerProcess, startServer } from '../support/server-process.ts';
import t from '../support/tap.ts';

const OPENING = 'killed-1';
const PLATFORM = 'kaibiao.test';
const ORIGIN = openingOrigin(PLATFORM, OPENING);
const WINDOW_MS = 22_000;
const OBJECTIONS_EACH = 15;
/** So many of the burst are answered when the server is killed. */
const ANSWERED_BEFORE_KILL = 12;
/** Acts under way at once. */
const LINES = 10;

t.setTimeout(100_000);
const { sql, appUrl, ownerUrl } = await testDb(t);
const folder = await newFolder(t, 'crash');
const town = await makeTown(join(folder, 'town'));
const settings = {
  ...town.settings,
  DATABASE_URL: appUrl,
  DATABASE_MIGRATION_URL: ownerUrl,
  KAIBIAO_DATA: join(folder, 'data'),
  KAIBIAO_PLATFORM: PLATFORM,
  KAIBIAO_PORT: String(await freePort()),
  KAIBIAO_LOG_LEVEL: 'warn',
  KAIBIAO_VAULT_WORKERS: '1',
  // However long a loaded machine takes to start it again, that is no outage here.
  KAIBIAO_OUTAGE_TOLERANCE_MS: '60000',
  KAIBIAO_REGISTER_BATCH_PERIOD_MS: '1000',
  KAIBIAO_REQUESTS_PER_MINUTE: '100000',
};
const begin = (): Promise<ServerProcess> => startServer(t, settings);

let server = await begin();
const officials = await town.enterOfficials(server.url);
const { host } = officials;
const bidders = await Promise.all([0, 1, 2, 3].map((index) => town.enterBidder(server.url, index)));
const sealed = await Promise.all(bidders.map((bidder, index) => town.seal(bidder, `${index + 1}000000.00`)));
await publishOpening(officials, OPENING, {
  deadlineAt: systemWorld.now() + 9_000,
  checkInLeadMs: 1_000,
  decryptionWindowMs: WINDOW_MS,
  confirmationMs: 60_000,
});
await Promise.all(
  bidders.map(({ person }, index) => lodge(person, OPENING, { envelope: sealed[index]?.envelope ?? '' })),
);
const people = bidders.map(({ person }) => person);
const [first, second, third] = people as [Person, Person, Person, Person];
await waitFor(host, OPENING, 'host', (state) => state.phase === 'Sealed');
await act(host, OPENING, { type: 'PublishRoster', role: 'host', data: {} });
await act(host, OPENING, { type: 'OpenWindow', role: 'host', data: {} });
const closesAt = (await catchUp(host, OPENING)).window?.closesAt ?? 0;

/** What the log says of a bidder's decryption. */
async function decryptionsOf(person: Person): Promise<string[]> {
  const bidder = numberOf(await catchUp(person, OPENING, 'bidder'), person.creditCode);
  return typesOf(bidder);
}

async function typesOf(bidder: number | null): Promise<string[]> {
  const entries = await entriesOf(sql, ORIGIN);
  return entries
    .filter(
      ({ type, body }) =>
        /^(DecryptionReceived|BidDecrypted|DecryptionFailed)$/.test(type) && body['bidder'] === bidder,
    )
    .map(({ type }) => type);
}

/** Puts a pipe where a bid's envelope lies: the thread of the vault that opens it waits, as on a disk that does not answer. */
async function hold(person: Person): Promise<() => Promise<void>> {
  const standing = await person.folder.standing(OPENING);
  const [row] = await sql<{ file: string }[]>`SELECT file FROM envelopes WHERE id = ${standing}`;
  const path = join(settings.KAIBIAO_DATA, 'envelopes', 'finished', row?.file ?? '');
  await rename(path, `${path}.held`);
  execFileSync('mkfifo', [path]);
  return async () => {
    await rm(path);
    await rename(`${path}.held`, path);
  };
}

t.test('killed in mid-window, with one bid decrypted, one being decrypted and two not', async (t) => {
  await decrypt(first, OPENING);
  t.match(await outcomeOf(first, OPENING), { outcome: 'decrypted' });
  const release = await hold(second);
  const received = await decrypt(second, OPENING);
  const bidder = numberOf(await catchUp(second, OPENING, 'bidder'), second.creditCode);
  await server.kill();
  await release();
  t.strictSame(await typesOf(bidder), ['DecryptionReceived'], 'acknowledged and not judged');
  const before = await entriesOf(sql, ORIGIN);
  t.strictSame(before[received.seq], received, 'what was acknowledged is on the log');

  server = await begin();
  t.match(await outcomeOf(second, OPENING), { outcome: 'decrypted', attempt: 1 });
  t.strictSame(await decryptionsOf(second), ['DecryptionReceived', 'BidDecrypted'], 'received once, judged once');
  t.strictSame(await decryptionsOf(first), ['DecryptionReceived', 'BidDecrypted']);
  t.equal((await catchUp(host, OPENING)).window?.closesAt, closesAt, 'the window ends when it was to end');
  const after = await entriesOf(sql, ORIGIN);
  t.strictSame(after.slice(0, before.length), before, 'nothing that was there has changed');
  await checkTree(t, sql, ORIGIN, []);
});

t.test('killed in the middle of a burst of acts', async (t) => {
  await decrypt(third, OPENING);
  const signed = await Promise.all(
    people.flatMap((person) =>
      Array.from({ length: OBJECTIONS_EACH }, async (_, n) => {
        const id = person.session.newId();
        const data = { text: `第${n + 1}项异议` };
        const seen = await headSeen(person, OPENING);
        const terms = { openingId: OPENING, id, type: 'RaiseObjection', data, headSeen: seen };
        const command = {
          id,
          type: 'RaiseObjection',
          data,
          role: 'bidder',
          act: await person.session.sign(terms),
        } as const;
        return () => person.api.sendCommand(OPENING, command);
      }),
    ),
  );
  const answers: (CommandAnswer | null)[] = signed.map(() => null);
  let answered = 0;
  let reached: () => void = () => undefined;
  const enough = new Promise<void>((resolve) => {
    reached = resolve;
  });
  const sendOne = async (place: number): Promise<void> => {
    try {
      answers[place] = (await signed[place]?.()) ?? null;
      answered += 1;
      if (answered === ANSWERED_BEFORE_KILL) reached();
    } catch (error) {
      // Its own patience may end before the server is back; then it asks again below.
      if (!(error instanceof ApiError && error.status === 0)) throw error;
    }
  };
  // Each line sends one act after another: all at once would be answered together, and none be under way when it is killed.
  const burst = Array.from({ length: LINES }, async (_, line) => {
    for (let place = line; place < signed.length; place += LINES) await sendOne(place);
  });
  await enough;
  await server.kill();
  const acknowledged = answers.filter((answer) => answer !== null);
  t.ok(
    acknowledged.length >= ANSWERED_BEFORE_KILL && acknowledged.length < signed.length,
    `${acknowledged.length} answered`,
  );
  server = await begin();
  await Promise.all(burst);
  const again = await Promise.all(signed.map((send) => send()));
  const differing = again.filter(({ entries, proofs, checkpoint }, place) => {
    const answer = answers[place];
    if (answer == null) return false;
    return (
      JSON.stringify([answer.entries, answer.proofs, answer.checkpoint]) !==
      JSON.stringify([entries, proofs, checkpoint])
    );
  });
  t.strictSame(differing, [], 'who asks again gets the first answer again');

  const entries = await entriesOf(sql, ORIGIN);
  const raised = entries.filter(({ type }) => type === 'ObjectionRaised');
  t.equal(raised.length, signed.length, 'each act is on the log');
  t.equal(new Set(raised.map(({ command }) => command)).size, signed.length, 'and each once');
  const logKey = await (await host.pin(OPENING)).pinned();
  if (logKey === null) throw new Error('the log’s key is not known');
  for (const { entries: texts, proofs } of acknowledged) {
    const leaf = utf8(texts[0] ?? '');
    const proven = await verifyProof({ sha256, proof: proofs[0] ?? '', leaf: leafHash(sha256, leaf), logKey });
    if (!proven.ok) t.fail(proven.reason);
    else t.equal(fromUtf8(encodeEntry(entries[proven.index] ?? absent())), texts[0], 'on the log under its proof');
  }
  const seen = [...acknowledged, ...again].flatMap(({ checkpoint }) => (checkpoint === null ? [] : [checkpoint]));
  await checkTree(t, sql, ORIGIN, seen);
  t.match(await outcomeOf(third, OPENING), { outcome: 'decrypted' });
  t.strictSame(await decryptionsOf(third), ['DecryptionReceived', 'BidDecrypted']);
});

t.test('the window ends at the instant it was opened for, and the log verifies', async (t) => {
  const state = await waitFor(host, OPENING, 'host', ({ phase }) => phase === 'Attribution');
  t.equal(state.bids.filter(({ attempts }) => attempts.some(({ outcome }) => outcome === 'decrypted')).length, 3);
  const closed = (await entriesOf(sql, ORIGIN)).filter(({ type }) => type === 'WindowClosed');
  t.match(closed, [{ body: { effectiveAt: formatInstant(closesAt), why: 'time' } }]);
  t.equal(closed.length, 1);
  const standing = await exportAndVerify(t, sql, {
    url: server.url,
    openingId: OPENING,
    folder: join(folder, 'export'),
  });
  t.equal(standing, 'valid, still open');
  t.equal(await server.stop(), 0);
});

function absent(): never {
  throw new Error('an entry is not there');
}
