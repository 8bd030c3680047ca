/** Rounds of quotes from the terminal on the real server: nobody learns who quoted before the end, then all learn all at once. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { writePair } from '../../../server/cli/demo/ca.ts';
import { EXIT } from '../../../server/cli/exit.ts';
import { exportLog } from '../../../server/cli/export-log.ts';
import { act } from '../../../server/cli/person/act.ts';
import { decrypt, outcomeOf } from '../../../server/cli/person/decrypt.ts';
import { heldKeyAgent } from '../../../server/cli/person/held-keys.ts';
import { lodge } from '../../../server/cli/person/lodge.ts';
import type { Person } from '../../../server/cli/person/person.ts';
import { giveQuote } from '../../../server/cli/person/quote.ts';
import { catchUp } from '../../../server/cli/person/read-opening.ts';
import { sealSecret } from '../../../server/cli/seal/seal-secret.ts';
import { makeDisclosure, readDisclosure } from '../../../server/core/log/disclosure.ts';
import { parseEntry } from '../../../server/core/log/entry.ts';
import { openingOrigin } from '../../../server/core/log/origin.ts';
import { utf8 } from '../../../server/core/log/utf8.ts';
import { runningRound } from '../../../server/core/opening/quote-rounds.ts';
import { numberOf } from '../../../server/core/opening/state.ts';
import { sha256 } from '../../../server/hash.ts';
import { until } from '../../support/recorder.ts';
import t from '../../support/tap.ts';
import { terminal } from '../../support/terminal.ts';
import { command, heldKey, holderOf, MINUTE, OPENING, seal, startPlatform } from './platform.ts';

const platform = await startPlatform(t);
const { officials, ca, url, world } = platform;
const { host, supervisor } = officials;
await platform.publish(OPENING, 15 * MINUTE, { quoteRounds: { maxRounds: 2, roundMs: 3 * MINUTE } });
const [first, second] = (await Promise.all([0, 1].map((index) => platform.bidder(index)))) as [Person, Person];
const pair = await ca.issuePair(holderOf(2));
const keys = join(platform.folder, 'third');
await mkdir(keys);
await writePair(keys, pair);
const third = await platform.enter(heldKeyAgent([heldKey(pair.signing), heldKey(pair.encryption)]), 'third');
const people = [first, second, third];
for (const [index, person] of people.entries())
  await lodge(person, OPENING, { envelope: await seal(platform, person, `${index + 1}000000.00`) });

const total = (amount: string) => ({ kind: 'total', amount, currency: 'CNY', unit: '元', inWords: '' }) as const;

const run = terminal(world);

/** Which fields of received quotes the server shows a person in this role, by round. */
async function quoteFields(person: Person, role: 'supervisor' | 'bidder' | 'host'): Promise<string[]> {
  const { entries, disclosures } = await person.api.readEntries(OPENING, -1, 200, role);
  return entries.flatMap((text) => {
    const { type, seq, body } = parseEntry(utf8(text));
    if (type !== 'QuoteReceived') return [];
    return (disclosures[seq] ?? []).map((shown) => `${String(body['round'])} ${readDisclosure(shown).field}`);
  });
}

/** Has the clock released this round? */
async function isReleased(round: number): Promise<boolean> {
  const { quoteRounds } = await catchUp(host, OPENING);
  return quoteRounds[round - 1]?.rows != null;
}

t.test('to the announcement; before a round there is nothing to quote in', async (t) => {
  await platform.passUntil(OPENING, 'Sealed');
  await command(host, 'host', 'PublishRoster');
  await command(host, 'host', 'OpenWindow');
  for (const person of people) {
    await decrypt(person, OPENING);
    await outcomeOf(person, OPENING);
  }
  await command(host, 'host', 'EndWindowEarly');
  await command(host, 'host', 'AnnouncePrices');
  await t.rejects(giveQuote(first, OPENING, total('1.00')), { code: 'no_quote_round' });
  await t.rejects(command(host, 'host', 'IssueRecord', { note: '' }), { code: 'quotes_missing' });
});

t.test('sealed in the round: neither price nor bidder is shown to anyone, the supervisor included', async (t) => {
  await command(host, 'host', 'StartQuoteRound');
  t.match(await giveQuote(first, OPENING, total('987654.00')), { type: 'QuoteReceived', body: { round: 1 } });
  await t.rejects(giveQuote(first, OPENING, total('987000.00')), { code: 'already_quoted' });
  const as = ['--url', url, '--keys', keys, '--folder', join(platform.folder, 'people', 'third')];
  t.equal((await run('quote', OPENING, ...as)).code, EXIT.usage);
  t.match(await run('quote', OPENING, '--amount', '976543.00', ...as), { code: EXIT.done, out: /sealed until/ });
  for (const [person, role] of [
    [supervisor, 'supervisor'],
    [host, 'host'],
    [second, 'bidder'],
  ] as const) {
    t.same(await quoteFields(person, role), [], `${role} learns neither what was quoted nor by whom`);
    const state = await catchUp(person, OPENING, role);
    t.equal(state.quoteRounds[0]?.commitments.length, 2);
    t.equal(state.quoteRounds[0]?.rows, null);
  }
});

t.test('a quote that is not what it promises, another’s, or for another round is refused at once', async (t) => {
  const state = await catchUp(second, OPENING, 'bidder');
  const running = runningRound(state);
  if (running === null) throw new Error('no round');
  const { round, kid, key } = running;
  const offer = { v: 1, openingId: OPENING, round, creditCode: second.creditCode, quote: total('900000.00') };
  const send = async (said: object, about: { round?: number; promised?: string } = {}) => {
    const { disclosure, digest } = makeDisclosure(sha256, world.randomBytes(32), 'quote', said as never);
    const purpose = { about: 'quote', openingId: OPENING, round: about.round ?? round } as const;
    const sealed = await sealSecret(utf8(disclosure), { kid, key }, purpose);
    const data = { round, commitment: about.promised ?? digest, sealed };
    return act(second, OPENING, { type: 'SubmitQuote', role: 'bidder', data });
  };
  const refused = { code: 'quote_not_as_committed' };
  await t.rejects(send({ ...offer, creditCode: first.creditCode }), refused, 'another’s');
  await t.rejects(send({ ...offer, round: 2 }), refused);
  await t.rejects(send({ ...offer, quote: { ...offer.quote, amount: '1e9' } }), refused, 'no amount');
  await t.rejects(send(offer, { round: 2 }), refused, 'sealed for another round');
  await t.rejects(send(offer, { promised: 'A'.repeat(43) }), refused, 'another than promised');
  await t.rejects(send(offer, { promised: running.commitments[0] ?? '' }), refused, 'a copied promise');
});

t.test('the common end: all quotes at once, who gave none has declined; the log is valid to anyone', async (t) => {
  await platform.pass(3 * MINUTE);
  await until(() => isReleased(1));
  const after = await catchUp(second, OPENING, 'bidder');
  const rows = after.quoteRounds[0]?.rows;
  if (rows?.known !== true) throw new Error('not released');
  const amountOf = (person: Person) =>
    rows.value.find((row) => row.bidder === numberOf(after, person.creditCode))?.quote?.amount ?? null;
  t.same(people.map(amountOf), ['987654.00', null, '976543.00']);
  const shown = ['1 act', '1 quoter', '1 sealed', '1 source', '1 who'];
  t.same([...new Set(await quoteFields(supervisor, 'supervisor'))].sort(), shown, 'and now who it was');
  t.same([...new Set(await quoteFields(first, 'bidder'))].sort(), ['1 quoter']);
  await command(host, 'host', 'StartQuoteRound');
  await giveQuote(second, OPENING, total('960000.00'));
  t.same([...new Set(await quoteFields(supervisor, 'supervisor'))].sort(), shown, 'of the next round nothing yet');
  await platform.pass(3 * MINUTE);
  await until(() => isReleased(2));
  await command(host, 'host', 'IssueRecord', { note: '' });
  const { record } = await catchUp(first, OPENING, 'bidder');
  const document = record?.document.known ? (record.document.value as { rounds: unknown[] }) : null;
  t.equal(document?.rounds.length, 2, 'the record shows the rounds');
  const origin = openingOrigin('kaibiao.test', OPENING);
  const vkey = (await (await fetch(`${url}/logs/opening/${OPENING}/vkey`)).text()).trimEnd();
  const folder = join(platform.folder, 'export');
  await exportLog(platform.db.sql, { origin, vkey, folder, ledger: null });
  t.match(await run('verify', folder), { code: EXIT.done, out: /valid/ });
});
