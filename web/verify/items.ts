/** A judged log as the list that a reader goes through: each thing that was looked at, good, bad, open, or not come to. */
import type { HeldPart } from '../../server/verify/log.ts';
import type { HeldAgainst, JudgedLog, JudgedReceipt, MarkFound, MarkVerdict } from './judge-messages.ts';
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
    | 'mark'
    | 'paper'
    | 'paperRecord'
    | 'paperPages'
    | 'paperLog';
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

function held({ verified, mark, heldAgainst }: JudgedLog): Item[] {
  if (verified === null) return [];
  const { entries, root, actsChecked, certificates, files, withheld, erased, standing } = verified;
  const items: Item[] = [
    { key: 'key', standing: 'good', words: 'keyHolds', detail: verified.origin },
    ...(files === null ? [] : [{ key: 'files', standing: 'good', words: 'filesHold', fills: { n: files } } as const]),
    { key: 'entries', standing: 'good', words: 'entriesHold', fills: { n: entries }, detail: root },
    // an opening begins with an act: where none was checked, none was shown
    verified.kind === 'opening' && actsChecked === 0
      ? { key: 'acts', standing: 'open', words: 'actsNone' }
      : { key: 'acts', standing: 'good', words: 'actsHold', fills: { n: actsChecked } },
  ];
  if (verified.kind === 'opening')
    items.push({
      key: 'rules',
      standing: 'good',
      words: withheld === 0 ? 'rulesHold' : 'rulesHoldPartly',
      fills: { n: withheld, erased },
    });
  if (certificates.named > 0) items.push(certificateItem(certificates, verified.anchoredBy));
  if (verified.kind === 'opening')
    items.push({
      key: 'end',
      standing: standing === 'valid, complete' ? 'good' : 'open',
      words: standing === 'valid, complete' ? 'isComplete' : 'isOpen',
    });
  items.push(anchorItem(verified.anchoredBy, verified.anchoring), ...outsideItems(verified, heldAgainst));
  if (mark !== null) items.push(markItem(mark));
  return items;
}

/** A log that has not come to the place of a printed mark is cut off: paper is printed after the entry it speaks of. */
const MARK_STANDINGS = {
  stands: 'good',
  replaced: 'open',
  named: 'open',
  absent: 'bad',
  other_opening: 'bad',
  other_head: 'bad',
  other_record: 'bad',
  not_reached: 'bad',
} as const satisfies Record<MarkVerdict, Standing>;

function markItem({ verdict, present, sha256 }: MarkFound): Item {
  const isNamed = verdict === 'named' || verdict === 'replaced';
  return {
    key: 'mark',
    standing: MARK_STANDINGS[verdict],
    words: `mark_${verdict}`,
    fills: { n: present ?? 0 },
    ...(isNamed && sha256 !== null && { detail: sha256 }),
  };
}

/** Whose certificate it is says an authority; whom the platform believes stands in its ledger, and without that is the material's own word. */
function certificateItem(
  { named, judged }: { readonly named: number; readonly judged: number },
  anchoredBy: NonNullable<JudgedLog['verified']>['anchoredBy'],
): Item {
  const fills = { n: judged, of: named };
  if (named !== judged) return { key: 'certificates', standing: 'open', words: 'certificatesPartly', fills };
  return anchoredBy === 'whole_ledger'
    ? { key: 'certificates', standing: 'good', words: 'certificatesHold', fills }
    : { key: 'certificates', standing: 'open', words: 'certificatesOwnWord', fills };
}

function anchorItem(kind: NonNullable<JudgedLog['verified']>['anchoredBy'], detail: string): Item {
  const isTrusted = kind === 'trusted_key' || kind === 'trusted_ledger' || kind === 'whole_ledger';
  return { key: 'anchor', standing: isTrusted ? 'good' : 'open', words: `anchor_${kind}`, detail };
}

/** Cosigners and time-stamping authorities count where the reader named them: whom the material names itself, it may have made. */
function outsideItems(
  { kind, cosigned, timestamped, states }: NonNullable<JudgedLog['verified']>,
  { policy, stampRoots }: HeldAgainst,
): Item[] {
  if (kind === 'access') return [];
  const isReached = states.includes('cosigned');
  const cosigners: Item =
    cosigned === null
      ? { key: 'cosigners', standing: 'open', words: 'noCosigners' }
      : {
          key: 'cosigners',
          standing: isReached && policy ? 'good' : 'open',
          words: !isReached ? 'notCosigned' : policy ? 'cosigned' : 'cosignedOwnWord',
          detail: cosigned,
        };
  const stamps: Item =
    timestamped === null
      ? { key: 'stamps', standing: 'open', words: 'noStamps' }
      : {
          key: 'stamps',
          standing: stampRoots ? 'good' : 'open',
          words: stampRoots ? 'stamped' : 'stampedOwnWord',
          detail: timestamped,
        };
  return kind === 'opening' ? [cosigners, stamps] : [cosigners];
}

/** The verdict above the list: red when anything is, green when the reader's own anchor vouches for it, else only consistent in itself. */
export function verdictOf(log: JudgedLog): 'bad' | 'good' | 'inner' {
  const items = itemsOf(log);
  if (items.some(({ standing }) => standing === 'bad')) return 'bad';
  return items.find(({ key }) => key === 'anchor')?.standing === 'good' ? 'good' : 'inner';
}

/** What stands under a verdict, so that it says no more than is so. */
export type Limit = {
  readonly words: 'noAnchor' | 'noAnchorFetched' | 'anchorOther' | 'someOpen' | 'receiptNotCosigned';
  readonly fills?: Readonly<Record<string, number>>;
};

/** What a verdict on a log leaves open; null where it is red, or nothing is. */
export function limitOf(log: JudgedLog): Limit | null {
  const verdict = verdictOf(log);
  if (verdict === 'bad') return null;
  if (verdict === 'good') {
    const open = itemsOf(log).filter(({ standing }) => standing === 'open').length;
    return open === 0 ? null : { words: 'someOpen', fills: { n: open } };
  }
  const { key, policy } = log.heldAgainst;
  if (policy && !key) return { words: 'anchorOther' };
  return { words: log.isFetched ? 'noAnchorFetched' : 'noAnchor' };
}

/** The verdict on a receipt, and what it leaves open. */
export function receiptVerdict({ refusal, isTrusted, cosigned, hasPolicy }: JudgedReceipt): {
  readonly verdict: 'good' | 'bad' | 'inner';
  readonly limit: Limit | null;
} {
  if (refusal !== null) return { verdict: 'bad', limit: null };
  if (!isTrusted) return { verdict: 'inner', limit: { words: hasPolicy ? 'anchorOther' : 'noAnchor' } };
  if (cosigned !== null && !cosigned.isReached) return { verdict: 'inner', limit: { words: 'receiptNotCosigned' } };
  return { verdict: 'good', limit: null };
}
