/** The options that the person's subcommands share: where the platform is, which keys, where things are kept; no secret is an option. */
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type ParseArgsConfig, parseArgs } from 'node:util';
import type { KeyAgent } from '../../client/key-agent.ts';
import { toBase64 } from '../../core/log/base64.ts';
import { PEOPLE, type PersonRole } from '../../core/opening/roles.ts';
import { SEAL_PROFILES, type SealProfile } from '../../core/seal/content-cipher.ts';
import type { KeyTransport } from '../../core/seal/recipient-info.ts';
import { UsageError } from '../exit.ts';
import type { Io } from '../io.ts';
import { heldKeyAgent } from '../person/held-keys.ts';
import { openPerson, type Person } from '../person/person.ts';
import { readOrNull } from '../person/person-folder.ts';
import { type HeldKey, openPem, openPkcs12 } from '../seal/held-key.ts';

type OptionsConfig = NonNullable<ParseArgsConfig['options']>;

export const KEY_OPTIONS = {
  keys: { type: 'string' },
  p12: { type: 'string', multiple: true },
  'passphrase-file': { type: 'string' },
  rsa: { type: 'string' },
} as const satisfies OptionsConfig;

export const PERSON_OPTIONS = {
  ...KEY_OPTIONS,
  url: { type: 'string' },
  folder: { type: 'string' },
  ledger: { type: 'string' },
  ocsp: { type: 'string', multiple: true },
} as const satisfies OptionsConfig;

export type KeyValues = {
  readonly keys?: string | undefined;
  readonly p12?: string[] | undefined;
  readonly 'passphrase-file'?: string | undefined;
  readonly rsa?: string | undefined;
};
export type PersonValues = KeyValues & {
  readonly url?: string | undefined;
  readonly folder?: string | undefined;
  readonly ledger?: string | undefined;
  readonly ocsp?: string[] | undefined;
};

/** Where what is kept lies beside the keys: always found again, whatever folder the command is given in. */
const KEPT = 'kept';

/** Parses a person's subcommand that takes these positionals, and what it adds to the shared options. */
export function parsePerson<Options extends OptionsConfig>(
  argv: readonly string[],
  names: readonly string[],
  options: Options,
) {
  const parsed = parsePersonLoosely(argv, options);
  needPositionals(parsed.positionals, names);
  return parsed;
}

/** The same where the caller counts the positionals. */
export function parsePersonLoosely<Options extends OptionsConfig>(argv: readonly string[], options: Options) {
  return parseArgs({ args: [...argv], options: { ...PERSON_OPTIONS, ...options }, allowPositionals: true });
}

/** Throws: UsageError unless there are exactly these. */
export function needPositionals(positionals: readonly string[], names: readonly string[]): void {
  if (positionals.length !== names.length)
    throw new UsageError(`It takes ${names.map((name) => `<${name}>`).join(' ') || 'no further words'}.`);
}

/** Logs in as the options say. */
export async function enter(values: PersonValues, io: Io): Promise<Person> {
  addressOf(values);
  return enterWith(values, await openKeys(values, io), io);
}

/** The platform's address. Throws: UsageError. */
export function addressOf({ url }: PersonValues): string {
  if (url === undefined) throw new UsageError('--url is missing: the address of the platform.');
  if (!URL.canParse(url)) throw new UsageError('--url is no address.');
  return url;
}

/** Logs in with keys that are open already. */
export async function enterWith(values: PersonValues, keys: KeyAgent, io: Io): Promise<Person> {
  const url = addressOf(values);
  const { ledger } = values;
  const folder = values.folder ?? join(values.keys ?? dirname(values.p12?.[0] ?? '.'), KEPT);
  const trusted = ledger === undefined ? {} : { ledgerVkey: ledger };
  const staples = await Promise.all((values.ocsp ?? []).map(async (file) => toBase64(await readFile(file))));
  return openPerson({ url, keys, folder, world: io.world, fetch: io.fetch, staples, ...trusted });
}

/**
 * Opens the keys that the options name.
 *
 * Shape:  a folder of sign.crt, sign.key and, unless the person never unwraps, encrypt.crt, encrypt.key; or PKCS#12 files.
 * Throws: UsageError, SealError.
 */
export async function openKeys(values: KeyValues, io: Io): Promise<KeyAgent> {
  const { keys, p12 = [], rsa } = values;
  if (rsa !== undefined && rsa !== 'RS256' && rsa !== 'PS256') throw new UsageError('--rsa is RS256 or PS256.');
  if ((keys === undefined) === (p12.length === 0)) throw new UsageError('Give either --keys <folder> or --p12 <file>.');
  let secret: Promise<string> | null = null;
  const passphrase = (): Promise<string> => {
    secret ??= readPassphrase(values, io);
    return secret;
  };
  const held = keys === undefined ? await openFiles(p12, passphrase) : await openFolder(keys, passphrase);
  return heldKeyAgent(held, rsa);
}

async function readPassphrase(values: KeyValues, io: Io): Promise<string> {
  const file = values['passphrase-file'];
  if (file === undefined) return io.askSecret('Passphrase of the key · 密钥口令: ');
  return (await readFile(file, 'utf8')).replace(/\r?\n$/u, '');
}

async function openFiles(paths: readonly string[], passphrase: () => Promise<string>): Promise<HeldKey[]> {
  const held: HeldKey[] = [];
  for (const path of paths) held.push(...(await openPkcs12(await readFile(path), await passphrase())));
  return held;
}

async function openFolder(folder: string, passphrase: () => Promise<string>): Promise<HeldKey[]> {
  const held: HeldKey[] = [];
  for (const name of ['sign', 'encrypt']) {
    const certificates = await readOrNull(join(folder, `${name}.crt`));
    if (certificates === null && name === 'encrypt') continue;
    const privateKey = await readFile(join(folder, `${name}.key`), 'utf8');
    const isLocked = privateKey.includes('ENCRYPTED');
    const files = { certificates: certificates ?? '', privateKey };
    held.push(openPem(isLocked ? { ...files, passphrase: await passphrase() } : files));
  }
  return held;
}

export function readRole(text: string | undefined, fallback: PersonRole): PersonRole {
  const role = PEOPLE.find((name) => name === (text ?? fallback));
  if (role === undefined) throw new UsageError(`--role is one of ${PEOPLE.join(', ')}.`);
  return role;
}

const PADDINGS: Readonly<Record<string, KeyTransport>> = {
  'oaep-sha256': 'rsa_oaep_sha256',
  'oaep-sha1': 'rsa_oaep_sha1',
  'v1.5': 'rsa_pkcs1_v15',
  ecdh: 'ecdh_p256',
  sm2: 'sm2',
};

/** How the content key shall travel; undefined leaves it to the certificate's key. */
export function readPadding(text: string | undefined): KeyTransport | undefined {
  if (text === undefined) return undefined;
  const padding = Object.hasOwn(PADDINGS, text) ? PADDINGS[text] : undefined;
  if (padding === undefined) throw new UsageError(`--padding is one of ${Object.keys(PADDINGS).join(', ')}.`);
  return padding;
}

/** How the content is enciphered; undefined leaves it to the certificate's key. */
export function readProfile(text: string | undefined): SealProfile | undefined {
  if (text === undefined) return undefined;
  const profile = SEAL_PROFILES.find((name) => name === text);
  if (profile === undefined) throw new UsageError(`--profile is one of ${SEAL_PROFILES.join(', ')}.`);
  return profile;
}

/** A JSON file's value. Throws: UsageError when it is none. */
export async function readJsonFile(path: string): Promise<unknown> {
  return parseJson(await readFile(path, 'utf8'), path);
}

export function parseJson(text: string, what: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) throw new UsageError(`${what} is no JSON.`);
    throw error;
  }
}
