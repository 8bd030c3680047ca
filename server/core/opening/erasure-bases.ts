// The grounds on which something personal may be erased.

/** The grounds of 个人信息保护法 art. 47, and the order of a court or an authority. */
export const ERASURE_BASES = [
  'purpose_over',
  'retention_over',
  'consent_withdrawn',
  'unlawful_processing',
  'ordered',
] as const;
export type ErasureBasis = (typeof ERASURE_BASES)[number];
