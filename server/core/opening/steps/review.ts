// The review meeting 复会: after the close the parties meet once more, on the same log and under the record they closed on.
import { needed, type Step } from '../decision.ts';

/** The record stays as it was closed; the meeting ends with the hand-over. */
export const openReview: Step<'OpenReview'> = (state, { data }) => {
  const { version, sha256 } = needed(state.record, 'the record');
  const body = { version, recordSha256: sha256, reason: data.reason };
  return { events: [{ type: 'ReviewOpened', body, fields: {} }] };
};
