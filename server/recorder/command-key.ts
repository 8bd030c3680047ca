/** A key that a command signs with: a PKCS#11 token, a cloud's HSM, OpenSSL; no secret stands in its arguments, and no signature of it is believed unseen. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { readFile, stat } from 'node:fs/promises';
import { isAbsolute } from 'node:path';
import * as Type from 'typebox';
import { Check } from 'typebox/schema';
import { fromBase64 } from '../core/log/base64.ts';
import { KEY_TYPES, verifierKey } from '../core/log/note.ts';
import { KeyError, verifyEd25519 } from '../ed25519.ts';
import { sha256 } from '../hash.ts';
import { systemWorld, type World } from '../world.ts';
import type { Key } from './keys.ts';

const SIGNATURE_BYTES = 64;
/** What a command may print before it is ended. */
const OUTPUT_LIMIT_BYTES = 4_096;
/** How long a command may take. */
export const COMMAND_TIMEOUT_MS = 10_000;
/** Commands at one time; the next wait. A token signs one thing at a time anyway. */
const AT_ONCE = 4;

const strict = { additionalProperties: false } as const;
const Path = Type.String({ minLength: 1, maxLength: 4_096 });
export const CommandKeySchema = Type.Object(
  {
    /** base64 of the 32 bytes. */
    publicKey: Type.String({ pattern: '^[A-Za-z0-9+/]{43}=$' }),
    /** The program and its arguments; no shell reads them. What is signed comes on its standard input, the 64 bytes go to its standard output. */
    command: Type.Array(Type.String({ maxLength: 4_096 }), { minItems: 1, maxItems: 64 }),
    /** Variables of its environment, as they stand. Nothing else of ours is given to it, no PATH either. */
    environment: Type.Optional(Type.Record(Type.String({ pattern: '^[A-Z_][A-Z0-9_]*$' }), Type.String())),
    /** Variables whose value is the first line of a file of mode 0600: a PIN. Read anew for each signature. */
    secrets: Type.Optional(Type.Record(Type.String({ pattern: '^[A-Z_][A-Z0-9_]*$' }), Path)),
  },
  strict,
);
export type CommandKeyDescription = Type.Static<typeof CommandKeySchema>;

/**
 * The key that a description file names.
 *
 * Throws: KeyError `key_malformed`; `key_open_to_others` when others may write the description or read a secret.
 */
export async function keyFromCommand(file: string, world: Pick<World, 'after'> = systemWorld): Promise<Key> {
  const { mode } = await stat(file);
  if ((mode & 0o022) !== 0) throw new KeyError('key_open_to_others', `${file} must be writable by its owner only`);
  return commandKey(readDescription(file, await readFile(file, 'utf8')), world);
}

function readDescription(file: string, text: string): CommandKeyDescription {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new KeyError('key_malformed', `${file} is not JSON`);
  }
  if (!Check(CommandKeySchema, value)) throw new KeyError('key_malformed', `${file} does not describe a key`);
  if (!isAbsolute(value.command[0] ?? ''))
    throw new KeyError('key_malformed', `${file}: the program’s path must begin with /`);
  // A key of small order verifies anything.
  verifierKey(sha256, 'key', KEY_TYPES.ed25519, fromBase64(value.publicKey));
  return value;
}

/** The key of a description. Its `sign` throws KeyError `key_command_failed`, `key_signature_bad`. */
export function commandKey(description: CommandKeyDescription, world: Pick<World, 'after'>): Key {
  const publicBytes = fromBase64(description.publicKey);
  let running = 0;
  const waiting: (() => void)[] = [];

  async function inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (running >= AT_ONCE) await new Promise<void>((turn) => waiting.push(turn));
    else running += 1;
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next === undefined) running -= 1;
      else next();
    }
  }

  return {
    publicBytes,
    sign: (bytes) =>
      inTurn(async () => {
        const signature = await runCommand(description, bytes, world);
        // A wrong key, a wrong mechanism or a program that prints something else would otherwise be found by those who verify.
        if (signature.length !== SIGNATURE_BYTES || !verifyEd25519(publicBytes, bytes, signature))
          throw new KeyError(
            'key_signature_bad',
            `${description.command[0]} gave no signature of the key it stands for`,
          );
        return signature;
      }),
  };
}

async function runCommand(
  { command, environment, secrets }: CommandKeyDescription,
  bytes: Uint8Array,
  world: Pick<World, 'after'>,
): Promise<Uint8Array> {
  const [program = '', ...args] = command;
  const env: Record<string, string> = { ...environment };
  for (const [name, file] of Object.entries(secrets ?? {})) env[name] = await readSecret(file);
  // A group of its own: what a wrapper started ends with it.
  const child = spawn(program, args, { env, stdio: ['pipe', 'pipe', 'pipe'], detached: true });
  const parts: Uint8Array[] = [];
  let length = 0;
  let complaint = '';
  let end: () => void = () => undefined;
  // Settled at the limit whatever becomes of it: a child of its children may keep the pipes open for ever.
  const ended = new Promise<readonly [number | null, string | null]>((done, fail) => {
    child.on('error', fail);
    child.on('close', (code, signal) => done([code, signal]));
    end = () => {
      killGroup(child);
      done([null, 'SIGKILL']);
    };
  });
  const cancel = world.after(COMMAND_TIMEOUT_MS, () => end());
  child.stdout.on('data', (part: Uint8Array) => {
    length += part.length;
    if (length > OUTPUT_LIMIT_BYTES) end();
    else parts.push(part);
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaint = (complaint + text).slice(-OUTPUT_LIMIT_BYTES);
  });
  // It may end without having read: its exit code says more than the broken pipe.
  child.stdin.on('error', () => undefined).end(bytes);
  try {
    const [code, signal] = await ended;
    // It may have ended by itself before it could be ended.
    if (length > OUTPUT_LIMIT_BYTES)
      throw new KeyError('key_command_failed', `${program} printed more than ${OUTPUT_LIMIT_BYTES} bytes`);
    if (code === 0) return new Uint8Array(Buffer.concat(parts));
    const said = withoutSecrets(complaint.trim().split('\n').at(-1) ?? '', env, secrets);
    throw new KeyError(
      'key_command_failed',
      `${program} ended with ${code ?? signal}${said === '' ? '' : `: ${said}`}`,
    );
  } catch (error) {
    if (error instanceof KeyError) throw error;
    throw new KeyError('key_command_failed', `${program} could not be run: ${(error as Error).message}`);
  } finally {
    cancel();
  }
}

/** Ends a command with all that it started, and hears nothing more of it. */
function killGroup(child: ChildProcessWithoutNullStreams): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
  } catch (error) {
    // All of it has ended already.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
  for (const pipe of [child.stdin, child.stdout, child.stderr]) pipe.destroy();
}

/** The first line. Throws: KeyError. */
async function readSecret(file: string): Promise<string> {
  const found = await stat(file).catch((error: NodeJS.ErrnoException) => {
    throw new KeyError('key_command_failed', `${file}: ${error.code}`);
  });
  if ((found.mode & 0o077) !== 0) throw new KeyError('key_open_to_others', `${file} must have mode 0600`);
  return (await readFile(file, 'utf8')).split('\n')[0] ?? '';
}

/** What a program complains of is told; a PIN that it repeats is not. */
function withoutSecrets(text: string, env: Record<string, string>, secrets: CommandKeyDescription['secrets']): string {
  let told = text;
  for (const name of Object.keys(secrets ?? {})) {
    const secret = env[name] ?? '';
    if (secret !== '') told = told.replaceAll(secret, '…');
  }
  return told;
}
