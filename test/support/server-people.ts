/** The people around a real server: a CA of their own, officials who are let in, bidders with keys, and the secrets a test looks for. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type DemoCa, demoCreditCode, type Holder, type Issued } from '../../server/cli/demo/ca.ts';
import { act, createOpening } from '../../server/cli/person/act.ts';
import { heldKeyAgent } from '../../server/cli/person/held-keys.ts';
import { letIn } from '../../server/cli/person/operator.ts';
import { openPerson, type Person } from '../../server/cli/person/person.ts';
import { openPem } from '../../server/cli/seal/held-key.ts';
import { sealBid } from '../../server/cli/seal/seal.ts';
import { pickCertificate } from '../../server/client/key-agent.ts';
import { PROFILES } from '../../server/core/opening/policy.ts';
import { CEK_BYTES } from '../../server/core/seal/commitments.ts';
import { systemWorld } from '../../server/world.ts';
import { testCa } from './ca.ts';
import { LOT, roadworks } from './roadworks.ts';

const OFFICIALS = {
  host: { creditCode: demoCreditCode(1), organisation: '代理', name: '主持', personId: 'A1' },
  tenderer: { creditCode: demoCreditCode(2), organisation: '业主', name: '招标', personId: 'O1' },
  witness: { creditCode: demoCreditCode(0), organisation: '交易中心', name: '见证', personId: 'C2' },
  supervisor: { creditCode: demoCreditCode(3), organisation: '发改委', name: '监督', personId: 'B1' },
} as const satisfies Record<string, Holder>;
const OPERATOR: Holder = { creditCode: demoCreditCode(0), organisation: '交易中心', name: '管理员', personId: 'C1' };

export type Officials = Readonly<Record<keyof typeof OFFICIALS, Person>>;

export type Bidder = { readonly person: Person; readonly holder: Holder; readonly keys: readonly Issued[] };

export type Sealed = { readonly envelope: string; readonly cek: Uint8Array };

export type Town = {
  /** What a server needs to know these people. */
  readonly settings: Readonly<Record<string, string>>;
  /** Private keys of the CA's people so far. */
  readonly issued: readonly Issued[];
  /** Lets the officials in at a server and logs them in; `by` is how programs reach it, when that is not by its address. */
  enterOfficials(url: string, by?: typeof fetch): Promise<Officials>;
  /** Logs the operator in. */
  enterOperator(url: string, by?: typeof fetch): Promise<Person>;
  /** A bidder with fresh keys, logged in. */
  enterBidder(url: string, index: number, name?: string, by?: typeof fetch): Promise<Bidder>;
  /** Seals a bid for LOT, with so many bytes of drawings. Returns: the envelope's path, and the key that opens it. */
  seal(bidder: Bidder, amount: string, drawingBytes?: number): Promise<Sealed>;
};

/** A town below a folder of its own. */
export async function makeTown(folder: string): Promise<Town> {
  await mkdir(folder, { recursive: true });
  const at = systemWorld.now();
  const ca: DemoCa = await testCa({ name: 'Test', at });
  const issued: Issued[] = [];
  const issue = async (request: Parameters<DemoCa['issue']>[0]): Promise<Issued> => {
    const made = await ca.issue(request);
    issued.push(made);
    return made;
  };
  const operatorKey = await issue({ holder: OPERATOR, usage: 'sign', key: 'p256' });
  const anchors = join(folder, 'anchors.pem');
  const operatorFile = join(folder, 'operator.pem');
  await writeFile(anchors, ca.rootPem);
  await writeFile(operatorFile, operatorKey.certificatePem + operatorKey.chainPem);

  const enter = (url: string, name: string, keys: readonly Issued[], by = fetch): Promise<Person> =>
    openPerson({
      url,
      fetch: by,
      keys: heldKeyAgent(keys.map(heldKey)),
      folder: join(folder, 'people', name),
      world: systemWorld,
    });

  return {
    settings: { KAIBIAO_FIRST_ANCHORS: anchors, KAIBIAO_FIRST_OPERATOR: operatorFile },
    issued,
    enterOperator: (url, by) => enter(url, 'operator', [operatorKey], by),
    async enterOfficials(url, by) {
      const operator = await enter(url, 'operator', [operatorKey], by);
      const entered = Object.entries(OFFICIALS).map(async ([name, holder]) => {
        const key = await issue({ holder, usage: 'sign', key: 'p256' });
        const { x5c } = await pickCertificate(heldKeyAgent([heldKey(key)]), 'sign', systemWorld.now());
        await letIn(operator, { x5c, kind: 'official' });
        return [name, await enter(url, name, [key], by)] as const;
      });
      return Object.fromEntries(await Promise.all(entered)) as Officials;
    },
    async enterBidder(url, index, name = `投标人${index}`, by = fetch) {
      const holder: Holder = { creditCode: demoCreditCode(10 + index), organisation: name, name };
      const keys = await Promise.all([
        issue({ holder, usage: 'sign', key: 'p256' }),
        issue({ holder, usage: 'encrypt' }),
      ]);
      return { person: await enter(url, `bidder-${index}`, keys, by), holder, keys };
    },
    async seal({ person, holder }, amount, drawingBytes = 0) {
      const { certificate, certSha256 } = await pickCertificate(person.keys, 'unwrap', systemWorld.now());
      const envelope = join(folder, `${person.creditCode}-${amount}.p7m`);
      const drawn: Uint8Array[] = [];
      await sealBid({
        openingList: {
          v: 1,
          lotId: LOT,
          creditCode: holder.creditCode,
          name: holder.organisation,
          quote: { kind: 'total', amount, currency: 'CNY', unit: '元', inWords: '' },
          duration: '90天',
          quality: '合格',
          manager: '经理',
          columns: {},
        },
        documents: [
          { name: '技术标.txt', bytes: new TextEncoder().encode(`施工组织设计，报价${amount}元\n`.repeat(300)) },
          ...(drawingBytes === 0 ? [] : [{ name: '图纸.bin', bytes: systemWorld.randomBytes(drawingBytes) }]),
        ],
        toolFacts: { v: 1 },
        certificate: certificate.der,
        keyTransport: 'rsa_oaep_sha256',
        compress: true,
        out: envelope,
        unwrap: await person.keys.unwrapper(certSha256),
        randomBytes(length) {
          const bytes = systemWorld.randomBytes(length);
          drawn.push(bytes.slice());
          return bytes;
        },
      });
      const cek = drawn.find(({ length }) => length === CEK_BYTES);
      if (cek === undefined) throw new Error('no content key was drawn');
      return { envelope, cek };
    },
  };
}

export type Times = {
  readonly deadlineAt: number;
  readonly checkInLeadMs: number;
  readonly decryptionWindowMs: number;
  readonly confirmationMs: number;
};

/** Drafts and publishes an opening under the rehearsal profile. */
export async function publishOpening(officials: Officials, openingId: string, times: Times): Promise<void> {
  const { deadlineAt, ...windows } = times;
  await createOpening(officials.host, {
    openingId,
    profile: 'rehearsal',
    details: roadworks(deadlineAt),
    policy: { ...PROFILES.rehearsal.defaults, minimumBidders: 1, archiveAfterMs: 0, ...windows },
    assignments: Object.entries(officials).map(([role, { account }]) => ({ role, account })),
  });
  await act(officials.host, openingId, { type: 'PublishOpening', role: 'host', data: {} });
}

function heldKey({ certificatePem, chainPem, privateKeyPem }: Issued) {
  return openPem({ certificates: certificatePem + chainPem, privateKey: privateKeyPem });
}
