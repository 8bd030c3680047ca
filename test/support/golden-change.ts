/** Changes to golden logs, as the files of invalid/ describe them: applied, and where they say so signed anew by the platform's own key. */
import { createPrivateKey, createPublicKey, sign } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fromBase64, fromBase64Url, toBase64, toBase64Url } from '../../server/core/log/base64.ts';
import { canonicalise, isJsonObject, type Json, type JsonObject } from '../../server/core/log/canonical.ts';
import { formatCheckpoint } from '../../server/core/log/checkpoint.ts';
import { disclosureDigest } from '../../server/core/log/disclosure.ts';
import { type Entry, encodeEntry } from '../../server/core/log/entry.ts';
import { headBody } from '../../server/core/log/head.ts';
import { formatInstant, parseInstant } from '../../server/core/log/instant.ts';
import { announcementStatement } from '../../server/core/log/key-announcement.ts';
import type { KeyAnnouncement } from '../../server/core/log/ledger-events.ts';
import { consistencyProof, inclusionProof, leafHash, readFromLeaves, rootOf } from '../../server/core/log/merkle.ts';
import { formatNote, formatVkey, KEY_TYPES, parseVkey, verifierKey } from '../../server/core/log/note.ts';
import { formatProof } from '../../server/core/log/proof.ts';
import { dummyBytes, dummyLeaf } from '../../server/core/log/register-batch.ts';
import { fromUtf8, utf8 } from '../../server/core/log/utf8.ts';
import { sha256 } from '../../server/hash.ts';
import {
  disclosuresOf,
  filesOf,
  GOLDEN_FOLDER,
  type GoldenField,
  type GoldenLog,
  type LogFiles,
  readGolden,
  readGoldenKeys,
} from './golden-log.ts';

/** An entry by its number, or by its type and which of that type (from 0; -1 the last). */
export type Ref = number | { type: string; nth?: number };
/**
 * A value to put somewhere. JSON as it is, but for: `{$from, $of?, $entry?}` what a pointer leads to, in the changed log or another;
 * `{$plusMs}` the instant that stood there, later; `{$digestOf}` the digest of what a pointer leads to; `{$strangersAct}` a person's
 * act with the signature of another key; `{$stranger}` the stranger's public key; `{$dummyAt}` the leaf of the dummy at a place, from
 * the seed in the entry itself; `{$announcement}` that the stranger's key follows the true one for openings, as both would have signed it.
 */
type Value = Json;

/** One change. Pointers (RFC 6901) lead into `{entry, fields}`: the entry's members, and the values of its withheld fields. */
type Step = {
  /** The entry that `set`, `remove`, `drop`, `head` and `before` are about. */
  at?: Ref;
  set?: { [pointer: string]: Value };
  /** Pointers of disclosures that are taken away while their digests stay. */
  remove?: string[];
  drop?: true;
  /** The entry at `at` changes places with this one. */
  swap?: Ref;
  /** The entry at `at` becomes this one. */
  replaceBy?: { of: string; entry: Ref };
  /** A copy of this entry is put behind `at`. */
  copy?: { of?: string; entry: Ref };
  /** What comes behind `at` is cut off. */
  cut?: true;
  /** The head in the entry at `at` says this root; its checkpoint is signed by the key named. */
  head?: { root?: string; key?: 'openings' | 'stranger'; origin?: string };
  /** Members of the golden log itself. */
  log?: { [pointer: string]: Value };
};
type FileStep = { file: string; replace?: [string, string]; xor?: number; remove?: true; text?: string };

export type Change = {
  /** The valid log it begins with. */
  of: string;
  /** One sentence for people. */
  says: string;
  steps?: Step[];
  /** Numbers the entries anew, in the order they have now. */
  renumber?: true;
  /** Recomputes digests, leaves and root, and signs; by the log's own key, or a stranger's under its name. */
  signed?: 'own' | 'stranger';
  /** A checkpoint of an earlier size, truly signed. */
  checkpointOf?: number;
  /** The whole log is shown under another key; `unnamed`: a key whose name is that of no log. */
  vkey?: 'stranger' | 'weak' | 'unnamed';
  /** An anchor made for this very log on a ledger of the stranger's. */
  anchoredBy?: 'stranger';
  files?: FileStep[];
  /** How it is verified: `trust` the true ledger's key, `ledger` held against that whole ledger (a golden or changed one). */
  verify?: { trust?: true; ledger?: string };
  /** For valid/: what must be said of it. */
  standing?: GoldenLog['standing'];
};

const PKCS8 = Buffer.from('302e020100300506032b657004220420', 'hex');
const HASHES_OF_STRANGER = 0x5a;

export function signingKey(seed: Uint8Array) {
  const privateKey = createPrivateKey({ key: Buffer.concat([PKCS8, seed]), format: 'der', type: 'pkcs8' });
  const spki = createPublicKey(privateKey).export({ format: 'der', type: 'spki' });
  return {
    publicKey: new Uint8Array(spki.subarray(-32)),
    sign: (bytes: Uint8Array) => new Uint8Array(sign(null, bytes, privateKey)),
  };
}
export type SigningKey = ReturnType<typeof signingKey>;

/** Somebody who has a key and no say here. */
const stranger = signingKey(new Uint8Array(32).fill(HASHES_OF_STRANGER));
/** A P-256 key of nobody's. */
const strangersP256 = createPrivateKey({
  key: {
    kty: 'EC',
    crv: 'P-256',
    d: 'jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI',
    x: 'f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU',
    y: 'x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0',
  },
  format: 'jwk',
});

const nameOf = (vkey: string): string => parseVkey(sha256, vkey).name;
export const ownKey = (name: string): SigningKey => {
  const keys = readGoldenKeys();
  return signingKey(fromBase64Url(name.includes('/opening/') ? keys.openings : keys.ledger));
};
const vkeyOf = (name: string, publicKey: Uint8Array): string =>
  formatVkey(verifierKey(sha256, name, KEY_TYPES.ed25519, publicKey));

/** The signed checkpoint of a log over some leaves. */
function noteOf(name: string, key: SigningKey, size: number, root: Uint8Array): string {
  const text = formatCheckpoint({ origin: name, size, root });
  const { keyId } = verifierKey(sha256, name, KEY_TYPES.ed25519, key.publicKey);
  return formatNote(text, [{ name, keyId, signature: key.sign(utf8(text)) }]);
}

/** A key under which the same signature verifies for anything: y = 1. It cannot be enrolled, so its text is written by hand. */
function weakVkey(name: string): string {
  const publicKey = Uint8Array.of(1, ...new Uint8Array(31));
  const id = sha256(Uint8Array.of(...utf8(`${name}\n`), KEY_TYPES.ed25519, ...publicKey)).subarray(0, 4);
  return `${name}+${Buffer.from(id).toString('hex')}+${toBase64(Uint8Array.of(KEY_TYPES.ed25519, ...publicKey))}`;
}

/** An entry with its withheld values: what steps change. */
type Open = { entry: JsonObject; fields: { [name: string]: Json }; salts: { [name: string]: string } };
type Mutable = { [name: string]: Mutable } & Json;

function openLog(log: GoldenLog): Open[] {
  return log.entries.map((text, seq) => {
    const fields = Object.entries(log.fields[seq] ?? {});
    return {
      entry: JSON.parse(text) as JsonObject,
      fields: Object.fromEntries(fields.map(([name, { value }]) => [name, value])),
      salts: Object.fromEntries(fields.map(([name, { salt }]) => [name, salt])),
    };
  });
}

function find(log: readonly Open[], ref: Ref): number {
  if (typeof ref === 'number') return ref < 0 ? log.length + ref : ref;
  const found = log.flatMap(({ entry }, n) => (entry['type'] === ref.type ? [n] : [])).at(ref.nth ?? 0);
  if (found === undefined) throw new Error(`no ${JSON.stringify(ref)}`);
  return found;
}

const partsOf = (pointer: string): string[] =>
  pointer
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));

function lookUp(root: unknown, pointer: string): Json {
  let at = root as Mutable;
  for (const part of partsOf(pointer)) at = at[part] as Mutable;
  if (at === undefined) throw new Error(`nothing at ${pointer}`);
  return at;
}

function put(root: unknown, pointer: string, value: (before: Json) => Json): void {
  const parts = partsOf(pointer);
  const last = parts.pop() ?? '';
  const parent = lookUp(root, parts.map((part) => `/${part}`).join('')) as Mutable;
  parent[last] = value(parent[last] ?? null) as Mutable;
}

function readValue(value: Value, before: Json, here: Open, log: readonly Open[]): Json {
  if (Array.isArray(value)) return value.map((one: Json) => readValue(one, before, here, log));
  if (!isJsonObject(value)) return value;
  const { $from, $of, $entry, $plusMs, $digestOf, $strangersAct, $stranger, $dummyAt, $announcement } = value;
  if (isJsonObject($announcement)) return announcement($announcement as unknown as Announcing);
  if (typeof $dummyAt === 'number') {
    const seed = fromBase64(String(lookUp(here, '/entry/body/seed')));
    return toBase64(dummyLeaf(sha256, dummyBytes(sha256, seed, $dummyAt)));
  }
  if (typeof $plusMs === 'number') return formatInstant(parseInstant(String(before)) + $plusMs);
  if (typeof $digestOf === 'string') return toBase64Url(sha256(utf8(canonicalise(lookUp(here, $digestOf)))));
  if ($strangersAct === true) return strangersAct(before);
  if ($stranger === true) return toBase64(stranger.publicKey);
  if (typeof $from !== 'string') return value;
  const from = typeof $of === 'string' ? readGolden($of) : null;
  if ($entry === undefined) return structuredClone(lookUp(from ?? here, $from));
  const among = from === null ? log : openLog(from);
  return structuredClone(lookUp(among[find(among, $entry as unknown as Ref)], $from));
}

/** What of an announcement is not as it would be: its signatures are of what it says then, but for those that a stranger makes. */
type Announcing = Partial<KeyAnnouncement> & { forged?: 'replaced' | 'key' };

function announcement({ forged, ...changes }: Announcing): Json {
  const before = ownKey('kaibiao.test/opening/any');
  const said = {
    key: { use: 'openings', algorithm: 'Ed25519', publicKey: toBase64(stranger.publicKey) },
    replaces: toBase64(before.publicKey),
    from: '2025-01-01T00:00:00.000Z',
    ...changes,
  } as const;
  const text = announcementStatement('kaibiao.test', said);
  const by = { replaced: forged === 'replaced' ? stranger : before, key: forged === 'key' ? before : stranger };
  const signatures = { replaced: toBase64(by.replaced.sign(text)), key: toBase64(by.key.sign(text)) };
  return { ...said, signatures } as unknown as Json;
}

/** The act with the signature of a key its login never certified. */
function strangersAct(act: Json): Json {
  const { act: jws, ...rest } = act as { act: string };
  const signed = jws.slice(0, jws.lastIndexOf('.'));
  const signature = sign('sha256', utf8(signed), { key: strangersP256, dsaEncoding: 'ieee-p1363' });
  return { ...rest, act: `${signed}.${toBase64Url(new Uint8Array(signature))}` };
}

function copyOf(log: readonly Open[], { of, entry }: { of?: string; entry: Ref }): Open {
  const among = of === undefined ? log : openLog(readGolden(of));
  return structuredClone(among[find(among, entry)] as Open);
}

function applyStep(log: Open[], step: Step): void {
  const n = find(log, step.at ?? -1);
  const here = log[n] as Open;
  if (step.copy !== undefined) {
    const copied = copyOf(log, step.copy);
    log.splice(n + 1, 0, { ...copied, entry: { ...copied.entry, at: here.entry['at'] ?? '' } });
    return;
  }
  if (step.replaceBy !== undefined) log[n] = copyOf(log, step.replaceBy);
  if (step.swap !== undefined) {
    const other = find(log, step.swap);
    [log[n], log[other]] = [log[other] as Open, here];
  }
  for (const [pointer, value] of Object.entries(step.set ?? {}))
    put(here, pointer, (before) => readValue(value, before, here, log));
  for (const pointer of step.remove ?? []) delete here.fields[partsOf(pointer)[1] ?? ''];
  if (step.head !== undefined) forgeHead(here, step.head);
  if (step.drop) log.splice(n, 1);
  if (step.cut) log.splice(n + 1);
}

/** Writes another head into a ledger's entry; by default signed as the true one was. */
function forgeHead(here: Open, { root, key = 'openings', origin }: NonNullable<Step['head']>): void {
  const body = here.entry['body'] as unknown as Omit<Parameters<typeof headBody>[0], 'consistency'> & {
    origin: string;
    size: number;
    root: string;
    consistency: string[];
  };
  const name = origin ?? body.origin;
  const signer = key === 'stranger' ? stranger : ownKey(name);
  const note = noteOf(name, signer, body.size, fromBase64(root ?? body.root));
  const { kind, previousSize } = body;
  here.entry = {
    ...here.entry,
    body: headBody({ kind, previousSize, note, consistency: body.consistency.map(fromBase64) }),
  };
}

/** Back into a golden log. `recommit` gives the fields digests of their own; otherwise those of the entries stay. */
function closeLog(base: GoldenLog, log: readonly Open[], recommit: boolean): GoldenLog {
  const fields: GoldenLog['fields'] = {};
  const entries = log.map(({ entry, fields: values, salts }, seq) => {
    const own: Record<string, GoldenField> = {};
    for (const [name, value] of Object.entries(values))
      own[name] = { salt: salts[name] ?? toBase64Url(new Uint8Array(32).fill(seq + 1)), value };
    if (Object.keys(own).length > 0) fields[seq] = own;
    if (!recommit) return canonicalise(entry);
    const commit: Record<string, string> = { ...(entry['commit'] as Record<string, string>) };
    const texts = disclosuresOf({ ...base, fields }, seq);
    Object.keys(own).forEach((name, n) => {
      commit[name] = disclosureDigest(sha256, texts[n] ?? '');
    });
    return fromUtf8(encodeEntry({ ...entry, commit } as unknown as Entry));
  });
  return { ...base, entries, fields };
}

const leavesOf = (log: GoldenLog): Uint8Array[] => log.entries.map((text) => leafHash(sha256, utf8(text)));

/** The log under a checkpoint of its first `size` entries. */
function signLog(log: GoldenLog, size: number, key: SigningKey): GoldenLog {
  const root = rootOf(sha256, leavesOf(log).slice(0, size));
  return { ...log, checkpoint: noteOf(nameOf(log.vkey), key, size, root) };
}

/** A ledger of the true one's name that holds this log's head and nothing else; signed by whoever's key is given. */
export function anchorBy(key: SigningKey, log: GoldenLog, kind: 'opened' | 'closed' = 'opened'): GoldenLog {
  const origin = nameOf(log.vkey);
  const ledger = `${origin.slice(0, origin.indexOf('/opening/'))}/ledger`;
  const parsed = JSON.parse(log.anchor?.head ?? '{}') as Entry;
  const previousSize = kind === 'opened' ? 0 : 1;
  const own = leavesOf(log);
  const consistency =
    kind === 'opened' ? [] : consistencyProof(sha256, readFromLeaves(sha256, own), previousSize, own.length);
  const body = headBody({ kind, note: log.checkpoint, previousSize, consistency });
  const head = fromUtf8(encodeEntry({ ...parsed, seq: 0, body }));
  const leaves = [leafHash(sha256, utf8(head))];
  const checkpoint = noteOf(ledger, key, 1, rootOf(sha256, leaves));
  const hashes = inclusionProof(sha256, readFromLeaves(sha256, leaves), 0, 1);
  const proof = formatProof({ index: 0, hashes, checkpoint });
  return { ...log, anchor: { vkey: vkeyOf(ledger, key.publicKey), checkpoint, head, proof } };
}

/** The golden log after a change. */
export function changed(change: Change): GoldenLog {
  const base = readGolden(change.of);
  const name = nameOf(base.vkey);
  const open = openLog(base);
  for (const step of change.steps ?? []) if (step.log === undefined) applyStep(open, step);
  if (change.renumber)
    open.forEach((one, seq) => {
      one.entry = { ...one.entry, seq };
    });
  let log = closeLog(base, open, change.signed !== undefined);
  const key = change.signed === 'stranger' ? stranger : ownKey(name);
  if (change.signed !== undefined) log = { ...signLog(log, log.entries.length, key), anchor: null };
  if (change.checkpointOf !== undefined) {
    const size = change.checkpointOf < 0 ? log.entries.length + change.checkpointOf : change.checkpointOf;
    log = signLog(log, size, key);
  }
  if (change.vkey === 'stranger') log = { ...log, vkey: vkeyOf(name, stranger.publicKey) };
  if (change.vkey === 'unnamed') log = { ...log, vkey: vkeyOf('kaibiao.test/something', key.publicKey) };
  if (change.vkey === 'weak') log = { ...log, vkey: weakVkey(name) };
  if (change.anchoredBy === 'stranger') log = anchorBy(stranger, { ...log, anchor: base.anchor });
  for (const { log: members } of change.steps ?? [])
    for (const [pointer, value] of Object.entries(members ?? {}))
      put(log, pointer, (before) => readValue(value, before, log as unknown as Open, []));
  return log;
}

/** The folder of the log after a change. */
export function changedFiles(change: Change): LogFiles {
  const log = changed(change);
  const files = filesOf(log);
  for (const step of change.files ?? []) {
    const path = step.file.replace('{size}', String(log.entries.length));
    const bytes = files.get(path) ?? new Uint8Array(0);
    if (step.remove) files.delete(path);
    else if (step.text !== undefined) files.set(path, utf8(step.text));
    else if (step.xor !== undefined)
      files.set(
        path,
        bytes.map((byte, n) => (n === step.xor ? byte ^ 1 : byte)),
      );
    else if (step.replace !== undefined) {
      const [from, to] = step.replace;
      const text = Buffer.from(bytes).toString('latin1');
      if (!text.includes(from)) throw new Error(`${path} holds no ${from}`);
      files.set(path, new Uint8Array(Buffer.from(text.replace(from, to), 'latin1')));
    }
  }
  return files;
}

export function readChange(folder: 'valid' | 'invalid', name: string): Change {
  return JSON.parse(readFileSync(join(GOLDEN_FOLDER, folder, `${name}.json`), 'utf8')) as Change;
}
