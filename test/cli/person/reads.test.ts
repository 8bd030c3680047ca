/** `kaibiao reads` at a real server: what a witness was shown, proven by the access log; and a server that shows something else. */
import { act, createOpening } from '../../../server/cli/person/act.ts';
import { catchUp } from '../../../server/cli/person/read-opening.ts';
import { readReads } from '../../../server/cli/person/reads.ts';
import { PROFILES } from '../../../server/core/opening/policy.ts';
import { roadworks } from '../../support/roadworks.ts';
import t from '../../support/tap.ts';
import { OPENING, startPlatform } from './platform.ts';

const platform = await startPlatform(t);
const { officials } = platform;
await platform.publish(OPENING, 3_600_000);
const { witness, host, supervisor } = officials;
const AUDITED = 'zhangye-audited';
/** In another opening the same person may audit. */
const auditor = supervisor;
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

t.test(
  'an auditor lists everyone’s of an opening to its end: its own asking is in it once, and it comes to an end',
  async (t) => {
    const roles = { host, tenderer: officials.tenderer, witness, supervisor, auditor };
    await createOpening(host, {
      openingId: AUDITED,
      profile: 'rehearsal',
      details: roadworks(platform.world.now() + 3_600_000),
      policy: PROFILES.rehearsal.defaults,
      assignments: Object.entries(roles).map(([role, { account }]) => ({ role, account })),
    });
    await act(host, AUDITED, { type: 'PublishOpening', role: 'host', data: {} });
    await catchUp(witness, AUDITED, 'witness');
    const all = await readReads(auditor, { openingId: AUDITED, asAuditor: true });
    t.ok(all.some(({ who }) => who.account === witness.account));
    t.equal(all.filter(({ access }) => access.what === 'reads').length, 1);
    // as from a server whose pages hold one read each
    let asked = 0;
    const api = {
      ...auditor.api,
      async readReads(question: Parameters<typeof auditor.api.readReads>[0]) {
        asked += 1;
        const page = await auditor.api.readReads(question);
        return { ...page, reads: page.reads.slice(0, 1) };
      },
    };
    const paged = await readReads({ ...auditor, api }, { openingId: AUDITED, asAuditor: true });
    t.equal(paged.length, all.length + 1, 'with the look before, and the first of these');
    t.equal(asked, paged.length);
  },
);

t.test('a server that shows another’s read, hides what it withholds, or proves nothing', async (t) => {
  const { reads, checkpoint, size } = await witness.api.readReads({ openingId: null, asAuditor: false, after: -1 });
  const [first] = reads;
  if (first === undefined) throw new Error('no read');
  const shown = (change: Partial<typeof first>, account = witness.account) => {
    const api = {
      ...witness.api,
      readReads: async () => ({ reads: [{ ...first, ...change }], checkpoint, size: size + 1 }),
    };
    return readReads({ ...witness, account, api }, { openingId: null, asAuditor: false });
  };
  await t.rejects(shown({}, supervisor.account), { code: 'answer_not_as_asked' });
  await t.rejects(shown({ disclosures: [] }), { code: 'answer_not_as_asked' });
  await t.rejects(shown({ entry: first.entry.replace('"Accessed"', '"accessed"') }), { code: 'proof_does_not_hold' });
  await t.rejects(shown({ proof: '' }), { code: 'proof_does_not_hold' });
  await t.rejects(shown({}), { code: 'answer_not_as_asked' }, 'the same page for ever');
});
