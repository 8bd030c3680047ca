/** The log that the bench verifies is one that is verified: with evidence, signatures and all, at a size that takes a moment. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { folderSource } from '../../../server/cli/log-source.ts';
import { verifySource } from '../../../server/cli/verify-log.ts';
import { newFolder } from '../../support/folder.ts';
import t from '../../support/tap.ts';

/** More than a tile, so that a full one and a part of one are written. */
const ENTRIES = 300;

t.test('a small log of the bench holds in every question', async (t) => {
  const folder = await newFolder(t, 'bench-log');
  const make = join(import.meta.dirname, `make-log${import.meta.filename.endsWith('.ts') ? '.ts' : '.js'}`);
  execFileSync(process.execPath, [...process.execArgv, make, folder, String(ENTRIES)], { stdio: 'inherit' });
  const verified = await verifySource(folderSource(folder), { requireAllDisclosures: true });
  t.match(verified, { ok: true, entries: ENTRIES, actsChecked: ENTRIES });
});
