/** Why an act cannot be made in this browser: one error class with stable codes; each is a key of the person's dictionaries. */

export type MadeActCode =
  | 'no_drawing'
  | 'no_kept_share'
  | 'no_quote_round'
  | 'not_kept'
  | 'holders_missing'
  | 'no_holder_key'
  | 'no_dealt_share'
  | 'share_not_as_dealt'
  | 'no_unsealing';

export class MadeActError extends Error {
  override readonly name = 'MadeActError';
  readonly code: MadeActCode;

  constructor(code: MadeActCode) {
    super(code);
    this.code = code;
  }
}
