/** The catalogue of what stands on the ledger and on the access log: each event's body in clear and its withheld fields. */
import * as Type from 'typebox';
import { TrustChange } from '../pki/trust-store.ts';
import { BATCH_ACTS, BATCH_DEPTH, BATCH_LEAVES } from './register-batch.ts';

const strict = { additionalProperties: false } as const;
const nothing = Type.Object({}, strict);
const Name = Type.String({ minLength: 1, maxLength: 400 });
/** base64 of the 32 bytes of an Ed25519 public key. */
const PublicKeyText = Type.String({ pattern: '^[A-Za-z0-9+/]{43}=$' });
/** base64 of the 64 bytes of an Ed25519 signature. */
const SignatureText = Type.String({ pattern: '^[A-Za-z0-9+/]{86}==$' });
const RootText = Type.String({ pattern: '^[A-Za-z0-9+/]{43}=$' });
const InstantText = Type.String({ pattern: '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}Z$' });

/** What a key of the platform signs: heads of openings, heads of ledger and access log, receipts and access tokens. */
export const PLATFORM_KEY_USES = ['openings', 'ledger', 'receipts'] as const;
export type PlatformKeyUse = (typeof PLATFORM_KEY_USES)[number];

export const PlatformKeySchema = Type.Object(
  { use: Type.Enum(PLATFORM_KEY_USES), algorithm: Type.Literal('Ed25519'), publicKey: PublicKeyText },
  strict,
);
export type PlatformKey = Type.Static<typeof PlatformKeySchema>;

/**
 * That a key takes the place of another of its use: `from` is when whoever holds the keys said so, and it signed nothing before.
 * `compromisedSince` is the instant from which others may have had the key that goes; the signatures are those of both keys (key-announcement.ts).
 */
export const KeyAnnouncementSchema = Type.Object(
  {
    key: PlatformKeySchema,
    replaces: PublicKeyText,
    from: InstantText,
    compromisedSince: Type.Optional(InstantText),
    signatures: Type.Object({ replaced: SignatureText, key: SignatureText }, strict),
  },
  strict,
);
export type KeyAnnouncement = Type.Static<typeof KeyAnnouncementSchema>;

type EventRule = { readonly body: Type.TSchema; readonly withheld: readonly string[] };

/** A person behind an entry: what every such event withholds. */
const person = ['who', 'source', 'act'] as const;

export const LEDGER_EVENTS = {
  /** Entry 0 of the ledger. `batchPeriodMs` is the rhythm of the register batches, whatever happened meanwhile. */
  LedgerOpened: {
    body: Type.Object(
      {
        formatVersion: Type.Literal(1),
        platform: Name,
        keys: Type.Array(PlatformKeySchema),
        batchDepth: Type.Literal(BATCH_DEPTH),
        batchPeriodMs: Type.Integer({ minimum: 1 }),
      },
      strict,
    ),
    withheld: [],
  },
  /** See register-batch.ts. */
  RegisterBatch: { body: Type.Object({ depth: Type.Literal(BATCH_DEPTH), root: RootText }, strict), withheld: [] },
  /** See register-reveal.ts, which holds the places against one another as well. */
  DummiesRevealed: {
    body: Type.Object(
      {
        batch: Type.Integer({ minimum: 1 }),
        seed: RootText,
        acts: Type.Array(Type.Tuple([Type.Integer({ minimum: 0, maximum: BATCH_LEAVES - 1 }), RootText]), {
          maxItems: BATCH_ACTS,
        }),
      },
      strict,
    ),
    withheld: [],
  },
  /** See head.ts, which holds the members against one another as well. */
  Head: {
    body: Type.Object(
      {
        kind: Type.Union([Type.Literal('opened'), Type.Literal('head'), Type.Literal('closed')]),
        origin: Name,
        size: Type.Integer({ minimum: 1 }),
        root: RootText,
        checkpoint: Type.String(),
        previousSize: Type.Integer({ minimum: 0 }),
        consistency: Type.Array(RootText),
      },
      strict,
    ),
    withheld: [],
  },
  /** A key takes the place of another; both signed for it, and the entry itself still stands under the old one. */
  KeyAnnounced: { body: KeyAnnouncementSchema, withheld: person },
  /** An operator wants to change whom the platform believes; nothing changes by it. A second one may confirm it before `expires`. */
  TrustProposed: {
    body: Type.Object({ change: TrustChange, expires: InstantText }, strict),
    withheld: person,
  },
  /** The proposal of that entry is taken back, or turned down. */
  TrustProposalWithdrawn: {
    body: Type.Object({ proposal: Type.Integer({ minimum: 1 }) }, strict),
    withheld: [...person, 'reason'],
  },
  /** A second operator confirmed the proposal of that entry, and the change holds `from` on; null for the CAs of the first start, which its configuration names. */
  TrustChanged: {
    body: Type.Object(
      {
        proposal: Type.Union([Type.Integer({ minimum: 1 }), Type.Null()]),
        change: TrustChange,
        from: InstantText,
      },
      strict,
    ),
    withheld: person,
  },
  /** Somebody who runs the platform did something to it by hand; what exactly is for the supervisors. */
  OperatorActed: { body: nothing, withheld: [...person, 'what'] },
} as const satisfies Record<string, EventRule>;
export type LedgerEventType = keyof typeof LEDGER_EVENTS;

export const ACCESS_EVENTS = {
  /** Entry 0 of the access log. */
  AccessLogOpened: { body: Type.Object({ formatVersion: Type.Literal(1), platform: Name }, strict), withheld: [] },
  /** From here on the heads carry the line of another key as well; which one the ledger says. */
  KeysChanged: { body: nothing, withheld: [] },
  /** An official is about to be shown what is not public. Nothing in clear: whom oversight looks at is itself not public. */
  Accessed: { body: nothing, withheld: ['who', 'source', 'access'] },
} as const satisfies Record<string, EventRule>;
export type AccessEventType = keyof typeof ACCESS_EVENTS;
