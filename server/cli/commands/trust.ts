/** `kaibiao trust` and `kaibiao crl`: which CAs are believed, changed by two operators, and their revocation lists. */
import { readFile } from 'node:fs/promises';
import { Check } from 'typebox/schema';
import type { AnchorAnswer } from '../../client/api.ts';
import { toBase64 } from '../../core/log/base64.ts';
import { isJsonObject } from '../../core/log/canonical.ts';
import { formatInstant } from '../../core/log/instant.ts';
import { parsePem } from '../../core/pki/certificate.ts';
import { PLAIN_SUBJECT_RULE } from '../../core/pki/subject.ts';
import { TrustChange } from '../../core/pki/trust-store.ts';
import { EXIT, UsageError } from '../exit.ts';
import type { Io } from '../io.ts';
import { bringCrl, confirmTrust, listProposals, proposeTrust, withdrawTrust } from '../person/trust.ts';
import { enter, parsePerson, readJsonFile } from './options.ts';

const string = { type: 'string' } as const;
const TERMS = {
  label: string,
  purposes: string,
  revocation: string,
  usages: string,
  policies: string,
  rule: string,
  from: string,
  until: string,
  reason: string,
} as const;
type Terms = { readonly [Option in keyof typeof TERMS]?: string | undefined };
type Step = (argv: readonly string[], io: Io) => Promise<number>;

const STEPS: Readonly<Record<string, Step>> = {
  /** The anchors, and for operators what is proposed, each with the digest that its confirmer signs. */
  async list(argv, io) {
    const { values } = parsePerson(argv, ['list'], {});
    const person = await enter(values, io);
    const { anchors } = await person.api.readAnchors();
    for (const anchor of anchors) io.out(anchorLine(anchor));
    for (const { proposal, state, changeSha256, expiresAt, proposerName, change } of await listProposals(person)) {
      io.out(`proposal ${proposal} ${state}, by ${proposerName}, until ${formatInstant(expiresAt)}: ${changeSha256}`);
      io.out(JSON.stringify(change));
    }
    return EXIT.done;
  },
  async add(argv, io) {
    const { values, positionals } = parsePerson(argv, ['add', 'ca.pem'], TERMS);
    const [root, ...rest] = parsePem(await readFile(positionals[1] ?? '', 'utf8'));
    if (root === undefined || rest.length > 0) throw new UsageError('The file holds one certificate: the CA’s.');
    const { from, until, reason } = datesOf(values, io);
    const terms = await termsOf(values, null);
    return propose(values, { change: 'add', certificate: toBase64(root.der), terms, from, until, reason }, io);
  },
  /** The terms that are not given stay as they are at that instant. */
  async alter(argv, io) {
    const { values, positionals } = parsePerson(argv, ['alter', 'digest'], TERMS);
    const [, certificateSha256 = ''] = positionals;
    const { from, until, reason } = datesOf(values, io);
    const { anchors } = await (await enter(values, io)).api.readAnchors();
    const known = anchors.filter(({ certSha256 }) => certSha256 === certificateSha256).at(-1);
    if (known === undefined) throw new UsageError('No CA with this digest is believed; kaibiao trust list shows them.');
    const terms = await termsOf(values, known.terms);
    return propose(values, { change: 'alter', certificateSha256, terms, from, until, reason }, io);
  },
  async end(argv, io) {
    const { values, positionals } = parsePerson(argv, ['end', 'digest'], { from: string, reason: string });
    const { from, reason } = datesOf(values, io);
    return propose(values, { change: 'end', certificateSha256: positionals[1] ?? '', from, reason }, io);
  },
  async confirm(argv, io) {
    const { values, positionals } = parsePerson(argv, ['confirm', 'proposal'], { sha256: string });
    if (values.sha256 === undefined) throw new UsageError('--sha256 is needed: the digest that the proposer told you.');
    const asked = { proposal: readNumber(positionals[1]), changeSha256: values.sha256 };
    const change = await confirmTrust(await enter(values, io), asked);
    io.out(`proposal ${asked.proposal}: confirmed · 已确认`);
    io.out(JSON.stringify(change));
    return EXIT.done;
  },
  async withdraw(argv, io) {
    const { values, positionals } = parsePerson(argv, ['withdraw', 'proposal'], { reason: string });
    if (values.reason === undefined) throw new UsageError('--reason is needed.');
    const proposal = readNumber(positionals[1]);
    await withdrawTrust(await enter(values, io), { proposal, reason: values.reason });
    io.out(`proposal ${proposal}: withdrawn · 已撤回`);
    return EXIT.done;
  },
};

/** Shows whom the platform believes, or takes a step towards changing it. */
export async function trust(argv: readonly string[], io: Io): Promise<number> {
  const [name = ''] = argv;
  const step = Object.hasOwn(STEPS, name) ? STEPS[name] : undefined;
  if (step === undefined) throw new UsageError(`It takes one of ${Object.keys(STEPS).join(', ')}.`);
  return step(argv, io);
}

/** Brings a revocation list, DER or PEM. */
export async function crl(argv: readonly string[], io: Io): Promise<number> {
  const { values, positionals } = parsePerson(argv, ['list.crl'], {});
  const { crlSha256, entries } = await bringCrl(await enter(values, io), derOf(await readFile(positionals[0] ?? '')));
  io.out(`${crlSha256}: ${entries} revoked · 吊销 ${entries} 张`);
  return EXIT.done;
}

async function propose(values: Parameters<typeof enter>[0], change: unknown, io: Io): Promise<number> {
  if (!Check(TrustChange, change))
    throw new UsageError(
      'Purposes are sign and encrypt, revocation is required or when_known, dates like 2026-03-02T01:00:00.000Z.',
    );
  const { proposal, changeSha256 } = await proposeTrust(await enter(values, io), change);
  io.out(`proposal ${proposal}: another operator confirms it with --sha256 ${changeSha256} · 须由另一管理员确认`);
  io.out(JSON.stringify(change));
  return EXIT.done;
}

function datesOf({ from, until, reason }: Pick<Terms, 'from' | 'until' | 'reason'>, io: Io) {
  if (reason === undefined) throw new UsageError('--reason is needed.');
  return { from: from ?? formatInstant(io.world.now()), until: until ?? null, reason };
}

/** The terms as the options say; what they do not say is as before, or plain. */
async function termsOf(values: Terms, before: AnchorAnswer['terms'] | null) {
  const list = (text: string | undefined, otherwise: readonly string[] | null) =>
    text === undefined ? otherwise : text === '' ? null : text.split(',');
  if (before === null && values.label === undefined) throw new UsageError('--label is needed.');
  return {
    label: values.label ?? before?.label,
    purposes: list(values.purposes, before?.purposes ?? ['sign', 'encrypt']),
    rule: values.rule === undefined ? (before?.rule ?? PLAIN_SUBJECT_RULE) : await readRule(values.rule),
    revocation: values.revocation ?? before?.revocation ?? 'required',
    extendedUsages: list(values.usages, before?.extendedUsages ?? null),
    policies: list(values.policies, before?.policies ?? null),
  };
}

async function readRule(file: string): Promise<unknown> {
  const rule = await readJsonFile(file);
  if (!isJsonObject(rule)) throw new UsageError('The rule is {creditCode: […], organisation, name, personId}.');
  return rule;
}

function readNumber(text: string | undefined): number {
  if (text === undefined || !/^[1-9][0-9]{0,14}$/.test(text))
    throw new UsageError('A proposal is named by its number.');
  return Number(text);
}

function anchorLine({ certSha256, terms, fromAt, untilAt }: AnchorAnswer): string {
  const until = untilAt === null ? 'no end' : formatInstant(untilAt);
  const { label, purposes, revocation, extendedUsages, policies } = terms;
  const further = [
    ...(extendedUsages === null ? [] : [`usages ${extendedUsages.join(',')}`]),
    ...(policies === null ? [] : [`policies ${policies.join(',')}`]),
  ];
  return [
    `${certSha256} ${label}: ${purposes.join(',')}`,
    `revocation ${revocation}`,
    ...further,
    `${formatInstant(fromAt)} – ${until}`,
  ].join('; ');
}

/** What lies inside a PEM of a revocation list, or the bytes themselves. */
function derOf(bytes: Buffer): Uint8Array {
  const [, inside] =
    /-----BEGIN X509 CRL-----([A-Za-z0-9+/=\s]+)-----END X509 CRL-----/.exec(bytes.toString('latin1')) ?? [];
  return inside === undefined ? new Uint8Array(bytes) : new Uint8Array(Buffer.from(inside, 'base64'));
}
