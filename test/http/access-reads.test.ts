/** Who looked at what, over HTTP: witness and supervisor learn of their own reads, an auditor of everyone's of the opening, each proven. */
import { readDisclosure } from '../../server/core/log/disclosure.ts';
import { leafHash } from '../../server/core/log/merkle.ts';
import { ed25519Verifier, parseVkey } from '../../server/core/log/note.ts';
import { verifyProof } from '../../server/core/log/proof.ts';
import { sha256 } from '../../server/hash.ts';
import { verifyEd25519 } from '../support/log-fixtures.ts';
import t from '../support/tap.ts';
import { OPENING_ID, problemIn, setBench } from './bench.ts';

const OTHER_ID = 'zhangye-2026-099';
const bench = await setBench(t);
await bench.create();
await bench.create(OTHER_ID);
const [host, witness, supervisor, auditor, bidder] = [
  await bench.official('host'),
  await bench.official('witness'),
  await bench.official('supervisor'),
  await bench.official('auditor'),
  await bench.bidder(0),
];
type Who = typeof host;

const look = (who: Who, role: string, openingId = OPENING_ID, after = -1) =>
  bench.ask(who, { url: `/openings/${openingId}/entries?role=${role}&after=${after}` });
const ask = (who: Who | null, query = '') => bench.ask(who, { url: `/access-reads${query}` });

type Answered = { reads: { entry: string; disclosures: string[]; proof: string }[]; checkpoint: string; size: number };
/** Who read what, as `role what opening`. */
async function readsOf(who: Who, query = ''): Promise<string[]> {
  const answer = await ask(who, query);
  if (answer.statusCode !== 200) throw new Error(answer.body);
  return answer.json<Answered>().reads.map(({ disclosures }) => {
    const { who, access } = Object.fromEntries(
      disclosures.map((d) => readDisclosure(d)).map(({ field, value }) => [field, value]),
    ) as { who: { role: string }; access: { what: string; openingId: string } };
    return `${who.role} ${access.what} ${access.openingId === OPENING_ID ? 'this' : 'other'}`;
  });
}

await look(witness, 'witness');
await look(supervisor, 'supervisor');
await look(witness, 'witness', OTHER_ID);
await look(host, 'host');

t.test('an official reads what it was itself shown, of one opening or of all', async (t) => {
  t.strictSame(await readsOf(witness), ['witness entries this', 'witness entries other']);
  t.strictSame(await readsOf(witness, `?opening=${OPENING_ID}`), ['witness entries this']);
  t.strictSame(await readsOf(supervisor), ['supervisor entries this']);
  t.strictSame(await readsOf(supervisor, `?opening=${OTHER_ID}`), []);
  t.strictSame(await readsOf(host), [], 'only officials’ reads are recorded');
  t.strictSame(await readsOf(bidder), []);
  t.strictSame(await readsOf(witness), ['witness entries this', 'witness entries other'], 'its own list adds nothing');
});

t.test('an auditor reads everyone’s of an opening, and that is recorded first', async (t) => {
  const everyones = `?role=auditor&opening=${OPENING_ID}`;
  t.strictSame(await readsOf(auditor, everyones), [
    'witness entries this',
    'supervisor entries this',
    'auditor reads this',
  ]);
  t.strictSame(await readsOf(auditor), ['auditor reads this']);
  t.equal((await readsOf(auditor, everyones)).length, 4);
});

t.test('nobody else learns of others’ reads', async (t) => {
  const everyones = `?role=auditor&opening=${OPENING_ID}`;
  for (const who of [witness, supervisor, host, bidder])
    t.equal(problemIn(await ask(who, everyones)), '403 role_not_held');
  t.equal(problemIn(await ask(auditor, '?role=auditor')), '400 request_malformed', 'of an opening, not of all');
  t.equal(problemIn(await ask(auditor, '?role=auditor&opening=no-such-opening')), '403 role_not_held');
  t.equal(problemIn(await ask(null)), '401 token_missing');
});

t.test('each read is proven against the checkpoint that the tiles are under', async (t) => {
  const { reads, checkpoint, size } = (await ask(witness)).json<Answered>();
  const vkey = (await bench.ask(null, { url: '/logs/access/vkey' })).body.trim();
  const logKey = ed25519Verifier(parseVkey(sha256, vkey), verifyEd25519);
  t.ok(reads.length > 0);
  for (const { entry, proof } of reads) {
    const leaf = leafHash(sha256, new TextEncoder().encode(entry));
    const held = await verifyProof({ sha256, proof, leaf, logKey });
    t.match(held, { ok: true, index: JSON.parse(entry).seq, checkpoint: { size } });
    t.ok(proof.endsWith(checkpoint));
  }
});

t.test('pages are as large as asked, from 1 to 500', async (t) => {
  t.strictSame(await readsOf(witness, '?limit=1'), ['witness entries this']);
  const [first] = (await ask(witness, '?limit=1')).json<Answered>().reads;
  const seq = JSON.parse(first?.entry ?? '').seq as number;
  t.strictSame(await readsOf(witness, `?after=${seq}&limit=500`), ['witness entries other']);
  for (const limit of ['0', '501', '-1', '1e2'])
    t.equal((await ask(witness, `?limit=${limit}`)).statusCode, 400, limit);
});

t.test('when the access log takes nothing, others’ reads are not shown; one’s own are', async (t) => {
  const ledger = bench.dependencies.ledger as { recordAccess: unknown };
  const { recordAccess } = ledger;
  ledger.recordAccess = async () => {
    throw new Error('the access log is away');
  };
  t.equal((await ask(auditor, `?role=auditor&opening=${OPENING_ID}`)).statusCode, 500);
  t.equal((await readsOf(witness)).length, 2);
  ledger.recordAccess = recordAccess;
});
