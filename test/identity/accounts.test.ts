/** Shutting accounts and opening them again: who may, what ends with it, and that an operator is always left. */
import { changeAccount, createOfficial, isOperator, mayChangeAccount } from '../../server/identity/accounts.ts';
import { findSession } from '../../server/identity/login.ts';
import t from '../support/tap.ts';
import { accepted, accountOf, enterOfficials, logIn, organisation, person, refusalOf, setStage } from './stage.ts';

const stage = await setStage(t);
const official = person(1, 'H-1');
const { operator } = await enterOfficials(stage, official);
const change = async (change: 'disable' | 'enable', account: string, by = operator) =>
  refusalOf(await changeAccount(stage, { by, account, change }));

t.test('every session of the account ends, and others go on', async (t) => {
  const [one, two] = [await logIn(stage, organisation(10), 'p256'), await logIn(stage, organisation(10), 'p256')];
  const other = await logIn(stage, organisation(11), 'p256');
  const standing = async ({ caller }: typeof one) => refusalOf(await stage.checkStanding(caller, stage.world.now()));
  t.strictSame(await Promise.all([one, two, other].map(standing)), ['ok', 'ok', 'ok']);
  t.equal(await change('disable', one.account), 'ok');
  t.strictSame(await Promise.all([one, two, other].map(standing)), ['account_disabled', 'account_disabled', 'ok']);
  t.equal(await change('disable', one.account), 'account_disabled');
  t.equal(await change('enable', one.account), 'ok');
  t.strictSame(await Promise.all([one, two].map(standing)), ['session_ended', 'session_ended'], 'it logs in anew');
  t.equal(await change('enable', one.account), 'account_not_disabled');
  const again = await logIn(stage, organisation(10), 'p256');
  t.equal(await standing(again), 'ok');
  const { sessionId } = again.caller;
  const asOther = { account: other.account, sessionId };
  t.equal(refusalOf(await stage.checkStanding(asOther, stage.world.now())), 'session_ended', 'of another account');
  const { endsAt } = accepted(await findSession(stage, { sessionId, at: stage.world.now() })).session;
  t.equal(refusalOf(await stage.checkStanding(again.caller, endsAt - 1)), 'ok');
  t.equal(refusalOf(await stage.checkStanding(again.caller, endsAt)), 'session_ended');
  t.equal(refusalOf(await stage.checkStanding({ account: 'nobody', sessionId }, 0)), 'account_disabled');
});

t.test('nobody but an operator', async (t) => {
  t.equal(await change('disable', organisation(11).creditCode, accountOf(official)), 'not_operator');
  t.equal(await change('disable', organisation(11).creditCode, 'nobody'), 'not_operator');
  t.equal(await change('disable', 'nobody'), 'account_unknown');
});

t.test('of two operators who shut each other at one moment, one is left', async (t) => {
  for (let round = 0; round < 5; round++) {
    const second = person(20 + round, `OP-${round}`);
    const account = accountOf(second);
    const standing = (await isOperator(stage, operator)) ? operator : t.fail('no operator');
    if (typeof standing !== 'string') return;
    accepted(await createOfficial(stage, { by: standing, subject: { ...second, account }, kind: 'operator' }));
    const answers = await Promise.all([change('disable', account, standing), change('disable', standing, account)]);
    t.equal(answers.filter((answer) => answer === 'ok').length, 1, answers.join());
    const left = (await isOperator(stage, standing)) ? standing : account;
    t.ok(await isOperator(stage, left));
    t.equal(refusalOf(await mayChangeAccount(stage, { by: left, account: left, change: 'disable' })), 'last_operator');
    if (left !== standing) {
      t.equal(await change('enable', standing, left), 'ok');
      t.equal(await change('disable', left, standing), 'ok');
    }
  }
});
