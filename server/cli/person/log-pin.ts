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
  /** The pinned key, or null. */
  pinnedVkey(): string | null;
  /** Goes over to a key that has followed the pinned one, as was found elsewhere; kept only once it is trusted. What was kept under the one before stands. */
  follow(vkey: string): void;
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
  /** One a line, the newest first; those behind it were pinned before. */
  let pins = (await readOrNull(files.vkey))?.split('\n').filter((line) => line !== '') ?? [];
  let isKept = true;
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
    const [known] = pins;
    if (known !== undefined && known !== vkey) throw new PersonError('log_key_changed', origin);
  }

  function hold(vkeys: readonly string[]): void {
    pins = [...vkeys];
    keeping = null;
    isKept = false;
  }

  function keeperFor(vkey: string): Promise<HeadKeeper> {
    keeping ??= keepHead({ file: files.head, verifier: read(vkey), earlier: pins.slice(1).map(read) });
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
      if (pins.length === 0) hold([vkey]);
      if (!isKept) await writeDurably(files.vkey, pins.map((each) => `${each}\n`).join(''));
      isKept = true;
      return keeperFor(vkey);
    },
    pinnedVkey: () => pins[0] ?? null,
    follow(vkey) {
      read(vkey);
      if (pins[0] !== vkey) hold([vkey, ...pins.filter((each) => each !== vkey)]);
    },
    keeper: async () => (pins[0] === undefined ? null : keeperFor(pins[0])),
    pinned: async () => (pins[0] === undefined ? null : read(pins[0])),
  };
}
