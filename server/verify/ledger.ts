/** The ledger and the access log, entry by entry: their catalogue, heads that only grow under their logs' keys, batches and what is revealed of them, keys in succession. */
import type * as Type from 'typebox';
import { Check } from 'typebox/schema';
import { ACT_REASONS, checkAct, type PersonAct, readPersonAct } from '../core/log/act.ts';
import { fromBase64, fromBase64Url, toBase64, toBase64Url } from '../core/log/base64.ts';
import { isJsonObject, type JsonObject } from '../core/log/canonical.ts';
import { openCheckpoint } from '../core/log/checkpoint.ts';
import type { Entry } from '../core/log/entry.ts';
import { LogFormatError } from '../core/log/error.ts';
import type { Sha256 } from '../core/log/hash.ts';
import { checkHead, type LedgerHead, readHead } from '../core/log/head.ts';
import { parseInstant } from '../core/log/instant.ts';
import { isAnnouncementSigned } from '../core/log/key-announcement.ts';
import { isStrong, type KeyLink } from '../core/log/key-links.ts';
import {
  ACCESS_EVENTS,
  type KeyAnnouncement,
  LEDGER_EVENTS,
  PLATFORM_KEY_USES,
  type PlatformKey,
  type PlatformKeyUse,
} from '../core/log/ledger-events.ts';
import { ed25519Verifier, KEY_TYPES, verifierKey } from '../core/log/note.ts';
import { kindOfOrigin } from '../core/log/origin.ts';
import { fromUtf8 } from '../core/log/utf8.ts';
import { parseCertificate } from '../core/pki/certificate.ts';
import { CertificateError } from '../core/pki/der.ts';
import { watchBatches } from './batches.ts';
import type { VerifyTools } from './tools.ts';
import { isProposed, isTrustEntry, saysWhatWasSigned, watchTrust } from './trust.ts';
import type { Watcher } from './watcher.ts';
import { type Refused, refuse } from './words.ts';

/** Operators' acts concern no opening; their JWS names this instead of one. */
const PLATFORM_SUBJECT = 'platform';
/** Operators are few. */
const KEYS_KEPT = 64;
/** What a person must have signed for an entry. */
const SIGNED: Readonly<Record<string, readonly string[]>> = {
  OperatorActed: ['LetIn', 'DisableAccount', 'EnableAccount', 'AddCrl'],
  TrustProposed: ['ProposeTrust'],
  TrustProposalWithdrawn: ['WithdrawTrust'],
  TrustChanged: ['ConfirmTrust'],
  KeyAnnounced: ['AnnounceKey'],
};

type EventRule = { readonly body: Type.TSchema; readonly withheld: readonly string[] };

/** What is kept of a log's last head: its signed checkpoint, and the key every further one must be signed with. */
type Standing = { readonly head: LedgerHead; readonly publicKey: string };

export type LedgerWatchOptions = {
  readonly platform: string;
  readonly kind: 'ledger' | 'access';
  /** The 32 bytes of the key the log is shown with, base64. */
  readonly publicKey: string;
  readonly tools: VerifyTools;
  /** Told of every head that holds, with the key (base64) it is signed by. */
  readonly onHead?: (head: LedgerHead, publicKey: string) => void;
  /** Entries that this very watch found to hold before: of them no reveal is computed and no head proven again. */
  readonly isProven?: (seq: number) => boolean;
};

/** Watches the ledger or the access log. It keeps one head for each log, one root for each batch, and no entry. */
export function watchLedger(options: LedgerWatchOptions): Watcher {
  const { platform, kind, publicKey, tools, onHead, isProven = () => false } = options;
  const { sha256, verifyEd25519 } = tools;
  const verifySignature = tools.createJwsVerifier(KEYS_KEPT);
  const standing = new Map<string, Standing>();
  const keys = new Map<PlatformKeyUse, string[]>();
  /** Keys that were replaced because others may have had them: no log begins under one any more. */
  const compromised = new Set<string>();
  const links: KeyLink[] = [];
  const used = new Set<string>();
  const batches = watchBatches(sha256);
  const trust = watchTrust(sha256);
  let knownUntil = 0;
  const genesisType = kind === 'ledger' ? 'LedgerOpened' : 'AccessLogOpened';
  const catalogue: Readonly<Record<string, EventRule>> = kind === 'ledger' ? LEDGER_EVENTS : ACCESS_EVENTS;
  let acts = 0;

  function checkForm(entry: Entry): Refused | undefined {
    const { type, seq, commit, actor } = entry;
    const body: JsonObject = entry.body;
    const rule = Object.hasOwn(catalogue, type) ? catalogue[type] : undefined;
    if (rule === undefined) return refuse('ledger_entry_malformed', { seq, detail: `no ${type} on this log` });
    if ((type === genesisType) !== (seq === 0)) return refuse('ledger_genesis_misplaced', { seq });
    const isForm = Check(rule.body, body) && [...rule.withheld].sort().join() === Object.keys(commit).sort().join();
    const role = Object.hasOwn(SIGNED, type) ? 'operator' : 'platform';
    // Register batches, their reveals and heads have words of their own, below.
    if (type === 'RegisterBatch' && !isForm) return refuse('ledger_batch_malformed', { seq });
    if (type === 'DummiesRevealed' && !isForm) return refuse('ledger_reveal_malformed', { seq });
    if (type === 'Head' && !isForm) return refuse('ledger_head_malformed', { seq });
    if (!isForm || actor.role !== role) return refuse('ledger_entry_malformed', { seq });
    if (seq === 0 && body['platform'] !== platform) return refuse('ledger_entry_malformed', { seq });
    return undefined;
  }

  /** The keys the platform begins with: one for each use, the ledger's own among them. */
  function takeKeys(body: JsonObject, seq: number): Refused | undefined {
    const listed = body['keys'] as unknown as readonly PlatformKey[];
    for (const use of PLATFORM_KEY_USES) {
      const ofUse = listed.filter((key) => key.use === use);
      const [only] = ofUse;
      if (only === undefined || ofUse.length > 1 || !isStrong(sha256, only.publicKey))
        return refuse('ledger_key_refused', { seq, detail: use });
      keys.set(use, [only.publicKey]);
    }
    return undefined;
  }

  /** A key may only be announced in the place of the one in use, by that one and by itself, and not for an instant to come. */
  async function announce({ body, seq, at }: Entry): Promise<Refused | undefined> {
    const said = body as unknown as KeyAnnouncement;
    const { key, replaces, from, compromisedSince } = said;
    const known = keys.get(key.use) ?? [];
    const isNew = ![...keys.values()].flat().includes(key.publicKey) && isStrong(sha256, key.publicKey);
    if (known.at(-1) !== replaces || !isNew || from > at) return refuse('ledger_key_refused', { seq, detail: key.use });
    if (!(await isAnnouncementSigned(platform, said, verifyEd25519)))
      return refuse('ledger_key_refused', { seq, detail: `${key.use}: not signed by the key before it and by itself` });
    keys.set(key.use, [...known, key.publicKey]);
    if (compromisedSince !== undefined) compromised.add(replaces);
    if (key.use === 'ledger') links.push({ seq, said });
    return undefined;
  }

  async function takeHead({ body, seq }: Entry): Promise<Refused | undefined> {
    let head: LedgerHead;
    try {
      head = readHead(body);
    } catch (fault) {
      if (fault instanceof LogFormatError) return refuse('ledger_head_malformed', { seq, detail: fault.message });
      throw fault;
    }
    const { origin } = head.checkpoint;
    const kindOfHead = kindOfOrigin(platform, origin);
    if (kindOfHead === undefined || kindOfHead === 'ledger')
      return refuse('ledger_head_foreign', { seq, detail: origin });
    const before = standing.get(origin);
    const refusal = isProven(seq) ? undefined : checkHead(sha256, before?.head, head);
    if (refusal !== undefined) return refuse('ledger_head_refused', { seq, detail: refusal });
    // A log keeps the key it began with, whatever is announced for later ones.
    const use = kindOfHead === 'opening' ? 'openings' : 'ledger';
    const candidates = before === undefined ? [...(keys.get(use) ?? [])].reverse() : [before.publicKey];
    const known = isProven(seq) ? before?.publicKey : undefined;
    const signer = known ?? (await signerOf(tools, head, candidates));
    if (signer === undefined) return refuse('ledger_head_unsigned', { seq, detail: origin });
    if (before === undefined && compromised.has(signer))
      return refuse('ledger_key_compromised', { seq, detail: origin });
    standing.set(origin, { head: { ...head, note: '', consistency: [] }, publicKey: signer });
    onHead?.(head, signer);
    return undefined;
  }

  async function checkPerson(entry: Entry, values: Record<string, unknown>): Promise<Refused | undefined> {
    const types = SIGNED[entry.type];
    const { seq } = entry;
    // The platform itself may do such a thing, by its configuration; then it names nobody.
    if (types === undefined || !Object.hasOwn(values, 'act')) return undefined;
    if (values['act'] === null) return isProposed(entry) ? refuse('person_unsigned', { seq }) : undefined;
    const person = readPersonAct(values['act']);
    // No session key changes whom the platform believes.
    if (person === undefined || (isTrustEntry(entry.type) && person.login !== undefined))
      return refuse('person_unsigned', { seq });
    const expected = { platform, openingId: PLATFORM_SUBJECT, command: entry.command, types };
    const checked = await checkAct(person, expected, verifySignature, sha256);
    if (!checked.ok) return { ok: false, reason: checked.reason, words: ACT_REASONS[checked.reason], seq };
    const { who } = values;
    const isOther = isJsonObject(who) && who['account'] === checked.account && who['certSha256'] === checked.certSha256;
    if (Object.hasOwn(values, 'who') && !(isOther && isNamedSo(who, person))) return refuse('person_differs', { seq });
    if (!saysTheSame(sha256, entry, values, person.data, checked.payload.type))
      return { ok: false, reason: 'act_data_differs', words: ACT_REASONS.act_data_differs, seq };
    const signed = person.act.slice(0, person.act.lastIndexOf('.'));
    if (used.has(signed)) return refuse('act_repeated', { seq });
    used.add(signed);
    acts += 1;
    return undefined;
  }

  async function take(entry: Entry, values: Record<string, unknown>): Promise<Refused | undefined> {
    switch (entry.type) {
      case 'LedgerOpened':
        return takeKeys(entry.body, entry.seq);
      case 'RegisterBatch':
        return batches.takeBatch(entry.body, entry.seq);
      case 'DummiesRevealed':
        return batches.takeReveal(entry.body, entry.seq, isProven(entry.seq));
      case 'Head':
        return takeHead(entry);
      case 'KeyAnnounced':
        return announce(entry);
      case 'OperatorActed':
      case 'TrustProposed':
      case 'TrustProposalWithdrawn':
      case 'TrustChanged':
        return trust.take(entry, values);
      default:
        return undefined;
    }
  }

  return {
    kind,
    async see(entry, values) {
      knownUntil = parseInstant(entry.at);
      return checkForm(entry) ?? (await take(entry, values)) ?? (await checkPerson(entry, values));
    },
    finish() {
      // Any of them: while one key follows another, both sign every head.
      if (kind === 'ledger' && keys.get('ledger')?.includes(publicKey) !== true) return refuse('ledger_key_differs');
      return { ok: true, complete: false };
    },
    actsChecked: () => acts,
    ...(kind === 'ledger' && {
      batchCount: batches.count,
      believed: () => ({ versions: trust.store(), knownUntil }),
      links: () => links,
    }),
  };
}

/** Does the certificate that signed say this name of the person? Where in it names stand, each CA decides for itself. */
function isNamedSo(who: unknown, { act, login }: PersonAct): boolean {
  const name = isJsonObject(who) ? who['name'] : undefined;
  const header: unknown = JSON.parse(fromUtf8(fromBase64Url((login ?? act).split('.')[0] ?? '')));
  const [x5c] = isJsonObject(header) && Array.isArray(header['x5c']) ? header['x5c'] : [];
  if (typeof x5c !== 'string' || typeof name !== 'string' || name === '') return false;
  try {
    const { attributes } = parseCertificate(fromBase64(x5c)).subject;
    return attributes.some(({ value }) => value.normalize('NFC').trim().endsWith(name));
  } catch (fault) {
    if (fault instanceof CertificateError || fault instanceof LogFormatError) return false;
    throw fault;
  }
}

/** Which of these keys signed the head under its log's name. */
async function signerOf(
  { sha256, verifyEd25519 }: VerifyTools,
  { note, checkpoint }: LedgerHead,
  candidates: readonly string[],
): Promise<string | undefined> {
  for (const publicKey of candidates) {
    const key = verifierKey(sha256, checkpoint.origin, KEY_TYPES.ed25519, fromBase64(publicKey));
    try {
      await openCheckpoint(note, ed25519Verifier(key, verifyEd25519));
      return publicKey;
    } catch (fault) {
      if (!(fault instanceof LogFormatError)) throw fault;
    }
  }
  return undefined;
}

/** Does the entry say what its person signed, as far as its withheld values are shown? */
function saysTheSame(
  sha256: Sha256,
  entry: Entry,
  values: Record<string, unknown>,
  data: unknown,
  signed: unknown,
): boolean {
  if (!isJsonObject(data)) return false;
  if (entry.type === 'OperatorActed') {
    const { what } = values;
    const { x5c } = data;
    if (!Object.hasOwn(values, 'what')) return true;
    if (signed === 'DisableAccount' || signed === 'EnableAccount') {
      const account = signed === 'DisableAccount' ? 'disable' : 'enable';
      return isJsonObject(what) && what[account] === data['account'] && what['reason'] === data['reason'];
    }
    if (signed === 'AddCrl') return isJsonObject(what) && what['addCrl'] === data['crlSha256'];
    const [leaf] = Array.isArray(x5c) ? x5c : [];
    return isJsonObject(what) && what['kind'] === data['kind'] && what['certSha256'] === thumbprintOf(sha256, leaf);
  }
  return !isTrustEntry(entry.type) || saysWhatWasSigned(sha256, entry, data);
}

function thumbprintOf(sha256: Sha256, certificate: unknown): string | undefined {
  if (typeof certificate !== 'string') return undefined;
  try {
    const der = fromBase64(certificate);
    return toBase64(der) === certificate ? toBase64Url(sha256(der)) : undefined;
  } catch (fault) {
    if (fault instanceof LogFormatError) return undefined;
    throw fault;
  }
}
