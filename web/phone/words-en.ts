/** The words of the phone's page, in English. */
import type { Key } from './words-zh.ts';

export const en: Readonly<Record<Key, string>> = {
  title: 'Certificate on this phone',
  noCode: 'Scan the code on your computer',
  noCodeWords:
    'Choose “Phone (scan a code)” where you log in on the computer, and scan the code on its screen with this phone’s camera. Loaded again, this page needs a new scan.',
  notSecure: 'Not possible here',
  notSecureWords: 'A browser signs only on pages that come by https: please use the https address.',
  claiming: 'Reaching the computer…',
  claimingWords: 'A code is good for 60 seconds, and for the first phone that scans it.',
  compare: 'Do both screens show the same code?',
  compareWords:
    'Look at the computer before you. Say yes only when the digits are the same and the log-in page there is the one that you opened yourself.',
  same: 'The same',
  different: 'Different',
  openKey: 'Open your certificate file on this phone',
  openKeyWords:
    'The file is used in a worker of this page only. It does not leave this phone, and is gone when the page is closed.',
  open: 'Open',
  opening: 'Opening…',
  waiting: 'Connected, waiting for the computer',
  waitingWords: 'Keep this page open. Each use of your key is asked for here, one by one; nothing is signed by itself.',
  done: 'What was asked',
  agreed: 'agreed',
  declined: 'not agreed',
  asked: 'The computer asks for your key: {what}',
  askedWords: 'Check each line. The computer shows the same digits:',
  left: '{n} s left; after that it counts as a no',
  agree: 'Agree',
  decline: 'Decline',
  other: 'Another phone tried to scan the same code ({n}) and was refused. If in doubt, end the pairing.',
  ended: 'Ended',
  end: 'End the pairing',
};
