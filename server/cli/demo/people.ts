/** The cast of the demo: four CAs of its own, one of them SM2, the officials, five bidders, and for one of them a token that was renewed too late. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { KeyTransport } from '../../core/seal/recipient-info.ts';
import { createDemoCa, type DemoCa, demoCreditCode, type Holder, type KeyKind, writePair } from './ca.ts';

export const OFFICIALS = ['operator', 'host', 'tenderer', 'witness', 'supervisor', 'auditor'] as const;
export type Official = (typeof OFFICIALS)[number];

const CENTRE = { creditCode: demoCreditCode(0), organisation: '张掖市公共资源交易中心（演练）' };
const AGENCY = { creditCode: demoCreditCode(1), organisation: '陇原招标代理有限公司（演练）' };
const OWNER = { creditCode: demoCreditCode(2), organisation: '张掖市交通建设投资有限公司（演练）' };
const BUREAU = { creditCode: demoCreditCode(3), organisation: '张掖市发展和改革委员会（演练）' };
const AUDIT = { creditCode: demoCreditCode(4), organisation: '张掖市审计局（演练）' };

const HOLDERS: Readonly<Record<Official, Holder>> = {
  operator: { ...CENTRE, name: '平台管理员', personId: 'C001' },
  host: { ...AGENCY, name: '李主持', personId: 'A001' },
  tenderer: { ...OWNER, name: '王招标', personId: 'O001' },
  witness: { ...CENTRE, name: '赵见证', personId: 'C007' },
  supervisor: { ...BUREAU, name: '钱监督', personId: 'B003' },
  auditor: { ...AUDIT, name: '孙审计', personId: 'S002' },
};

/** The CAs side by side, as a platform meets them: each issues for keys of its own kind. */
const CA_KEYS = { east: 'rsa', west: 'rsa', north: 'p256', south: 'sm2' } as const satisfies Record<string, KeyKind>;
type CaName = keyof typeof CA_KEYS;
const CA_NAMES = Object.keys(CA_KEYS) as CaName[];
/** Whose certificates the officials hold. */
const OFFICIALS_CA: CaName = 'east';

export type DemoBidder = {
  readonly name: string;
  readonly creditCode: string;
  readonly amount: string;
  readonly inWords: string;
  readonly manager: string;
  readonly duration: string;
  readonly ca: CaName;
  /** What its device can do. */
  readonly keyTransport: KeyTransport;
};

type BidderRow = [
  name: string,
  amount: string,
  inWords: string,
  manager: string,
  duration: string,
  ca: CaName,
  keyTransport: KeyTransport,
];
export const BIDDERS: readonly DemoBidder[] = (
  [
    [
      '甘肃祁连路桥工程有限公司',
      '12680000.00',
      '壹仟贰佰陆拾捌万元整',
      '周建国',
      '180日历天',
      'east',
      'rsa_oaep_sha256',
    ],
    [
      '张掖黑河水利水电建筑有限公司',
      '12345678.90',
      '壹仟贰佰叁拾肆万伍仟陆佰柒拾捌元玖角整',
      '吴国强',
      '175日历天',
      'west',
      'rsa_pkcs1_v15',
    ],
    ['酒泉玉门市政建设集团有限公司', '13020000.00', '壹仟叁佰零贰万元整', '郑海燕', '170日历天', 'north', 'ecdh_p256'],
    [
      '兰州<100>基础工程有限公司',
      '12499999.99',
      '壹仟贰佰肆拾玖万玖仟玖佰玖拾玖元玖角玖分',
      '冯晓明',
      '182日历天',
      'south',
      'sm2',
    ],
    ['金昌龙首山隧道工程有限公司', '12100000.00', '壹仟贰佰壹拾万元整', '陈志远', '178日历天', 'west', 'rsa_oaep_sha1'],
  ] satisfies BidderRow[]
).map(([name, amount, inWords, manager, duration, ca, keyTransport], i) => ({
  name: `${name}（演练）`,
  amount,
  inWords,
  manager,
  duration,
  ca,
  keyTransport,
  creditCode: demoCreditCode(10 + i),
}));

/** The bidder whose token was renewed after sealing. */
const RENEWED = BIDDERS.length - 1;

export type Cast = {
  /** PEM of the demo CAs' roots, to be trusted. */
  readonly anchorsFile: string;
  /** PEM of the operator's signing certificate with those above it. */
  readonly operatorFile: string;
  /** Makes the certificates and keys of all others: two dozen RSA keys take some seconds. */
  makeEveryone(): Promise<void>;
  folderOf(official: Official): string;
  /** The keys bidder `index` lodges with. */
  bidderFolder(index: number): string;
  /** What bidder `index` brings to the decryption: for the last one another key, as after a renewed token. */
  decryptionFolder(index: number): string;
};

/** Makes the demo's CAs and its operator below a folder: all that a server needs to start. */
export async function openCast(folder: string, at: number): Promise<Cast> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const made = await Promise.all(
    CA_NAMES.map(async (name) => {
      const key = CA_KEYS[name];
      return [name, await createDemoCa({ name: `kaibiao demo CA ${name} (${key})`, at, key })] as const;
    }),
  );
  const cas = Object.fromEntries(made) as Record<CaName, DemoCa>;
  const officials = cas[OFFICIALS_CA];
  const anchorsFile = join(folder, 'anchors.pem');
  await writeFile(anchorsFile, made.map(([, { rootPem }]) => rootPem).join(''));
  const folderOf = (name: string): string => join(folder, name);
  const bidderFolder = (index: number): string => folderOf(`bidder-${index + 1}`);
  await writePair(folderOf('operator'), await officials.issuePair(HOLDERS.operator));

  async function makeBidder(index: number, { creditCode, name, ca: caName }: DemoBidder): Promise<void> {
    const ca = cas[caName];
    const holder: Holder = { creditCode, organisation: name, name };
    const pair = await ca.issuePair(holder);
    await writePair(bidderFolder(index), pair);
    if (index !== RENEWED) return;
    const encryption = await ca.issue({ holder, usage: 'encrypt' });
    await writePair(`${bidderFolder(index)}-renewed`, { ...pair, encryption });
  }

  return {
    anchorsFile,
    operatorFile: join(folderOf('operator'), 'sign.crt'),
    async makeEveryone() {
      const others = OFFICIALS.filter((official) => official !== 'operator');
      await Promise.all([
        ...others.map(async (official) => writePair(folderOf(official), await officials.issuePair(HOLDERS[official]))),
        ...BIDDERS.map((bidder, index) => makeBidder(index, bidder)),
      ]);
    },
    folderOf,
    bidderFolder,
    decryptionFolder: (index) => (index === RENEWED ? `${bidderFolder(index)}-renewed` : bidderFolder(index)),
  };
}
