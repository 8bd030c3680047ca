/** A judged log as the list that a reader goes through: each thing that was looked at, good, bad, open, or not come to. */
import type { HeldPart } from '../../server/verify/log.ts';
import type { JudgedLog } from './judge-messages.ts';
import type { Key } from './words-zh.ts';

/** `open`: nothing is wrong, and nothing outside of what was given vouches for it. */
export type Standing = 'good' | 'bad' | 'open' | 'unseen';

export type Item = {
  readonly key:
    | 'key'
    | 'files'
    | 'entries'
    | 'acts'
    | 'certificates'
    | 'rules'
    | 'end'
    | 'anchor'
    | 'cosigners'
    | 'stamps'
    | 'mark';
  readonly standing: Standing;
  readonly words: Key;
  readonly fills?: Readonly<Record<string, string | number>>;
  /** What the verifier says in its own words, names and instants. */
  readonly detail?: string;
};

/** The parts in the order in which the verifier comes to them, each with the items it answers. */
const ITEMS_OF: Readonly<Record<HeldPart, readonly Item['key'][]>> = {
  key: ['key'],
  files: ['files'],
  entries: ['entries', 'acts', 'rules', 'certificates'],
  end: ['end'],
  anchor: ['anchor'],
  cosigners: ['cosigners'],
  stamps: ['stamps'],
};
const PARTS = Object.keys(ITEMS_OF) as HeldPart[];

/** Reasons within one part that speak of one of its items alone; of any other the first item is red. */
const ITEM_OF_REASON: readonly (readonly [RegExp, Item['key']])[] = [
  [/^(person_|act_|login_|actor_|machine_)/, 'acts'],
  [/^(certificate_|evidence_|anchor_not_believed)/, 'certificates'],
  [
    /^(event_|step_|policy_hash|quorum_|envelopes_|lodgements_|roster_|numbers_|quotes_|share_|coefficient_|prices_|record_)/,
    'rules',
  ],
];

/** The items of a log, whether it holds or not. */
export function itemsOf(log: JudgedLog): Item[] {
  return log.refusal === null ? held(log) : refused(log, log.refusal.reason);
}

function refused({ held }: JudgedLog, reason: string): Item[] {
  const failing = PARTS.find((part) => !held.includes(part)) ?? 'stamps';
  const [first] = ITEMS_OF[failing];
  const named = ITEM_OF_REASON.find(([pattern]) => pattern.test(reason))?.[1];
  const bad = named !== undefined && ITEMS_OF[failing].includes(named) ? named : first;
  return PARTS.flatMap((part) =>
    ITEMS_OF[part].map((key): Item => {
      if (key === bad) return { key, standing: 'bad', words: 'isRefused' };
      return held.includes(part)
        ? { key, standing: 'good', words: 'holds' }
        : { key, standing: 'unseen', words: 'notLookedAt' };
    }),
  );
}

function held({ verified, mark }: JudgedLog): Item[] {
  if (verified === null) return [];
  const { entries, root, actsChecked, certificates, files, withheld, erased, standing } = verified;
  const items: Item[] = [
    { key: 'key', standing: 'good', words: 'keyHolds', detail: verified.origin },
    ...(files === null ? [] : [{ key: 'files', standing: 'good', words: 'filesHold', fills: { n: files } } as const]),
    { key: 'entries', standing: 'good', words: 'entriesHold', fills: { n: entries }, detail: root },
    { key: 'acts', standing: 'good', words: 'actsHold', fills: { n: actsChecked } },
  ];
  if (verified.kind === 'opening')
    items.push({
      key: 'rules',
      standing: 'good',
      words: withheld === 0 ? 'rulesHold' : 'rulesHoldPartly',
      fills: { n: withheld, erased },
    });
  if (certificates.named > 0) items.push(certificateItem(certificates));
  if (verified.kind === 'opening')
    items.push({
      key: 'end',
      standing: standing === 'valid, complete' ? 'good' : 'open',
      words: standing === 'valid, complete' ? 'isComplete' : 'isOpen',
    });
  items.push(anchorItem(verified.anchoredBy, verified.anchoring), ...outsideItems(verified));
  if (mark !== null)
    items.push({
      key: 'mark',
      standing: mark === 'stands' ? 'good' : mark === 'not_reached' ? 'open' : 'bad',
      words: `mark_${mark}`,
    });
  return items;
}

function certificateItem({ named, judged }: { readonly named: number; readonly judged: number }): Item {
  const isWhole = named === judged;
  return {
    key: 'certificates',
    standing: isWhole ? 'good' : 'open',
    words: isWhole ? 'certificatesHold' : 'certificatesPartly',
    fills: { n: judged, of: named },
  };
}

function anchorItem(kind: NonNullable<JudgedLog['verified']>['anchoredBy'], detail: string): Item {
  const isTrusted = kind === 'trusted_key' || kind === 'trusted_ledger' || kind === 'whole_ledger';
  return { key: 'anchor', standing: isTrusted ? 'good' : 'open', words: `anchor_${kind}`, detail };
}

function outsideItems({ kind, cosigned, timestamped, states }: NonNullable<JudgedLog['verified']>): Item[] {
  if (kind === 'access') return [];
  const cosigners: Item =
    cosigned === null
      ? { key: 'cosigners', standing: 'open', words: 'noCosigners' }
      : {
          key: 'cosigners',
          standing: states.includes('cosigned') ? 'good' : 'open',
          words: states.includes('cosigned') ? 'cosigned' : 'notCosigned',
          detail: cosigned,
        };
  const stamps: Item =
    timestamped === null
      ? { key: 'stamps', standing: 'open', words: 'noStamps' }
      : { key: 'stamps', standing: 'good', words: 'stamped', detail: timestamped };
  return kind === 'opening' ? [cosigners, stamps] : [cosigners];
}

/** The verdict above the list: red when anything is, green when the reader's own anchor vouches for it, else only consistent in itself. */
export function verdictOf(log: JudgedLog): 'bad' | 'good' | 'inner' {
  const items = itemsOf(log);
  if (items.some(({ standing }) => standing === 'bad')) return 'bad';
  return items.find(({ key }) => key === 'anchor')?.standing === 'good' ? 'good' : 'inner';
}
