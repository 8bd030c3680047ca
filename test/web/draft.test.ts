/** The form of a new opening: what the server would refuse is said field by field, what it takes comes out whole; and who will see what. */
import fc from 'fast-check';
import { demoCreditCode } from '../../server/cli/demo/ca.ts';
import { ApiError } from '../../server/client/transport.ts';
import { type Policy, PROFILE_NAMES, PROFILES } from '../../server/core/opening/policy.ts';
import { createOpening } from '../../server/core/opening/steps/sealing.ts';
import { TOPICS, whoSees } from '../../web/conduct/who-sees.ts';
import { accountIn } from '../../web/draft/account-file.ts';
import { createDesk } from '../../web/draft/desk.ts';
import {
  changedNames,
  type Draft,
  FIELD_NAMES,
  fieldsOfPolicy,
  freshDraft,
  isAsked,
  turnedTo,
} from '../../web/draft/fields.ts';
import { FAULT_CODES, readDraft, readValues } from '../../web/draft/read-draft.ts';
import { en } from '../../web/draft/words-en.ts';
import { zh } from '../../web/draft/words-zh.ts';
import { momentOf } from '../../web/parts/moment.ts';
import type { Seat } from '../../web/person/seat.ts';
import { testCa } from '../support/ca.ts';
import t from '../support/tap.ts';

const NOW = Date.parse('2026-03-01T00:00:00.000Z');
const HOST = `${demoCreditCode(1)}/A1`;
const FILLED = {
  openingId: 'zhangye-2026-001',
  title: '道路工程 <100>',
  projectCode: 'P-1',
  projectName: '道路工程',
  lotCode: 'LOT-1',
  lotName: '第一标段',
  tenderer: '业主',
  agency: '代理',
  place: '一号厅',
  deadlineAt: '2026-03-02T09:00',
  tendererAccount: `${demoCreditCode(2)}/O1`,
  witnessAccount: `${demoCreditCode(0)}/C2`,
  supervisorAccount: `${demoCreditCode(3)}/B1`,
};
const filled = (change: Partial<Draft> = {}, profile: (typeof PROFILE_NAMES)[number] = 'engineering'): Draft => ({
  ...freshDraft(profile),
  ...FILLED,
  ...change,
});
const read = (change: Partial<Draft> = {}, profile?: (typeof PROFILE_NAMES)[number]) =>
  readDraft(filled(change, profile), { now: NOW, host: HOST });
const faultsOf = (change: Partial<Draft>, profile?: (typeof PROFILE_NAMES)[number]) => {
  const found = read(change, profile);
  return 'faults' in found
    ? Object.fromEntries(Object.entries(found.faults).map(([name, { code }]) => [name, code]))
    : {};
};

t.test('filled in with what each kind of procurement takes for granted, it is what the server takes', async (t) => {
  for (const profile of PROFILE_NAMES) {
    const found = read({}, profile);
    if (!('body' in found)) throw new Error(`${profile}: ${JSON.stringify(found)}`);
    t.strictSame(found.body.policy, PROFILES[profile].defaults, profile);
    t.equal(found.body.details.deadlineAt, '2026-03-02T01:00:00.000Z');
    t.strictSame(
      found.body.assignments.map(({ role }) => role),
      ['host', 'tenderer', 'witness', 'supervisor'],
    );
    t.notOk('session' in found.body.details);
  }
});

t.test('everything that is wrong is said at once, each field by a code of its own', async (t) => {
  const nothing = Object.fromEntries(FIELD_NAMES.map((name) => [name, ''])) as Draft;
  const found = readDraft(
    { ...nothing, profile: 'engineering', draw: 'none', sharing: 'none', remedy: 'none' },
    { now: NOW, host: HOST },
  );
  const faults = 'faults' in found ? Object.values(found.faults).map(({ code }) => code) : [];
  t.ok(faults.length > 20 && faults.every((code) => code === 'empty'), faults.join());
  t.strictSame(
    faultsOf({
      openingId: 'Zhangye',
      title: 'x'.repeat(201),
      deadlineAt: '2026-02-30T09:00',
      ceilingPrice: '1,000',
      currency: '元',
      witnessAccount: HOST,
      tendererAccount: 'O1',
      checkInLead: '59',
      decryptionWindow: '121',
      minimumBidders: '2',
      confirmation: 'ten',
      quoteRounds: '1',
    }),
    {
      openingId: 'not_an_id',
      title: 'too_long',
      deadlineAt: 'not_a_moment',
      ceilingPrice: 'not_money',
      currency: 'not_a_currency',
      witnessAccount: 'host_is_witness',
      tendererAccount: 'not_an_account',
      checkInLead: 'out_of_range',
      decryptionWindow: 'out_of_range',
      minimumBidders: 'out_of_range',
      confirmation: 'not_whole',
      quoteRounds: 'only_in_a_negotiation',
    },
  );
  t.strictSame(faultsOf({ supervisorAccount: '' }), { supervisorAccount: 'empty' });
  t.strictSame(faultsOf({ auditorAccount: `${demoCreditCode(4)}/S2` }), {});
});

t.test('numbers at their bounds: the last that is allowed, and the first that is not', async (t) => {
  for (const [name, least, most] of [
    ['minimumBidders', 3, 100],
    ['checkInLead', 60, 1440],
    ['decryptionWindow', 10, 120],
    ['maxExtension', 0, 120],
    ['confirmation', 5, 120],
    ['maxSuspension', 0, 1440],
    ['archiveAfter', 0, 8760],
  ] as const) {
    const code = (value: number) => faultsOf({ [name]: String(value), deadlineAt: '2026-04-02T09:00' })[name];
    t.strictSame([code(least), code(most)], [undefined, undefined], name);
    t.strictSame(
      [code(most + 1), least === 0 ? 'out_of_range' : code(least - 1)],
      ['out_of_range', 'out_of_range'],
      name,
    );
  }
});

t.test('the deadline leaves check-in its time, to the minute; a rehearsal need not', async (t) => {
  const at = (minutes: number, profile?: 'rehearsal') =>
    faultsOf({ deadlineAt: momentOf(NOW + minutes * 60_000), checkInLead: '120' }, profile)['deadlineAt'];
  t.equal(at(120), undefined);
  t.equal(at(119), 'deadline_too_soon');
  t.equal(at(1, 'rehearsal'), undefined);
  t.equal(at(0, 'rehearsal'), 'deadline_too_soon');
});

t.test('a session comes whole or not at all', async (t) => {
  t.strictSame(faultsOf({ sessionId: 'room-1' }), { sessionTitle: 'empty' });
  const found = read({ sessionId: 'room-1', sessionTitle: '一号厅上午场' });
  t.match(found, { body: { details: { session: { id: 'room-1', title: '一号厅上午场' } } } });
});

t.test('what only some openings have is asked for where it was chosen, and nowhere else', async (t) => {
  const draft = filled();
  t.notOk(isAsked(draft, 'holders') || isAsked(draft, 'drawValues') || isAsked(draft, 'remedyWindow'));
  t.strictSame(faultsOf({ drawValues: 'x', holders: '99', remedyWindow: '' }), {}, 'not asked for, so not wrong');
  t.strictSame(faultsOf({ draw: 'before_decryption', drawValues: '0.95', commit: '0' }), {
    drawValues: 'not_values',
    commit: 'out_of_range',
  });
  t.strictSame(faultsOf({ sharing: 'blindWindow', holders: '3', threshold: '4' }), { threshold: 'more_than_holders' });
  t.match(read({ sharing: 'tendererLayer', remedy: 'backup', draw: 'after_decryption', drawValues: '1-100' }), {
    body: {
      policy: {
        tendererLayer: { holders: 3, threshold: 2, windowMs: 900_000 },
        blindWindow: false,
        remedy: { kind: 'backup', windowMs: 900_000 },
        draw: { when: 'after_decryption', coefficients: { first: 1, last: 100 }, commitMs: 300_000 },
      },
    },
  });
});

t.test('values to draw from: a list or a range, nothing else', async (t) => {
  t.strictSame(readValues('0.95, 0.96、3%  A'), ['0.95', '0.96', '3%', 'A']);
  t.strictSame(readValues(' 1 – 1000000 '), { first: 1, last: 1_000_000 });
  for (const wrong of ['', '0.95', '0.95 0.95', '5-5', '9-1', '0-1000001', 'a_b c', `${'x'.repeat(21)} y`])
    t.equal(readValues(wrong), null, wrong);
});

t.test('another kind of procurement brings its own times, and keeps what the opening is about', async (t) => {
  const turned = turnedTo(filled({ decryptionWindow: '99' }), 'negotiation');
  t.match(turned, { title: FILLED.title, profile: 'negotiation', decryptionWindow: '30', publicPrices: 'no' });
});

t.test('a policy that is shown to be changed and not touched is the same policy', async (t) => {
  const policies: Policy[] = [
    ...PROFILE_NAMES.map((name): Policy => PROFILES[name].defaults),
    {
      ...PROFILES.negotiation.defaults,
      ceilingPrice: '13000000.00',
      quoteRounds: { maxRounds: 2, roundMs: 600_000 },
      draw: { when: 'after_decryption', coefficients: ['0.95', '0.96'], commitMs: 60_000, revealMs: 120_000 },
      remedy: { kind: 'backup', windowMs: 300_000 },
      blindWindow: { holders: 5, threshold: 3, windowMs: 600_000 },
    },
  ];
  for (const policy of policies) {
    const profile = policy.quoteRounds === undefined ? 'rehearsal' : 'negotiation';
    const found = readDraft({ ...filled({}, profile), ...fieldsOfPolicy(policy) }, { now: NOW, host: null });
    t.strictSame('body' in found ? found.body.policy : found, policy);
    t.strictSame('body' in found && found.body.assignments, [], 'the people of a draft stand already');
  }
});

t.test('whatever is typed is read without a fault of ours, and what is taken the rules take', async (t) => {
  const anything = fc.oneof(
    fc.string(),
    fc.constantFrom('', '0', '1', '30', '1-9', 'a b', 'yes', '999999', '2026-03-09T09:00'),
  );
  const choices = {
    profile: fc.constantFrom(...PROFILE_NAMES),
    draw: fc.constantFrom('none', 'before_decryption'),
    sharing: fc.constantFrom('none', 'tendererLayer', 'blindWindow'),
    remedy: fc.constantFrom('none', 'backup'),
  };
  const typed = fc.record(
    { ...Object.fromEntries(FIELD_NAMES.map((name) => [name, anything])), ...choices },
    { requiredKeys: [] },
  );
  let taken = 0;
  fc.assert(
    fc.property(fc.subarray([...FIELD_NAMES]), typed, (kept, change) => {
      const part = Object.fromEntries(Object.entries(change).filter(([name]) => kept.includes(name as never)));
      const found = readDraft(filled(part as Partial<Draft>), { now: NOW, host: HOST });
      if ('faults' in found) return Object.values(found.faults).every(({ code }) => FAULT_CODES.includes(code));
      taken++;
      const { openingId, profile, details, policy, assignments } = found.body;
      const asked = {
        openingId,
        platform: 'p',
        profile,
        details,
        policy,
        vkey: '',
        cosigners: { quorum: 0, vkeys: [] },
        drawCommitments: [],
        assignments,
        production: false,
      };
      return !('refused' in createOpening(asked, { digest: () => '' }));
    }),
    { numRuns: 300 },
  );
  t.ok(taken > 5, `${taken} taken`);
});

t.test('both dictionaries have the same places to fill', async (t) => {
  const places = (words: string): string => (words.match(/\{[a-z]+\}/g) ?? []).sort().join();
  for (const [key, words] of Object.entries(zh)) t.equal(places(en[key as keyof typeof zh]), places(words), key);
});

t.test('who is who is read from a certificate, PEM or DER, and from nothing else', async (t) => {
  const ca = await testCa({ name: 'Test', at: NOW });
  const holder = { creditCode: demoCreditCode(3), organisation: '发改委', name: '监督', personId: 'B1' };
  const { certificatePem } = await ca.issue({ holder, usage: 'sign', key: 'p256' });
  const pem = new TextEncoder().encode(certificatePem);
  t.equal(accountIn(pem), `${demoCreditCode(3)}/B1`);
  const der = Buffer.from(certificatePem.replace(/-----[^-]+-----|\s/g, ''), 'base64');
  t.equal(accountIn(new Uint8Array(der)), `${demoCreditCode(3)}/B1`);
  for (const other of ['', 'hello', '-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----'])
    t.equal(accountIn(new TextEncoder().encode(other)), null, other);
});

t.test('a draft that is kept says in what it differs from the one on the log', async (t) => {
  const logged = filled();
  t.strictSame(changedNames(logged, logged), []);
  t.strictSame(changedNames({ ...logged, place: '二号厅', commit: '9', tendererAccount: 'x' }, logged), ['place']);
  t.strictSame(changedNames({ ...logged, draw: 'before_decryption', commit: '9' }, logged), ['draw', 'commit']);
});

t.test('without an answer the same is sent again, and after a refusal something new is signed', async (t) => {
  const desk = createDesk(null);
  const found = read();
  if (!('body' in found)) throw new Error('the draft is whole');
  let ids = 0;
  const sent: { id: string; act: string }[] = [];
  const faults = [new ApiError('unreachable', 0, 'no answer'), new ApiError('opening_exists', 409, 'refused')];
  const session = {
    account: HOST,
    newId: () => `id-${++ids}`,
    sign: async ({ id }: { id: string }) => `act of ${id}`,
    api: {
      async createOpening(body: { id: string; act: string }) {
        sent.push({ id: body.id, act: body.act });
        const fault = faults.shift();
        if (fault !== undefined) throw fault;
      },
    },
  };
  desk.seat.value = { session } as unknown as Seat;
  await desk.send(found.body);
  t.equal(desk.sending.value.kind, 'failed');
  desk.again();
  t.equal(desk.sending.value.kind, 'idle', 'the next attempt begins without the fault of the one before');
  await desk.send(found.body);
  await desk.send(found.body);
  t.equal(desk.sending.value.kind, 'done');
  t.strictSame(
    sent.map(({ id, act }) => [id, act]),
    [
      ['id-1', 'act of id-1'],
      ['id-1', 'act of id-1'],
      ['id-2', 'act of id-2'],
    ],
  );
});

t.test('who sees what: the law’s own lines', async (t) => {
  const sights = new Map(whoSees(PROFILES.engineering.defaults).map(({ topic, from }) => [topic, from]));
  t.notOk(sights.has('quotes'), 'no rounds, no word of them');
  t.equal(sights.size, Object.keys(TOPICS).length - 1);
  t.match(
    sights.get('bids'),
    { public: 'RosterPublished', host: 'RosterPublished', supervisor: 'RosterPublished', operator: null },
    'before the roster nobody, not even the host (20号令21)',
  );
  t.match(sights.get('numbers'), { public: 'Announcing', bidder: 'RosterPublished' }, 'the announcement names both');
  t.match(sights.get('chat'), { public: 'Scheduled' }, 'officials speak in public before there is a roster');
  t.match(sights.get('prices'), { public: 'Announcing', bidder: 'Announcing', operator: null });
  t.match(sights.get('questions'), { public: null, bidder: null, host: 'RosterPublished', supervisor: null });
  t.match(sights.get('source'), { host: null, supervisor: 'Scheduled' });
  const secret = new Map(whoSees(PROFILES.negotiation.defaults).map(({ topic, from }) => [topic, from]));
  t.match(secret.get('prices'), { public: null, bidder: 'Announcing' });
  t.match(secret.get('publicRecord'), { public: 'RecordConfirm' });
});
