/** A thread that makes one PDF: reading the fonts and laying out a thousand bidders would keep everyone else waiting. */
import { parentPort, workerData } from 'node:worker_threads';
import { type RecordOnPaper, renderRecord } from './record-pdf.ts';

parentPort?.postMessage(await renderRecord(workerData as RecordOnPaper));
