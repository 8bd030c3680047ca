/** What a page or a command line tells a monitor, and what it answers: one address, one signed checkpoint, one word, and of a fork the evidence. */
import * as Type from 'typebox';

/** Below a monitor's own address; a report is a POST of the signed checkpoint as text/plain. */
export const REPORT_PATH = '/heads';

/** What is said to whoever reports a head: it is on the log that the monitor is shown, it is not, or that cannot be known yet. */
export const VERDICTS = ['known', 'other', 'waiting'] as const;
export type Verdict = (typeof VERDICTS)[number];

/** `evidence`: of `other`, what contradicts itself (ForkEvidence). A monitor's word alone accuses nobody. */
export const VerdictAnswer = Type.Object({
  verdict: Type.Enum(VERDICTS),
  evidence: Type.Optional(Type.Array(Type.String(), { minItems: 2, maxItems: 3 })),
});
export type VerdictAnswer = Type.Static<typeof VerdictAnswer>;

/** An answer is no longer: two notes, each letter of which JSON may escape, and a proof. */
export const ANSWER_LIMIT_BYTES = 2 ** 18;
