/** Revocation lists: brought by operators, kept as they came, read for those who judge certificates; who signed one is asked when it is used. */
import { and, desc, eq, inArray } from 'drizzle-orm';
import { toBase64Url } from '../core/log/base64.ts';
import { type Crl, parseCrl } from '../core/pki/crl.ts';
import { CertificateError } from '../core/pki/der.ts';
import { isOver } from '../core/pki/path.ts';
import { sha256 } from '../hash.ts';
import { crls } from '../store/schema/identity.ts';
import type { World } from '../world.ts';
import type { Db } from './database.ts';
import { type Outcome, refuse } from './refusals.ts';

export type StoredCrl = { readonly sha256: string; readonly crl: Crl };

/** Lists of one issuer, scope and kind that are judged by: the newest, and the one before, for acts received before it came. */
const LISTS_ASKED = 2;

/** Reads a list. Refuses: crl_malformed, with the reader's own code as detail. */
export function readCrl(der: Uint8Array): Outcome<{ crl: Crl; sha256: string }> {
  try {
    return { ok: true, crl: parseCrl(der), sha256: toBase64Url(sha256(der)) };
  } catch (error) {
    if (error instanceof CertificateError) return refuse('crl_malformed', error.code);
    throw error;
  }
}

type Dependencies = { readonly db: Db; readonly world: Pick<World, 'now'> };

/** Whether a list may be added now. Refuses: crl_exists, crl_out_of_date, crl_not_newer. */
export async function mayAddCrl(
  { db, world }: Dependencies,
  { crl, sha256: digest }: StoredCrl,
): Promise<Outcome<object>> {
  const [known] = await db.select({ sha256: crls.sha256 }).from(crls).where(eq(crls.sha256, digest));
  if (known !== undefined) return refuse('crl_exists');
  const now = world.now();
  if (crl.thisUpdateAt > now || crl.nextUpdateAt === undefined || isOver(crl.nextUpdateAt, now))
    return refuse('crl_out_of_date');
  const isSameScope = and(eq(crls.issuer, crl.issuer.key), eq(crls.scope, crl.issuingPoint?.scope ?? ''));
  const others = await db
    .select({ deltaBase: crls.deltaBase, thisUpdateAt: crls.thisUpdateAt })
    .from(crls)
    .where(isSameScope);
  const isDelta = crl.deltaBase !== undefined;
  if (others.some((other) => (other.deltaBase !== null) === isDelta && other.thisUpdateAt > crl.thisUpdateAt))
    return refuse('crl_not_newer');
  return { ok: true };
}

/** Keeps a list; the caller sees to it that the ledger is told, and calls trust.forget(). Refuses: crl_exists. */
export async function addCrl(
  { db, world }: Dependencies,
  { crl, sha256: digest, addedBy }: StoredCrl & { readonly addedBy: string },
): Promise<Outcome<object>> {
  const added = await db
    .insert(crls)
    .values({
      sha256: digest,
      issuer: crl.issuer.key,
      scope: crl.issuingPoint?.scope ?? '',
      number: crl.number?.toString() ?? null,
      deltaBase: crl.deltaBase?.toString() ?? null,
      thisUpdateAt: crl.thisUpdateAt,
      nextUpdateAt: crl.nextUpdateAt ?? null,
      entries: crl.entryCount,
      der: crl.der,
      addedBy,
      addedAt: world.now(),
    })
    .onConflictDoNothing()
    .returning({ sha256: crls.sha256 });
  return added.length === 0 ? refuse('crl_exists') : { ok: true };
}

/** The lists that certificates are judged by; those known already are not read again. */
export async function readCrls({ db }: { readonly db: Db }, known: readonly StoredCrl[]): Promise<StoredCrl[]> {
  const rows = await db
    .select({ sha256: crls.sha256, issuer: crls.issuer, scope: crls.scope, deltaBase: crls.deltaBase })
    .from(crls)
    .orderBy(desc(crls.thisUpdateAt), desc(crls.addedAt));
  const seen = new Map<string, number>();
  const wanted = rows.filter(({ issuer, scope, deltaBase }) => {
    const kind = JSON.stringify([issuer, scope, deltaBase !== null]);
    const before = seen.get(kind) ?? 0;
    seen.set(kind, before + 1);
    return before < LISTS_ASKED;
  });
  const kept = known.filter((each) => wanted.some((row) => row.sha256 === each.sha256));
  const missing = wanted.map((row) => row.sha256).filter((digest) => !kept.some((each) => each.sha256 === digest));
  if (missing.length === 0) return kept;
  const read = await db.select({ sha256: crls.sha256, der: crls.der }).from(crls).where(inArray(crls.sha256, missing));
  return [...kept, ...read.map((row) => ({ sha256: row.sha256, crl: parseCrl(row.der) }))];
}

export type CrlFacts = Omit<typeof crls.$inferSelect, 'der' | 'issuer' | 'scope' | 'addedBy'>;

/** The newest lists that were brought, without their bytes. */
export async function listCrls({ db }: { readonly db: Db }, limit: number): Promise<CrlFacts[]> {
  const { sha256: digest, number, deltaBase, thisUpdateAt, nextUpdateAt, entries, addedAt } = crls;
  return db
    .select({ sha256: digest, number, deltaBase, thisUpdateAt, nextUpdateAt, entries, addedAt })
    .from(crls)
    .orderBy(desc(addedAt), desc(thisUpdateAt))
    .limit(limit);
}
