// What is asked where a key is held in shares, of a second layer or of a blind window: a key offered, the opening key dealt, a share acknowledged and given back.
import * as Type from 'typebox';
import { DigestText, WindowKeySchema } from './details.ts';
import { SealedText } from './drawing-events.ts';
import { MAX_HOLDERS } from './policy.ts';

const strict = { additionalProperties: false } as const;

/** Who can be dealt a share: the tenderer's side and the witness. */
export const HOLDING_ROLES = ['tenderer', 'host', 'witness'] as const;
export type HoldingRole = (typeof HOLDING_ROLES)[number];

/** Offers of keys in one opening: every holder, and each of them replaced a few times. */
export const MAX_OFFERS = 3 * MAX_HOLDERS;
export const HolderNumber = Type.Integer({ minimum: 1, maximum: MAX_OFFERS });

/** base64 of a certificate; one for RSA-4096 is far below it. */
export const CertificateText = Type.String({ pattern: '^[A-Za-z0-9+/]+={0,2}$', maxLength: 4_096 });
/** base64 of a wrapped PKCS#8 key; one of RSA-4096 has about 3,300 characters. */
export const WrappedKeyText = Type.String({ pattern: '^[A-Za-z0-9+/]+={0,2}$', maxLength: 8_192 });

/** One holder's share: what it is promised to be, and the share sealed to the holder's own key. */
export const DealtShareSchema = Type.Object(
  { holder: HolderNumber, commitment: DigestText, sealed: SealedText },
  strict,
);

export const LAYER_DATA = {
  OfferHolderKey: Type.Object({ key: WindowKeySchema }, strict),
  DealOpeningKey: Type.Object(
    {
      /** What bids are sealed to, of a second layer. */
      certificate: Type.Optional(CertificateText),
      /** What content keys are sealed to, of a blind window; one of the two, as the policy says. */
      windowKey: Type.Optional(WindowKeySchema),
      wrappedKey: WrappedKeyText,
      secretCommit: DigestText,
      shares: Type.Array(DealtShareSchema, { minItems: 2, maxItems: MAX_HOLDERS }),
    },
    strict,
  ),
  /** Names the dealing by its secret. */
  AcknowledgeShare: Type.Object({ secretCommit: DigestText }, strict),
  /** `commitment`: what its holder says the share is; it signs that, so a wrong one is its own word. */
  UnsealLayer: Type.Object({ commitment: DigestText, sealed: SealedText }, strict),
} as const;
