/** Which logs a cosigner signs for: a file of lines `<vkey> <origin>`, read anew when it changes. */
import { appendFile, open, readFile, stat } from 'node:fs/promises';
import { demand } from '../core/log/error.ts';
import { isKeyName } from '../core/log/key-name.ts';
import { ed25519Verifier, KEY_TYPES, type NoteVerifier, parseVkey } from '../core/log/note.ts';
import { verifyEd25519 } from '../ed25519.ts';
import { sha256 } from '../hash.ts';

/** Logs a cosigner may be enrolled for; each costs one small file. */
export const ENROLLED_LIMIT = 1_000;

export type EnrolledLogs = {
  /** The keys that may sign for an origin; none of a log that is not enrolled. Throws: LogFormatError when the file is malformed. */
  keysOf(origin: string): Promise<readonly NoteVerifier[]>;
};

type Enrolled = ReadonlyMap<string, readonly NoteVerifier[]>;

/**
 * The keys by origin.
 *
 * Throws: LogFormatError: `vkey_malformed`, `vkey_weak` for a key that must not be believed, `policy_malformed` for another line.
 */
function parseEnrolled(text: string): Enrolled {
  const enrolled = new Map<string, NoteVerifier[]>();
  for (const line of text.split('\n')) {
    if (line === '' || line.startsWith('#')) continue;
    const [vkey = '', origin, ...rest] = line.split(' ');
    demand(isKeyName(origin) && rest.length === 0, 'policy_malformed', 'a line is not: <vkey> <origin>');
    const key = parseVkey(sha256, vkey);
    demand(key.type === KEY_TYPES.ed25519, 'vkey_malformed', 'not a key of type 0x01');
    const keys = enrolled.get(origin) ?? [];
    const isKnown = keys.some(({ name, keyId }) => name === key.name && keyId === key.keyId);
    if (!isKnown) enrolled.set(origin, [...keys, ed25519Verifier(key, verifyEd25519)]);
  }
  demand(enrolled.size <= ENROLLED_LIMIT, 'policy_malformed', `more than ${ENROLLED_LIMIT} logs`);
  return enrolled;
}

/** Reads the enrolled logs of a file, and again whenever it has changed: a log may be enrolled while the cosigner runs. */
export function readEnrolledLogs(file: string): EnrolledLogs {
  let readAt = '';
  let enrolled: Enrolled = new Map();
  return {
    async keysOf(origin) {
      const { mtimeMs, size } = await stat(file);
      const seen = `${mtimeMs} ${size}`;
      if (seen !== readAt) {
        enrolled = parseEnrolled(await readFile(file, 'utf8'));
        readAt = seen;
      }
      return enrolled.get(origin) ?? [];
    },
  };
}

/**
 * Enrols a log: its key, and the origin that stands in its checkpoints, which is the key's name unless another is given.
 *
 * Returns: the origin. Throws: LogFormatError as above; nothing is written then.
 */
export async function enrolLog(file: string, vkey: string, origin?: string): Promise<string> {
  const key = parseVkey(sha256, vkey);
  const line = `${vkey} ${origin ?? key.name}\n`;
  parseEnrolled(`${await readFile(file, 'utf8')}${line}`);
  await appendFile(file, line);
  const handle = await open(file, 'r');
  await handle.sync().finally(() => handle.close());
  return origin ?? key.name;
}
