/** 统一社会信用代码, the number by which an organisation is known: its alphabet, shape and check character. */

/** The 31 characters of GB 32100-2015 in order of their value; I, O, S, V and Z are left out. */
export const CREDIT_CODE_ALPHABET = '0123456789ABCDEFGHJKLMNPQRTUWXY';
const MODULUS = 31;
const BODY_LENGTH = 17;
/** Registering department and kind, six digits of an administrative division, nine of the organisation code, check. */
const SHAPE = /^[0-9A-HJ-NPQRTUWXY]{2}[0-9]{6}[0-9A-HJ-NPQRTUWXY]{10}$/;

/**
 * The check character of the first seventeen.
 *
 * Shape:  31 − Σ value(i) · 3^(i−1) mod 31, and 0 for 31.
 * Throws: RangeError when `body` is not 17 characters of the alphabet; ask isCreditCode first about a stranger's text.
 * Source: GB 32100-2015 §4 and annex C.
 */
export function creditCodeCheck(body: string): string {
  if (body.length !== BODY_LENGTH) throw new RangeError('a credit code has 17 characters before its check character');
  let sum = 0;
  let weight = 1;
  for (const character of body) {
    const value = CREDIT_CODE_ALPHABET.indexOf(character);
    if (value < 0) throw new RangeError(`no character of a credit code: ${character}`);
    sum += value * weight;
    weight = (weight * 3) % MODULUS;
  }
  return CREDIT_CODE_ALPHABET.charAt((MODULUS - (sum % MODULUS)) % MODULUS);
}

/** True of 18 upper-case characters of the right shape whose last one fits the others; total. */
export function isCreditCode(text: string): boolean {
  return SHAPE.test(text) && creditCodeCheck(text.slice(0, BODY_LENGTH)) === text.charAt(BODY_LENGTH);
}
