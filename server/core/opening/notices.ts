// Notices 通知: the entries that everyone concerned must have seen, numbered as they come, each with who has acknowledged it.
import type { EventType, LoggedEvent } from './events.ts';
import type { OpeningState } from './state.ts';

/** One notice, by the entry that gave it. `acknowledgedBy` holds bidder numbers, and the roles of officials. */
export type Notice = {
  readonly notice: number;
  readonly seq: number;
  readonly type: EventType;
  readonly acknowledgedBy: readonly (number | string)[];
};

/** What is a notice by itself, beside what the host gives as one: every change of time and place, and what starts a term. */
export const NOTICE_TYPES = [
  'NoticeGiven',
  'OpeningPostponed',
  'OpeningRescheduled',
  'WindowOpened',
  'WindowExtended',
  'OpeningSuspended',
  'OpeningResumed',
  'RecordIssued',
  'ReviewOpened',
  'CorrectionMade',
] as const satisfies readonly EventType[];

/** The state with the notice that this event is, if it is one. */
export function withNotice(state: OpeningState, { seq, type }: LoggedEvent): OpeningState {
  if (!NOTICE_TYPES.some((noticed) => noticed === type)) return state;
  const notice = { notice: state.notices.length + 1, seq, type, acknowledgedBy: [] };
  return { ...state, notices: [...state.notices, notice] };
}
