/** Certificates behind acts as a verifier judges them again: how near judging and receipt must lie, what an outcome allows, and whom the ledger says was believed. */
import { basicConstraints, keyUsage } from '../../server/cli/demo/ca.ts';
import { nodeTools } from '../../server/cli/verify-log.ts';
import type { JsonObject } from '../../server/core/log/canonical.ts';
import type { Entry } from '../../server/core/log/entry.ts';
import { formatInstant } from '../../server/core/log/instant.ts';
import { ATTRIBUTE } from '../../server/core/pki/names.ts';
import { addCrl, readCrl } from '../../server/identity/crls.ts';
import { readEvidence } from '../../server/identity/evidence.ts';
import { readAnchors, type TrustQuestion } from '../../server/identity/trust.ts';
import { JUDGED_NEAR_RECEIPT_MS } from '../../server/verify/belief.ts';
import { type EvidenceTerms, watchEvidence } from '../../server/verify/evidence.ts';
import { authority, crlDer, DAY_MS, signUsage } from '../core/pki/authority.ts';
import { accepted, organisation, setStage } from '../identity/stage.ts';
import t from '../support/tap.ts';
import { addition, keepChange } from '../support/trust.ts';

const stage = await setStage(t);
const { sql } = stage.database;
const now = Math.floor(stage.world.now() / 1000) * 1000;
const HOUR_MS = 3_600_000;
const deadlineAt = now - HOUR_MS;
const dates = { notBeforeAt: now - 10 * DAY_MS, notAfterAt: now + 10 * DAY_MS };
const company = organisation(1);
const subjectOf = (of: typeof company) =>
  [
    [ATTRIBUTE.organizationIdentifier, of.creditCode],
    [ATTRIBUTE.organisation, of.organisation],
    [ATTRIBUTE.commonName, of.name],
  ] as const;
const root = await authority('Watched Root', undefined, dates);
const fallen = await authority('Fallen Root', undefined, dates);
const holder = (of: typeof company, usage = signUsage, issuer = root, notAfterAt = dates.notAfterAt) =>
  authority('Holder', issuer, {
    ...dates,
    notAfterAt,
    subject: subjectOf(of),
    extensions: [basicConstraints(false), usage],
  });
const person = (issuer = root, notAfterAt = dates.notAfterAt) => holder(company, signUsage, issuer, notAfterAt);
const terms = { fromAt: now - 9 * DAY_MS };
const endedAt = deadlineAt + HOUR_MS / 2;
await keepChange(sql, addition(root.certificate, terms), terms.fromAt);
await keepChange(sql, addition(fallen.certificate, { ...terms, untilAt: endedAt }), terms.fromAt);
stage.trust.forget();

/** Judges, as when an act came in. Returns: what stands in its `who`. */
async function judged(of: Awaited<ReturnType<typeof person>>, changes: Partial<TrustQuestion> = {}) {
  const { certSha256, judgement, lapsedAt, outcome, subject } = accepted(
    await stage.trust.check({
      certificates: [of.certificate.der],
      purpose: 'sign',
      at: now,
      undetermined: 'pass',
      lapsed: 'pass',
      asOf: deadlineAt - 1,
      ...changes,
    }),
  );
  const { account, creditCode, name } = subject;
  return { who: { account, creditCode, name, certSha256, judgement }, lapsedAt, outcome };
}
type Who = Awaited<ReturnType<typeof judged>>['who'];

const entryOf = (type: string, receivedAt: number, body: JsonObject = {}): Entry => ({
  v: 1,
  log: 'kaibiao.test/opening/lot-1',
  seq: 7,
  at: formatInstant(receivedAt + 5),
  receivedAt: formatInstant(receivedAt),
  type,
  actor: { role: 'bidder' },
  command: 'c-7',
  body,
  commit: {},
});

function watch(who: Who, changes: Partial<EvidenceTerms> = {}) {
  const evidence = (name: string) => readEvidence(sql, who.judgement, name);
  const watching = watchEvidence(
    nodeTools,
    { evidence },
    { isWhole: true, deadlineAt: () => deadlineAt, believed: null, ...changes },
  );
  return async (entry: Entry, values: Record<string, unknown> = { who }): Promise<string> =>
    (await watching.see(entry, values))?.reason ?? 'ok';
}

t.test('by two clocks: an honest judgement holds although an answer turned between it and the receipt', async (t) => {
  const endsAt = now + HOUR_MS;
  const { who } = await judged(await person(root, endsAt - 1_000), { at: endsAt - 1 });
  const say = (receivedAt: number) => watch(who)(entryOf('NoticeGiven', receivedAt));
  t.equal(await say(endsAt - 1 + JUDGED_NEAR_RECEIPT_MS), 'ok', 'received by a clock that is ahead');
  t.equal(await say(endsAt + JUDGED_NEAR_RECEIPT_MS), 'evidence_differs');
  t.equal(await say(endsAt - 1 - HOUR_MS), 'ok', 'it was good all the time before');
  const begins = await person(root);
  const early = await judged(begins, { at: dates.notBeforeAt + DAY_MS });
  t.equal(await watch(early.who)(entryOf('NoticeGiven', dates.notAfterAt - 1)), 'ok', 'one judgement for days');
  t.equal(
    await watch(early.who)(entryOf('NoticeGiven', dates.notAfterAt + 999 + JUDGED_NEAR_RECEIPT_MS)),
    'ok',
    'to the last instant',
  );
  t.equal(
    await watch(early.who)(entryOf('NoticeGiven', dates.notAfterAt + 1_000 + JUDGED_NEAR_RECEIPT_MS)),
    'evidence_differs',
  );
});

t.test('the certificate speaks for the person whom the log names', async (t) => {
  const { who } = await judged(await person());
  const { creditCode } = organisation(2);
  const account = creditCode;
  t.equal(await watch(who)(entryOf('DecryptionReceived', now)), 'ok');
  for (const changed of [{ account }, { creditCode }, { account, creditCode }, { name: 'Another' }])
    for (const type of ['DecryptionReceived', 'RecordSigned', 'ObjectionRaised'])
      t.equal(await watch({ ...who, ...changed })(entryOf(type, now)), 'person_differs', type);
  const { name: _name, ...nameless } = who;
  t.equal(await watch(who)(entryOf('RecordSigned', now), { who: nameless }), 'person_differs');
});

t.test('of a whole log each certificate that is named is judged', async (t) => {
  const { who } = await judged(await person());
  const { judgement: _judgement, ...without } = who;
  const count = async (values: Record<string, unknown>, isWhole: boolean) => {
    const watching = watchEvidence(
      nodeTools,
      { evidence: (name) => readEvidence(sql, who.judgement, name) },
      { isWhole, deadlineAt: () => deadlineAt, believed: null },
    );
    const found = await watching.see(entryOf('RecordSigned', now), values);
    return { reason: found?.reason ?? 'ok', ...watching.counts() };
  };
  t.strictSame(await count({ who }, true), { reason: 'ok', named: 1, judged: 1 });
  for (const each of [without, { ...who, judgement: null }, { ...who, judgement: 'A'.repeat(43) }]) {
    t.strictSame(await count({ who: each }, true), { reason: 'evidence_missing', named: 1, judged: 0 });
    t.strictSame(await count({ who: each }, false), { reason: 'ok', named: 1, judged: 0 }, 'of what the public sees');
  }
  t.strictSame(await count({}, true), { reason: 'ok', named: 0, judged: 0 }, 'withheld, or nobody acted');
});

t.test('an objection from before the roster was judged before it is entered, however long', async (t) => {
  const entered = { ...entryOf('ObjectionRaised', now), actor: { role: 'host' as const } };
  const { who } = await judged(await person(root, now - HOUR_MS), { at: now - 2 * HOUR_MS });
  t.equal(await watch(who)(entered), 'ok', 'although the certificate has run out since');
  t.equal(await watch({ ...who, account: organisation(2).creditCode })(entered), 'person_differs');
  const later = await judged(await person(), { at: now + 2 * JUDGED_NEAR_RECEIPT_MS });
  const earlier = { ...entered, at: formatInstant(dates.notBeforeAt - DAY_MS) };
  t.equal(await watch(later.who)(earlier), 'evidence_differs');
});

t.test('who is not good can have a bid opened, and nothing else', async (t) => {
  const { who, outcome } = await judged(await person(root, now - HOUR_MS));
  t.equal(outcome, 'expired');
  t.equal(await watch(who)(entryOf('NoticeGiven', now)), 'certificate_not_good');
  t.equal(await watch(who)(entryOf('AttemptRefused', now)), 'ok');
  t.equal(await watch(who, { deadlineAt: undefined })(entryOf('OperatorActed', now)), 'ok', 'on the ledger');
});

t.test('that a certificate had lapsed before the deadline is decided as its evidence says', async (t) => {
  const attempt = { bidder: 2, attempt: 1 };
  const decided = async (of: Awaited<ReturnType<typeof person>>, type: string, failure?: string) => {
    const { who } = await judged(of);
    const see = watch(who);
    t.equal(await see(entryOf('DecryptionReceived', now, attempt)), 'ok');
    t.equal(await see(entryOf(type, now, { bidder: 3, attempt: 1, failure: 'certificate_not_valid' }), {}), 'ok');
    return see(entryOf(type, now, { ...attempt, ...(failure && { failure }) }), {});
  };
  const before = await person(root, deadlineAt - 2_000);
  t.equal((await judged(before)).lapsedAt, deadlineAt - 1_000, 'the last second to its end');
  const justBehind = await person(root, deadlineAt - 1_000);
  t.equal((await judged(justBehind)).lapsedAt, deadlineAt);
  t.equal(await decided(before, 'DecryptionFailed', 'certificate_not_valid'), 'ok');
  t.equal(await decided(before, 'DecryptionFailed', 'wrong_key'), 'ok', 'looked at before the certificate');
  t.equal(await decided(before, 'DecryptionFailed', 'tag_mismatch'), 'certificate_decided_otherwise');
  t.equal(await decided(before, 'BidDecrypted'), 'certificate_decided_otherwise');
  for (const of of [justBehind, await person(fallen), await person()]) {
    t.equal(await decided(of, 'DecryptionFailed', 'certificate_not_valid'), 'certificate_decided_otherwise');
    t.equal(await decided(of, 'DecryptionFailed', 'tag_mismatch'), 'ok');
    t.equal(await decided(of, 'BidDecrypted'), 'ok');
  }
});

t.test('the certificates behind the bids on the roster were good when they were lodged', async (t) => {
  const signer = await judged(await person(), { at: deadlineAt - HOUR_MS });
  const sealedTo = await holder(company, keyUsage(['keyEncipherment']));
  const endsAt = deadlineAt - HOUR_MS / 2;
  const short = await person(root, endsAt - 1_000);
  const encryption = await judged(sealedTo, { at: deadlineAt - HOUR_MS, purpose: 'encrypt' });
  const rowOf = (who: Who) => ({
    certSha256: who.certSha256,
    judgement: who.judgement,
    encCertSha256: encryption.who.certSha256,
    encryptionJudgement: encryption.who.judgement,
  });
  const theirs = await judged(await holder(organisation(2), keyUsage(['keyEncipherment'])), {
    at: deadlineAt - HOUR_MS,
    purpose: 'encrypt',
  });
  const row = rowOf(signer.who);
  const see = async (rows: readonly object[], lodgedAt = endsAt, { creditCode, name } = company) => {
    const evidence = async (name: string) => {
      for (const { judgement } of [signer.who, encryption.who, theirs.who, late.who, outdated.who]) {
        const file = await readEvidence(sql, judgement, name);
        if (file !== null) return file;
      }
      return null;
    };
    const watching = watchEvidence(
      nodeTools,
      { evidence },
      { isWhole: true, deadlineAt: () => deadlineAt, believed: null },
    );
    const roster = [{ creditCode, name, lodgedAt: formatInstant(lodgedAt) }];
    return (await watching.see(entryOf('RosterPublished', now), { roster, certificates: rows }))?.reason ?? 'ok';
  };
  const late = await judged(short, { at: endsAt - HOUR_MS });
  const outdated = await judged(short, { at: now });
  t.equal(await see([row]), 'ok');
  for (const nothing of [{ judgement: null }, { encryptionJudgement: null }])
    t.equal(await see([{ ...row, ...nothing }]), 'evidence_missing', 'nothing was judged');
  t.equal(await see([]), 'evidence_differs', 'fewer of them than bids');
  const bare = watchEvidence(
    nodeTools,
    { evidence: () => Promise.resolve(null) },
    { isWhole: true, deadlineAt: () => deadlineAt, believed: null },
  );
  t.equal(
    (await bare.see(entryOf('RosterPublished', now), { roster: [] }))?.reason,
    'evidence_missing',
    'no such field',
  );

  const another = organisation(2);
  t.equal(await see([row], endsAt, { ...company, creditCode: another.creditCode }), 'person_differs', 'another bidder');
  t.equal(await see([row], endsAt, { ...company, name: 'Another' }), 'person_differs', 'by another name');
  t.equal(
    await see([{ ...row, encCertSha256: theirs.who.certSha256, encryptionJudgement: theirs.who.judgement }]),
    'person_differs',
    'sealed to another bidder',
  );
  t.equal(await see([row, row]), 'evidence_differs', 'more of them than bids');
  t.equal(await see([{ ...row, judgement: 'A'.repeat(43) }]), 'evidence_missing');
  t.equal(await see([{ ...row, encryptionJudgement: row.judgement }]), 'evidence_differs', 'of another certificate');
  const swapped = { ...row, encCertSha256: row.certSha256, encryptionJudgement: row.judgement };
  t.equal(await see([swapped]), 'evidence_differs', 'judged for signing');
  t.equal(await see([rowOf(outdated.who)]), 'certificate_not_good', 'by a clock a little ahead it had run out');
  const carried = endsAt - 1 + HOUR_MS + JUDGED_NEAR_RECEIPT_MS;
  t.equal(await see([rowOf(late.who)], carried), 'ok', 'judged before an hour of upload');
  t.equal(await see([rowOf(late.who)], carried + 1), 'evidence_differs');
});

t.test('a CA that ended is asked of as of the last instant before the deadline, and of no other', async (t) => {
  const of = await person(fallen);
  const see = async (asOf: number) => {
    const { who, outcome } = await judged(of, { asOf });
    t.equal(outcome, 'ended');
    return watch(who)(entryOf('DecryptionReceived', now, { bidder: 2, attempt: 1 }));
  };
  t.equal(await see(deadlineAt - 1), 'ok');
  t.equal(await see(deadlineAt - 2), 'evidence_differs');
  t.equal(await see(deadlineAt), 'evidence_differs');
});

t.test('with the whole ledger: the anchor was believed then, on these terms, and for as long', async (t) => {
  const versions = await readAnchors(stage.db);
  const said = (believed: typeof versions, knownUntil = now) => ({ believed: { versions: believed, knownUntil } });
  const good = (await judged(await person())).who;
  const see = (who: Who, changes: Partial<EvidenceTerms>, type = 'NoticeGiven') =>
    watch(who, changes)(entryOf(type, now, { bidder: 2, attempt: 1 }));
  t.equal(await see(good, said(versions)), 'ok');
  t.equal(await see(good, said([])), 'anchor_not_believed');
  t.equal(await see(good, said([], now - 1)), 'ok', 'the ledger says nothing of instants behind its end');
  const changed = (change: Partial<(typeof versions)[number]>) => versions.map((each) => ({ ...each, ...change }));
  const [{ terms: own } = { terms: null }] = versions;
  if (own === null) throw new Error('no anchor');
  t.equal(await see(good, said(changed({ terms: { ...own, label: 'of other terms' } }))), 'anchor_not_believed');
  t.equal(await see(good, said(changed({ untilAt: now - JUDGED_NEAR_RECEIPT_MS + 1 }))), 'ok', 'by another clock');
  t.equal(await see(good, said(changed({ untilAt: now - JUDGED_NEAR_RECEIPT_MS }))), 'anchor_not_believed');
  t.equal(await see(good, said(changed({ fromAt: now + JUDGED_NEAR_RECEIPT_MS }))), 'ok', 'by another clock');
  t.equal(await see(good, said(changed({ fromAt: now + JUDGED_NEAR_RECEIPT_MS + 1 }))), 'anchor_not_believed');

  const ended = (await judged(await person(fallen))).who;
  t.equal(await see(ended, said(versions), 'DecryptionReceived'), 'ok');
  for (const untilAt of [null, endedAt - 1, endedAt + 1, deadlineAt - 1])
    t.equal(await see(ended, said(changed({ untilAt })), 'DecryptionReceived'), 'anchor_not_believed', `${untilAt}`);
});

t.test('the end of a CA that a process had not heard of yet is no lie', async (t) => {
  const versions = await readAnchors(stage.db);
  const ranOut = endedAt - HOUR_MS;
  const between = await authority('Short Middle', root, { ...dates, notAfterAt: ranOut });
  const leaf = await holder(company, signUsage, between);
  const certificates = [leaf.certificate.der, between.certificate.der];
  const { who, outcome } = await judged(leaf, { certificates, at: now, asOf: ranOut });
  t.equal(outcome, 'ended', 'by the one between; the CA is believed for all that the process knows');
  const see = (untilAt: number) => {
    const said = versions.map((each) => ({ ...each, untilAt }));
    const changes = { deadlineAt: () => ranOut + 1, believed: { versions: said, knownUntil: now } };
    return watch(who, changes)(entryOf('DecryptionReceived', now, { bidder: 2, attempt: 1 }));
  };
  t.equal(await see(now + 1), 'ok', 'it had not ended yet');
  t.equal(await see(now), 'ok');
  t.equal(await see(now - JUDGED_NEAR_RECEIPT_MS + 1), 'ok');
  t.equal(await see(now - JUDGED_NEAR_RECEIPT_MS), 'anchor_not_believed');
});

t.test('a judgement from before the end of its CA serves no act behind it', async (t) => {
  const versions = await readAnchors(stage.db);
  const { who } = await judged(await person(fallen), { at: endedAt - DAY_MS });
  const see = (receivedAt: number, knownUntil = now) =>
    watch(who, { believed: { versions, knownUntil } })(entryOf('NoticeGiven', receivedAt));
  t.equal(await see(endedAt - 1), 'ok');
  t.equal(await see(endedAt - 1 + JUDGED_NEAR_RECEIPT_MS), 'ok', 'by another clock');
  t.equal(await see(endedAt + JUDGED_NEAR_RECEIPT_MS), 'anchor_not_believed');
  t.equal(await see(now, now - 1), 'ok', 'the ledger says nothing of instants behind its end');
  t.equal(await see(now, now), 'anchor_not_believed');
  const changed = versions.map((each) => ({
    ...each,
    terms: { ...each.terms, label: 'Later' },
    fromAt: endedAt - DAY_MS,
  }));
  const later = {
    versions: [...versions.map((each) => ({ ...each, untilAt: endedAt - DAY_MS })), ...changed],
    knownUntil: now,
  };
  t.equal(
    await watch(who, { believed: later })(entryOf('NoticeGiven', endedAt - 1)),
    'anchor_not_believed',
    'nor on terms that were altered',
  );

  const signer = await judged(await person(fallen), { at: endedAt - DAY_MS });
  const sealedTo = await judged(await holder(company, keyUsage(['keyEncipherment']), fallen), {
    at: endedAt - DAY_MS,
    purpose: 'encrypt',
  });
  const { creditCode, name } = company;
  const carried = endedAt - 1 + HOUR_MS + JUDGED_NEAR_RECEIPT_MS;
  const lodged = async (lodgedAt: number) => {
    const evidence = async (digest: string) =>
      (await readEvidence(sql, signer.who.judgement, digest)) ?? readEvidence(sql, sealedTo.who.judgement, digest);
    const watching = watchEvidence(
      nodeTools,
      { evidence },
      { isWhole: true, deadlineAt: () => deadlineAt, believed: { versions, knownUntil: carried + 1 } },
    );
    const certificates = [
      { ...signer.who, encCertSha256: sealedTo.who.certSha256, encryptionJudgement: sealedTo.who.judgement },
    ];
    const roster = [{ creditCode, name, lodgedAt: formatInstant(lodgedAt) }];
    return (await watching.see(entryOf('RosterPublished', now), { roster, certificates }))?.reason ?? 'ok';
  };
  t.equal(await lodged(carried), 'ok', 'judged before its bytes were carried');
  t.equal(await lodged(carried + 1), 'anchor_not_believed');
});

t.test('an outcome that a list decided is decided again', async (t) => {
  const of = await person();
  const revokedAt = deadlineAt - HOUR_MS;
  const revoked = [{ serial: of.certificate.serial, revokedAt }];
  const der = crlDer(root, { number: 1, thisUpdateAt: now - 1_000, nextUpdateAt: now + DAY_MS, entries: revoked });
  accepted(
    await addCrl(
      { ...stage, world: { ...stage.world, now: () => now } },
      { ...accepted(readCrl(der)), addedBy: 'test' },
    ),
  );
  stage.trust.forget();
  const { who, outcome, lapsedAt } = await judged(of);
  t.match({ outcome, lapsedAt }, { outcome: 'revoked', lapsedAt: revokedAt });
  t.equal(await watch(who)(entryOf('DecryptionReceived', now, { bidder: 2, attempt: 1 })), 'ok');
});
