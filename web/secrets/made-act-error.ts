/** Why an act cannot be made in this browser: one error class with stable codes; each is a key of the person's dictionaries. */

export type MadeActCode = 'no_drawing' | 'no_kept_share' | 'no_quote_round';

export class MadeActError extends Error {
  override readonly name = 'MadeActError';
  readonly code: MadeActCode;

  constructor(code: MadeActCode) {
    super(code);
    this.code = code;
  }
}
