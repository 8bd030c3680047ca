/** The lodgement statement, by which a bidder lodges one envelope and promises what is in it (seal-format §2). */
import * as Type from 'typebox';
import { Check } from 'typebox/schema';
import type { Json } from '../log/canonical.ts';
import { DigestText, InstantText } from '../opening/details.ts';
import { LayerPromiseSchema } from '../opening/rows.ts';
import { SEAL_PROFILES } from './content-cipher.ts';
import { findDifference, RandomId, statementFields } from './statement.ts';

export const LODGEMENT_TYPE = 'bid-lodgement+jws';
/** Far above any limit an operator may configure (20 GiB), far below unsafe integers. */
const ENVELOPE_BYTES_MAXIMUM = 2 ** 40;

export const LodgementPayloadSchema = Type.Object(
  {
    ...statementFields,
    policyHash: DigestText,
    deadlineAt: InstantText,
    envelopeSha256: DigestText,
    envelopeBytes: Type.Integer({ minimum: 1, maximum: ENVELOPE_BYTES_MAXIMUM }),
    envelopeSm3: Type.Optional(DigestText),
    /** Over the DER of the RecipientInfos SET. */
    recipientInfosSha256: DigestText,
    /** Over the DER of the encryption certificate the envelope is addressed to. */
    encCertSha256: DigestText,
    openingListCommit: DigestText,
    cekCommit: DigestText,
    contentCommit: DigestText,
    /** Where the policy asks for a second layer; then list and inner archive are promised under its key. */
    layer: Type.Optional(LayerPromiseSchema),
    /** Which cipher the envelope has, and both of its layers where there are two: signed, so that nobody can offer another. */
    profile: Type.Enum(SEAL_PROFILES),
    /** The standing bid this one takes the place of. */
    replaces: Type.Optional(RandomId),
  },
  { additionalProperties: false },
);
export type LodgementPayload = Type.Static<typeof LodgementPayloadSchema>;

/** What the platform knows of a lodgement without the statement; a bidder's statement must say the same. */
export type LodgementFacts = Pick<
  LodgementPayload,
  | 'iss'
  | 'aud'
  | 'openingId'
  | 'lotId'
  | 'policyHash'
  | 'deadlineAt'
  | 'envelopeSha256'
  | 'envelopeBytes'
  | 'recipientInfosSha256'
  | 'encCertSha256'
>;

export const LODGEMENT_REFUSALS = ['statement_not_for_this_opening', 'envelope_not_as_signed'] as const;
export type LodgementRefusal = (typeof LODGEMENT_REFUSALS)[number];

const ENVELOPE_FIELDS: readonly string[] = ['envelopeSha256', 'envelopeBytes', 'recipientInfosSha256', 'encCertSha256'];

/**
 * Whether the payload that `checkAct` hands on is a lodgement's.
 *
 * Why: one content key for both layers would make the second one open with the first; it is refused where it shows.
 */
export function isLodgementPayload(payload: Json): payload is LodgementPayload {
  return Check(LodgementPayloadSchema, payload) && payload.layer?.cekCommit !== payload.cekCommit;
}

/**
 * Whether a statement says what the platform itself has seen.
 *
 * Returns: undefined when it does; otherwise the refusal and the member that differs.
 */
export function checkLodgement(
  payload: LodgementPayload,
  facts: Partial<LodgementFacts>,
): { refused: LodgementRefusal; field: string } | undefined {
  const field = findDifference(payload, facts);
  if (field === undefined) return undefined;
  const isOfEnvelope = ENVELOPE_FIELDS.includes(field);
  return { refused: isOfEnvelope ? 'envelope_not_as_signed' : 'statement_not_for_this_opening', field };
}
