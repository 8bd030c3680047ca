/** The steps of the phase bar: the way this opening goes by its policy, and how far it has come. */
import { sharingRules } from '../../server/core/opening/layer.ts';
import type { Phase } from '../../server/core/opening/phases.ts';
import type { Policy } from '../../server/core/opening/policy.ts';

export type Step = { readonly phase: Phase; readonly standing: 'done' | 'current' | 'next' | 'ahead' };

const ENDED_OTHERWISE: readonly Phase[] = ['Failed', 'Aborted'];

/** The way of an opening that goes through: the phases its policy asks for, in the order of the domain's table. */
function wayOf(policy: Policy, visited: readonly Phase[]): Phase[] {
  const way: [Phase, boolean][] = [
    ['Scheduled', true],
    ['CheckIn', true],
    ['Sealed', true],
    ['RosterPublished', true],
    ['Drawing', policy.draw !== 'none' && policy.draw.when === 'before_decryption'],
    ['Decrypting', true],
    ['TendererDecrypting', sharingRules(policy) !== null],
    ['Attribution', true],
    ['Remedy', policy.remedy !== 'none' && visited.includes('Remedy')],
    ['Announcing', true],
    ['Drawing', policy.draw !== 'none' && policy.draw.when === 'after_decryption'],
    ['QuoteRound', visited.includes('QuoteRound')],
    ['RecordConfirm', true],
    ['Closed', true],
    ['ReviewMeeting', visited.includes('ReviewMeeting')],
    ['HandedOver', true],
    ['Archived', true],
  ];
  return way.filter(([, isOnWay]) => isOnWay).map(([phase]) => phase);
}

/**
 * The steps to show.
 *
 * Shape: `visited` the phases stood in so far, in order, the last one the present phase.
 * Why:   a failed or terminated opening shows the way it really went, not steps it will never take.
 */
export function phaseSteps(policy: Policy, visited: readonly Phase[]): Step[] {
  const current = visited[visited.length - 1] as Phase;
  const endedOtherwise = visited.some((phase) => ENDED_OTHERWISE.includes(phase));
  const way = wayOf(policy, visited);
  const steps = endedOtherwise
    ? [...new Set<Phase>([...visited.filter((phase) => phase !== 'Draft'), 'Archived'])]
    : way.includes(current)
      ? way
      : [current, ...way];
  const at = steps.indexOf(current);
  return steps.map((phase, i) => ({
    phase,
    standing: i < at ? 'done' : i === at ? 'current' : i === at + 1 ? 'next' : 'ahead',
  }));
}
