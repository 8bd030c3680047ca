/** `kaibiao status` and `kaibiao wait`: an opening by its verified log. */
import { formatInstant } from '../../core/log/instant.ts';
import { layerRules, shareDealtTo, sharingRules } from '../../core/opening/layer.ts';
import { PHASES } from '../../core/opening/phases.ts';
import { isDecrypted, numberOf, type OpeningState } from '../../core/opening/state.ts';
import { EXIT, UsageError } from '../exit.ts';
import type { Io } from '../io.ts';
import { headSeen } from '../person/act.ts';
import { readStanding } from '../person/lodge.ts';
import type { Person } from '../person/person.ts';
import { catchUp } from '../person/read-opening.ts';
import { waitFor } from '../person/wait-for.ts';
import { REPORT_OPTION, readMonitors, reportHeads } from '../report-heads.ts';
import { enter, parsePerson, readRole } from './options.ts';

const options = { role: { type: 'string' }, ...REPORT_OPTION } as const;

/** Shows an opening and what is kept of one's own part in it. */
export async function status(argv: readonly string[], io: Io): Promise<number> {
  const { values, positionals } = parsePerson(argv, ['opening'], options);
  const [openingId = ''] = positionals;
  const role = readRole(values.role, 'public');
  const monitors = readMonitors(values.report);
  const person = await enter(values, io);
  await show(person, await catchUp(person, openingId, role), io);
  const standing = await readStanding(person, openingId);
  if (standing !== null) io.out(`  own bid ${standing.bid.bidId}, received ${standing.receipt.receivedAt}`);
  return reportSeen(person, openingId, monitors, io);
}

/** Waits for a phase. */
export async function wait(argv: readonly string[], io: Io): Promise<number> {
  const { values, positionals } = parsePerson(argv, ['opening'], { ...options, phase: { type: 'string' } as const });
  const phase = PHASES.find((name) => name === values.phase);
  if (phase === undefined) throw new UsageError(`--phase is one of ${PHASES.join(', ')}.`);
  const [openingId = ''] = positionals;
  const role = readRole(values.role, 'public');
  const monitors = readMonitors(values.report);
  const person = await enter(values, io);
  await show(person, await waitFor(person, openingId, role, (state) => state.phase === phase), io);
  return reportSeen(person, openingId, monitors, io);
}

/** Reports the heads of the opening and of the ledger that this person was shown, the newest of each. */
async function reportSeen(person: Person, openingId: string, monitors: readonly string[], io: Io): Promise<number> {
  if (monitors.length === 0) return EXIT.done;
  // asks for the ledger's newest head
  await person.receiptKeys();
  const pins = [await person.pin(openingId), await person.ledgerPin()];
  const notes = await Promise.all(pins.map(async (pin) => (await pin.keeper())?.note()));
  const keys = await Promise.all(pins.map((pin) => pin.pinned()));
  const shown = { notes: notes.filter((note) => note !== undefined), keys: keys.filter((key) => key !== null) };
  return reportHeads(monitors, shown, io);
}

async function show(person: Person, state: OpeningState, io: Io): Promise<void> {
  const { openingId, phase, phaseSince, details, bids, window, record } = state;
  const { size, root } = await headSeen(person, openingId);
  io.out(`${openingId} ${details.title}`);
  io.out(
    `  ${phase} since ${formatInstant(phaseSince)}; ${phase === 'Postponed' ? 'no deadline until it is rescheduled' : `deadline ${details.deadlineAt}`}`,
  );
  const number = numberOf(state, person.creditCode);
  const own = number === null ? '' : `; own number ${number}`;
  if (bids.length > 0) io.out(`  ${bids.filter(isDecrypted).length} of ${bids.length} bids decrypted${own}`);
  for (const line of damageLines(state, number)) io.out(line);
  for (const line of evidenceLines(state, number)) io.out(line);
  if (window !== null) io.out(`  window ${formatInstant(window.opensAt)} – ${formatInstant(window.closesAt)}`);
  showLayer(state, io);
  if (record !== null) io.out(`  record version ${record.version}, SHA-256 ${record.sha256}`);
  io.out(`  verified to entry ${size - 1}, root ${root}`);
}

/** A line for each bid that is not what was received, by the latest scan on the log; `own` is the reader's number, null for officials. */
export function damageLines({ scan }: Pick<OpeningState, 'scan'>, own: number | null): string[] {
  return (scan?.damaged ?? []).map(
    ({ bidder, failure }) =>
      `  bid ${bidder}${bidder === own ? ', your own,' : ''} is damaged in the platform’s storage (${failure}): the platform’s failure, never its bidder’s`,
  );
}

/** What was proposed of the reader's own bid that did not open, and by what evidence; it may be contested (ContestRuling). */
export function evidenceLines({ bids }: Pick<OpeningState, 'bids'>, own: number | null): string[] {
  const proposal = bids.find(({ bidder }) => bidder === own)?.proposal;
  if (proposal == null) return [];
  const { verdict, evidence } = proposal;
  const said = Object.entries(evidence).map(([name, value]) => `${name} ${JSON.stringify(value)}`);
  return [`  own bid not opened; proposed ${verdict} by the evidence on the log: ${said.join(', ')}`];
}

/** Where there is a second layer or a blind window: who holds a share of the opening key, who has said so, who has given it. */
function showLayer({ policy, layer }: OpeningState, io: Io): void {
  const rules = sharingRules(policy);
  if (rules === null) return;
  const what = layerRules(policy) === null ? 'blind window' : 'second layer';
  io.out(
    `  ${what}: ${rules.threshold} of ${rules.holders} holders open it${layer.key === null ? '; no key dealt' : ''}`,
  );
  for (const { holder, role } of layer.holders) {
    const dealt = shareDealtTo(layer, holder);
    const stands = layer.given.some((one) => one.holder === holder)
      ? 'share given'
      : dealt === undefined
        ? 'key offered'
        : dealt.acknowledged
          ? 'share acknowledged'
          : 'share not acknowledged';
    const wrong = layer.wrong.filter((one) => one === holder).length;
    io.out(`    holder ${holder}, ${role}: ${stands}${wrong === 0 ? '' : `; wrong shares: ${wrong}`}`);
  }
}
