/** A judged record on paper as the list that a reader goes through. */
import type { Item } from './items.ts';
import type { JudgedPaper, PaperOnLog } from './judge-messages.ts';

const UNSEEN = { standing: 'unseen', words: 'notLookedAt' } as const;
const BAD = { standing: 'bad', words: 'isRefused' } as const;

export function paperItems({ refusal, onLog }: JudgedPaper): Item[] {
  // only what is whole is looked into
  const isInside = refusal?.reason === 'paper_record_differs';
  const isWhole = refusal === null || isInside;
  const inside =
    refusal === null ? ({ standing: 'good', words: 'paperRecordHolds' } as const) : isInside ? BAD : UNSEEN;
  return [
    { key: 'paper', ...(isWhole ? ({ standing: 'good', words: 'paperWhole' } as const) : BAD) },
    { key: 'paperRecord', ...inside },
    { key: 'paperPages', standing: 'unseen', words: 'paperPagesUnseen' },
    { key: 'paperLog', ...(refusal === null ? logItem(onLog) : UNSEEN) },
  ];
}

function logItem(onLog: PaperOnLog | null): Pick<Item, 'standing' | 'words'> {
  if (onLog === null) return { standing: 'open', words: 'paperNoLog' };
  const { standing, isAnchored } = onLog;
  if (standing === 'replaced') return { standing: 'open', words: 'paperLog_replaced' };
  if (standing === 'stands' && !isAnchored) return { standing: 'open', words: 'paperLogOwnWord' };
  return { standing: standing === 'stands' ? 'good' : 'bad', words: `paperLog_${standing}` };
}

/** Red when anything is; green only when a log that the reader's own anchor vouches for has the record, and it is the present one. */
export function paperVerdict(paper: JudgedPaper): 'bad' | 'good' | 'inner' {
  const items = paperItems(paper);
  if (items.some(({ standing }) => standing === 'bad')) return 'bad';
  return items.find(({ key }) => key === 'paperLog')?.standing === 'good' ? 'good' : 'inner';
}
