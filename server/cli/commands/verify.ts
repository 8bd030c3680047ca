/** `kaibiao verify`: says whether a log holds, and why not; exit code 0 or 1. */
import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { EXIT, UsageError } from '../exit.ts';
import type { Io } from '../io.ts';
import { folderSource, type LogSource, urlSource } from '../log-source.ts';
import { type Verified, verifySource } from '../verify-log.ts';
import { verifyReceipt } from '../verify-receipt.ts';
import type { Refused } from '../verify-words.ts';
import { needPositionals } from './options.ts';

const options = {
  trust: { type: 'string' },
  ledger: { type: 'string' },
  public: { type: 'boolean', default: false },
  receipt: { type: 'string' },
  envelope: { type: 'string' },
} as const;

const isAddress = (place: string): boolean => /^https?:\/\//.test(place);
const sourceOf = (place: string): LogSource => (isAddress(place) ? urlSource(place) : folderSource(place));

/** Verifies a folder or an address; of an address only what everyone may see. */
export async function verify(argv: readonly string[], io: Io): Promise<number> {
  const { values, positionals } = parseArgs({ args: [...argv], options, allowPositionals: true });
  if (values.receipt !== undefined) return verifyReceiptFile(values.receipt, positionals, values, io);
  if (values.envelope !== undefined) throw new UsageError('--envelope goes with --receipt.');
  needPositionals(positionals, ['folder | address']);
  const [place = ''] = positionals;
  const judged = await verifySource(sourceOf(place), {
    requireAllDisclosures: !isAddress(place) && !values.public,
    ...(values.trust !== undefined && { trust: values.trust }),
    ...(values.ledger !== undefined && { ledger: sourceOf(values.ledger) }),
  });
  if (!judged.ok) return sayRefused(judged, io);
  // Whoever gave a ledger expects to have been told of it.
  if (values.ledger !== undefined && judged.kind !== 'opening')
    throw new UsageError(`--ledger is for the log of an opening; ${judged.origin} is none.`);
  for (const line of verdictOf(judged)) io.out(line);
  return EXIT.done;
}

/** Verifies a receipt file, and the envelope at hand against it; asks nobody. */
async function verifyReceiptFile(
  path: string,
  positionals: readonly string[],
  { trust, envelope }: { readonly trust?: string | undefined; readonly envelope?: string | undefined },
  io: Io,
): Promise<number> {
  needPositionals(positionals, []);
  const given = { ...(trust !== undefined && { trust }), ...(envelope !== undefined && { envelope }) };
  const judged = await verifyReceipt(await readFile(path, 'utf8'), given);
  if (!judged.ok) return sayRefused(judged, io);
  const { act, bidId, aud, openingId, receivedAt, envelopeSha256, envelopeBytes } = judged.receipt;
  io.out(`valid: ${act} ${bidId} by ${aud} in ${openingId}, received ${receivedAt} · 回执有效`);
  io.out(`  envelope of ${envelopeBytes} bytes, SHA-256 ${envelopeSha256}`);
  if (envelope !== undefined) io.out(`  ${envelope} is that envelope · 与所提供的信封一致`);
  io.out(`  stands in entry ${judged.ledgerSeq} of the ledger ${judged.ledger} · 已写入总账`);
  if (trust === undefined)
    io.out('  that ledger key is the file’s own word; name the one you trust with --trust · 总账公钥仅为文件自述');
  return EXIT.done;
}

function sayRefused(judged: Refused, io: Io): number {
  const where = judged.seq === undefined ? '' : ` at entry ${judged.seq}`;
  io.err(`${judged.reason}${where}`);
  io.err(`  ${judged.words.en}\n  ${judged.words.zh}`);
  if (judged.detail !== undefined) io.err(`  ${judged.detail}`);
  return EXIT.refused;
}

/** What is said of a log that holds, line by line. */
export function verdictOf(judged: Verified): string[] {
  const { standing, origin, entries, root, actsChecked, withheld, erased, batches, anchoring } = judged;
  return [
    `${standing}: ${origin}`,
    `  ${entries} entries, root ${root}`,
    `  ${actsChecked} acts checked by their signers’ keys, ${withheld} fields withheld`,
    ...(erased === 0 ? [] : [`  ${erased} fields erased for good, each by an entry that says so and why`]),
    ...(batches === undefined ? [] : [`  ${batches.revealed} of ${batches.taken} register batches revealed`]),
    `  ${anchoring}`,
  ];
}
