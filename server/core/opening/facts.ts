// What `decide` is told besides state and command: the recorder's clock, and what other rooms have found and keep.

import type { Static } from 'typebox';
import type { WindowKeySchema } from './details.ts';
import type { AssignableRole } from './roles.ts';
import type { Lodgement, LodgementCertificates, RegisterCounts, RosterRow } from './rows.ts';

/** The register at the deadline, in the order of credit codes. */
export type RegisterFacts = {
  readonly lodgements: readonly Lodgement[];
  readonly roster: readonly RosterRow[];
  readonly certificates: readonly LodgementCertificates[];
  readonly counts: RegisterCounts;
  /** Digest over the lodgements in order (RFC 6962 root of their canonical bytes). */
  readonly envelopesRoot: string;
  /** A permutation of 1…n drawn by chance; bidder numbers by roster row. */
  readonly numbers: readonly number[];
  readonly earlyObjections: readonly {
    readonly creditCode: string;
    readonly text: string;
    readonly act: unknown;
    readonly who: unknown;
    readonly source: unknown;
  }[];
};

/** A bid's opening list as the vault derived it again, with the disclosure that the bidder committed to. */
export type OpenedList = {
  readonly bidder: number;
  readonly disclosure: string;
  readonly list: {
    readonly quote: {
      readonly kind: 'total' | 'rate' | 'unit';
      readonly amount: string;
      readonly currency: string;
      readonly unit: string;
      readonly inWords: string;
    };
    readonly duration: string;
    readonly quality: string;
    readonly manager: string;
  };
};

export type Facts = {
  /** The commit's instant, the recorder's clock, integer ms. */
  readonly at: number;
  /** When a person's act was durably received; of a machine's command the same as `at`. */
  readonly receivedAt: number;
  /** base64url SHA-256 of a text's UTF-8 bytes. */
  readonly digest: (text: string) => string;
  /** Numbers of the objections without a bidder's number that the actor's company raised; from the log's own entries. */
  readonly ownObjections: readonly number[];
  /** Acts received before the clock's boundary that are not decided yet. */
  readonly undecided: number;
  /** Roles that someone holds in this opening. */
  readonly assigned: readonly AssignableRole[];
  /** The account that is to be given a role; null when there is none. */
  readonly assignee: { readonly isOfficial: boolean; readonly isDisabled: boolean } | null;
  readonly register: RegisterFacts | null;
  readonly windowKey: { readonly kid: string; readonly jwk: Static<typeof WindowKeySchema> } | null;
  /** Of a share that comes sealed: whether the holders of the key found it to be what it promises. */
  readonly sealedShare: { readonly isSound: boolean } | null;
  /** At the end of a drawing: the platform's share and, by bidder (null the witness), those that nobody showed; null when one does not open. */
  readonly drawShares: { readonly platform: string; readonly opened: ReadonlyMap<number | null, string> } | null;
  /** The number under which the actor's person offered a holder's key; from the log's own entries. */
  readonly ownHolder: number | null;
  /** Of what is dealt as the opening key's public half: its digest, of a window key its thumbprint, and whether anything can be sealed to it. */
  readonly openingKey: { readonly sha256: string; readonly isInForm: boolean } | null;
  /** Of a holder's share that comes sealed: whether it is what was dealt; if not, what is in it, base64url, or null when it does not open. */
  readonly layerShare: { readonly share: string | null; readonly isSound: boolean } | null;
  /** Of a quote that comes sealed: whether it opens to what it promises, and whether its bidder has one in this round already. */
  readonly sealedQuote: { readonly isSound: boolean; readonly isRepeated: boolean } | null;
  /** At the end of a round: the disclosure of each quote, by bidder; null when one does not open now. */
  readonly quotes: ReadonlyMap<number, string> | null;
  readonly openedLists: readonly OpenedList[] | null;
  readonly manifest: { readonly sha256: string; readonly bids: number; readonly document: unknown } | null;
  /** A head with every entry that bears on the close (`closingSize`) is countersigned by the opening's quorum; with quorum 0 always true. */
  readonly cosigned: boolean;
  /** Of an erasure: whether the entry named has that field, it may be erased, and its disclosure is still there. */
  readonly isErasable: boolean;
  /** Since when the platform was not alive, for `FreezeForOutage`: the last heartbeat before the gap. */
  readonly outageSince: number | null;
};
