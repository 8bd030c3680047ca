/** `kaibiao verify`: says whether a log holds, and why not; exit code 0 or 1. */
import { parseArgs } from 'node:util';
import type { Io } from '../io.ts';
import { folderSource, urlSource } from '../log-source.ts';
import { EXIT } from '../main.ts';
import { verifySource } from '../verify-log.ts';
import { needPositionals } from './options.ts';

const options = { trust: { type: 'string' }, public: { type: 'boolean', default: false } } as const;

/** Verifies a folder or an address; of an address only what everyone may see. */
export async function verify(argv: readonly string[], io: Io): Promise<number> {
  const { values, positionals } = parseArgs({ args: [...argv], options, allowPositionals: true });
  needPositionals(positionals, ['folder | address']);
  const [place = ''] = positionals;
  const isAddress = /^https?:\/\//.test(place);
  const judged = await verifySource(isAddress ? urlSource(place) : folderSource(place), {
    requireAllDisclosures: !isAddress && !values.public,
    ...(values.trust !== undefined && { trust: values.trust }),
  });
  if (!judged.ok) {
    const where = judged.seq === undefined ? '' : ` at entry ${judged.seq}`;
    io.err(`${judged.reason}${where}`);
    io.err(`  ${judged.words.en}\n  ${judged.words.zh}`);
    if (judged.detail !== undefined) io.err(`  ${judged.detail}`);
    return EXIT.refused;
  }
  io.out(`${judged.standing}: ${judged.origin}`);
  io.out(`  ${judged.entries} entries, root ${judged.root}`);
  io.out(`  ${judged.actsChecked} acts checked by their signers’ keys, ${judged.withheld} fields withheld`);
  if (judged.batches !== undefined) {
    const { revealed, taken } = judged.batches;
    io.out(`  ${revealed} of ${taken} register batches revealed`);
  }
  io.out(`  ${judged.anchoring}`);
  return EXIT.done;
}
