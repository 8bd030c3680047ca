/** What a person holds on to of one log: its key as first seen, and the newest head, shared by every copy of the log. */
import { LogFormatError } from '../../core/log/error.ts';
import { ed25519Verifier, type NoteVerifier, parseVkey } from '../../core/log/note.ts';
import { verifyEd25519 } from '../../ed25519.ts';
import { sha256 } from '../../hash.ts';
import { type HeadKeeper, keepHead } from './head.ts';
import { PersonError } from './person-error.ts';
import { type LogFiles, readOrNull, writeDurably } from './person-folder.ts';

export type LogPin = {
  readonly origin: string;
  /** What checks the log's notes; nothing is pinned by asking. Throws: PersonError log_key_changed, log_not_genuine. */
  verifierOf(vkey: string): Promise<NoteVerifier>;
  /** Holds on to a key that signed what was shown. Throws: PersonError log_key_changed. */
  trust(vkey: string): Promise<HeadKeeper>;
  /** The keeper of a log whose key is pinned, or null. */
  keeper(): Promise<HeadKeeper | null>;
  /** The verifier of the pinned key, or null. */
  pinned(): Promise<NoteVerifier | null>;
};

/**
 * The pin of one log.
 *
 * Why: the key stands in the log itself, so at first sight it proves nothing but that all later answers come from the same
 *      hand; `kaibiao verify --trust` and the ledger say whose hand that is.
 */
export async function openLogPin(files: LogFiles, origin: string): Promise<LogPin> {
  let known = (await readOrNull(files.vkey))?.replace(/\n$/u, '') ?? null;
  let keeping: Promise<HeadKeeper> | null = null;

  function read(vkey: string): NoteVerifier {
    try {
      const key = parseVkey(sha256, vkey);
      if (key.name !== origin) throw new PersonError('log_not_genuine', `its key is named ${key.name}`);
      return ed25519Verifier(key, verifyEd25519);
    } catch (fault) {
      if (fault instanceof LogFormatError) throw new PersonError('log_not_genuine', fault.code);
      throw fault;
    }
  }

  function checkSame(vkey: string): void {
    if (known !== null && known !== vkey) throw new PersonError('log_key_changed', origin);
  }

  function keeperFor(vkey: string): Promise<HeadKeeper> {
    keeping ??= keepHead({ file: files.head, verifier: read(vkey) });
    return keeping;
  }

  return {
    origin,
    async verifierOf(vkey) {
      checkSame(vkey);
      return read(vkey);
    },
    async trust(vkey) {
      checkSame(vkey);
      if (known === null) {
        await writeDurably(files.vkey, `${vkey}\n`);
        known = vkey;
      }
      return keeperFor(vkey);
    },
    keeper: async () => (known === null ? null : keeperFor(known)),
    pinned: async () => (known === null ? null : read(known)),
  };
}
