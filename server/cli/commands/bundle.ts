/** `kaibiao bundle`: writes the evidence bundle of an opening, a folder or one ZIP file, which anyone can judge offline for years. */
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { readOwnConfig } from '../../config.ts';
import { withKeyring } from '../../signer/signing.ts';
import { openDatabase } from '../../store/connect.ts';
import { bundleOpening } from '../bundle/own-bundle.ts';
import { EXIT } from '../exit.ts';
import type { Io } from '../io.ts';
import { needPositionals } from './options.ts';

const options = { open: { type: 'boolean', default: false } } as const;

/** Bundles one opening. Exit code 1 says why not: no such log, not yet anchored, still open, or a log that does not verify. */
export async function bundle(argv: readonly string[], io: Io): Promise<number> {
  const { values, positionals } = parseArgs({ args: [...argv], options, allowPositionals: true });
  needPositionals(positionals, ['opening', 'folder | file.zip']);
  const [openingId = '', path = ''] = positionals;
  const place = resolve(path);
  const config = readOwnConfig();
  const database = await openDatabase(config);
  try {
    const asked = { openingId, place, mayBeOpen: values.open };
    const { size, disclosures } = await withKeyring(config, io.world, (keyring) =>
      bundleOpening(config, keyring, database.sql, asked),
    );
    io.out(`${openingId}: ${size} entries, ${disclosures} disclosures → ${place}`);
    return EXIT.done;
  } finally {
    await database.close();
  }
}
