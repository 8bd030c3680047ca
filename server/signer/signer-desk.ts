/** The signer itself: what it answers to each question, and to whom; it knows no socket, and whoever asks is not believed. */
import { toBase64 } from '../core/log/base64.ts';
import { isBundleStatement } from '../core/log/bundle.ts';
import { kindOfOrigin } from '../core/log/origin.ts';
import { utf8 } from '../core/log/utf8.ts';
import { isRecordStatement, readRecordStatement } from '../core/opening/record-paper.ts';
import { RECEIPT_TYPE } from '../core/seal/receipt.ts';
import { GuardRefusal } from '../recorder/guard-faults.ts';
import { checkOffice, guardOf, lastTerm, listJournals } from '../recorder/guard-folder.ts';
import { type HeadDesk, type LetOutHead, openDesk } from '../recorder/head-desk.ts';
import type { SigningKeyring } from '../recorder/keyring.ts';
import { ACT_RECEIPT_TYPE } from '../recorder/receipts.ts';
import { type Answer, headOfWire, jsonOf, type Question, wireHead } from './signer-wire.ts';

/** What a receipt may call itself. A token, a log's head or anything else is never signed as one. */
const RECEIPT_TYPES: readonly string[] = [RECEIPT_TYPE, ACT_RECEIPT_TYPE];

/** The signer does not do what it is asked. */
export class SignerRefusal extends Error {
  /** `not_in_office`: another connection asks about heads, or none does. `not_for_this`: nothing that is signed here. */
  readonly code: 'not_in_office' | 'not_for_this';
  constructor(code: SignerRefusal['code'], message: string) {
    super(`${code}: ${message}`);
    this.name = 'SignerRefusal';
    this.code = code;
  }
}

/** One who asks: a connection. */
export type Asker = {
  answer(question: Question): Promise<Answer>;
  /** He is gone: a term that he began is over. */
  leave(): Promise<void>;
};

export type SignerDesk = {
  newAsker(): Asker;
  close(): Promise<void>;
};

/**
 * The signer of a folder, which holds keys and guard as a data folder does.
 *
 * Why: of all who ask, one at a time holds the office (a term of the database's election) and asks about heads. That keeps two honest
 *      servers apart; a dishonest one may take any term, and still gets nothing signed but one history that only grows.
 */
export function createSignerDesk(folder: string, platform: string, keyring: SigningKeyring): SignerDesk {
  let office: { readonly holder: Asker; readonly desk: HeadDesk } | null = null;
  /** One after the other, so that no term begins while the one before still writes. */
  let changing: Promise<unknown> = Promise.resolve();

  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = changing.then(work, work);
    changing = turn;
    return turn;
  }

  const leaveOffice = async (): Promise<void> => {
    const ending = office;
    office = null;
    await ending?.desk.close();
  };

  async function open(holder: Asker, term: number, database: string): Promise<unknown> {
    // A term that is over, or that nobody can have counted to, must not end the one that is running.
    checkOffice({ term, database }, (await listJournals(guardOf(folder)))[0]);
    await leaveOffice();
    const desk = await openDesk(folder, keyring, { term, database });
    office = { holder, desk };
    return desk.origins().map((origin) => {
      const released = desk.released(origin);
      return { origin, released: wireRelease(released), pending: desk.pending(origin).map(wireHead) };
    });
  }

  function deskOf(asker: Asker): HeadDesk {
    if (office?.holder !== asker) throw new SignerRefusal('not_in_office', 'another asks about heads, or none does');
    return office.desk;
  }

  async function decide(asker: Asker, question: Question): Promise<unknown> {
    switch (question.ask) {
      case 'hello': {
        const { openings, ledger, receipts } = keyring.publicKeys;
        const publicKeys = { openings: toBase64(openings), ledger: toBase64(ledger), receipts: toBase64(receipts) };
        const earlier = keyring.earlierKeys.map(({ publicKey, logs }) => ({
          publicKey: toBase64(publicKey),
          logs: [...logs],
        }));
        return {
          platform,
          publicKeys,
          lastTerm: await lastTerm(folder),
          announcements: keyring.announcements,
          earlier,
        };
      }
      case 'open':
        return inTurn(() => open(asker, question.term, question.database));
      case 'pend': {
        const { origin, kind, size, root, after, proof } = question;
        const hashes = proof.map((hash) => headOfWire({ size: 0, root: hash }).root);
        const growth = { ...headOfWire({ size, root }), after: headOfWire(after), proof: hashes };
        await deskOf(asker).pend(origin, kind, growth);
        return null;
      }
      case 'release':
        return wireRelease(await deskOf(asker).release(question.origin, headOfWire(question)));
      case 'drop':
        await deskOf(asker).drop(question.origin, question.heads.map(headOfWire));
        return null;
      case 'receipt':
        if (!RECEIPT_TYPES.includes(question.typ))
          throw new SignerRefusal('not_for_this', `no receipt is a ${question.typ}`);
        return keyring.signReceipt(jsonOf(question.payload), question.typ);
      case 'token':
        return keyring.tokenKey.sign(jsonOf(question.payload));
      case 'manifest':
        if (!isBundleStatement(platform, question.text))
          throw new SignerRefusal('not_for_this', 'no manifest of a bundle');
        return toBase64(await keyring.signManifest(utf8(question.text)));
      case 'record': {
        const log = readRecordStatement(question.text)?.log ?? '';
        const isOurs = kindOfOrigin(platform, log) === 'opening';
        if (!isOurs || !isRecordStatement(platform, keyring.vkeyOf(log, 'opening'), question.text))
          throw new SignerRefusal('not_for_this', 'no statement of a record on paper');
        return keyring.signRecord(question.text);
      }
    }
  }

  return {
    newAsker() {
      const asker: Asker = {
        async answer(question) {
          try {
            return { id: question.id, done: await decide(asker, question) };
          } catch (error) {
            return { id: question.id, failed: failureOf(error) };
          }
        },
        leave: () => inTurn(async () => (office?.holder === asker ? leaveOffice() : undefined)),
      };
      return asker;
    },
    close: () => inTurn(leaveOffice),
  };
}

const wireRelease = (head: LetOutHead | null) => (head === null ? null : { ...wireHead(head), note: head.note });

function failureOf(error: unknown): Extract<Answer, { failed: unknown }>['failed'] {
  if (!(error instanceof Error)) return { name: 'Error', code: 'fault', message: String(error) };
  const code = 'code' in error && typeof error.code === 'string' ? error.code : 'fault';
  const about = error instanceof GuardRefusal ? { origin: error.origin, size: error.size } : {};
  return { name: error.name, code, message: error.message, ...about };
}
