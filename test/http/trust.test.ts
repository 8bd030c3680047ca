/** The operator's hand on trust, over HTTP: CAs on their terms and to their end, revocation lists, and what becomes of people by them. */
import type { DemoCa, Issued } from '../../server/cli/demo/ca.ts';
import { toBase64, toBase64Url } from '../../server/core/log/base64.ts';
import { parseEntry } from '../../server/core/log/entry.ts';
import { emptyRoot } from '../../server/core/log/merkle.ts';
import { ledgerOrigin } from '../../server/core/log/origin.ts';
import { parseCertificate, parsePem } from '../../server/core/pki/certificate.ts';
import { signAct, signLogin } from '../../server/core/pki/person-jws.ts';
import { sha256 } from '../../server/hash.ts';
import { PLATFORM_SUBJECT } from '../../server/http/operator.ts';
import { TRUST_CACHE_MS } from '../../server/identity/trust.ts';
import { accountOf, logIn, organisation, type Person, person, sessionKey, signerOf } from '../identity/stage.ts';
import { testCa } from '../support/ca.ts';
import t from '../support/tap.ts';
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
  const act = await signAct(sha256, who.session, {
    account: who.account,
    platform: 'kaibiao.test',
    openingId: PLATFORM_SUBJECT,
    command: id,
    type,
    data: signed as never,
    headSeen: { size: 0, root: toBase64(emptyRoot(sha256)) },
    iatSeconds: Math.floor(world.now() / 1000),
  });
  return post(url, { id, ...sent, act }, {}, who);
}

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
const rootOf = (ca: DemoCa) => parsePem(ca.rootPem)[0]?.der ?? new Uint8Array();
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
  const terms = { label: 'Other', purposes: ['sign'], revocation: 'required', effectiveFromAt: world.now() };
  const added = await operate('/trust-anchors', 'TrustAnchor', { certificate: toBase64(rootOf(other)), ...terms });
  t.equal(added.statusCode, 200, added.body);
  t.equal(await loginWith(issued, holder), '409 certificate_undetermined', 'neither good nor refused');

  const { root, intermediate } = lists(1, 2);
  t.equal(said(await bring(root)), 'ok');
  t.equal(await loginWith(issued, holder), '409 certificate_undetermined', 'of the leaf nothing is known yet');
  const host = await bench.official('host');
  t.equal(said(await bring(intermediate, host)), '403 not_operator');
  t.match((await bring(intermediate)).json(), { crlSha256: digestOf(intermediate), entries: 0 });
  t.equal(await loginWith(issued, holder), 'ok');

  const { anchors } = (await bench.ask(null, { url: '/trust-anchors' })).json();
  t.match(anchors.at(-1), { label: 'Other', revocation: 'required', policies: null, effectiveUntilAt: null });
  t.notOk('addedBy' in anchors.at(-1));
  const { crls } = (await bench.ask(null, { url: '/crls' })).json();
  const [mine] = crls.filter((each: { sha256: string }) => each.sha256 === digestOf(intermediate));
  t.match(mine, { number: '1', deltaBase: null, entries: 0, nextUpdateAt: world.now() + 2 * HOUR_MS });
  t.notOk('der' in mine);
});

t.test('what is no list, or none to be had now, is refused before the ledger hears of it', async (t) => {
  const { intermediate } = lists(2, 2);
  const before = (await ledger()).length;
  t.equal(said(await bring(Uint8Array.of(1, 2, 3))), '400 crl_malformed');
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

t.test('who is revoked is out: no login, no new token, no act', async (t) => {
  const holder = organisation(71);
  const issued = await other.issue({ holder, usage: 'sign', key: 'p256' });
  t.equal(await loginWith(issued, holder), 'ok');
  world.advance(2_000);
  t.equal(said(await bring(lists(4, 2, issued).intermediate)), 'ok');
  t.equal(await loginWith(issued, holder), '401 certificate_revoked');
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
  const certSha256 = digestOf(rootOf(other));
  const holder = organisation(74);
  const issued = await other.issue({ holder, usage: 'sign', key: 'p256' });
  const { intermediate, root } = lists(9, 5);
  t.equal(said(await bring(root)), 'ok');
  t.equal(said(await bring(intermediate)), 'ok');
  const again = await logIn(stage, person(900, 'OP'), 'p256');
  const end = (terms: object) =>
    operate('/trust-anchors/end', 'EndAnchor', { certSha256, reason: '到期', ...terms }, undefined, again);
  t.equal(said(await end({ effectiveUntilAt: world.now() - 1 })), '400 anchor_end_is_past');
  t.equal(
    said(await end({ effectiveUntilAt: world.now(), certSha256: digestOf(Uint8Array.of(1)) })),
    '404 anchor_unknown',
  );
  const effectiveUntilAt = world.now() + HOUR_MS;
  t.equal(said(await end({ effectiveUntilAt })), 'ok');
  t.match((await ledger()).at(-1), { type: 'TrustChanged', body: { change: 'ended', certificateSha256: certSha256 } });
  t.equal(await loginWith(issued, holder), 'ok');
  world.advance(HOUR_MS);
  t.equal(await loginWith(issued, holder), '401 certificate_not_trusted');
});

t.test('a CA is held to the policies and usages it came with', async (t) => {
  const strict = await testCa({ name: 'Strict', at: world.now(), key: 'p256' });
  const holder = organisation(75);
  const issued = await strict.issue({ holder, usage: 'sign', key: 'p256' });
  const terms = { certificate: toBase64(rootOf(strict)), label: 'Strict', purposes: ['sign'], policies: ['1.2.156.1'] };
  const again = await logIn(stage, person(900, 'OP'), 'p256');
  t.equal(said(await operate('/trust-anchors', 'TrustAnchor', terms, undefined, again)), 'ok');
  t.equal(await loginWith(issued, holder), '401 certificate_not_trusted', 'its certificates state no such policy');
});
