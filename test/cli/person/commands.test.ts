/** A whole opening from the terminal: each person's subcommands on the real server, with what they print and how they end. */
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { demoCreditCode, exportPkcs12, writePair } from '../../../server/cli/demo/ca.ts';
import { EXIT } from '../../../server/cli/exit.ts';
import { nodeTools } from '../../../server/cli/verify-log.ts';
import { fromBase64Url, toBase64Url } from '../../../server/core/log/base64.ts';
import { fromUtf8, utf8 } from '../../../server/core/log/utf8.ts';
import { PROFILES } from '../../../server/core/opening/policy.ts';
import { STAPLES_LIMIT } from '../../../server/http/schemas.ts';
import { packageRoot } from '../../../server/root.ts';
import type { ReceiptFile } from '../../../server/verify/receipt-file.ts';
import { RECEIPT_REASONS, type ReceiptReason } from '../../../server/verify/words.ts';
import { receiptVerdict } from '../../../web/verify/items.ts';
import { judgeGiven } from '../../../web/verify/judge-given.ts';
import { testCa } from '../../support/ca.ts';
import { cosignerBench } from '../../support/cosigning.ts';
import { reportStub } from '../../support/report-stub.ts';
import { roadworks } from '../../support/roadworks.ts';
import t from '../../support/tap.ts';
import { terminal } from '../../support/terminal.ts';
import { command, holderOf, listOf, MINUTE, OPENING, startPlatform } from './platform.ts';

const platform = await startPlatform(t);
const { world, officials, ca, url } = platform;
const file = (name: string) => join(platform.folder, name);

/** Runs the command line as somebody: with the keys of a folder, or as the arguments say. */
const run = terminal(world, 'secret');
const as = (name: string) => ['--url', url, '--keys', file(name)];
const done = { code: EXIT.done, err: '' };

const host = { creditCode: demoCreditCode(1), organisation: '代理', name: '张主持', personId: 'A9' };
for (const [name, holder] of [
  ['host', host],
  ['bidder', holderOf(0)],
  ['second', holderOf(1)],
] as const)
  await writePair(file(name), await ca.issuePair(holder));

t.test('an operator lets the host in, who drafts and publishes', async (t) => {
  const keys = await ca.issue({
    holder: { creditCode: demoCreditCode(0), organisation: '交易中心', name: '管理员', personId: 'C1' },
    usage: 'sign',
  });
  // The operator of this platform, with a certificate of today: the account is the person's, not the key's.
  await mkdir(file('operator'));
  await writeFile(join(file('operator'), 'sign.crt'), keys.certificatePem + keys.chainPem);
  await writeFile(join(file('operator'), 'sign.key'), keys.privateKeyPem);
  const letIn = await run('let-in', join(file('host'), 'sign.crt'), ...as('operator'));
  t.match(letIn, { ...done, out: /张主持, 代理/ });
  t.match(await run('login', ...as('host')), { ...done, out: /at kaibiao\.test/ });

  const { tenderer, witness, supervisor } = officials;
  const assignments = [
    { account: `${host.creditCode}/A9`, role: 'host' },
    { account: tenderer.account, role: 'tenderer' },
    { account: witness.account, role: 'witness' },
    { account: supervisor.account, role: 'supervisor' },
  ];
  const details = roadworks(world.now() + 15 * MINUTE);
  const policy = { ...PROFILES.rehearsal.defaults, minimumBidders: 1, checkInLeadMs: 10 * MINUTE };
  const draft = { openingId: OPENING, profile: 'rehearsal', details, policy, assignments };
  await writeFile(file('opening.json'), JSON.stringify(draft));
  t.match(await run('create', file('opening.json'), ...as('host')), { ...done, out: /entry 0 OpeningCreated/ });
  const again = await run('create', file('opening.json'), ...as('host'));
  t.match(again, { code: EXIT.refused, err: /^opening_exists\n/ });
  const published = await run('act', OPENING, 'PublishOpening', '--role', 'host', ...as('host'));
  t.match(published, { ...done, out: /entry 1 OpeningPublished/ });
  const monitor = await reportStub(t);
  const status = await run('status', OPENING, '--report', monitor.url, ...as('bidder'));
  t.match(status, { ...done, out: /Scheduled[\s\S]*verified to entry 1[\s\S]*reported, and known there/ });
  t.match(
    monitor.notes,
    [/^kaibiao\.test\/opening\/.*\n2\n/, /^kaibiao\.test\/ledger\n/],
    'of both logs the newest head',
  );
  monitor.say('other');
  const waited = await run('wait', OPENING, '--phase', 'Scheduled', '--report', monitor.url, ...as('bidder'));
  t.match(waited, { ...done, err: /claims another history and proves none/ }, 'its bare word accuses nobody');
  t.match(await run('status', OPENING, '--report', 'x', ...as('bidder')), { code: EXIT.usage });
});

t.test('two operators believe another CA, alter it and end it; one alone does not', async (t) => {
  const other = await testCa({ name: 'Other', at: world.now(), key: 'p256' });
  await writeFile(file('other.pem'), other.rootPem);
  const second = { creditCode: demoCreditCode(0), organisation: '交易中心', name: '另一管理员', personId: 'C7' };
  const keys = await ca.issue({ holder: second, usage: 'sign', key: 'p256' });
  await mkdir(file('operator2'));
  await writeFile(join(file('operator2'), 'sign.crt'), keys.certificatePem + keys.chainPem);
  await writeFile(join(file('operator2'), 'sign.key'), keys.privateKeyPem);
  t.match(await run('let-in', join(file('operator2'), 'sign.crt'), '--operator', ...as('operator')), done);

  const terms = ['--label', 'Other', '--revocation', 'when_known', '--reason', '接入'];
  t.match(await run('trust', 'add', file('other.pem'), '--label', 'x', ...as('operator')), { code: EXIT.usage });
  const wrong = await run('trust', 'add', file('other.pem'), ...terms, '--purposes', 'seal', ...as('operator'));
  t.match(wrong, { code: EXIT.usage, err: /Purposes are/ });
  t.match(await run('trust', 'confirm', '1', ...as('operator2')), { code: EXIT.usage, err: /--sha256 is needed/ });

  /** Proposes by the one, confirms by the other. */
  async function both(...step: string[]): Promise<void> {
    const proposed = await run('trust', ...step, ...as('operator'));
    t.match(proposed, { ...done, out: /^proposal [0-9]+: another operator confirms it with --sha256/ });
    const [, number = '', digest = ''] = /^proposal ([0-9]+): .* --sha256 (\S+)/.exec(proposed.out) ?? [];
    const alone = await run('trust', 'confirm', number, '--sha256', digest, ...as('operator'));
    t.match(alone, { code: EXIT.refused, err: /^second_person_required\n/ });
    const other = await run('trust', 'confirm', number, '--sha256', 'A'.repeat(43), ...as('operator2'));
    t.match(other, { code: EXIT.refused, err: /^answer_not_as_asked\n/ });
    t.match(await run('trust', 'list', ...as('operator2')), {
      ...done,
      out: new RegExp(`proposal ${number} open.*${digest}`),
    });
    t.match(await run('trust', 'confirm', number, '--sha256', digest, ...as('operator2')), {
      ...done,
      out: /confirmed/,
    });
  }
  await both('add', file('other.pem'), ...terms);
  const listed = await run('trust', 'list', ...as('operator'));
  t.match(listed, { ...done, out: /Other: sign,encrypt; revocation when_known; .* – no end/ });
  const [, certSha256 = ''] = /^(\S+) Other:/m.exec(listed.out) ?? [];
  await both('alter', certSha256, '--revocation', 'required', '--purposes', 'sign', '--reason', '收紧');
  const altered = await run('trust', 'list', ...as('operator'));
  t.match(altered.out, /Other: sign; revocation required; .* – no end/);
  const lists = other.issueCrls({
    number: 1,
    thisUpdateAt: world.now() - 1_000,
    nextUpdateAt: world.now() + 60 * MINUTE,
  });
  await writeFile(file('root.crl'), lists.root);
  const pem = `-----BEGIN X509 CRL-----\n${Buffer.from(lists.intermediate).toString('base64')}\n-----END X509 CRL-----\n`;
  await writeFile(file('other.crl'), pem);
  for (const name of ['root.crl', 'other.crl'])
    t.match(await run('crl', file(name), ...as('operator')), { ...done, out: /^\S{43}: 0 revoked/ });
  t.match(await run('crl', file('other.crl'), ...as('operator')), { code: EXIT.refused, err: /^crl_exists\n/ });
  await both('end', certSha256, '--reason', '终止');
  t.match((await run('trust', 'list', ...as('operator'))).out, /Other: sign; revocation required; .* – 20/);
  const back = await run('trust', 'end', certSha256, '--reason', '再次', ...as('operator'));
  t.match(back, { code: EXIT.refused, err: /^anchor_unknown\n/ });
  const taken = await run('trust', 'add', file('other.pem'), ...terms, ...as('operator'));
  const [, number = ''] = /^proposal ([0-9]+)/.exec(taken.out) ?? [];
  t.match(await run('trust', 'withdraw', number, '--reason', '有误', ...as('operator2')), {
    ...done,
    out: /withdrawn/,
  });
  t.match(await run('trust', 'sell', ...as('operator')), { code: EXIT.usage, err: /It takes one of list, add/ });
});

t.test('OCSP responses go with a login, as many as may, and one that cannot be read says nothing', async (t) => {
  await writeFile(file('junk.ocsp'), 'no response');
  const stapled = (count: number) => Array.from({ length: count }).flatMap(() => ['--ocsp', file('junk.ocsp')]);
  t.match(await run('login', ...as('host'), ...stapled(STAPLES_LIMIT)), { ...done, out: /at kaibiao\.test/ });
  const more = await run('login', ...as('host'), ...stapled(STAPLES_LIMIT + 1));
  t.match(more, { code: EXIT.refused, err: /^request_malformed\n[\s\S]*more than 4 items/ }, 'so they were sent');
});

t.test('the commands of the guide to CAs, word for word', async (t) => {
  const guide = await readFile(join(packageRoot, 'server/identity/CAS.md'), 'utf8');
  const blocks = [...guide.matchAll(/```(\w+) ?(\w*)\n([\s\S]*?)```/g)].map(([, kind, name, text]) => ({
    kind,
    name,
    text,
  }));
  const fresh = await testCa({ name: 'Guide', at: world.now(), key: 'p256' });
  await writeFile(file('new-ca.pem'), fresh.rootPem);
  await writeFile(file('rule.json'), blocks.find(({ name }) => name === 'rule')?.text ?? '');
  const { root } = fresh.issueCrls({
    number: 1,
    thisUpdateAt: world.now() - 1_000,
    nextUpdateAt: world.now() + 60 * MINUTE,
  });
  await writeFile(file('ca.crl'), root);
  const known: Record<string, string> = {};
  const words = (line: string) =>
    [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain = '']) => {
      if (quoted !== undefined) return quoted;
      if (plain === 'https://kb.example') return url;
      if (plain.startsWith('./')) return file(plain.slice(2));
      return known[plain] ?? plain;
    });
  const lines = blocks.filter(({ kind }) => kind === 'sh').flatMap(({ text = '' }) => text.trim().split('\n'));
  t.ok(lines.length >= 6);
  for (const line of lines) {
    const [npx, program, ...argv] = words(line);
    t.same([npx, program], ['npx', 'kaibiao']);
    const { code, out, err } = await run(...argv);
    t.same({ code, err }, done, line);
    const [, proposal, digest] = /^proposal ([0-9]+): another.* --sha256 (\S+)/.exec(out) ?? [];
    if (proposal !== undefined) Object.assign(known, { '<proposal>': proposal, '<digest>': digest });
    const [, ca] = /^(\S+) 示例 CA:/m.exec((await run('trust', 'list', ...as('operator'))).out) ?? [];
    if (ca !== undefined) known['<ca>'] = ca;
  }
  const after = await run('trust', 'list', ...as('operator'));
  t.match(after.out, /示例 CA: sign,encrypt; revocation required; .* – 20/, 'believed, and then no more');
});

t.test('a pre-flight says what could fail and what to do about it, and leaves nothing behind', async (t) => {
  const preflight = (keys: string, ...more: string[]) => run('preflight', OPENING, ...as(keys), ...more);
  const before = await run('status', OPENING, ...as('bidder'));
  const ready = await preflight('bidder');
  t.match(ready, { ...done, out: /^good {5}login[\s\S]*ready · 可以投标$/m });
  for (const name of ['private key', 'clock', 'tool version']) t.match(ready.out, new RegExp(`^good {5}${name}`, 'm'));
  t.match(await run('status', OPENING, ...as('bidder')), before, 'nothing of it is on the log');

  const stranger = await testCa({ name: 'Stranger', at: world.now() });
  await writePair(file('stranger'), await stranger.issuePair(holderOf(0)));
  const refused = await preflight('stranger');
  t.equal(refused.code, EXIT.refused);
  t.match(refused.out, /^BAD {6}signing certificate[^\n]*\n {9}do: Add the CA’s intermediate[^\n]*\n {9}处理：/m);
  t.notMatch(refused.out, /^(good|BAD) +login/m, 'with such a certificate no login is tried');

  const short = { holder: holderOf(0), notAfterAt: world.now() + 20 * MINUTE };
  const [signing, encryption] = await Promise.all(
    (['sign', 'encrypt'] as const).map((usage) => ca.issue({ ...short, usage })),
  );
  if (signing === undefined || encryption === undefined) throw new Error('no pair');
  await writePair(file('short'), { holder: holderOf(0), signing, encryption });
  t.match((await preflight('short')).out, /^BAD {6}encryption certificate[^\n]* ends before bids are decrypted/m);

  for (const [aheadMs, said] of [
    [2_000, /^good {5}clock/m],
    [20_000, /^warning {2}clock[^\n]*\(\+[0-9]+ ms\)/m],
    [120_000, /^BAD {6}clock/m],
  ] as const) {
    const late = terminal({ ...world, now: () => world.now() + aheadMs });
    t.match((await late('preflight', OPENING, ...as('bidder'))).out, said, `${aheadMs} ms`);
  }
  t.match(await preflight('bidder', '--padding', 'sm2'), { code: EXIT.refused, out: /^BAD {6}private key[^\n]*sm2/m });
  t.match(await run('preflight', OPENING, 'more', ...as('bidder')), { code: EXIT.usage });
  t.match(await run('preflight', ...as('bidder')), done, 'without an opening, too');
});

/** Written by one subcommand, read by another. */
let receiptFile = '';

t.test('a bidder seals, lodges, replaces and has the receipts checked', async (t) => {
  await writeFile(file('list.json'), JSON.stringify(listOf(holderOf(0).creditCode, '1000000.00')));
  const sealed = await run('seal', '--list', file('list.json'), '--out', file('bid'), '--keys', file('bidder'));
  t.match(sealed, done);
  t.match(await run('receipt', OPENING, ...as('bidder')), { code: EXIT.refused });
  t.match(await run('lodge', OPENING, file('bid'), ...as('bidder')), { ...done, out: /^lodged / });
  const second = await run('lodge', OPENING, file('bid'), ...as('bidder'));
  t.match(second, { code: EXIT.refused, err: /^bid_already_lodged\n/ });
  t.match(await run('lodge', OPENING, file('bid'), '--replace', ...as('bidder')), { ...done, out: /^replaced / });
  world.jump(11_000);
  const checked = await run('receipt', OPENING, ...as('bidder'));
  t.match(checked, { ...done, out: /genuine[\s\S]*BidLodged.*ledger/ });
  receiptFile = /--receipt (\S+)$/m.exec(checked.out)?.[1] ?? '';
  const flown = await run('preflight', OPENING, ...as('bidder'));
  t.match(flown, { ...done, out: /^good {5}private key[^\n]*rsa_oaep_sha256\n[\s\S]*^good {5}standing bid/m });
  await writePair(file('renewed'), await ca.issuePair(holderOf(0)));
  const renewed = await run('preflight', OPENING, ...as('renewed'), '--folder', join(file('bidder'), 'kept'));
  t.match(renewed, { code: EXIT.refused, out: /^BAD {6}standing bid[^\n]*another certificate/m });
  t.match(await run('withdraw', OPENING, ...as('bidder')), { ...done, out: /^withdrawn / });
  t.match(await run('lodge', OPENING, file('bid'), ...as('bidder')), { ...done, out: /^lodged / });
});

t.test('the receipt is checked by itself: no platform is asked', async (t) => {
  const kept = JSON.parse(await readFile(receiptFile, 'utf8')) as ReceiptFile;
  const verify = (...argv: string[]) => run('verify', '--receipt', ...argv);
  const trusted = ['--trust', kept.ledger];
  const whole = await verify(receiptFile, ...trusted, '--envelope', file('bid'));
  t.match(whole, {
    ...done,
    out: /^valid: replaced .*\n[\s\S]*is that envelope[\s\S]*stands in entry [0-9]+ of the ledger/,
  });
  t.notMatch(whole.out, /own word/);
  t.match(await verify(receiptFile), { ...done, out: /own word/ }, 'whoever names no ledger is told what that means');
  // the page says the same, and asks a policy's cosigners as well
  const cosigner = await cosignerBench(t, { name: 'one.test' });
  const onPage = async (policy: string | null) => {
    const blob = new Blob([JSON.stringify(kept)]);
    const asked = {
      given: [{ path: 'r.json', blob }],
      anchors: { policy, stampRoots: null },
      mark: null,
      isPublicView: false,
    };
    const judging = {
      tools: nodeTools,
      measure: () => Promise.reject(new Error('no envelope')),
      onEntries: () => undefined,
    };
    const [one] = await judgeGiven(judging, asked);
    return one?.kind === 'receipt' ? receiptVerdict(one) : null;
  };
  t.strictSame(await onPage(kept.ledger), { verdict: 'good', limit: null });
  t.match(await onPage(null), { verdict: 'inner', limit: { words: 'noAnchor' } });
  t.match(await onPage('quorum none\n'), { verdict: 'inner', limit: { words: 'anchorOther' } });
  t.match(
    await onPage(`log ${kept.ledger}\nwitness one ${cosigner.vkey}\nquorum one\n`),
    { verdict: 'inner', limit: { words: 'receiptNotCosigned' } },
    'nobody outside stands for that ledger yet',
  );

  const refused: Record<string, Awaited<ReturnType<typeof verify>>> = {};
  const changed = async (change: (was: ReceiptFile) => unknown): ReturnType<typeof verify> => {
    await writeFile(file('changed.json'), JSON.stringify(change(structuredClone(kept))));
    return verify(file('changed.json'), ...trusted, '--envelope', file('bid'));
  };
  const [head, payload, signature] = kept.receipt.split('.') as [string, string, string];
  const later = { ...(JSON.parse(fromUtf8(fromBase64Url(payload))) as object), receivedAt: '2026-01-01T00:00:00.000Z' };
  const forged = `${head}.${toBase64Url(utf8(JSON.stringify(later)))}.${signature}`;
  const act = kept.act as { batch: { index: number } };
  refused['receipt_file_malformed'] = await changed(({ act: _act, ...rest }) => rest);
  refused['receipt_of_other_ledger'] = await verify(receiptFile, '--trust', `${kept.ledger.slice(0, -2)}A=`);
  refused['receipt_key_unproven'] = await changed((was) => ({
    ...was,
    key: { ...was.key, entry: `${was.key.entry} ` },
  }));
  refused['receipt_unsigned'] = await changed((was) => ({ ...was, receipt: forged }));
  refused['receipt_not_in_ledger'] = await changed((was) => ({
    ...was,
    act: { ...act, batch: { ...act.batch, index: act.batch.index ^ 1 } },
  }));
  // Genuine, and of the bid that this one replaced.
  const names = await readdir(dirname(receiptFile));
  const replaced = names.find((name) => name.endsWith('.jws') && !receiptFile.includes(name.slice(0, -4))) ?? '';
  const first = await readFile(join(dirname(receiptFile), replaced), 'utf8');
  refused['receipt_act_differs'] = await changed((was) => ({ ...was, receipt: first }));
  const bytes = await readFile(file('bid'));
  bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
  await writeFile(file('flipped'), bytes);
  refused['receipt_of_other_envelope'] = await verify(receiptFile, ...trusted, '--envelope', file('flipped'));
  for (const [reason, ended] of Object.entries(refused)) {
    const { en, zh } = RECEIPT_REASONS[reason as ReceiptReason];
    t.match(ended, { code: EXIT.refused, out: '' }, reason);
    t.ok(ended.err.startsWith(`${reason}\n  ${en}\n  ${zh}`), ended.err);
  }
  t.strictSame(Object.keys(refused).sort(), Object.keys(RECEIPT_REASONS).sort(), 'every reason is shown');
  t.match(await run('verify', '--envelope', file('bid')), { code: EXIT.usage });
});

t.test('PKCS#12 files and a passphrase do as well', async (t) => {
  const pair = await ca.issuePair(holderOf(1));
  await writeFile(file('sign.p12'), exportPkcs12(pair.signing, 'secret'));
  await writeFile(file('encrypt.p12'), exportPkcs12(pair.encryption, 'secret'));
  await writeFile(file('passphrase'), 'secret\n');
  const p12 = [
    '--p12',
    file('sign.p12'),
    '--p12',
    file('encrypt.p12'),
    '--folder',
    file('second-kept'),
    '--rsa',
    'PS256',
  ];
  await writeFile(file('list2.json'), JSON.stringify(listOf(holderOf(1).creditCode, '2000000.00')));
  t.match(await run('seal', '--list', file('list2.json'), '--out', file('bid2'), ...p12.slice(0, 4)), done);
  const lodged = await run(
    'lodge',
    OPENING,
    file('bid2'),
    ...p12,
    '--url',
    url,
    '--passphrase-file',
    file('passphrase'),
  );
  t.match(lodged, { ...done, out: /^lodged / });
  const rehearsed = await run('rehearse', OPENING, ...p12, '--url', url, '--device', '测试');
  t.match(rehearsed, { ...done, out: /the key works/ });
  const renewed = await run(
    'rehearse',
    OPENING,
    '--url',
    url,
    '--keys',
    file('second'),
    '--folder',
    file('second-kept'),
  );
  t.match(renewed, { code: EXIT.refused, out: /the key works/, err: /another certificate/ });
});

t.test('check-in, the window, a decryption handed in by somebody else', async (t) => {
  t.match(await run('check-in', OPENING, ...as('bidder')), { code: EXIT.refused, err: /^check_in_not_open\n/ });
  await platform.passUntil(OPENING, 'CheckIn');
  const checkedIn = await run('check-in', OPENING, ...as('bidder'));
  t.match(checkedIn, { ...done, out: /checked in, received/ });
  t.same(await run('check-in', OPENING, ...as('bidder')), checkedIn, 'again it is the same check-in');
  t.match(await run('decrypt', OPENING, ...as('bidder')), { code: EXIT.refused, err: /^window_not_open\n/ });
  await platform.passUntil(OPENING, 'Sealed');
  t.match(await run('act', OPENING, 'PublishRoster', '--role', 'host', ...as('host')), done);
  const waited = run('wait', OPENING, '--phase', 'Decrypting', '--role', 'bidder', ...as('bidder'));
  t.match(await run('act', OPENING, 'OpenWindow', '--role', 'host', ...as('host')), { ...done, out: /WindowOpened/ });
  t.match(await waited, { ...done, out: /0 of 2 bids decrypted; own number \d/ });

  t.match(await run('decrypt', OPENING, '--out', file('decryption.json'), ...as('bidder')), done);
  t.notMatch(await readFile(file('decryption.json'), 'utf8'), /1000000/);
  t.match(await run('hand-in', file('decryption.json'), '--url', url), { ...done, out: /handed in, 1 entries/ });
  const twice = await run('decrypt', OPENING, ...as('bidder'));
  t.match(twice, { code: EXIT.refused, err: /^(already_decrypted|attempt_undecided)\n/ });
  const p12 = ['--p12', file('sign.p12'), '--p12', file('encrypt.p12'), '--folder', file('second-kept')];
  const second = await run('decrypt', OPENING, '--url', url, ...p12);
  t.match(second, { ...done, out: /received[\s\S]*bidder \d: decrypted/ });
});

t.test('the record is shown and signed; the log is verified from the address', async (t) => {
  await run('act', OPENING, 'EndWindowEarly', '--role', 'host', ...as('host'));
  await run('wait', OPENING, '--phase', 'Attribution', ...as('host'));
  t.match(await run('record', OPENING, ...as('bidder')), { code: EXIT.refused, err: /^no_record_shown\n/ });
  t.match(await run('act', OPENING, 'AnnouncePrices', '--role', 'host', ...as('host')), {
    ...done,
    out: /PricesAnnounced/,
  });
  const issue = ['act', OPENING, 'IssueRecord', '--role', 'host', '--data', '{"note":""}'];
  t.match(await run(...issue, ...as('host')), { ...done, out: /RecordIssued/ });
  const shown = await run('record', OPENING, '--sign', ...as('bidder'));
  t.match(shown, { ...done, out: /1000000\.00[\s\S]*version 1[\s\S]*signed/ });
  const refused = await run('record', OPENING, '--refuse', '再核', ...as('bidder'));
  t.match(refused, { code: EXIT.refused, err: /^already_answered_record\n/ });
  const verified = await run('verify', `${url}/logs/opening/${OPENING}`);
  t.match(verified, { ...done, out: /^valid, still open: kaibiao\.test\/opening\/zhangye-2026-001/ });
});

t.test('somebody else’s keys get nowhere', async (t) => {
  const strangers = await testCa({ name: 'Strangers', at: world.now() });
  await writePair(file('stranger'), await strangers.issuePair(holderOf(3)));
  t.match(await run('login', ...as('stranger')), { code: EXIT.refused, err: /^certificate_\w+\n/ });
  const asHost = await run('act', OPENING, 'HandOver', '--role', 'host', ...as('bidder'));
  t.match(asHost, { code: EXIT.refused, err: /^role_not_held\n/ });
  const { entries } = await command(officials.witness, 'witness', 'RequestSuspension', { reason: '现场情况' });
  t.equal(entries.length, 1, 'and the witness of this opening may act in it');
});
