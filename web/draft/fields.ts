/** What the form of a new opening asks for: every field as it is typed, in the parts in which it stands on the page. */
import {
  type Policy,
  PROFILE_NAMES,
  PROFILES,
  type ProfileName,
  WITNESS_POINTS,
} from '../../server/core/opening/policy.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** How a field is typed in. `lines`: how high; `options`: in the order shown. */
export type FieldKind =
  | { readonly kind: 'line' | 'whole' | 'moment' | 'account' }
  | { readonly kind: 'choice'; readonly options: readonly string[] }
  | { readonly kind: 'marks'; readonly options: readonly string[] };

const line = { kind: 'line' } as const;
const whole = { kind: 'whole' } as const;
const account = { kind: 'account' } as const;
const choice = (...options: readonly string[]) => ({ kind: 'choice', options }) as const;

/** The fields by part, in the order of the page. */
export const PARTS = {
  about: {
    openingId: line,
    profile: choice(...PROFILE_NAMES),
    title: line,
    projectCode: line,
    projectName: line,
    lotCode: line,
    lotName: line,
    tenderer: line,
    agency: line,
    place: line,
    deadlineAt: { kind: 'moment' },
    sessionId: line,
    sessionTitle: line,
  },
  people: { tendererAccount: account, witnessAccount: account, supervisorAccount: account, auditorAccount: account },
  times: {
    minimumBidders: whole,
    checkInLead: whole,
    decryptionWindow: whole,
    maxExtension: whole,
    confirmation: whole,
    maxSuspension: whole,
    archiveAfter: whole,
  },
  prices: { ceilingPrice: line, currency: line, publicPrices: choice('yes', 'no') },
  witness: { witnessPoints: { kind: 'marks', options: WITNESS_POINTS } },
  special: {
    draw: choice('none', 'before_decryption', 'after_decryption'),
    drawValues: line,
    commit: whole,
    reveal: whole,
    remedy: choice('none', 'backup'),
    remedyWindow: whole,
    quoteRounds: whole,
    quoteTime: whole,
    sharing: choice('none', 'tendererLayer', 'blindWindow'),
    holders: whole,
    threshold: whole,
    shareTime: whole,
  },
} as const satisfies Record<string, Record<string, FieldKind>>;
export type Part = keyof typeof PARTS;
export type FieldName = { [P in Part]: keyof (typeof PARTS)[P] }[Part] & string;

export const FIELD_NAMES = Object.values(PARTS).flatMap((part) => Object.keys(part)) as readonly FieldName[];

/** Everything as typed; marks are their names with blanks between. */
export type Draft = Readonly<Record<FieldName, string>>;

/** Fields that ask for something only where another one was chosen so. */
const NEEDS: Readonly<Partial<Record<FieldName, readonly [FieldName, readonly string[]]>>> = {
  drawValues: ['draw', ['before_decryption', 'after_decryption']],
  commit: ['draw', ['before_decryption', 'after_decryption']],
  reveal: ['draw', ['before_decryption', 'after_decryption']],
  remedyWindow: ['remedy', ['backup']],
  holders: ['sharing', ['tendererLayer', 'blindWindow']],
  threshold: ['sharing', ['tendererLayer', 'blindWindow']],
  shareTime: ['sharing', ['tendererLayer', 'blindWindow']],
};

/** Is this field asked for, as the others stand? */
export function isAsked(draft: Draft, name: FieldName): boolean {
  if (name === 'quoteTime') return draft.quoteRounds !== '0';
  if (name === 'sessionTitle') return draft.sessionId !== '';
  const need = NEEDS[name];
  return need === undefined || need[1].includes(draft[need[0]]);
}

const minutes = (ms: number): string => String(ms / MINUTE);

/** What the form holds of a policy. */
export function fieldsOfPolicy(policy: Policy): Omit<Draft, keyof typeof PARTS.about | keyof typeof PARTS.people> {
  const { draw, remedy, quoteRounds, tendererLayer, blindWindow } = policy;
  const rules = tendererLayer === false ? blindWindow : tendererLayer;
  const drawn = draw === 'none' ? null : draw;
  const values = drawn?.coefficients;
  return {
    minimumBidders: String(policy.minimumBidders),
    checkInLead: minutes(policy.checkInLeadMs),
    decryptionWindow: minutes(policy.decryptionWindowMs),
    maxExtension: minutes(policy.maxExtensionMs),
    confirmation: minutes(policy.confirmationMs),
    maxSuspension: minutes(policy.maxSuspensionMs),
    archiveAfter: String(policy.archiveAfterMs / HOUR),
    ceilingPrice: policy.ceilingPrice ?? '',
    currency: policy.currency,
    publicPrices: policy.publicPrices ? 'yes' : 'no',
    witnessPoints: policy.witnessPoints.join(' '),
    draw: drawn?.when ?? 'none',
    drawValues: values === undefined ? '' : 'first' in values ? `${values.first}-${values.last}` : values.join(' '),
    commit: drawn === null ? '5' : minutes(drawn.commitMs),
    reveal: drawn === null ? '5' : minutes(drawn.revealMs),
    remedy: remedy === 'none' ? 'none' : 'backup',
    remedyWindow: remedy === 'none' ? '15' : minutes(remedy.windowMs),
    quoteRounds: String(quoteRounds?.maxRounds ?? 0),
    quoteTime: quoteRounds === undefined ? '15' : minutes(quoteRounds.roundMs),
    sharing: rules === false ? 'none' : tendererLayer === false ? 'blindWindow' : 'tendererLayer',
    holders: rules === false ? '3' : String(rules.holders),
    threshold: rules === false ? '2' : String(rules.threshold),
    shareTime: rules === false ? '15' : minutes(rules.windowMs),
  };
}

/** An empty form, with what the law of this kind of procurement takes for granted. */
export function freshDraft(profile: ProfileName): Draft {
  const nobody = Object.fromEntries(FIELD_NAMES.map((name) => [name, ''])) as Draft;
  return { ...nobody, profile, ...fieldsOfPolicy(PROFILES[profile].defaults) };
}

/** Another kind of procurement: its defaults in place of the policy so far; what the opening is about stays. */
export function turnedTo(draft: Draft, profile: ProfileName): Draft {
  return { ...draft, profile, ...fieldsOfPolicy(PROFILES[profile].defaults) };
}

/** The fields in which a draft says something else than the one on the log; who holds which role is changed elsewhere. */
export function changedNames(draft: Draft, logged: Draft): FieldName[] {
  return FIELD_NAMES.filter(
    (name) => !(name in PARTS.people) && (isAsked(draft, name) || isAsked(logged, name)),
  ).filter((name) => draft[name] !== logged[name]);
}
