/** What an Office document says of who made it: `docProps/core.xml` and `app.xml` of its package. */
import sax from 'sax';
import { openPromise, type ZipFile } from 'yauzl';
import { type DocumentFacts, instantFact, NO_FACTS, textFact } from './fact-text.ts';

const CORE = 'docProps/core.xml';
const APPLICATION = 'docProps/app.xml';
/** Properties are some hundred bytes; a part that claims more is not read. */
export const PROPERTIES_LIMIT_BYTES = 65_536;

/**
 * Reads the facts of an Office Open XML package.
 *
 * Returns: NO_FACTS for another ZIP, and for one that is broken. Throws: what the disk throws.
 * Source:  ECMA-376 part 2 §11 (core properties), part 1 §22.2 (extended properties).
 */
export async function readOfficeFacts(path: string): Promise<DocumentFacts> {
  let zip: ZipFile;
  try {
    zip = await openPromise(path);
  } catch (error) {
    return unreadable(error);
  }
  try {
    const parts = new Map<string, Map<string, string>>();
    for await (const entry of zip.eachEntry()) {
      const isWanted = entry.fileName === CORE || entry.fileName === APPLICATION;
      if (!isWanted || entry.uncompressedSize > PROPERTIES_LIMIT_BYTES) continue;
      const stream = await zip.openReadStreamPromise(entry);
      const chunks: Buffer[] = [];
      for await (const chunk of stream) chunks.push(chunk as Buffer);
      parts.set(entry.fileName, readProperties(Buffer.concat(chunks).toString('utf8')));
    }
    return factsOf(parts.get(CORE) ?? new Map(), parts.get(APPLICATION) ?? new Map());
  } catch (error) {
    return unreadable(error);
  } finally {
    zip.close();
  }
}

/** The disk's errors have a system call; what else goes wrong is the document's. */
function unreadable(error: unknown): DocumentFacts {
  if (error instanceof Error && 'syscall' in error) throw error;
  return NO_FACTS;
}

function factsOf(core: ReadonlyMap<string, string>, application: ReadonlyMap<string, string>): DocumentFacts {
  const instantOf = (name: string): string => instantFact(Date.parse(core.get(name) ?? ''));
  return {
    author: textFact(core.get('creator')),
    lastModifiedBy: textFact(core.get('lastModifiedBy')),
    createdAt: instantOf('created'),
    modifiedAt: instantOf('modified'),
    application: textFact([application.get('Application'), application.get('AppVersion')].filter(Boolean).join(' ')),
  };
}

/** Each property by its local name, below the root. Throws: Error when it is not well-formed; entities of its own are none. */
function readProperties(xml: string): Map<string, string> {
  const found = new Map<string, string>();
  const open: string[] = [];
  const reader = sax.parser(true, { xmlns: true });
  reader.onopentag = (tag) => void open.push('local' in tag ? tag.local : tag.name);
  reader.onclosetag = () => void open.pop();
  const take = (text: string): void => {
    const [, name] = open;
    if (open.length === 2 && name !== undefined) found.set(name, (found.get(name) ?? '') + text);
  };
  reader.ontext = take;
  reader.oncdata = take;
  reader.onerror = (error) => {
    throw error;
  };
  reader.write(xml).close();
  return found;
}
