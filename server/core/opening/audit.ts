// The auditor's fold: evolve, and beside it everything that clear values and the disclosures at hand allow to be held against each other.
import { Check } from 'typebox/schema';
import { bodySha256 } from '../log/act.ts';
import { canonicalise, isJsonObject, type Json } from '../log/canonical.ts';
import type { Entry } from '../log/entry.ts';
import { LogFormatError } from '../log/error.ts';
import type { Sha256 } from '../log/hash.ts';
import { openingOrigin } from '../log/origin.ts';
import type { Words } from '../log/words.ts';
import { coefficientProblem, drawPromiseProblem, shareProblem } from './audit-drawing.ts';
import { keyProblem, layerProblem, sealedToProblem } from './audit-layer.ts';
import {
  archiveProblem,
  type DigestText,
  digestWith,
  type Finding,
  recordProblem,
  rosterProblem,
  rowsProblem,
  sealProblem,
} from './audit-lists.ts';
import { quotesProblem } from './audit-quotes.ts';
import { COMMANDS } from './commands.ts';
import { CorruptLogError } from './corrupt-log.ts';
import { isWithinReach } from './cosigners.ts';
import { isErasable } from './erasure.ts';
import type { LoggedEvent } from './events.ts';
import { begin, evolve } from './evolve.ts';
import type { CheckShape } from './fields.ts';
import { isLawful } from './lawful.ts';
import { CREATION, isMachine, ORIGINS, type Origin, rolesOf } from './origins.ts';
import { readEvent } from './read-event.ts';
import { REGISTER_COMMANDS } from './register.ts';
import { readSignedAct, type SignedAct } from './signed-act.ts';
import { isDecrypted, numberOf, type OpeningState } from './state.ts';

/** What an audit can find, beyond what `verifyLog` and `checkAct` look at. */
export const AUDIT_PROBLEMS = {
  event_does_not_fit: {
    en: 'An entry says what cannot follow from the entries before it.',
    zh: '条目内容不可能承接此前的条目。',
  },
  entry_other_opening: { en: 'An entry or act belongs to another opening.', zh: '条目或操作属于另一场开标。' },
  actor_not_allowed: { en: 'An entry names a role that may not do this.', zh: '条目所载角色无权进行该操作。' },
  step_not_lawful: { en: 'The rules did not allow this step at this time.', zh: '当时的规则不允许这一步骤。' },
  person_missing: {
    en: 'A person acted, and the entry holds no person, source or act.',
    zh: '本应由人作出的操作，条目中却没有人员、来源或签名。',
  },
  machine_with_person: {
    en: 'A machine acted, and the entry names a person.',
    zh: '本由系统作出的操作，条目中却载有人员。',
  },
  act_unreadable: { en: 'The signed act cannot be read.', zh: '签名的操作无法读取。' },
  act_other_command: { en: 'The act was signed for another command.', zh: '该签名对应另一项指令。' },
  act_other_type: { en: 'The act asks for something else than what is recorded.', zh: '签名所请求的事项与记录不同。' },
  act_data_differs: { en: 'The entry says something else than what was signed.', zh: '条目内容与签名内容不一致。' },
  person_differs: { en: 'The entry names another person than the one who signed.', zh: '条目所载人员与签名人不一致。' },
  bidder_differs: {
    en: 'The entry gives the act to another bidder than the one who signed.',
    zh: '条目将操作归于另一投标人。',
  },
  holder_differs: {
    en: 'The entry gives the act to another holder of the opening key than the one who signed.',
    zh: '条目将操作归于另一开标密钥持有人。',
  },
  policy_hash_differs: { en: 'The policy is not the one its hash names.', zh: '开标规则与其摘要不符。' },
  quorum_out_of_reach: {
    en: 'The opening asks for more cosigners than it names.',
    zh: '开标要求的联署数量多于其列明的联署方。',
  },
  envelopes_root_differs: {
    en: 'The sealed root is not the root of the lodgements.',
    zh: '封存根与各投标递交记录不符。',
  },
  lodgements_disordered: {
    en: 'The lodgements are not one for each bidder, in order.',
    zh: '递交记录未按投标人逐一依序排列。',
  },
  roster_differs: {
    en: 'The roster is not what was sealed at the deadline.',
    zh: '投标人名单与截标时封存的内容不一致。',
  },
  numbers_not_a_permutation: {
    en: 'The bidder numbers are not a draw of 1 to n.',
    zh: '投标人编号不是 1 至 n 的排列。',
  },
  quotes_differ: {
    en: 'The released quotes are not those that were committed to in the round.',
    zh: '公布的报价与本轮承诺的不一致。',
  },
  share_differs: {
    en: 'A share of the drawing is not the one that was promised.',
    zh: '抽取份额与事先的承诺不符。',
  },
  coefficient_differs: {
    en: 'The coefficient does not follow from the shares.',
    zh: '系数与各份额推算的结果不符。',
  },
  opening_key_differs: {
    en: 'A holder’s key, the opening key or what a bid is sealed to is not what the log names.',
    zh: '持有人公钥、开标密钥或投标所用的加密密钥与日志所载不符。',
  },
  layer_share_differs: {
    en: 'A share of the opening key that is called wrong is the one that was dealt.',
    zh: '被认定错误的开标密钥份额与分发时的承诺相符。',
  },
  prices_differ: {
    en: 'An announced price is not what was promised before the deadline.',
    zh: '唱标内容与截标前承诺的不一致。',
  },
  record_differs: { en: 'The record is not what the log says.', zh: '开标记录与日志不一致。' },
  manifest_differs: { en: 'What was handed over is not what the entry says.', zh: '移交清单与条目不一致。' },
  counts_differ: { en: 'The counts at the end do not add up with the log.', zh: '归档数量与日志不符。' },
} as const satisfies Record<string, Words>;
export type AuditCode = keyof typeof AUDIT_PROBLEMS;
export type AuditProblem = { readonly code: AuditCode; readonly seq?: number; readonly words: Words };

/** Problems kept; one is enough to refuse a log, and a hostile one must not fill the memory. */
export const PROBLEM_LIMIT = 1_000;

export type Audit = {
  /** Takes the next entry with the withheld values that are disclosed to this reader. Returns: what is wrong with it, most telling first. */
  add(entry: Entry, disclosed: Readonly<Record<string, unknown>>): readonly AuditProblem[];
  /** All problems; the state, null before genesis; whether the log has come to its terminal entry. */
  finish(): {
    readonly problems: readonly AuditProblem[];
    readonly state: OpeningState | null;
    readonly complete: boolean;
  };
};

/**
 * Starts an audit of one opening's log.
 *
 * Shape:   entries come in order, from seq 0, already held against bytes, signatures and commitments by `verifyLog`.
 * Returns: an audit that keeps the folded state and nothing of the entries.
 * Calls:   `check` in the place of `Check`, where a caller has a faster one that answers the same.
 * Why:     a recorder that holds the keys could sign a log that decide would never have made; this asks again, as far as one may
 *          see. Every disclosure withheld leaves its checks out and no other.
 */
export function createAudit(sha256: Sha256, check: CheckShape = Check): Audit {
  const digest = digestWith(sha256);
  const problems: AuditProblem[] = [];
  let state: OpeningState | null = null;
  /** The type of each entry, which tells whether a field of it may be erased. */
  const types: string[] = [];
  let broken = false;

  function judge(entry: Entry, disclosed: Readonly<Record<string, unknown>>): AuditCode[] {
    let event: LoggedEvent;
    const before = state;
    try {
      event = readEvent(entry, disclosed, check);
      state = before === null ? begin(event) : evolve(before, event);
    } catch (fault) {
      if (!(fault instanceof CorruptLogError)) throw fault;
      broken = true;
      return ['event_does_not_fit'];
    }
    const found: (AuditCode | null)[] = [
      entry.log === openingOrigin(state.platform, state.openingId) ? null : 'entry_other_opening',
      rolesOf(event.type).some((role) => role === entry.actor.role) ? null : 'actor_not_allowed',
      before === null || isLawful(before, event, entry.actor.role) ? null : 'step_not_lawful',
      event.type !== 'ErasureProposed' || isErasable(types[event.body.seq] ?? '', event.body.field)
        ? null
        : 'step_not_lawful',
      ...personProblems(entry, event, state, { sha256, check }),
      ...listProblems(before, state, event, digest, sha256),
    ];
    return found.filter((code) => code !== null);
  }

  return {
    add(entry, disclosed) {
      // behind an entry that does not fit there is no state to hold anything against
      if (broken) return [];
      types.push(entry.type);
      const found = judge(entry, disclosed).map((code) => ({ code, seq: entry.seq, words: AUDIT_PROBLEMS[code] }));
      problems.push(...found.slice(0, Math.max(0, PROBLEM_LIMIT - problems.length)));
      return found;
    },
    finish: () => ({ problems, state, complete: !broken && state?.phase === 'Archived' }),
  };
}

/** Values that stand on the log twice: in a list and in its digest, in a sum and in what it adds up. */
function listProblems(
  before: OpeningState | null,
  after: OpeningState,
  event: LoggedEvent,
  digest: DigestText,
  sha256: Sha256,
): Finding[] {
  switch (event.type) {
    case 'OpeningCreated':
      return [
        isWithinReach(event.body.cosigners) ? null : 'quorum_out_of_reach',
        digest(canonicalise(event.body.policy)) === event.body.policyHash ? null : 'policy_hash_differs',
        drawPromiseProblem(after),
      ];
    case 'DraftAmended':
      return [
        digest(canonicalise(event.body.policy)) === event.body.policyHash ? null : 'policy_hash_differs',
        drawPromiseProblem(after),
      ];
    case 'QuotesReleased':
      return [quotesProblem(after, sha256)];
    case 'ShareRevealed':
    case 'ShareOpened':
      return [shareProblem(before, event.body, digest)];
    case 'CoefficientDrawn':
      return coefficientProblem(before, event.body, digest);
    case 'HolderKeyOffered':
    case 'OpeningKeyDealt':
    case 'ShareAcknowledged':
    case 'LayerShareGiven':
    case 'LayerShareRefused':
      return [layerProblem(before, event, digest, sha256)];
    case 'WindowClosed':
    case 'RemedyClosed':
      return [event.body.shareKey === undefined ? null : keyProblem(event.body.shareKey, digest)];
    case 'BidsSealed':
      return [...sealProblem(after, event.body.envelopesRoot, sha256), sealedToProblem(after)];
    case 'TenderFailed': {
      const isTooMany = after.lodgements.known && after.lodgements.value.length >= after.policy.minimumBidders;
      return [event.body.reason === 'too_few_bidders' && isTooMany ? 'step_not_lawful' : null];
    }
    case 'RosterPublished': {
      const { certificates } = event.fields;
      const isOther = certificates?.known === true && (certificates.value as Json[]).length !== after.bids.length;
      return [isOther ? 'roster_differs' : null, ...rosterProblem(after)];
    }
    case 'PricesAnnounced':
      return rowsProblem(before, after, sha256);
    case 'RecordIssued':
      return recordProblem(before, after, digest);
    case 'HandedOver': {
      const { manifest } = event.fields;
      const isOther =
        manifest?.known === true && digest(canonicalise(manifest.value as Json)) !== event.body.manifestSha256;
      return [isOther || event.body.bids !== after.bids.filter(isDecrypted).length ? 'manifest_differs' : null];
    }
    case 'OpeningArchived':
      return archiveProblem(after, event.body.counts, event.fields['counts']);
    default:
      return [];
  }
}

/** What is handed in to look at one act with. */
type Means = { readonly sha256: Sha256; readonly check: CheckShape };

/** Who acted: a person with source and act, or nobody; and the act says what the entry says. */
function personProblems(entry: Entry, event: LoggedEvent, state: OpeningState, means: Means): (AuditCode | null)[] {
  const { who, source, act } = event.fields;
  const given = [who, source, act].filter((field) => field?.known === true).map((field) => field?.value);
  // what was objected before the roster is entered by whoever ends the waiting, at times the clock; the person is the objector
  const isEarly = event.type === 'ObjectionRaised' && entry.actor.role !== 'bidder';
  if (isMachine(entry.actor.role) && !isEarly)
    return [given.every((value) => value === null) ? null : 'machine_with_person'];
  if (given.some((value) => value === null)) return ['person_missing'];
  const person = who?.known === true && isJsonObject(who.value) ? who.value : null;
  const creditCode = person?.['creditCode'];
  const isBiddersOwn = entry.actor.role === 'bidder' || isEarly;
  const isTold = isBiddersOwn && typeof creditCode === 'string' && state.roster.known && state.numbers.known;
  const isOther =
    isTold &&
    'bidder' in event.body &&
    event.type !== 'AttemptRefused' &&
    event.body.bidder !== numberOf(state, creditCode);
  return [
    isOther || isOthersObjection(event, state, creditCode) ? 'bidder_differs' : null,
    act?.known === true ? actProblem(entry, event, state, person, act.value, means) : null,
  ];
}

/** Disputed by another company than the one behind the objection, where the objection has no bidder's number. */
function isOthersObjection(event: LoggedEvent, { objections }: OpeningState, creditCode: Json | undefined): boolean {
  if (event.type !== 'AnswerDisputed' || event.body.bidder !== null) return false;
  const raisedBy = objections[event.body.objection - 1]?.raisedBy;
  return raisedBy?.known === true && typeof creditCode === 'string' && raisedBy.value !== creditCode;
}

function actProblem(
  entry: Entry,
  event: LoggedEvent,
  state: OpeningState,
  person: { readonly [name: string]: Json } | null,
  value: unknown,
  means: Means,
): AuditCode | null {
  const act = readSignedAct(value);
  if (act === undefined) return 'act_unreadable';
  if (act.platform !== state.platform || act.openingId !== state.openingId) return 'entry_other_opening';
  // what was objected before the roster is the bidder's own act, with its own id, entered at the host's command
  const isEarly = event.type === 'ObjectionRaised' && entry.actor.role !== 'bidder';
  const types: readonly string[] = isEarly ? ['RaiseEarlyObjection'] : ORIGINS[event.type];
  if (!types.includes(act.type)) return 'act_other_type';
  if (act.command !== null && !isEarly && act.command !== entry.command) return 'act_other_command';
  if (person !== null && (person['account'] !== act.account || person['certSha256'] !== act.certSha256))
    return 'person_differs';
  return saysTheSame(entry, event, act, means) && isAddressed(event, act.data) ? null : 'act_data_differs';
}

/** Was it said to those who are shown it? */
function isAddressed(event: LoggedEvent, { to }: { readonly [name: string]: Json }): boolean {
  if (event.type === 'Said') return to === 'all';
  if (event.type !== 'SaidInPrivate') return true;
  return to === (event.body.by === 'bidder' ? 'host' : event.body.bidder);
}

/** Members that mean two things: the reason a host writes is not the reason a tender failed for. */
const APART: Readonly<Partial<Record<LoggedEvent['type'], readonly string[]>>> = { TenderFailed: ['reason'] };

/** Is the data what was signed, of its command's shape, and equal to the entry wherever both speak? */
function saysTheSame(entry: Entry, event: LoggedEvent, act: SignedAct, { sha256, check }: Means): boolean {
  if (act.bodySha256 !== null && !isOfShape(act, check)) return false;
  try {
    if (act.bodySha256 !== null && bodySha256(sha256, act.data) !== act.bodySha256) return false;
    return Object.entries(act.data).every(([name, said]) => {
      if (APART[event.type]?.includes(name)) return true;
      const field = event.fields[name];
      const recorded = Object.hasOwn(entry.body, name)
        ? entry.body[name]
        : field?.known === true
          ? field.value
          : undefined;
      return recorded === undefined || canonicalise(recorded as Json) === canonicalise(said);
    });
  } catch (fault) {
    if (fault instanceof LogFormatError) return false;
    throw fault;
  }
}

function isOfShape({ type, data }: SignedAct, check: CheckShape): boolean {
  if (type === CREATION) return true;
  if (type === 'RaiseEarlyObjection') return check(REGISTER_COMMANDS[type].data, data);
  return Object.hasOwn(COMMANDS, type) && check(COMMANDS[type as Exclude<Origin, typeof CREATION>].data, data);
}
