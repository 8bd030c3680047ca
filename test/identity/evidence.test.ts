/** What certificates were judged by: kept whole, found only by whom it was shown to, and judged again years later; OCSP responses that were stapled. */
import { basicConstraints, extendedKeyUsage } from '../../server/cli/demo/ca.ts';
import { toBase64Url } from '../../server/core/log/base64.ts';
import { formatInstant } from '../../server/core/log/instant.ts';
import { fromUtf8 } from '../../server/core/log/utf8.ts';
import { judge } from '../../server/core/pki/judge.ts';
import { filesOf, type Judgement, redoJudgement } from '../../server/core/pki/judgement.ts';
import { ATTRIBUTE } from '../../server/core/pki/names.ts';
import type { TrustChange } from '../../server/core/pki/trust-store.ts';
import { sha256 } from '../../server/hash.ts';
import { addCrl, readCrl } from '../../server/identity/crls.ts';
import { digestOfFile, ocspDigest, readEvidence } from '../../server/identity/evidence.ts';
import { verifyCertificateSignature } from '../../server/identity/signature.ts';
import type { TrustQuestion } from '../../server/identity/trust.ts';
import { authority, crlDer, DAY_MS, rawExtension, signUsage } from '../core/pki/authority.ts';
import { hasOpenssl, respond } from '../support/ocsp.ts';
import t from '../support/tap.ts';
import { addition, keepChange } from '../support/trust.ts';
import { accepted, organisation, refusalOf, setStage } from './stage.ts';

const stage = await setStage(t);
const { sql } = stage.database;
/** OpenSSL dates its answers by its own clock: asked a minute later, they are there. */
const now = Math.floor(Date.now() / 1000) * 1000 + 60_000;
const dates = { notBeforeAt: now - 10 * DAY_MS, notAfterAt: now + 10 * DAY_MS };
const root = await authority('Evidence Root', undefined, dates);
const middle = await authority('Evidence Middle', root, dates);
const company = organisation(1);
const subject = [
  [ATTRIBUTE.organizationIdentifier, company.creditCode],
  [ATTRIBUTE.organisation, company.organisation],
  [ATTRIBUTE.commonName, company.name],
] as const;
const person = (notAfterAt = dates.notAfterAt) =>
  authority('Holder', middle, { ...dates, notAfterAt, subject, extensions: [basicConstraints(false), signUsage] });
const leaf = await person();
await keepChange(
  sql,
  addition(root.certificate, { revocation: 'required', fromAt: now - 9 * DAY_MS }),
  now - 9 * DAY_MS,
);

const ask = async (changes: Partial<TrustQuestion> = {}, of = leaf) =>
  stage.trust.check({
    certificates: [of.certificate.der, middle.certificate.der],
    purpose: 'sign',
    at: now,
    undetermined: 'pass',
    lapsed: 'pass',
    ...changes,
  });
const list = (
  issuer: typeof root,
  number: number,
  thisUpdateAt: number,
  nextUpdateAt: number,
  revoked: [string, number][] = [],
) =>
  crlDer(issuer, {
    number,
    thisUpdateAt,
    nextUpdateAt,
    entries: revoked.map(([serial, revokedAt]) => ({ serial, revokedAt })),
  });
async function bring(der: Uint8Array): Promise<void> {
  accepted(await addCrl(stage, { ...accepted(readCrl(der)), addedBy: 'test' }));
  stage.trust.forget();
}

const tools = { sha256, digest: ocspDigest, verifySignature: verifyCertificateSignature };

/** Judged again from what is kept alone. Returns: `outcome: what is wrong, or same`. */
async function redo(judgement: string, change: (files: Map<string, Uint8Array>) => void = () => undefined) {
  const { judged, redone } = await redoneFrom(judgement, change);
  return `${judged.outcome}: ${redone.ok ? 'same' : redone.reason}`;
}

/** The same for another instant. Returns: the outcome. */
async function redoAt(judgement: string, at: number) {
  const { redone } = await redoneFrom(judgement);
  return redone.ok ? judge({ ...redone.grounds, at }, tools)?.outcome : redone.reason;
}

async function redoneFrom(judgement: string, change: (files: Map<string, Uint8Array>) => void = () => undefined) {
  const bytes = await readEvidence(sql, judgement, judgement);
  if (bytes === null) throw new Error('no judgement is kept');
  const judged = JSON.parse(fromUtf8(bytes)) as Judgement;
  const files = new Map<string, Uint8Array>();
  for (const name of filesOf(judged)) {
    const file = await readEvidence(sql, judgement, name);
    if (file !== null) files.set(name, file);
  }
  change(files);
  return { judged, redone: redoJudgement(judged, (name) => files.get(name), tools) };
}

t.test('undetermined is an outcome of its own, with its evidence', async (t) => {
  const judged = accepted(await ask());
  t.match(judged, { outcome: 'undetermined', lapsedAt: null });
  t.equal(await redo(judged.judgement), 'undetermined: same');
  t.equal(refusalOf(await ask({ undetermined: 'refuse' })), 'certificate_undetermined');
});

t.test('good, by lists; the same answer is kept once, a later one anew', async (t) => {
  await bring(list(root, 1, now - DAY_MS, now + 2 * DAY_MS));
  await bring(list(middle, 1, now - DAY_MS, now + DAY_MS));
  const judged = accepted(await ask());
  t.equal(judged.outcome, 'good');
  t.equal(accepted(await ask({ at: now + 1 })).judgement, judged.judgement);
  t.equal(await redo(judged.judgement), 'good: same');
  for (const at of [now, now + 1, now - DAY_MS + 1]) t.equal(await redoAt(judged.judgement, at), 'good');
  t.equal(await redoAt(judged.judgement, now + DAY_MS + 1_000), 'undetermined', 'the list is over by then');
  const late = accepted(await ask({ at: now + DAY_MS + 1_000 }));
  t.not(late.judgement, judged.judgement);
  t.equal(await redo(late.judgement), 'undetermined: same');
});

t.test('evidence that is changed, missing or of another outcome is seen', async (t) => {
  const { judgement } = accepted(await ask());
  const [certificate = ''] = [digestOfFile(leaf.certificate.der)];
  t.equal(await redo(judgement, (files) => files.delete(certificate)), 'good: file_missing');
  t.equal(await redo(judgement, (files) => files.set(certificate, middle.certificate.der)), 'good: file_differs');
  const bytes = await readEvidence(sql, judgement, judgement);
  const judged = JSON.parse(fromUtf8(bytes ?? new Uint8Array())) as Judgement;
  const files = new Map<string, Uint8Array>();
  for (const name of filesOf(judged)) files.set(name, (await readEvidence(sql, judgement, name)) ?? new Uint8Array());
  const told = (change: object) => {
    const redone = redoJudgement({ ...judged, ...change }, (name) => files.get(name), tools);
    return redone.ok ? 'same' : redone.reason;
  };
  t.equal(told({}), 'same');
  const { others: _others, ...older } = judged;
  t.ok(redoJudgement(older, (name) => files.get(name), tools).ok, 'as before there were any');
  t.strictSame(filesOf(older), filesOf(judged));
  for (const outcome of ['undetermined', 'revoked', 'expired', 'ended'])
    t.equal(told({ outcome }), 'outcome_differs', outcome);
  t.equal(told({ lapsedAt: judged.at }), 'outcome_differs', 'when it lapsed is part of what comes out');
  t.equal(told({ asOf: formatInstant(now - 1) }), 'outcome_differs', 'nothing has ended since');
  t.equal(told({ at: formatInstant(now + DAY_MS + 1_000) }), 'outcome_differs');
  for (const of of ['at', 'asOf', 'lapsedAt', 'believedUntil'])
    t.equal(told({ [of]: '2026-02-30T00:00:00.000Z' }), 'judgement_malformed', `${of} of no calendar`);
  t.equal(told({ crls: [] }), 'outcome_differs');
  t.equal(told({ terms: { ...judged.terms, policies: ['1.2.3'] } }), 'outcome_differs');
  t.equal(told({ certificates: judged.certificates.slice(1) }), 'outcome_differs');
  for (const change of [{ v: 2 }, { salt: '' }, { certificates: [] }, { more: 1 }])
    t.equal(told(change), 'judgement_malformed');
});

t.test('only who has the digest of a judgement gets at its files, and nobody can compute one', async (t) => {
  const { judgement } = accepted(await ask());
  const certificate = digestOfFile(leaf.certificate.der);
  t.same(await readEvidence(sql, judgement, certificate), leaf.certificate.der);
  t.equal(await readEvidence(sql, certificate, certificate), null, 'a certificate leads nowhere');
  t.equal(await readEvidence(sql, toBase64Url(sha256(new Uint8Array(1))), certificate), null);
  const stranger = accepted(await ask({}, await person()));
  t.equal(await readEvidence(sql, stranger.judgement, certificate), null, 'another’s judgement does not name it');
  stage.trust.forget();
  await bring(list(middle, 2, now - DAY_MS + 1_000, now + DAY_MS));
  const again = accepted(await ask());
  t.not(again.judgement, judgement);
});

t.test('what is only asked leaves nothing behind', async (t) => {
  const asked = await person();
  const { judgement } = accepted(await ask({ isOnRecord: false }, asked));
  t.equal(await readEvidence(sql, judgement, judgement), null);
  const kept = accepted(await ask({}, asked));
  t.ok(await readEvidence(sql, kept.judgement, kept.judgement), 'and does not stand in the place of what is kept');
});

t.test('when it lapsed: revoked by the list’s own date, or over, whichever came first', async (t) => {
  const soon = await person(now - DAY_MS);
  const expired = accepted(await ask({}, soon));
  t.match(expired, { outcome: 'expired', lapsedAt: now - DAY_MS + 1_000, subject: { creditCode: company.creditCode } });
  t.equal(await redo(expired.judgement), 'expired: same');
  t.equal(refusalOf(await ask({ lapsed: 'refuse' }, soon)), 'certificate_expired');

  const bad = await person();
  const revokedAt = now - 3_600_000;
  await bring(list(middle, 3, now - DAY_MS + 2_000, now + DAY_MS, [[bad.certificate.serial, revokedAt]]));
  const revoked = accepted(await ask({}, bad));
  t.match(revoked, { outcome: 'revoked', lapsedAt: revokedAt });
  t.equal(await redo(revoked.judgement), 'revoked: same');
  t.equal(refusalOf(await ask({ lapsed: 'refuse' }, bad)), 'certificate_revoked');

  const elsewhere = await authority('Nobody', undefined, dates);
  const stranger = await authority('Holder', elsewhere, {
    ...dates,
    notAfterAt: now - DAY_MS,
    subject,
    extensions: [basicConstraints(false), signUsage],
  });
  const foreign = await stage.trust.check({
    certificates: [stranger.certificate.der],
    purpose: 'sign',
    at: now,
    undetermined: 'pass',
    lapsed: 'pass',
  });
  t.equal(refusalOf(foreign), 'certificate_not_trusted', 'lapsed under nobody we believe');
});

t.test('its CA ended since: asked of an earlier instant it has lapsed with its CA, and not before', async (t) => {
  const endsAt = now - 3_600_000;
  const held = await authority('Ended Root', undefined, dates);
  const holder = await authority('Holder', held, {
    ...dates,
    subject,
    extensions: [basicConstraints(false), signUsage],
  });
  const terms = { fromAt: now - 9 * DAY_MS };
  t.equal(await keepChange(sql, addition(held.certificate, { ...terms, untilAt: endsAt }), terms.fromAt), 'ok');
  stage.trust.forget();
  const question = { certificates: [holder.certificate.der], purpose: 'sign', at: now, lapsed: 'pass' } as const;
  const asOf = (earlier: number, changes: Partial<TrustQuestion> = {}) =>
    stage.trust.check({ ...question, asOf: earlier, ...changes });
  t.equal(refusalOf(await stage.trust.check(question)), 'certificate_not_trusted', 'nobody asks of an earlier instant');
  t.equal(refusalOf(await asOf(endsAt)), 'certificate_not_trusted', 'it had ended by then');
  t.equal(refusalOf(await asOf(endsAt - 1, { lapsed: 'refuse' })), 'certificate_not_trusted');
  t.equal(refusalOf(await asOf(endsAt - 1, { at: endsAt - 1 })), 'ok', 'then it was simply good');
  t.match(accepted(await asOf(endsAt - 1, { at: endsAt - 1 })), { outcome: 'good' });
  const ended = accepted(await asOf(endsAt - 1));
  t.match(ended, { outcome: 'ended', lapsedAt: endsAt, subject: { creditCode: company.creditCode } });
  t.equal(await redo(ended.judgement), 'ended: same');
  const { judged } = await redoneFrom(ended.judgement);
  t.match(judged, { asOf: formatInstant(endsAt - 1), believedUntil: formatInstant(endsAt), at: formatInstant(now) });

  const revokedAt = endsAt - 7_200_000;
  await bring(list(held, 1, now - DAY_MS, now + DAY_MS, [[holder.certificate.serial, revokedAt]]));
  const revoked = accepted(await asOf(endsAt - 1));
  t.match(revoked, { outcome: 'revoked', lapsedAt: revokedAt }, 'what was revoked is, whatever became of its CA');
  t.equal(await redo(revoked.judgement), 'revoked: same');
});

t.test('a CA that was altered has not ended for who passes on its new terms', async (t) => {
  const alteredAt = now - DAY_MS;
  const held = await authority('Altered Root', undefined, dates);
  const middleOver = now - 3_600_000;
  const between = await authority('Altered Middle', held, { ...dates, notAfterAt: middleOver });
  const holder = await authority('Holder', between, {
    ...dates,
    subject,
    extensions: [basicConstraints(false), signUsage],
  });
  const fromAt = now - 9 * DAY_MS;
  const {
    change: _add,
    certificate: _der,
    ...rest
  } = addition(held.certificate, { fromAt: alteredAt }) as {
    change: 'add';
    certificate: string;
  } & Omit<Extract<TrustChange, { change: 'alter' }>, 'change' | 'certificateSha256'>;
  const altered = { ...rest, change: 'alter' as const, certificateSha256: digestOfFile(held.certificate.der) };
  t.equal(await keepChange(sql, addition(held.certificate, { fromAt }), fromAt), 'ok');
  t.equal(await keepChange(sql, altered, alteredAt), 'ok');
  stage.trust.forget();
  const certificates = [holder.certificate.der, between.certificate.der];
  const ended = accepted(
    await stage.trust.check({ certificates, purpose: 'sign', at: now, lapsed: 'pass', asOf: alteredAt - 1 }),
  );
  t.match(ended, { outcome: 'ended', lapsedAt: middleOver + 1_000 }, 'the one between ran out, the last second whole');
  t.match((await redoneFrom(ended.judgement)).judged, { believedUntil: null });
  t.equal(await redo(ended.judgement), 'ended: same');
  const late = { certificates, purpose: 'sign', at: now, lapsed: 'pass' } as const;
  t.equal(refusalOf(await stage.trust.check({ ...late, asOf: middleOver + 999 })), 'ok');
  t.equal(refusalOf(await stage.trust.check({ ...late, asOf: middleOver + 1_000 })), 'certificate_not_trusted');
});

t.test('a stapled OCSP response stands in for a list, is kept, and asked again', { skip: !hasOpenssl }, async (t) => {
  const other = await authority('Stapling Middle', root, dates);
  const usages = [basicConstraints(false), signUsage, extendedKeyUsage('1.3.6.1.5.5.7.3.9')];
  const noCheck = rawExtension('1.3.6.1.5.5.7.48.1.5', false, Uint8Array.of(5, 0));
  const signer = await authority('Responder', other, { ...dates, extensions: [...usages, noCheck] });
  const holder = () =>
    authority('Holder', other, { ...dates, subject, extensions: [basicConstraints(false), signUsage] });
  const [one, two] = await Promise.all([holder(), holder()]);
  const question = (of: typeof one, ocsp?: Uint8Array[]) =>
    stage.trust.check({
      certificates: [of.certificate.der, other.certificate.der],
      purpose: 'sign',
      at: now,
      ...(ocsp && { ocsp }),
    });
  t.equal(refusalOf(await question(one)), 'certificate_undetermined');
  const strangers = () =>
    stage.trust.check({
      certificates: [one.certificate.der, other.certificate.der],
      purpose: 'sign',
      at: now,
      isOnRecord: false,
    });
  t.equal(refusalOf(await strangers()), 'certificate_undetermined');
  const { response } = await respond({ signer, of: one, issuer: other });
  const { response: ofOther } = await respond({ signer, of: two, issuer: other });
  t.equal(
    refusalOf(await question(one, [Uint8Array.of(1), ofOther])),
    'certificate_undetermined',
    'junk, and another’s',
  );
  const judged = accepted(await question(one, [Uint8Array.of(1), ofOther, response]));
  t.equal(await redo(judged.judgement), 'good: same');
  t.same(await readEvidence(sql, judged.judgement, digestOfFile(response)), response);
  t.equal(await readEvidence(sql, judged.judgement, digestOfFile(ofOther)), null, 'what said nothing is not kept');
  t.equal(refusalOf(await question(one)), 'ok', 'asked again without it');
  t.equal(
    refusalOf(await strangers()),
    'certificate_undetermined',
    'a stranger does not learn that its holder was here',
  );
  const over = {
    certificates: [one.certificate.der, other.certificate.der],
    purpose: 'sign',
    at: now + 2 * DAY_MS,
  } as const;
  t.equal(refusalOf(await stage.trust.check(over)), 'certificate_undetermined', 'until it is over');
  const revoked = '260101000000Z';
  const { response: condemning } = await respond({ signer, of: two, issuer: other, revoked });
  t.equal(refusalOf(await question(two, [condemning])), 'certificate_revoked');
  const passed = accepted(
    await stage.trust.check({
      certificates: [two.certificate.der, other.certificate.der],
      purpose: 'sign',
      at: now,
      ocsp: [condemning],
      lapsed: 'pass',
    }),
  );
  t.match(passed, { outcome: 'revoked', lapsedAt: Date.parse('2026-01-01T00:00:00Z') });
  const faker = await authority('Responder', undefined, { ...dates, extensions: [...usages, noCheck] });
  const { response: forged } = await respond({ signer: faker, of: two, issuer: other, revoked: '250101000000Z' });
  const asBefore = accepted(
    await stage.trust.check({
      certificates: [two.certificate.der, other.certificate.der],
      purpose: 'sign',
      at: now,
      ocsp: [condemning, forged],
      lapsed: 'pass',
    }),
  );
  t.equal(asBefore.lapsedAt, passed.lapsedAt, 'a date that nobody signed who may counts for nothing');
  t.equal(await redo(passed.judgement), 'revoked: same');
});
