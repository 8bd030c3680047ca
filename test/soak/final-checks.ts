/** What is held against an opening that has ended: its stored log and register, against all that was sent, answered and shown. */
import { isDeepStrictEqual } from 'node:util';
import { toBase64 } from '../../server/core/log/base64.ts';
import { parseCheckpoint } from '../../server/core/log/checkpoint.ts';
import { formatInstant, parseInstant } from '../../server/core/log/instant.ts';
import { appendLeaves, EMPTY_RANGE, rangeRoot } from '../../server/core/log/merkle.ts';
import { parseNote } from '../../server/core/log/note.ts';
import { type Correction, effectsOf } from '../../server/core/opening/correction.ts';
import { begin, evolve } from '../../server/core/opening/evolve.ts';
import { readEvent } from '../../server/core/opening/read-event.ts';
import { isDecrypted, isGivenUp, type OpeningState, verdictOf } from '../../server/core/opening/state.ts';
import { isAsShown } from '../../server/core/opening/steps/correction.ts';
import { sha256 } from '../../server/hash.ts';
import { readAct } from '../../server/recorder/register-acts.ts';
import type { Sql } from '../../server/store/driver.ts';
import { isKept, type Sent } from './network.ts';
import { readStored, type StoredLog, verifyStored } from './stored-log.ts';
import { type Course, checkOutages, checkTimes } from './time-checks.ts';
import type { Viewer } from './viewer.ts';
import { type Ensure, holds, ViolationError } from './violations.ts';

export type Ended = Course & {
  readonly openingId: string;
  readonly origin: string;
  readonly vkey: string;
  readonly sent: readonly Sent[];
  readonly viewers: readonly Viewer[];
};

/** Holds everything against each other. Returns: the log. Throws: ViolationError. */
export async function checkEnded(sql: Sql, ended: Ended): Promise<StoredLog> {
  const log = await readStored(sql, ended.origin);
  try {
    await checkLog(sql, ended, log);
    return log;
  } catch (error) {
    if (error instanceof ViolationError) error.course = courseOf(log, ended);
    throw error;
  }
}

/** The log and the outages, for whoever has to find out why. */
function courseOf({ entries }: StoredLog, { outages }: Ended): string[] {
  const lines = entries.map(({ at, receivedAt, seq, type, body, command }) =>
    [at, seq, type, receivedAt ?? 'clock', command, JSON.stringify(body).slice(0, 160)].join(' '),
  );
  const away = outages.map(({ downAt, upAt }) => `${formatInstant(downAt)} away until ${formatInstant(upAt)}`);
  return [...lines, ...away].sort();
}

async function checkLog(sql: Sql, ended: Ended, log: StoredLog): Promise<void> {
  const verified = await verifyStored(sql, log, ended.vkey);
  const ensure: Ensure = (isSo, invariant, detail) => holds(isSo, invariant, ended.openingId, detail);
  ensure(verified.ok, 'log_verifies', () => JSON.stringify(verified));
  ensure(verified.ok && verified.standing === 'valid, complete', 'comes_to_an_end', () => JSON.stringify(verified));
  checkRoots(ended, log, ensure);
  checkShown(ended, log, ensure);
  const states = statesOf(log);
  checkTimes(ended, log, states, ensure);
  checkOutages(ended, log, states, ensure);
  checkBids(log, states, ensure);
  checkCorrections(log, states, ensure);
  await checkAnswers(sql, ended, log, ensure);
}

type Said = Pick<StoredLog, 'entries' | 'values'>;

/** The state after each entry, every field known. */
export function statesOf(log: Said): OpeningState[] {
  const states: OpeningState[] = [];
  log.entries.forEach((entry, seq) => {
    const event = readEvent(entry, log.values[seq] ?? {});
    const before = states.at(-1);
    states.push(before === undefined ? begin(event) : evolve(before, event));
  });
  return states;
}

function checkRoots({ sent, viewers }: Ended, log: StoredLog, ensure: Ensure): void {
  const roots: string[] = [];
  let range = EMPTY_RANGE;
  roots.push(toBase64(rangeRoot(sha256, range)));
  for (const leaf of log.leaves) {
    range = appendLeaves(sha256, range, [leaf]);
    roots.push(toBase64(rangeRoot(sha256, range)));
  }
  const notes = [
    ...log.checkpoints.map(({ note }) => note),
    ...viewers.flatMap((viewer) => viewer.checkpoint() ?? []),
    ...sent.flatMap(({ given }) => given.flatMap((a) => (a.outcome === 'accepted' ? (a.checkpoint ?? []) : []))),
  ];
  for (const note of new Set(notes)) {
    const { size, root } = parseCheckpoint(parseNote(note).text);
    ensure(roots[size] === toBase64(root), 'one_root_per_size', () => `another root for ${size} entries was signed`);
  }
}

function checkShown({ viewers }: Ended, log: StoredLog, ensure: Ensure): void {
  for (const { texts, role } of viewers) {
    const differing = texts.findIndex((text, seq) => text !== log.texts[seq]);
    ensure(differing === -1, 'viewer_prefix', () => `a viewer (${role}) was shown another entry ${differing}`);
    ensure(
      texts.length === log.size,
      'viewer_prefix',
      () => `a viewer (${role}) has ${texts.length} of ${log.size} entries`,
    );
  }
}

function checkBids(log: StoredLog, states: readonly OpeningState[], ensure: Ensure): void {
  const closed = log.entries.findIndex(({ type }) => type === 'OpeningClosed');
  const state = states[closed];
  if (state === undefined) return;
  for (const bid of state.bids) {
    const verdict = verdictOf(bid);
    const isHolders = bid.attempts.some(
      ({ outcome }) => outcome === 'layer_not_opened' || outcome === 'window_key_not_given',
    );
    ensure(
      !isHolders || verdict !== 'deemed_revoked',
      'timely_bids_are_opened_or_ruled',
      () => `bid ${bid.bidder} pays for the holders`,
    );
    const isSettled =
      (isDecrypted(bid) && bid.isLayerOpen) ||
      verdict === 'deemed_revoked' ||
      verdict === 'deemed_withdrawn' ||
      isGivenUp(bid);
    ensure(isSettled, 'timely_bids_are_opened_or_ruled', () => `bid ${bid.bidder} is neither`);
  }
  const { lodgements, roster } = state;
  const isWhole = lodgements.known && roster.known && lodgements.value.length === state.bids.length;
  ensure(
    isWhole && roster.value.length === state.bids.length,
    'timely_bids_are_opened_or_ruled',
    () => 'a bid is missing',
  );
}

/** Each correction, against its proposal and the states before and after it. */
export function checkCorrections(log: Said, states: readonly OpeningState[], ensure: Ensure): void {
  log.entries.forEach(({ type, body }, seq) => {
    const [before, after] = [states[seq - 1], states[seq]];
    if (type !== 'CorrectionMade' || before === undefined || after === undefined) return;
    const shown = log.entries.filter((e, n) => n < seq && e.type === 'CorrectionProposed').map((e) => e.body);
    const proposal = shown.find(({ number }) => number === body['number']);
    const ensureSo = (isSo: boolean): void => ensure(isSo, 'corrections_as_shown', () => `entry ${seq}`);
    ensureSo(proposal !== undefined && proposal['by'] !== body['by']);
    const effects = effectsOf(before, proposal?.['correction'] as Correction);
    ensureSo(effects !== null && isAsShown(proposal?.['effects'] ?? null, [...effects]));
    const opened = ({ bids }: OpeningState): unknown => bids.map((bid) => [bid.attempts, isDecrypted(bid)]);
    ensureSo(isDeepStrictEqual([before.prices, opened(before)], [after.prices, opened(after)]));
  });
}

/** Everything sent, against everything that stands. */
async function checkAnswers(sql: Sql, { openingId, sent }: Ended, log: StoredLog, ensure: Ensure): Promise<void> {
  const rows = await sql<{ n: number; disclosure: string }[]>`
    SELECT n, disclosure FROM register_acts WHERE opening_id = ${openingId} ORDER BY n`;
  const acts = rows.map(({ disclosure }) => readAct(disclosure)).filter(({ type }) => type !== 'AttemptRefused');
  acts.forEach(({ receivedAt }, n) => {
    ensure((acts[n - 1]?.receivedAt ?? 0) <= receivedAt, 'received_in_order', () => `act ${n} on the register`);
  });
  const byCommand = new Map(sent.map((each) => [`${each.submission.who.account} ${each.submission.command}`, each]));
  const owners = new Map<number, Sent>();
  for (const each of sent) {
    const { submission, sentAt, given } = each;
    for (const answer of given) {
      if (answer.outcome === 'refused') continue;
      answer.seqs.forEach((seq, n) => {
        const what = (): string => `${submission.type} ${submission.command}, entry ${seq}`;
        ensure(log.texts[seq] === answer.entries[n], 'acknowledged_is_recorded', what);
        ensure((owners.get(seq) ?? each) === each, 'acknowledged_is_recorded', what);
        owners.set(seq, each);
        const receivedAt = log.entries[seq]?.receivedAt;
        const isInOrder = receivedAt !== undefined && parseInstant(receivedAt) >= sentAt;
        ensure(isInOrder, 'received_in_order', what);
      });
      if (answer.actId === null) continue;
      const found = acts.filter(({ id }) => id === answer.actId);
      ensure(
        found.length === 1,
        'acknowledged_is_recorded',
        () => `${submission.type} ${submission.command}: ${found.length} acts`,
      );
    }
  }
  // The other way round: whatever stands, somebody sent, and nobody was told that it was refused.
  const check = (command: string, account: string, what: () => string): void => {
    const found = byCommand.get(`${account} ${command}`);
    ensure(found !== undefined, 'acknowledged_is_recorded', () => `nobody has sent ${what()}`);
    const refused = found?.given.find(
      (a) => a.outcome === 'refused' && a.code !== 'command_id_reused' && isKept(found.submission, a),
    );
    const told = (): string => `${what()} was refused: ${JSON.stringify(refused)}`;
    ensure(refused === undefined, 'acknowledged_is_recorded', told);
  };
  const seen = new Map<string, number>();
  log.entries.forEach(({ type, command, actor }, seq) => {
    if (['clock', 'platform'].includes(actor.role) || type === 'OpeningCreated' || type === 'AttemptRefused') return;
    if (type === 'ObjectionRaised' && actor.role !== 'bidder') return;
    const who = log.values[seq]?.['who'] as { readonly account?: string } | null | undefined;
    check(command, who?.account ?? '', () => `entry ${seq}, ${log.texts[seq]},`);
    const before = seen.get(`${who?.account} ${command}`);
    // One command may make several entries, of one round; the same twice would stand apart or be of the same type.
    const isTwice =
      before !== undefined && log.entries.slice(before, seq).some((e) => e.type === type && e.command === command);
    ensure(!isTwice || type === 'ObjectionRaised', 'acknowledged_is_recorded', () => `entry ${seq} stands twice`);
    seen.set(`${who?.account} ${command}`, before ?? seq);
  });
  const commands = new Set<string>();
  for (const { command, who } of acts) {
    const key = `${who.account} ${command}`;
    ensure(!commands.has(key), 'acknowledged_is_recorded', () => `${command} is on the register twice`);
    commands.add(key);
    check(command, who.account, () => `${command}, which is on the register,`);
  }
}
