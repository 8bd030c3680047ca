/** The cosigner: every status of the protocol, one step of check and set, what it remembers, and which keys it never believes. */
import { readFile, writeFile } from 'node:fs/promises';
import fc from 'fast-check';
import { SIZE_TYPE } from '../../server/core/log/add-checkpoint.ts';
import { toBase64 } from '../../server/core/log/base64.ts';
import { openCheckpoint } from '../../server/core/log/checkpoint.ts';
import { cosignatureVerifier, parseCosignature } from '../../server/core/log/cosignature.ts';
import { emptyRoot } from '../../server/core/log/merkle.ts';
import { addSignatures, ed25519Verifier, formatNote, parseSignatureLine } from '../../server/core/log/note.ts';
import { fromUtf8, utf8 } from '../../server/core/log/utf8.ts';
import { hashOfOrigin } from '../../server/cosign/cosigned-heads.ts';
import {
  CHECKPOINTS_PER_MINUTE,
  CLOCK_AHEAD_SECONDS,
  CLOCK_BACK_SECONDS,
  CosignerClockError,
  REPEATED_WITHIN_SECONDS,
} from '../../server/cosign/cosigner.ts';
import { filesOf, makeCosigner } from '../../server/cosign/cosigner-folder.ts';
import { ENROLLED_LIMIT, enrolLog } from '../../server/cosign/enrolled-logs.ts';
import { systemWorld } from '../../server/world.ts';
import { type CosignerBench, cosignerBench, numberedLog, ORIGIN } from '../support/cosigning.ts';
import { logKey, sha256, verifyEd25519 } from '../support/log-fixtures.ts';
import { dataFolder } from '../support/signed-log.ts';
import t from '../support/tap.ts';

const log = numberedLog();
const fork = numberedLog('fork', 5);
const malformed = (code: string) => ({ code });

/** The signature that an answer of 200 carries, judged as a client would. */
async function judged(bench: CosignerBench, note: string, body: string) {
  const line = parseSignatureLine(body.trimEnd());
  const opened = await openCheckpoint(addSignatures(note, [line]), ed25519Verifier(log.signer.key, verifyEd25519), [
    cosignatureVerifier(bench.key, verifyEd25519),
  ]);
  return { signers: opened.signatures.length, ...parseCosignature(line.signature) };
}

t.test('growth is signed step by step, each signature good under the cosigner’s key and with its time', async (t) => {
  const bench = await cosignerBench(t);
  let old = 0;
  for (const size of [0, 1, 2, 7, 8, 33]) {
    const { status, body } = await bench.cosigner.addCheckpoint(log.ask(old, size));
    t.equal(status, 200, body);
    const { signers, timeSeconds } = await judged(bench, log.note(size), body);
    t.equal(signers, 2);
    t.equal(timeSeconds, Math.floor(bench.world.now() / 1000));
    const kept = await bench.cosigner.latest(hashOfOrigin(ORIGIN));
    t.equal(fromUtf8(kept ?? new Uint8Array()), `${log.note(size)}${body}`, 'monitors get the cosigned note');
    bench.world.advance(1_700);
    old = size;
  }
});

t.test('every refusal has the status of the protocol, and leaves the memory as it was', async (t) => {
  const { cosigner } = await cosignerBench(t);
  t.equal((await cosigner.addCheckpoint(log.ask(0, 8))).status, 200);
  const other = logKey('other.test/ledger', 21);
  const stranger = numberedLog('main', 0, 22);
  const text = (body: Uint8Array): string => fromUtf8(body);
  const cases: readonly (readonly [name: string, body: Uint8Array, status: number, type?: string])[] = [
    ['malformed', utf8('old 8\n'), 400],
    ['old above the checkpoint', utf8(text(log.ask(0, 3)).replace('old 0', 'old 4')), 400],
    ['unknown origin', utf8(text(log.ask(8, 9)).replaceAll(ORIGIN, other.name)), 404],
    ['no signature of an enrolled key', stranger.ask(8, 9), 403],
    ['a bad signature of the enrolled key', utf8(text(log.ask(8, 9)).replace(/\n9\n/, '\n10\n')), 403],
    ['another old size', log.ask(7, 9), 409, SIZE_TYPE],
    ['old size 0 though one was signed', log.ask(0, 9), 409, SIZE_TYPE],
    ['same size, other root', fork.ask(8, 8), 409],
    ['a proof that does not hold', utf8(text(log.ask(8, 9)).replace(/old 8\n.{4}/, 'old 8\nAAAA')), 422],
    ['no proof', utf8(text(log.ask(8, 9)).replace(/old 8\n[\s\S]*?\n\n/, 'old 8\n\n')), 422],
    ['growth of another history', fork.ask(8, 9), 422],
  ];
  for (const [name, body, status, type = 'text/plain; charset=utf-8'] of cases) {
    const answer = await cosigner.addCheckpoint(body);
    t.equal(answer.status, status, `${name}: ${answer.body}`);
    t.equal(answer.type, type, name);
    if (type === SIZE_TYPE) t.equal(answer.body, '8\n');
  }
  t.equal((await cosigner.addCheckpoint(log.ask(8, 9))).status, 200);
});

t.test('from nothing: no proof may come with old size 0, and an empty tree has one root', async (t) => {
  const { cosigner } = await cosignerBench(t);
  const withProof = fromUtf8(log.ask(0, 5)).replace('old 0\n', `old 0\n${toBase64(new Uint8Array(32))}\n`);
  t.equal((await cosigner.addCheckpoint(utf8(withProof))).status, 422);
  const emptyText = `${ORIGIN}\n0\n${toBase64(sha256(utf8('x')))}\n`;
  const signature = log.signer.sign(utf8(emptyText));
  const empty = formatNote(emptyText, [{ name: ORIGIN, keyId: log.signer.keyId, signature }]);
  t.equal((await cosigner.addCheckpoint(utf8(`old 0\n\n${empty}`))).status, 422);
  t.not(toBase64(emptyRoot(sha256)), toBase64(sha256(utf8('x'))));
  t.equal(await cosigner.latest(hashOfOrigin(ORIGIN)), null);
});

t.test('a checkpoint with extension lines of another kind of log is signed whole', async (t) => {
  const bench = await cosignerBench(t);
  const [origin = '', size = '', root = ''] = log.note(3).split('\n');
  const sign = (text: string) =>
    formatNote(text, [{ name: ORIGIN, keyId: log.signer.keyId, signature: log.signer.sign(utf8(text)) }]);
  const note = sign(`${origin}\n${size}\n${root}\nextension 1\n`);
  const { status, body } = await bench.cosigner.addCheckpoint(utf8(`old 0\n\n${note}`));
  t.equal(status, 200, body);
  const verifier = cosignatureVerifier(bench.key, verifyEd25519);
  const { signature } = parseSignatureLine(body.trimEnd());
  t.equal(await verifier.verify(utf8(`${origin}\n${size}\n${root}\nextension 1\n`), signature), true);
  t.equal(await verifier.verify(utf8(`${origin}\n${size}\n${root}\n`), signature), false);
  t.equal((await bench.cosigner.addCheckpoint(utf8(`old 3\n\n${sign(`${origin}\n3\n${root}\n\nx\n`)}`))).status, 400);
});

t.test(
  'of requests at once each is held to the one before: no size is signed twice with two roots, none goes back',
  async (t) => {
    const { cosigner } = await cosignerBench(t);
    // whose request is in front is the system's affair
    const asked = [
      ...Array.from({ length: 20 }, (_, n) => ({ history: log, size: n + 1 })),
      ...Array.from({ length: 20 }, (_, n) => ({ history: fork, size: n + 6 })),
    ];
    const answers = await Promise.all(asked.map(({ history, size }) => cosigner.addCheckpoint(history.ask(0, size))));
    t.equal(answers.filter(({ status }) => status === 200).length, 1, 'from nothing to one');
    const { history, size = 0 } = asked[answers.findIndex(({ status }) => status === 200)] ?? { history: log };
    t.equal(answers.filter(({ status, body }) => status === 409 && body === `${size}\n`).length, 39);
    const sizes = [40, 33, 40];
    const racing = await Promise.all(sizes.map((to) => cosigner.addCheckpoint(history.ask(size, to))));
    t.strictSame(racing.map(({ status }) => status).sort(), [200, 409, 409]);
    const won = sizes[racing.findIndex(({ status }) => status === 200)];
    const kept = fromUtf8((await cosigner.latest(hashOfOrigin(ORIGIN))) ?? new Uint8Array());
    t.equal(kept.split('\n')[1], String(won));
  },
);

t.test(
  'a restart remembers; a damaged memory signs nothing; its own clock going back does not make its times go back',
  async (t) => {
    const first = await cosignerBench(t);
    first.world.advance(100_000);
    const { body } = await first.cosigner.addCheckpoint(log.ask(0, 8));
    const again = await cosignerBench(t, { folder: first.folder });
    t.equal(again.vkey, first.vkey);
    t.equal((await again.cosigner.addCheckpoint(fork.ask(8, 8))).status, 409);
    const grown = await again.cosigner.addCheckpoint(log.ask(8, 9));
    const [before, after] = [body, grown.body].map((line) =>
      parseCosignature(parseSignatureLine(line.trimEnd()).signature),
    );
    t.equal(after?.timeSeconds, before?.timeSeconds, 'a clock that was set back says the last time again');
    const file = `${filesOf(first.folder).heads}/${hashOfOrigin(ORIGIN)}.2`;
    const kept = await readFile(file);
    for (const spoilt of [
      Buffer.alloc(0),
      kept.subarray(0, -3),
      Buffer.from(kept.toString().replace('\n9\n', '\n8\n')),
    ]) {
      await writeFile(file, spoilt);
      await t.rejects(again.cosigner.addCheckpoint(log.ask(9, 10)));
    }
    await writeFile(file, kept);
    t.equal((await again.cosigner.addCheckpoint(log.ask(9, 10))).status, 200);
  },
);

t.test('repeating a request costs nothing and is no flood; a flood of new heads is pushed back', async (t) => {
  const { cosigner, world } = await cosignerBench(t);
  const first = await cosigner.addCheckpoint(log.ask(0, 1));
  for (let n = 0; n < CHECKPOINTS_PER_MINUTE; n++)
    t.equal((await cosigner.addCheckpoint(log.ask(1, 1))).body, first.body);
  world.advance(REPEATED_WITHIN_SECONDS * 1000);
  t.not((await cosigner.addCheckpoint(log.ask(1, 1))).body, first.body, 'after a while it is signed with its new time');
  const before = await cosigner.addCheckpoint(log.ask(1, 2));
  t.equal(before.status, 200);
  // three were signed so far; the minute holds so many, and not one more
  for (let size = 3; size <= CHECKPOINTS_PER_MINUTE - 1; size++)
    t.equal((await cosigner.addCheckpoint(log.ask(size - 1, size))).status, 200);
  const size = CHECKPOINTS_PER_MINUTE;
  t.equal((await cosigner.addCheckpoint(log.ask(size - 1, size))).status, 429);
  world.advance(60_000);
  t.equal((await cosigner.addCheckpoint(log.ask(size - 1, size))).status, 200);
});

t.test('whoever may sign is enrolled by a key that can be believed, under the origin that it signs for', async (t) => {
  const folder = await dataFolder(t);
  const { vkey } = await makeCosigner(folder, 'cosigner.test/1', systemWorld.randomBytes);
  t.match(vkey, /^cosigner\.test\/1\+[0-9a-f]{8}\+B/, 'a key of type 4');
  const { logs } = filesOf(folder);
  const zero = `weak.test+00000000+${toBase64(Uint8Array.of(1, ...new Uint8Array(32)))}`;
  await t.rejects(enrolLog(logs, zero), malformed('vkey_weak'));
  await t.rejects(enrolLog(logs, logKey(ORIGIN, 3, 4).vkey), malformed('vkey_malformed'));
  await t.rejects(enrolLog(logs, 'nonsense'), malformed('vkey_malformed'));
  await t.rejects(enrolLog(logs, log.signer.vkey, 'a b'), malformed('policy_malformed'));
  t.equal(await readFile(logs, 'utf8'), '', 'nothing of it was written');
  t.equal(await enrolLog(logs, log.signer.vkey), ORIGIN);
  t.equal(await enrolLog(logs, log.signer.vkey, 'elsewhere.test/log'), 'elsewhere.test/log');
  await t.rejects(makeCosigner(folder, 'no name', systemWorld.randomBytes), malformed('key_name_malformed'));
  await t.rejects(makeCosigner(folder, 'cosigner.test/2', systemWorld.randomBytes), /cosigner\.test\/1/);
  const full = Array.from({ length: ENROLLED_LIMIT }, (_, n) => `${log.signer.vkey} o/${n}\n`).join('');
  await writeFile(logs, full.slice(0, full.trimEnd().lastIndexOf('\n') + 1));
  t.equal(await enrolLog(logs, log.signer.vkey, 'o/last'), 'o/last');
  await t.rejects(enrolLog(logs, log.signer.vkey, 'o/one-more'), malformed('policy_malformed'));
});

t.test('a log enrolled while it runs is signed for at once; a file spoilt meanwhile signs nothing', async (t) => {
  const { cosigner, folder } = await cosignerBench(t);
  const { logs } = filesOf(folder);
  const before = await readFile(logs, 'utf8');
  await writeFile(logs, '# nobody\n');
  t.equal((await cosigner.addCheckpoint(log.ask(0, 1))).status, 404);
  await writeFile(logs, `${before}garbage\n`);
  await t.rejects(cosigner.addCheckpoint(log.ask(0, 1)));
  await writeFile(logs, before);
  t.equal((await cosigner.addCheckpoint(log.ask(0, 1))).status, 200);
});

t.test('no body whatever makes it fail: it is answered by a status', async (t) => {
  const { cosigner } = await cosignerBench(t);
  const good = log.ask(0, 9);
  const mutated = fc
    .tuple(fc.nat(good.length - 1), fc.integer({ min: 0, max: 255 }), fc.nat(good.length))
    .map(([at, byte, end]) => {
      const body = good.slice();
      body[at] = byte;
      return body.slice(0, Math.max(end, at));
    });
  await fc.assert(
    fc.asyncProperty(fc.oneof(fc.uint8Array({ maxLength: 300 }), mutated), async (body) => {
      const { status } = await cosigner.addCheckpoint(body);
      if (status !== 400 && status !== 403 && status !== 404) throw new Error(`${status}`);
    }),
    { numRuns: 300 },
  );
});

t.test('a clock that cannot be right signs nothing, for what it dates holds for good', async (t) => {
  const bench = await cosignerBench(t);
  const { cosigner, world, folder } = bench;
  t.equal((await cosigner.addCheckpoint(log.ask(0, 1))).status, 200);
  world.advance(CLOCK_AHEAD_SECONDS * 1_000);
  t.equal((await cosigner.addCheckpoint(log.ask(1, 2))).status, 200, 'a machine that was off for a month');
  world.advance((CLOCK_AHEAD_SECONDS + 1) * 1_000);
  await t.rejects(cosigner.addCheckpoint(log.ask(2, 3)), CosignerClockError, 'a second more');
  const kept = await cosigner.latest(hashOfOrigin(ORIGIN));
  t.equal(fromUtf8(kept ?? new Uint8Array()).split('\n')[1], '2', 'nothing was signed');
  const signedAt = world.now();
  const told = await cosignerBench(t, { folder, startAt: signedAt, isClockRight: true });
  t.equal((await told.cosigner.addCheckpoint(log.ask(2, 3))).status, 200, 'somebody says that it is right');
  const newest = Math.floor(signedAt / 1_000);
  const early = await cosignerBench(t, { folder, startAt: (newest - CLOCK_BACK_SECONDS - 1) * 1_000 });
  await t.rejects(early.cosigner.addCheckpoint(log.ask(3, 4)), CosignerClockError, 'it was not, and was put back');
  early.world.advance(1_000);
  const { status, body } = await early.cosigner.addCheckpoint(log.ask(3, 4));
  t.equal(status, 200);
  t.equal((await judged(bench, log.note(4), body)).timeSeconds, newest, 'its own time never goes back');
});
