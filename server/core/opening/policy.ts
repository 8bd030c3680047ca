// The policy of one opening: windows, minimums and switches, frozen by its hash at publication, bounded by its regime profile.
import * as Type from 'typebox';

const MINUTE = 60_000;

/** Points of an opening that a policy can make its witness acknowledge, each once what it is about has happened. */
export const WITNESS_POINTS = ['seal', 'roster', 'decryption', 'prices', 'record'] as const;
export type WitnessPoint = (typeof WITNESS_POINTS)[number];

/** A non-negative decimal with at most two places, as money is written in the log: never a float. */
export const MoneyText = Type.String({ pattern: '^(0|[1-9][0-9]{0,15})(\\.[0-9]{1,2})?$' });

/** A quote's amount: like money, with up to six places, since a rate has more than a price. */
export const DecimalText = Type.String({ pattern: '^(0|[1-9][0-9]{0,15})(\\.[0-9]{1,6})?$' });

/** One value that may be drawn, as people write it: `0.95`, `3%`, `A`. */
export const CoefficientText = Type.String({ pattern: '^[0-9A-Za-z.%+-]{1,20}$' });

/** What is drawn, when, and how long people have for it (domain §2, Drawing). */
export const DrawRulesSchema = Type.Object(
  {
    when: Type.Union([Type.Literal('before_decryption'), Type.Literal('after_decryption')]),
    /** The values, each as likely as any other: written out, or every whole number of a range, both ends included. */
    coefficients: Type.Union([
      Type.Array(CoefficientText, { minItems: 2, maxItems: 1_000, uniqueItems: true }),
      Type.Object(
        {
          first: Type.Integer({ minimum: 0, maximum: 1_000_000 }),
          last: Type.Integer({ minimum: 0, maximum: 1_000_000 }),
        },
        { additionalProperties: false },
      ),
    ]),
    /** How long shares are committed, ms; the witness's is waited for even longer. */
    commitMs: Type.Integer({ minimum: 1_000, maximum: 120 * MINUTE }),
    /** How long each may show its own share, ms, before the holders of the draw's key open what is left. */
    revealMs: Type.Integer({ minimum: 1_000, maximum: 120 * MINUTE }),
  },
  { additionalProperties: false },
);
export type DrawRules = Type.Static<typeof DrawRulesSchema>;

/** The remedy plan of the tender documents (20号令31): the key that a bidder kept, and how long it may be handed in, ms. */
export const RemedyRulesSchema = Type.Object(
  { kind: Type.Literal('backup'), windowMs: Type.Integer({ minimum: 1_000, maximum: 120 * MINUTE }) },
  { additionalProperties: false },
);

/** Holders of one opening key: everyone of a tenderer's side who may have to be there. */
export const MAX_HOLDERS = 9;

/** A key that several people hold, of a second layer or of a blind window: how many have a share, how many of them give the key, and how long they have after the window, ms. */
export const LayerRulesSchema = Type.Object(
  {
    holders: Type.Integer({ minimum: 2, maximum: MAX_HOLDERS }),
    threshold: Type.Integer({ minimum: 2, maximum: MAX_HOLDERS }),
    windowMs: Type.Integer({ minimum: 1_000, maximum: 120 * MINUTE }),
  },
  { additionalProperties: false },
);
export type LayerRules = Type.Static<typeof LayerRulesSchema>;

export const PolicySchema = Type.Object(
  {
    /** Fewer sealed bids than this at the deadline and the tender fails (条例44, 87号令41/43). */
    minimumBidders: Type.Integer({ minimum: 1, maximum: 100 }),
    /** How long before the deadline check-in opens, ms. */
    checkInLeadMs: Type.Integer({ minimum: 0, maximum: 1440 * MINUTE }),
    /** Length of the decryption window, ms. */
    decryptionWindowMs: Type.Integer({ minimum: 1_000, maximum: 120 * MINUTE }),
    /** All extensions of the window together, ms. */
    maxExtensionMs: Type.Integer({ minimum: 0, maximum: 120 * MINUTE }),
    /** How long bidders have to sign or refuse the record, ms. */
    confirmationMs: Type.Integer({ minimum: 1_000, maximum: 120 * MINUTE }),
    /** All suspensions by the host together, ms; a supervisor's or the clock's do not count against it. */
    maxSuspensionMs: Type.Integer({ minimum: 0, maximum: 1440 * MINUTE }),
    /** How long after hand-over, failure or termination the clock archives, ms. */
    archiveAfterMs: Type.Integer({ minimum: 0, maximum: 365 * 1440 * MINUTE }),
    /** 最高投标限价; over it is flagged, nothing is rejected here (87号令59). */
    ceilingPrice: Type.Union([MoneyText, Type.Null()]),
    currency: Type.String({ pattern: '^[A-Z]{3}$' }),
    /** Whether the public sees announced prices and the whole record; otherwise those who take part do, and the public a form without prices (采购法38). */
    publicPrices: Type.Boolean(),
    /** What the witness must acknowledge before the opening can close (domain §2, Closed). */
    witnessPoints: Type.Array(Type.Enum(WITNESS_POINTS), { uniqueItems: true }),
    remedy: Type.Union([Type.Literal('none'), RemedyRulesSchema]),
    draw: Type.Union([Type.Literal('none'), DrawRulesSchema]),
    /** Rounds of sealed quotes after the announcement (采购法38(5)), and how long each takes quotes, ms; absent: none. */
    quoteRounds: Type.Optional(
      Type.Object(
        {
          maxRounds: Type.Integer({ minimum: 1, maximum: 10 }),
          roundMs: Type.Integer({ minimum: 1_000, maximum: 1440 * MINUTE }),
        },
        { additionalProperties: false },
      ),
    ),
    /** 招标人解密: whether bids are sealed to an opening key of tenderer, host and witness as well. */
    tendererLayer: Type.Union([Type.Literal(false), LayerRulesSchema]),
    /** Whether the window key itself is held in shares, so that nothing sealed to it opens before the window is over (seal/BLIND.md). */
    blindWindow: Type.Union([Type.Literal(false), LayerRulesSchema]),
  },
  { additionalProperties: false },
);
export type Policy = Type.Static<typeof PolicySchema>;

type Range = { readonly min: number; readonly max: number };

/** What the law of one kind of procurement fixes: article texts, minimums and the lawful range of each window. */
export type Profile = {
  readonly zh: string;
  readonly en: string;
  readonly articles: {
    readonly failed: string;
    readonly fault: string;
    readonly objection: string;
    readonly record: string;
  };
  readonly minimumBidders: Range;
  readonly checkInLeadMs: Range;
  readonly decryptionWindowMs: Range;
  readonly confirmationMs: Range;
  readonly defaults: Policy;
};

const lawful = {
  checkInLeadMs: { min: 60 * MINUTE, max: 1440 * MINUTE },
  decryptionWindowMs: { min: 10 * MINUTE, max: 120 * MINUTE },
  confirmationMs: { min: 5 * MINUTE, max: 120 * MINUTE },
};

const defaults: Policy = {
  minimumBidders: 3,
  checkInLeadMs: 120 * MINUTE,
  decryptionWindowMs: 30 * MINUTE,
  maxExtensionMs: 60 * MINUTE,
  confirmationMs: 10 * MINUTE,
  maxSuspensionMs: 240 * MINUTE,
  archiveAfterMs: 24 * 60 * MINUTE,
  ceilingPrice: null,
  currency: 'CNY',
  publicPrices: true,
  witnessPoints: [...WITNESS_POINTS],
  remedy: 'none',
  draw: 'none',
  tendererLayer: false,
  blindWindow: false,
};

/** Regime profiles as data. `rehearsal` 演练 frees the time limits; production configuration refuses it (domain §2). */
export const PROFILES = {
  engineering: {
    zh: '工程建设招标',
    en: 'Construction tendering',
    articles: { failed: '条例44', fault: '20号令31', objection: '条例44、60', record: '20号令32' },
    minimumBidders: { min: 3, max: 100 },
    ...lawful,
    defaults,
  },
  government_procurement: {
    zh: '政府采购公开招标',
    en: 'Government procurement by open tender',
    articles: { failed: '87号令41、43', fault: '20号令31', objection: '87号令42', record: '87号令42' },
    minimumBidders: { min: 3, max: 100 },
    ...lawful,
    defaults,
  },
  negotiation: {
    zh: '竞争性谈判',
    en: 'Competitive negotiation',
    articles: { failed: '采购法38', fault: '20号令31', objection: '采购法52', record: '采购法38' },
    minimumBidders: { min: 2, max: 100 },
    ...lawful,
    defaults: { ...defaults, publicPrices: false, witnessPoints: ['seal', 'prices', 'record'] },
  },
  non_tender: {
    zh: '非招标采购',
    en: 'Procurement without tender',
    articles: { failed: '采购法26', fault: '20号令31', objection: '采购法52', record: '20号令32' },
    minimumBidders: { min: 1, max: 100 },
    ...lawful,
    defaults: { ...defaults, minimumBidders: 1, witnessPoints: ['seal', 'prices', 'record'] },
  },
  rehearsal: {
    zh: '演练',
    en: 'Rehearsal',
    articles: { failed: '条例44', fault: '20号令31', objection: '条例44、60', record: '20号令32' },
    minimumBidders: { min: 1, max: 100 },
    checkInLeadMs: { min: 0, max: 1440 * MINUTE },
    decryptionWindowMs: { min: 1_000, max: 120 * MINUTE },
    confirmationMs: { min: 1_000, max: 120 * MINUTE },
    defaults: { ...defaults, witnessPoints: [] },
  },
} as const satisfies Record<string, Profile>;
export type ProfileName = keyof typeof PROFILES;
export const PROFILE_NAMES = Object.keys(PROFILES) as readonly ProfileName[];

/** The members of a policy that a profile bounds. */
export const BOUNDED = ['minimumBidders', 'checkInLeadMs', 'decryptionWindowMs', 'confirmationMs'] as const;

/**
 * The first member of the policy that its profile does not allow, or null.
 *
 * Source: domain §2 (check-in 60–1440 min, window 10–120 min), 条例44, 87号令41/43.
 */
export function unlawfulMember(profile: ProfileName, policy: Policy): (typeof BOUNDED)[number] | null {
  const p: Profile = PROFILES[profile];
  return BOUNDED.find((m) => policy[m] < p[m].min || policy[m] > p[m].max) ?? null;
}

/** Least time outside a rehearsal for committing and for showing shares: a person has to be told, look, and act. */
const LEAST_DRAW_MS = MINUTE;
/** Least time outside a rehearsal for fetching a kept key. */
const LEAST_REMEDY_MS = 5 * MINUTE;

/** Least time outside a rehearsal for a quote. */
const LEAST_ROUND_MS = 5 * MINUTE;

/** Are rounds of quotes held where the law has them, in a negotiation, and with room to act? */
export function areLawfulRounds(profile: ProfileName, { quoteRounds }: Pick<Policy, 'quoteRounds'>): boolean {
  if (quoteRounds === undefined || profile === 'rehearsal') return true;
  return profile === 'negotiation' && quoteRounds.roundMs >= LEAST_ROUND_MS;
}

/** Least time outside a rehearsal for giving shares. */
const LEAST_LAYER_MS = 5 * MINUTE;

/** Can as many holders as are needed be there, and have they room to act? Of a second layer or a blind window, whichever the policy has. */
export function areLawfulLayerRules(
  profile: ProfileName,
  { tendererLayer, blindWindow }: Pick<Policy, 'tendererLayer' | 'blindWindow'>,
): boolean {
  return [tendererLayer, blindWindow].every((rules) => {
    if (rules === false) return true;
    const { holders, threshold, windowMs } = rules;
    return threshold <= holders && (profile === 'rehearsal' || windowMs >= LEAST_LAYER_MS);
  });
}

/** Does the remedy leave room to act? */
export function isLawfulRemedy(profile: ProfileName, { remedy }: Pick<Policy, 'remedy'>): boolean {
  return remedy === 'none' || profile === 'rehearsal' || remedy.windowMs >= LEAST_REMEDY_MS;
}

/** Does the draw leave room to act and something to draw from? */
export function isLawfulDraw(profile: ProfileName, { draw }: Pick<Policy, 'draw'>): boolean {
  if (draw === 'none') return true;
  const { coefficients, commitMs, revealMs } = draw;
  if ('first' in coefficients && coefficients.first >= coefficients.last) return false;
  return profile === 'rehearsal' || (commitMs >= LEAST_DRAW_MS && revealMs >= LEAST_DRAW_MS);
}

/**
 * Does the policy keep prices from the platform twice?
 *
 * Why: under a second layer the platform reads no price before the holders have acted after the window, and that is all that a blind
 *      window does. Two keys of the same holders would open nothing later and be lost more easily: no policy has both.
 */
export function isBlindTwice({ tendererLayer, blindWindow }: Pick<Policy, 'tendererLayer' | 'blindWindow'>): boolean {
  return tendererLayer !== false && blindWindow !== false;
}
