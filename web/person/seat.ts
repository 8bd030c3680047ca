/** A person in front of an opening: whose key is in the page's worker, in which role they look on and act. */
import type { CommandAnswer } from '../../server/client/api.ts';
import type { HeadSeen } from '../../server/core/log/act.ts';
import type { JsonObject } from '../../server/core/log/canonical.ts';
import type { PersonRole } from '../../server/core/opening/roles.ts';
import type { AskTicket } from '../connection/web-socket.ts';
import type { ReplicaView } from '../replica/replica.ts';
import type { Outbox } from './outbox.ts';

/** A command as it goes to the platform. */
export type SignedCommand = {
  readonly id: string;
  readonly type: string;
  readonly data: JsonObject;
  readonly role: PersonRole;
  readonly act: string;
};

export type Seat = {
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
  /** For the live feed; null for somebody who sees what the public sees. */
  readonly askTicket: AskTicket | null;
  /** Signs a command over what was seen of the log. */
  sign(command: { id: string; type: string; data: JsonObject; headSeen: HeadSeen }): Promise<SignedCommand>;
  /** Sends it; the same again gives the first answer again. Throws: ApiError. */
  send(signed: SignedCommand): Promise<CommandAnswer>;
  /** Makes the decryption of one's bid from the file that lodging left; what comes back sends it. Throws: as prepareDecryption. */
  prepareDecryption(view: ReplicaView, bidFile: string): Promise<() => Promise<CommandAnswer>>;
  newId(): string;
  /** The same person with the roles they hold by now; null when these are the same. Throws: ApiError. */
  withRolesOfNow(): Promise<Seat | null>;
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
