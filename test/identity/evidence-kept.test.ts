/** How much evidence is kept, and that it is enough: lists by the hundred, signers off the path, responses of several certificates, statements without end. */
import { basicConstraints, extendedKeyUsage, keyUsage } from '../../server/cli/demo/ca.ts';
import { writeExtension } from '../../server/cli/demo/crl.ts';
import { toBase64 } from '../../server/core/log/base64.ts';
import { fromUtf8, utf8 } from '../../server/core/log/utf8.ts';
import { CRL_EXTENSION, parseCrl, type RevocationReason } from '../../server/core/pki/crl.ts';
import { EXTENSION } from '../../server/core/pki/extensions.ts';
import { FILES_LIMIT, filesOf, type Judgement, redoJudgement } from '../../server/core/pki/judgement.ts';
import { ATTRIBUTE } from '../../server/core/pki/names.ts';
import { sha256 } from '../../server/hash.ts';
import { admitSubject } from '../../server/identity/accounts.ts';
import { checkCertificate } from '../../server/identity/check-certificate.ts';
import { addCrl, readCrl } from '../../server/identity/crls.ts';
import { findEncryptionCertificate, registerEncryptionCertificate } from '../../server/identity/encryption.ts';
import {
  digestOfFile,
  keepEvidence,
  ocspDigest,
  RESPONSES_ASKED,
  readEvidence,
  readResponses,
} from '../../server/identity/evidence.ts';
import { verifyCertificateSignature } from '../../server/identity/signature.ts';
import { readAnchors, type TrustQuestion } from '../../server/identity/trust.ts';
import { createMemory, HANDED_OUT_MS, PROLONGED_BY_MS, prolongs } from '../../server/identity/trust-memory.ts';
import {
  authority,
  caUsage,
  crlDer,
  DAY_MS,
  rawExtension,
  sequenceOf,
  signUsage,
  uriPoint,
} from '../core/pki/authority.ts';
import { hasOpenssl, respond } from '../support/ocsp.ts';
import t from '../support/tap.ts';
import { addition, keepChange } from '../support/trust.ts';
import { accepted, organisation, refusalOf, setStage } from './stage.ts';

const stage = await setStage(t);
const { sql } = stage.database;
/** OpenSSL dates its answers by its own clock: asked a minute later, they are there. */
const now = Math.floor(Date.now() / 1000) * 1000 + 60_000;
const dates = { notBeforeAt: now - 10 * DAY_MS, notAfterAt: now + 10 * DAY_MS };
const company = organisation(1);
const subject = [
  [ATTRIBUTE.organizationIdentifier, company.creditCode],
  [ATTRIBUTE.organisation, company.organisation],
  [ATTRIBUTE.commonName, company.name],
] as const;
const fromAt = now - 9 * DAY_MS;
type Authority = Awaited<ReturnType<typeof authority>>;

async function believed(name: string): Promise<Authority> {
  const root = await authority(name, undefined, dates);
  await keepChange(sql, addition(root.certificate, { revocation: 'required', fromAt }), fromAt);
  stage.trust.forget();
  return root;
}
const holderOf = (issuer: Authority, ...more: ReturnType<typeof rawExtension>[]) =>
  authority('Holder', issuer, { ...dates, subject, extensions: [basicConstraints(false), signUsage, ...more] });
async function bring(...lists: Uint8Array[]): Promise<void> {
  const clocked = { ...stage, world: { ...stage.world, now: () => now } };
  for (const der of lists) accepted(await addCrl(clocked, { ...accepted(readCrl(der)), addedBy: 'test' }));
  stage.trust.forget();
}
const ask = (of: Authority, others: readonly Authority[] = [], changes: Partial<TrustQuestion> = {}) =>
  stage.trust.check({
    certificates: [of, ...others].map(({ certificate }) => certificate.der),
    purpose: 'sign',
    at: now,
    undetermined: 'pass',
    lapsed: 'pass',
    ...changes,
  });
async function kept(judgement: string): Promise<Judgement> {
  return JSON.parse(fromUtf8((await readEvidence(sql, judgement, judgement)) ?? new Uint8Array())) as Judgement;
}
/** `same`, or what is wrong, when a judgement is judged again by what is kept of it. */
async function redo(judgement: string, change: Partial<Judgement> = {}): Promise<string> {
  const judged = { ...(await kept(judgement)), ...change };
  const files = new Map<string, Uint8Array>();
  for (const name of filesOf(judged)) files.set(name, (await readEvidence(sql, judgement, name)) ?? new Uint8Array());
  const tools = { sha256, digest: ocspDigest, verifySignature: verifyCertificateSignature };
  const redone = redoJudgement(judged, (name) => files.get(name), tools);
  return redone.ok ? 'same' : redone.reason;
}
const judgements = async () =>
  Number((await sql`SELECT count(*) AS n FROM evidence WHERE kind = 'judgement'`)[0]?.['n'] ?? 0);

t.test('of a CA with more lists than a judgement may name, those that decide are named', async (t) => {
  const root = await believed('Many Lists');
  const uri = (n: number) => `http://lists.test/${n}`;
  const revoked = await holderOf(root, pointTo(uri(1)));
  const parts = Array.from({ length: FILES_LIMIT + 8 }, (_, n) =>
    crlDer(root, {
      number: 1,
      // the older, the lower
      thisUpdateAt: now - DAY_MS + n * 1_000,
      nextUpdateAt: now + DAY_MS,
      entries: n === 1 ? [{ serial: revoked.certificate.serial, revokedAt: now - 3_600_000 }] : [],
      extensions: [writeExtension(CRL_EXTENSION.issuingPoint, true, sequenceOf(uriPoint(uri(n))))],
    }),
  );
  await bring(...parts);
  const good = accepted(await ask(await holderOf(root, pointTo(uri(0)))));
  t.equal(good.outcome, 'good');
  t.equal((await kept(good.judgement)).crls.length, FILES_LIMIT);
  t.ok((await kept(good.judgement)).crls.includes(digestOfFile(parts[0] ?? new Uint8Array())), 'the oldest of all');
  t.equal(await redo(good.judgement), 'same');
  const condemned = accepted(await ask(revoked));
  t.match(condemned, { outcome: 'revoked', lapsedAt: now - 3_600_000 });
  t.equal(await redo(condemned.judgement), 'same');
  const unlisted = accepted(await ask(await holderOf(root, pointTo(uri(9_999)))));
  t.equal(unlisted.outcome, 'undetermined');
  t.equal((await kept(unlisted.judgement)).crls.length, FILES_LIMIT);
  t.equal(await redo(unlisted.judgement), 'same');
});

t.test('a hold that a newer list took back condemns nobody, whatever lapsed since', async (t) => {
  const root = await believed('Holding Root');
  const between = await authority('Holding Issuing', root, { ...dates, notAfterAt: now - 1_800_000 });
  const over = (notAfterAt: number, issuer = root) =>
    authority('Holder', issuer, {
      ...dates,
      notAfterAt,
      subject,
      extensions: [basicConstraints(false), signUsage],
    });
  const endsAt = now - 3_600_000;
  const [released, caught, corrected] = await Promise.all([
    over(endsAt - 1_000),
    over(endsAt - 1_000),
    over(endsAt - 1_000),
  ]);
  const underEnded = await over(dates.notAfterAt, between);
  const entry = (of: Authority, days: number, reason?: RevocationReason) => ({
    serial: of.certificate.serial,
    revokedAt: now - days * DAY_MS,
    ...(reason && { reason }),
  });
  const list = (issuer: Authority, number: number, entries: ReturnType<typeof entry>[]) =>
    crlDer(issuer, { number, thisUpdateAt: now - (9 - number) * DAY_MS, nextUpdateAt: now + DAY_MS, entries });
  const lists = [
    list(root, 1, [entry(released, 8, 'certificateHold'), entry(caught, 8, 'certificateHold'), entry(corrected, 8)]),
    list(root, 2, []),
    list(root, 3, [entry(caught, 6, 'keyCompromise')]),
    list(between, 1, [entry(underEnded, 8, 'certificateHold')]),
    list(between, 2, []),
  ].map(parseCrl);
  const question = (of: Authority, others: readonly Authority[] = []) => ({
    certificates: [of, ...others].map(({ certificate }) => certificate.der),
    purpose: 'sign' as const,
    at: now,
    lapsed: 'pass' as const,
    undetermined: 'pass' as const,
    asOf: now - DAY_MS,
  });
  const anchors = await readAnchors(stage.db);
  const check = (of: Authority, others: readonly Authority[] = []) => {
    const { outcome, lapsedAt } = accepted(
      checkCertificate(question(of, others), { anchors, crls: lists, responses: [] }),
    );
    return { outcome, lapsedAt };
  };
  t.strictSame(check(released), { outcome: 'expired', lapsedAt: endsAt });
  t.strictSame(check(corrected), { outcome: 'expired', lapsedAt: endsAt }, 'a mistake that was taken back');
  t.strictSame(
    check(caught),
    { outcome: 'expired', lapsedAt: now - 6 * DAY_MS },
    'by the revocation, not by the hold before',
  );
  t.strictSame(check(underEnded, [between]), { outcome: 'ended', lapsedAt: now - 1_800_000 + 1_000 });
});

t.test('who signs lists beside the path is kept with them', async (t) => {
  const root = await believed('Aside Root');
  const issuing = await authority('Aside Issuing', root, dates);
  // The same name under another key, which signs lists only.
  const signer = await authority('Aside Issuing', root, { ...dates, extensions: [basicConstraints(true), caUsage] });
  const term = { thisUpdateAt: now - DAY_MS, nextUpdateAt: now + DAY_MS, number: 1 };
  await bring(crlDer(root, term), crlDer(signer, term));
  const holder = await holderOf(issuing);
  const judged = accepted(await ask(holder, [issuing, signer]));
  t.equal(judged.outcome, 'good');
  t.same((await kept(judged.judgement)).others, [digestOfFile(signer.certificate.der)]);
  t.equal(await redo(judged.judgement), 'same');
  t.equal(await redo(judged.judgement, { others: [] }), 'outcome_differs', 'without it nobody signed the list');
});

t.test('one OCSP response may speak of several certificates; the newest are asked, whenever they came', async (t) => {
  const responses = Array.from({ length: RESPONSES_ASKED + 1 }, (_, n) => utf8(`response ${n}`));
  for (const certSha256 of ['one', 'two'])
    for (const [n, content] of responses.entries())
      await keepEvidence(
        stage.db,
        [{ kind: 'ocsp', content, about: { certSha256, thisUpdateAt: 100 - n } }],
        1_000 + n,
      );
  for (const certSha256 of ['one', 'two'])
    t.same(await readResponses(stage.db, certSha256), responses.slice(0, RESPONSES_ASKED), certSha256);
});

t.test('statements without end leave one judgement', async (t) => {
  const root = await believed('Endless');
  await bring(crlDer(root, { thisUpdateAt: now - DAY_MS, nextUpdateAt: now + DAY_MS, number: 1 }));
  const holder = await holderOf(root);
  const strangers = await Promise.all([0, 1, 2].map((n) => authority(`Stranger ${n}`, undefined, dates)));
  const before = await judgements();
  const first = accepted(await ask(holder));
  for (const [n, other] of strangers.entries()) {
    const again = accepted(await ask(holder, [other], { at: now + n, ocsp: [Uint8Array.of(n)] }));
    t.equal(again.judgement, first.judgement, 'whatever else comes along');
  }
  t.equal((await judgements()) - before, 1);
});

t.test('junk that looks like a response leaves nothing behind', { skip: !hasOpenssl }, async (t) => {
  const root = await believed('Junk Root');
  const usages = [basicConstraints(false), signUsage, extendedKeyUsage('1.3.6.1.5.5.7.3.9')];
  const noCheck = rawExtension('1.3.6.1.5.5.7.48.1.5', false, Uint8Array.of(5, 0));
  const stranger = await authority('Responder', undefined, { ...dates, extensions: [...usages, noCheck] });
  const holder = await authority('Holder', root, {
    ...dates,
    notAfterAt: now - 3_600_000,
    subject,
    extensions: [basicConstraints(false), signUsage],
  });
  const { response: forged } = await respond({ signer: stranger, of: holder, issuer: root });
  const before = await judgements();
  const first = accepted(await ask(holder, [], { ocsp: [forged] }));
  t.equal(first.outcome, 'expired');
  t.same((await kept(first.judgement)).ocsp, []);
  // dated where the server's clock is not yet, it would end each judgement and seem to prolong it
  for (const n of [1, 2, 3]) {
    const { response } = await respond({ signer: stranger, of: holder, issuer: root, args: ['-ndays', `${n}`] });
    const again = accepted(await ask(holder, [], { at: now + n * PROLONGED_BY_MS, ocsp: [response] }));
    t.equal(again.judgement, first.judgement);
  }
  t.equal((await judgements()) - before, 1);
});

t.test('a judgement is kept beside another that says the same when it holds much longer', async (t) => {
  const stretch = (before: number) => ({ after: 0, before });
  t.notOk(prolongs(stretch(now), stretch(now + PROLONGED_BY_MS - 1)));
  t.ok(prolongs(stretch(now), stretch(now + PROLONGED_BY_MS)));
});

t.test('what is remembered has a limit, and ends with its stretch and its grounds', async (t) => {
  const memory = createMemory<string>(2);
  const grounds = { anchors: [], crls: [] };
  const keep = (name: string) => memory.keep(name, { after: 10, before: 20, grounds, keptAt: 0, answer: name });
  for (const name of ['a', 'b']) keep(name);
  t.equal(memory.find('a', grounds, 15, 0)?.answer, 'a');
  keep('c');
  t.same(
    ['a', 'b', 'c'].map((name) => memory.find(name, grounds, 15, 0)?.answer),
    ['a', undefined, 'c'],
  );
  t.same(
    [10, 11, 19, 20].map((at) => memory.find('a', grounds, at, 0)?.answer),
    [undefined, 'a', 'a', undefined],
  );
  t.equal(memory.find('a', { anchors: [], crls: [] }, 15, 0), undefined, 'by other grounds');
  t.equal(memory.find('a', grounds, 15, HANDED_OUT_MS - 1)?.answer, 'a');
  t.equal(memory.find('a', grounds, 15, HANDED_OUT_MS), undefined, 'no longer than a sweep waits for');
});

t.test(
  'a judgement is handed out for half an hour, under whatever name it is asked for, and then made anew',
  async (t) => {
    const { world } = stage;
    const root = await believed('Handed Out');
    const startedAt = world.now();
    const holder = await holderOf(root);
    const stranger = await authority('Beside', undefined, dates);
    const first = accepted(await ask(holder)).judgement;
    world.advance(HANDED_OUT_MS - 1);
    t.equal(accepted(await ask(holder)).judgement, first);
    t.equal(accepted(await ask(holder, [stranger])).judgement, first, 'the same under another name');
    world.advance(1);
    t.equal(world.now() - startedAt, HANDED_OUT_MS);
    t.not(accepted(await ask(holder, [stranger])).judgement, first, 'which does not make it younger');
    t.not(accepted(await ask(holder)).judgement, first);
  },
);

t.test('an answer by OCSP ends with its responder', { skip: !hasOpenssl }, async (t) => {
  const root = await believed('Short Responder');
  const usages = [basicConstraints(false), signUsage, extendedKeyUsage('1.3.6.1.5.5.7.3.9')];
  const noCheck = rawExtension('1.3.6.1.5.5.7.48.1.5', false, Uint8Array.of(5, 0));
  const endsAt = now + 3_600_000;
  const signer = await authority('Responder', root, {
    ...dates,
    notAfterAt: endsAt - 1_000,
    extensions: [...usages, noCheck],
  });
  const holder = await holderOf(root);
  const { response } = await respond({ signer, of: holder, issuer: root });
  const question = { undetermined: 'refuse' } as const;
  t.equal(refusalOf(await ask(holder, [], { ...question, ocsp: [response] })), 'ok');
  t.equal(refusalOf(await ask(holder, [], { ...question, at: endsAt - 1 })), 'ok', 'remembered');
  t.equal(refusalOf(await ask(holder, [], { ...question, at: endsAt })), 'certificate_undetermined');
});

t.test(
  'a response that came with the registration is asked again when a bid is lodged',
  { skip: !hasOpenssl },
  async (t) => {
    const root = await believed('Encryption Root');
    const usages = [basicConstraints(false), signUsage, extendedKeyUsage('1.3.6.1.5.5.7.3.9')];
    const noCheck = rawExtension('1.3.6.1.5.5.7.48.1.5', false, Uint8Array.of(5, 0));
    const signer = await authority('Responder', root, { ...dates, extensions: [...usages, noCheck] });
    const holder = await authority('Holder', root, {
      ...dates,
      subject,
      extensions: [basicConstraints(false), keyUsage(['keyEncipherment'])],
    });
    const { response } = await respond({ signer, of: holder, issuer: root });
    const account = company.creditCode;
    accepted(await admitSubject(stage, { ...company, account }));
    const clocked = { ...stage, world: { ...stage.world, now: () => now } };
    const register = (ocsp?: Uint8Array[]) =>
      registerEncryptionCertificate(clocked, {
        caller: { account },
        x5c: [toBase64(holder.certificate.der)],
        ...(ocsp && { ocsp }),
      });
    t.equal(refusalOf(await register()), 'certificate_undetermined');
    const others = await judgements();
    const another = await registerEncryptionCertificate(clocked, {
      caller: { account: organisation(2).creditCode },
      x5c: [toBase64(holder.certificate.der)],
      ocsp: [response],
    });
    t.equal(refusalOf(another), 'certificate_of_other_account');
    t.equal(await judgements(), others, 'nothing is kept of somebody else’s');
    const { certSha256 } = accepted(await register([response]));
    t.equal(refusalOf(await findEncryptionCertificate(stage, { account, certSha256, at: now + 1 })), 'ok');
  },
);

/** A certificate's own distribution point. */
function pointTo(uri: string) {
  return rawExtension(EXTENSION.crlDistributionPoints, false, sequenceOf(sequenceOf(uriPoint(uri))));
}
