/** Acts: only the person in whose name a command comes can have signed it, over exactly this, with the key it needs. */

import { toBase64 } from '../../server/core/log/base64.ts';
import type { Json } from '../../server/core/log/canonical.ts';
import { COMMANDS } from '../../server/core/opening/commands.ts';
import { REGISTER_COMMANDS } from '../../server/core/opening/register.ts';
import { type ActTerms, signAct, signByCertificate, signStepUp } from '../../server/core/pki/person-jws.ts';
import { sha256 } from '../../server/hash.ts';
import {
  ACT_AGE_LIMIT_MS,
  checkDeliveredStatement,
  checkSubmittedAct,
  SIGNED_BY,
  type SignedCommandType,
} from '../../server/identity/acts.ts';
import {
  findEncryptionCertificate,
  listEncryptionCertificates,
  registerEncryptionCertificate,
} from '../../server/identity/encryption.ts';
import { endSession } from '../../server/identity/login.ts';
import { IDENTITY_REFUSALS } from '../../server/identity/refusals.ts';
import t from '../support/tap.ts';
import {
  accepted,
  logIn,
  OPENING,
  organisation,
  type Person,
  PLATFORM,
  refusalOf,
  setStage,
  signerOf,
} from './stage.ts';

const stage = await setStage(t);
const [member, other] = [await logIn(stage, organisation(1)), await logIn(stage, organisation(2))];
const data = { text: '评标办法有误' };
const headSeen = { size: 3, root: toBase64(new Uint8Array(32)) };

function termsOf(who: Person, changes: Partial<ActTerms> = {}): ActTerms {
  return {
    account: who.caller.account,
    platform: PLATFORM,
    openingId: OPENING,
    command: 'c-1',
    type: 'CheckIn',
    data: {},
    headSeen,
    iatSeconds: Math.floor(stage.world.now() / 1000),
    ...changes,
  };
}

type Changes = { caller?: Person; id?: string; type?: SignedCommandType; data?: Json; openingId?: string };
const submit = async (act: string, changes: Changes = {}) =>
  checkSubmittedAct(stage, {
    caller: (changes.caller ?? member).caller,
    openingId: changes.openingId ?? OPENING,
    command: { id: changes.id ?? 'c-1', type: changes.type ?? 'CheckIn', data: changes.data ?? {} },
    act,
    receivedAt: stage.world.now(),
  });
const answer = async (act: string, changes?: Changes) => refusalOf(await submit(act, changes));

t.test('an act by the session key: who it was, and the login that certified the key', async (t) => {
  const act = await signAct(sha256, member.session, termsOf(member));
  const result = accepted(await submit(act));
  const { judgement, ...who } = result.who;
  t.strictSame(who, {
    account: member.caller.account,
    name: '第1公司',
    creditCode: member.caller.account,
    certSha256: member.caller.certSha256,
  });
  t.match(judgement, /^[A-Za-z0-9_-]{43}$/);
  t.strictSame(result.act, { act, login: member.login, data: {} });
  t.strictSame(result.checked.headSeen, headSeen);
});

t.test('an act by another key', async (t) => {
  const byOther = await signAct(sha256, other.session, termsOf(member));
  t.equal(await answer(byOther), 'act_signature_bad');
  t.equal(await answer(byOther, { caller: other }), 'login_other_account', 'in another’s name');
  t.equal(
    await answer(await signAct(sha256, other.session, termsOf(other))),
    'login_other_account',
    'in another’s session',
  );
});

t.test('an act over something else', async (t) => {
  const act = await signAct(sha256, member.session, termsOf(member));
  t.equal(await answer(act, { data: { x: 1 } }), 'act_data_differs');
  t.equal(await answer(act, { id: 'c-2' }), 'act_other_command');
  t.equal(await answer(act, { openingId: 'lot-2' }), 'act_other_opening');
  t.equal(await answer(act, { type: 'OpenWindow' }), 'act_other_type');
  t.equal(
    await answer(await signAct(sha256, member.session, termsOf(member, { platform: 'other.test' }))),
    'act_other_platform',
  );
  t.equal(await answer('not.a.jws'), 'act_malformed');
});

t.test('what needs the CA key is not done by the session key', async (t) => {
  const terms = termsOf(member, { type: 'RaiseObjection', data });
  const change = { type: 'RaiseObjection', data } as const;
  t.equal(await answer(await signAct(sha256, member.session, terms), change), 'step_up_required');
  const result = accepted(await submit(await signStepUp(sha256, member.signer, terms), change));
  t.equal(result.checked.signedBy, 'certificate');
  t.notOk('login' in result.act);
  const stolen = await signStepUp(sha256, other.signer, terms);
  t.equal(await answer(stolen, change), 'certificate_of_other_account');
  const own = await signStepUp(sha256, other.signer, { ...terms, account: other.caller.account });
  t.equal(await answer(own, change), 'act_of_other_account');
});

t.test('step-up asks for the certificate at the instant of receipt', async (t) => {
  const now = stage.world.now();
  const issue = (usage: 'sign' | 'encrypt', notAfterAt?: number) =>
    stage.ca.issue({ holder: organisation(1), usage, ...(notAfterAt !== undefined && { notAfterAt }) });
  const terms = termsOf(member, { type: 'RaiseObjection', data });
  const by = async (issued: Awaited<ReturnType<typeof issue>>) =>
    answer(await signStepUp(sha256, signerOf(issued), terms), { type: 'RaiseObjection', data });
  t.equal(await by(await issue('sign')), 'ok', 'a renewed certificate of the same account');
  t.equal(await by(await issue('sign', now - 5000)), 'certificate_expired');
  t.equal(await by(await issue('encrypt')), 'certificate_wrong_usage');
});

t.test('the clock of an act is a claim, but not any claim', async (t) => {
  const at = async (offsetMs: number) =>
    answer(
      await signAct(
        sha256,
        member.session,
        termsOf(member, { iatSeconds: Math.floor((stage.world.now() + offsetMs) / 1000) }),
      ),
    );
  t.equal(await at(-ACT_AGE_LIMIT_MS), 'ok');
  t.equal(await at(-ACT_AGE_LIMIT_MS - 1000), 'act_out_of_time');
  t.equal(await at(ACT_AGE_LIMIT_MS), 'ok');
  t.equal(await at(ACT_AGE_LIMIT_MS + 1000), 'act_out_of_time');
});

t.test('a statement is its own act, from its owner or from anyone', async (t) => {
  const payload = { v: 1, iss: member.caller.account, aud: PLATFORM, openingId: OPENING, iat: 1, jweSha256: 'x' };
  const statement = await signByCertificate(sha256, member.signer, 'bid-decryption+jws', payload);
  const change = { type: 'DecryptBid', data: null, id: 'any' } as const;
  const own = accepted(await submit(statement, change));
  t.strictSame(own.act, { act: statement });
  t.equal(await answer(statement, { ...change, caller: other }), 'act_of_other_account');
  const delivered = { openingId: OPENING, act: statement, receivedAt: stage.world.now() };
  const from = await checkDeliveredStatement(stage, { ...delivered, type: 'DecryptBid' });
  t.equal(accepted(from).who.account, member.caller.account);
  t.equal(refusalOf(await checkDeliveredStatement(stage, { ...delivered, type: 'LodgeBid' })), 'act_other_type');
  t.equal(
    refusalOf(await checkDeliveredStatement(stage, { ...delivered, type: 'DecryptBid', openingId: 'lot-2' })),
    'act_other_opening',
  );
  const ordinary = await signStepUp(sha256, member.signer, termsOf(member, { type: 'DecryptBid' }));
  t.equal(await answer(ordinary, { ...change, id: 'c-1' }), 'act_statement_needed');
});

t.test('which commands need which key', async (t) => {
  const stepUp = Object.entries(SIGNED_BY)
    .filter(([, key]) => key === 'certificate')
    .map(([type]) => type);
  for (const type of [
    'LodgeBid',
    'WithdrawBid',
    'DecryptBid',
    'SignRecord',
    'RefuseRecord',
    'RaiseObjection',
    'AttestClose',
  ])
    t.ok(stepUp.includes(type), type);
  const further = ['CreateOpening', 'LetIn', 'DisableAccount', 'EnableAccount', 'AddCrl'] as const;
  const ofTrust = ['ProposeTrust', 'ConfirmTrust', 'WithdrawTrust'] as const;
  t.strictSame(
    Object.keys(SIGNED_BY).sort(),
    Object.keys({ ...COMMANDS, ...REGISTER_COMMANDS })
      .concat(further, ofTrust)
      .sort(),
  );
  for (const type of further) t.equal(SIGNED_BY[type], 'session', type);
  for (const type of ofTrust) t.equal(SIGNED_BY[type], 'certificate', type);
});

t.test('an ended session signs no more, but what was received before stands', async (t) => {
  const leaving = await logIn(stage, organisation(3));
  const act = await signAct(sha256, leaving.session, termsOf(leaving));
  const receivedAt = stage.world.now();
  stage.world.advance(10);
  await endSession(stage, leaving.caller);
  const command = { id: 'c-1', type: 'CheckIn', data: {} } as const;
  const at = async (instant: number) =>
    refusalOf(
      await checkSubmittedAct(stage, { caller: leaving.caller, openingId: OPENING, command, act, receivedAt: instant }),
    );
  t.equal(await at(receivedAt), 'ok');
  t.equal(await at(stage.world.now()), 'session_ended');
});

t.test('encryption certificates: of the same organisation, for sealing, judged anew each time', async (t) => {
  const x5cOf = (issued: Parameters<typeof signerOf>[0]) => {
    const { certificate, chain } = signerOf(issued);
    return [certificate, ...chain].map(toBase64);
  };
  const now = stage.world.now();
  const issue = (index: number, usage: 'sign' | 'encrypt') =>
    stage.ca.issue({ holder: organisation(index), usage, notAfterAt: now + 3_600_000 });
  const register = (x5c: string[]) => registerEncryptionCertificate(stage, { caller: member.caller, x5c });
  const x5c = x5cOf(await issue(1, 'encrypt'));
  const { certSha256 } = accepted(await register(x5c));
  t.equal(accepted(await register([...x5c, ...x5c.slice(1)])).certSha256, certSha256, 'again, without a word');
  t.strictSame(await listEncryptionCertificates(stage, member.caller.account), [certSha256]);
  t.equal(refusalOf(await register(x5cOf(await issue(1, 'sign')))), 'certificate_wrong_usage');
  t.equal(refusalOf(await register(x5cOf(await issue(2, 'encrypt')))), 'certificate_of_other_account');
  t.equal(refusalOf(await register(['%%%'])), 'certificate_malformed');
  t.equal(refusalOf(await register([])), 'certificate_malformed');
  const find = async (account: string, at: number) =>
    refusalOf(await findEncryptionCertificate(stage, { account, certSha256, at }));
  t.equal(await find(member.caller.account, now), 'ok');
  t.equal(await find(member.caller.account, now + 3_601_000), 'certificate_expired');
  t.equal(await find(other.caller.account, now), 'encryption_certificate_unknown');
});

t.test('every refusal has a status and a sentence in both languages', async (t) => {
  const wrong = Object.entries(IDENTITY_REFUSALS).filter(
    ([code, { status, en, zh }]) =>
      !/^[a-z][a-z0-9_]+$/.test(code) ||
      // what is full has room again: come back
      !((status >= 400 && status <= 499) || status === 503) ||
      !en.endsWith('.') ||
      !zh.endsWith('。'),
  );
  t.strictSame(wrong, []);
});
