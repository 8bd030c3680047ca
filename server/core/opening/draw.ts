// The arithmetic of a draw 抽取: what a share commits to, and how all shares together become one coefficient that anyone computes again.
import { fromBase64Url } from '../log/base64.ts';
import { canonicalise } from '../log/canonical.ts';
import type { DrawRules } from './policy.ts';

/** Rounds one opening may draw: the first, and what is drawn anew after a technical void. As many shares of the platform stand in genesis. */
export const MAX_DRAW_ROUNDS = 3;
/** Shares of one party that may be left out of a round as unsound, before nothing more of it is looked at. */
export const MAX_SHARES_LEFT_OUT = 3;

/** base64url SHA-256 of a text's UTF-8 bytes. */
type Digest = (text: string) => string;

/** Whose a share is: a bidder by its number, or one of the two that are not bidders. */
export type Sharer = number | 'witness' | 'platform';

export type OpenShare = { readonly sharer: Sharer; readonly share: string };

const SHARE_DOMAIN = 'kaibiao-draw-share-v1\0';
const RESULT_DOMAIN = 'kaibiao-draw-result-v1\0';

/**
 * What is promised of a share before anybody shows one.
 *
 * Shape:  base64url SHA-256 over `kaibiao-draw-share-v1`, NUL, and the canonical `{openingId, round, share, sharer}`; the share is
 *         base64url of 32 bytes of chance, which nobody guesses, so no salt is needed.
 * Why:    sharer, round and opening are inside: another's commitment or one of an earlier round, copied, promises nothing.
 */
export function shareCommitment(
  about: { readonly openingId: string; readonly round: number },
  { sharer, share }: OpenShare,
  digest: Digest,
): string {
  const { openingId, round } = about;
  return digest(`${SHARE_DOMAIN}${canonicalise({ openingId, round, share, sharer })}`);
}

/** How many values the rules draw from. */
export function coefficientCount({ coefficients }: Pick<DrawRules, 'coefficients'>): number {
  return 'first' in coefficients ? coefficients.last - coefficients.first + 1 : coefficients.length;
}

function coefficientAt({ coefficients }: Pick<DrawRules, 'coefficients'>, index: number): string {
  if ('first' in coefficients) return String(coefficients.first + index);
  const value = coefficients[index];
  if (value === undefined) throw new Error('drew outside the list');
  return value;
}

/** 48 bits of a digest are a whole number that JavaScript holds exactly. */
const DRAWN_CHARACTERS = 8;
const DRAWN_RANGE = 2 ** 48;
/** Digests above the last whole multiple in a row; with at most 10⁶ values one is there with a chance below 2⁻²⁸. */
const MAX_TRIES = 64;

/**
 * The coefficient of a round.
 *
 * Shape:  the shares in the order platform, witness, bidders by number; `shares` may come in any order.
 *         Text = canonical `{openingId, policyHash, round, shares: [[sharer, share], …]}`; for n = 0, 1, … the first 48 bits of
 *         SHA-256(`kaibiao-draw-result-v1` NUL n NUL text), as a big-endian number: the first one below the last whole
 *         multiple of the count of values, modulo that count, is the index. So every value is exactly as likely as any other.
 * Why:    nothing but shares that were promised before any was shown goes in. A log head was considered and left out: a
 *         head holds salts and instants that the platform picks when it could already know the shares, so mixing it in would
 *         give the one party that could know them a handle to turn until the result suits it.
 */
export function drawCoefficient(
  about: { readonly openingId: string; readonly policyHash: string; readonly round: number },
  rules: Pick<DrawRules, 'coefficients'>,
  shares: readonly OpenShare[],
  digest: Digest,
): string {
  const { openingId, policyHash, round } = about;
  const ordered = [...shares].sort((a, b) => placeOf(a.sharer) - placeOf(b.sharer));
  const text = canonicalise({ openingId, policyHash, round, shares: ordered.map((s) => [s.sharer, s.share]) });
  const count = coefficientCount(rules);
  const whole = DRAWN_RANGE - (DRAWN_RANGE % count);
  for (let n = 0; n < MAX_TRIES; n++) {
    const bits = fromBase64Url(digest(`${RESULT_DOMAIN}${n}\0${text}`).slice(0, DRAWN_CHARACTERS));
    const drawn = bits.reduce((sum, byte) => sum * 256 + byte, 0);
    if (drawn < whole) return coefficientAt(rules, drawn % count);
  }
  throw new Error('the digests never fell below the last whole multiple');
}

/** The fixed order of shares: platform, witness, bidders by number. */
function placeOf(sharer: Sharer): number {
  if (sharer === 'platform') return -1;
  return sharer === 'witness' ? 0 : sharer;
}
