/** What a verifier is handed of the machine it runs on: hashes, signature checks, texts; the judgement itself is the same everywhere. */
import type * as Type from 'typebox';
import type { VerifyJwsSignature } from '../core/log/act.ts';
import type { DisclosureReader } from '../core/log/disclosure.ts';
import type { Sha256 } from '../core/log/hash.ts';
import type { VerifyEd25519 } from '../core/log/note.ts';
import type { Digest } from '../core/pki/ocsp.ts';
import type { VerifyCertificateSignature } from '../core/pki/search.ts';

export type VerifyTools = {
  readonly sha256: Sha256;
  readonly verifyEd25519: VerifyEd25519;
  readonly verifyCertificateSignature: VerifyCertificateSignature;
  /** A check of the signatures of acts that remembers so many keys; each verifier asks for one of its own. */
  readonly createJwsVerifier: (keysKept: number) => VerifyJwsSignature;
  /** Digests by their object identifiers; undefined for one that is not known. */
  readonly digestByOid: Digest;
  readonly disclosureReader: DisclosureReader;
  /** UTF-8 as a string, as the core's `fromUtf8`. Throws: LogFormatError `utf8_malformed`. */
  readonly decodeUtf8: (bytes: Uint8Array) => string;
  /** Whether a value is of a schema's shape. */
  readonly checkShape: (schema: Type.TSchema, value: unknown) => boolean;
};
