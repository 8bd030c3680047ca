/** `kaibiao keys` as KEYS.md shows it: the very commands of the page, run on a folder of their own. */
import { spawnSync } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openSigner } from '../../server/recorder/signer.ts';
import { packageRoot } from '../../server/root.ts';
import { BIN } from '../support/server-process.ts';
import { dataFolder, PLATFORM } from '../support/signed-log.ts';
import t from '../support/tap.ts';

const PAGE = join(packageRoot, 'server/recorder/KEYS.md');
const FOLDER = '/var/lib/kaibiao-signer';

function keys(...argv: string[]) {
  const env = { KAIBIAO_PLATFORM: PLATFORM };
  return spawnSync(process.execPath, [BIN, 'keys', ...argv], { encoding: 'utf8', env });
}

t.test('the page’s commands, in their order', async (t) => {
  const folder = await dataFolder(t);
  const signer = await openSigner(folder, PLATFORM);
  const before = signer.vkeyOf(`${PLATFORM}/ledger`, 'ledger');
  t.match(keys('next', folder, 'ledger'), { status: 1, stderr: /in use: stop the server, or the signer/ });
  await signer.close();
  const lines = [...(await readFile(PAGE, 'utf8')).matchAll(/^npx kaibiao keys ([^#\n]*)/gm)].map(([, argv = '']) =>
    argv.trim().replace(FOLDER, folder).split(' '),
  );
  t.strictSame(
    lines.map(([part]) => part),
    ['next', 'take-over', 'end', 'show'],
  );
  const said: string[] = [];
  for (const argv of lines) {
    const { status, stdout, stderr } = keys(...argv);
    t.equal(status, 0, `${argv[0]}: ${stderr}`);
    said.push(stdout);
  }
  const [announced = '', taken = '', ended = '', shown = ''] = said;
  t.match(announced, `ledger in-use ${before}\nledger next ${PLATFORM}/ledger+`);
  t.match(taken, `ledger earlier ${before}\n`);
  t.match(ended, /^1 ended/);
  t.notMatch(shown, before);
  t.equal(ended.split('\n').slice(1).join('\n'), shown);
  const left = (await readdir(join(folder, 'keys'))).filter((name) => !name.endsWith('.announcement'));
  t.strictSame(left.sort(), ['ledger.key', 'openings.key', 'receipts.key']);
  const receipts = (text: string): string[] => text.split('\n').filter((line) => line.startsWith('receipts '));
  const replaced = keys('next', folder, 'receipts', '--compromised-since', '2020-01-01T00:00:00.000Z');
  t.match(receipts(replaced.stdout), [/^receipts in-use /], 'taken over in the same step');
  t.notSame(receipts(replaced.stdout), receipts(shown));
  t.match(keys('take-over', folder, 'receipts'), { status: 1, stderr: /^key_missing/ });
  t.match(keys('end', folder, 'openings'), { status: 1, stderr: /^key_still_signs/ });
  t.match(keys('next', folder, 'vault'), { status: 2 });
  t.match(keys('next', folder, 'ledger', '--compromised-since', '2999-01-01T00:00:00.000Z'), { status: 2 });
});
