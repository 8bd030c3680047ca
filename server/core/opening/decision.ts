// What the steps of an opening share: the shape of a decision, of one command's own checks, and facts that must be there.
import type { Command, CommandType } from './commands.ts';
import type { NewEvent } from './events.ts';
import type { Facts } from './facts.ts';
import type { Refusal } from './refusals.ts';
import type { OpeningState } from './state.ts';

export type Decision = { readonly events: readonly NewEvent[] } | Refusal;

/** One command's own checks, after role, phase and suspension have passed. */
export type Step<T extends CommandType> = (
  state: OpeningState,
  command: Extract<Command, { type: T }>,
  facts: Facts,
) => Decision;

/** A fact that the recorder must bring for this command; its absence is a fault, not a refusal. */
export function needed<T>(fact: T | null, what: string): T {
  if (fact === null) throw new Error(`decide was not told ${what}`);
  return fact;
}
