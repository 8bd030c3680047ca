/** What the handlers of HTTP stand on: the rooms below, composed by main.ts or by a test. */
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type {
  FastifyBaseLogger,
  FastifyInstance,
  RawReplyDefaultExpression,
  RawRequestDefaultExpression,
  RawServerDefault,
} from 'fastify';
import type { Config } from '../config.ts';
import type { Json } from '../core/log/canonical.ts';
import type { ActDependencies } from '../identity/acts.ts';
import type { IsBidder } from '../identity/assignments.ts';
import type { LoginDependencies } from '../identity/login.ts';
import type { TrustStep } from '../identity/trust-changes.ts';
import type { CosignerPolicy } from '../ledger/cosigner-policy.ts';
import type { SeenCosigner } from '../ledger/cosigner-standings.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { PublishedHead } from '../ledger/published-head.ts';
import type { Author, TrustAnswer, TrustAuthor } from '../ledger/trust.ts';
import type { Hall } from '../live/hall.ts';
import type { LogView } from '../live/log-view.ts';
import type { Keyring } from '../recorder/keyring.ts';
import type { Recorder } from '../recorder/recorder.ts';
import type { Sql } from '../store/driver.ts';
import type { Uploads } from '../vault/uploads.ts';
import type { VaultFolder } from '../vault/vault-folder.ts';
import type { World } from '../world.ts';

/** The app as a noun adds its addresses to it: schemas are TypeBox, and types follow from them. */
export type Nouns = FastifyInstance<
  RawServerDefault,
  RawRequestDefaultExpression,
  RawReplyDefaultExpression,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>;

export type Dependencies = {
  readonly config: Config;
  readonly world: World;
  readonly sql: Sql;
  readonly identity: LoginDependencies & {
    readonly config: LoginDependencies['config'] & { readonly ticketLifetimeMs: number };
    readonly isBidder: IsBidder;
  } & ActDependencies;
  readonly recorder: Pick<Recorder, 'create' | 'submit' | 'stateOf' | 'keptOf' | 'health'>;
  readonly hall: Hall;
  readonly signer: Pick<Keyring, 'vkeyOf' | 'receiptJwk' | 'signRecord'>;
  /** The logs as far as this process may show them. */
  readonly log: LogView;
  readonly cosigners: CosignerPolicy;
  /** How they stand, as this process last read it. */
  readonly cosignersSeen: () => readonly SeenCosigner[];
  readonly publishedLedger: PublishedHead;
  readonly envelopes: VaultFolder;
  readonly uploads: Uploads;
  readonly vaultKey: Uint8Array;
  readonly ledger: Pick<Ledger, 'recordAccess' | 'proofOfAct'> & {
    /** On the ledger before it is done; the number of the entry. See ledger/trust.ts. */
    readonly recordOperatorAct: (author: Author, what: Json) => Promise<number>;
    readonly changeTrust: (author: TrustAuthor, step: TrustStep) => Promise<TrustAnswer>;
  };
  /** Whether this process leads, and in which term; null while it follows. */
  readonly term: () => number | null;
  /** How many time-stamping authorities the platform asks. */
  readonly authorities: number;
  /** How far the event loop lags behind, ms. */
  readonly lagMs: () => number;
  /** How far this process's clock is ahead of the recorder's, ms. */
  readonly clockOffsetMs: () => number;
  /** Where the built pages lie; null serves none. */
  readonly pagesFolder: string | null;
};

/**
 * The instant by the recorder's clock, ms, as near as this process knows it.
 *
 * Why: certificates are judged when an act comes in, and the recorder dates its receipt a moment later; by two clocks that differ a
 *      certificate could be judged before its end and the act received behind it.
 */
export function receiptTime({ world, clockOffsetMs }: Pick<Dependencies, 'world' | 'clockOffsetMs'>): number {
  return world.now() - clockOffsetMs();
}
