/** The opening record on paper: a view of its JSON, which travels in the file; whoever has the record can make the same bytes again. */
import encodeQR from 'qr';
import { canonicalise, isJsonObject, type Json, type JsonObject } from '../core/log/canonical.ts';
import { parseInstant } from '../core/log/instant.ts';
import { utf8 } from '../core/log/utf8.ts';
import type { OpeningRecord, PublicRecord } from '../core/opening/record.ts';
import { formatRecordMark, type RecordMark } from '../core/opening/record-mark.ts';
import { beginPaper, type Paper } from './paper.ts';
import { RECORD_LABELS } from './record-labels.ts';

export type RecordOnPaper = {
  readonly record: OpeningRecord | PublicRecord;
  readonly mark: RecordMark;
  /** Where the platform is reached, which stands in the QR code. */
  readonly origin: string;
};

const MODULE_POINTS = 2.2;
/** Files the record travels under, by its form. */
const ATTACHED = { original: 'record.json', public: 'record-public.json' } as const;

/**
 * Makes the PDF.
 *
 * Why: without a key, so that whoever has the record and its mark can make these bytes again and see that the pages say just what the
 *      record says. What bidders have signed is the record's digest, which stands on the log; the platform's own signature over these
 *      bytes comes behind them (signed-record.ts).
 */
export function renderRecord({ record, mark, origin }: RecordOnPaper): Promise<Uint8Array> {
  const isPublic = 'form' in record;
  const paper = beginPaper({ title: `开标记录 ${record.title}`, at: parseInstant(record.window.closedAt) });
  paper.write('开标记录 Opening record', 18);
  paper.write(record.title, 13);
  if (record.rehearsal) paper.write('演练记录，不具效力 A rehearsal without effect', 11);
  if (isPublic) paper.write('公开版：报价依法不公开 Public form: prices are withheld by law', 10);
  paper.rule();
  const { lines, ...rest } = record;
  writeMembers(paper, rest as unknown as JsonObject, 0);
  paper.gap(8);
  paper.write(RECORD_LABELS['lines'] ?? '', 12);
  for (const line of lines) {
    paper.rule();
    writeMembers(paper, line as unknown as JsonObject, 0);
  }
  paper.rule();
  paper.gap(6);
  paper.write('核验 Verify', 12);
  paper.write(
    '用任意扫码工具扫描，或在核验页输入记录编号，即可在您的浏览器中核对本记录与见证日志。Scan the code, or type the number on the verify page: your browser checks this record against the witness log.',
    9,
  );
  const text = formatRecordMark(origin, mark);
  paper.code(encodeQR(text, 'raw', { ecc: 'medium', border: 2 }), MODULE_POINTS);
  paper.fact('记录编号 Number', `${mark.openingId}/${mark.version}`);
  paper.fact('记录摘要 Digest (SHA-256)', mark.sha256);
  paper.fact('日志树头 Head of the log', `${mark.size} · ${mark.root}`);
  paper.fact('核验页 Verify page', `${origin}/verify`);
  const attached = isPublic ? ATTACHED.public : ATTACHED.original;
  paper.fact('所附原文 Attached', attached);
  paper.attach(attached, utf8(canonicalise(record as unknown as Json)));
  return paper.end(`${mark.openingId}/${mark.version} · ${mark.sha256}`);
}

const ORDER = Object.keys(RECORD_LABELS);

/** As the labels are listed, whatever order the members came in: what was read again must make the same pages. */
function inOrder([a]: readonly [string, Json], [b]: readonly [string, Json]): number {
  return ORDER.indexOf(a) - ORDER.indexOf(b);
}

/** Every member by its label, what is made of parts below its name. */
function writeMembers(paper: Paper, members: JsonObject, indent: number): void {
  for (const [name, value] of Object.entries(members).sort(inOrder)) {
    const label = RECORD_LABELS[name] ?? name;
    if (isJsonObject(value)) {
      paper.fact(label, '', indent);
      writeMembers(paper, value, indent + 12);
    } else if (Array.isArray(value)) {
      paper.fact(label, value.length === 0 ? '无 none' : `${value.length}`, indent);
      for (const one of value)
        if (isJsonObject(one)) {
          writeMembers(paper, one, indent + 12);
          paper.gap(4);
        } else paper.fact('', textOf(one), indent);
    } else paper.fact(label, textOf(value), indent);
  }
}

function textOf(value: Json): string {
  if (value === null) return '— ';
  if (value === true) return '是 yes';
  if (value === false) return '否 no';
  return String(value);
}
