/** The memory of a cosigner on disk: one history of a log, whoever writes to the folder and however late they come. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { formatAddCheckpoint } from '../../server/core/log/add-checkpoint.ts';
import { leafHash } from '../../server/core/log/merkle.ts';
import { fromUtf8, utf8 } from '../../server/core/log/utf8.ts';
import { hashOfOrigin, KEPT_TURNS, openCosignedHeads } from '../../server/cosign/cosigned-heads.ts';
import { filesOf, makeCosigner } from '../../server/cosign/cosigner-folder.ts';
import { enrolLog } from '../../server/cosign/enrolled-logs.ts';
import { writeOnce } from '../../server/durable-file.ts';
import { systemWorld } from '../../server/world.ts';
import { checkpointNote, logKey, sha256 } from '../support/log-fixtures.ts';
import { scriptOf } from '../support/script.ts';
import { dataFolder } from '../support/signed-log.ts';
import t from '../support/tap.ts';
import type { UnlockedAnswer, UnlockedAsk } from '../support/unlocked-cosigner.ts';

const { randomBytes } = systemWorld;
const LOG = hashOfOrigin('kaibiao.test/ledger');
const open = (folder: string) => openCosignedHeads(folder, randomBytes);
const lastOf = async (folder: string): Promise<string> => {
  const head = await (await open(folder)).read(LOG);
  return head === null ? 'none' : `${head.turn} ${fromUtf8(head.note)}`;
};

t.test('a turn is written once; who read before it was is told so, at once and much later', async (t) => {
  const folder = join(await dataFolder(t), 'heads');
  const [one, two] = [await open(folder), await open(folder)];
  t.equal(await one.read(LOG), null);
  t.equal(await one.write(LOG, 1, 'a'), true);
  t.equal(await two.write(LOG, 1, 'b'), false);
  t.equal(await lastOf(folder), '1 a');
  for (let turn = 2; turn <= KEPT_TURNS + 3; turn++) t.equal(await one.write(LOG, turn, `a${turn}`), true);
  const last = `${KEPT_TURNS + 3} a${KEPT_TURNS + 3}`;
  t.equal((await readdir(folder)).length, KEPT_TURNS, 'older turns go');
  // the turn that it would write is free again, and still not its to write
  for (const late of [1, 2, 3]) {
    t.equal(await two.write(LOG, late, 'late'), false);
    t.equal(await lastOf(folder), last);
  }
  t.equal((await readdir(folder)).length, KEPT_TURNS, 'and nothing of it stays');
  t.equal(await two.write(LOG, KEPT_TURNS + 3, 'same'), false);
  t.equal(await two.write(LOG, KEPT_TURNS + 4, 'b'), true);
});

t.test('the file of the version before is the first turn; other logs and what a crash left do not count', async (t) => {
  const folder = join(await dataFolder(t), 'heads');
  await mkdir(folder);
  await writeFile(join(folder, LOG), 'old');
  await writeFile(join(folder, `${LOG}.part`), 'half');
  await writeFile(join(folder, `${LOG}.7.part-AAAA`), 'half');
  await writeFile(join(folder, `${LOG}.07`), 'no turn');
  await writeFile(join(folder, `${hashOfOrigin('other')}.9`), 'other');
  const heads = await open(folder);
  t.equal(await lastOf(folder), '0 old');
  t.notOk((await readdir(folder)).some((name) => name.includes('part')));
  t.equal(await heads.write(LOG, 1, 'new'), true);
  t.equal(await lastOf(folder), '1 new');
  await rm(join(folder, `${LOG}.1`));
  t.equal(await lastOf(folder), '0 old');
});

t.test('of writers that read and write in any order, no two write on the same head', async (t) => {
  const step = fc.record({ who: fc.nat(2), act: fc.constantFrom('read', 'write') });
  const base = await dataFolder(t);
  let runs = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const folder = join(base, `${runs++}`);
      const writers = await Promise.all([0, 1, 2].map(() => open(folder)));
      const seen = [0, 0, 0];
      const written: number[] = [];
      for (const { who, act } of steps) {
        const heads = writers[who] ?? (await open(folder));
        if (act === 'read') seen[who] = (await heads.read(LOG))?.turn ?? 0;
        else if (await heads.write(LOG, (seen[who] ?? 0) + 1, `${who}`)) written.push((seen[who] ?? 0) + 1);
      }
      if (written.some((turn, n) => turn !== n + 1)) throw new Error(`turns ${written.join(' ')}`);
    }),
    { numRuns: 25 },
  );
});

t.test('two processes with one folder and no lock between them sign one history of each log', async (t) => {
  const folder = await dataFolder(t);
  await makeCosigner(folder, 'cosigner.test/1', randomBytes);
  const signer = logKey('kaibiao.test/ledger', 21);
  const origins = Array.from({ length: 40 }, (_, n) => `kaibiao.test/${n}`);
  for (const origin of origins) await enrolLog(filesOf(folder).logs, signer.vkey, origin);
  const [one, two] = await Promise.all([startUnlocked(folder), startUnlocked(folder)]);
  const ask = (origin: string, branch: string): string =>
    formatAddCheckpoint({
      oldSize: 0,
      proof: [],
      checkpoint: checkpointNote(signer, [leafHash(sha256, utf8(branch))], origin),
    });
  const answers = await Promise.all(
    origins.map((origin) => Promise.all([one.ask(ask(origin, 'main')), two.ask(ask(origin, 'fork'))])),
  );
  for (const [n, pair] of answers.entries()) {
    const signed = pair.filter(({ status }) => status === 200);
    t.equal(signed.length, 1, `${origins[n]}: one history of two`);
    t.ok(pair.some(({ status, body }) => status === 409 && body === '1\n'));
  }
  await Promise.all([one.stop(), two.stop()]);
});

async function startUnlocked(folder: string) {
  const script = scriptOf('test/support/unlocked-cosigner.ts');
  const child: ChildProcess = fork(script.path, [folder], { execArgv: [...script.execArgv] });
  t.teardown(() => void child.kill('SIGKILL'));
  await once(child, 'message');
  const waiting = new Map<number, (answer: UnlockedAnswer) => void>();
  child.on('message', (answer: UnlockedAnswer) => waiting.get(answer.n)?.(answer));
  let asked = 0;
  return {
    ask: (text: string): Promise<UnlockedAnswer> =>
      new Promise((answer) => {
        const n = asked++;
        waiting.set(n, answer);
        child.send({ n, body: Buffer.from(text).toString('base64') } satisfies UnlockedAsk);
      }),
    async stop() {
      child.disconnect();
      await once(child, 'exit');
    },
  };
}

t.test('what could not be written leaves nothing behind', async (t) => {
  const folder = await dataFolder(t);
  await t.rejects(writeOnce(join(folder, 'file'), undefined as never, systemWorld.randomBytes));
  t.strictSame(await readdir(folder), []);
});
