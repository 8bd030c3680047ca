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
    'Your key opens a random number that this page makes itself; no bid is touched, and the platform is told the result with your signature. A wrong token that is found before the deadline can still be mended.',
  rehearsed_good: 'The key works: it opens what is sealed to its certificate. Use the same certificate in the window.',
  rehearsed_bad:
    'The key does not work: it did not open what was sealed to its certificate. Look at token and files, and before the deadline seal anew to a certificate that works, and replace.',
  rehearsed_other:
    'The wrong certificate: the bid that was lodged is sealed to another. Use that one, or seal anew and replace before the deadline.',
  rehearsed_same:
    'The token holds the certificate that the bid is sealed to. Its key is used in the window only, and was not tried here.',
  rehearsed_untried:
    'A token’s key is used in the window only and cannot be tried here; nor does a bid of yours stand, whose certificate it could be held against.',
  rehearsed_missing:
    'No valid encryption certificate was opened. Log in again, and choose the files of the signing and the encryption certificate together.',
  rehearsed_several:
    'Several encryption certificates were opened, and which one is meant is not guessed. Log in again with the one that you will use in the window.',
  toPreflight: 'Pre-flight: browser, line, clock, certificate',

  rights: 'What happened to me, and my rights',
  ofBidder: 'bidder {n}',
  whatHappened: 'What happened, and the evidence',
  evidenceWords:
    'Each line is an entry of the witness log that this page has verified; its number is the entry’s, by which it can be cited, and unfolded it shows the exact text.',
  whatYouMay: 'What you may do now',
  nothingNow: 'There is nothing to do at present.',
  toMine: 'Do it under “What I can do”',
  toWhom: 'To {whom}.',
  to_platform: 'the platform',
  to_host: 'the host (the tenderer)',
  to_host_and_witness: 'host and witness',
  to_authority: 'the supervising authority',
  to_tenderer: 'the procuring entity',
  to_liable: 'whoever is liable',
  untilAt: 'Until {at},',
  left: '{left} left',
  daysAnd: '{days} d {clock}',
  overAt: 'Over since {at}',
  frozen: 'The opening is suspended: its time stands still and goes on afterwards',
  untilClose: 'At any time until the opening closes',
  noClock: 'The platform counts no time for it; the law does',

  right_decrypt: 'Decrypt the bid, as often as it takes',
  right_remedy: 'Hand in the key you kept for a remedy',
  right_answer_record: 'Read the record, and confirm it or refuse it with your reason',
  right_contest: 'Contest the ruling, which both then give anew',
  right_object: 'Object to the opening; it is answered on the spot, and both are kept',
  right_dispute: 'Dispute the answer to objection {n}, for the record',
  right_complain: 'Complain in the matter of objection {n}',
  right_complain_first:
    'A complaint: in matters of the opening it takes an objection first, and follows within ten days of its answer',
  right_query: 'A written query, within seven working days from when harm is known',
  right_loss: 'Claim direct loss',

  mean_damaged:
    'What the platform stored is not what it receipted. That is no fault of yours: the bid will not be deemed revoked.',
  mean_sealed: 'The bid is sealed, and the decryption window is not open yet.',
  mean_awaited:
    'Your decryption is awaited. What counts is when the platform receives it; within the window you may retry.',
  mean_received: 'The platform has received your decryption and checks it; however long it waits, it came in time.',
  mean_unread:
    'The platform has received your decryption, which nobody can check before the window is over; within it you may send another.',
  mean_failed:
    'The last decryption did not succeed; within the window you may retry. Is this the certificate that the bid was sealed to?',
  mean_half_open:
    'Your layer is open, and the tenderer’s side’s key is still to come; what fails from here on is no fault of yours.',
  mean_decrypted: 'The bid is open; its price is made known with all others at the announcement.',
  mean_announced:
    'The price is announced. Hold it against the opening list that you lodged; words prevail over figures (Order 87, art. 59).',
  mean_unruled:
    'The bid did not open. Host and witness rule upon this evidence, each by themselves, and it holds when both rule alike.',
  mean_contested: 'You have contested the ruling, and it has to be given anew.',
  mean_deemed_revoked:
    'Ruled: not opened for a reason of the bidder’s, deemed revoked. The bid bond goes by the tender documents.',
  mean_deemed_withdrawn:
    'Ruled: not opened for no reason of the bidder’s, deemed withdrawn. The bid bond is to be returned.',
  mean_unknown: 'The reason is not known yet, and the opening cannot close before it is.',
  mean_revoked: 'You revoked the bid after the deadline; what follows goes by the tender documents.',

  law_bl23: 'Bidding Law 23',
  law_bl28: 'Bidding Law 28',
  law_bl36: 'Bidding Law 36',
  law_o30: 'Order 20, art. 30',
  law_o31: 'Order 20, art. 31',
  law_o32: 'Order 20, art. 32',
  law_o52: 'Order 20, art. 52',
  law_r31: 'Regulations 31',
  law_r35: 'Regulations 35',
  law_r44: 'Regulations 44',
  law_r44_failed: 'Regulations 44',
  law_r60: 'Regulations 60',
  law_pl38: 'Procurement Law 38',
  law_pl52: 'Procurement Law 52',
  law_esl14: 'Electronic Signature Law 14',
};
