/** One opening's log, entry by entry: every act by its person's key and for this entry alone, every event by the opening's own rules. */
import { ACT_REASONS, type CheckedAct, checkAct, readPersonAct } from '../core/log/act.ts';
import { fromBase64 } from '../core/log/base64.ts';
import { sameBytes } from '../core/log/bytes.ts';
import { isJsonObject } from '../core/log/canonical.ts';
import type { Entry } from '../core/log/entry.ts';
import { appendLeaves, type CompactRange, EMPTY_RANGE, rangeRoot } from '../core/log/merkle.ts';
import { createAudit } from '../core/opening/audit.ts';
import { isEventType } from '../core/opening/read-event.ts';
import { sha256 } from '../hash.ts';
import { verifyJwsSignature } from '../identity/signature.ts';
import { signedTypesOf } from './signed-types.ts';
import { type Refused, refuse } from './verify-words.ts';
import type { Watcher } from './watcher.ts';

const HASH_BYTES = 32;
const CREDIT_CODE_CHARACTERS = 18;

/** The root of every size so far: what an act says its signer had seen is held against it. */
export type Roots = {
  add(leaf: Uint8Array): void;
  /** Null for a size that was not reached yet. */
  at(size: number): Uint8Array | null;
};

/** Keeps 32 bytes an entry, in one block that doubles. */
export function keepRoots(): Roots {
  let range: CompactRange = EMPTY_RANGE;
  let kept: Uint8Array = new Uint8Array(HASH_BYTES * 64);
  kept.set(rangeRoot(sha256, range));
  return {
    add(leaf) {
      range = appendLeaves(sha256, range, [leaf]);
      const offset = range.size * HASH_BYTES;
      if (offset + HASH_BYTES > kept.length) {
        const larger = new Uint8Array(kept.length * 2);
        larger.set(kept);
        kept = larger;
      }
      kept.set(rangeRoot(sha256, range), offset);
    },
    at: (size) => (size > range.size ? null : kept.slice(size * HASH_BYTES, (size + 1) * HASH_BYTES)),
  };
}

/**
 * Watches the log of an opening.
 *
 * Shape: `vkey` is the key the log is shown with; the genesis must name the same.
 * Why:   a platform that holds every key can sign what it likes. It cannot sign for people: so each act is checked, stands once, is
 *        for this very command, and was given by somebody who had seen this very log.
 */
export function watchOpening(platform: string, openingId: string, vkey: string, roots: Roots): Watcher {
  const audit = createAudit(sha256);
  const used = new Set<string>();
  let acts = 0;

  async function checkPerson(entry: Entry, values: Record<string, unknown>): Promise<Refused | undefined> {
    if (!isEventType(entry.type) || !Object.hasOwn(values, 'act') || values['act'] === null) return undefined;
    const { seq } = entry;
    const person = readPersonAct(values['act']);
    if (person === undefined) return refuse('person_unsigned', { seq });
    const { types, command } = signedTypesOf(entry, person);
    const checked = await checkAct(person, { platform, openingId, command, types }, verifyJwsSignature, sha256);
    if (!checked.ok) return { ok: false, reason: checked.reason, words: ACT_REASONS[checked.reason], seq };
    // A statement binds no command; its own id stands for it.
    const { jti } = checked.payload;
    if (person.data === undefined && jti !== entry.command)
      return { ok: false, reason: 'act_other_command', words: ACT_REASONS.act_other_command, seq };
    if (Object.hasOwn(values, 'who') && !isSame(values['who'], checked)) return refuse('person_differs', { seq });
    const signed = person.act.slice(0, person.act.lastIndexOf('.'));
    if (used.has(signed)) return refuse('act_repeated', { seq });
    used.add(signed);
    if (!hasSeenThisLog(checked, seq, roots)) return refuse('act_head_differs', { seq });
    acts += 1;
    return undefined;
  }

  return {
    kind: 'opening',
    async see(entry, values) {
      if (entry.type === 'OpeningCreated' && entry.body['vkey'] !== vkey)
        return refuse('vkey_differs', { seq: entry.seq });
      const problem = await checkPerson(entry, values);
      if (problem !== undefined) return problem;
      const [found] = audit.add(entry, values);
      return found === undefined ? undefined : { ok: false, reason: found.code, words: found.words, seq: entry.seq };
    },
    finish() {
      const { problems, complete } = audit.finish();
      const [first] = problems;
      if (first === undefined) return { ok: true, complete };
      const where = first.seq === undefined ? {} : { seq: first.seq };
      return { ok: false, reason: first.code, words: first.words, ...where };
    },
    actsChecked: () => acts,
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
