/** A person in front of an opening: whose key is in the page's worker, in which role they look on and act. */
import type { Api, CommandAnswer } from '../../server/client/api.ts';
import type { AgentCertificate, Unwrap } from '../../server/client/key-agent.ts';
import type { Session } from '../../server/client/session.ts';
import type { HeadSeen } from '../../server/core/log/act.ts';
import type { JsonObject } from '../../server/core/log/canonical.ts';
import type { PersonRole } from '../../server/core/opening/roles.ts';
import type { CertificateSigner } from '../../server/core/pki/person-jws.ts';
import type { AskTicket } from '../connection/web-socket.ts';
import type { ReplicaView } from '../replica/replica.ts';
import type { Remedying } from './decrypt-here.ts';
import type { Outbox } from './outbox.ts';

/** A command as it goes to the platform. */
export type SignedCommand = {
  readonly id: string;
  readonly type: string;
  readonly data: JsonObject;
  readonly role: PersonRole;
  readonly act: string;
};

/** What lodging needs of a person: their keys as far as a page may use them, and the platform's answers. */
export type BidderMeans = {
  readonly api: Api;
  readonly signer: CertificateSigner;
  /** Every key that was opened at the log-in. */
  readonly keys: readonly AgentCertificate[];
  unwrapper(certSha256: string): Unwrap;
  /** Whether a key may be tried on what the page has wrapped itself: a token's may not. */
  readonly isTryable: boolean;
  /** The platform's clock as the log-in found it, ms. */
  serverNow(): number;
};

export type Seat = {
  /** Empty for somebody who stands before none yet. */
  readonly openingId: string;
  /** As the certificate says. */
  readonly name: string;
  readonly organisation: string;
  readonly creditCode: string;
  readonly role: PersonRole;
  /** The roles held in this opening; empty for an organisation that has lodged nothing yet. */
  readonly roles: readonly PersonRole[];
  /** What this person has sent since the log-in. */
  readonly outbox: Outbox;
  readonly means: BidderMeans;
  /** For the live feed; null for somebody who sees what the public sees. */
  readonly askTicket: AskTicket | null;
  /** For what is of no opening yet, or of several at once. */
  readonly session: Session;
  /** Signs a command over what was seen of the log. */
  sign(command: { id: string; type: string; data: JsonObject; headSeen: HeadSeen }): Promise<SignedCommand>;
  /** Sends it; the same again gives the first answer again. Throws: ApiError. */
  send(signed: SignedCommand): Promise<CommandAnswer>;
  /** Makes the decryption of one's bid from the file that lodging left; what comes back sends it. Throws: as prepareDecryption. */
  prepareDecryption(
    view: ReplicaView,
    bidFile: string,
    remedy?: Remedying | null,
  ): Promise<() => Promise<CommandAnswer>>;
  newId(): string;
  /** The same person with the roles they hold by now; null when these are the same. Throws: ApiError. */
  withRolesOfNow(): Promise<Seat | null>;
  /** The same person before an opening in which they hold these roles, with an outbox of its own. */
  at(openingId: string, roles: readonly PersonRole[]): Seat;
  /** The same person in another of their roles. */
  inRole(role: PersonRole): Seat;
  /** Ends the session at the server, and the worker with the keys. */
  leave(): Promise<void>;
};

/** The head this page has verified itself: an act says which its signer saw. Asserts: that something is verified. */
export function headSeenIn({ standing }: Pick<ReplicaView, 'standing'>): HeadSeen {
  if (standing.kind !== 'verified' && standing.kind !== 'behind') throw new Error('nothing is verified to act upon');
  return { size: standing.size, root: standing.root };
}
