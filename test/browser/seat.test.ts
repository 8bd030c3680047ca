/** People who log in on the page with their own key files, and act there: host, bidder and witness, before the real server. */
import { execFile } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { extractText, getDocumentProxy } from 'unpdf';
import type { Holder, Issued, KeyKind } from '../../server/cli/demo/ca.ts';
import { outcomeOf } from '../../server/cli/person/decrypt.ts';
import { heldKeyAgent } from '../../server/cli/person/held-keys.ts';
import { lodge } from '../../server/cli/person/lodge.ts';
import { catchUp } from '../../server/cli/person/read-opening.ts';
import { judgePaper } from '../../server/cli/verify-paper.ts';
import { BROWSER_PART_BYTES } from '../../web/bid/lodging.ts';
import { heldKey, holderOf, MINUTE, OPENING, seal, startPlatform } from '../cli/person/platform.ts';
import { openBrowser } from '../support/browser.ts';
import { readDrawnCode } from '../support/drawn-code.ts';
import { newFolder } from '../support/folder.ts';
import { LOT } from '../support/roadworks.ts';
import { freePort } from '../support/server-process.ts';
import t from '../support/tap.ts';
import { startTokenAgent, type TokenAgent } from '../support/token-agent.ts';
import { doAct as act } from './acting.ts';
import { violations } from './axe.ts';
import { keyFile as keyFileIn, PASSWORDS } from './key-files.ts';
import { lookAround } from './preflight-look.ts';
import { outOfReach as reachFaults } from './reach.ts';
import { speak, type Visitor, visit } from './visitor.ts';

t.setTimeout(240_000);
// Does nothing when the built pages are current.
await promisify(execFile)(process.execPath, ['web/build.mjs', '--missing']);

const agentPort = await freePort();
const platform = await startPlatform(t, { KAIBIAO_AGENT_PORT: String(agentPort) });
const browser = await openBrowser();
t.teardown(() => browser.close());
const folder = await newFolder(t, 'key-files');
await mkdir(folder, { recursive: true });
const keyFile = (issued: Issued, name: string): Promise<string> => keyFileIn(folder, issued, name);
const signing = (holder: Holder, key: KeyKind) => platform.ca.issue({ holder, usage: 'sign', key });

const HOST: Holder = {
  creditCode: platform.officials.host.creditCode,
  organisation: '代理',
  name: '主持',
  personId: 'A1',
};
const WITNESS: Holder = {
  creditCode: platform.officials.witness.creditCode,
  organisation: '交易中心',
  name: '见证',
  personId: 'C2',
};

/** What stands in somebody's way on the views that are looked at, each with its name. */
const outOfReach: string[] = [];
/** Looks at a view: is it within everybody's reach (WCAG A and AA), and as a picture where one is wanted. */
const picture = async ({ page }: Visitor, name: string): Promise<void> => {
  for (const line of await violations(page)) outOfReach.push(`${name}: ${line}`);
  const to = process.env['SCREENSHOT_FOLDER'];
  if (to !== undefined) await page.screenshot({ path: join(to, `${name}.png`), fullPage: true });
};

async function enter(visitor: Visitor, file: string | string[], password: string): Promise<void> {
  const { page } = visitor;
  if ((await page.locator('dialog.dialog').count()) === 0) await page.click('.log-in');
  await page.setInputFiles('dialog input[type=file]', file);
  await page.fill('dialog input[type=password]', password);
  await page.click('dialog button[type=submit]');
}

/** What a link of the page saves, as text. */
async function saved({ page }: Visitor, link: string): Promise<string> {
  const [download] = await Promise.all([page.waitForEvent('download'), page.click(link)]);
  return readFile(await download.path(), 'utf8');
}

type Judge = Pick<typeof t, 'match'>;

/** Logs in with the token behind the agent: the code that its window shows, typed wrongly first. */
async function enterByToken(t: Judge, { codes, asked }: TokenAgent): Promise<void> {
  const { page } = atBidder;
  await page.click('.log-in');
  await page.check('dialog input[value=token]');
  await picture(atBidder, 'log-in-token');
  await page.click('dialog button[type=submit]');
  const code = page.locator('dialog input[name=code]');
  await code.waitFor();
  const shown = codes.at(-1) ?? '';
  await code.fill(shown === '000000' ? '000001' : '000000');
  await page.click('dialog button[type=submit]');
  await page.locator('.field-fault:has-text("配对码不正确")').waitFor();
  await picture(atBidder, 'log-in-token-code');
  await code.fill(shown);
  await page.click('dialog button[type=submit]');
  await page.locator('.seat-name').waitFor();
  t.match(asked, [{ origin, shown: { title: { en: 'Log in' } } }], 'one yes for the log-in');
}

/** As any person does; one act more stands among those sent, and no second one. */
async function doAct(visitor: Visitor, name: string, fill: Readonly<Record<string, string>> = {}): Promise<string> {
  const done = await visitor.page.locator('.sent li').count();
  const said = await act(visitor, name, fill);
  t.equal(await visitor.page.locator('.sent li').count(), done + 1);
  return said;
}

const address = { url: platform.url, openingId: OPENING };
const pair = await Promise.all(
  (['sign', 'encrypt'] as const).map((usage) => platform.ca.issue({ holder: holderOf(0), usage, key: 'p256' })),
);
const { origin } = new URL(platform.url);
const agent = await startTokenAgent(t, { issued: pair, origins: [origin], port: agentPort, world: platform.world });
// Not skipped in silence: this line says what is not tested.
if (typeof agent === 'string') process.stderr.write(`\n  !! NO BIDDER WITH A PKCS#11 TOKEN: ${agent}\n\n`);
const files = await Promise.all(pair.map((issued, n) => keyFile(issued, `bidder-${n}`)));
const bidder = await platform.enter(heldKeyAgent(pair.map(heldKey)), 'bidder');
const lodgerFiles = await Promise.all(
  (['sign', 'encrypt'] as const).map(async (usage) =>
    keyFile(await platform.ca.issue({ holder: holderOf(1), usage, key: 'rsa' }), `lodger-${usage}`),
  ),
);
// it stands before an opening that is still to be drafted
const atHost = await visit(browser, address, { expected: { problems: /status of 4|response code: 404/ } });
let atBidder = atHost;
let atWitness = atHost;
let atLodger = atHost;
let atPhone = atHost;
const hostFile = await keyFile(await signing(HOST, 'rsa'), 'host');

t.test(
  'a host drafts an opening on the page: typed text is kept, faults are said by field, and nothing is sent unread',
  async (t) => {
    const { page } = atHost;
    const { tenderer, witness, supervisor } = platform.officials;
    await page.goto(`${platform.url}/draft`);
    await page.fill('[name=title]', '道路工程 <100>');
    await page.selectOption('[name=profile]', 'rehearsal');
    await page.reload();
    t.equal(await page.inputValue('[name=title]'), '道路工程 <100>', 'kept over a reload');
    await enter(atHost, hostFile, PASSWORDS.rsa);
    await page.locator('.draft-who:has-text("主持")').waitFor();
    await page.click('.draft-end .strong');
    t.equal(await page.getAttribute('#fault-openingId', 'data-code'), 'empty');
    t.equal(await page.locator('dialog').count(), 0, 'nothing goes on with faults');
    await picture(atHost, 'draft-faults');
    const at = new Date(platform.world.now() + 20 * MINUTE + 8 * 60 * MINUTE).toISOString().slice(0, 16);
    const fills: Readonly<Record<string, string>> = {
      openingId: OPENING,
      projectCode: 'P-1',
      projectName: '道路工程',
      lotCode: LOT,
      lotName: '第一标段',
      tenderer: '招标人',
      agency: '代理机构',
      place: '开标一室',
      deadlineAt: at,
      tendererAccount: tenderer.account,
      witnessAccount: witness.account,
      supervisorAccount: supervisor.account,
      minimumBidders: '1',
      checkInLead: '10',
      decryptionWindow: '30',
      confirmation: '5',
    };
    for (const [name, value] of Object.entries(fills)) await page.fill(`[name=${name}]`, value);
    await page.click('.draft-end .strong');
    await page.locator('.who-sees').waitFor();
    t.match(await page.textContent('.who-sees'), /递交情况与密封件摘要.*公布名单起/s);
    await picture(atHost, 'draft-confirm');
    await page.click('dialog .sign');
    await page.click('.to-opening');
    await page.locator('.now-name:text-is("待编排")').waitFor();
    t.equal(
      await page.evaluate(() => localStorage.getItem('kaibiao.draft')),
      null,
      'what is on the log is kept no longer',
    );
  },
);

t.test('a draft is changed before it is published', async (t) => {
  const { page } = atHost;
  await page.goto(`${platform.url}/draft?opening=${OPENING}`);
  await page.locator('[name=title]').waitFor();
  t.equal(await page.inputValue('[name=title]'), '道路工程 <100>');
  t.ok(await page.isDisabled('[name=openingId]'));
  await page.fill('[name=title]', '道路工程');
  await enter(atHost, hostFile, PASSWORDS.rsa);
  await page.locator('.draft-who:has-text("主持")').waitFor();
  await page.click('.draft-end .strong');
  await page.click('dialog .sign');
  await page.click('.to-opening');
  await page.locator('h1 :text-is("道路工程")').waitFor();
});

t.test('a wrong password, a file of another kind, and a stranger’s key are said in words', async (t) => {
  const { page } = atHost;
  await page.locator('.now-name').waitFor();
  await enter(atHost, hostFile, 'wrong');
  await page.locator('.field-fault:has-text("密码不正确")').waitFor();
  const junk = join(folder, 'junk.p12');
  await writeFile(junk, 'junk');
  await enter(atHost, junk, 'secret');
  await page.locator('.field-fault:has-text("不是本页能读取的证书文件")').waitFor();
  await picture(atHost, 'log-in');
  t.equal(await page.locator('.seat-name').count(), 0);
  await page.keyboard.press('Escape');
  await page.locator('dialog').waitFor({ state: 'detached' });
  t.pass('Escape closes it');
});

t.test(
  'the host logs in with an RSA key and publishes; what was done is shown when the page has verified it',
  async (t) => {
    const { page } = atHost;
    await enter(atHost, hostFile, PASSWORDS.rsa);
    await page.locator('.seat-name:text-is("主持")').waitFor();
    await page.locator('.blocked summary').click();
    t.match(await page.textContent('.blocked [data-code=not_published_yet]'), /本次开标尚未发布/);
    t.match(await doAct(atHost, '发布开标安排'), /已写入见证日志第 [0-9]+ 条，并已在本页核验/);
    t.equal(await atHost.phase(), '待开标');
    await picture(atHost, 'host-scheduled');
  },
);

t.test('the lobby lists the opening with the time that is left, and leads into it', async (t) => {
  const lobby = await visit(browser, address);
  await lobby.page.goto(`${platform.url}/`);
  await lobby.page.locator('#coming a').waitFor();
  t.match(await lobby.page.textContent('.now-clock'), /距开标\s*(00:)?[01][0-9]:[0-9]{2}/);
  await picture(lobby, 'lobby');
  await lobby.page.fill('#search', 'nothing of that name');
  t.match(await lobby.page.textContent('#coming'), /目前没有即将开标的项目/);
  await lobby.page.fill('#search', OPENING);
  await lobby.page.click('#coming a');
  await lobby.page.locator('.now-name').waitFor();
  t.equal(new URL(lobby.page.url()).pathname, `/openings/${OPENING}`);
  t.strictSame(lobby.problems, []);
  await lobby.close();
});

t.test('the pre-flight says what is red and why, and is ready when it is mended', async (t) => {
  const visitor = await visit(browser, address);
  await lookAround(t, {
    page: visitor.page,
    ...address,
    files: lodgerFiles,
    password: PASSWORDS.rsa,
    now: platform.world.now,
    picture: (name) => picture(visitor, name),
  });
  t.strictSame(visitor.problems, []);
  await visitor.close();
});

t.test(
  'a bidder seals and lodges by clicks: a cut line and a reload in the middle of the upload lose nothing',
  async (t) => {
    atLodger = await visit(browser, address, { expected: { problems: /ERR_CONNECTION_RESET|status of 4/ } });
    const { page } = atLodger;
    await enter(atLodger, lodgerFiles, PASSWORDS.rsa);
    await page.locator('#bid button:text-is("加密并递交")').click();
    await page.click('dialog button[type=submit]');
    await page.locator('dialog .field-fault:has-text("请检查此项")').waitFor();
    await page.fill('dialog [name=amount]', '12,350,000.00');
    await page.fill('dialog [name=duration]', '180天');
    await page.click('dialog button[type=submit]');
    await page.locator('dialog .field-fault:has-text("请选择投标文件")').waitFor();
    const document = join(folder, '技术标.bin');
    await writeFile(document, Buffer.alloc(3 * BROWSER_PART_BYTES, 7));
    await page.setInputFiles('dialog [name=documents]', document);
    await picture(atLodger, 'seal-form');
    await page.click('dialog button[type=submit]');
    await page.locator('.bid-progress[data-state=sealed]').waitFor();
    await picture(atLodger, 'sealed');
    const send = page.locator('.bid-progress button:text-is("发送给平台")');
    t.ok(await send.isDisabled(), 'not before the file to keep was saved');
    const kept = JSON.parse(await saved(atLodger, '.bid-progress a[download^=bid-]'));
    t.match(kept, { receipt: null, statement: /^[\w-]+\.[\w-]+\.[\w-]+$/, logVkey: /^kaibiao\.test/ });

    let parts = 0;
    await page.route('**/bids/uploads/*', async (route) => {
      if (route.request().method() === 'PATCH') parts += 1;
      // the first part arrives, then the line is dead
      await (parts > 1 ? route.abort('connectionreset') : route.continue());
    });
    await page.check('.bid-progress input[type=checkbox]');
    await send.click();
    await page.locator('.bid-progress[data-state=sending] :text("已发送 33%")').waitFor();
    await picture(atLodger, 'sending');
    await page.reload();
    await page.unroute('**/bids/uploads/*');
    const asked: string[] = [];
    page.on('request', (request) => {
      if (request.method() === 'PATCH') asked.push(request.headers()['upload-offset'] ?? '');
    });
    await enter(atLodger, lodgerFiles, PASSWORDS.rsa);
    // whoever has lodged nothing yet holds no socket, by which the platform would know that the first page is gone
    const takeOver = page.locator('dialog button:text-is("接管")');
    await takeOver.or(page.locator('.seat-name')).first().waitFor();
    if (await takeOver.isVisible()) await takeOver.click();
    await page.locator('.kept-bid[data-status=lodged], .bid-progress[data-state=lodged]').first().waitFor();
    t.strictSame(asked, [BROWSER_PART_BYTES, 2 * BROWSER_PART_BYTES, 3 * BROWSER_PART_BYTES].map(String));
    await page.click('.bid-progress button:text-is("关闭")');
    t.match(await page.textContent('.kept-bid'), /平台已签收，有回执.*平台签收时间/s);
    // a link comes when there is something behind it
    await page.locator('.kept-bid a[download^=receipt-]').waitFor();
    await page.locator('.seat:has-text("投标人")').waitFor();
    await picture(atLodger, 'lodged');
  },
);

t.test('a bidder rehearses with the real key, and is told plainly when it is the wrong one', async (t) => {
  const { page } = atLodger;
  await page.locator('.rehearsal button').click();
  await page.locator('.rehearsal[data-result=good]').waitFor();
  t.match(await page.textContent('.rehearsal'), /私钥可用/);
  await page.locator('.sent li[data-state=accepted]:has-text("演练解密")').waitFor();
  // renewed since: another pair of the same bidder's
  const renewed = await Promise.all(
    (['sign', 'encrypt'] as const).map(async (usage) =>
      keyFile(await platform.ca.issue({ holder: holderOf(1), usage, key: 'rsa' }), `renewed-${usage}`),
    ),
  );
  await page.click('.seat button');
  await enter(atLodger, renewed, PASSWORDS.rsa);
  await page.locator('.rehearsal button').click();
  await page.locator('.rehearsal[data-result=other]').waitFor();
  t.match(await page.textContent('.rehearsal'), /证书不对：已递交的投标是为另一张证书加密的/);
  await picture(atLodger, 'rehearsed-other');
  await page.click('.seat button');
  await enter(atLodger, lodgerFiles, PASSWORDS.rsa);
  await page.locator('.seat:has-text("投标人")').waitFor();
});

t.test(
  'a bidder who lodged by the command line logs in with a P-256 key of a Chinese password, and checks in',
  async (t) => {
    atBidder = await visit(browser, address, {
      expected: { problems: /status of 4/, ...(typeof agent !== 'string' && { elsewhere: agent.url }) },
    });
    await lodge(bidder, OPENING, { envelope: await seal(platform, bidder, '12680000.00') });
    const { page } = atBidder;
    await enter(atBidder, files[0] ?? '', PASSWORDS.other);
    await page.locator('.seat:has-text("投标人")').waitFor();
    t.equal(await page.locator('#mine button:text-is("签到")').count(), 0, 'not before its time');
    await page.locator('.rehearsal button').click();
    await page.locator('.rehearsal[data-result=missing]:has-text("没有打开在有效期内的加密证书")').waitFor();
    await platform.passUntil(OPENING, 'CheckIn');
    t.match(await doAct(atBidder, '签到'), /平台已签收/);
    const receipt = await saved(atBidder, '.sent a[download]');
    t.match(receipt, /^[\w-]+\.[\w-]+\.[\w-]+\s*$/);
    await picture(atBidder, 'bidder-check-in');
    await platform.passUntil(OPENING, 'Sealed');
  },
);

t.test('the host runs the opening by its buttons, of which only lawful ones are there', async (t) => {
  const { page } = atHost;
  await page.locator('#mine button:text-is("公布投标人名单")').waitFor();
  t.equal(await page.locator('#mine button:text-is("唱标")').count(), 0);
  await doAct(atHost, '公布投标人名单');
  await doAct(atHost, '开启解密时限');
  await page.locator('#mine .exceptional summary').click();
  await page.click('#mine button:text-is("延长解密时限")');
  await page.fill('dialog [name=extraMs]', '0');
  await page.click('dialog button[type=submit]');
  t.match(await page.textContent('dialog'), /请填写 1 至 120 的整数.*请填写/s, 'nothing is sent that is not filled in');
  await picture(atHost, 'host-extend');
  await page.keyboard.press('Escape');
});

t.test(
  'the bidder decrypts on the page: a file of another kind and a wrong key are said, the right one opens the bid',
  async (t) => {
    const { page } = atBidder;
    const [kept] = await bidder.folder.bids(OPENING);
    const bidFile = join(folder, 'kept-bid.json');
    await writeFile(bidFile, JSON.stringify(kept));
    t.match(await doAct(atBidder, '解密投标文件', { bidFile: files[0] ?? '' }), /不是递交时保存的凭据文件/);
    t.match(
      await doAct(atBidder, '解密投标文件', { bidFile }),
      /信封是为另一张证书加密的/,
      'the signing key alone does not unwrap',
    );
    await page.click('.seat button');
    await page.locator('.log-in').waitFor();
    if (typeof agent === 'string') await enter(atBidder, files, PASSWORDS.other);
    else await enterByToken(t, agent);
    await page.locator('.seat:has-text("投标人")').waitFor();
    if (typeof agent !== 'string') {
      agent.answer(false);
      t.match(await doAct(atBidder, '解密投标文件', { bidFile }), /已在代理中拒绝/, 'nothing without a yes');
      agent.answer(true);
    }
    t.match(await doAct(atBidder, '解密投标文件', { bidFile }), /已写入见证日志/);
    if (typeof agent !== 'string')
      t.match(
        agent.asked.slice(-2).map(({ shown }) => shown.title.en),
        ['Decrypt a bid', 'Hand in the key of a bid'],
        'both uses of the token were asked for',
      );
    await page.locator('.tile.tone-good').waitFor();
    t.match(await outcomeOf(bidder, OPENING), { outcome: 'decrypted' });
  },
);

/** What the phone is asked now: its title, the digits, and one line of it by name. */
async function askedOnPhone(row: string): Promise<{ title: string; digits: string; row: string }> {
  const { page } = atPhone;
  await page.locator('main[data-state=asked]').waitFor();
  return {
    title: (await page.textContent('.asked h1')) ?? '',
    digits: (await page.textContent('.asked .code-digits')) ?? '',
    row: (await page.textContent(`.asked [data-row=${row}]`)) ?? '',
  };
}

t.test(
  'a bidder whose key is on the phone scans the code, compares the digits, and logs in; a second phone is refused on all three screens',
  async (t) => {
    const { page } = atLodger;
    await page.click('.seat button');
    await page.click('.log-in');
    await page.check('dialog input[value=phone]');
    await picture(atLodger, 'log-in-phone');
    await page.click('dialog button[type=submit]');
    const drawn = await page.locator('dialog .scan-dark').getAttribute('d');
    await picture(atLodger, 'log-in-phone-code');
    const side = Number((await page.locator('dialog .scan-code').getAttribute('viewBox'))?.split(' ')[2]);
    const modules = Array.from({ length: side }, () => Array.from({ length: side }, () => false));
    for (const [, x, y] of (drawn ?? '').matchAll(/M([0-9]+) ([0-9]+)h1v1h-1z/g)) {
      const row = modules[Number(y)];
      if (row !== undefined) row[Number(x)] = true;
    }
    const scanned = new URL(readDrawnCode(modules));
    t.equal(scanned.origin, origin);
    const phone = { viewport: { width: 390, height: 844 }, path: scanned.pathname + scanned.hash };
    atPhone = await visit(browser, address, phone);
    await atPhone.page.locator('main[data-state=comparing]').waitFor();
    t.equal(atPhone.page.url(), `${platform.url}/phone`, 'the secret stands in no address any more');
    const digits = await page.locator('dialog .code-digits').textContent();
    t.match(digits, /^[0-9]{3} [0-9]{3}$/);
    t.equal(await atPhone.page.textContent('.code-digits'), digits);
    const second = await visit(browser, address, { ...phone, expected: { problems: /status of 409/ } });
    await second.page.locator('main[data-state=ended]:has-text("已有另一部手机")').waitFor();
    await picture(second, 'phone-second');
    t.strictSame(second.problems, []);
    await second.close();
    for (const screen of [page.locator('dialog [role=alert]'), atPhone.page.locator('[role=alert]')])
      await screen.filter({ hasText: '另有手机试图扫描' }).first().waitFor();
    await picture(atLodger, 'log-in-phone-compare');
    await picture(atPhone, 'phone-compare');
    await atPhone.page.click('button:text-is("一致")');
    await page.locator('dialog .pairing[data-state=opened]').waitFor();
    await atPhone.page.setInputFiles('input[type=file]', lodgerFiles);
    await atPhone.page.fill('input[type=password]', 'wrong');
    await atPhone.page.click('button[type=submit]');
    await atPhone.page.locator('.field-fault:has-text("密码不正确")').waitFor();
    await picture(atPhone, 'phone-key');
    await atPhone.page.fill('input[type=password]', PASSWORDS.rsa);
    await atPhone.page.click('button[type=submit]');
    const asked = await askedOnPhone('page');
    t.match(asked, { title: /登录/, row: origin });
    await page.locator(`.agent-asks:has-text("${asked.digits}")`).waitFor();
    await picture(atLodger, 'log-in-phone-asked');
    await picture(atPhone, 'phone-asked-login');
    await atPhone.page.click('button:text-is("确认")');
    await page.locator('.seat:has-text("投标人")').waitFor();
  },
);

t.test(
  'who lodged from this browser decrypts without being asked for a file, when the phone agrees to both uses',
  async (t) => {
    const { page } = atLodger;
    const decrypting = doAct(atLodger, '解密投标文件');
    for (const title of [/解密投标文件/, /提交投标文件解密结果/]) {
      t.match(await askedOnPhone('opening'), { title, row: OPENING });
      if (title.test('解密投标文件')) await picture(atPhone, 'phone-asked-decrypt');
      await atPhone.page.click('button:text-is("确认")');
      await atPhone.page.locator('main[data-state=waiting], main[data-state=asked] .agree:disabled').first().waitFor();
    }
    t.match(await decrypting, /已写入见证日志/);
    await page.locator('.tile.tone-good').nth(1).waitFor();
  },
);

t.test('the host announces', async (t) => {
  await doAct(atHost, '提前结束解密时限');
  const { page } = atHost;
  await page.locator('#mine button:text-is("唱标")').waitFor();
  await doAct(atHost, '唱标');
  t.match(await page.textContent('#prices'), /12,680,000\.00/);
  t.match(await page.textContent('#prices'), /12,350,000\.00/, 'the price that was sealed in the browser');
  await page.click('#reader button');
  await page.locator('.reader').waitFor();
  t.match(
    await page.textContent('.reader-row'),
    /1 号.*(12,350,000\.00.*壹仟贰佰叁拾伍万元整|12,680,000\.00.*壹仟贰佰陆拾捌万元整)/s,
  );
  await picture(atHost, 'host-reader');
  await page.keyboard.press('Escape');
  await page.locator('.reader').waitFor({ state: 'detached' });
  await doAct(atHost, '生成开标记录', { note: '' });
  await picture(atHost, 'host-record');
});

t.test('the bidder objects and signs the record on the page, with the key of the certificate', async (t) => {
  const words = '唱标 <100> 有误';
  t.match(await doAct(atBidder, '提出异议', { text: words }), /已写入见证日志/);
  await doAct(atHost, '答复', { text: '以开标一览表为准' });
  await atBidder.page.locator('#objections >> text=以开标一览表为准').waitFor();
  const complaint = atBidder.page.locator('#rights [data-right=complain]');
  await complaint.waitFor();
  t.match(await complaint.textContent(), /就异议 1 投诉.*条例第六十条.*向行政监督部门提出.*截至 2026.*还剩 (9|10) 天/s);
  const happened = (await atBidder.page.textContent('#rights .case')) ?? '';
  t.match(happened, /投标人解密成功.*20号令第三十条.*唱标.*招标投标法第三十六条.*提出异议 1.*条例第四十四条.*已答复/s);
  await atBidder.page.locator('#rights .case summary').last().focus();
  await atBidder.page.keyboard.press('Enter');
  t.match(await atBidder.page.textContent('#rights .case .exact'), /"type":"ObjectionAnswered"/, 'the entry itself');
  t.equal(
    await atLodger.page.locator('#rights [data-right=complain]').count(),
    0,
    'another’s objection is not one’s own',
  );
  await picture(atBidder, 'bidder-rights');
  await atBidder.page.setViewportSize({ width: 390, height: 844 });
  await speak(atBidder.page, 'en');
  t.match(await complaint.textContent(), /Regulations 60.*To the supervising authority/s);
  t.equal(await atBidder.page.evaluate(() => document.documentElement.scrollWidth), 390);
  await picture(atBidder, 'bidder-rights-phone');
  await speak(atBidder.page, 'zh-CN');
  await atBidder.page.setViewportSize({ width: 1366, height: 768 });
  t.match(await atBidder.page.textContent('#objections'), /唱标 <100> 有误/);
  await doAct(atHost, '生成开标记录', { note: '含异议及答复' });
  await atBidder.page.locator('#record >> text=第 2 版').waitFor();
  t.match(await doAct(atBidder, '确认开标记录'), /已写入见证日志/);
  t.equal(await atBidder.page.locator('#mine button:text-is("确认开标记录")').count(), 0, 'once is enough');
  const declined = doAct(atLodger, '确认开标记录');
  t.match(await askedOnPhone('command'), { title: /签署操作/, row: '确认开标记录 (SignRecord)' });
  t.strictSame(await reachFaults(atPhone.page, 'phone'), [], 'what is asked on the phone, within everybody’s reach');
  await atPhone.page.click('button:text-is("拒绝")');
  t.match(await declined, /已在手机上拒绝/, 'nothing without a thumb');
  await atLodger.page.locator('#mine button:text-is("确认开标记录")').waitFor();
  const signed = doAct(atLodger, '确认开标记录');
  await askedOnPhone('digest');
  await atPhone.page.click('button:text-is("确认")');
  t.match(await signed, /已写入见证日志/);
  await speak(atPhone.page, 'en');
  t.match(await atPhone.page.textContent('.done'), /agreed.*not agreed.*agreed/s);
  await picture(atPhone, 'phone-waiting-en');
  await picture(atBidder, 'bidder-signed');
  const paper = await fetch(`${platform.url}/openings/${OPENING}/record.pdf`);
  t.match([paper.status, paper.headers.get('content-type')], [200, 'application/pdf']);
  const bytes = new Uint8Array(await paper.arrayBuffer());
  t.match(await judgePaper(Uint8Array.from(bytes)), {
    ok: true,
    statement: { mark: { openingId: OPENING, version: 2 } },
  });
  const { text } = await extractText(await getDocumentProxy(bytes), { mergePages: true });
  t.match(text, `${OPENING}/2`, 'the version that stands');
  t.match(text, '12680000.00');
});

t.test('the witness attests, and the opening is closed', async (t) => {
  atWitness = await visit(browser, address);
  await enter(atWitness, await keyFile(await signing(WITNESS, 'p256'), 'witness'), PASSWORDS.other);
  await atWitness.page.locator('.seat:has-text("见证人员")').waitFor();
  await doAct(atHost, '提出结束开标');
  await atWitness.page.locator('#mine button:text-is("见证并结束开标")').waitFor();
  t.match(await doAct(atWitness, '见证并结束开标'), /已写入见证日志/);
  t.equal((await catchUp(platform.officials.host, OPENING)).phase, 'Closed');
  t.match(await doAct(atHost, '移交评标'), /已写入见证日志/);
  t.equal(await atHost.phase(), '移交评标');
  await picture(atWitness, 'witness-closed');
});

t.test('the same certificate on a second page is told, takes over, and the first page looks on', async (t) => {
  const second = await visit(browser, address, { expected: { problems: /status of 4/ } });
  await enter(second, files[0] ?? '', PASSWORDS.other);
  const question = second.page.locator('dialog:has-text("您已在另一页面登录")');
  await question.waitFor();
  await picture(second, 'take-over');
  await question.locator('button:text-is("取消")').click();
  await second.page.locator('.field-fault:has-text("未接管")').waitFor();
  t.equal(await atBidder.page.locator('.seat-name').count(), 1, 'the first goes on');
  await enter(second, files[0] ?? '', PASSWORDS.other);
  await question.locator('button:text-is("接管")').click();
  await second.page.locator('.seat-name').waitFor();
  await atBidder.page.locator('.bar:has-text("已由另一页面或设备接管")').waitFor();
  t.equal(await atBidder.page.locator('#mine').count(), 0);
  await picture(atBidder, 'seat-lost');
  // whoever closes a page leaves its seat: nobody is asked
  await second.close();
  await enter(atBidder, files[0] ?? '', PASSWORDS.other);
  await atBidder.page.locator('.seat-name').waitFor();
  t.equal(await atBidder.page.locator('.bar:has-text("接管")').count(), 0);
});

t.test('who logs out is the public again, and the key is gone', async (t) => {
  await atBidder.page.click('.seat button');
  await atBidder.page.locator('.log-in').waitFor();
  t.equal(await atBidder.page.locator('#mine').count(), 0);
  await atLodger.page.click('.seat button');
  await atPhone.page.locator('main[data-state=ended]').waitFor();
  for (const visitor of [atHost, atBidder, atWitness, atLodger, atPhone]) {
    t.strictSame(visitor.problems, []);
    await visitor.close();
  }
});

t.test('every view on the way was within everybody’s reach', async (t) => {
  t.strictSame(outOfReach, []);
});
