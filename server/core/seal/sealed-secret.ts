/** A secret sealed to a key of the opening before its time: what the JWE's header binds it to; no key is touched here. */
import * as Type from 'typebox';
import { Check } from 'typebox/schema';
import { fromBase64Url } from '../log/base64.ts';
import { LogFormatError } from '../log/error.ts';
import { fromUtf8 } from '../log/utf8.ts';
import { DigestText, OpeningId, WindowKeySchema } from '../opening/details.ts';
import { SEALED_KEY_ALGORITHM, SEALED_KEY_ENCRYPTION } from './decryption.ts';

/** What is sealed this way: a share of a drawing, 32 bytes; a quote's disclosure, as UTF-8. */
export const SECRET_KINDS = ['draw_share', 'quote'] as const;
export type SecretKind = (typeof SECRET_KINDS)[number];

/** What a sealed secret is for; a JWE made for another opening, round or use is none for this one. */
export type SecretPurpose = { readonly about: SecretKind; readonly openingId: string; readonly round: number };

/** Protected header of the compact JWE. */
export const SealedSecretHeaderSchema = Type.Object(
  {
    alg: Type.Literal(SEALED_KEY_ALGORITHM),
    enc: Type.Literal(SEALED_KEY_ENCRYPTION),
    kid: DigestText,
    about: Type.Enum(SECRET_KINDS),
    openingId: OpeningId,
    round: Type.Integer({ minimum: 1 }),
    epk: WindowKeySchema,
  },
  { additionalProperties: false },
);
export type SealedSecretHeader = Type.Static<typeof SealedSecretHeaderSchema>;

/** The protected header of a compact JWE. Returns: undefined unless it is exactly what a sealed secret carries. */
export function readSealedSecretHeader(jwe: string): SealedSecretHeader | undefined {
  const parts = jwe.split('.');
  if (parts.length !== 5) return undefined;
  try {
    const header: unknown = JSON.parse(fromUtf8(fromBase64Url(parts[0] ?? '')));
    return Check(SealedSecretHeaderSchema, header) ? header : undefined;
  } catch (error) {
    if (error instanceof LogFormatError || error instanceof SyntaxError) return undefined;
    throw error;
  }
}
