/** Why a bid was not sealed on this page, besides what is wrong with the bid: a closed set of codes. */

/** Each has its words in the page's dictionary. */
export const SEAL_FAULTS = ['seal_cancelled', 'no_room_for_envelope'] as const;
export type SealFault = (typeof SEAL_FAULTS)[number];

export class SealStopped extends Error {
  override readonly name = 'SealStopped';
  readonly code: SealFault;

  constructor(code: SealFault) {
    super(code);
    this.code = code;
  }
}
