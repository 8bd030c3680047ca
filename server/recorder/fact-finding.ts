/** The facts of one command: what `decide` must be told, gathered only where the command needs it. */
import { formatInstant } from '../core/log/instant.ts';
import { openingOrigin } from '../core/log/origin.ts';
import type { CommandData } from '../core/opening/commands.ts';
import { envelopesRootOf } from '../core/opening/envelopes-root.ts';
import type { Facts, OpenedList, RegisterFacts } from '../core/opening/facts.ts';
import { blindRules } from '../core/opening/layer.ts';
import { freezeRegister } from '../core/opening/register.ts';
import { ASSIGNABLE, type AssignableRole } from '../core/opening/roles.ts';
import type { OpeningState } from '../core/opening/state.ts';
import { isShareKeyWanted } from '../core/opening/steps/layer.ts';
import { digestText, sha256 } from '../hash.ts';
import type { TransactionSql } from '../store/driver.ts';
import { makeWindowKey, type WrappedWindowKey } from '../vault/window-key.ts';
import { lookAtShare, openShares } from './drawing-facts.ts';
import { lookAtErasure } from './erasure-facts.ts';
import type { FoldedOpening, KeptOpening } from './kept-opening.ts';
import { holderOf, lookAtLayerShare, lookAtOpeningKey } from './layer-facts.ts';
import { lookAtQuote, openQuotes } from './quote-facts.ts';

/** What the vault has prepared for an opening, outside any transaction. */
export type Prepared = {
  readonly openedLists: readonly OpenedList[] | null;
  readonly manifest: Facts['manifest'];
};

/** Commands that look at the register as it was frozen. */
const NEED_REGISTER: ReadonlySet<string> = new Set([
  'Seal',
  'PublishRoster',
  'AnnouncePrices',
  'IssueRecord',
  'ArchiveOpening',
  'ConfirmAbort',
  'OrderAbort',
]);

/** Commands of those who hold, or are to hold, a share of the opening key. */
const NEED_HOLDER: ReadonlySet<string> = new Set(['OfferHolderKey', 'AcknowledgeShare', 'UnsealLayer']);

export type FactSources = {
  readonly tx: TransactionSql;
  readonly vaultKey: Uint8Array;
  readonly randomBytes: (length: number) => Uint8Array;
  readonly prepared: Prepared;
  /** Whether the entries that bore on a close when the round began are countersigned, and how many they were. */
  readonly cosigned: { readonly is: boolean; readonly closingSize: number };
};

export type FoundFacts = { readonly facts: Facts; readonly windowKey: WrappedWindowKey | null };

/** What is asked, as far as facts depend on it; `bidder` is the asking bidder's number, null for everyone else. */
export type Asked = {
  readonly type: string;
  readonly data: unknown;
  readonly bidder: number | null;
  /** Whose company acts, and as which account; null for a machine. */
  readonly creditCode: string | null;
  readonly account: string | null;
};

/** Commands that begin a stretch in which something is sealed to a key of the opening, and the phases where they may. */
const NEED_KEY: Readonly<Record<string, readonly string[]>> = {
  OpenWindow: ['RosterPublished'],
  StartDrawing: ['RosterPublished', 'Announcing'],
  StartQuoteRound: ['Announcing', 'QuoteRound'],
  EndWindowEarly: ['Decrypting'],
  CloseWindow: ['Decrypting'],
  CloseRemedy: ['Remedy'],
};

/** Ends after which the holders of a blind window's key are asked for their shares, which they seal to a key of the platform's. */
const ASK_FOR_SHARES: ReadonlySet<string> = new Set(['EndWindowEarly', 'CloseWindow', 'CloseRemedy']);

/** Does the platform make a key for this command? Where it is accepted, the log names that key. */
function needsKey(state: OpeningState, type: string): boolean {
  if (NEED_KEY[type]?.includes(state.phase) !== true) return false;
  if (ASK_FOR_SHARES.has(type)) return isShareKeyWanted(state);
  // the key of a blind window was dealt before publication, and the platform never had it
  return type !== 'OpenWindow' || blindRules(state.policy) === null;
}

/** The facts for one command at this point of the round. */
export async function findFacts(
  { type, data, bidder, creditCode, account }: Asked,
  kept: FoldedOpening,
  times: {
    readonly at: number;
    readonly receivedAt: number;
    readonly undecided: number;
    readonly outageSince: number | null;
  },
  sources: FactSources,
): Promise<FoundFacts> {
  const { openingId } = kept.state;
  const windowKey = needsKey(kept.state, type) ? makeWindowKey(sources.vaultKey, openingId, sources.randomBytes) : null;
  const facts: Facts = {
    ...times,
    digest: digestText,
    ownObjections: objectionsOf(kept.state, creditCode),
    assigned: type === 'PublishOpening' ? await assignedRoles(sources.tx, openingId) : [],
    assignee: type === 'AssignRole' ? await assigneeOf(sources.tx, data as CommandData<'AssignRole'>) : null,
    register: NEED_REGISTER.has(type) ? registerFacts(kept, sources.randomBytes) : null,
    windowKey: windowKey === null ? null : { kid: windowKey.kid, jwk: windowKey.publicKey },
    ownHolder: NEED_HOLDER.has(type) ? holderOf(kept.state, account) : null,
    openingKey: type === 'DealOpeningKey' ? lookAtOpeningKey(data as CommandData<'DealOpeningKey'>) : null,
    layerShare:
      type === 'UnsealLayer'
        ? await lookAtLayerShare(kept.state, data as CommandData<'UnsealLayer'>, holderOf(kept.state, account), sources)
        : null,
    sealedShare:
      type === 'CommitShare'
        ? await lookAtShare(kept.state, data as CommandData<'CommitShare'>, bidder, sources)
        : null,
    drawShares: type === 'CloseReveals' ? await openShares(kept.state, sources) : null,
    sealedQuote:
      type === 'SubmitQuote'
        ? await lookAtQuote(kept, data as CommandData<'SubmitQuote'>, { bidder, creditCode }, sources)
        : null,
    quotes: type === 'ReleaseQuotes' ? await openQuotes(kept, sources) : null,
    openedLists: sources.prepared.openedLists,
    manifest: sources.prepared.manifest,
    // an act of this very round may bear on the close as well, and nobody has signed that yet
    cosigned:
      kept.state.cosigners.quorum === 0 ||
      (sources.cosigned.is && sources.cosigned.closingSize === kept.state.closingSize),
    isErasable: await isErasableNow(type, data, kept.state, sources.tx),
  };
  return { facts, windowKey };
}

/** Of what is proposed, or what stands proposed under the number that is confirmed. */
async function isErasableNow(
  type: string,
  data: unknown,
  { platform, openingId, erasures }: OpeningState,
  tx: TransactionSql,
): Promise<boolean> {
  if (type !== 'ProposeErasure' && type !== 'ConfirmErasure') return false;
  const asked =
    type === 'ProposeErasure'
      ? (data as CommandData<'ProposeErasure'>)
      : erasures[(data as CommandData<'ConfirmErasure'>).number - 1];
  return asked !== undefined && lookAtErasure(tx, openingOrigin(platform, openingId), asked);
}

/** The objections without a bidder's number whose entry names this company; the recorder reads every field of its own log. */
function objectionsOf({ objections }: OpeningState, creditCode: string | null): number[] {
  return objections
    .filter(({ bidder, raisedBy }) => bidder === null && raisedBy.known && raisedBy.value === creditCode)
    .map(({ objection }) => objection);
}

/** What the accounts say of somebody who is to be given a role. */
async function assigneeOf(tx: TransactionSql, { account }: CommandData<'AssignRole'>): Promise<Facts['assignee']> {
  const [found] = await tx<{ isOfficial: boolean; isDisabled: boolean }[]>`
    SELECT kind = 'official' AS "isOfficial", disabled_at IS NOT NULL AS "isDisabled" FROM accounts WHERE id = ${account}`;
  return found ?? null;
}

async function assignedRoles(tx: TransactionSql, openingId: string): Promise<AssignableRole[]> {
  const rows = await tx<{ role: string }[]>`
    SELECT DISTINCT role FROM assignments WHERE opening_id = ${openingId} AND withdrawn_at IS NULL`;
  return ASSIGNABLE.filter((role) => rows.some((row) => row.role === role));
}

/** The frozen register; bidder numbers are drawn once, by chance, and afterwards read back from the log. */
export function registerFacts(kept: KeptOpening, randomBytes: (length: number) => Uint8Array): RegisterFacts {
  const frozen = freezeRegister(kept.register, formatInstant, kept.state);
  const { numbers } = kept.state;
  return {
    ...frozen,
    envelopesRoot: envelopesRootOf(sha256, frozen.lodgements),
    numbers: numbers.known ? numbers.value : drawNumbers(frozen.roster.length, randomBytes),
  };
}

/**
 * A permutation of 1…n by Fisher and Yates, without bias: draws above the last whole multiple are thrown away.
 */
export function drawNumbers(count: number, randomBytes: (length: number) => Uint8Array): number[] {
  const numbers = Array.from({ length: count }, (_, i) => i + 1);
  for (let i = count - 1; i > 0; i--) {
    const j = drawBelow(i + 1, randomBytes);
    const [a, b] = [numbers[i], numbers[j]];
    if (a === undefined || b === undefined) throw new Error('drew outside the list');
    numbers[i] = b;
    numbers[j] = a;
  }
  return numbers;
}

const DRAW_RANGE = 2 ** 32;
/** Draws in a row that may fall above the last whole multiple; each does with a chance below one half. */
const DRAW_TRIES = 128;

function drawBelow(limit: number, randomBytes: (length: number) => Uint8Array): number {
  const whole = DRAW_RANGE - (DRAW_RANGE % limit);
  for (let tries = 0; tries < DRAW_TRIES; tries++) {
    const bytes = randomBytes(4);
    const drawn = new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0);
    if (drawn < whole) return drawn % limit;
  }
  throw new Error('the source of chance is stuck');
}
