/** Changes of trust as a verifier of the ledger takes them: every way in which two people did not agree in time on one thing. */
import { createDemoCa } from '../../server/cli/demo/ca.ts';
import type { JsonObject } from '../../server/core/log/canonical.ts';
import type { Entry } from '../../server/core/log/entry.ts';
import { formatInstant } from '../../server/core/log/instant.ts';
import { parsePem } from '../../server/core/pki/certificate.ts';
import { digestOfChange, expiryOf } from '../../server/core/pki/trust-store.ts';
import { sha256 } from '../../server/hash.ts';
import { isProposed, saysWhatWasSigned, watchTrust } from '../../server/verify/trust.ts';
import t from '../support/tap.ts';
import { addition } from '../support/trust.ts';

const NOW = Date.parse('2026-03-02T01:00:00.000Z');
const [root] = parsePem((await createDemoCa({ name: 'One', at: NOW, key: 'p256' })).rootPem);
if (root === undefined) throw new Error('no root');
const change = addition(root, { fromAt: NOW });
const json = change as unknown as JsonObject;
const entryOf = (seq: number, type: string, body: JsonObject, at = NOW): Entry => ({
  v: 1,
  log: 'kaibiao.test/ledger',
  seq,
  at: formatInstant(at),
  type,
  actor: { role: 'operator' },
  command: `c-${seq}`,
  body,
  commit: {},
});
const expires = formatInstant(expiryOf(NOW));
const proposed = entryOf(5, 'TrustProposed', { change: json, expires });
const confirmed = (body: JsonObject = {}, at = NOW + 50) =>
  entryOf(6, 'TrustChanged', { proposal: 5, change: json, from: formatInstant(at), ...body }, at);
const first = entryOf(1, 'TrustChanged', { proposal: null, change: json, from: formatInstant(NOW) });

/** What the last of these comes to: `ok`, or the detail of the refusal. */
function say(...entries: Entry[]): string {
  const watch = watchTrust(sha256);
  const results = entries.map((entry) => watch.take(entry, {}));
  const last = results.pop();
  if (results.some((result) => result !== undefined)) throw new Error('refused too early');
  return last === undefined ? 'ok' : last.words.en && `${last.reason} ${last.detail}`;
}

t.test('a change stands when it was proposed, is the same and comes in time', async (t) => {
  t.equal(say(proposed, confirmed()), 'ok');
  const later = { from: formatInstant(NOW + 70) };
  const planned = { ...json, ...later };
  const of = entryOf(5, 'TrustProposed', { change: planned, expires });
  t.equal(
    say(of, confirmed({ change: planned, ...later })),
    'ok',
    'from the instant that was proposed, when that is later',
  );
});

t.test('and not otherwise', async (t) => {
  const refused = (detail: string) => `ledger_trust_refused ${detail}`;
  t.equal(say(confirmed()), refused('trust_proposal_unknown'));
  t.equal(say(proposed, confirmed(), confirmed()), refused('trust_proposal_unknown'), 'a proposal is used up');
  const withdrawn = entryOf(7, 'TrustProposalWithdrawn', { proposal: 5 });
  t.equal(say(proposed, withdrawn, confirmed()), refused('trust_proposal_unknown'));
  t.equal(say(proposed, withdrawn, withdrawn), refused('trust_proposal_unknown'));
  t.equal(say(proposed, confirmed({}, expiryOf(NOW) - 1)), 'ok');
  t.equal(say(proposed, confirmed({}, expiryOf(NOW))), refused('trust_proposal_expired'));
  const late = entryOf(7, 'TrustProposalWithdrawn', { proposal: 5 }, expiryOf(NOW));
  t.equal(say(proposed, late), refused('trust_proposal_expired'));
  for (const apart of [-1, 1])
    t.equal(
      say(entryOf(5, 'TrustProposed', { change: json, expires: formatInstant(expiryOf(NOW) + apart) })),
      refused('open for another time than a proposal is'),
    );
  t.equal(say(first, proposed), refused('anchor_exists'), 'proposed although it does not fit');
  t.equal(say(proposed, confirmed({ change: { ...json, reason: 'x' } })), refused('trust_change_differs'));
  t.equal(say(proposed, confirmed({ from: formatInstant(NOW) })), refused('anchor_dates_wrong'), 'dated back');
});

t.test('the configuration names CAs before anything an operator did, and never after', async (t) => {
  t.equal(say(first), 'ok');
  for (const begun of [proposed, entryOf(2, 'OperatorActed', {})])
    t.equal(say(begun, first), 'ledger_trust_refused not of the first start');
  const end = { change: 'end', certificateSha256: 'A'.repeat(43), from: formatInstant(NOW), reason: 'x' };
  const ending = entryOf(2, 'TrustChanged', { proposal: null, change: end, from: formatInstant(NOW) });
  t.equal(say(first, ending), 'ledger_trust_refused not of the first start');
  t.notOk(isProposed(first));
  t.ok(isProposed(confirmed()));
});

t.test('who stands behind the steps, where it is shown: two people, and people they are', async (t) => {
  const by = (proposer: JsonObject | undefined, other: JsonObject | undefined) => {
    const watch = watchTrust(sha256);
    const begun = watch.take(proposed, proposer === undefined ? {} : { who: proposer });
    const ended = begun ?? watch.take(confirmed(), other === undefined ? {} : { who: other });
    return ended?.detail ?? 'ok';
  };
  const one = { account: '91110000600037341L/7', name: '张伟' };
  const other = { account: '91440101190480123X/8', name: '李四' };
  t.equal(by(one, other), 'ok');
  t.equal(by(one, { ...other, account: '91440101190480123X/7' }), 'second_person_required');
  t.equal(by(one, { ...other, name: '张 伟' }), 'second_person_required');
  t.equal(by(one, undefined), 'ok', 'not shown');
  t.equal(by(undefined, one), 'ok', 'not shown');
  const company = { account: '91110000600037341L', name: '公司' };
  t.equal(by(company, other), 'operator_names_nobody');
  t.equal(by(one, company), 'operator_names_nobody');
  const watch = watchTrust(sha256);
  watch.take(proposed, {});
  const withdrawn = entryOf(7, 'TrustProposalWithdrawn', { proposal: 5 });
  t.match(watch.take(withdrawn, { who: company }), { detail: 'operator_names_nobody' });
});

t.test('a date that no calendar has is a finding', async (t) => {
  const none = '2026-02-30T00:00:00.000Z';
  const refused = (detail: string) => `ledger_trust_refused ${detail}`;
  t.equal(say(proposed, confirmed({ from: none })), refused('anchor_dates_wrong'));
  t.equal(say(entryOf(1, 'TrustChanged', { proposal: null, change: json, from: none })), refused('anchor_dates_wrong'));
  t.equal(
    say(entryOf(5, 'TrustProposed', { change: json, expires: none })),
    refused('open for another time than a proposal is'),
  );
  const planned = { ...json, until: none };
  t.equal(say(entryOf(5, 'TrustProposed', { change: planned, expires })), refused('anchor_dates_wrong'));
});

t.test('an entry must say what its person signed', async (t) => {
  const changeSha256 = digestOfChange(sha256, change);
  t.ok(saysWhatWasSigned(sha256, proposed, { change: json }));
  t.notOk(saysWhatWasSigned(sha256, proposed, { change: { ...json, reason: 'x' } }));
  t.ok(saysWhatWasSigned(sha256, confirmed(), { proposal: 5, changeSha256 }));
  t.notOk(saysWhatWasSigned(sha256, confirmed(), { proposal: 4, changeSha256 }));
  t.notOk(saysWhatWasSigned(sha256, confirmed({ change: { ...json, reason: 'x' } }), { proposal: 5, changeSha256 }));
  t.notOk(saysWhatWasSigned(sha256, entryOf(7, 'TrustProposalWithdrawn', { proposal: 5 }), { proposal: 6 }));
});
