/** `tool.json` of a bid sealed in a browser: that it was, and that a browser knows nothing of its machine. */
import type { Json } from '../../server/core/log/canonical.ts';

const UNKNOWN = 'unknown';

/** The same members as the command line's. */
export function browserToolFacts(documents: readonly string[]): Json {
  return {
    v: 1,
    tool: 'kaibiao-web',
    toolVersion: UNKNOWN,
    macs: UNKNOWN,
    processorModel: UNKNOWN,
    processorId: UNKNOWN,
    diskSerial: UNKNOWN,
    dongleId: UNKNOWN,
    documents: documents.map((name) => ({
      name,
      author: UNKNOWN,
      lastModifiedBy: UNKNOWN,
      createdAt: UNKNOWN,
      modifiedAt: UNKNOWN,
      application: UNKNOWN,
    })),
  };
}
