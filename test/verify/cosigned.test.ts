/** A policy at `kaibiao verify`: who is counted, what spoils a head, and what is said when nothing can be counted. */

import { nodeTools, verifySource } from '../../server/cli/verify-log.ts';
import { formatPolicy, parsePolicy } from '../../server/core/log/policy-file.ts';
import { utf8 } from '../../server/core/log/utf8.ts';
import { sha256 } from '../../server/hash.ts';
import { checkCosigned, cosignedByOwnWord } from '../../server/verify/cosigned.ts';
import { cosignerBench, numberedLog } from '../support/cosigning.ts';
import { goldenFiles, memorySource, TRUST, WHOLE } from '../support/golden-judge.ts';
import t from '../support/tap.ts';

const log = numberedLog();
const { vkey } = log.signer;
const of = (note: string, key: string) => ({ note, vkey: key, links: [] });

t.test('who signed is counted once, by the policy\u2019s own keys', async (t) => {
  const [one, two] = [await cosignerBench(t, { name: 'one.test' }), await cosignerBench(t, { name: 'two.test' })];
  const lines = await Promise.all([one, two].map(({ cosigner }) => cosigner.addCheckpoint(log.ask(0, 5))));
  const [first = '', second = ''] = lines.map(({ body }) => body);
  const policy = (rule: string, head = `log ${vkey}\n`) =>
    parsePolicy(sha256, utf8(`${head}witness one ${one.vkey}\nwitness two ${two.vkey}\n${rule}\n`));
  const both = policy('group g all one two\nquorum g');
  const note = log.note(5);
  t.match(await checkCosigned(nodeTools, of(note + first + second, vkey), both), {
    isReached: true,
    words: /^cosigned by 2 of 2: .*one at 2026-.*, two at 2026-/,
  });
  t.match(await checkCosigned(nodeTools, of(note + first, vkey), both), {
    reason: 'cosigners_too_few',
    detail: /^1 of 2, one at/,
  });
  t.match(await checkCosigned(nodeTools, of(note + first + first, vkey), both), {
    reason: 'cosigners_too_few',
    detail: /^1 of 2/,
  });
  t.match(await checkCosigned(nodeTools, of(note, vkey), both), { reason: 'cosigners_too_few', detail: '0 of 2' });
  t.match(await checkCosigned(nodeTools, of(note + first, vkey), policy('group g any one two\nquorum g')), {
    words: /^cosigned by 1 of 2/,
  });
  t.match(await checkCosigned(nodeTools, of(note, vkey), policy('quorum none')), {
    isReached: false,
    words: /asks for no cosigners; 0 of 2/,
  });
  const other = log.note(6);
  t.match(await checkCosigned(nodeTools, of(other + first + second, vkey), both), {
    reason: 'cosignature_bad',
    detail: 'one',
  });
  const stranger = await cosignerBench(t, { name: 'three.test' });
  const foreign = (await stranger.cosigner.addCheckpoint(log.ask(0, 5))).body;
  t.match(await checkCosigned(nodeTools, of(note + foreign, vkey), both), {
    reason: 'cosigners_too_few',
    detail: '0 of 2',
  });
  const ofOther = numberedLog('main', 0, 22);
  t.match(await checkCosigned(nodeTools, of(ofOther.note(5), ofOther.signer.vkey), both), {
    reason: 'policy_of_other_log',
  });
  t.match(await checkCosigned(nodeTools, of(note + first + second, TRUST), policy('quorum one', '')), {
    words: /^cosigned by 2 of 2/,
  });
});

t.test(
  'without a policy the cosigners of the first entry are asked: it is said so, and too few refuse nothing',
  async (t) => {
    const [one, two] = [await cosignerBench(t, { name: 'one.test' }), await cosignerBench(t, { name: 'two.test' })];
    const lines = await Promise.all([one, two].map(({ cosigner }) => cosigner.addCheckpoint(log.ask(0, 5))));
    const [first = '', second = ''] = lines.map(({ body }) => body);
    const note = log.note(5);
    const vkeys = [one.vkey, two.vkey, one.vkey];
    const say = (checkpoint: string, quorum: number, keys: readonly string[] = vkeys) =>
      cosignedByOwnWord(nodeTools, { note: checkpoint, vkey, links: [] }, { quorum, vkeys: keys });
    t.match(await say(note + first + second, 2), {
      isReached: true,
      words: /^cosigned by 2 of 2: cosigner1 at .*, cosigner2 at .*; these cosigners are the log’s own word/,
    });
    t.match(await say(note + first + first, 2), {
      ok: true,
      isReached: false,
      words: /^not cosigned as its first entry asks: 1 of 2, cosigner1 at .*own word/,
    });
    t.match(await say(log.note(6) + first, 1), { ok: false, reason: 'cosignature_bad', detail: 'cosigner1' });
    t.equal(await say(note + first, 0), null, 'nobody is asked for');
    t.match(await say(note, 1, ['nonsense']), { ok: true, isReached: false, words: /no policy can hold/ });
    const text = formatPolicy(vkey, { quorum: 2, vkeys });
    t.match(parsePolicy(sha256, utf8(text)), { logs: [{ vkey }], witnesses: { length: 2 }, quorum: { least: 2 } });
    t.equal(parsePolicy(sha256, utf8(formatPolicy(vkey, { quorum: 0, vkeys: [] }))).quorum, null);
  },
);

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
