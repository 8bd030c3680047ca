/** Judges a record on paper that somebody gave the page, and holds it against the logs that were given as well. */
import { judgeRecordPaper, type PaperVerdict, paperOnLog } from '../../server/verify/record-paper.ts';
import type { Roots } from '../../server/verify/roots.ts';
import type { VerifyTools } from '../../server/verify/tools.ts';
import { verdictOf } from './items.ts';
import type { Given, JudgedLog, JudgedPaper, PaperOnLog } from './judge-messages.ts';

/** A log that was judged, with what a record on paper is held against; `vkey` is the one it came with. */
export type LogAtHand = { readonly judged: JudgedLog; readonly vkey: string; readonly roots: Roots };

export async function judgeOnePaper(
  tools: VerifyTools,
  { path: name, blob }: Given,
  logs: readonly LogAtHand[],
): Promise<JudgedPaper> {
  const judged = await judgeRecordPaper(tools, new Uint8Array(await blob.arrayBuffer()));
  if (!judged.ok) {
    const { reason, words, detail = null } = judged;
    return {
      kind: 'paper',
      name,
      refusal: { reason, words, detail, seq: null },
      said: null,
      form: 'original',
      onLog: null,
    };
  }
  const { statement, form } = judged;
  const { log, origin, mark, vkey } = statement;
  const held = logs.map((one) => onLog(judged, one)).filter((one) => one !== null);
  // of several logs the worst counts: one of them tells another history
  const worst = held.find(({ standing }) => standing !== 'stands') ?? held.find((one) => !one.isAnchored) ?? held[0];
  return { kind: 'paper', name, refusal: null, said: { log, origin, mark, vkey }, form, onLog: worst ?? null };
}

/** Null for the log of anything else. */
function onLog(paper: PaperVerdict, { judged, vkey, roots }: LogAtHand): PaperOnLog | null {
  const { statement } = paper;
  const { state, verified } = judged;
  if (vkey.split('+')[0] !== statement.log && state?.openingId !== statement.mark.openingId) return null;
  if (state === null || verified === null) return { standing: 'log_refused', isAnchored: false };
  const standing = paperOnLog(paper, { origin: verified.origin, vkey, state, roots });
  return { standing, isAnchored: verdictOf(judged) === 'good' };
}
