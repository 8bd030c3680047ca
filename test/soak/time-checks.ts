/** What is held against the clock of an opening that has ended: each window's end, what was frozen, and what an outage left alone. */
import type { JsonObject } from '../../server/core/log/canonical.ts';
import { parseInstant } from '../../server/core/log/instant.ts';
import { runningUntil } from '../../server/core/opening/alarms.ts';
import { sharingRules } from '../../server/core/opening/layer.ts';
import { leftToRemedy } from '../../server/core/opening/remedy.ts';
import type { OpeningState } from '../../server/core/opening/state.ts';
import { HEARTBEAT_MS, OUTAGE_TOLERANCE_MS } from './platform.ts';
import type { StoredLog } from './stored-log.ts';
import type { Ensure } from './violations.ts';

/** When nobody was at home, [downAt, upAt]. */
export type Outage = { readonly downAt: number; readonly upAt: number };

export type Course = {
  readonly outages: readonly Outage[];
  /** How long the vault held a verification back at most. */
  readonly heldMs: number;
};

/** How late an entry of the clock may come when nothing but a short outage was in its way. */
const LATE_LIMIT_MS = OUTAGE_TOLERANCE_MS + 2_000;

/** Every stretch of time is computed once more, from the entries and the policy alone. Throws: ViolationError. */
export function checkTimes(
  { heldMs, outages }: Course,
  log: StoredLog,
  states: readonly OpeningState[],
  ensure: Ensure,
): void {
  let closesAt: number | null = null;
  let confirmBy: number | null = null;
  let sharesBy: number | null = null;
  let remedyBy: number | null = null;
  let quotesBy: number | null = null;
  let frozenSince: number | null = null;
  let wasFrozen = false;
  const said = (seq: number): string => `entry ${seq}: ${log.texts[seq] ?? ''}`;
  log.entries.forEach((entry, seq) => {
    const { type, body } = entry;
    const at = parseInstant(entry.at);
    const state = states[seq];
    const instant = (name: string): number => parseInstant(String(body[name]));
    const ends = (dueAt: number | null): void => {
      ensure(dueAt !== null && instant('effectiveAt') === dueAt && at >= dueAt, 'windows_end_in_time', () => said(seq));
      // While nobody was at home nothing ended, and what the vault was busy with it began anew.
      const away = outages.filter(({ upAt }) => upAt >= (dueAt ?? 0) - heldMs);
      const mayBeMs = away.reduce((sum, { downAt, upAt }) => sum + upAt - downAt + heldMs, LATE_LIMIT_MS + heldMs);
      const isSoon = wasFrozen || at - (dueAt ?? 0) <= mayBeMs;
      ensure(isSoon, 'windows_end_in_time', () => `${at - (dueAt ?? 0)} ms late, ${said(seq)}`);
      ensure(frozenSince === null, 'windows_end_in_time', () => `ended while frozen, ${said(seq)}`);
    };
    const isInTime = (until: number | null): void =>
      ensure(until !== null && parseInstant(String(entry.receivedAt)) < until, 'windows_end_in_time', () => said(seq));
    if (type === 'WindowOpened') {
      closesAt = instant('opensAt') + (state?.policy.decryptionWindowMs ?? 0);
      ensure(instant('closesAt') === closesAt, 'windows_end_in_time', () => said(seq));
    }
    if (type === 'WindowExtended' && closesAt !== null) {
      isInTime(closesAt);
      closesAt += Number(body['extraMs']);
      ensure(instant('closesAt') === closesAt, 'windows_end_in_time', () => said(seq));
    }
    if (body['sharesBy'] !== undefined) {
      const rules = state == null ? null : sharingRules(state.policy);
      sharesBy = at + (rules?.windowMs ?? 0);
      ensure(instant('sharesBy') === sharesBy, 'windows_end_in_time', () => said(seq));
    }
    if (type === 'RemedyOpened') {
      const rules = state?.policy.remedy;
      remedyBy = instant('opensAt') + (rules === undefined || rules === 'none' ? 0 : rules.windowMs);
      ensure(instant('closesAt') === remedyBy, 'windows_end_in_time', () => said(seq));
    }
    if (type === 'QuoteRoundStarted') {
      quotesBy = at + (state?.policy.quoteRounds?.roundMs ?? 0);
      ensure(instant('closesAt') === quotesBy, 'windows_end_in_time', () => said(seq));
    }
    if (type === 'RecordIssued') confirmBy = at + (state?.policy.confirmationMs ?? 0);
    if (type === 'OpeningSuspended') {
      frozenSince = instant('since');
      wasFrozen = true;
    }
    if (type === 'OpeningResumed' && frozenSince !== null) {
      const frozenMs = at - frozenSince;
      ensure(body['frozenMs'] === frozenMs, 'windows_end_in_time', () => said(seq));
      if (closesAt !== null && closesAt > frozenSince) closesAt += frozenMs;
      if (confirmBy !== null && confirmBy > frozenSince) confirmBy += frozenMs;
      if (sharesBy !== null && sharesBy > frozenSince) sharesBy += frozenMs;
      if (remedyBy !== null && remedyBy > frozenSince) remedyBy += frozenMs;
      if (quotesBy !== null && quotesBy > frozenSince) quotesBy += frozenMs;
      frozenSince = null;
    }
    if (type === 'DecryptionReceived') isInTime(closesAt);
    if (type === 'RecordSigned' || type === 'RecordRefused') isInTime(confirmBy);
    if (type === 'BackupReceived') isInTime(remedyBy);
    if (type === 'QuoteReceived') isInTime(quotesBy);
    if (type === 'QuotesReleased') ends(quotesBy);
    // earlier when nothing is left to remedy
    if (type === 'RemedyClosed' && remedyBy !== null && at >= remedyBy) ends(remedyBy);
    if (type === 'LayerShareGiven' || type === 'LayerShareRefused') isInTime(sharesBy);
    if (type === 'UnsealingClosed' && body['why'] === 'shares_missing') ends(sharesBy);
    if (type === 'BidsSealed') ends(state?.deadlineAt ?? null);
    if (type === 'WindowClosed' && body['why'] === 'time') ends(closesAt);
    if (type === 'ConfirmationsTimedOut') ends(confirmBy);
  });
}

const TIMED = [
  'BidsSealed',
  'WindowClosed',
  'UnsealingClosed',
  'RemedyClosed',
  'QuotesReleased',
  'ConfirmationsTimedOut',
];

/** Did time end this stretch? When nobody was waited for any more it ended by itself, dated no later than its time all the same. */
export function isEndOfTime(type: string, body: JsonObject, before: OpeningState | undefined): boolean {
  if (type === 'UnsealingClosed') return body['why'] === 'shares_missing';
  if (type === 'WindowClosed') return body['why'] === 'time';
  if (type === 'RemedyClosed') return before !== undefined && leftToRemedy(before).length > 0;
  return TIMED.includes(type);
}

/** What was frozen is what nobody was at home for, and only what was longer than the tolerance. Throws: ViolationError. */
export function checkOutages(
  { outages }: Course,
  log: StoredLog,
  states: readonly OpeningState[],
  ensure: Ensure,
): void {
  const long = outages.filter(({ downAt, upAt }) => upAt - downAt > OUTAGE_TOLERANCE_MS);
  const isOf = (since: number, { downAt }: Outage): boolean => since <= downAt && since >= downAt - 2 * HEARTBEAT_MS;
  const frozen = log.entries.flatMap(({ type, body }, seq) =>
    type === 'OpeningSuspended' && String(body['cause']).startsWith('outage')
      ? [{ seq, since: parseInstant(String(body['since'])) }]
      : [],
  );
  for (const { seq, since } of frozen)
    ensure(
      long.some((o) => isOf(since, o)),
      'outages_freeze',
      () => `no long outage for entry ${seq}: ${log.texts[seq]}`,
    );
  for (const outage of long) {
    const { downAt, upAt } = outage;
    const before = states.findLast((_state, seq) => parseInstant(String(log.entries[seq]?.at)) <= downAt);
    if (before === undefined || before.suspended !== null) continue;
    const until = runningUntil(before);
    const isOver = until === null || until <= downAt || until > upAt;
    // What was received before the end and decided at the start comes first, and may end the stretch by itself.
    const endedThen = log.entries.some(
      ({ type, at, body }, seq) =>
        isEndOfTime(type, body, states[seq - 1]) &&
        parseInstant(at) >= downAt &&
        parseInstant(String(body['effectiveAt'])) === until,
    );
    const isFrozen = frozen.some(({ since }) => isOf(since, outage));
    ensure(
      isOver || isFrozen || !endedThen,
      'outages_freeze',
      () => `a stretch ended at ${until}, in an outage from ${downAt} to ${upAt}`,
    );
  }
}
