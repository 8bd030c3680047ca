/** The guide to sealing with stock OpenSSL: every command on the page is run as it stands there, and what comes out is taken by the vault. */
import { spawnSync } from 'node:child_process';
import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SUBCOMMANDS } from '../../../server/cli/main.ts';
import { adoptEnvelope } from '../../../server/cli/seal/adopt.ts';
import { unwrapWith } from '../../../server/cli/seal/wrap.ts';
import { toBase64Url } from '../../../server/core/log/base64.ts';
import { utf8 } from '../../../server/core/log/utf8.ts';
import { packageRoot } from '../../../server/root.ts';
import { goldenPath } from '../../core/seal/golden.ts';
import t from '../../support/tap.ts';
import { BIDDER, CURVE, LIST, temporaryFolder } from '../../vault/bids.ts';

const page = await readFile(join(packageRoot, 'server/cli/seal/GUIDE.md'), 'utf8');
const blocks = [...page.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, commands = '']) => commands);
const missing = ['python3', 'openssl'].find((name) => spawnSync(name, ['--version']).error !== undefined);

t.test('every command of the guide does what it says', { skip: missing ? `no ${missing} here` : false }, async (t) => {
  const folder = await temporaryFolder(t);
  const file = (name: string) => join(folder, name);
  for (const [name, as] of [
    ['bidder', 'encrypt'],
    ['curve', 'p256'],
  ]) {
    await copyFile(goldenPath(`${name}.crt.pem`), file(`${as}.crt`));
    await copyFile(goldenPath(`${name}.key.pem`), file(`${as}.key`));
  }
  await copyFile(join(packageRoot, 'server/core/seal/redo.py'), file('redo.py'));
  await writeFile(file('list.json'), JSON.stringify(LIST, null, 2));
  await writeFile(file('技术标.pdf'), new Uint8Array(20_000).fill(0x41));

  t.equal(blocks.length, 8);
  for (const commands of blocks) {
    if (commands.includes('statement.jws')) {
      const own = await adoptEnvelope(file('bid.cms'), BIDDER.certificate, unwrapWith(BIDDER.privateKey));
      await writeFile(file('statement.jws'), `e30.${toBase64Url(utf8(JSON.stringify(own.promises)))}.AAAA`);
    }
    const ran = spawnSync('sh', ['-euc', commands], { cwd: folder, encoding: 'utf8' });
    t.equal(ran.status, 0, `${commands}\n${ran.stdout}${ran.stderr}`);
  }

  const made = { 'bid.cms': BIDDER, 'bid-sha1.cms': BIDDER, 'bid-v15.cms': BIDDER, 'bid-p256.cms': CURVE };
  for (const [name, { certificate, privateKey }] of Object.entries(made)) {
    const { openingList } = await adoptEnvelope(file(name), certificate, unwrapWith(privateKey));
    t.strictSame(openingList, LIST, name);
  }
});

t.test('what else it tells one to type exists', async (t) => {
  const called = [...page.matchAll(/`kaibiao ([a-z-]+)((?: --[a-z-]+)*)`/g)];
  t.ok(called.length > 3);
  for (const [, name = '', options = ''] of called) {
    t.ok(Object.hasOwn(SUBCOMMANDS, name), name);
    for (const option of options.match(/--[a-z-]+/g) ?? []) t.ok(SUBCOMMANDS[name]?.usage.includes(option), option);
  }
});
