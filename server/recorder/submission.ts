/** What the recorder is asked and what it answers: the same for HTTP, socket, clock and tests. */
import type { PersonAct } from '../core/log/act.ts';
import type { Json } from '../core/log/canonical.ts';
import type { RefusalCode } from '../core/opening/refusals.ts';
import type { PersonRole } from '../core/opening/roles.ts';

/** A person as the certificate names it; stands in the entry's withheld `who`. */
export type Who = {
  readonly account: string;
  readonly creditCode: string;
  readonly name: string;
  readonly certSha256: string;
  /** Digest of what the certificate was judged by when the act was received; absent where nothing was judged. */
  readonly judgement?: string;
  /** Of a lodged bid: the same of the certificate it is sealed to. */
  readonly encryptionJudgement?: string;
};

/** Where an act came from (20号令 art. 49); stands in the entry's withheld `source`. */
export type Source = { readonly address: string; readonly client: string };

/** A command id as entries may hold it: printable ASCII without spaces. */
export function isCommandId(id: string): boolean {
  return /^[\x21-\x7e]{1,128}$/.test(id);
}

/** A person's command whose signature and shape are already checked. */
export type Submission = {
  readonly openingId: string;
  /** The caller's idempotency id; its scope is (opening, account, id). */
  readonly command: string;
  readonly type: string;
  readonly data: Json;
  readonly role: PersonRole;
  readonly who: Who;
  readonly act: PersonAct;
  readonly source: Source;
  /** What travels with the act but never stands on the log: the sealed content key of a decryption, where an envelope lies. */
  readonly enclosure?: Enclosure;
};

/** A submission that stands in the intake, with the digest of its type and data (`contentDigest`). */
export type Known = {
  readonly submission: Submission;
  readonly digest: Uint8Array;
  /** Of its act's login, when that is durable in `logins`: it need not be stored once more. */
  readonly loginSha256: Uint8Array | null;
};

export type Enclosure =
  | {
      readonly kind: 'decryption';
      readonly jwe: string;
      /** It fails for this whatever the vault finds: see the column of `decryptions`. */
      readonly refusedFor?: 'certificate_not_valid';
    }
  | {
      readonly kind: 'envelope';
      readonly file: string;
      /** base64url. */
      readonly header: string;
      readonly statementSha256: string;
    };

/** The first answer to a command, kept so that the same id gets it again. */
export type Outcome =
  | {
      readonly outcome: 'accepted';
      readonly seqs: readonly number[];
      /** Size of the log under whose checkpoint the entries were committed. */
      readonly size: number;
      /** The platform's signed receipt for an act on the register or a decryption. */
      readonly receipt: string | null;
      readonly actId: string | null;
    }
  | { readonly outcome: 'refused'; readonly code: RefusalCode };

export type Accepted = {
  readonly outcome: 'accepted';
  readonly seqs: readonly number[];
  /** Exact leaf texts. */
  readonly entries: readonly string[];
  readonly checkpoint: string | null;
  /** One `.tlog-proof` for each entry, against the checkpoint. */
  readonly proofs: readonly string[];
  readonly receipt: string | null;
  readonly actId: string | null;
};
export type Refused = { readonly outcome: 'refused'; readonly code: RefusalCode };
export type Answer = Accepted | Refused;
