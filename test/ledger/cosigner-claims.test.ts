/** What cosigners say against the ledger: only a note that our own key signed, or many of them together, stops the signing; evidence first. */
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { SIZE_TYPE } from '../../server/core/log/add-checkpoint.ts';
import { fromUtf8 } from '../../server/core/log/utf8.ts';
import { hashOfOrigin } from '../../server/cosign/cosigned-heads.ts';
import { REPEATED_WITHIN_SECONDS } from '../../server/cosign/cosigner.ts';
import {
  alarmFolder,
  claimFolder,
  KEPT_CLAIMS_LIMIT,
  keepAlarm,
  keepClaim,
  standingAlarms,
} from '../../server/ledger/cosigner-alarms.ts';
import { COSIGNER_TIMEOUT_MS, VISIT_LIMIT_MS } from '../../server/ledger/cosigner-client.ts';
import { NO_COSIGNERS } from '../../server/ledger/cosigner-policy.ts';
import {
  areCosignersAmiss,
  LOOK_PERIOD_MS,
  readStandings,
  watchStandings,
} from '../../server/ledger/cosigner-standings.ts';
import { COSIGNATURE_SKEW_SECONDS, type CosignerClaim } from '../../server/ledger/cosigner-visit.ts';
import { LONGEST_PAUSE_MS } from '../../server/ledger/cosigning.ts';
import { recoveryFrom } from '../../server/recorder/recovery.ts';
import { cosignedLedger, origin, ROGUE } from '../support/cosigned-ledger.ts';
import { answersOf, type Line } from '../support/cosigning.ts';
import { until } from '../support/recorder.ts';
import { dataFolder } from '../support/signed-log.ts';
import t from '../support/tap.ts';

const ADD = '/add-checkpoint';
type Bench = Awaited<ReturnType<typeof cosignedLedger>>;

const sizeOf = (b: Bench): number => b.signer.released(origin)?.size ?? 0;
const honest = (b: Bench, n = 0): Line => answersOf(b.cosigners[n] ?? absent());
const ahead = (size: number): Response =>
  new Response(`${size}\n`, { status: 409, headers: { 'content-type': SIZE_TYPE } });
/** Answers so when it is asked to sign, and shows this note to monitors. */
const lying =
  (answer: () => Response, shown: string | null = null): Line =>
  async (_, path) => {
    if (path === ADD) return answer();
    return shown === null ? new Response('', { status: 404 }) : new Response(shown);
  };

/** One more round once nobody is spared any more. Returns: the size that there was at least to sign. */
async function again(b: Bench): Promise<number> {
  for (const { world } of [b, ...b.cosigners]) world.advance(LONGEST_PAUSE_MS);
  await b.grow('a');
  const size = sizeOf(b);
  await b.take();
  return size;
}

/** Whether a cosigner has signed all there was at least, and nothing stands against it. */
function signs(b: Bench, n: number, size: number): boolean {
  const { signedSize, fault, claims } = b.cosigning.standings()[n] ?? absent();
  return signedSize >= size && fault === null && claims === null;
}

t.test('one cosigner’s word stops nothing, whatever it says and whatever the quorum', async (t) => {
  const words: (readonly [string, () => Response])[] = [
    ['cosigner_is_ahead', () => ahead(4_000)],
    ['cosigner_differs', () => new Response('the proof does not hold', { status: 422 })],
  ];
  for (const [quorum, count] of [
    [1, 1],
    [2, 2],
    [1, 2],
  ] as const) {
    const b = await cosignedLedger(t, quorum, count);
    await b.grow('a');
    await b.take();
    for (const [code, answer] of words) {
      b.claims.length = 0;
      b.lines[0] = lying(answer);
      await again(b);
      const size = await again(b);
      t.strictSame(b.alarms, [], `${code}: ${quorum} of ${count}`);
      t.match(b.claims, [{ code, cosigner: { name: 'w0' } }]);
      t.equal(b.claims.length, 1, 'said once, however often it is repeated');
      t.match(b.cosigning.standings()[0], { claims: code, fault: /shows nothing of it/ });
      if (count === 2) t.ok(signs(b, 1, size), 'the other goes on signing');
      b.lines[0] = honest(b);
      t.ok(signs(b, 0, await again(b)), 'taken back by signing');
    }
  }
});

t.test('every process sees how they stand, and only what has changed is written', async (t) => {
  const b = await cosignedLedger(t, 1, 2);
  const seen = () => readStandings(b.sql, b.policy);
  t.match(await seen(), [
    { name: 'w0', isOfQuorum: true, state: null, signedSize: null, signedAt: null },
    { name: 'w1' },
  ]);
  await b.grow('a');
  const signedAt = b.world.now();
  await b.take();
  const signedSize = b.cosigning.standings()[0]?.signedSize;
  t.match(await seen(), [{ state: 'signs', signedSize, signedAt }, { state: 'signs' }]);
  const written = async () =>
    (await b.sql`SELECT xmin::text, vkey FROM cosigner_standings ORDER BY vkey`).map(({ xmin }) => xmin);
  const before = await written();
  await again(b);
  t.strictSame(await written(), before);
  b.lines[0] = lying(() => ahead(4_000));
  b.lines[1] = lying(() => new Response('', { status: 500 }));
  await again(b);
  t.match(await seen(), [{ state: 'cosigner_is_ahead' }, { state: 'silent' }]);
  const watch = await watchStandings({ ...b, onFault: (error) => t.fail(String(error)) }, b.policy);
  t.match(watch.seen(), [{ state: 'cosigner_is_ahead' }, { state: 'silent' }]);
  t.ok(areCosignersAmiss(b.policy, watch.seen()));
  b.lines[0] = honest(b);
  await again(b);
  b.world.advance(LOOK_PERIOD_MS);
  await until(() => watch.seen()[0]?.state === 'signs');
  await watch.stop();
  t.strictSame(await readStandings(b.sql, NO_COSIGNERS), []);
});

t.test('two that claim it stop the signing only where the others cannot make the quorum', async (t) => {
  for (const [quorum, stops] of [
    [1, false],
    [2, true],
  ] as const) {
    const b = await cosignedLedger(t, quorum, 3);
    await b.grow('a');
    await b.take();
    b.lines[0] = lying(() => ahead(4_000));
    await again(b);
    t.equal(b.alarms.length, 0);
    b.lines[2] = lying(() => new Response('', { status: 422 }));
    await again(b);
    t.equal(b.alarms.length, stops ? 1 : 0, `${quorum} of 3`);
    if (!stops) continue;
    t.match(b.alarms, [{ itsNote: null, by: ['w0', 'w2'] }]);
    let asked = 0;
    b.lines[1] = async () => {
      asked += 1;
      return null;
    };
    await again(b);
    t.equal(asked, 0, 'nobody is asked again');
  }
});

t.test('a note that our own key signed and our ledger does not hold proves it, in every dialect', async (t) => {
  const conflict = (): Response => new Response('conflict', { status: 409 });
  const disproof = (): Response => new Response('no', { status: 422 });
  const cases = [
    [() => ahead(300), () => 300, 'cosigner_is_ahead'],
    [conflict, (b: Bench) => sizeOf(b), 'cosigner_differs'],
    [disproof, (b: Bench) => sizeOf(b), 'cosigner_differs'],
    [disproof, () => 1, 'cosigner_differs'],
  ] as const;
  for (const [answer, sizeShown, code] of cases) {
    const b = await cosignedLedger(t, 1, 2);
    await b.grow('a');
    const size = sizeShown(b);
    const note = ROGUE.note(size);
    const order: string[] = [];
    const shows = lying(answer, note);
    b.lines[0] = async (body, path) => {
      if (path !== ADD) order.push(`asked what it shows after ${b.claims.length} claims`);
      return shows(body, path);
    };
    await b.take();
    t.match(b.alarms, [{ code, itsSize: size, itsNote: note, by: ['w0'] }]);
    const isBare = answer === conflict;
    t.strictSame(
      order,
      [`asked what it shows after ${isBare ? 0 : 1} claims`],
      'written down before it is asked about',
    );
    await again(b);
    t.equal(b.alarms.length, 1, 'once and for all');
  }
});

t.test('what it shows proves nothing when anybody may have made it, or when it is ours', async (t) => {
  const b = await cosignedLedger(t, 1, 1);
  await b.grow('a');
  await b.take();
  const own = fromUtf8((await b.cosigners[0]?.cosigner.latest(hashOfOrigin(origin))) ?? absent());
  const stranger = ROGUE.note(300).replace(/— [^\n]*\n$/, '');
  for (const shown of [own, stranger, ROGUE.note(300).replace('\n300\n', '\n301\n'), 'x', '', 'x'.repeat(20_000)]) {
    b.lines[0] = lying(() => ahead(4_000), shown);
    await again(b);
    t.strictSame(b.alarms, []);
    t.equal(b.cosigning.standings()[0]?.claims, 'cosigner_is_ahead');
  }
});

t.test('whatever one cosigner answers, it raises no alarm', async (t) => {
  const b = await cosignedLedger(t, 1, 1);
  const answer = fc.record({
    status: fc.constantFrom(200, 400, 403, 404, 409, 409, 422, 429, 500),
    type: fc.constantFrom(SIZE_TYPE, `${SIZE_TYPE}; charset=utf-8`, 'text/plain'),
    body: fc.oneof(
      fc.string({ maxLength: 60 }),
      fc.nat(400).map((size) => `${size}\n`),
      fc.constant('— cosigner.test/0 AAAA\n'),
    ),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(answer, { minLength: 1, maxLength: 4 }), answer, async (answers, shown) => {
      let n = 0;
      b.lines[0] = async (_, path) => {
        const { status, type, body } = path === ADD ? (answers[n++ % answers.length] ?? shown) : shown;
        return new Response(body, { status, headers: { 'content-type': type } });
      };
      await again(b);
      if (b.alarms.length > 0 || n > 4) throw new Error(`${b.alarms.length} alarms, asked ${n} times`);
    }),
    { numRuns: 60 },
  );
  b.lines[0] = honest(b);
  t.ok(signs(b, 0, await again(b)));
});

t.test(
  'what may be a misunderstanding is asked again: a 422 by chance, a 409 of an older dialect, an unreadable size',
  async (t) => {
    const b = await cosignedLedger(t, 1, 1);
    await b.grow('a');
    await b.take();
    let first = true;
    b.lines[0] = async (body, path) => {
      if (path !== ADD || !first) return honest(b)(body, path);
      first = false;
      return new Response('', { status: 422 });
    };
    await again(b);
    t.match(b.cosigning.standings()[0], { signedSize: sizeOf(b), fault: null });

    // its disk has the head, our memory has not: an older dialect says only 409, and its note where it stands
    const lost: Line = async (body, path) => {
      await honest(b)(body, path);
      throw new TypeError('fetch failed');
    };
    const old: Line = async (body, path) => {
      const answer = await honest(b)(body, path);
      return answer?.status === 409 ? new Response('conflict', { status: 409 }) : answer;
    };
    await b.grow('a');
    b.lines[0] = lost;
    b.world.advance(LONGEST_PAUSE_MS);
    await b.take();
    b.lines[0] = async (body, path) => (path === ADD ? old(body, path) : new Response('', { status: 404 }));
    await again(b);
    t.match(
      b.cosigning.standings()[0],
      { fault: /409: conflict/, claims: null },
      'not from the head’s own size: no claim',
    );
    b.lines[0] = old;
    await again(b);
    t.match(b.cosigning.standings()[0], { signedSize: sizeOf(b), fault: null, claims: null });

    b.lines[0] = lying(() => new Response('12a\n', { status: 409, headers: { 'content-type': SIZE_TYPE } }));
    await again(b);
    t.match(b.cosigning.standings()[0], { fault: /cannot be read/, claims: null });
    // the same size and no other root is named: asked once more, then it is a claim
    const asked: string[] = [];
    b.lines[0] = async (body, path) => {
      if (path !== ADD) return new Response('', { status: 404 });
      asked.push(fromUtf8(body).split('\n')[0] ?? '');
      return asked.length === 1 ? ahead(sizeOf(b)) : new Response('other root', { status: 409 });
    };
    await again(b);
    t.strictSame(asked.slice(1), [`old ${sizeOf(b)}`, `old ${sizeOf(b)}`]);
    t.equal(b.cosigning.standings()[0]?.claims, 'cosigner_differs');
    t.strictSame(b.alarms, []);
  },
);

t.test('one that takes its time over each of many questions has failed, and is spared', async (t) => {
  const b = await cosignedLedger(t, 1, 2);
  await b.grow('a');
  await b.take();
  const stands = b.cosigning.standings()[0]?.signedSize ?? 0;
  await b.grow('a');
  const own = fromUtf8((await b.cosigners[0]?.cosigner.latest(hashOfOrigin(origin))) ?? absent());
  const answers = [ahead(stands - 1), new Response('', { status: 409 }), new Response('', { status: 409 })];
  const beganAt = b.world.now();
  b.lines[0] = async (body, path) => {
    b.world.advance(990);
    return path === ADD ? (answers.shift() ?? honest(b)(body, path)) : new Response(own);
  };
  await b.take();
  t.match(b.cosigning.standings()[0], { fault: /no answer within (510|1500) ms/, claims: null });
  t.ok(b.world.now() - beganAt <= VISIT_LIMIT_MS + COSIGNER_TIMEOUT_MS);
  let asked = 0;
  b.lines[0] = async () => {
    asked += 1;
    return null;
  };
  await b.take();
  t.equal(asked, 0, 'left alone for a while');
});

t.test('a cosignature of a time that cannot be is none', async (t) => {
  const b = await cosignedLedger(t, 1, 1);
  const clock = (b.cosigners[0] ?? absent()).world;
  const outcome = async (): Promise<string | null> => {
    await again(b);
    return b.cosigning.standings()[0]?.fault ?? null;
  };
  clock.advance(COSIGNATURE_SKEW_SECONDS * 1000);
  t.equal(await outcome(), null, 'a little fast');
  clock.advance(1000);
  t.match(await outcome(), /301 s ahead of ours/);
  b.world.advance(1_000);
  t.equal(await outcome(), null, 'once it has come to be');
});

t.test('a cosigner whose clock stands before the head was made', async (t) => {
  const b = await cosignedLedger(t, 1, 1);
  const clock = (b.cosigners[0] ?? absent()).world;
  b.world.advance(10_000_000);
  await b.grow('a');
  clock.advance(10_000_000 - (COSIGNATURE_SKEW_SECONDS + 1) * 1000);
  await b.take();
  t.match(b.cosigning.standings()[0]?.fault, /301 s before the head was made/);
  clock.advance(REPEATED_WITHIN_SECONDS * 1000);
  b.world.advance(LONGEST_PAUSE_MS);
  await b.take();
  t.equal(b.cosigning.standings()[0]?.fault, null);
});

t.test('evidence is kept in words and bytes, and found again by whoever begins to lead', async (t) => {
  const b = await cosignedLedger(t, 1, 2);
  const folder = await dataFolder(t);
  const writing = { dataFolder: folder, world: b.parts.world };
  t.strictSame(await standingAlarms(folder), []);
  const claim: CosignerClaim = {
    code: 'cosigner_is_ahead',
    cosigner: b.policy.cosigners[0] ?? absent(),
    head: b.signer.released(origin) ?? absent(),
    itsSize: 300,
    said: '409: 300',
  };
  await keepClaim(writing, claim);
  t.strictSame(await standingAlarms(folder), [], 'a claim stops nobody');
  const claims = claimFolder(folder, claim.cosigner.vkey);
  const [name = ''] = await readdir(claims);
  t.match(JSON.parse(await readFile(join(claims, name), 'utf8')), {
    code: 'cosigner_is_ahead',
    asked: claim.head.note,
    itsSize: 300,
    cosigner: { name: 'w0' },
  });
  for (let n = 2; n < KEPT_CLAIMS_LIMIT; n++) await writeFile(join(claims, `${n}`), '');
  for (let n = 0; n < 2; n++) {
    await keepClaim(writing, claim);
    t.equal((await readdir(claims)).length, KEPT_CLAIMS_LIMIT, 'as many as the limit says, and not one more');
  }
  const other = { ...claim, cosigner: b.policy.cosigners[1] ?? absent() };
  await keepClaim(writing, other);
  t.equal((await readdir(claimFolder(folder, other.cosigner.vkey))).length, 1, 'another cosigner has its own room');
  await keepAlarm(writing, { ...claim, itsNote: ROGUE.note(300), by: ['w0'] });
  await keepAlarm(writing, { ...claim, itsNote: null, by: ['w0', 'w1'] });
  const reasons = await standingAlarms(folder);
  t.match(reasons.sort(), [
    /^cosigner_is_ahead: w0 shows size 300 with our signature/,
    /^cosigner_is_ahead: w0, w1 claim it/,
  ]);
  t.ok(reasons.every((why) => recoveryFrom(why) !== null));
});

t.test('whatever lies where evidence is kept stops the signing, and says which file and the way back', async (t) => {
  for (const content of ['', '{', 'null', '[]', '{"why":3}', '{"why":"all is well"}', '{"why":"cosigner_differs"}']) {
    const folder = await dataFolder(t);
    await mkdir(alarmFolder(folder));
    await writeFile(join(alarmFolder(folder), 'a.json'), content);
    const [why = ''] = await standingAlarms(folder);
    t.match(why, /^cosigner_alarm_unreadable: .*a\.json: /, content);
    t.match(recoveryFrom(why)?.en, /move it out of that folder/);
  }
  const half = await dataFolder(t);
  await mkdir(join(alarmFolder(half), 'x.json.part-1'), { recursive: true });
  t.match(await standingAlarms(half), [/^cosigner_alarm_unreadable/], 'what a crash left, or a folder');
  const file = await dataFolder(t);
  await writeFile(alarmFolder(file), '');
  t.match(await standingAlarms(file), [/^cosigner_alarm_unreadable: .*ENOTDIR/]);
});

function absent(): never {
  throw new Error('the test lacks what it prepared');
}
