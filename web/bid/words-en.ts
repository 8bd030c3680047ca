/** The words of sealing and lodging, in English. */
import type { Key } from './words-zh.ts';

export const en: Readonly<Record<Key, string>> = {
  bid: 'My bid',
  bidWords:
    'The bid is sealed on this computer, and only your key opens it; the platform gets ciphertext. What counts for the deadline is when the platform has received the last byte (Bidding Law 28).',
  nothingLodged: 'This browser keeps no bid of yours in this opening.',
  sealAndLodge: 'Seal and lodge',
  sealAndReplace: 'Seal anew and replace',
  withdraw: 'Withdraw the bid',
  lodgingClosed: 'Nothing can be lodged now: {why}',
  whyPhase: 'no bids are taken in this phase',
  whyDeadline: 'the deadline has passed',

  st_sealed: 'sealed, not sent',
  st_sending: 'being sent, not yet received',
  st_refused: 'not accepted by the platform; not lodged',
  st_unproven: 'the platform has given a receipt, which is not proven yet',
  st_lodged: 'received by the platform, with a receipt',
  st_replaced: 'replaced by a later one',
  st_withdrawn: 'withdrawn',
  standsNoMore:
    'The platform says that this bid does not stand any more: it was replaced or withdrawn from elsewhere. Where nobody of yours did so, show this receipt to the supervisor.',
  bidNumber: 'Number of the bid',
  signedAt: 'Signed at',
  size: 'Size of the ciphertext',
  digest: 'Digest of the ciphertext',
  receivedAt: 'Received by the platform at',
  saveBidFile: 'Save the file to keep',
  saveReceipt: 'Save the receipt',
  saveWithdrawal: 'Save the receipt of the withdrawal',
  saveEnvelope: 'Save the ciphertext',
  saveContentKey: 'Save the key for a remedy',
  sendNow: 'Send it to the platform',
  discard: 'Let go of this one',

  formTitle: 'Seal a bid',
  formWords:
    'Fill in the opening list and choose the documents. They are sealed on this computer; then you save what is to be kept, and decide whether it is sent.',
  certificate: 'Sealed to the certificate',
  until: 'valid until {at}',
  kind: 'Kind of quote',
  kind_total: 'total',
  kind_rate: 'rate',
  kind_unit: 'unit price',
  amount: 'Quote (figures)',
  unit: 'Unit',
  unitOf: '元',
  inWords: 'In words 大写',
  inWordsHint: 'Left empty, it is made from the figures',
  duration: 'Duration (delivery)',
  quality: 'Quality',
  manager: 'Project manager',
  columns: 'Further columns',
  columnsHint: 'What else the tender asks for, a line each: title: text',
  documents: 'Documents of the bid',
  documentsHint: 'Several files may be chosen; do not change them while they are being sealed',
  toolNote:
    'Sealed with the bid: the name of this tool and of the files. A browser cannot read this computer’s hardware, which is said as unknown.',
  startSealing: 'Seal',
  cancel: 'Cancel',
  close: 'Close',
  wrong: 'Please look at this again',
  noDocuments: 'Please choose the documents',
  documentsAlike:
    'More than one file is named {name}, or that name is taken by the opening list or the tool’s facts: rename it and choose the files anew',
  noEncryptionKey:
    'No valid encryption certificate was opened at the log-in, or more than one. Log in again, and choose the files of the signing and the encryption certificate together.',

  step_read: 'reading the files',
  step_seal: 'sealing',
  step_test: 'trying your key',
  sealing: 'Being sealed; nothing has left this computer',
  sealedTitle: 'Sealed, and your key opens it',
  sealedUntried: 'Sealed. A token’s key is used in the window only, and was not tried here',
  sealedWords:
    'Save the file to keep first: decrypting on another computer needs it, and so does proving what was lodged. Nothing has been sent yet.',
  remedyWords:
    'The tender promises a remedy: with the ciphertext this key opens the bid. It can be saved now and never again; keep it as you keep the bid.',
  haveSaved: 'I have saved the file to keep',
  memoryOnly: 'This browser cannot keep the ciphertext: do not close or reload the page before it was received.',
  sending: '{share} % sent ({sent} of {all})',
  sendingCut: 'The line is cut, trying again; what has arrived is not lost',
  lodgedTitle: 'Received by the platform; its receipt was verified',
  lodgedWords: 'Save the file once more: it holds the receipt now, by which you prove what was lodged and when.',
  unprovenTitle:
    'The platform says that it has received the bid; its receipt is being checked as soon as the ledger can be read: {why}',
  failed: 'It did not work: {why}',
  seal_cancelled: 'Cancelled.',
  no_room_for_envelope: 'There is no room for the ciphertext on this computer. Make some and try again.',
  page_fault: 'The page failed: {code}',
  confirmWithdraw: 'A withdrawn bid is not opened; another may be lodged until the deadline (Bidding Law 29).',
  working: 'Being done…',

  rehearse: 'Rehearse the decryption',
  rehearseWords:
    'Your key opens a random number that this page makes itself; no bid is touched. A wrong token that is found before the deadline can still be mended.',
  rehearsedGood: 'The key works: it opens what is sealed to its certificate.',
  rehearsedBad:
    'The key did not open what was sealed to its certificate: look at the token, and seal anew to another certificate before the deadline.',
  rehearsedOther:
    'The bid that was lodged is sealed to another certificate: use that one, or seal anew and replace before the deadline.',
};
