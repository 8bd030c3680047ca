/** Who made a document and when, as the document itself says: for the search for similar bids; what it does not say is `unknown`. */
import { open } from 'node:fs/promises';
import { type DocumentFacts, NO_FACTS } from './fact-text.ts';
import { readOfficeFacts } from './office-facts.ts';

const PDF_MARK = '%PDF-';
const ZIP_MARK = 'PK\u0003\u0004';
/** A PDF may begin behind a kilobyte of something else. Source: ISO 32000-1 annex H.3.4.1. */
const MARK_WITHIN_BYTES = 1_024;

/**
 * Reads the facts of one document: PDF and Office Open XML (.docx, .xlsx, .pptx).
 *
 * Returns: NO_FACTS for any other format, for a document that is broken or locked by a password.
 * Throws:  what the disk throws.
 */
export async function readDocumentFacts(path: string): Promise<DocumentFacts> {
  const head = await readHead(path);
  if (head.startsWith(ZIP_MARK)) return readOfficeFacts(path);
  // one and a half megabytes of pdf.js, for who has a PDF
  if (head.includes(PDF_MARK)) return (await import('./pdf-facts.ts')).readPdfFacts(path);
  return NO_FACTS;
}

async function readHead(path: string): Promise<string> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(MARK_WITHIN_BYTES), 0, MARK_WITHIN_BYTES, 0);
    return buffer.toString('latin1', 0, bytesRead);
  } finally {
    await file.close();
  }
}
