/** `kaibiao verify`: says whether a log holds, and why not; exit code 0 or 1. */
import { parseArgs } from 'node:util';
import { EXIT, UsageError } from '../exit.ts';
import type { Io } from '../io.ts';
import { folderSource, type LogSource, urlSource } from '../log-source.ts';
import { type Verified, verifySource } from '../verify-log.ts';
import { needPositionals } from './options.ts';

const options = {
  trust: { type: 'string' },
  ledger: { type: 'string' },
  public: { type: 'boolean', default: false },
} as const;

const isAddress = (place: string): boolean => /^https?:\/\//.test(place);
const sourceOf = (place: string): LogSource => (isAddress(place) ? urlSource(place) : folderSource(place));

/** Verifies a folder or an address; of an address only what everyone may see. */
export async function verify(argv: readonly string[], io: Io): Promise<number> {
  const { values, positionals } = parseArgs({ args: [...argv], options, allowPositionals: true });
  needPositionals(positionals, ['folder | address']);
  const [place = ''] = positionals;
  const judged = await verifySource(sourceOf(place), {
    requireAllDisclosures: !isAddress(place) && !values.public,
    ...(values.trust !== undefined && { trust: values.trust }),
    ...(values.ledger !== undefined && { ledger: sourceOf(values.ledger) }),
  });
  if (!judged.ok) {
    const where = judged.seq === undefined ? '' : ` at entry ${judged.seq}`;
    io.err(`${judged.reason}${where}`);
    io.err(`  ${judged.words.en}\n  ${judged.words.zh}`);
    if (judged.detail !== undefined) io.err(`  ${judged.detail}`);
    return EXIT.refused;
  }
  // Whoever gave a ledger expects to have been told of it.
  if (values.ledger !== undefined && judged.kind !== 'opening')
    throw new UsageError(`--ledger is for the log of an opening; ${judged.origin} is none.`);
  for (const line of verdictOf(judged)) io.out(line);
  return EXIT.done;
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
