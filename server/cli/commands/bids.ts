/** `kaibiao lodge`, `withdraw` and `receipt`: a bidder's bid and the proofs of it. */

import type { ListedReceiptKey } from '../../client/ledger-keys.ts';
import { ApiError } from '../../client/transport.ts';
import { fromBase64Url } from '../../core/log/base64.ts';
import { fromUtf8 } from '../../core/log/utf8.ts';
import type { ReceiptFile } from '../../verify/receipt-file.ts';
import { EXIT } from '../exit.ts';
import type { Io } from '../io.ts';
import { proveRegistered } from '../person/ledger.ts';
import { lodge, readStanding } from '../person/lodge.ts';
import type { Person } from '../person/person.ts';
import { PersonError } from '../person/person-error.ts';
import { withdraw } from '../person/withdraw.ts';
import { showProgress } from '../progress.ts';
import { enter, parsePerson } from './options.ts';

/** A batch is taken every ten seconds by default, every minute at most. */
const BATCH_PATIENCE_MS = 70_000;
const ASK_AGAIN_MS = 2_000;

/** Lodges or replaces. */
export async function lodgeBid(argv: readonly string[], io: Io): Promise<number> {
  const replace = { type: 'boolean', default: false } as const;
  const { values, positionals } = parsePerson(argv, ['opening', 'envelope'], { replace });
  const [openingId = '', envelope = ''] = positionals;
  const person = await enter(values, io);
  const shown = showProgress(io);
  const request = { envelope, replace: values.replace, progress: shown.at };
  const { bid, receipt } = await lodge(person, openingId, request).finally(shown.end);
  io.out(`${receipt.act} ${bid.bidId}, received ${receipt.receivedAt}`);
  io.out(`  receipt kept in ${person.folder.path} · 回执已留存`);
  return EXIT.done;
}

/** Withdraws. */
export async function withdrawBid(argv: readonly string[], io: Io): Promise<number> {
  const { values, positionals } = parsePerson(argv, ['opening'], {});
  const person = await enter(values, io);
  const { receipt } = await withdraw(person, positionals[0] ?? '');
  io.out(`withdrawn ${receipt.bidId}, received ${receipt.receivedAt}`);
  return EXIT.done;
}

/** Checks the standing bid's receipt and its place in the ledger, waiting for the batch when it must. */
export async function checkReceipts(argv: readonly string[], io: Io): Promise<number> {
  const { values, positionals } = parsePerson(argv, ['opening'], {});
  const [openingId = ''] = positionals;
  const person = await enter(values, io);
  await sayUploads(person, openingId, io);
  const standing = await readStanding(person, openingId);
  if (standing === null) {
    io.out('No bid stands by what is kept here · 此处未留存有效投标。');
    return EXIT.refused;
  }
  const { bid, receipt } = standing;
  io.out(`${receipt.act} ${bid.bidId}, received ${receipt.receivedAt}: the receipt is genuine · 回执有效`);
  if (bid.actId === null) return EXIT.done;
  const { act, proof } = await provePatiently(person, openingId, bid.actId);
  io.out(`  ${act.type} of ${act.at} stands in the ledger · 已写入总账`);
  const { ledger, entry, proof: keyProof } = await receiptKeyOf(person, bid.receipt);
  const file: ReceiptFile = { v: 1, ledger, key: { entry, proof: keyProof }, receipt: bid.receipt, act: proof };
  const path = await person.folder.keepEvidence(openingId, `receipt-${bid.bidId}.json`, `${JSON.stringify(file)}\n`);
  io.out(`  anyone checks it offline · 可离线核验: kaibiao verify --receipt ${path}`);
  return EXIT.done;
}

/** The key that a receipt names, which was found genuine before. */
async function receiptKeyOf(person: Person, receipt: string): Promise<ListedReceiptKey> {
  const header = JSON.parse(fromUtf8(fromBase64Url(receipt.split('.')[0] ?? ''))) as { readonly kid?: unknown };
  const key = (await person.receiptKeys()).find(({ kid }) => kid === header.kid);
  if (key === undefined) throw new PersonError('receipt_not_genuine');
  return key;
}

/** Tells of uploads that did not become a bid, how far they came and how they ended. */
async function sayUploads(person: Person, openingId: string, io: Io): Promise<void> {
  const { uploads } = await person.api.readUploads(openingId);
  for (const { bidId, state, receivedBytes, sizeBytes, zh, en } of uploads) {
    if (state === 'lodged') continue;
    io.out(`upload of ${bidId}: ${state}, ${receivedBytes} of ${sizeBytes} bytes`);
    if (zh !== null) io.out(`  ${en} · ${zh}`);
  }
}

async function provePatiently(person: Person, openingId: string, actId: string): ReturnType<typeof proveRegistered> {
  const { world } = person;
  for (const untilAt = world.now() + BATCH_PATIENCE_MS; ; ) {
    try {
      return await proveRegistered(person, openingId, actId);
    } catch (error) {
      const isWaiting = error instanceof ApiError && error.code === 'act_not_in_ledger_yet' && world.now() < untilAt;
      if (!isWaiting) throw error;
    }
    await new Promise<void>((resolve) => {
      world.after(ASK_AGAIN_MS, resolve);
    });
  }
}
