// What can happen where a key is held in shares, of a second layer or of a blind window: keys offered, the opening key dealt and acknowledged, shares given back, each bid's layer opened or not.
import * as Type from 'typebox';
import { BidderNumber, DigestText, InstantText, WindowKeySchema } from './details.ts';
import { SealedText } from './drawing-events.ts';
import { type FieldRules, person, toOversight } from './field-rules.ts';
import { DECRYPTION_FAILURES } from './findings.ts';
import { CertificateText, DealtShareSchema, HOLDING_ROLES, HolderNumber, WrappedKeyText } from './layer-commands.ts';

const strict = { additionalProperties: false } as const;
const given = { holder: HolderNumber, commitment: DigestText, sealed: SealedText };

/** Why a share that came is not taken: it names another promise than the one dealt; it does not open; it opens to something else. */
export const SHARE_FAULTS = ['other_commitment', 'does_not_open', 'not_as_committed'] as const;
export type ShareFault = (typeof SHARE_FAULTS)[number];

/** A key of the platform's, made when shares are first asked for, to which holders of a blind window's key seal theirs. */
export const ShareKeySchema = Type.Object({ kid: DigestText, key: WindowKeySchema }, strict);

export const LAYER_EVENTS = {
  HolderKeyOffered: {
    body: Type.Object(
      { holder: HolderNumber, role: Type.Enum(HOLDING_ROLES), kid: DigestText, key: WindowKeySchema },
      strict,
    ),
    withheld: person,
  },
  OpeningKeyDealt: {
    body: Type.Object(
      {
        /** Of a second layer. base64 DER, self-signed: a form in which tools take the key; what makes it the opening's is that it stands here. */
        certificate: Type.Optional(CertificateText),
        certSha256: Type.Optional(DigestText),
        /** Of a blind window: the key that the window will be opened with, and its RFC 7638 thumbprint. */
        windowKey: Type.Optional(WindowKeySchema),
        kid: Type.Optional(DigestText),
        /** The private half under the secret that the shares give. */
        wrappedKey: WrappedKeyText,
        secretCommit: DigestText,
        threshold: Type.Integer({ minimum: 2 }),
        shares: Type.Array(DealtShareSchema, { minItems: 2 }),
      },
      strict,
    ),
    withheld: person,
  },
  ShareAcknowledged: {
    body: Type.Object({ holder: HolderNumber, secretCommit: DigestText }, strict),
    withheld: person,
  },
  LayerShareGiven: { body: Type.Object(given, strict), withheld: person },
  /** `share` is what was found in it, so that who oversees can hold it against the promise; null when it did not open. */
  LayerShareRefused: {
    body: Type.Object({ ...given, why: Type.Enum(SHARE_FAULTS) }, strict),
    withheld: { ...person, share: toOversight },
  },
  LayerOpened: { body: Type.Object({ bidder: BidderNumber }, strict), withheld: {} },
  LayerFailed: {
    body: Type.Object(
      {
        bidder: BidderNumber,
        failure: Type.Enum(DECRYPTION_FAILURES),
        fault: Type.Union([Type.Literal('bidder'), Type.Literal('platform'), Type.Literal('tenderer')]),
      },
      strict,
    ),
    withheld: {},
  },
  UnsealingClosed: {
    body: Type.Object(
      {
        effectiveAt: InstantText,
        why: Type.Union([Type.Literal('all_decided'), Type.Literal('shares_missing')]),
        /** Where shares are missing: the holders who gave none. */
        missing: Type.Optional(Type.Array(HolderNumber, { minItems: 1 })),
      },
      strict,
    ),
    withheld: {},
  },
} as const satisfies Record<
  string,
  { readonly body: Type.TSchema; readonly withheld: Readonly<Record<string, FieldRules>> }
>;
