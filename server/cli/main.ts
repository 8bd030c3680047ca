/** The command line: which subcommands there are, in words. Each is loaded only when it is called. */

import { VERSION } from '../version.ts';
import { EXIT, UsageError } from './exit.ts';
import { type Io, processIo } from './io.ts';

/** Runs a subcommand. Returns: the exit code. */
export type Run = (argv: readonly string[], io: Io) => Promise<number>;

type Subcommand = {
  readonly usage: string;
  readonly en: string;
  readonly zh: string;
  load(): Promise<Run>;
};

/** What every subcommand of a person takes, too. */
export const PERSON_USAGE =
  '--url <platform> (--keys <folder> | --p12 <file> …) [--folder <kept>] [--passphrase-file <file>] [--rsa RS256|PS256] [--ledger <vkey>] [--ocsp <response> …]';

export const SUBCOMMANDS: Readonly<Record<string, Subcommand>> = {
  serve: {
    usage: '',
    en: 'Serves the platform; its settings come from the environment.',
    zh: '启动平台服务，配置取自环境变量。',
    load: async () => (await import('./commands/serve.ts')).serve,
  },
  demo: {
    usage: '[--once] [--out <folder>] [--port <port>]',
    en: 'Plays a whole opening on a real server with five bidders.',
    zh: '演示：真实服务器上五家投标人的完整开标。',
    load: async () => (await import('./demo/demo.ts')).runDemo,
  },
  verify: {
    usage:
      '<folder | file.zip | address> [--trust <ledger vkey>] [--ledger <folder | address>] [--policy <tlog-policy file>] [--tsa <roots.pem>] [--complete] [--public] [--report <monitor> …] | --record <record.pdf> [folder | file.zip | address] | --receipt <file> [--envelope <file>] [--trust <ledger vkey>] [--report <monitor> …]',
    en: 'Judges a log from an export, a bundle or an address, or a receipt by itself; trusts none of them.',
    zh: '核验导出文件夹、证据包或网址上的日志，或离线核验回执；均不轻信。',
    load: async () => (await import('./commands/verify.ts')).verify,
  },
  monitor: {
    usage:
      '<…/logs/ledger> --trust <ledger vkey> --folder <kept> [--once | --listen <host:port> [--trust-proxy <addresses>]] [--period <seconds>] [--webhook <address>] | --folder <kept> --list | --folder <kept> --acknowledge <alarm> … --by <name> --because <words>',
    en: 'Watches a platform’s ledger and its openings from outside; exit code 1 as long as an alarm stands.',
    zh: '在平台之外监视其总账与各场开标；一有警报，退出码即为 1。',
    load: async () => (await import('./commands/monitor.ts')).monitor,
  },
  export: {
    usage: '<opening> <folder> | --ledger <folder> | --access <folder>',
    en: 'Writes a log of this server as a folder that anyone can verify.',
    zh: '将本服务器的日志导出为任何人可核验的文件夹。',
    load: async () => (await import('./commands/export.ts')).exportFolder,
  },
  bundle: {
    usage: '<opening> <folder | file.zip> [--open]',
    en: 'Writes the evidence bundle of a finished opening, verified before it is given out; with --open of one still under way.',
    zh: '生成已完结开标的证据包，交付前先行核验；--open 用于仍在进行的开标。',
    load: async () => (await import('./commands/bundle.ts')).bundle,
  },
  cosign: {
    usage:
      'init <folder> --name <name> | enrol <folder> <ledger vkey> [--origin <origin>] | serve <folder> [--host <address>] [--port <port>] [--clock-is-right]',
    en: 'A supervisor’s own cosigner: makes its key, enrols a ledger, countersigns that it only grows.',
    zh: '监督部门自有的联署服务：生成密钥、登记总账，并联署证明总账只增不改。',
    load: async () => (await import('./commands/cosign.ts')).cosign,
  },
  signer: {
    usage: '<folder> [--socket <path>] [--group]',
    en: 'Holds the platform’s signing keys and their guard in a process of its own, which signs one history of each log and nothing else.',
    zh: '在独立进程中保管平台签名密钥及守护日志；每份日志只签一份历史。',
    load: async () => (await import('./commands/signer.ts')).signer,
  },
  keys: {
    usage:
      'show <folder> | next <folder> openings|ledger|receipts [--command <description.json>] | take-over <folder> openings|ledger|receipts | end <folder> ledger|receipts',
    en: 'Lets one signing key follow another, in the folder of a stopped server or signer.',
    zh: '在已停止的服务或签名进程目录中轮换签名密钥。',
    load: async () => (await import('./commands/keys.ts')).keys,
  },
  backup: {
    usage: '<folder> [--keys <other folder>]',
    en: 'Backs up the platform beside the running server; without its keys, which --keys copies to a place of their own.',
    zh: '在服务运行时备份平台数据；不含密钥，--keys 将密钥另存他处。',
    load: async () => (await import('./commands/backup.ts')).backup,
  },
  restore: {
    usage: '<folder> [--keys <folder>] [--guard-lost [--seen <checkpoint file>]…] [--signer <its folder>]',
    en: 'Restores a backup into an empty database, unless the platform would then sign a second history.',
    zh: '将备份恢复到空数据库；若会导致平台签出第二份历史则拒绝。',
    load: async () => (await import('./commands/backup.ts')).restore,
  },
  seal: {
    usage: `--list <opening-list.json> --out <envelope> [--padding oaep-sha256|oaep-sha1|v1.5|ecdh|sm2] [--profile kaibiao-seal-1|kaibiao-seal-sm-1] [--store] [--opening-key <file>] (--keys … | --p12 …) <document> …`,
    en: 'Seals a bid so that only one’s own key opens it, and with --opening-key the opening’s after it; needs no network.',
    zh: '加密投标文件，只有本人私钥能解开；--opening-key 再以开标密钥加密一层；无需联网。',
    load: async () => (await import('./commands/seal.ts')).seal,
  },
  login: {
    usage: PERSON_USAGE,
    en: 'Logs in once and says as whom: a check of keys and connection.',
    zh: '登录一次并显示身份：检查密钥与连接。',
    load: async () => (await import('./commands/login.ts')).login,
  },
  status: {
    usage: `<opening> [--role <role>] [--report <monitor> …] ${PERSON_USAGE}`,
    en: 'Says what an opening’s verified log says, and what is kept of one’s own.',
    zh: '显示经核验的日志内容及本人留存的凭据。',
    load: async () => (await import('./commands/status.ts')).status,
  },
  wait: {
    usage: `<opening> --phase <phase> [--role <role>] [--report <monitor> …] ${PERSON_USAGE}`,
    en: 'Waits until the opening stands in a phase.',
    zh: '等待开标进入指定阶段。',
    load: async () => (await import('./commands/status.ts')).wait,
  },
  lodge: {
    usage: `<opening> <envelope> [--replace] ${PERSON_USAGE}`,
    en: 'Lodges a sealed bid, or replaces the one that stands; keeps the receipt.',
    zh: '递交或替换加密投标文件，并留存回执。',
    load: async () => (await import('./commands/bids.ts')).lodgeBid,
  },
  withdraw: {
    usage: `<opening> ${PERSON_USAGE}`,
    en: 'Withdraws the bid that stands.',
    zh: '撤回已递交的投标文件。',
    load: async () => (await import('./commands/bids.ts')).withdrawBid,
  },
  receipt: {
    usage: `<opening> ${PERSON_USAGE}`,
    en: 'Checks the kept receipts and proves that the acts stand in the ledger.',
    zh: '核验留存的回执，并证明相应操作已写入总账。',
    load: async () => (await import('./commands/bids.ts')).checkReceipts,
  },
  'check-in': {
    usage: `<opening> ${PERSON_USAGE}`,
    en: 'Checks in.',
    zh: '签到。',
    load: async () => (await import('./commands/attend.ts')).attend,
  },
  agent: {
    usage: `--module <PKCS#11 library> --origin <platform> … [--token <label>] [--port <port>]`,
    en: 'Lets the pages of a platform use the token in this computer, and asks before each use.',
    zh: '本机密钥代理：让平台网页使用插在本机的密钥介质，每次使用前询问。',
    load: async () => (await import('./commands/agent.ts')).agent,
  },
  preflight: {
    usage: `[<opening>] [--padding oaep-sha256|oaep-sha1|v1.5|ecdh|sm2] ${PERSON_USAGE}`,
    en: 'Checks before the day what could fail on it: certificates, revocation, key, clock, tool; says what to do about each.',
    zh: '开标前自检：证书、吊销状态、私钥、时钟、工具；逐项给出处理办法。',
    load: async () => (await import('./commands/preflight.ts')).runPreflight,
  },
  rehearse: {
    usage: `<opening> [--padding oaep-sha256|oaep-sha1|v1.5|ecdh|sm2] [--device <name>] ${PERSON_USAGE}`,
    en: 'Tries one’s own key on a nonce of one’s own and says whether it works.',
    zh: '用自己的随机数试用自己的私钥，并登记结果。',
    load: async () => (await import('./commands/attend.ts')).rehearseKey,
  },
  draw: {
    usage: `<opening> [--role bidder|witness] [--show] ${PERSON_USAGE}`,
    en: 'Promises a share in the drawing of the coefficient; --show shows it.',
    zh: '在抽取系数时提交份额承诺；--show 公开份额。',
    load: async () => (await import('./commands/drawing.ts')).draw,
  },
  hold: {
    usage: `<opening> [--role tenderer|host|witness] [--acknowledge] ${PERSON_USAGE}`,
    en: 'Offers a key for a share of the opening key; --acknowledge checks the share dealt to it and says so.',
    zh: '提交用于接收开标密钥份额的公钥；--acknowledge 核对并确认分得的份额。',
    load: async () => (await import('./commands/holding.ts')).hold,
  },
  deal: {
    usage: `<opening> [--role tenderer|host] [--holders 1,2,3] ${PERSON_USAGE}`,
    en: 'Makes an opening key on this machine, shares it out to its holders, and keeps nothing of it.',
    zh: '在本机生成开标密钥并分发份额给持有人，不留存密钥。',
    load: async () => (await import('./commands/holding.ts')).dealKey,
  },
  unseal: {
    usage: `<opening> [--role tenderer|host|witness] ${PERSON_USAGE}`,
    en: 'Gives one’s share of the opening key once the window is over.',
    zh: '解密时限结束后提交本人持有的开标密钥份额（招标人解密）。',
    load: async () => (await import('./commands/holding.ts')).unseal,
  },
  'opening-key': {
    usage: `<opening> --out <certificate.pem> ${PERSON_USAGE}`,
    en: 'Writes the certificate of the opening key, to which bids are sealed as well where the policy asks for it.',
    zh: '写出开标密钥证书；规则要求招标人解密时，投标文件还须以其加密。',
    load: async () => (await import('./commands/holding.ts')).writeOpeningKey,
  },
  decrypt: {
    usage: `<opening> [--out <file>] ${PERSON_USAGE}`,
    en: 'Decrypts one’s own bid in the window; --out writes what somebody else can hand in.',
    zh: '在解密时限内解密本人投标；--out 写出可由他人代交的文件。',
    load: async () => (await import('./commands/decryption.ts')).decryptBid,
  },
  'keep-key': {
    usage: `<opening> --out <file> ${PERSON_USAGE}`,
    en: 'Keeps the content key of one’s own bid in a file, for a remedy.',
    zh: '将本人投标的内容密钥留存到文件，供补救使用。',
    load: async () => (await import('./commands/remedy.ts')).keepBackup,
  },
  remedy: {
    usage: `<opening> [--backup <file>] ${PERSON_USAGE}`,
    en: 'Hands the kept key in where the host has opened the remedy.',
    zh: '在主持人启动补救程序后提交留存的密钥。',
    load: async () => (await import('./commands/remedy.ts')).handInBackup,
  },
  quote: {
    usage: `<opening> --amount <number> [--kind total|rate|unit] [--currency <code>] [--unit <unit>] [--words <text>] ${PERSON_USAGE}`,
    en: 'Gives a sealed quote in a round of a negotiation.',
    zh: '在谈判的报价轮次中提交密封报价。',
    load: async () => (await import('./commands/quote.ts')).quote,
  },
  'hand-in': {
    usage: '<file> --url <platform>',
    en: 'Hands in a decryption that somebody made with decrypt --out; needs no keys.',
    zh: '代交他人用 decrypt --out 生成的解密文件；无需密钥。',
    load: async () => (await import('./commands/decryption.ts')).handInFile,
  },
  record: {
    usage: `<opening> [--sign | --refuse <reason>] ${PERSON_USAGE}`,
    en: 'Shows the opening record; signs or refuses it.',
    zh: '查看开标记录；确认或拒绝。',
    load: async () => (await import('./commands/record.ts')).record,
  },
  act: {
    usage: `<opening> <command> --role <role> [--data <json> | --data-file <file>] ${PERSON_USAGE}`,
    en: 'Gives any command; its answer is proven against the log.',
    zh: '提交任意指令；答复须经日志证明。',
    load: async () => (await import('./commands/act.ts')).giveCommand,
  },
  create: {
    usage: `<opening.json> ${PERSON_USAGE}`,
    en: 'Drafts an opening as its host.',
    zh: '以主持人身份创建开标草案。',
    load: async () => (await import('./commands/act.ts')).create,
  },
  session: {
    usage: `<session> [--command <command> --role <role> --data <json>] ${PERSON_USAGE}`,
    en: 'Lists the lots that share a room; with --command gives it to each.',
    zh: '列出同一开标场次的各标段；--command 对各标段提交同一指令。',
    load: async () => (await import('./commands/session.ts')).session,
  },
  reads: {
    usage: `[--opening <opening>] [--auditor] ${PERSON_USAGE}`,
    en: 'Lists who looked at what: one’s own reads; as an auditor everyone’s of an opening.',
    zh: '列出查阅记录：本人的；审计人员可查某次开标的全部。',
    load: async () => (await import('./commands/reads.ts')).reads,
  },
  'let-in': {
    usage: `<certificate.pem> [--operator] ${PERSON_USAGE}`,
    en: 'Lets an official in, as the operator.',
    zh: '以平台管理员身份准入工作人员。',
    load: async () => (await import('./commands/act.ts')).letOfficialIn,
  },
  disable: {
    usage: `<account> --reason <why> ${PERSON_USAGE}`,
    en: 'Shuts an account, as the operator; its sessions and sockets end at once.',
    zh: '以平台管理员身份停用账户，其会话和连接立即终止。',
    load: async () => (await import('./commands/act.ts')).disableAccount,
  },
  enable: {
    usage: `<account> --reason <why> ${PERSON_USAGE}`,
    en: 'Opens an account again, as the operator.',
    zh: '以平台管理员身份恢复账户。',
    load: async () => (await import('./commands/act.ts')).enableAccount,
  },
  trust: {
    usage: `list | add <ca.pem> --label <name> | alter <digest> | end <digest> | confirm <proposal> --sha256 <digest> | withdraw <proposal> [--purposes sign,encrypt] [--revocation required|when_known] [--usages <oid,…>] [--policies <oid,…>] [--rule <file>] [--from <instant>] [--until <instant>] [--reason <why>] ${PERSON_USAGE}`,
    en: 'Shows which CAs are believed; as an operator proposes a change, or confirms another’s.',
    zh: '查看受信任的 CA；平台管理员可提议变更，或确认另一管理员的提议。',
    load: async () => (await import('./commands/trust.ts')).trust,
  },
  crl: {
    usage: `<list.crl> ${PERSON_USAGE}`,
    en: 'Brings a CA’s revocation list, as the operator.',
    zh: '以平台管理员身份导入 CA 的吊销列表。',
    load: async () => (await import('./commands/trust.ts')).crl,
  },
};

/** Called by other parts of this program, not by people. */
const HIDDEN: Readonly<Record<string, () => Promise<Run>>> = {
  'demo-bidder': async () => {
    const { runBidder } = await import('./demo/bidder.ts');
    return ([task = '']) => runBidder(task);
  },
  'demo-tsa': async () => {
    const { runDemoTsa } = await import('./demo/tsa.ts');
    return ([folder = '']) => runDemoTsa(folder);
  },
};

/**
 * Runs the command line.
 *
 * Shape:   `argv` without node and script.
 * Returns: the exit code, as EXIT has them; it throws nothing.
 */
export async function main(argv: readonly string[], io: Io = processIo): Promise<number> {
  const [name, ...rest] = argv;
  if (name === undefined) {
    io.err(helpText());
    return EXIT.usage;
  }
  if (['help', '--help', '-h'].includes(name)) {
    io.out(helpText());
    return EXIT.done;
  }
  if (name === '--version') {
    io.out(VERSION);
    return EXIT.done;
  }
  const subcommand = Object.hasOwn(SUBCOMMANDS, name) ? SUBCOMMANDS[name] : undefined;
  const load = subcommand?.load ?? (Object.hasOwn(HIDDEN, name) ? HIDDEN[name] : undefined);
  if (load === undefined) {
    io.err(`There is no subcommand ${name}; kaibiao help lists them.\n没有子命令 ${name}；用 kaibiao help 查看。`);
    return EXIT.usage;
  }
  if (subcommand !== undefined && (rest.includes('--help') || rest.includes('-h'))) {
    io.out(usageText(name, subcommand));
    return EXIT.done;
  }
  try {
    const run = await load();
    return await run(rest, io);
  } catch (error) {
    return complain(error, name, subcommand, io);
  }
}

async function complain(error: unknown, name: string, subcommand: Subcommand | undefined, io: Io): Promise<number> {
  if (isUsage(error)) {
    io.err(error.message);
    if (subcommand !== undefined) io.err(usageText(name, subcommand));
    return EXIT.usage;
  }
  const { describe } = await import('./complaint.ts');
  for (const line of await describe(error)) io.err(line);
  return EXIT.refused;
}

/** Ours, and what node:util's parseArgs says of an option it does not know. */
function isUsage(error: unknown): error is Error {
  if (error instanceof UsageError) return true;
  return error instanceof TypeError && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS_');
}

function usageText(name: string, { usage, en, zh }: Subcommand): string {
  return `kaibiao ${name} ${usage}`.trimEnd().concat(`\n  ${en}\n  ${zh}`);
}

function helpText(): string {
  const width = Math.max(...Object.keys(SUBCOMMANDS).map((name) => name.length)) + 2;
  const lines = Object.entries(SUBCOMMANDS).flatMap(([name, { en, zh }]) => [
    `  ${name.padEnd(width)}${en}`,
    `  ${''.padEnd(width)}${zh}`,
  ]);
  return [
    'kaibiao: bid openings on a signed log · 基于签名日志的开标系统',
    '',
    ...lines,
    '',
    'kaibiao <subcommand> --help says more · 查看用法',
  ].join('\n');
}
