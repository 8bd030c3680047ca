/** The platform's voice: says Chinese text with a speech engine of the machine, for pages on computers that have none. */
import { spawn } from 'node:child_process';
import type { World } from '../world.ts';

/** The longest text that is said, characters: a name, a price and three facts are far less. */
export const SPOKEN_LIMIT_CHARACTERS = 2_000;
/** What a text may become, bytes: some three minutes. */
const SOUND_LIMIT_BYTES = 16 * 2 ** 20;
/** What a text may take, ms. */
export const ENGINE_LIMIT_MS = 15_000;
/** Sounds kept in memory: a hall reads the same rows. */
const KEPT = 64;
/** Texts that may wait to be said: one after another is. */
export const WAITING_LIMIT = 32;
/** All that an engine is given of the environment, which may hold secrets. */
const ENVIRONMENT = { PATH: '/usr/local/bin:/usr/bin:/bin' } as const;
/** In a WAV file of one format chunk, as the engine writes it. */
const RIFF_SIZE_AT = 4;
const DATA_SIZE_AT = 40;
const HEADER_BYTES = 44;

/** `none`: no engine is installed, or it failed; `busy`: more texts wait than may; `too_long`: nobody would listen to it. */
export type Unspoken = 'none' | 'busy' | 'too_long';

export type VoiceOptions = { readonly world: Pick<World, 'after'>; readonly onFault: (fault: Error) => void };

export type Voice = {
  /** Returns: a WAV file; or why there is none. */
  say(text: string): Promise<Uint8Array | Unspoken>;
};

/**
 * The voice of an engine with the command line of eSpeak NG.
 *
 * Shape: `program` is a path, or a name in the system's usual folders; one that is not there says nothing. `onFault` is told how an engine that is there failed.
 * Why:   the text comes over standard input and no shell reads it, so that a bidder's name is no argument, whatever stands in it.
 */
export function openVoice(program: string, { world, onFault }: VoiceOptions): Voice {
  const kept = new Map<string, Promise<Uint8Array | Unspoken>>();
  let last: Promise<unknown> = Promise.resolve();
  let waiting = 0;

  function speak(text: string): Promise<Uint8Array | Unspoken> {
    waiting += 1;
    const said = last
      .then(() => runEngine(program, text, world))
      .catch((fault: Error & { code?: string }): Unspoken => {
        kept.delete(text);
        if (fault.code !== 'ENOENT') onFault(fault);
        return 'none';
      });
    last = said.then(() => {
      waiting -= 1;
    });
    kept.set(text, said);
    const [oldest = text] = kept.keys();
    if (kept.size > KEPT) kept.delete(oldest);
    return said;
  }

  return {
    async say(text) {
      if (text.length > SPOKEN_LIMIT_CHARACTERS) return 'too_long';
      return kept.get(text) ?? (waiting >= WAITING_LIMIT ? 'busy' : speak(text));
    },
  };
}

function runEngine(program: string, text: string, world: Pick<World, 'after'>): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const engine = spawn(program, ['-v', 'cmn', '-s', '150', '--stdin', '--stdout'], {
      env: ENVIRONMENT,
      stdio: ['pipe', 'pipe', 'ignore'],
      // a group of its own, so that what it started itself ends with it
      detached: true,
    });
    const end = (): void => {
      if (engine.pid !== undefined && engine.exitCode === null) process.kill(-engine.pid, 'SIGKILL');
    };
    const cancel = world.after(ENGINE_LIMIT_MS, end);
    const pieces: Buffer[] = [];
    let bytes = 0;
    engine.stdout.on('data', (piece: Buffer) => {
      bytes += piece.length;
      if (bytes <= SOUND_LIMIT_BYTES) pieces.push(piece);
      else if (bytes - piece.length <= SOUND_LIMIT_BYTES) end();
    });
    engine.once('error', (fault) => {
      cancel();
      reject(fault);
    });
    // it may end before it has read all: how it ended says more
    engine.stdin.on('error', () => undefined);
    engine.once('close', (code, signal) => {
      cancel();
      const sound = Buffer.concat(pieces);
      if (code === 0 && isSound(sound)) resolve(withSizes(sound));
      else reject(new Error(`the speech engine ended with ${signal ?? code} after ${bytes} bytes`));
    });
    engine.stdin.end(text);
  });
}

function isSound(sound: Buffer): boolean {
  return sound.length > HEADER_BYTES && sound.toString('latin1', 0, RIFF_SIZE_AT) === 'RIFF';
}

/** Written to a pipe, its header holds no true sizes, and some browsers believe it. */
function withSizes(sound: Buffer): Uint8Array {
  sound.writeUInt32LE(sound.length - RIFF_SIZE_AT - 4, RIFF_SIZE_AT);
  if (sound.toString('latin1', DATA_SIZE_AT - 4, DATA_SIZE_AT) === 'data')
    sound.writeUInt32LE(sound.length - HEADER_BYTES, DATA_SIZE_AT);
  return new Uint8Array(sound);
}
