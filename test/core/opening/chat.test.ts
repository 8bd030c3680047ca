/** What is said: the public chat, a bidder's thread with the host, muting; on the log, verbatim, and nothing before the roster but the host. */
import { Check } from 'typebox/schema';
import { COMMANDS } from '../../../server/core/opening/commands.ts';
import { MESSAGE_LIMIT_CHARACTERS } from '../../../server/core/opening/details.ts';
import { MAX_MESSAGES_PER_BIDDER } from '../../../server/core/opening/steps/chat.ts';
import { canSee, roleSees } from '../../../server/core/opening/visibility.ts';
import { audit, body, forge } from '../../support/opening-forgery.ts';
import { reach, suspend } from '../../support/opening-phases.ts';
import { bidder, host, supervisor, tenderer, witness } from '../../support/opening-script.ts';
import t from '../../support/tap.ts';

const text = '<100> 元是否含税 & "引号"？';
const all = { text, to: 'all' } as const;
const toHost = { text, to: 'host' } as const;
const mute1 = { bidder: 1, reason: '扰乱秩序' };

t.test('everyone speaks from the roster on, and what is said stands as it was written', async (t) => {
  const s = reach('RosterPublished');
  for (const actor of [bidder(2), host, tenderer, witness, supervisor]) {
    s.go('Say', all, actor);
    t.same(s.lines.at(-1)?.entry.body, { bidder: actor.bidder ?? null });
    t.equal(s.lines.at(-1)?.disclosed['text'], text);
  }
  t.equal(s.refusal('Say', all, { role: 'bidder' }), 'no_such_bidder');
  t.equal(s.refusal('Say', all, { role: 'auditor' }), 'role_not_allowed');
});

t.test('before the roster only the host is heard, and to all', async (t) => {
  for (const phase of ['Scheduled', 'CheckIn', 'Sealed', 'Postponed'] as const) {
    const s = reach(phase);
    t.equal(s.refusal('Say', all, host), undefined, phase);
    for (const actor of [bidder(1), { role: 'bidder' } as const, tenderer, witness, supervisor])
      t.equal(s.refusal('Say', all, actor), 'too_early', `${actor.role} in ${phase}`);
    t.equal(s.refusal('Say', { text, to: 1 }, host), 'too_early');
  }
});

t.test('a message may be so long and not one character longer', async (t) => {
  const fits = (n: number) => Check(COMMANDS.Say.data, { text: '问'.repeat(n), to: 'all' });
  t.same(
    [fits(0), fits(1), fits(MESSAGE_LIMIT_CHARACTERS), fits(MESSAGE_LIMIT_CHARACTERS + 1)],
    [false, true, true, false],
  );
});

t.test('a bidder writes to the host, the host answers in that bidder’s thread', async (t) => {
  const s = reach('Decrypting').go('Say', toHost, bidder(2)).go('Say', { text: '已核对', to: 2 }, host);
  t.same(
    s.lines.slice(-2).map((l) => l.entry.body),
    [
      { bidder: 2, by: 'bidder' },
      { bidder: 2, by: 'host' },
    ],
  );
  t.equal(s.refusal('Say', { text, to: 3 }, bidder(2)), 'no_such_thread', 'not to another bidder');
  t.equal(s.refusal('Say', toHost, witness), 'no_such_thread');
  t.equal(s.refusal('Say', { text, to: 1 }, tenderer), 'no_such_thread');
  t.equal(s.refusal('Say', toHost, host), 'no_such_thread');
  t.equal(s.refusal('Say', { text, to: 99 }, host), 'no_such_bidder');
});

t.test(
  'who reads a thread: its bidder and those who host; not the others, and no official without asking',
  async (t) => {
    const { state } = reach('Decrypting');
    const ref = (field: string, by: 'bidder' | 'host') =>
      ({ type: 'SaidInPrivate', field, body: { bidder: 2, by } }) as const;
    for (const role of ['host', 'tenderer'] as const) t.ok(roleSees(role, ref('text', 'bidder'), state), role);
    for (const role of ['bidder', 'witness', 'supervisor', 'auditor', 'operator', 'public'] as const)
      t.notOk(roleSees(role, ref('text', 'bidder'), state), role);
    t.ok(canSee({ role: 'bidder', bidder: 2 }, ref('text', 'host'), state));
    t.notOk(canSee({ role: 'bidder', bidder: 2 }, ref('source', 'host'), state), 'of the host its words alone');
    t.ok(canSee({ role: 'bidder', bidder: 2 }, ref('source', 'bidder'), state));
    t.notOk(canSee({ role: 'bidder', bidder: 1 }, ref('text', 'bidder'), state));
    t.ok(roleSees('public', { type: 'Said', field: 'text', body: { bidder: 2 } }, state));
  },
);

t.test('muted in the public chat: the thread with the host and objections stay open', async (t) => {
  const s = reach('Decrypting').go('Mute', mute1, host);
  t.equal(s.refusal('Say', all, bidder(1)), 'you_are_muted');
  t.equal(s.refusal('Say', toHost, bidder(1)), undefined);
  t.equal(s.refusal('RaiseObjection', { text }, bidder(1)), undefined);
  t.equal(s.refusal('Say', all, bidder(2)), undefined);
  t.equal(s.refusal('Mute', mute1, host), 'already_muted');
  t.equal(s.refusal('Mute', { ...mute1, bidder: 9 }, host), 'no_such_bidder');
  t.equal(s.refusal('Unmute', { bidder: 2 }, host), 'not_muted');
  t.equal(s.refusal('Unmute', { bidder: 9 }, host), 'no_such_bidder');
  s.go('Unmute', { bidder: 1 }, host);
  t.equal(s.refusal('Say', all, bidder(1)), undefined);
});

t.test('it stays open while the opening is suspended', async (t) => {
  const s = suspend(reach('Decrypting'));
  t.equal(s.refusal('Say', all, bidder(1)), undefined);
  t.equal(s.refusal('Say', toHost, bidder(1)), undefined);
  t.equal(s.refusal('Mute', mute1, host), undefined);
});

t.test('so many messages of one bidder and not one more; officials are not counted', async (t) => {
  const s = reach('RosterPublished');
  for (let i = 0; i < MAX_MESSAGES_PER_BIDDER; i++) s.go('Say', i % 2 === 0 ? all : toHost, bidder(1));
  t.equal(s.refusal('Say', all, bidder(1)), 'too_many_messages');
  t.equal(s.refusal('Say', toHost, bidder(1)), 'too_many_messages');
  t.equal(s.refusal('Say', all, bidder(2)), undefined);
  t.equal(s.go('Say', { text, to: 1 }, host).state.bids[0]?.messages, MAX_MESSAGES_PER_BIDDER);
});

t.test(
  'an audit finds words given to another, shown to others than they were said to, and a muted bidder heard',
  async (t) => {
    const s = reach('RosterPublished').go('Say', toHost, bidder(1)).go('Say', all, bidder(2)).go('Mute', mute1, host);
    t.same(audit(s.lines).problems, []);
    t.ok(forge('Said', body({ bidder: 1 }), 0, s.lines).includes('bidder_differs'));
    t.ok(forge('SaidInPrivate', body({ by: 'host' }), 0, s.lines).includes('step_not_lawful'));
    const said = s.lines.find((l) => l.entry.type === 'Said');
    const shown = ({
      entry,
      disclosed,
    }: {
      entry: (typeof s.lines)[number]['entry'];
      disclosed: Record<string, never>;
    }) => ({
      entry: { ...entry, type: 'Said', body: { bidder: 1 } },
      disclosed,
    });
    t.ok(
      said !== undefined && forge('SaidInPrivate', shown as never, 0, s.lines).includes('act_data_differs'),
      'a thread made public',
    );
    const after = reach('RosterPublished').go('Mute', mute1, host).go('Say', all, bidder(2)).lines;
    t.ok(forge('Said', body({ bidder: 1 }), 0, after).includes('step_not_lawful'));
  },
);
