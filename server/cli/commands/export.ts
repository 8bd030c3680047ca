/** `kaibiao export`: writes a log of this server, with everything it withholds, as a folder; runs beside the server or without it. */
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { readOwnConfig } from '../../config.ts';
import { formatVkey, KEY_TYPES, verifierKey } from '../../core/log/note.ts';
import { accessOrigin, ledgerOrigin, openingOrigin } from '../../core/log/origin.ts';
import { sha256 } from '../../hash.ts';
import { withKeyring } from '../../signer/signing.ts';
import { openDatabase } from '../../store/connect.ts';
import { vkeyOf } from '../bundle/own-bundle.ts';
import { EXIT, UsageError } from '../exit.ts';
import { exportLog } from '../export-log.ts';
import type { Io } from '../io.ts';
import { needPositionals } from './options.ts';

const options = {
  ledger: { type: 'boolean', default: false },
  access: { type: 'boolean', default: false },
} as const;

/** Exports one opening's log, anchored in the ledger as far as that has its head; or a log that the platform itself keeps. */
export async function exportFolder(argv: readonly string[], io: Io): Promise<number> {
  const { values, positionals } = parseArgs({ args: [...argv], options, allowPositionals: true });
  if (values.ledger && values.access) throw new UsageError('Either --ledger or --access.');
  const isOwn = values.ledger || values.access;
  needPositionals(positionals, isOwn ? ['folder'] : ['opening', 'folder']);
  const config = readOwnConfig();
  const folder = resolve(positionals.at(-1) ?? '');
  // Keys are read and never made: an export must not be what gives a platform its keys.
  const { ledger: ledgerKey } = await withKeyring(config, io.world, async ({ publicKeys }) => publicKeys);
  // One key signs both logs, under the name of each.
  const own = (origin: string) => {
    const vkey = formatVkey(verifierKey(sha256, origin, KEY_TYPES.ed25519, ledgerKey));
    return { origin, vkey };
  };
  const ledger = own(ledgerOrigin(config.platform));
  const database = await openDatabase(config);
  try {
    const { sql } = database;
    const opening = openingOrigin(config.platform, positionals[0] ?? '');
    const request = isOwn
      ? { ...(values.ledger ? ledger : own(accessOrigin(config.platform))), folder, ledger: null }
      : { origin: opening, vkey: await vkeyOf(sql, opening), folder, ledger };
    const { size, disclosures, anchored } = await exportLog(sql, request);
    io.out(`${request.origin}: ${size} entries, ${disclosures} disclosures → ${folder}`);
    if (!isOwn && !anchored) io.err('The ledger has no head of it yet · 总账中尚无其树头。');
    return EXIT.done;
  } finally {
    await database.close();
  }
}
