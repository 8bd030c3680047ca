/** One opening of two layers, from its creation to the archive with a correction on the way, as a script of steps that can each be interrupted and asked again. */
import { demoCreditCode } from '../../server/cli/demo/ca.ts';
import { toBase64, toBase64Url } from '../../server/core/log/base64.ts';
import type { Json } from '../../server/core/log/canonical.ts';
import { makeDisclosure } from '../../server/core/log/disclosure.ts';
import { formatInstant } from '../../server/core/log/instant.ts';
import { emptyRoot } from '../../server/core/log/merkle.ts';
import { utf8 } from '../../server/core/log/utf8.ts';
import { PROFILES } from '../../server/core/opening/policy.ts';
import { isDecrypted, type OpeningState, verdictOf } from '../../server/core/opening/state.ts';
import type { OpeningList } from '../../server/core/seal/opening-list.ts';
import { sha256 } from '../../server/hash.ts';
import type { CreationRequest } from '../../server/recorder/creation.ts';
import type { Enclosure, Submission } from '../../server/recorder/submission.ts';
import { digest, lodgedBid } from '../support/opening-people.ts';
import { chanceOf } from './chance.ts';
import { createHolding } from './holding.ts';
import { type Person, STAFF, type Town } from './people.ts';
import { shortPolicy } from './platform.ts';
import { EVEN_TEMPER, layerOf } from './programs.ts';
import { START_AT } from './simulate.ts';

/** Of whom the vault finds a wrong key. */
export const WRONG_KEY = demoCreditCode(101);
const DEADLINE_MS = 10_000;
const BIDDERS = [0, 1, 2];
/** Who of them decrypts; the third stays silent. */
const DECRYPTING = [0, 1];
const source = { address: '192.0.2.1', client: 'crash matrix' };
const headSeen = { size: 0, root: toBase64(emptyRoot(sha256)) };
const policy = shortPolicy(PROFILES.rehearsal.defaults, {
  tendererLayer: { holders: 3, threshold: 2, windowMs: 6_000 },
});
/** Everybody gives the right share at once. */
const HOLDERS_TEMPER = { holdsBack: 0, isWrongFirst: 0 };
const HOLDERS = ['host', 'tenderer', 'witness'] as const;
/** What the opening needs of its holders before it may be published. */
export const CEREMONY = ['OfferHolderKey', 'DealOpeningKey', 'AcknowledgeShare'] as const;

/** What a company promised in its envelope; both sides of the matrix know it. */
export function promisedList(
  creditCode: string,
  name: string,
): { disclosure: string; digest: string; list: OpeningList } {
  const list: OpeningList = {
    v: 1,
    lotId: 'LOT-1',
    creditCode,
    name,
    quote: { kind: 'total', amount: '7391846.27', currency: 'CNY', unit: '元', inWords: '' },
    duration: '90天',
    quality: '合格',
    manager: '项目经理',
    columns: {},
  };
  const made = makeDisclosure(sha256, sha256(utf8(creditCode)), 'openingList', list as unknown as Json);
  return { ...made, list };
}

export type Step = {
  readonly name: string;
  /** What is sent at once. */
  send?(state: OpeningState): Promise<readonly Submission[]>;
  /** Until when time passes, and what the clock has said when it has: after a death it may have to say it again. */
  readonly clock?: { until(state: OpeningState): number; hasSpoken(state: OpeningState): boolean };
};

export type Script = {
  readonly create: CreationRequest;
  readonly steps: readonly Step[];
  /** What host and witness send, one after the other, so that a suspended opening goes on. */
  resume(state: OpeningState): Promise<readonly Submission[]>;
};

export async function crashScript(openingId: string, town: Town): Promise<Script> {
  const { host, witness, supervisor } = town.staff;
  const deadlineAt = START_AT + DEADLINE_MS;
  const details = {
    title: '张掖市某道路工程',
    project: { code: 'P-1', name: '道路工程' },
    lot: { code: 'LOT-1', name: '第一标段' },
    tenderer: '招标人',
    agency: '代理机构',
    place: '开标一室',
    deadlineAt: formatInstant(deadlineAt),
  };
  const assignments = STAFF.map((role) => ({ account: town.staff[role].who.account, role }));
  const created = { profile: 'rehearsal', details, policy, assignments } as const;
  let made = 0;

  async function command(person: Person, type: string, data: Json, enclosure?: Enclosure): Promise<Submission> {
    const id = `${type}-${made++}`;
    const terms = { openingId, command: id, type, data, headSeen, iatSeconds: Math.floor(START_AT / 1_000) };
    const act = await person.sign(terms);
    const { role, who } = person;
    return { openingId, command: id, type, data, role, who, act, source, ...(enclosure && { enclosure }) };
  }
  const company = (n: number): Person => {
    const person = town.companies[n];
    if (person === undefined) throw new Error('no such company');
    return person;
  };
  const one = (name: string, person: Person, data: (state: OpeningState) => Json = () => ({})): Step => ({
    name,
    send: async (state) => [await command(person, name, data(state))],
  });
  const record = (state: OpeningState): Json => ({
    version: state.record?.version ?? 0,
    recordSha256: state.record?.sha256 ?? '',
  });
  const rulings = (person: Person): Step => ({
    name: `GiveRuling ${person.role}`,
    send: (state) =>
      Promise.all(
        state.bids
          .filter((bid) => !isDecrypted(bid) && verdictOf(bid) === null)
          .map(({ bidder }) =>
            command(person, 'GiveRuling', { bidder, verdict: 'deemed_revoked', reason: '证据见日志' }),
          ),
      ),
  });

  const holding = createHolding(openingId, chanceOf(openingId), HOLDERS_TEMPER);
  const mind = { chance: chanceOf(openingId), temper: EVEN_TEMPER, isLate: true, mustEnd: false, now: START_AT };
  /** What these holders of the opening key do in this state, at once. */
  const held = (name: string, roles: readonly (typeof HOLDERS)[number][]): Step => ({
    name,
    send: (state) =>
      Promise.all(
        roles.map(async (role) => {
          const wish = holding.wish(role, state, mind);
          if (wish?.type !== name) throw new Error(`the ${role} does not ${name}, but ${wish?.type ?? 'nothing'}`);
          const data = typeof wish.data === 'function' ? await wish.data() : wish.data;
          return command(town.staff[role], name, data);
        }),
      ),
  });

  const clock = (
    name: string,
    until: (state: OpeningState) => number,
    hasSpoken: (state: OpeningState) => boolean,
  ): Step => ({
    name,
    clock: { until, hasSpoken },
  });

  const steps: Step[] = [
    held('OfferHolderKey', HOLDERS),
    held('DealOpeningKey', ['tenderer']),
    held('AcknowledgeShare', HOLDERS),
    one('PublishOpening', host),
    {
      name: 'LodgeBid',
      send: (state) =>
        Promise.all(
          BIDDERS.map((n) => {
            const { creditCode, name } = company(n).who;
            const bidId = toBase64Url(sha256(utf8(`${openingId} ${creditCode}`))).slice(0, 22);
            const promised = {
              bidId,
              openingListCommit: promisedList(creditCode, name).digest,
              ...layerOf(state, bidId),
            };
            const about = { policyHash: state.policyHash, deadlineAt: formatInstant(state.deadlineAt) };
            const enclosure = {
              kind: 'envelope',
              file: `file-${bidId}`,
              header: 'AAAA',
              statementSha256: digest(bidId),
            } as const;
            return command(company(n), 'LodgeBid', lodgedBid(n, about, promised), enclosure);
          }),
        ),
    },
    clock(
      'OpenCheckIn',
      (state) => state.checkInOpensAt ?? 0,
      ({ phase }) => phase !== 'Scheduled',
    ),
    { name: 'CheckIn', send: () => Promise.all(DECRYPTING.map((n) => command(company(n), 'CheckIn', {}))) },
    clock(
      'Seal',
      (state) => state.deadlineAt,
      ({ phase }) => phase !== 'CheckIn',
    ),
    one('PublishRoster', host),
    one('OpenWindow', host),
    {
      name: 'DecryptBid',
      send: () =>
        Promise.all(
          DECRYPTING.map((n) => {
            const jwe = `jwe ${n}`;
            return command(company(n), 'DecryptBid', { jweSha256: digest(jwe) }, { kind: 'decryption', jwe });
          }),
        ),
    },
    clock(
      'CloseWindow',
      (state) => state.window?.closesAt ?? 0,
      ({ phase }) => phase !== 'Decrypting',
    ),
    held('UnsealLayer', ['tenderer', 'witness']),
    clock(
      'CloseUnsealing',
      ({ phaseSince }) => phaseSince,
      ({ phase }) => phase !== 'TendererDecrypting',
    ),
    rulings(host),
    rulings(witness),
    one('AnnouncePrices', host),
    one('CorrectEmergency', supervisor, ({ bids }) => ({
      correction: { kind: 'reopen_ruling', bidder: bids.find((bid) => verdictOf(bid) !== null)?.bidder ?? 0 },
      reason: '现场核对有误',
    })),
    one('ConfirmCorrection', witness, ({ corrections }) => ({ number: corrections.length })),
    rulings(host),
    rulings(witness),
    one('IssueRecord', host, () => ({ note: '' })),
    one('SignRecord', company(0), record),
    clock(
      'TimeOutConfirmations',
      (state) => state.record?.confirmBy ?? 0,
      ({ record }) => record?.timedOut === true,
    ),
    one('ProposeClose', host),
    one('AttestClose', witness, record),
    one('HandOver', host),
    clock(
      'ArchiveOpening',
      (state) => state.phaseSince + state.policy.archiveAfterMs,
      ({ phase }) => phase === 'Archived',
    ),
  ];
  const data = created as unknown as Json;
  const terms = { openingId, command: 'create', type: 'CreateOpening', data, headSeen, iatSeconds: 1 };
  const create = { command: 'create', openingId, ...created, data, who: host.who, act: await host.sign(terms), source };
  const resume = async ({ suspended }: OpeningState): Promise<Submission[]> => {
    if (suspended === null) return [];
    const proposed = await command(host, 'ResumeOpening', { reason: '系统已恢复' });
    return suspended.cause === 'outage_across_deadline'
      ? [proposed, await command(witness, 'ConfirmResume', {})]
      : [proposed];
  };
  return { create, steps, resume };
}
