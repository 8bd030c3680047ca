/** `kaibiao reads` at a real server: what a witness was shown, proven by the access log; and a server that shows something else. */
import { catchUp } from '../../../server/cli/person/read-opening.ts';
import { readReads } from '../../../server/cli/person/reads.ts';
import t from '../../support/tap.ts';
import { OPENING, startPlatform } from './platform.ts';

const platform = await startPlatform(t);
const { officials } = platform;
await platform.publish(OPENING, 3_600_000);
const { witness, host, supervisor } = officials;
await catchUp(witness, OPENING, 'witness');
await catchUp(host, OPENING);

t.test('an official lists its own reads, each proven', async (t) => {
  const mine = await readReads(witness, { openingId: OPENING, asAuditor: false });
  t.ok(mine.length > 0);
  for (const { who, access, source } of mine) {
    t.match(who, { account: witness.account, role: 'witness' });
    t.match(access, { openingId: OPENING, what: 'entries' });
    t.match(source, { address: '127.0.0.1' });
  }
  t.strictSame(await readReads(witness, { openingId: 'another', asAuditor: false }), []);
  t.strictSame(await readReads(host, { openingId: null, asAuditor: false }), []);
  const everyones = readReads(supervisor, { openingId: OPENING, asAuditor: true });
  await t.rejects(everyones, { code: 'role_not_held' });
});

t.test('a server that shows another’s read, hides what it withholds, or proves nothing', async (t) => {
  const { reads, checkpoint, size } = await witness.api.readReads({ openingId: null, asAuditor: false, after: -1 });
  const [first] = reads;
  if (first === undefined) throw new Error('no read');
  const shown = (change: Partial<typeof first>, account = witness.account) => {
    const api = { ...witness.api, readReads: async () => ({ reads: [{ ...first, ...change }], checkpoint, size }) };
    return readReads({ ...witness, account, api }, { openingId: null, asAuditor: false });
  };
  await t.rejects(shown({}, supervisor.account), { code: 'answer_not_as_asked' });
  await t.rejects(shown({ disclosures: [] }), { code: 'answer_not_as_asked' });
  await t.rejects(shown({ entry: first.entry.replace('"Accessed"', '"accessed"') }), { code: 'proof_does_not_hold' });
  await t.rejects(shown({ proof: '' }), { code: 'proof_does_not_hold' });
  await t.rejects(shown({}), { code: 'answer_not_as_asked' }, 'the same page for ever');
});
