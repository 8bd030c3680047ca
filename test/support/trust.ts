/** CAs that a test's platform believes, kept as two operators' confirmed change would have kept them. */
import { toBase64 } from '../../server/core/log/base64.ts';
import { formatInstant } from '../../server/core/log/instant.ts';
import type { Certificate } from '../../server/core/pki/certificate.ts';
import { PLAIN_SUBJECT_RULE } from '../../server/core/pki/subject.ts';
import type { TrustChange, TrustTerms } from '../../server/core/pki/trust-store.ts';
import { keepTrustChange } from '../../server/identity/trust-changes.ts';
import type { Sql } from '../../server/store/driver.ts';

/** Both purposes, the plain rule, revoked only when a list says so. */
export const PLAIN_TERMS: TrustTerms = {
  label: 'Test CA',
  purposes: ['sign', 'encrypt'],
  rule: PLAIN_SUBJECT_RULE,
  revocation: 'when_known',
  extendedUsages: null,
  policies: null,
};

/** A change that adds this CA. */
export function addition(
  certificate: Certificate,
  {
    fromAt,
    untilAt = null,
    ...terms
  }: Partial<TrustTerms> & { readonly fromAt: number; readonly untilAt?: number | null },
): TrustChange {
  return {
    change: 'add',
    certificate: toBase64(certificate.der),
    terms: { ...PLAIN_TERMS, ...terms },
    from: formatInstant(fromAt),
    until: untilAt === null ? null : formatInstant(untilAt),
    reason: 'test',
  };
}

/** Keeps a change, numbered before every entry of the ledger, unless one came by it already. Returns: `ok`, or the refusal. */
export async function keepChange(sql: Sql, change: TrustChange, fromAt: number): Promise<string> {
  return sql.begin(async (tx) => {
    const [row] = await tx<{ seq: number }[]>`
      SELECT coalesce(max(seq), -1000000) + 1 AS seq FROM trust_changes`;
    const kept = await keepTrustChange(tx, { seq: row?.seq ?? 0, change, fromAt });
    return 'refused' in kept ? kept.refused : 'ok';
  });
}
