/** The words of a drawing in English. */
import type { Key } from './words-zh.ts';

export const en: Readonly<Record<Key, string>> = {
  drawing: 'Drawing of a coefficient',
  drawRound: 'round {n}',
  drawWords:
    'All promise a share first and show it only when promises are closed; the coefficient follows from all shares: nobody knows it before, and anyone computes it again.',
  drawCommitting: 'Shares are promised until {time}, the witness’s among them',
  drawRevealing: 'Shares are shown until {time}; what is not shown then is opened by the holders of the key',
  drawVoid: 'This round was declared void for a technical reason',
  drawn: 'Coefficient {value}',
  drawWitness: 'Witness',
  bidderNumber: 'No. {n}',
  sharePromised: 'promised, not shown yet (the promise is below)',
  shareShown: 'shown',
  sharesLeftOut: '{n} were not what they promised and are left out',
  drawSame:
    'Computed again by this page from all shares on the log: each is as promised, and the result is {value} as well',
  drawDiffers: 'This page computes {value}, or a share is not as promised: keep the evidence and object',
  drawAgain: 'Compute it yourself',
  drawAgainWords:
    'Take the text below; the first six bytes of SHA-256("kaibiao-draw-result-v1" NUL "0" NUL text) are a big-endian number d. With {count} values to draw from: if d is below 2⁴⁸ − (2⁴⁸ mod {count}), the value at place d mod {count} of the policy’s list, counted from 0, is the coefficient; else go on with "1", "2" in place of "0".',
  voidBy: 'one side has declared this round void: {who}',
};
