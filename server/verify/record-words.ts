/** Why a record on paper (record.pdf) is refused, in both languages; it judges nothing. */
import type { Words } from '../core/log/words.ts';

export const PAPER_REASONS = {
  paper_unsigned: {
    en: 'This is no record of kaibiao as a PDF, or what signs it was cut off or changed.',
    zh: '这不是本系统出具的开标记录 PDF，或其所附签名已被删改。',
  },
  paper_signature_bad: {
    en: 'The signature behind the PDF is not of the key that it names.',
    zh: 'PDF 所附签名与其所称公钥不符。',
  },
  paper_changed: {
    en: 'The PDF was changed after it was signed.',
    zh: 'PDF 在签名之后被改动过。',
  },
  paper_record_differs: {
    en: 'The record inside the PDF is not the one that the signature and the QR code name.',
    zh: 'PDF 所附的记录原文与签名及二维码所载记录不一致。',
  },
  paper_pages_differ: {
    en: 'The pages are not those that this version of kaibiao makes of the record inside the PDF: trust the record inside, or ask the version that made it.',
    zh: 'PDF 页面与本版本程序按其所附记录原文重新生成的页面不一致：请以所附原文为准，或用生成它的版本核对。',
  },
  paper_other_key: {
    en: 'The PDF was signed by another key than the one of this opening’s log.',
    zh: '签署 PDF 的密钥不是该开标日志的密钥。',
  },
  paper_not_on_log: {
    en: 'The log does not have this record at the place that the PDF names.',
    zh: '日志在 PDF 所称的位置没有这份记录。',
  },
} as const satisfies Record<string, Words>;
