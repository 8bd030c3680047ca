/** The first people of a platform: who may let others in, and the CAs they are believed by; read from files at a start that finds none. */
import { readFile } from 'node:fs/promises';
import { toBase64 } from '../core/log/base64.ts';
import { formatInstant } from '../core/log/instant.ts';
import { type Certificate, parsePem } from '../core/pki/certificate.ts';
import { PLAIN_SUBJECT_RULE } from '../core/pki/subject.ts';
import type { TrustChange } from '../core/pki/trust-store.ts';
import { accounts, trustChanges } from '../store/schema/identity.ts';
import type { World } from '../world.ts';
import { createFirstOperator } from './accounts.ts';
import { thumbprintOf } from './check-certificate.ts';
import type { Db } from './database.ts';
import type { Trust } from './trust.ts';

export type EnrolmentFiles = {
  /** PEM of the CA certificates trusted from the first start on; null when the operator adds them otherwise. */
  readonly anchors: string | null;
  /** PEM of the first operator's signing certificate, with those above it. */
  readonly operator: string | null;
};

/** How the ledger is told, in the transaction that enrols; see ledger/trust.ts. */
export type TellEnrolment = {
  anchors(changes: readonly TrustChange[]): Promise<void>;
  operator(enrolled: { readonly account: string; readonly certSha256: string }): Promise<void>;
};

/** A file for the first start says something that cannot be followed. */
export class EnrolmentError extends Error {
  readonly code: string;
  constructor(code: string, file: string) {
    super(`${code}: ${file}`);
    this.name = 'EnrolmentError';
    this.code = code;
  }
}

/**
 * Enrols the first anchors and the first operator, each only where the platform has none yet.
 *
 * Throws: EnrolmentError; CertificateError for a file that is no certificate.
 * Why:    somebody must be believed before anyone can sign; from then on the operators' own signatures change whom. Once there was
 *         an anchor, ended or not, no file adds another.
 */
export async function enrolFirst(
  { db, world, trust, tell }: { db: Db; world: Pick<World, 'now'>; trust: Trust; tell: TellEnrolment },
  files: EnrolmentFiles,
): Promise<void> {
  const [anchored] = await db.select({ seq: trustChanges.seq }).from(trustChanges).limit(1);
  if (files.anchors !== null && anchored === undefined) {
    const certificates = await readPemFile(files.anchors);
    const wrong = certificates.find(({ basicConstraints }) => basicConstraints?.ca !== true);
    if (wrong !== undefined) throw new EnrolmentError('anchor_not_ca', files.anchors);
    await tell.anchors(certificates.map(firstChange));
    trust.forget();
  }
  if (files.operator !== null) await enrolOperator({ db, world, trust, tell }, files.operator);
}

/** On which terms a CA of the first start is believed: both purposes, the plain rule, as long as its certificate is valid. */
function firstChange(certificate: Certificate): TrustChange {
  const terms = {
    label: labelOf(certificate),
    purposes: ['sign' as const, 'encrypt' as const],
    rule: PLAIN_SUBJECT_RULE,
    revocation: 'when_known' as const,
    extendedUsages: null,
    policies: null,
  };
  return {
    change: 'add',
    certificate: toBase64(certificate.der),
    terms,
    from: formatInstant(certificate.notBeforeAt),
    until: null,
    reason: 'first start',
  };
}

async function enrolOperator(
  { db, world, trust, tell }: { db: Db; world: Pick<World, 'now'>; trust: Trust; tell: TellEnrolment },
  file: string,
): Promise<void> {
  const [known] = await db.select({ id: accounts.id }).from(accounts).limit(1);
  if (known !== undefined) return;
  const chain = await readPemFile(file);
  const trusted = await trust.check({ certificates: chain.map((c) => c.der), purpose: 'sign', at: world.now() });
  if ('refused' in trusted) throw new EnrolmentError(trusted.refused, file);
  const created = await createFirstOperator({ db, world }, trusted.subject);
  if ('refused' in created) throw new EnrolmentError(created.refused, file);
  await tell.operator({ account: created.account.id, certSha256: trusted.certSha256 });
}

async function readPemFile(file: string): Promise<Certificate[]> {
  const certificates = parsePem(await readFile(file, 'utf8'));
  if (certificates.length === 0) throw new EnrolmentError('no_certificate', file);
  return certificates;
}

/** What people call the CA: its common name, or the certificate's digest. */
function labelOf(certificate: Certificate): string {
  const named = certificate.subject.attributes.find((a) => a.oid === '2.5.4.3');
  return named?.value ?? thumbprintOf(certificate);
}
