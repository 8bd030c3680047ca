/** Evidence of judgements, kept by content and never changed: who has the digest of a judgement may have its files, and nobody can guess one. */
import { createHash } from 'node:crypto';
import { desc, eq, sql as fragment } from 'drizzle-orm';
import { toBase64Url } from '../core/log/base64.ts';
import { fromUtf8 } from '../core/log/utf8.ts';
import { filesOf, type Judgement } from '../core/pki/judgement.ts';
import type { Digest } from '../core/pki/ocsp.ts';
import { sha256 } from '../hash.ts';
import type { Sql } from '../store/driver.ts';
import { evidence, stapledResponses } from '../store/schema/identity.ts';
import type { Db } from './database.ts';

/** OCSP responses of one certificate that are asked at once. */
export const RESPONSES_ASKED = 4;

const DIGESTS: Readonly<Record<string, string>> = {
  '1.3.14.3.2.26': 'sha1',
  '2.16.840.1.101.3.4.2.1': 'sha256',
  '2.16.840.1.101.3.4.2.2': 'sha384',
  '2.16.840.1.101.3.4.2.3': 'sha512',
};

/** The digests by which OCSP responses name an issuer. */
export const ocspDigest: Digest = (oid, bytes) => {
  const name = Object.hasOwn(DIGESTS, oid) ? DIGESTS[oid] : undefined;
  return name === undefined ? undefined : new Uint8Array(createHash(name).update(bytes).digest());
};

export type EvidenceFile = {
  readonly kind: 'judgement' | 'certificate' | 'ocsp';
  readonly content: Uint8Array;
  /** Of an OCSP response: the certificate that it is asked about from now on, and how old it is. */
  readonly about?: { readonly certSha256: string; readonly thisUpdateAt: number };
};

export const digestOfFile = (content: Uint8Array): string => toBase64Url(sha256(content));

/**
 * Keeps files; one that is there already is kept once.
 *
 * Why: the lock, which any number of keepers hold together: a sweep that finds nothing standing on a certificate must not take it just as a
 *      judgement of it comes in (`sweep_judgement` in migrations).
 */
export async function keepEvidence(db: Db, files: readonly EvidenceFile[], addedAt: number): Promise<void> {
  if (files.length === 0) return;
  const rows = files.map(({ kind, content }) => ({ sha256: digestOfFile(content), kind, content, addedAt }));
  const asked = files.flatMap(({ content, about }) =>
    about === undefined ? [] : [{ sha256: digestOfFile(content), ...about }],
  );
  await db.transaction(async (tx) => {
    await tx.execute(fragment`SELECT pg_advisory_xact_lock_shared(hashtext('kaibiao evidence'))`);
    await tx.insert(evidence).values(rows).onConflictDoNothing();
    if (asked.length > 0) await tx.insert(stapledResponses).values(asked).onConflictDoNothing();
  });
}

/**
 * The newest OCSP responses that came with a certificate, by their own dates.
 *
 * Why: in whatever order they arrive, an older one that is sent again never takes the place of one that still says something.
 */
export async function readResponses(db: Db, certSha256: string): Promise<Uint8Array[]> {
  const rows = await db
    .select({ content: evidence.content })
    .from(stapledResponses)
    .innerJoin(evidence, eq(evidence.sha256, stapledResponses.sha256))
    .where(eq(stapledResponses.certSha256, certSha256))
    .orderBy(desc(stapledResponses.thisUpdateAt), desc(stapledResponses.sha256))
    .limit(RESPONSES_ASKED);
  return rows.map(({ content }) => content);
}

/**
 * A file of a judgement, or with its own digest the judgement itself; null when it names no such file.
 *
 * Why: only through a judgement, whose digest nobody can guess: a certificate is known to many, and whether it lies here would
 *      tell them who takes part.
 */
export async function readEvidence(sql: Sql, judgement: string, file: string): Promise<Uint8Array | null> {
  const [judged] = await sql<{ content: Uint8Array }[]>`
    SELECT content FROM evidence WHERE sha256 = ${judgement} AND kind = 'judgement'`;
  if (judged === undefined) return null;
  if (file === judgement) return judged.content;
  if (!filesOf(JSON.parse(fromUtf8(judged.content)) as Judgement).includes(file)) return null;
  const [kept] = await sql<{ content: Uint8Array }[]>`
    SELECT content FROM evidence WHERE sha256 = ${file} UNION ALL SELECT der FROM crls WHERE sha256 = ${file} LIMIT 1`;
  return kept?.content ?? null;
}
