/** One opening's log, entry by entry: every act by its person's key and for this entry alone, every event by the opening's own rules. */
import {
  ACT_REASONS,
  type CheckedAct,
  checkAct,
  type PersonAct,
  type RefusedAct,
  readPersonAct,
} from '../core/log/act.ts';
import { fromBase64, toBase64Url } from '../core/log/base64.ts';
import { sameBytes } from '../core/log/bytes.ts';
import { canonicalise, isJsonObject, type Json } from '../core/log/canonical.ts';
import type { Entry } from '../core/log/entry.ts';
import { parseInstant } from '../core/log/instant.ts';
import { rememberLogins } from '../core/log/known-logins.ts';
import { utf8 } from '../core/log/utf8.ts';
import { createAudit } from '../core/opening/audit.ts';
import { isEventType } from '../core/opening/read-event.ts';
import type { Roots } from './roots.ts';
import { signedTypesOf } from './signed-types.ts';
import type { VerifyTools } from './tools.ts';
import type { Watcher } from './watcher.ts';
import { type Refused, refuse } from './words.ts';

const CREDIT_CODE_CHARACTERS = 18;
/** Acts whose signatures are being checked while later entries are read: enough for every core, and little memory. */
const UNDER_WAY = 256;
/** Keys remembered: those of so many devices are read once. */
const KEYS_KEPT = 4_096;

export type OpeningWatch = {
  readonly platform: string;
  readonly openingId: string;
  /** The key the log is shown with. */
  readonly vkey: string;
  readonly roots: Roots;
};

/** An entry whose act is being checked. */
type UnderWay = {
  readonly entry: Entry;
  readonly person: PersonAct;
  /** The withheld value, undefined where it is not disclosed. */
  readonly who: unknown;
  readonly outcome: Promise<{ readonly act: CheckedAct | RefusedAct } | { readonly fault: unknown }>;
};

/**
 * Watches the log of an opening.
 *
 * Shape: `vkey` is the key the log is shown with; the genesis must name the same.
 * Why:   a platform that holds every key can sign what it likes. It cannot sign for people: so each act is checked, stands once, is
 *        for this very command, and was given by somebody who had seen this very log. Signatures are checked by other threads while
 *        later entries are read; before anything is said of an entry, everything is known of those in front of it.
 */
export function watchOpening(
  { sha256, checkShape, createJwsVerifier }: VerifyTools,
  { platform, openingId, vkey, roots }: OpeningWatch,
): Watcher {
  const audit = createAudit(sha256, checkShape);
  const verifySignature = createJwsVerifier(KEYS_KEPT);
  const readLogin = rememberLogins();
  const used = new Set<string>();
  let underWay: UnderWay[] = [];
  let acts = 0;

  /** Begins to check the act of an entry. Returns: false when it is no act. */
  function begin(entry: Entry, values: Record<string, unknown>): boolean {
    if (!isEventType(entry.type) || !Object.hasOwn(values, 'act') || values['act'] === null) return true;
    const person = readPersonAct(values['act']);
    if (person === undefined) return false;
    const { types, command } = signedTypesOf(entry, person);
    const checked = checkAct(person, { platform, openingId, command, types }, verifySignature, sha256, readLogin);
    // a fault waits as a value until it is this entry's turn
    const outcome = checked.then(
      (act) => ({ act }),
      (fault: unknown) => ({ fault }),
    );
    underWay.push({ entry, person, who: values['who'], outcome });
    return true;
  }

  function judge({ entry, person, who }: UnderWay, checked: CheckedAct | RefusedAct): Refused | undefined {
    const { seq } = entry;
    if (!checked.ok) return { ok: false, reason: checked.reason, words: ACT_REASONS[checked.reason], seq };
    // A statement binds no command; its own id stands for it.
    const { jti } = checked.payload;
    if (person.data === undefined && jti !== entry.command)
      return { ok: false, reason: 'act_other_command', words: ACT_REASONS.act_other_command, seq };
    if (who !== undefined && !isSame(who, checked)) return refuse('person_differs', { seq });
    const signed = toBase64Url(sha256(utf8(person.act.slice(0, person.act.lastIndexOf('.')))));
    if (used.has(signed)) return refuse('act_repeated', { seq });
    used.add(signed);
    if (!hasSeenThisLog(checked, seq, roots)) return refuse('act_head_differs', { seq });
    acts += 1;
    return undefined;
  }

  /** Judges the acts under way, in their order, until no more than so many are left. Returns: the first problem; then none is left. */
  async function settleTo(left: number): Promise<Refused | undefined> {
    while (underWay.length > left) {
      const some = underWay.slice(0, underWay.length - left);
      underWay = underWay.slice(some.length);
      for (const act of some) {
        const outcome = await act.outcome;
        if ('fault' in outcome) throw outcome.fault;
        const refused = judge(act, outcome.act);
        if (refused === undefined) continue;
        underWay = [];
        return refused;
      }
    }
    return undefined;
  }

  return {
    kind: 'opening',
    async see(entry, values) {
      const { seq } = entry;
      if (entry.type === 'OpeningCreated' && entry.body['vkey'] !== vkey)
        return (await settleTo(0)) ?? refuse('vkey_differs', { seq });
      if (!begin(entry, values)) return (await settleTo(0)) ?? refuse('person_unsigned', { seq });
      const [found] = audit.add(entry, values);
      if (found !== undefined) return (await settleTo(0)) ?? { ok: false, reason: found.code, words: found.words, seq };
      return underWay.length < 2 * UNDER_WAY ? undefined : settleTo(UNDER_WAY);
    },
    settle: () => settleTo(0),
    finish() {
      const { problems, complete } = audit.finish();
      const [first] = problems;
      if (first === undefined) return { ok: true, complete };
      const where = first.seq === undefined ? {} : { seq: first.seq };
      return { ok: false, reason: first.code, words: first.words, ...where };
    },
    actsChecked: () => acts,
    state: () => audit.finish().state,
    cosigners: () => audit.finish().state?.cosigners ?? null,
    deadlineAt() {
      const { state } = audit.finish();
      return state === null ? null : parseInstant(state.details.deadlineAt);
    },
    record() {
      const document = audit.finish().state?.record?.document;
      return document?.known === true ? utf8(canonicalise(document.value as Json)) : null;
    },
  };
}

/** Is this the person who signed? The credit code is the account's first part, whoever the account is. */
function isSame(who: unknown, { account, certSha256 }: CheckedAct): boolean {
  return (
    isJsonObject(who) &&
    who['account'] === account &&
    who['certSha256'] === certSha256 &&
    who['creditCode'] === account.slice(0, CREDIT_CODE_CHARACTERS)
  );
}

function hasSeenThisLog({ headSeen }: CheckedAct, seq: number, roots: Roots): boolean {
  if (headSeen === null) return true;
  const root = headSeen.size > seq ? null : roots.at(headSeen.size);
  return root !== null && sameBytes(root, fromBase64(headSeen.root));
}
