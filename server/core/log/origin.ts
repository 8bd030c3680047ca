/** Names of the logs of a platform, and which kind of log a name belongs to; the one place that spells them. */

export const LOG_KINDS = ['opening', 'ledger', 'access'] as const;
export type LogKind = (typeof LOG_KINDS)[number];

const OPENING_PART = '/opening/';

/** The log of one opening. */
export const openingOrigin = (platform: string, openingId: string): string => `${platform}${OPENING_PART}${openingId}`;
/** The platform's ledger: register batches, heads of opening logs, keys, trust, operators. */
export const ledgerOrigin = (platform: string): string => `${platform}/ledger`;
/** The log of reads of non-public data by officials. */
export const accessOrigin = (platform: string): string => `${platform}/access`;

/** The kind of log that a name of this platform belongs to; undefined when it is no log of the platform. */
export function kindOfOrigin(platform: string, origin: string): LogKind | undefined {
  if (origin === ledgerOrigin(platform)) return 'ledger';
  if (origin === accessOrigin(platform)) return 'access';
  const before = platform + OPENING_PART;
  return origin.startsWith(before) && origin.length > before.length ? 'opening' : undefined;
}
