/** SIGKILL in mid-append, again and again: nothing that was let out is lost, and no size ever has two roots. */

import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { toBase64 } from '../../server/core/log/base64.ts';
import { parseCheckpoint } from '../../server/core/log/checkpoint.ts';
import { leafHash, rootOf } from '../../server/core/log/merkle.ts';
import { parseNote } from '../../server/core/log/note.ts';
import { openingOrigin } from '../../server/core/log/origin.ts';
import { sha256 } from '../../server/hash.ts';
import { settleAll } from '../../server/recorder/settle-log.ts';
import { readEntries } from '../../server/store/read-log.ts';
import { testDb } from '../support/database.ts';
import { scriptOf } from '../support/script.ts';
import { begin, dataFolder, PLATFORM, testSigner } from '../support/signed-log.ts';
import t from '../support/tap.ts';

const ROUNDS = 4;
const appender = scriptOf('test/support/appender.ts');

/** Lets it append, kills it once it has printed `lines` checkpoints, and gives them. */
async function appendUntilKilled(args: string[], lines: number): Promise<{ started: number; notes: string[] }> {
  const child = spawn(process.execPath, [...appender.execArgv, appender.path, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = new Promise((end) => child.once('exit', end));
  let started = -1;
  const notes: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    if (line.startsWith('started ')) started = Number(line.slice('started '.length));
    // a line torn by the kill was not printed whole, so nobody has it
    else if (line.endsWith('"')) notes.push(JSON.parse(line) as string);
    if (notes.length === lines) child.kill('SIGKILL');
  }
  await ended;
  return { started, notes };
}

t.test(`killed ${ROUNDS} times in mid-append`, async (t) => {
  const { sql, appUrl } = await testDb(t);
  const folder = await dataFolder(t);
  const origin = openingOrigin(PLATFORM, 'killed');
  await begin(sql, origin);
  const seen: string[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const before = Math.max(0, ...seen.map((note) => parseCheckpoint(parseNote(note).text).size));
    const { started, notes } = await appendUntilKilled([appUrl, folder, origin], 15 + 7 * round);
    t.ok(started >= before, `round ${round} began at ${started}, ${before} were seen`);
    seen.push(...notes);
  }

  const signer = await testSigner(t, folder);
  await settleAll(sql, signer);
  const size = signer.released(origin)?.size ?? 0;
  const leaves = (await readEntries(sql, origin, 0, size)).map(({ bytes }) => leafHash(sha256, bytes));
  t.equal(leaves.length, size);
  const roots = new Map<number, string>();
  const stored = await sql<{ note: string }[]>`SELECT note FROM checkpoints WHERE origin = ${origin}`;
  for (const note of [...seen, ...stored.map((row) => row.note)]) {
    const checkpoint = parseCheckpoint(parseNote(note).text);
    const root = toBase64(checkpoint.root);
    t.equal(roots.get(checkpoint.size) ?? root, root, `one root for size ${checkpoint.size}`);
    if (!roots.has(checkpoint.size)) t.equal(toBase64(rootOf(sha256, leaves.slice(0, checkpoint.size))), root);
    roots.set(checkpoint.size, root);
  }
  t.ok(roots.size >= seen.length);
});
