/** C2SP tlog-policy files: which logs and cosigners ("witnesses" there) are believed, and which of them together are a quorum. */
import { toHex } from './bytes.ts';
import { parseDecimal } from './decimal.ts';
import { demand, LogFormatError, recode } from './error.ts';
import type { Sha256 } from './hash.ts';
import { KEY_TYPES, parseVkey, type VerifierKey } from './note.ts';
import { fromUtf8 } from './utf8.ts';

/** Logs, witnesses and groups that a file may define, of each: what tlog-policy recommends to take at least. */
export const POLICY_LIMIT_NAMES = 32;
/** The longest file: room for every name of each kind, with keys, addresses and comments. */
export const POLICY_LIMIT_BYTES = 256 * 1024;
/** The quorum that asks for nobody; no witness and no group may be called so. */
const NONE = 'none';

/** A log; the address is null where the file names none. */
export type PolicyLog = { readonly key: VerifierKey; readonly vkey: string; readonly url: string | null };
/** A cosigner, under the name that the file gives it. */
export type PolicyWitness = PolicyLog & { readonly name: string };

/** Who must have signed: one cosigner, or at least so many of several. */
export type Quorum =
  | { readonly witness: PolicyWitness }
  | { readonly least: number; readonly of: readonly [Quorum, ...Quorum[]] };

/** What a policy file says; `quorum` is null for `quorum none`. */
export type TlogPolicy = {
  readonly logs: readonly PolicyLog[];
  readonly witnesses: readonly PolicyWitness[];
  readonly quorum: Quorum | null;
};

/**
 * Reads a policy file.
 *
 * Throws: `policy_malformed` with the line's number; also for weak keys, keys of another type, and a key that stands twice.
 * Source: https://c2sp.org/tlog-policy. Narrower in two things: what is not ASCII must be UTF-8 (which it strongly recommends), and a
 *         cosigner's key is of type 0x04, the only one that is checked here.
 */
export function parsePolicy(sha256: Sha256, file: Uint8Array): TlogPolicy {
  demand(file.length <= POLICY_LIMIT_BYTES, 'policy_malformed', `over ${POLICY_LIMIT_BYTES} bytes`);
  const text = recode('policy_malformed', () => fromUtf8(file));
  const lines = text.split('\n');
  demand(lines.pop() === '', 'policy_malformed', 'the last line does not end');
  const reading = newReading(sha256);
  lines.forEach((line, index) => {
    try {
      reading.take(line);
    } catch (fault) {
      if (!(fault instanceof LogFormatError)) throw fault;
      throw new LogFormatError('policy_malformed', `line ${index + 1}: ${fault.message.replace(/^[a-z_0-9]+: /, '')}`);
    }
  });
  return reading.end();
}

function newReading(sha256: Sha256) {
  const logs: PolicyLog[] = [];
  const witnesses: PolicyWitness[] = [];
  const named = new Map<string, Quorum>();
  const members = new Set<string>();
  let groups = 0;
  let quorum: Quorum | null | undefined;

  function need(condition: boolean, what: string): asserts condition {
    demand(condition, 'policy_malformed', what);
  }
  function enrolled(vkey: string, type: number, among: readonly PolicyLog[]): VerifierKey {
    const key = parseVkey(sha256, vkey);
    need(key.type === type, `the key is not of type ${type}`);
    const twice = among.some((other) => toHex(other.key.publicKey) === toHex(key.publicKey));
    need(!twice, 'this key stands in the file already');
    need(among.length < POLICY_LIMIT_NAMES, `more than ${POLICY_LIMIT_NAMES}`);
    return key;
  }
  function define(name: string, means: Quorum): void {
    need(name !== NONE && !named.has(name), `${name} is taken`);
    named.set(name, means);
  }
  function meant(name: string): Quorum {
    const found = named.get(name);
    need(found !== undefined, `${name} is not defined above`);
    return found;
  }
  function member(name: string): Quorum {
    need(!members.has(name), `${name} is a member twice`);
    members.add(name);
    return meant(name);
  }

  /** Every kind of line, given what stands behind its first word. */
  const kinds: Readonly<Record<string, (items: readonly string[]) => void>> = {
    log(items) {
      const [vkey = '', url = null] = items;
      need(items.length === 1 || items.length === 2, 'not: log <vkey> [<url>]');
      logs.push({ key: enrolled(vkey, KEY_TYPES.ed25519, logs), vkey, url });
    },
    witness(items) {
      const [name = '', vkey = '', url = null] = items;
      need(items.length === 2 || items.length === 3, 'not: witness <name> <vkey> [<url>]');
      const witness = { name, key: enrolled(vkey, KEY_TYPES.cosignature, witnesses), vkey, url };
      define(name, { witness });
      witnesses.push(witness);
    },
    group(items) {
      const [name = '', threshold = '', ...rest] = items;
      need(rest.length > 0, 'not: group <name> all|any|<k> <name>…');
      need(groups < POLICY_LIMIT_NAMES, `more than ${POLICY_LIMIT_NAMES}`);
      const of = rest.map(member) as [Quorum, ...Quorum[]];
      const least = threshold === 'all' ? of.length : threshold === 'any' ? 1 : parseDecimal(threshold);
      need(
        least !== undefined && least >= 1 && least <= of.length,
        'the threshold is not from 1 to the number of members',
      );
      define(name, { least, of });
      groups += 1;
    },
    quorum(items) {
      const [name = ''] = items;
      need(items.length === 1, 'not: quorum <name>');
      need(quorum === undefined, 'there is a quorum already');
      quorum = name === NONE ? null : meant(name);
    },
  };

  return {
    take(line: string): void {
      need(
        [...line].every((character) => character === '\t' || (character >= ' ' && character !== '\u007f')),
        'a control character',
      );
      const items = line.split(/[ \t]+/).filter((item) => item !== '');
      const [word] = items;
      if (word === undefined || word.startsWith('#')) return;
      const kind = Object.hasOwn(kinds, word) ? kinds[word] : undefined;
      need(kind !== undefined, `no line begins with ${word}`);
      kind(items.slice(1));
    },
    end(): TlogPolicy {
      need(quorum !== undefined, 'there is no quorum');
      return { logs, witnesses, quorum };
    },
  };
}

/** Whether these cosigners together are the quorum; `signed` says of each whether it has signed. Total. */
export function isQuorate(quorum: Quorum | null, signed: (witness: PolicyWitness) => boolean): boolean {
  if (quorum === null) return true;
  if ('witness' in quorum) return signed(quorum.witness);
  return quorum.of.filter((one) => isQuorate(one, signed)).length >= quorum.least;
}

/**
 * A policy as so many of these cosigners, which is how a genesis entry names it.
 *
 * Returns: undefined for groups within groups, which that form cannot say. Cosigners that the quorum does not ask for are left out.
 */
export function asThreshold(
  quorum: Quorum | null,
): { readonly least: number; readonly of: PolicyWitness[] } | undefined {
  if (quorum === null) return { least: 0, of: [] };
  if ('witness' in quorum) return { least: 1, of: [quorum.witness] };
  const of = quorum.of.flatMap((one) => ('witness' in one ? [one.witness] : []));
  return of.length === quorum.of.length ? { least: quorum.least, of } : undefined;
}

/**
 * The policy that an opening's first entry is: its ledger, its cosigners as `cosigner1` and so on, and how many of them must sign.
 *
 * Shape: a key that is listed twice is one cosigner, as everywhere.
 */
export function formatPolicy(
  ledgerVkey: string,
  { quorum, vkeys }: { readonly quorum: number; readonly vkeys: readonly string[] },
): string {
  const keys = [...new Set(vkeys)];
  const names = keys.map((_, n) => `cosigner${n + 1}`);
  return [
    `log ${ledgerVkey}`,
    ...keys.map((vkey, n) => `witness ${names[n]} ${vkey}`),
    ...(quorum === 0 ? [`quorum ${NONE}`] : [`group enough ${quorum} ${names.join(' ')}`, 'quorum enough']),
    '',
  ].join('\n');
}
