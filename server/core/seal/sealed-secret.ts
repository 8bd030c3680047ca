/** A secret sealed to a key of the opening before its time: what the JWE's header binds it to; no key is touched here. */
import * as Type from 'typebox';
import { Check } from 'typebox/schema';
import { fromBase64Url } from '../log/base64.ts';
import { LogFormatError } from '../log/error.ts';
import { fromUtf8 } from '../log/utf8.ts';
import { DigestText, OpeningId, WindowKeySchema } from '../opening/details.ts';
import { SEALED_KEY_ALGORITHM, SEALED_KEY_ENCRYPTION } from './decryption.ts';

/**
 * What is sealed this way, each for one round or one holder: a share of a drawing, 32 bytes; a quote's disclosure, as UTF-8; of the
 * opening key a share on its way to its holder, and one that its holder gives when it is unsealed.
 */
export const ROUND_SECRETS = ['draw_share', 'quote'] as const;
export const HOLDER_SECRETS = ['dealt_share', 'unsealing_share'] as const;

/** What a sealed secret is for; a JWE made for another opening, round, holder or use is none for this one. */
export type SecretPurpose =
  | { readonly about: (typeof ROUND_SECRETS)[number]; readonly openingId: string; readonly round: number }
  | { readonly about: (typeof HOLDER_SECRETS)[number]; readonly openingId: string; readonly holder: number };

const common = {
  alg: Type.Literal(SEALED_KEY_ALGORITHM),
  enc: Type.Literal(SEALED_KEY_ENCRYPTION),
  kid: DigestText,
  openingId: OpeningId,
  epk: WindowKeySchema,
} as const;
const strict = { additionalProperties: false } as const;

/** Protected header of the compact JWE. */
export const SealedSecretHeaderSchema = Type.Union([
  Type.Object({ ...common, about: Type.Enum(ROUND_SECRETS), round: Type.Integer({ minimum: 1 }) }, strict),
  Type.Object({ ...common, about: Type.Enum(HOLDER_SECRETS), holder: Type.Integer({ minimum: 1 }) }, strict),
]);
export type SealedSecretHeader = Type.Static<typeof SealedSecretHeaderSchema>;

/** Is the secret for exactly this? */
export function isFor(header: SealedSecretHeader, purpose: SecretPurpose): boolean {
  if (header.about !== purpose.about || header.openingId !== purpose.openingId) return false;
  return 'round' in header
    ? 'round' in purpose && header.round === purpose.round
    : 'holder' in purpose && header.holder === purpose.holder;
}

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
