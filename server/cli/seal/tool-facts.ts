/** `tool.json`: what the sealing tool knows of where a bid was sealed, for the search for similar bids; what it cannot know it calls `unknown`. */
import { cpus, networkInterfaces } from 'node:os';
import type { Json } from '../../core/log/canonical.ts';
import type { SourceFile } from './archive-source.ts';
import { readDocumentFacts } from './document-facts.ts';
import { NO_FACTS, textFact, UNKNOWN } from './fact-text.ts';

export const TOOL_FACTS_VERSION = 1;
const NO_MAC = '00:00:00:00:00:00';

/**
 * The facts of this computer and of the documents.
 *
 * Shape:  network addresses of the hardware (MAC) in order, each once; the processor's model; Node.js cannot read processor ids,
 *         disk serials or dongles. Of each document its name and what document-facts.ts finds in it.
 * Throws: what the disk throws.
 * Why:    said openly to the bidder by the command line; read by supervisors and auditors only, and only after the opening.
 */
export async function toolFacts(version: string, documents: readonly SourceFile[] = []): Promise<Json> {
  const interfaces = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  const macs = [...new Set(interfaces.map(({ mac }) => mac))].filter((mac) => mac !== NO_MAC).sort();
  const found: Json[] = [];
  for (const file of documents)
    found.push({ name: file.name, ...('path' in file ? await readDocumentFacts(file.path) : NO_FACTS) });
  return {
    v: TOOL_FACTS_VERSION,
    tool: 'kaibiao',
    toolVersion: version,
    macs: macs.length > 0 ? macs : UNKNOWN,
    processorModel: textFact(cpus()[0]?.model),
    processorId: UNKNOWN,
    diskSerial: UNKNOWN,
    dongleId: UNKNOWN,
    documents: found,
  };
}
