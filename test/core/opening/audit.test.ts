/** The audit: an honest log passes whatever is withheld, and each forgery is named. */
import fc from 'fast-check';
import { fromBase64Url } from '../../../server/core/log/base64.ts';
import { canonicalise, type Json } from '../../../server/core/log/canonical.ts';
import { formatInstant } from '../../../server/core/log/instant.ts';
import { AUDIT_PROBLEMS, type AuditCode } from '../../../server/core/opening/audit.ts';
import { shareCommitment } from '../../../server/core/opening/draw.ts';
import type { EventType } from '../../../server/core/opening/events.ts';
import { shareCommit } from '../../../server/core/seal/opening-key.ts';
import { sha256 } from '../../../server/hash.ts';
import {
  audit,
  body,
  type Forged,
  type Forgery,
  fields,
  forge,
  honest,
  named,
  type Values,
} from '../../support/opening-forgery.ts';
import { actOf, bidderWho, digest, OPENING_ID, openingListOf, staffWho } from '../../support/opening-people.ts';
import { drawNow, giveShares, LAYER, offerKeys, quoteNow, reach, shareOf } from '../../support/opening-phases.ts';
import { DEADLINE, MINUTE, tenderer, WINDOW_KEY } from '../../support/opening-script.ts';
import t from '../../support/tap.ts';

const listOf = (type: EventType, field: string): Json[] =>
  honest.find((l) => l.entry.type === type)?.disclosed[field] as Json[];
const hostAct = (changes: Partial<Parameters<typeof actOf>[0]>, line: Forged): Values => ({
  act: actOf({
    command: line.entry.command,
    type: 'OpenWindow',
    data: {},
    who: staffWho('host') ?? bidderWho(0),
    signedBy: 'session',
    ...changes,
  }),
});

t.test('an honest log passes and is complete; a shorter one is valid and still open', async (t) => {
  t.match(audit(honest), { problems: [], complete: true, state: { phase: 'Archived' } });
  for (const size of [0, 1, 7, honest.length - 1]) {
    const { problems, complete } = audit(honest.slice(0, size));
    t.same(problems, []);
    t.equal(complete, false);
  }
});

t.test('whatever is withheld, an honest log passes', async (t) => {
  const all = honest.flatMap((l, seq) => Object.keys(l.disclosed).map((field) => `${seq} ${field}`));
  fc.assert(
    fc.property(fc.subarray(all), (hidden) => {
      const left = honest.map((l, seq) => ({
        entry: l.entry,
        disclosed: Object.fromEntries(
          Object.entries(l.disclosed).filter(([field]) => !hidden.includes(`${seq} ${field}`)),
        ),
      }));
      const { problems, complete } = audit(left);
      t.same(problems, []);
      t.ok(complete);
    }),
    { numRuns: 40 },
  );
  t.ok(audit(honest.map((l) => ({ entry: l.entry, disclosed: {} }))).complete, 'with nothing disclosed at all');
});

t.test('an entry that cannot follow ends the audit', async (t) => {
  const without = audit([...honest.slice(0, 5), ...honest.slice(6)]);
  t.match(without, { problems: [{ code: 'event_does_not_fit', seq: 6 }], complete: false });
  t.same(forge('BidsSealed', body({ effectiveAt: formatInstant(DEADLINE + 1) })), ['event_does_not_fit']);
  t.same(forge('RosterPublished', fields({ roster: 5 })), ['event_does_not_fit'], 'a disclosed value of no shape');
});

t.test('an entry of another log', async (t) => {
  t.same(
    forge('WindowOpened', ({ entry }) => ({ entry: { ...entry, log: 'kaibiao.test/opening/another' } })),
    ['entry_other_opening'],
  );
  t.same(forge('OpeningCreated', body({ openingId: 'another' })).includes('entry_other_opening'), true);
});

t.test('a role that may not do this; a machine with a person, a person without', async (t) => {
  const by =
    (role: string): Forgery =>
    ({ entry }) => ({ entry: { ...entry, actor: { role } } });
  t.ok(forge('PricesAnnounced', by('supervisor')).includes('actor_not_allowed'));
  t.ok(forge('WindowOpened', by('clock')).includes('actor_not_allowed'));
  t.ok(forge('WindowOpened', by('clock')).includes('machine_with_person'));
  t.same(
    forge('WindowClosed', fields({ who: staffWho('host') ?? null })),
    ['machine_with_person'],
    'an event that either may raise',
  );
  t.same(forge('WindowOpened', fields({ act: null })), ['person_missing']);
  t.same(forge('WindowOpened', fields({ who: null })), ['person_missing']);
});

t.test('an act for something else', async (t) => {
  t.same(forge('WindowOpened', fields({ act: { act: 'x.y.z', data: {} } })), ['act_unreadable']);
  t.same(forge('WindowOpened', fields({ act: 5 })), ['act_unreadable']);
  t.same(
    forge('WindowOpened', (l) => fields(hostAct({ command: 'another' }, l))(l)),
    ['act_other_command'],
  );
  t.same(
    forge('WindowOpened', (l) => fields(hostAct({ type: 'PublishRoster' }, l))(l)),
    ['act_other_type'],
  );
  t.same(
    forge('ObjectionRaised', (l) =>
      fields(hostAct({ type: 'RaiseObjection', data: { text: '密封有疑' }, who: bidderWho(1) }, l))(l),
    ),
    ['act_other_type'],
    'at the host’s command only an early objection',
  );
});

t.test('an act with other content than the entry', async (t) => {
  t.same(forge('RulingGiven', body({ verdict: 'deemed_withdrawn' })).includes('act_data_differs'), true);
  t.same(forge('RulingGiven', fields({ reason: '改过的理由' })), ['act_data_differs'], 'also in a withheld field');
  t.same(
    forge('DecryptionReceived', body({ jweSha256: digest('another jwe') })),
    ['act_data_differs'],
    'a statement is the act',
  );
  const swapped = forge('RulingGiven', ({ disclosed }) => {
    const act = disclosed['act'] as { act: string; login: string };
    return {
      disclosed: { ...disclosed, act: { ...act, data: { bidder: 3, verdict: 'deemed_revoked', reason: '另一个' } } },
    };
  });
  t.same(swapped, ['act_data_differs'], 'data that was not signed');
  t.same(forge('ObjectionAnswered', fields({ text: '改过的答复' })), ['act_data_differs']);
});

t.test('another person than the one who signed', async (t) => {
  t.same(forge('WindowOpened', fields({ who: { ...staffWho('host'), certSha256: digest('another') } as Json })), [
    'person_differs',
  ]);
  t.same(forge('RecordSigned', fields({ who: bidderWho(3) })), ['bidder_differs', 'person_differs']);
  t.same(
    forge('RecordSigned', (l) => ({
      ...fields({
        who: bidderWho(3),
        act: actOf({
          command: l.entry.command,
          type: 'SignRecord',
          data: recordOf(l),
          who: bidderWho(3),
          signedBy: 'certificate',
        }),
      })(l),
    })),
    ['bidder_differs'],
  );
  t.ok(forge('ObjectionRaised', body({ bidder: 4 })).includes('bidder_differs'), 'also for an early objection');
});
function recordOf({ entry }: Forged): Json {
  return { version: entry.body['version'] ?? 0, recordSha256: entry.body['recordSha256'] ?? '' };
}

t.test('policy, lodgements and root', async (t) => {
  const policy = honest[0]?.entry.body['policy'] as Values;
  t.ok(
    forge('OpeningCreated', body({ policy: { ...policy, decryptionWindowMs: 20 * MINUTE } })).includes(
      'policy_hash_differs',
    ),
  );
  const asking = (quorum: number, ...vkeys: string[]) =>
    forge('OpeningCreated', body({ cosigners: { quorum, vkeys } })).includes('quorum_out_of_reach');
  t.notOk(asking(2, 'a', 'b'));
  t.ok(asking(3, 'a', 'b'));
  t.ok(asking(2, 'a', 'a'), 'one cosigner named twice');
  const lodgements = listOf('BidsSealed', 'lodgements') as Values[];
  t.same(forge('BidsSealed', body({ envelopesRoot: digest('root') })), ['envelopes_root_differs']);
  t.same(forge('BidsSealed', fields({ lodgements: [...lodgements].reverse() })), [
    'lodgements_disordered',
    'envelopes_root_differs',
    'roster_differs',
  ]);
  const swapped = lodgements.map((l, i) => (i === 0 ? { ...l, openingListCommit: digest('another list') } : l));
  t.same(forge('BidsSealed', fields({ lodgements: swapped })), ['envelopes_root_differs', 'prices_differ']);
  t.same(forge('BidsSealed', fields({ counts: { receipts: 5, standing: 4, replaced: 0, withdrawn: 0 } })), [
    'counts_differ',
  ]);
});

t.test('roster and drawn numbers', async (t) => {
  const roster = listOf('RosterPublished', 'roster') as Values[];
  t.ok(
    forge('RosterPublished', fields({ roster: roster.map((r, i) => (i === 0 ? { ...r, name: '冒名' } : r)) })).includes(
      'roster_differs',
    ),
  );
  t.ok(forge('RosterPublished', fields({ roster: roster.slice(1) })).includes('roster_differs'));
  const { certSha256 } = bidderWho(0);
  const row = { certSha256, judgement: null, encCertSha256: certSha256, encryptionJudgement: null };
  t.ok(forge('RosterPublished', fields({ certificates: [row] })).includes('roster_differs'), 'one for each bid');
  t.ok(forge('RosterPublished', fields({ numbers: [1, 1, 3, 4] })).includes('numbers_not_a_permutation'));
  t.ok(forge('PricesAnnounced', fields({ numbers: [1, 2, 3, 4] })).includes('numbers_not_a_permutation'), 'drawn once');
});

t.test('prices against the promises from before the deadline', async (t) => {
  const rows = listOf('PricesAnnounced', 'rows') as Values[];
  const change = (changes: Values) =>
    forge('PricesAnnounced', fields({ rows: rows.map((r, i) => (i === 0 ? { ...r, ...changes } : r)) }));
  const cheaper = openingListOf(1, '1.00');
  t.ok(change({ quote: cheaper.list.quote }).includes('prices_differ'), 'another price than the list says');
  t.ok(
    change({ quote: cheaper.list.quote, openingList: cheaper.disclosure }).includes('prices_differ'),
    'another list than was promised',
  );
  t.ok(change({ manager: '另一位' }).includes('prices_differ'));
  t.ok(change({ overCeiling: true }).includes('prices_differ'));
  t.ok(change({ openingList: 'AAAA' }).includes('prices_differ'));
  t.ok(change({ name: '冒名' }).includes('prices_differ'));
  t.ok(forge('PricesAnnounced', fields({ rows: rows.slice(1) })).includes('prices_differ'), 'one bid left out');
});

t.test('the record is what the log says', async (t) => {
  const record = honest.find((l) => l.entry.type === 'RecordIssued')?.disclosed['record'] as Values;
  t.same(
    forge('RecordIssued', fields({ record: { ...record, place: '别处' } })),
    ['record_differs'],
    'not the digest that was signed',
  );
  const forged = { ...record, place: '别处' };
  const { problems } = audit(
    honest.map((l) =>
      l.entry.type === 'RecordIssued'
        ? {
            entry: { ...l.entry, body: { ...l.entry.body, recordSha256: digest(canonicalise(forged)) } },
            disclosed: { ...l.disclosed, record: forged },
          }
        : l,
    ),
  );
  t.equal(problems[0]?.code, 'record_differs', 'nor a record that signs itself');
});

t.test('what was handed over, and the counts at the end', async (t) => {
  t.same(forge('HandedOver', body({ bids: 3 })), ['manifest_differs']);
  t.same(forge('HandedOver', fields({ manifest: { files: ['x'] } })), ['manifest_differs']);
  const counts = { receipts: 4, opened: 2, withdrawn: 0, replaced: 0, ruled: 2 };
  t.same(forge('OpeningArchived', body({ counts: { ...counts, opened: 3, ruled: 1 } })), ['counts_differ']);
  t.same(forge('OpeningArchived', body({ counts: { ...counts, receipts: 5, replaced: 1 } })), ['counts_differ']);
  t.same(forge('OpeningArchived', fields({ counts: { ...counts, standing: 5 } })), ['counts_differ']);
});

/** A share that would give another coefficient than the one drawn. */
const otherShare = digest('y');

t.test('an auditor finds a share or a coefficient that is not what it must be', async (t) => {
  const lines = drawNow().lines;
  t.same(audit(lines).problems, []);
  t.same(forge('ShareRevealed', body({ share: otherShare }), 0, lines).sort(), [
    'act_data_differs',
    'coefficient_differs',
    'share_differs',
  ]);
  t.same(forge('ShareOpened', body({ share: otherShare }), 0, lines).sort(), ['coefficient_differs', 'share_differs']);
  t.same(
    forge('CoefficientDrawn', body({ platformShare: digest('x') }), 0, lines)
      .sort()
      .slice(-1),
    ['share_differs'],
  );
  const other = drawNow().state.drawing?.coefficient === '1' ? '2' : '1';
  t.same(forge('CoefficientDrawn', body({ coefficient: other }), 0, lines), ['coefficient_differs']);
  const promises = [1, 2, 3].map((round) =>
    shareCommitment({ openingId: OPENING_ID, round }, { sharer: 'platform', share: digest('chosen later') }, digest),
  );
  t.same(
    forge('OpeningCreated', body({ drawCommitments: promises }), 0, lines),
    ['share_differs'],
    'not the one of genesis',
  );
});

t.test('released quotes: each committed to in the round, every opened bid on a line, as it was sealed', async (t) => {
  const { lines } = quoteNow(reach('QuoteRound'), 1, 2);
  const rows = lines.at(-1)?.disclosed['rows'] as { [name: string]: Json }[];
  t.same(audit(lines).problems, []);
  const shown = (changed: Json[]) => forge('QuotesReleased', fields({ rows: changed }), 0, lines);
  const [first = {}, second = {}] = rows;
  const quote = { kind: 'total', amount: '1.00', currency: 'CNY', unit: '元', inWords: '' };
  for (const [what, changed] of [
    ['another price', [{ ...first, quote }, second]],
    ['one left out', [first]],
    ['one said to have declined', [first, { ...second, quote: null, disclosure: null }]],
    [
      'two exchanged',
      [
        { ...first, bidder: 2 },
        { ...second, bidder: 1 },
      ],
    ],
    ['one shown twice', [first, { ...first, bidder: 2 }]],
    ['no disclosure', [{ ...first, disclosure: 'none' }, second]],
  ] as [string, Json[]][])
    t.same(shown(changed), ['quotes_differ'], what);
  t.same(forge('QuoteReceived', body({ commitment: digest('another') }), 0, lines).includes('quotes_differ'), true);
});

t.test('keys of a second layer that are not what they are called, and a right share called wrong', async (t) => {
  const s = reach('TendererDecrypting');
  s.go('UnsealLayer', shareOf(s, 2), { role: 'host' }, { ownHolder: 2, layerShare: { share: 'AAAA', isSound: false } });
  const { lines } = s;
  const other = digest('other');
  for (const [type, change] of [
    ['HolderKeyOffered', { kid: other }],
    ['OpeningKeyDealt', { certSha256: other }],
    ['OpeningKeyDealt', { certificate: 'AAA' }],
  ] as [EventType, Values][])
    t.ok(forge(type, body(change), 0, lines).includes('opening_key_differs'), type);
  const lodgements = lines.find((l) => l.entry.type === 'BidsSealed')?.disclosed['lodgements'] as Values[];
  const [first, ...rest] = lodgements as [Values, ...Values[]];
  const layer = { ...(first['layer'] as Values), openingCertSha256: other };
  for (const changed of [{ ...first, layer }, Object.fromEntries(Object.entries(first).filter(([n]) => n !== 'layer'))])
    t.ok(forge('BidsSealed', fields({ lodgements: [changed, ...rest] }), 0, lines).includes('opening_key_differs'));
  for (const share of [null, 'A', 5])
    t.same(forge('LayerShareRefused', fields({ share }), 0, lines), ['layer_share_differs'], String(share));
  const right = 'AAAA';
  const commitment = shareCommit(sha256, { openingId: OPENING_ID, holder: 2 }, fromBase64Url(right));
  const dealt = lines.map((line) => {
    if (line.entry.type !== 'OpeningKeyDealt') return line;
    const shares = (line.entry.body['shares'] as Values[]).map((one) =>
      one['holder'] === 2 ? { ...one, commitment } : one,
    );
    return { ...line, entry: { ...line.entry, body: { ...line.entry.body, shares } } };
  });
  t.ok(forge('LayerShareRefused', body({ commitment }), 0, dealt).includes('layer_share_differs'), 'a right one');
});

t.test('an act of a holder under the number of another one', async (t) => {
  const s = reach('TendererDecrypting');
  s.go('UnsealLayer', shareOf(s, 2), { role: 'host' }, { ownHolder: 2, layerShare: { share: 'AAAA', isSound: false } });
  const { lines } = giveShares(s, 1);
  t.same(audit(lines).problems, []);
  for (const [type, holder] of [
    ['ShareAcknowledged', 2],
    ['LayerShareGiven', 3],
    ['LayerShareRefused', 1],
  ] as [EventType, number][])
    t.ok(forge(type, body({ holder }), 0, lines).includes('holder_differs'), type);
  // a key offered again comes from who has offered under that number before
  const again = offerKeys(reach('Draft', { policy: { tendererLayer: LAYER } }));
  again.go('OfferHolderKey', { key: WINDOW_KEY }, tenderer);
  t.same(audit(again.lines).problems, []);
  t.ok(forge('HolderKeyOffered', body({ holder: 2 }), 3, again.lines).includes('holder_differs'));
});

t.test('every problem is said in two languages and shown by a forgery above', async (t) => {
  for (const [code, words] of Object.entries(AUDIT_PROBLEMS)) {
    t.match(words.en, /^[A-Z].*\.$/, code);
    t.match(words.zh, /。$/, code);
    if (code !== 'step_not_lawful') t.ok(named.has(code as AuditCode), code);
  }
});
