/** What a PDF says of who made it: its document information, read through pdf.js without loading the pages. */
import { open } from 'node:fs/promises';
import { getDocument, PDFDataRangeTransport } from 'unpdf/pdfjs';
import { type DocumentFacts, instantFact, NO_FACTS, textFact } from './fact-text.ts';

/** The package's own declarations name files without their endings, which this compiler does not find. */
declare module 'unpdf/pdfjs' {
  export class PDFDataRangeTransport {
    constructor(length: number, initialData: Uint8Array);
    requestDataRange(begin: number, end: number): void;
    onDataRange(begin: number, chunk: Uint8Array): void;
  }
  export function getDocument(source: {
    range: PDFDataRangeTransport;
    disableAutoFetch: boolean;
    disableStream: boolean;
    isEvalSupported: boolean;
    verbosity: number;
  }): {
    readonly promise: Promise<{ getMetadata(): Promise<{ info: Readonly<Record<string, unknown>> }> }>;
    destroy(): Promise<void>;
  };
}

/** `D:YYYYMMDDHHmmSSOHH'mm'`, all behind the year optional. Source: ISO 32000-1 §7.9.4. */
const PDF_DATE = /^(?:D:)?(\d{4})(\d\d)?(\d\d)?(\d\d)?(\d\d)?(\d\d)?(?:Z|([+-])(\d\d)'?(\d\d)?'?)?/u;

/**
 * Reads a PDF's facts.
 *
 * Returns: NO_FACTS when pdf.js can make nothing of it. A PDF does not say who changed it last.
 * Throws:  what the disk throws.
 * Why:     only the ranges that pdf.js asks for are read, so a plan of 500 MB costs what its directory costs.
 */
export async function readPdfFacts(path: string): Promise<DocumentFacts> {
  const file = await open(path);
  const { size } = await file.stat();
  let broken: unknown;
  class Ranges extends PDFDataRangeTransport {
    override requestDataRange(begin: number, end: number): void {
      const bytes = new Uint8Array(Math.min(end, size) - begin);
      file.read(bytes, 0, bytes.length, begin).then(
        () => this.onDataRange(begin, bytes),
        (error: unknown) => {
          broken = error;
          // pdf.js has no word for a disk that fails: it gets nothing, and is stopped below
          void task.destroy();
        },
      );
    }
  }
  const task = getDocument({
    range: new Ranges(size, new Uint8Array(0)),
    disableAutoFetch: true,
    disableStream: true,
    isEvalSupported: false,
    verbosity: 0,
  });
  try {
    const { info } = await (await task.promise).getMetadata();
    return factsOf(info);
  } catch {
    if (broken !== undefined) throw broken;
    return NO_FACTS;
  } finally {
    await task.destroy();
    await file.close();
  }
}

function factsOf(info: Readonly<Record<string, unknown>>): DocumentFacts {
  const program = [textFact(info['Creator']), textFact(info['Producer'])].filter(
    (text) => text !== NO_FACTS.application,
  );
  return {
    author: textFact(info['Author']),
    lastModifiedBy: NO_FACTS.lastModifiedBy,
    createdAt: pdfInstant(info['CreationDate']),
    modifiedAt: pdfInstant(info['ModDate']),
    application: textFact(program.join(' / ')),
  };
}

/** A date without a zone is taken as UTC. */
function pdfInstant(value: unknown): string {
  const [
    ,
    year,
    month = '01',
    day = '01',
    hour = '00',
    minute = '00',
    second = '00',
    sign,
    hours = '00',
    minutes = '00',
  ] = PDF_DATE.exec(typeof value === 'string' ? value : '') ?? [];
  if (year === undefined) return NO_FACTS.createdAt;
  const zone = sign === undefined ? 'Z' : `${sign}${hours}:${minutes}`;
  return instantFact(Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}${zone}`));
}
