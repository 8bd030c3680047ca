/** A session of two lots on the real server: found together, commanded in one request, each answered on its own. */
import { execFile } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { demoCreditCode, writePair } from '../../../server/cli/demo/ca.ts';
import { EXIT } from '../../../server/cli/exit.ts';
import { act, createOpening } from '../../../server/cli/person/act.ts';
import type { Person } from '../../../server/cli/person/person.ts';
import { catchUp } from '../../../server/cli/person/read-opening.ts';
import { actInSession, readSession } from '../../../server/cli/person/session-acts.ts';
import { formatInstant } from '../../../server/core/log/instant.ts';
import { PROFILES } from '../../../server/core/opening/policy.ts';
import { logIn, lookAt, makeKeyFile } from '../../browser/acting.ts';
import { visit } from '../../browser/visitor.ts';
import { openBrowser } from '../../support/browser.ts';
import t from '../../support/tap.ts';
import { terminal } from '../../support/terminal.ts';
import { MINUTE, OFFICIALS, OPENING, startPlatform } from './platform.ts';

const SESSION = { id: 'hall-1-morning', title: '上午场' };
const LOTS = ['zhangye-lot-1', 'zhangye-lot-2'] as const;
// Does nothing when the built pages are current.
await promisify(execFile)(process.execPath, ['web/build.mjs', '--missing']);
const platform = await startPlatform(t);
const browser = await openBrowser();
t.teardown(() => browser.close());
const { officials, ca, url, world } = platform;
const { host, tenderer, witness, supervisor } = officials;

const detailsOf = (lot: string, session?: typeof SESSION) => ({
  title: `道路工程 ${lot}`,
  project: { code: 'P-1', name: '道路工程' },
  lot: { code: lot, name: `标段 ${lot}` },
  tenderer: '招标人',
  agency: '代理机构',
  place: '开标一室',
  deadlineAt: formatInstant(world.now() + 60 * MINUTE),
  ...(session === undefined ? {} : { session }),
});
function draft(by: Person, openingId: string, session?: typeof SESSION) {
  return createOpening(by, {
    openingId,
    profile: 'rehearsal',
    details: detailsOf(openingId, session),
    policy: { ...PROFILES.rehearsal.defaults, checkInLeadMs: 10 * MINUTE },
    assignments: Object.entries({ host: by, tenderer, witness: by === witness ? host : witness, supervisor }).map(
      ([role, { account }]) => ({ role, account }),
    ),
  });
}

const run = terminal(world);

/** The host on the page of the session, over the tests that follow. */
const atSession = await visit(browser, { url, openingId: '' }, { expected: { problems: /status of 4/ } });
const outOfReach: string[] = [];

t.test('lots of one session are found together once they are published, and led by one host', async (t) => {
  for (const lot of LOTS) await draft(host, lot, SESSION);
  await t.rejects(readSession(host, SESSION.id), { code: 'no_such_session' }, 'drafts are nobody’s business');
  await t.rejects(draft(witness, 'zhangye-lot-9', SESSION), { code: 'session_of_another' });
  for (const lot of LOTS) await act(host, lot, { type: 'PublishOpening', role: 'host', data: {} });
  const { title, openings } = await readSession(supervisor, SESSION.id);
  t.equal(title, SESSION.title);
  t.same(
    openings.map(({ openingId, phase }) => [openingId, phase]),
    LOTS.map((lot) => [lot, 'Scheduled']),
  );
  await t.rejects(readSession(host, 'another-hall'), { code: 'no_such_session' });
});

t.test('the host acts over the lots chosen on the page of the session, and each lot answers for itself', async (t) => {
  const { page } = atSession;
  await page.goto(`${url}/sessions/${SESSION.id}`);
  await page.locator('#lots .tone-good').nth(1).waitFor();
  await logIn(atSession, await makeKeyFile(platform, OFFICIALS.host));
  await page.locator('#batch li:has-text("发布公告"):has-text("2 / 2")').waitFor();
  await lookAt(atSession, 'batch', outOfReach);
  await page.click('#batch button:text-is("发布公告")');
  await page.fill('dialog [name=text]', '请各标段准时');
  // by the keyboard: a lot taken out and put back
  await page.focus('dialog .batch-lots label:nth-of-type(2) input');
  await page.keyboard.press('Space');
  await page.locator('dialog legend:has-text("1 / 2")').waitFor();
  await page.keyboard.press('Space');
  await lookAt(atSession, 'batch-dialog', outOfReach);
  await page.click('dialog button[type=submit]');
  await page.locator('.batch-answers li[data-state=accepted] .tone-good:has-text("已写入见证日志")').nth(1).waitFor();
  for (const lot of LOTS) t.equal((await catchUp(supervisor, lot)).notices.length, 1, lot);
  await lookAt(atSession, 'batch-done', outOfReach);
});

t.test('a draft does not change its session', async (t) => {
  await draft(host, 'zhangye-lot-3');
  const data = { details: detailsOf('zhangye-lot-3', SESSION), policy: PROFILES.rehearsal.defaults };
  await t.rejects(act(host, 'zhangye-lot-3', { type: 'AmendDraft', role: 'host', data }), { code: 'session_is_fixed' });
});

t.test('one request, an act for each lot, each proven on its own log and answered on its own', async (t) => {
  const [first, second] = LOTS;
  await act(host, first, { type: 'ProposeAbort', role: 'host', data: { reason: '一标段终止' } });
  const answers = await actInSession(tenderer, SESSION.id, { type: 'ConfirmAbort', role: 'tenderer', data: {} });
  t.match(answers, [
    { openingId: first, refused: null, entries: [{ type: 'OpeningAborted', log: /zhangye-lot-1$/ }] },
    { openingId: second, refused: 'no_abort_proposed', entries: [] },
  ]);
  t.equal((await catchUp(host, first)).phase, 'Aborted');
  t.equal((await catchUp(host, second)).phase, 'Scheduled', 'what became of one says nothing of the other');
});

t.test('a lot in which an act may not be says why, and is not among those chosen', async (t) => {
  const { page } = atSession;
  await page.click('#batch li:has-text("1 / 2") button:text-is("发布公告")');
  t.match(await page.textContent('dialog .batch-blocked [data-code=opening_is_over]'), /本次开标已经结束|已/);
  await page.fill('dialog [name=text]', '通知');
  await page.uncheck('dialog .batch-lots input:enabled');
  await page.click('dialog button[type=submit]');
  t.match(await page.textContent('dialog'), /请至少选择一个标段/);
  await lookAt(atSession, 'batch-blocked', outOfReach);
  await page.keyboard.press('Escape');
  await page.click('.seat button');
  await page.locator('.log-in').waitFor();
  t.equal(await page.locator('#batch').count(), 0);
  t.strictSame(atSession.problems, []);
  t.strictSame(outOfReach, [], 'within everybody’s reach');
  await atSession.close();
});

t.test('an act for an opening outside the session, or signed for another lot, is refused for itself', async (t) => {
  await platform.publish(OPENING, 60 * MINUTE);
  const [, second] = LOTS;
  const data = { reason: '终止' };
  const signed = async (openingId: string, about = openingId) => {
    await catchUp(host, openingId);
    const keeper = await (await host.pin(openingId)).keeper();
    const headSeen = keeper?.headSeen() ?? { size: 0, root: '' };
    const id = host.session.newId();
    const jws = await host.session.sign({ openingId: about, id, type: 'ProposeAbort', data, headSeen });
    return { openingId, id, type: 'ProposeAbort', data, role: 'host', act: jws };
  };
  const commands = [await signed(OPENING), await signed(second, LOTS[0]), await signed(second)];
  const { answers } = await host.api.sendSessionCommands(SESSION.id, commands);
  t.same(
    answers.map(({ refused }) => refused),
    ['not_in_this_session', 'act_other_opening', null],
  );
  await t.rejects(host.api.sendSessionCommands('another-hall', commands), { code: 'no_such_session' });
  await t.rejects(host.api.sendSessionCommands(SESSION.id, []), { code: 'request_malformed' });
});

t.test('the session’s page: its lots by their own logs, and one chat of all of them', async (t) => {
  const [first, second] = LOTS;
  const say = { type: 'Say', role: 'host', data: { text: '请各标段 <b>保持安静</b>', to: 'all' } } as const;
  t.match(await actInSession(host, SESSION.id, say), [{ refused: 'opening_is_over' }, { refused: null }]);
  const problems: string[] = [];
  const page = await browser.newPage();
  t.teardown(() => page.close());
  page.on('console', (message) => void (message.type() === 'error' && problems.push(message.text())));
  page.on('pageerror', (error) => void problems.push(error.message));
  await page.goto(`${url}/sessions/${SESSION.id}`);
  await page.locator('#chat .chat-line').first().waitFor();
  await page.locator('#lots .tone-good').nth(1).waitFor();
  t.equal(await page.textContent('h1'), SESSION.title);
  t.match(await page.textContent('#lots'), /标段 zhangye-lot-1.*终止.*标段 zhangye-lot-2.*待开标/s);
  t.equal(await page.textContent('.chat-message .verbatim'), say.data.text);
  t.match(await page.textContent('.chat-message'), /主持人.*标段 zhangye-lot-2/);
  t.equal(await page.getAttribute(`#lots a[href="/openings/${first}"]`, 'href'), `/openings/${first}`);

  const more = { ...say, data: { ...say.data, text: 'وقت الفتح' } };
  await act(host, second, more);
  await page.locator('.chat-line', { hasText: more.data.text }).waitFor();
  t.equal(await page.locator('.chat-message').count(), 2, 'heard live');
  t.strictSame(problems, []);
  const { headers, status } = await fetch(`${url}/sessions/${SESSION.id}`, { headers: { accept: 'text/html' } });
  t.match([status, headers.get('vary'), headers.get('content-type')], [200, /accept/i, /^text\/html/]);
});

t.test('from the terminal', async (t) => {
  const keys = join(platform.folder, 'supervisor');
  await mkdir(keys);
  const holder = { creditCode: demoCreditCode(3), organisation: '发改委', name: '监督', personId: 'B1' };
  await writePair(keys, await ca.issuePair(holder));
  const as = ['--url', url, '--keys', keys];
  t.match(await run('session', SESSION.id, ...as), { code: EXIT.done, out: /上午场\n {2}zhangye-lot-1 .*Aborted\n/ });
  const order = ['--command', 'OrderAbort', '--role', 'supervisor', '--data', '{"reason":"责令终止"}'];
  const given = await run('session', SESSION.id, ...order, ...as);
  t.match(given, { code: EXIT.refused, out: /zhangye-lot-1: opening_is_over\nzhangye-lot-2: 1 entries, proven/ });
  t.equal((await run('session', SESSION.id, '--command', 'OrderAbort', '--data', '[]', ...as)).code, EXIT.usage);
});
