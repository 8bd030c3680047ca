/** The operator's hand on trust, over HTTP: CAs on their terms and to their end, revocation lists, and what becomes of people by them. */
import type { DemoCa, Issued } from '../../server/cli/demo/ca.ts';
import { toBase64, toBase64Url } from '../../server/core/log/base64.ts';
import { type Entry, parseEntry } from '../../server/core/log/entry.ts';
import { formatInstant } from '../../server/core/log/instant.ts';
import { emptyRoot } from '../../server/core/log/merkle.ts';
import { ledgerOrigin } from '../../server/core/log/origin.ts';
import { type Certificate, parseCertificate, parsePem } from '../../server/core/pki/certificate.ts';
import { signAct, signLogin, signStepUp } from '../../server/core/pki/person-jws.ts';
import {
  type AnchorVersion,
  digestOfChange,
  PROPOSAL_LIFETIME_MS,
  type TrustChange,
} from '../../server/core/pki/trust-store.ts';
import { sha256 } from '../../server/hash.ts';
import { CHECKED_CERTIFICATES_LIMIT } from '../../server/http/certificates.ts';
import { CRL_UPLOAD_LIMIT_BYTES } from '../../server/http/crls.ts';
import { PLATFORM_SUBJECT } from '../../server/http/operator.ts';
import { createOfficial } from '../../server/identity/accounts.ts';
import { TRUST_CACHE_MS } from '../../server/identity/trust.ts';
import { readTrustStore } from '../../server/identity/trust-changes.ts';
import { isTrustEntry, watchTrust } from '../../server/verify/trust.ts';
import { VERSION } from '../../server/version.ts';
import { accountOf, logIn, organisation, type Person, person, sessionKey, signerOf } from '../identity/stage.ts';
import { testCa } from '../support/ca.ts';
import t from '../support/tap.ts';
import { addition } from '../support/trust.ts';
import { ORIGIN, problemIn, proofFor, setBench } from './bench.ts';

const bench = await setBench(t);
const { stage } = bench;
const { world } = stage;
const HOUR_MS = 3_600_000;
const post = (url: string, payload: object, headers: Record<string, string> = {}, who: Person | null = null) =>
  bench.ask(who, { method: 'POST', url, payload, headers });

const operator = await logIn(stage, person(900, 'OP'), 'p256');
let acts = 0;

/** An operator's signed act: `signed` is what its JWS is over, `sent` what goes beside it. */
async function operate(
  url: string,
  type: string,
  signed: Record<string, unknown>,
  sent = signed,
  who: Person = operator,
) {
  acts += 1;
  const id = `act-${acts}`;
  const isByCaKey = ['ProposeTrust', 'ConfirmTrust', 'WithdrawTrust'].includes(type);
  const terms = {
    account: who.account,
    platform: 'kaibiao.test',
    openingId: PLATFORM_SUBJECT,
    command: id,
    type,
    data: signed as never,
    headSeen: { size: 0, root: toBase64(emptyRoot(sha256)) },
    iatSeconds: Math.floor(world.now() / 1000),
  };
  const act = await (isByCaKey ? signStepUp(sha256, who.signer, terms) : signAct(sha256, who.session, terms));
  return post(url, { id, ...sent, act }, {}, who);
}

/** A second operator: another person of the same organisation. */
const second = person(900, 'SECOND');
for (const subject of [second, person(901, 'OP'), { ...person(902, 'NAMESAKE'), name: '人 OP' }, organisation(903)])
  await createOfficial(stage, {
    by: operator.account,
    subject: { ...subject, account: accountOf(subject) },
    kind: 'operator',
  });
const otherOperator = await logIn(stage, second, 'p256');

const propose = (change: TrustChange, who = operator) =>
  operate('/trust-anchors/proposals', 'ProposeTrust', { change }, undefined, who);
const confirm = (proposal: number, changeSha256: string, who = otherOperator) =>
  operate('/trust-anchors/proposals/confirm', 'ConfirmTrust', { proposal, changeSha256 }, undefined, who);
const withdraw = (proposal: number, who = operator) =>
  operate('/trust-anchors/proposals/withdraw', 'WithdrawTrust', { proposal, reason: '有误' }, undefined, who);
const digestOfThis = (change: TrustChange) => digestOfChange(sha256, change);

/** Proposed by one, confirmed by the other. Returns: `ok`, or the refusal. */
async function decide(
  change: TrustChange,
  [proposer, confirmer]: readonly [Person, Person] = [operator, otherOperator],
) {
  const proposed = await propose(change, proposer);
  if (proposed.statusCode !== 200) return said(proposed);
  return said(await confirm((proposed.json() as { proposal: number }).proposal, digestOfThis(change), confirmer));
}

/** Both logged in again, after their sessions have ended. */
const again = async () => [await logIn(stage, person(900, 'OP'), 'p256'), await logIn(stage, second, 'p256')] as const;

const digestOf = (der: Uint8Array) => toBase64Url(sha256(der));
const bring = (der: Uint8Array, who = operator) =>
  operate('/crls', 'AddCrl', { crlSha256: digestOf(der) }, { crl: toBase64(der) }, who);
const said = (answer: Parameters<typeof problemIn>[0]) => (answer.statusCode === 200 ? 'ok' : problemIn(answer));

/** What a login with this certificate comes to. */
async function loginWith(issued: Issued, holder: Parameters<typeof accountOf>[0]): Promise<string> {
  const session = await sessionKey();
  const challenge = (await post('/auth/challenge', { jkt: session.jkt }, { origin: ORIGIN })).json();
  const login = await signLogin(sha256, signerOf(issued, 'ES256'), {
    challenge,
    account: accountOf(holder),
    jwk: session.jwk,
    iatSeconds: Math.floor(world.now() / 1000),
  });
  return said(await post('/auth/login', { login }));
}

const ledger = async () => {
  const rows = await stage.database.sql<{ bytes: Uint8Array }[]>`
    SELECT bytes FROM entries WHERE origin = ${ledgerOrigin('kaibiao.test')} ORDER BY seq`;
  return rows.map(({ bytes }) => parseEntry(bytes));
};

const serialOf = ({ certificatePem }: Issued) => parsePem(certificatePem)[0]?.serial ?? '';
function rootOf(ca: DemoCa): Certificate {
  const [root] = parsePem(ca.rootPem);
  if (root === undefined) throw new Error('no root');
  return root;
}
const other = await testCa({ name: 'Other', at: world.now(), key: 'p256' });
const lists = (number: number, hours: number, ...revoked: Issued[]) =>
  other.issueCrls({
    number,
    thisUpdateAt: world.now() - 1_000,
    nextUpdateAt: world.now() + hours * HOUR_MS,
    revoked: revoked.map((issued) => ({ serial: serialOf(issued), revokedAt: world.now() - 2_000 })),
  });

t.test('a CA comes on its terms, with a list of its own or not at all', async (t) => {
  const holder = organisation(70);
  const issued = await other.issue({ holder, usage: 'sign', key: 'p256' });
  t.equal(await loginWith(issued, holder), '401 certificate_not_trusted');
  const terms = { label: 'Other', purposes: ['sign' as const], revocation: 'required' as const };
  t.equal(await decide(addition(rootOf(other), { ...terms, fromAt: world.now() })), 'ok');
  t.equal(await loginWith(issued, holder), '409 certificate_undetermined', 'neither good nor refused');

  const { root, intermediate } = lists(1, 2);
  t.equal(said(await bring(root)), 'ok');
  t.equal(await loginWith(issued, holder), '409 certificate_undetermined', 'of the leaf nothing is known yet');
  const host = await bench.official('host');
  t.equal(said(await bring(intermediate, host)), '403 not_operator');
  t.match((await bring(intermediate)).json(), { crlSha256: digestOf(intermediate), entries: 0 });
  t.equal(await loginWith(issued, holder), 'ok');

  const { anchors } = (await bench.ask(null, { url: '/trust-anchors' })).json();
  t.match(anchors.at(-1), { terms: { label: 'Other', revocation: 'required', policies: null }, untilAt: null });
  const { crls } = (await bench.ask(null, { url: '/crls' })).json();
  const [mine] = crls.filter((each: { sha256: string }) => each.sha256 === digestOf(intermediate));
  t.match(mine, { number: '1', deltaBase: null, entries: 0, nextUpdateAt: world.now() + 2 * HOUR_MS });
  t.notOk('der' in mine);
});

t.test('what is no list, or none to be had now, is refused before the ledger hears of it', async (t) => {
  const { intermediate } = lists(2, 2);
  const before = (await ledger()).length;
  t.equal(said(await bring(Uint8Array.of(1, 2, 3))), '400 crl_malformed');
  const zeros = (bytes: number) => bring(new Uint8Array(bytes));
  t.equal(said(await zeros(CRL_UPLOAD_LIMIT_BYTES)), '400 crl_malformed', 'read to the last byte, and no list');
  t.equal(said(await zeros(CRL_UPLOAD_LIMIT_BYTES + 1)), '413 body_too_large', 'one byte more is not read');
  t.equal(said(await bring(lists(3, -1).intermediate)), '400 crl_out_of_date');
  const signed = { crlSha256: digestOf(Uint8Array.of(1)) };
  t.equal(said(await operate('/crls', 'AddCrl', signed, { crl: toBase64(intermediate) })), '400 act_data_differs');
  t.equal((await ledger()).length, before);
  t.equal(said(await bring(intermediate)), 'ok');
  t.equal(said(await bring(intermediate)), '409 crl_exists');
  const older = other.issueCrls({
    number: 1,
    thisUpdateAt: world.now() - HOUR_MS,
    nextUpdateAt: world.now() + HOUR_MS,
  }).intermediate;
  t.equal(said(await bring(older)), '409 crl_not_newer');
  const entries = await ledger();
  t.equal(entries.length, before + 1);
  t.equal(entries.at(-1)?.type, 'OperatorActed');
});

/** What the platform says of a certificate before anybody logs in with it. */
async function checkFor(use: string, { certificatePem, chainPem }: { certificatePem: string; chainPem: string }) {
  const x5c = parsePem(certificatePem + chainPem).map((one) => toBase64(one.der));
  return (await post('/certificates/check', { certificates: [{ use, x5c }] }, {})).json();
}

t.test(
  'certificates are judged without a login: good, of another use, of nobody, unreadable; never too many',
  async (t) => {
    const issued = await other.issue({ holder: organisation(70), usage: 'sign', key: 'p256' });
    const good = await checkFor('sign', issued);
    t.match(good, { now: world.now(), version: VERSION });
    t.match(good.certificates, [{ creditCode: /^[0-9A-Z]{18}$/, revocation: 'good', finding: null }]);
    const known = await stage.ca.issue({ holder: organisation(70), usage: 'sign', key: 'p256' });
    t.match((await checkFor('encrypt', known)).certificates, [
      { revocation: 'not_looked_at', finding: { code: 'certificate_wrong_usage' } },
    ]);
    const stranger = await testCa({ name: 'Stranger', at: world.now(), key: 'p256' });
    const foreign = await stranger.issue({ holder: organisation(70), usage: 'sign', key: 'p256' });
    t.match((await checkFor('sign', foreign)).certificates, [{ finding: { code: 'certificate_not_trusted' } }]);
    const ask = (certificates: object[]) => post('/certificates/check', { certificates }, {});
    const unreadable = { use: 'sign', x5c: ['AAAA'] };
    t.match((await ask([unreadable])).json().certificates, [
      { certSha256: null, finding: { code: 'certificate_malformed' } },
    ]);
    t.equal((await ask(Array(CHECKED_CERTIFICATES_LIMIT).fill(unreadable))).statusCode, 200);
    t.equal((await ask(Array(CHECKED_CERTIFICATES_LIMIT + 1).fill(unreadable))).statusCode, 400);
    t.equal((await ask([])).statusCode, 400);
  },
);

t.test('who is revoked is out: no login, no new token, no act', async (t) => {
  const holder = organisation(71);
  const issued = await other.issue({ holder, usage: 'sign', key: 'p256' });
  t.equal(await loginWith(issued, holder), 'ok');
  world.advance(2_000);
  t.equal(said(await bring(lists(4, 2, issued).intermediate)), 'ok');
  t.equal(await loginWith(issued, holder), '401 certificate_revoked');
  const [checked] = (await checkFor('sign', issued)).certificates;
  t.match(checked, {
    certSha256: String,
    revocation: 'revoked',
    finding: { code: 'certificate_revoked', severity: 'bad', fix: { zh: /。$/, en: /\.$/ } },
  });
  const innocent = organisation(72);
  t.equal(await loginWith(await other.issue({ holder: innocent, usage: 'sign', key: 'p256' }), innocent), 'ok');
});

t.test('an operator who was logged in loses his token with his certificate', async (t) => {
  const host = await bench.official('host');
  const { serial } = parseCertificate(host.signer.certificate);
  const renew = async () =>
    said(await post('/auth/renew', {}, (await proofFor(stage, host, 'POST', '/auth/renew')) as Record<string, string>));
  t.equal(await renew(), 'ok');
  const revoked = [{ serial, revokedAt: world.now() - 1_000 }];
  const terms = { number: 1, thisUpdateAt: world.now() - 1_000, nextUpdateAt: world.now() + 2 * HOUR_MS, revoked };
  t.equal(said(await bring(stage.ca.issueCrls(terms).intermediate)), 'ok');
  t.equal(await renew(), '401 certificate_revoked');
});

t.test(
  'when a list is over its people stand open, and the operator among them can still bring the next one',
  async (t) => {
    const holder = organisation(73);
    const issued = await stage.ca.issue({ holder, usage: 'sign', key: 'p256' });
    t.equal(await loginWith(issued, holder), 'ok');
    world.advance(2 * HOUR_MS + TRUST_CACHE_MS);
    t.equal(await loginWith(issued, holder), '409 certificate_undetermined');
    t.match((await checkFor('sign', issued)).certificates, [
      { revocation: 'undetermined', finding: { code: 'certificate_undetermined', fix: { en: /no fault of yours/ } } },
    ]);
    // The operator's own certificate is under the same CA: he comes in for this and for nothing else.
    const again = await logIn(stage, person(900, 'OP'), 'p256');
    const refused = await operate(
      '/accounts/disable',
      'DisableAccount',
      { account: accountOf(holder), reason: '试一试' },
      undefined,
      again,
    );
    t.equal(said(refused), '409 certificate_undetermined');
    const terms = { number: 2, thisUpdateAt: world.now() - 1_000, nextUpdateAt: world.now() + 2 * HOUR_MS };
    t.equal(said(await bring(stage.ca.issueCrls(terms).intermediate, again)), 'ok');
    t.equal(await loginWith(issued, holder), 'ok');
  },
);

t.test('trust in a CA ends at its instant, and the ledger says from when', async (t) => {
  const certificateSha256 = digestOf(rootOf(other).der);
  const holder = organisation(74);
  const issued = await other.issue({ holder, usage: 'sign', key: 'p256' });
  const { intermediate, root } = lists(9, 5);
  t.equal(said(await bring(root)), 'ok');
  t.equal(said(await bring(intermediate)), 'ok');
  const two = await again();
  const end = (terms: object) =>
    ({
      change: 'end',
      certificateSha256,
      from: formatInstant(world.now() + HOUR_MS),
      reason: '到期',
      ...terms,
    }) as TrustChange;
  t.equal(await decide(end({ certificateSha256: digestOf(Uint8Array.of(1)) }), two), '404 anchor_unknown');
  t.equal(await decide(end({ from: '2026-13-01T00:00:00.000Z' }), two), '400 anchor_dates_wrong');
  t.equal(await decide(end({}), two), 'ok');
  t.match((await ledger()).at(-1), { type: 'TrustChanged', body: { change: { change: 'end', certificateSha256 } } });
  t.equal(await loginWith(issued, holder), 'ok');
  world.advance(HOUR_MS);
  t.equal(await loginWith(issued, holder), '401 certificate_not_trusted');
});

t.test('a CA is held to the policies and usages it came with, and to others once it is altered', async (t) => {
  const strict = await testCa({ name: 'Strict', at: world.now(), key: 'p256' });
  const holder = organisation(75);
  const issued = await strict.issue({ holder, usage: 'sign', key: 'p256' });
  const two = await again();
  const terms = { label: 'Strict', purposes: ['sign' as const], policies: ['1.2.156.1'], fromAt: world.now() };
  const added = addition(rootOf(strict), terms);
  t.equal(await decide(added, two), 'ok');
  t.equal(await loginWith(issued, holder), '401 certificate_not_trusted', 'its certificates state no such policy');
  t.equal(await decide(added, two), '409 anchor_exists');
  if (added.change !== 'add') throw new Error('no addition');
  const altered = { ...added.terms, policies: null };
  const change = { change: 'alter', certificateSha256: digestOf(rootOf(strict).der), terms: altered } as const;
  const when = { from: formatInstant(world.now() + HOUR_MS), until: null, reason: '放宽' };
  t.equal(await decide({ ...change, ...when }, two), 'ok');
  t.equal(await loginWith(issued, holder), '401 certificate_not_trusted', 'not before its time');
  world.advance(HOUR_MS);
  t.equal(await loginWith(issued, holder), 'ok');
  const { anchors } = (await bench.ask(null, { url: '/trust-anchors' })).json();
  const versions = anchors.filter((each: { terms: { label: string } }) => each.terms.label === 'Strict');
  t.match(versions, [
    { terms: { policies: ['1.2.156.1'] }, untilAt: world.now() },
    { terms: { policies: null }, fromAt: world.now(), untilAt: null },
  ]);
});

t.test('nobody changes whom the platform believes alone', async (t) => {
  const ca = await testCa({ name: 'Third', at: world.now(), key: 'p256' });
  const change = addition(rootOf(ca), { fromAt: world.now() });
  const changeSha256 = digestOfThis(change);
  const [one, two] = await again();
  const proposed = async (by = one): Promise<number> => (await propose(change, by)).json().proposal;
  const proposal = await proposed();
  const before = (await bench.ask(null, { url: '/trust-anchors' })).body;
  const host = await bench.official('host');
  t.equal(said(await propose(change, host)), '403 not_operator');
  t.equal(said(await confirm(proposal, changeSha256, host)), '403 not_operator');
  t.equal(said(await confirm(proposal, changeSha256, one)), '403 second_person_required');
  for (const [holder, refusal] of [
    [person(901, 'OP'), '403 second_person_required'],
    [{ ...person(902, 'NAMESAKE'), name: '人 OP' }, '403 second_person_required'],
    [organisation(903), '403 operator_names_nobody'],
  ] as const)
    t.equal(said(await confirm(proposal, changeSha256, await logIn(stage, holder, 'p256'))), refusal, holder.name);
  t.equal(said(await confirm(proposal, digestOfThis({ ...change, reason: '别的' }), two)), '409 trust_change_differs');
  t.equal(said(await confirm(proposal + 1_000, changeSha256, two)), '404 trust_proposal_unknown');
  const session = { proposal, changeSha256 };
  const bySessionKey = await signAct(sha256, two.session, {
    account: two.account,
    platform: 'kaibiao.test',
    openingId: PLATFORM_SUBJECT,
    command: 'by-session',
    type: 'ConfirmTrust',
    data: session,
    headSeen: { size: 0, root: toBase64(emptyRoot(sha256)) },
    iatSeconds: Math.floor(world.now() / 1000),
  });
  const url = '/trust-anchors/proposals/confirm';
  t.equal(said(await post(url, { id: 'by-session', ...session, act: bySessionKey }, {}, two)), '403 step_up_required');
  t.equal((await bench.ask(null, { url: '/trust-anchors' })).body, before, 'nothing has changed');

  const list = (await bench.ask(two, { url: '/trust-anchors/proposals' })).json().proposals;
  t.match(list[0], { proposal, change, changeSha256, state: 'open', proposedBy: one.account });
  t.equal(said(await bench.ask(host, { url: '/trust-anchors/proposals' })), '403 not_operator');
  t.equal(said(await withdraw(proposal, two)), 'ok', 'the other may turn it down');
  t.equal(said(await confirm(proposal, changeSha256, two)), '409 trust_proposal_closed');
  t.equal(said(await withdraw(proposal, one)), '409 trust_proposal_closed');

  const late = await proposed();
  world.advance(PROPOSAL_LIFETIME_MS);
  const [first, next] = await again();
  t.equal(said(await confirm(late, changeSha256, next)), '409 trust_proposal_expired');
  const intime = await proposed(first);
  world.advance(PROPOSAL_LIFETIME_MS - 1);
  const [, last] = await again();
  t.equal(said(await confirm(intime, changeSha256, last)), 'ok', 'a millisecond before');
  t.equal((await ledger()).at(-1)?.body['from'], formatInstant(world.now()), 'never before it was confirmed');
});

t.test('what an operator proposed who was shut since, another must propose anew', async (t) => {
  const ca = await testCa({ name: 'Fourth', at: world.now(), key: 'p256' });
  const change = addition(rootOf(ca), { fromAt: world.now() });
  const [one, two] = await again();
  const { proposal } = (await propose(change, two)).json();
  const list = { number: 3, thisUpdateAt: world.now() - 1_000, nextUpdateAt: world.now() + 2 * HOUR_MS };
  t.equal(said(await bring(stage.ca.issueCrls(list).intermediate, one)), 'ok');
  const shut = { account: two.account, reason: '离职' };
  t.equal(said(await operate('/accounts/disable', 'DisableAccount', shut, undefined, one)), 'ok');
  t.equal(said(await confirm(proposal, digestOfThis(change), one)), '409 trust_proposer_left');
  t.equal(said(await operate('/accounts/enable', 'EnableAccount', shut, undefined, one)), 'ok');
  t.equal(said(await confirm(proposal, digestOfThis(change), one)), 'ok');
});

t.test('an act that is sent again does nothing again, and gets its first answer', async (t) => {
  const ca = await testCa({ name: 'Fifth', at: world.now(), key: 'p256' });
  const change = addition(rootOf(ca), { fromAt: world.now() });
  const [one, two] = await again();
  const { proposal } = (await propose(change, one)).json();
  const size = (await ledger()).length;
  acts -= 1;
  t.equal((await propose(change, one)).json().proposal, proposal);
  acts -= 1;
  t.equal(said(await propose({ ...change, reason: '别的' }, one)), '409 trust_change_differs');
  t.equal((await ledger()).length, size);
  t.equal(said(await confirm(proposal, digestOfThis(change), two)), 'ok');
  acts -= 1;
  t.equal((await confirm(proposal, digestOfThis(change), two)).json().proposal, proposal);
  t.equal((await ledger()).length, size + 1);
});

t.test('the ledger alone says whom the platform believes at any instant', async (t) => {
  const watch = watchTrust(sha256);
  const enrolled = await stage.database.sql<{ change: string; fromAt: number }[]>`
    SELECT change, from_at AS "fromAt" FROM trust_changes WHERE seq < 0 ORDER BY seq`;
  for (const [n, { change, fromAt }] of enrolled.entries())
    t.equal(
      watch.take(entryOf(n, { proposal: null, change: JSON.parse(change), from: formatInstant(fromAt) }), {}),
      undefined,
    );
  const entries = await ledger();
  for (const entry of entries.filter(({ type }) => type === 'OperatorActed' || isTrustEntry(type)))
    t.equal(watch.take(entry, {}), undefined, `${entry.seq}`);
  const said = (store: readonly AnchorVersion[]) =>
    store.map(({ certificate: _certificate, ...rest }) => rest).sort((a, b) => a.fromAt - b.fromAt);
  t.strictSame(said(watch.store()), said(await readTrustStore(stage.database.sql)));
  t.ok(watch.store().length >= 6);
});

function entryOf(seq: number, body: object): Entry {
  return {
    v: 1,
    log: 'x',
    seq,
    at: formatInstant(world.now()),
    type: 'TrustChanged',
    actor: { role: 'operator' },
    command: 'c',
    body,
    commit: {},
  } as Entry;
}
