/** Reads the form of a new opening: the body the server takes, or for each field what is wrong with it, by a stable code. */
import { Check } from 'typebox/schema';
import { parseInstant } from '../../server/core/log/instant.ts';
import { type Details, DetailsSchema, Name, OpeningId } from '../../server/core/opening/details.ts';
import {
  CoefficientText,
  MAX_HOLDERS,
  MoneyText,
  type Policy,
  PolicySchema,
  PROFILES,
  type Profile,
  type ProfileName,
  WITNESS_POINTS,
} from '../../server/core/opening/policy.ts';
import type { AssignableRole } from '../../server/core/opening/roles.ts';
import { AccountId, personOf } from '../../server/core/opening/staff.ts';
import { createOpening, hasLawfulLead } from '../../server/core/opening/steps/sealing.ts';
import { instantOf } from '../parts/moment.ts';
import { type Draft, type FieldName, isAsked } from './fields.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** What can be wrong with one field; the words stand in the dictionary under `fault_<code>`. */
export const FAULT_CODES = [
  'empty',
  'too_long',
  'not_an_id',
  'not_whole',
  'out_of_range',
  'not_a_moment',
  'deadline_too_soon',
  'not_money',
  'not_a_currency',
  'not_an_account',
  'host_is_witness',
  'not_values',
  'only_in_a_negotiation',
  'more_than_holders',
  'policy_not_lawful',
] as const;
export type FaultCode = (typeof FAULT_CODES)[number];
/** `min` and `max` of a number, in the unit of its field. */
export type Fault = { readonly code: FaultCode; readonly min?: number; readonly max?: number };
export type Faults = Readonly<Partial<Record<FieldName, Fault>>>;

export type OpeningBody = {
  readonly openingId: string;
  readonly profile: ProfileName;
  readonly details: Details;
  readonly policy: Policy;
  readonly assignments: readonly { readonly account: string; readonly role: AssignableRole }[];
};
export type ReadDraft = { readonly body: OpeningBody } | { readonly faults: Faults };

/** `now` is the server's, ms; `host` the account that will conduct it; null for a draft that is changed, whose people stand. */
export type Circumstances = { readonly now: number; readonly host: string | null };

type Range = { readonly min: number; readonly max: number };

/** The longest name, characters. */
const NAME_LIMIT = 200;
/** The least time outside a rehearsal that people have for something, min. */
const LEAST = { draw: 1, remedy: 5, quotes: 5, shares: 5 } as const;

/**
 * Reads the form.
 *
 * Returns: the body, which createOpening takes; or the faults of every field at once, the first of each.
 * Why:     the same bounds as the server's, field by field, so that nobody learns of them one refusal after the other. What the rules
 *          of the core refuse all the same is said of the policy as a whole.
 */
export function readDraft(draft: Draft, { now, host }: Circumstances): ReadDraft {
  const faults: Partial<Record<FieldName, Fault>> = {};
  const profile = draft.profile as ProfileName;
  const bounds: Profile = PROFILES[profile];
  const isRehearsal = profile === 'rehearsal';
  const wrong = (name: FieldName, code: FaultCode, range?: Range): void => {
    if (isAsked(draft, name)) faults[name] ??= { code, ...range };
  };

  const text = (name: FieldName): string => {
    const value = draft[name].normalize('NFC').trim();
    if (value === '') wrong(name, 'empty');
    else if (!Check(Name, value)) wrong(name, 'too_long', { min: 1, max: NAME_LIMIT });
    return value;
  };
  const id = (name: FieldName): string => {
    const value = draft[name].trim();
    if (value === '') wrong(name, 'empty');
    else if (!Check(OpeningId, value)) wrong(name, 'not_an_id');
    return value;
  };
  const whole = (name: FieldName, range: Range): number => {
    const typed = draft[name].trim();
    const value = Number(typed);
    if (typed === '') wrong(name, 'empty');
    else if (!/^[0-9]{1,6}$/.test(typed)) wrong(name, 'not_whole');
    else if (value < range.min || value > range.max) wrong(name, 'out_of_range', range);
    return value;
  };
  const inMinutes = (name: FieldName, { min, max }: Range): number =>
    whole(name, { min: Math.ceil(min / MINUTE), max: Math.floor(max / MINUTE) }) * MINUTE;
  const least = (minutes: number): Range => ({ min: (isRehearsal ? 1 : minutes) * MINUTE, max: 120 * MINUTE });

  const details = readDetails();
  const assignments = readAssignments();
  const policy = readPolicy();
  checkLead();
  if (Object.keys(faults).length > 0) return { faults };
  const body: OpeningBody = { openingId: id('openingId'), profile, details, policy, assignments };
  return isTaken(body) ? { body } : { faults: { profile: { code: 'policy_not_lawful' } } };

  function readDetails(): Details {
    const sessionId = draft.sessionId.trim();
    const deadlineAt = instantOf(draft.deadlineAt);
    if (draft.deadlineAt === '') wrong('deadlineAt', 'empty');
    else if (deadlineAt === null) wrong('deadlineAt', 'not_a_moment');
    id('openingId');
    return {
      title: text('title'),
      project: { code: text('projectCode'), name: text('projectName') },
      lot: { code: text('lotCode'), name: text('lotName') },
      tenderer: text('tenderer'),
      agency: text('agency'),
      place: text('place'),
      ...(sessionId !== '' && { session: { id: id('sessionId'), title: text('sessionTitle') } }),
      deadlineAt: deadlineAt ?? '',
    };
  }

  function readAssignments(): OpeningBody['assignments'] {
    if (host === null) return [];
    const people: { account: string; role: AssignableRole }[] = [{ account: host, role: 'host' }];
    for (const role of ['tenderer', 'witness', 'supervisor', 'auditor'] as const) {
      const name = `${role}Account` as const;
      const account = draft[name].trim();
      if (account === '' && role === 'auditor') continue;
      if (account === '') wrong(name, 'empty');
      else if (!Check(AccountId, account) || !/^[0-9A-Z]{18}(\/\S+)?$/.test(account)) wrong(name, 'not_an_account');
      else if (role === 'witness' && personOf(account) === personOf(host)) wrong(name, 'host_is_witness');
      people.push({ account, role });
    }
    return people;
  }

  function readPolicy(): Policy {
    const ceilingPrice = draft.ceilingPrice.trim();
    if (ceilingPrice !== '' && !Check(MoneyText, ceilingPrice)) wrong('ceilingPrice', 'not_money');
    const currency = draft.currency.trim();
    if (!/^[A-Z]{3}$/.test(currency)) wrong('currency', currency === '' ? 'empty' : 'not_a_currency');
    const rounds = whole('quoteRounds', { min: 0, max: 10 });
    if (rounds > 0 && profile !== 'negotiation' && !isRehearsal) wrong('quoteRounds', 'only_in_a_negotiation');
    const points = draft.witnessPoints.split(' ');
    const quoting = rounds > 0 && {
      quoteRounds: { maxRounds: rounds, roundMs: inMinutes('quoteTime', least(LEAST.quotes)) },
    };
    const held = draft.sharing === 'none' ? false : readSharing();
    return {
      minimumBidders: whole('minimumBidders', bounds.minimumBidders),
      checkInLeadMs: inMinutes('checkInLead', bounds.checkInLeadMs),
      decryptionWindowMs: inMinutes('decryptionWindow', bounds.decryptionWindowMs),
      maxExtensionMs: inMinutes('maxExtension', { min: 0, max: 120 * MINUTE }),
      confirmationMs: inMinutes('confirmation', bounds.confirmationMs),
      maxSuspensionMs: inMinutes('maxSuspension', { min: 0, max: 1440 * MINUTE }),
      archiveAfterMs: whole('archiveAfter', { min: 0, max: 365 * 24 }) * HOUR,
      ceilingPrice: ceilingPrice === '' ? null : ceilingPrice,
      currency,
      publicPrices: draft.publicPrices === 'yes',
      witnessPoints: WITNESS_POINTS.filter((point) => points.includes(point)),
      remedy:
        draft.remedy === 'none' ? 'none' : { kind: 'backup', windowMs: inMinutes('remedyWindow', least(LEAST.remedy)) },
      draw: draft.draw === 'none' ? 'none' : readDraw(),
      ...quoting,
      tendererLayer: draft.sharing === 'tendererLayer' ? held : false,
      blindWindow: draft.sharing === 'blindWindow' ? held : false,
    };
  }

  function readSharing(): Exclude<Policy['tendererLayer'], false> {
    const holders = whole('holders', { min: 2, max: MAX_HOLDERS });
    const threshold = whole('threshold', { min: 2, max: MAX_HOLDERS });
    if (threshold > holders) wrong('threshold', 'more_than_holders');
    return { holders, threshold, windowMs: inMinutes('shareTime', least(LEAST.shares)) };
  }

  function readDraw(): Exclude<Policy['draw'], 'none'> {
    const coefficients = readValues(draft.drawValues);
    if (coefficients === null) wrong('drawValues', draft.drawValues.trim() === '' ? 'empty' : 'not_values');
    return {
      when: draft.draw === 'after_decryption' ? 'after_decryption' : 'before_decryption',
      coefficients: coefficients ?? [],
      commitMs: inMinutes('commit', least(LEAST.draw)),
      revealMs: inMinutes('reveal', least(LEAST.draw)),
    };
  }

  /** Publication must still leave check-in its time; the draft may be made a little earlier than it is published. */
  function checkLead(): void {
    if (faults.deadlineAt !== undefined || faults.checkInLead !== undefined) return;
    const deadlineAt = parseInstant(details.deadlineAt);
    if (!hasLawfulLead(profile, { deadlineAt, checkInOpensAt: deadlineAt - policy.checkInLeadMs }, now))
      wrong('deadlineAt', 'deadline_too_soon');
  }
}

/** `0.95 0.96 0.97`, or every whole number of `1-100`; null for what names no two values. */
export function readValues(typed: string): Exclude<Policy['draw'], 'none'>['coefficients'] | null {
  const range = /^\s*([0-9]{1,7})\s*[-–~至]\s*([0-9]{1,7})\s*$/u.exec(typed);
  if (range !== null) {
    const [first, last] = [Number(range[1]), Number(range[2])];
    return first < last && last <= 1_000_000 ? { first, last } : null;
  }
  const values = typed.split(/[\s,，、;；]+/u).filter(Boolean);
  const isFit = values.length >= 2 && values.length <= 1_000 && new Set(values).size === values.length;
  return isFit && values.every((value) => Check(CoefficientText, value)) ? values : null;
}

/** Would the rules take this draft, whatever the platform's own settings are? */
function isTaken({ openingId, profile, details, policy, assignments }: OpeningBody): boolean {
  if (!Check(DetailsSchema, details) || !Check(PolicySchema, policy)) return false;
  const decision = createOpening(
    {
      openingId,
      platform: '',
      profile,
      details,
      policy,
      vkey: '',
      cosigners: { quorum: 0, vkeys: [] },
      drawCommitments: [],
      assignments,
      production: false,
    },
    { digest: () => '' },
  );
  return !('refused' in decision);
}
