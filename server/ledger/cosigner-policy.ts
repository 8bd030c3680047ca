/** Whom the platform asks to countersign its ledger, and how many must: a C2SP tlog-policy file of k of n, with addresses. */
import { readFile } from 'node:fs/promises';
import { cosignatureVerifier } from '../core/log/cosignature.ts';
import { LogFormatError } from '../core/log/error.ts';
import type { NoteVerifier, VerifierKey } from '../core/log/note.ts';
import { asThreshold, parsePolicy } from '../core/log/policy-file.ts';
import type { Cosigners } from '../core/opening/cosigners.ts';
import { verifyEd25519 } from '../ed25519.ts';
import { sha256 } from '../hash.ts';

/** A cosigner that can be asked. */
export type PolicyCosigner = {
  /** As the policy file calls it. */
  readonly name: string;
  readonly vkey: string;
  readonly key: VerifierKey;
  readonly verifier: NoteVerifier;
  /** Its submission prefix, without a closing slash. */
  readonly url: string;
};

/** How many of these must sign a head before an opening may close under it; 0 of none where no cosigner is asked. */
export type CosignerPolicy = { readonly quorum: number; readonly cosigners: readonly PolicyCosigner[] };

export const NO_COSIGNERS: CosignerPolicy = { quorum: 0, cosigners: [] };

/** The policy as the first entry of an opening says it. */
export const quorumOf = ({ quorum, cosigners }: CosignerPolicy): Cosigners => ({
  quorum,
  vkeys: cosigners.map(({ vkey }) => vkey),
});

/** What the policy says beside what it may: `code` is stable. */
export class CosignerPolicyError extends Error {
  readonly code = 'cosigner_policy_refused';
  constructor(message: string) {
    super(`cosigner_policy_refused: ${message}`);
    this.name = 'CosignerPolicyError';
  }
}

/**
 * Reads the platform's policy; none is a quorum of 0.
 *
 * Throws: CosignerPolicyError when it is no tlog-policy, has groups within groups, or names a cosigner without an http address.
 * Why:    groups within groups are lawful in the format, but an opening's first entry says k of n, and is held to it for ever.
 */
export async function readCosignerPolicy(file: string | null): Promise<CosignerPolicy> {
  if (file === null) return NO_COSIGNERS;
  try {
    return cosignerPolicyOf(new Uint8Array(await readFile(file)));
  } catch (fault) {
    if (fault instanceof LogFormatError) throw new CosignerPolicyError(`${file}: ${fault.message}`);
    throw fault;
  }
}

/** The same of a file's bytes. Throws: LogFormatError; CosignerPolicyError. */
export function cosignerPolicyOf(file: Uint8Array): CosignerPolicy {
  const threshold = asThreshold(parsePolicy(sha256, file).quorum);
  if (threshold === undefined) throw new CosignerPolicyError('groups within groups');
  const cosigners = threshold.of.map(({ name, vkey, key, url }) => {
    if (url === null || !/^https?:/.test(url) || !URL.canParse(url))
      throw new CosignerPolicyError(`${name} has no http address`);
    return { name, vkey, key, verifier: cosignatureVerifier(key, verifyEd25519), url: url.replace(/\/+$/, '') };
  });
  return { quorum: threshold.least, cosigners };
}
