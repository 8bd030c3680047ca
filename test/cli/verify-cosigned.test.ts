/** A policy at `kaibiao verify`: who is counted, what spoils a head, and what is said when nothing can be counted. */
import { checkCosigned } from '../../server/cli/verify-cosigned.ts';
import { verifySource } from '../../server/cli/verify-log.ts';
import { parsePolicy } from '../../server/core/log/policy-file.ts';
import { utf8 } from '../../server/core/log/utf8.ts';
import { sha256 } from '../../server/hash.ts';
import { cosignerBench, numberedLog } from '../support/cosigning.ts';
import { goldenFiles, memorySource, TRUST, WHOLE } from '../support/golden-judge.ts';
import t from '../support/tap.ts';

const log = numberedLog();
const { vkey } = log.signer;

t.test('who signed is counted once, by the policy\u2019s own keys', async (t) => {
  const [one, two] = [await cosignerBench(t, { name: 'one.test' }), await cosignerBench(t, { name: 'two.test' })];
  const lines = await Promise.all([one, two].map(({ cosigner }) => cosigner.addCheckpoint(log.ask(0, 5))));
  const [first = '', second = ''] = lines.map(({ body }) => body);
  const policy = (rule: string, head = `log ${vkey}\n`) =>
    parsePolicy(sha256, utf8(`${head}witness one ${one.vkey}\nwitness two ${two.vkey}\n${rule}\n`));
  const both = policy('group g all one two\nquorum g');
  const note = log.note(5);
  t.match(
    await checkCosigned(note + first + second, vkey, both),
    /^cosigned by 2 of 2: .*one at 2026-.*, two at 2026-/,
  );
  t.match(await checkCosigned(note + first, vkey, both), { reason: 'cosigners_too_few', detail: /^1 of 2, one at/ });
  t.match(await checkCosigned(note + first + first, vkey, both), { reason: 'cosigners_too_few', detail: /^1 of 2/ });
  t.match(await checkCosigned(note, vkey, both), { reason: 'cosigners_too_few', detail: '0 of 2' });
  t.match(await checkCosigned(note + first, vkey, policy('group g any one two\nquorum g')), /^cosigned by 1 of 2/);
  t.match(await checkCosigned(note, vkey, policy('quorum none')), /asks for no cosigners; 0 of 2/);
  const other = log.note(6);
  t.match(await checkCosigned(other + first + second, vkey, both), { reason: 'cosignature_bad', detail: 'one' });
  const stranger = await cosignerBench(t, { name: 'three.test' });
  const foreign = (await stranger.cosigner.addCheckpoint(log.ask(0, 5))).body;
  t.match(await checkCosigned(note + foreign, vkey, both), { reason: 'cosigners_too_few', detail: '0 of 2' });
  t.match(await checkCosigned(note + first + second, TRUST, both), { reason: 'policy_of_other_log' });
  t.match(await checkCosigned(note + first + second, TRUST, policy('quorum one', '')), /^cosigned by 2 of 2/);
});

t.test('the head that counts is the ledger\u2019s: its own, or the one an opening is anchored in', async (t) => {
  const cosigner = await cosignerBench(t, { name: 'one.test' });
  const policy = parsePolicy(sha256, utf8(`witness one ${cosigner.vkey}\nquorum one\n`));
  const none = parsePolicy(sha256, utf8('quorum none\n'));
  const judge = (name: string, asked: typeof policy, trust?: string) =>
    verifySource(memorySource(goldenFiles('valid', name)), {
      requireAllDisclosures: true,
      policy: asked,
      ...(trust !== undefined && { trust }),
    });
  t.match(await judge('ledger', policy), { reason: 'cosigners_too_few', detail: '0 of 1' });
  t.match(await judge('ledger', none), { ok: true, cosigned: /no cosigners/ });
  t.match(await judge(WHOLE, policy), { reason: 'cosigners_too_few', detail: '0 of 1' }, 'its anchor’s');
  const bare = new Map([...goldenFiles('valid', WHOLE)].filter(([path]) => !path.startsWith('anchor/')));
  const alone = await verifySource(memorySource(bare), { requireAllDisclosures: true, policy });
  t.match(alone, { ok: false, reason: 'policy_needs_ledger' }, 'nothing ties it to a ledger');
});
