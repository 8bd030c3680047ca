/** Non-negative decimal numbers as checkpoints, proofs and tile paths spell them. */

const SHAPE = /^(0|[1-9][0-9]{0,15})$/;

/**
 * Reads a decimal number.
 *
 * Returns: a safe integer, or undefined for any other spelling: signs, leading zeros, exponents, spaces, nothing at all.
 * Why:     the shape is checked first because `Number('1e3')` is 1000 and `Number('')` is 0.
 */
export function parseDecimal(text: string): number | undefined {
  if (!SHAPE.test(text)) return undefined;
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : undefined;
}
