/** Encryption certificates: which ones an account may be sealed to; they are registered, so that an envelope can be held to them. */
import { and, asc, eq } from 'drizzle-orm';
import { fromBase64, toBase64 } from '../core/log/base64.ts';
import { LogFormatError } from '../core/log/error.ts';
import { CERTIFICATES_LIMIT } from '../core/pki/certificate.ts';
import { encryptionCertificates } from '../store/schema/identity.ts';
import type { World } from '../world.ts';
import type { Db } from './database.ts';
import { type Outcome, refuse } from './refusals.ts';
import type { Caller } from './tokens.ts';
import type { Trust, TrustedCertificate, TrustQuestion } from './trust.ts';

type Dependencies = { readonly db: Db; readonly world: Pick<World, 'now'>; readonly trust: Trust };

/**
 * Registers an encryption certificate for the caller; one that is there already is registered again without a word.
 *
 * Shape:   `x5c` base64 certificates, this one first; `ocsp` responses stapled to it, which are asked again when a bid is lodged to it.
 * Refuses: the certificate_… codes, credit_code_invalid; certificate_of_other_account when the credit code differs: a
 *          person's account may be sealed to its organisation's certificate, never to another's.
 * Source:  seal-format §5: pair the two certificates by credit code, check key usage.
 */
export async function registerEncryptionCertificate(
  { db, world, trust }: Dependencies,
  {
    caller,
    ...asked
  }: {
    readonly caller: Pick<Caller, 'account'>;
    readonly x5c: readonly string[];
    readonly ocsp?: readonly Uint8Array[];
  },
): Promise<Outcome<{ certSha256: string }>> {
  const at = world.now();
  // Nothing is kept of certificates that are somebody else's.
  const first = await checkEncryptionCertificate({ trust }, { ...asked, at, isOnRecord: false, undetermined: 'pass' });
  if ('refused' in first) return first;
  if (first.subject.creditCode !== creditCodeOf(caller.account)) return refuse('certificate_of_other_account');
  const trusted = await checkEncryptionCertificate({ trust }, { ...asked, at });
  if ('refused' in trusted) return trusted;
  const { certSha256, path } = trusted;
  // The path without its anchor: what is needed to judge the certificate again, and nothing a stranger added.
  const chain = path.slice(0, -1).map(({ der }) => toBase64(der));
  await db
    .insert(encryptionCertificates)
    .values({ certSha256, account: caller.account, x5c: chain, registeredAt: world.now() })
    .onConflictDoNothing();
  return { ok: true, certSha256 };
}

/**
 * A registered encryption certificate, judged anew for an instant: at lodging and at check-in.
 *
 * Refuses: encryption_certificate_unknown, the certificate_… codes.
 */
export async function findEncryptionCertificate(
  { db, trust }: Pick<Dependencies, 'db' | 'trust'>,
  { account, certSha256, at }: { readonly account: string; readonly certSha256: string; readonly at: number },
): Promise<Outcome<TrustedCertificate>> {
  const [row] = await db
    .select({ x5c: encryptionCertificates.x5c })
    .from(encryptionCertificates)
    .where(and(eq(encryptionCertificates.account, account), eq(encryptionCertificates.certSha256, certSha256)));
  if (row === undefined) return refuse('encryption_certificate_unknown');
  return checkEncryptionCertificate({ trust }, { x5c: row.x5c, at });
}

/** The thumbprints an account registered, oldest first. */
export async function listEncryptionCertificates({ db }: Pick<Dependencies, 'db'>, account: string): Promise<string[]> {
  const rows = await db
    .select({ certSha256: encryptionCertificates.certSha256 })
    .from(encryptionCertificates)
    .where(eq(encryptionCertificates.account, account))
    .orderBy(asc(encryptionCertificates.registeredAt), asc(encryptionCertificates.certSha256));
  return rows.map(({ certSha256 }) => certSha256);
}

async function checkEncryptionCertificate(
  { trust }: Pick<Dependencies, 'trust'>,
  {
    x5c,
    ...asked
  }: { readonly x5c: readonly string[] } & Pick<TrustQuestion, 'at' | 'ocsp' | 'isOnRecord' | 'undetermined'>,
): Promise<Outcome<TrustedCertificate>> {
  const certificates = decodeAll(x5c);
  if (certificates === undefined) return refuse('certificate_malformed', 'pem_format');
  return trust.check({ certificates, purpose: 'encrypt', ...asked });
}

function decodeAll(x5c: readonly string[]): Uint8Array[] | undefined {
  if (x5c.length > CERTIFICATES_LIMIT) return undefined;
  try {
    return x5c.map(fromBase64);
  } catch (error) {
    if (error instanceof LogFormatError) return undefined;
    throw error;
  }
}

/** The organisation an account belongs to. */
function creditCodeOf(account: string): string {
  return account.slice(0, 18);
}
