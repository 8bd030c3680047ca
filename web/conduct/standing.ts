/** What an official may do at this moment, and why the rest may not be done: asked of the very rules by which the server decides. */
import { sha256 } from '@noble/hashes/sha2.js';
import { toBase64Url } from '../../server/core/log/base64.ts';
import type { JsonObject } from '../../server/core/log/canonical.ts';
import { utf8 } from '../../server/core/log/utf8.ts';
import type { Words } from '../../server/core/log/words.ts';
import { COMMANDS, type Command, type CommandType, OPEN_WHILE_SUSPENDED } from '../../server/core/opening/commands.ts';
import { decide } from '../../server/core/opening/decide.ts';
import type { Facts, OpenedList } from '../../server/core/opening/facts.ts';
import { phaseCell } from '../../server/core/opening/phases.ts';
import { REFUSALS, type RefusalCode } from '../../server/core/opening/refusals.ts';
import { ASSIGNABLE, type PersonRole } from '../../server/core/opening/roles.ts';
import type { OpeningState } from '../../server/core/opening/state.ts';
import { isDrawOpen } from '../../server/core/opening/steps/drawing.ts';
import { isQuotingOpen } from '../../server/core/opening/steps/quotes.ts';
import { type ActType, type Field, type Offer, offersFor } from '../person/act-rows.ts';
import { isMade } from '../secrets/made-acts.ts';

/** From where an act is judged; `now` is the server's, ms. */
export type Stand = {
  readonly role: PersonRole;
  readonly state: OpeningState;
  readonly creditCode: string;
  readonly now: number;
};

/** An act that is not to be had now, and the refusal that the server would give. */
export type Blocked = { readonly type: ActType; readonly code: RefusalCode };

const OFFICIALS: ReadonlySet<PersonRole> = new Set(['host', 'tenderer', 'witness', 'supervisor']);
/** Whether this role's acts are judged here; a bidder's hang on the register, which no page sees. */
export const isOfficial = (role: PersonRole): boolean => OFFICIALS.has(role);

const digest = (text: string): string => toBase64Url(sha256(utf8(text)));

/** What only the server knows is taken to be well: whatever is then refused, is refused by what this page has verified. */
function factsOf({ state, now }: Stand): Facts {
  const roster = state.roster.known ? state.roster.value : [];
  const numbers = state.numbers.known ? state.numbers.value : [];
  const staff = state.staff.known ? state.staff.value : null;
  const list: OpenedList['list'] = {
    quote: { kind: 'total', amount: '0', currency: 'CNY', unit: '', inWords: '' },
    duration: '',
    quality: '',
    manager: '',
  };
  const decrypted = state.bids.filter((bid) => bid.attempts.some(({ outcome }) => outcome === 'decrypted'));
  return {
    at: now,
    receivedAt: now,
    digest,
    ownObjections: [],
    undecided: 0,
    assigned: ASSIGNABLE.filter((role) => staff?.some((one) => !one.ended && one.role === role) ?? true),
    assignee: { isOfficial: true, isDisabled: false },
    register: {
      lodgements: [],
      roster,
      certificates: [],
      counts: { receipts: 0, standing: 0, replaced: 0, withdrawn: 0 },
      envelopesRoot: '',
      numbers,
      earlyObjections: [],
    },
    windowKey: { kid: digest(''), jwk: { kty: 'EC', crv: 'P-256', x: digest(''), y: digest('') } },
    sealedShare: { isSound: true },
    drawShares: null,
    ownHolder: null,
    openingKey: null,
    layerShare: null,
    sealedQuote: null,
    quotes: null,
    openedLists: decrypted.map(({ bidder }) => ({ bidder, disclosure: '', list })),
    manifest: { sha256: '', bids: decrypted.length, document: null },
    cosigned: true,
    isErasable: true,
    outageSince: null,
  };
}

/** What decide looks at before a command's own checks: role, phase, suspension. */
function gateOf({ state, role }: Stand, type: CommandType): RefusalCode | null {
  const roles: readonly string[] = COMMANDS[type].roles;
  if (!roles.includes(role)) return 'role_not_allowed';
  const cell = phaseCell(state.phase, type);
  if (cell !== 'yes') return cell;
  return state.suspended !== null && !OPEN_WHILE_SUSPENDED.has(type) ? 'opening_is_suspended' : null;
}

/**
 * Why the server would refuse this act; null where nothing that this page knows speaks against it.
 *
 * Shape: `data` fits the command's schema as far as its checks look at it.
 * Why:   decide itself is asked. Roster and record alone are made from the register, which no page sees: of these two the checks that
 *        come before are asked one by one.
 */
export function hindranceTo(stand: Stand, type: CommandType, data: JsonObject): RefusalCode | null {
  return hindrance(stand, type, data, factsOf(stand));
}

function hindrance(stand: Stand, type: CommandType, data: JsonObject, facts: Facts): RefusalCode | null {
  const gate = gateOf(stand, type);
  // what is made when it is signed is nothing yet that could be judged: its shape has looked at what the state says
  if (gate !== null || type === 'PublishRoster' || isMade(type)) return gate;
  const { state, role } = stand;
  if (type === 'IssueRecord')
    return isDrawOpen(state) ? 'draw_not_done' : isQuotingOpen(state) ? 'quotes_missing' : null;
  const command = { type, data, actor: { role } } as unknown as Command;
  const decision = decide(state, command, facts);
  return 'refused' in decision ? decision.refused : null;
}

/** What stands for the person's own words while an act is only asked about. */
const SAMPLES: Readonly<Record<Field['kind'], string>> = {
  text: '-',
  line: '-',
  moment: '9999-01-01T00:00',
  minutes: '1',
  amount: '1',
  file: '',
  choice: '',
  marks: '',
};

/** Whether an offer is good with at least one of its choices; and with which. */
function judged(
  stand: Stand,
  offer: Offer,
  facts: Facts,
): { readonly offer: Offer | null; readonly code: RefusalCode | null } {
  const type = offer.type as CommandType;
  const choices = offer.fields.filter((field) => field.kind === 'choice');
  const sample = Object.fromEntries(offer.fields.map(({ name, kind }) => [name, SAMPLES[kind]]));
  const ask = (chosen: Readonly<Record<string, string>>) =>
    hindrance(stand, type, offer.data({ ...sample, ...chosen }), facts);
  if (choices.length === 0) {
    const code = ask({});
    return { offer: code === null ? offer : null, code };
  }
  // each option is kept that goes with some option of every other choice
  let code: RefusalCode | null = null;
  const fields = offer.fields.map((field): Field => {
    if (field.kind !== 'choice') return field;
    const others = choices.filter((one) => one !== field);
    const options = field.options.filter((option) => {
      const answers = combined(others).map((rest) => ask({ ...rest, [field.name]: option }));
      code ??= answers.find((answer) => answer !== null) ?? null;
      return answers.includes(null);
    });
    return { ...field, options };
  });
  const isEmpty = fields.some((field) => field.kind === 'choice' && field.options.length === 0);
  return isEmpty ? { offer: null, code } : { offer: { ...offer, fields }, code: null };
}

/** The offer with one of its choices made, its others narrowed to what the rules then allow; null where none is left. */
export function narrowed(stand: Stand, offer: Offer, name: string, option: string): Offer | null {
  const fields = offer.fields.map((field): Field => {
    const isMade = field.kind === 'choice' && field.name === name;
    return isMade ? { ...field, options: field.options.filter((one) => one === option) } : field;
  });
  return judged(stand, { ...offer, fields }, factsOf(stand)).offer;
}

/** Every way to choose. */
function combined(choices: readonly Extract<Field, { kind: 'choice' }>[]): Readonly<Record<string, string>>[] {
  return choices.reduce<Readonly<Record<string, string>>[]>(
    (ways, { name, options }) => ways.flatMap((way) => options.map((option) => ({ ...way, [name]: option }))),
    [{}],
  );
}

/** The steps of the common course, of which an official is told why they cannot be taken yet. */
const COURSE: readonly (CommandType & ActType)[] = [
  'PublishOpening',
  'RescheduleOpening',
  'PublishRoster',
  'StartDrawing',
  'OpenWindow',
  'EndWindowEarly',
  'OpenRemedy',
  'AnnouncePrices',
  'StartQuoteRound',
  'IssueRecord',
  'ProposeClose',
  'AttestClose',
  'HandOver',
  'SuspendOpening',
  'ResumeOpening',
  'ConfirmResume',
];

/** Refusals by which a step simply lies behind, or is none of this opening's. */
const PAST: ReadonlySet<RefusalCode> = new Set([
  'role_not_allowed',
  'too_late',
  'window_is_over',
  'opening_is_over',
  'not_suspended',
  'already_drawn',
  'no_draw_promised',
  'no_remedy_promised',
  'no_quotes_promised',
  'remedy_used',
]);

export type Standing = {
  /** In the order in which an opening comes to them. */
  readonly offers: readonly Offer[];
  /** What stands in the way of the next steps, in the same order. */
  readonly blocked: readonly Blocked[];
};

/**
 * What an official may do now, and what not yet.
 *
 * Returns: offers whose every option the rules allow; steps of the common course that are still to come, each with its refusal.
 * Why:     a button that the server refuses is worse than none, and none without a reason leaves a host alone with the clock running.
 */
export function standingAt(stand: Stand): Standing {
  const { role, state, creditCode } = stand;
  const facts = factsOf(stand);
  const found = offersFor(role, state, creditCode).map((offer) => ({
    type: offer.type,
    ...judged(stand, offer, facts),
  }));
  const offers = found.flatMap(({ offer }) => offer ?? []);
  const isOffered = (type: ActType) => offers.some((offer) => offer.type === type);
  const blocked = COURSE.filter((type) => !isOffered(type) && isOfThisCourse(type, state)).flatMap(
    (type): Blocked[] => {
      const known = found.find((one) => one.type === type)?.code ?? null;
      const code = known ?? hindrance(stand, type, ofRecord(state), facts);
      return code === null || PAST.has(code) ? [] : [{ type, code }];
    },
  );
  return { offers, blocked };
}

/** The version that an attestation would be about. */
function ofRecord({ record }: OpeningState): JsonObject {
  return record === null ? {} : { version: record.version, recordSha256: record.sha256 };
}

/** Does this opening come to that step at all? */
function isOfThisCourse(type: ActType, { policy, suspended, phase }: OpeningState): boolean {
  switch (type) {
    case 'StartDrawing':
      return policy.draw !== 'none';
    case 'OpenRemedy':
      return policy.remedy !== 'none';
    case 'StartQuoteRound':
      return policy.quoteRounds !== undefined;
    case 'RescheduleOpening':
      return phase === 'Postponed';
    case 'SuspendOpening':
      return suspended === null;
    case 'ResumeOpening':
    case 'ConfirmResume':
      return suspended !== null;
    default:
      return true;
  }
}

/** Why an act cannot be had, in both languages. */
export function blockedWords({ code }: Blocked): Words {
  return REFUSALS[code];
}
