/** The process of one batch of a long soak: simulates it, and tells its parent how far it is and what it found. */
import type { Batch, BatchWord } from './batches.ts';
import { emptySummary, type Summary, simulate } from './simulate.ts';
import { ownCluster, soakStage } from './stage.ts';
import { ViolationError } from './violations.ts';

const REPORT_EVERY = 10;

const batch = JSON.parse(process.argv[2] ?? '') as Batch;
const ends: (() => Promise<void>)[] = [];
const t = { teardown: (act: () => Promise<void>) => void ends.unshift(act) };
let latest: Summary = emptySummary(batch.seed);

const tell = (word: Omit<BatchWord, 'summary'>): Promise<void> =>
  new Promise((sent) => process.send?.({ ...word, summary: latest }, () => sent()));

async function leave(): Promise<void> {
  for (const end of ends.splice(0)) await end();
}

// Whoever started it is gone.
const abandon = (): void => void leave().finally(() => process.exit(1));
process.once('disconnect', abandon);
try {
  latest = await simulate({
    ...(await soakStage(t, () => ownCluster(t))),
    ...batch,
    onProgress(summary) {
      latest = summary;
      if (summary.openings % REPORT_EVERY === 0) void tell({ isOver: false, found: null });
    },
  });
  await tell({ isOver: true, found: null });
} catch (error) {
  const why = error instanceof Error ? error : new Error(String(error));
  const story = [...(error instanceof ViolationError ? error.course : []), why.stack ?? ''];
  await tell({ isOver: true, found: { why: why.message, story } });
} finally {
  await leave();
  process.off('disconnect', abandon);
  process.disconnect?.();
}
