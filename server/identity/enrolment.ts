/** The first people of a platform: who may let others in, and the CAs they are believed by; read from files at a start that finds none. */
import { readFile } from 'node:fs/promises';
import { toBase64 } from '../core/log/base64.ts';
import { type Certificate, parsePem } from '../core/pki/certificate.ts';
import { PLAIN_SUBJECT_RULE } from '../core/pki/subject.ts';
import { accounts, trustAnchors } from '../store/schema/identity.ts';
import type { World } from '../world.ts';
import { createFirstOperator } from './accounts.ts';
import type { Db } from './database.ts';
import { addAnchor, type Trust, thumbprintOf } from './trust.ts';

export type EnrolmentFiles = {
  /** PEM of the CA certificates trusted from the first start on; null when the operator adds them otherwise. */
  readonly anchors: string | null;
  /** PEM of the first operator's signing certificate, with those above it. */
  readonly operator: string | null;
};

export type Enrolled = {
  /** `certificate` its DER in base64. */
  readonly anchors: readonly { readonly certSha256: string; readonly certificate: string; readonly label: string }[];
  readonly operator: { readonly account: string; readonly certSha256: string } | null;
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
 * Returns: what was added, for the ledger to say.
 * Throws:  EnrolmentError; CertificateError for a file that is no certificate.
 * Why:     somebody must be believed before anyone can sign; from then on the operator's own signature lets others in.
 */
export async function enrolFirst(
  { db, world, trust }: { db: Db; world: Pick<World, 'now'>; trust: Trust },
  files: EnrolmentFiles,
): Promise<Enrolled> {
  const anchors: { certSha256: string; certificate: string; label: string }[] = [];
  const [anchored] = await db.select({ id: trustAnchors.certSha256 }).from(trustAnchors).limit(1);
  if (files.anchors !== null && anchored === undefined) {
    for (const certificate of await readPemFile(files.anchors)) {
      const label = labelOf(certificate);
      const added = await addAnchor(
        { db, world },
        {
          certificate,
          label,
          purposes: ['sign', 'encrypt'],
          rule: PLAIN_SUBJECT_RULE,
          effectiveFromAt: certificate.notBeforeAt,
          effectiveUntilAt: null,
          addedBy: 'first start',
        },
      );
      if ('refused' in added) throw new EnrolmentError(added.refused, files.anchors);
      anchors.push({ certSha256: added.certSha256, certificate: toBase64(certificate.der), label });
    }
    trust.forget();
  }
  return {
    anchors,
    operator: files.operator === null ? null : await enrolOperator({ db, world, trust }, files.operator),
  };
}

async function enrolOperator(
  { db, world, trust }: { db: Db; world: Pick<World, 'now'>; trust: Trust },
  file: string,
): Promise<Enrolled['operator']> {
  const [known] = await db.select({ id: accounts.id }).from(accounts).limit(1);
  if (known !== undefined) return null;
  const chain = await readPemFile(file);
  const trusted = await trust.check({ certificates: chain.map((c) => c.der), purpose: 'sign', at: world.now() });
  if ('refused' in trusted) throw new EnrolmentError(trusted.refused, file);
  const created = await createFirstOperator({ db, world }, trusted.subject);
  if ('refused' in created) throw new EnrolmentError(created.refused, file);
  return { account: created.account.id, certSha256: trusted.certSha256 };
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
