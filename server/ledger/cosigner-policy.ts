/** Whom the platform asks to countersign its ledger, and how many must: a C2SP tlog-policy file of k of n, with addresses. */
import { readFile } from 'node:fs/promises';
import { cosignatureVerifier } from '../core/log/cosignature.ts';
import { LogFormatError } from '../core/log/error.ts';
import type { NoteVerifier, VerifierKey } from '../core/log/note.ts';
import { asThreshold, type PolicyWitness, parsePolicy } from '../core/log/policy-file.ts';
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

/**
 * How many of these `cosigners` must sign a head before an opening may close under it; 0 of none where no cosigner is asked. `others` are
 * asked as well: whom the policy file names outside its quorum.
 *
 * Why: an opening is held to the cosigners of its first entry for ever. One that is replaced stays in the file, outside the quorum, until
 *      the openings that name it are closed; one that is gone for good keeps none of them open (COSIGNED_WAIT_MS).
 */
export type CosignerPolicy = {
  readonly quorum: number;
  readonly cosigners: readonly PolicyCosigner[];
  readonly others: readonly PolicyCosigner[];
};

export const NO_COSIGNERS: CosignerPolicy = { quorum: 0, cosigners: [], others: [] };

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
  const policy = parsePolicy(sha256, file);
  const threshold = asThreshold(policy.quorum);
  if (threshold === undefined) throw new CosignerPolicyError('groups within groups');
  const cosigners = threshold.of.map((witness) => {
    const url = addressOf(witness);
    if (url === null) throw new CosignerPolicyError(`${witness.name} has no http address`);
    return cosignerAt(witness, url);
  });
  const others = policy.witnesses.flatMap((witness) => {
    const url = threshold.of.includes(witness) ? null : addressOf(witness);
    return url === null ? [] : [cosignerAt(witness, url)];
  });
  return { quorum: threshold.least, cosigners, others };
}

function addressOf({ url }: PolicyWitness): string | null {
  return url === null || !/^https?:/.test(url) || !URL.canParse(url) ? null : url.replace(/\/+$/, '');
}

function cosignerAt({ name, vkey, key }: PolicyWitness, url: string): PolicyCosigner {
  return { name, vkey, key, verifier: cosignatureVerifier(key, verifyEd25519), url };
}
