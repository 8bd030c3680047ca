/** The judgement of a record on paper with what the command line has besides: it makes the pages again and compares every byte. */
import { checkCompiled } from '../compiled-check.ts';
import { sameBytes } from '../core/log/bytes.ts';
import {
  type OpeningRecord,
  OpeningRecordSchema,
  type PublicRecord,
  PublicRecordSchema,
} from '../core/opening/record.ts';
import { renderRecord } from '../dossier/record-pdf.ts';
import { judgeRecordPaper, type PaperVerdict } from '../verify/record-paper.ts';
import { type Refused, refuse } from '../verify/words.ts';
import { nodeTools } from './verify-log.ts';

/** As `judgeRecordPaper`, and whether the pages show the record inside and nothing else. */
export async function judgePaper(bytes: Uint8Array): Promise<PaperVerdict | Refused> {
  const judged = await judgeRecordPaper(nodeTools, bytes);
  if (!judged.ok) return judged;
  const { record, form, statement, pdf } = judged;
  if (!checkCompiled(form === 'public' ? PublicRecordSchema : OpeningRecordSchema, record))
    return refuse('paper_record_differs', { detail: 'its form' });
  const { mark, origin } = statement;
  const again = await renderRecord({ record: record as unknown as OpeningRecord | PublicRecord, mark, origin });
  return sameBytes(again, pdf) ? judged : refuse('paper_pages_differ');
}
