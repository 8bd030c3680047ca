/** `kaibiao verify` on evidence bundles: an intact one passes offline and years later, whatever is changed in one is found by name. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { verifySource } from '../../../server/cli/verify-log.ts';
import { MANIFEST_FILE, MANIFEST_NOTE_FILE, POLICY_FILE, RECORD_FILE } from '../../../server/core/log/bundle.ts';
import { formatSignatureLine, formatVkey, KEY_TYPES, parseNote, verifierKey } from '../../../server/core/log/note.ts';
import { parsePolicy, type TlogPolicy } from '../../../server/core/log/policy-file.ts';
import { fromUtf8, utf8 } from '../../../server/core/log/utf8.ts';
import { sha256 } from '../../../server/hash.ts';
import { BUNDLE_REASONS } from '../../../server/verify/words.ts';
import { bundleOf, ledgerKey, nameOf, policyOf, withManifest } from '../../support/golden-bundle.ts';
import { anchorBy, type Change, changed, ownKey, readChange } from '../../support/golden-change.ts';
import { goldenFiles, memorySource, TRUST, WHOLE } from '../../support/golden-judge.ts';
import { filesOf, GOLDEN_FOLDER, type LogFiles, readGolden } from '../../support/golden-log.ts';
import { stampAuthority, withStamp, writtenAt } from '../../support/golden-stamps.ts';
import t from '../../support/tap.ts';
import { steppedWorld } from '../../support/world.ts';

const shown = new Set<string>();

/** The reason a bundle is refused for, or how far its log is along. */
type Asked = { trust?: string; requireComplete?: boolean; policy?: TlogPolicy };

async function judge(files: LogFiles, more: Asked = { trust: TRUST }) {
  const judged = await verifySource(memorySource(files), { requireAllDisclosures: true, ...more });
  if (!judged.ok) shown.add(judged.reason);
  return judged.ok ? judged.standing : judged.reason;
}

async function recordOf(files: LogFiles): Promise<Uint8Array | null> {
  const judged = await verifySource(memorySource(files), { requireAllDisclosures: true });
  if (!judged.ok) throw new Error(judged.reason);
  return judged.record;
}

const bare = goldenFiles('valid', WHOLE);
const tsa = await stampAuthority('Stamps', writtenAt(bare));
const plain = withStamp(bare, 1, tsa);
const record = await recordOf(plain);
const whole = bundleOf(plain, record, 'complete');

t.test('an intact bundle is valid and complete, its record the one that was signed', async (t) => {
  t.equal(await judge(whole), 'valid, complete');
  t.equal(await judge(whole, { requireComplete: true }), 'valid, complete', 'without a trusted key as well');
  t.ok(record, 'this opening has a record');
  const failed = goldenFiles('valid', 'failed-tender');
  t.equal(await recordOf(failed), null);
  t.equal(await judge(bundleOf(failed, null, 'complete')), 'valid, complete', 'a failed tender has none');
});

t.test('a bundle of an opening under way says so, and is refused where a complete one is asked for', async (t) => {
  const open = goldenFiles('valid', 'still-open');
  const bundle = bundleOf(open, await recordOf(open), 'open');
  t.equal(await judge(bundle), 'valid, still open');
  t.equal(await judge(bundle, { requireComplete: true }), 'log_still_open');
  t.equal(await judge(bundleOf(open, await recordOf(open), 'complete')), 'bundle_standing_differs');
});

/** What a flipped byte of a file may be found as; every other file is held against its digest. */
const FOUND_AS: Readonly<Record<string, readonly string[]>> = {
  [MANIFEST_FILE]: ['bundle_manifest_malformed', 'bundle_unsigned', 'bundle_of_other_log'],
  [MANIFEST_NOTE_FILE]: ['bundle_unsigned', 'file_malformed'],
  vkey: ['vkey_malformed', 'vkey_weak', 'file_malformed', 'not_a_log_of_this_format', 'bundle_file_differs'],
  'anchor/vkey': ['anchor_other_ledger', 'file_malformed'],
};

t.test('600 flipped bytes over every file: each found, and as what it is', async (t) => {
  const world = steppedWorld();
  const below = (limit: number) => new DataView(world.randomBytes(4).buffer).getUint32(0) % limit;
  const paths = [...whole.keys()];
  for (let n = 0; n < 600; n++) {
    const path = paths[n % paths.length] as string;
    const bytes = whole.get(path) as Uint8Array;
    const at = below(bytes.length);
    const bit = 1 << below(8);
    const changedBytes = bytes.map((byte, place) => (place === at ? byte ^ bit : byte));
    const reason = await judge(new Map([...whole, [path, changedBytes]]));
    const expected = FOUND_AS[path] ?? ['bundle_file_differs', 'file_malformed'];
    if (!expected.includes(reason)) t.fail(`${path}: bit ${bit} of byte ${at} is found as ${reason}`);
  }
  t.ok(paths.length > 20 && paths.length < 300, 'every file had its turn');
});

t.test('each file dropped, each added, two exchanged', async (t) => {
  for (const path of whole.keys()) {
    const less = new Map(whole);
    less.delete(path);
    // without its manifest it is a mere export, with a record that has no place in one
    t.equal(await judge(less), path === MANIFEST_FILE ? 'file_unlisted' : 'file_missing', path);
  }
  for (const path of ['more.txt', 'disclosures/9999.json', 'tile/7/000', '.hidden', 'record.json.old'])
    t.equal(await judge(new Map([...whole, [path, utf8('{}')]])), 'file_unlisted', path);
  const [one = '', other = ''] = [...whole.keys()].filter((path) => path.startsWith('disclosures/'));
  const exchanged = new Map([...whole, [one, whole.get(other) as Uint8Array], [other, whole.get(one) as Uint8Array]]);
  t.equal(await judge(exchanged), 'bundle_file_differs');
});

t.test('a platform that signs a manifest over something else is found out by what is in it', async (t) => {
  const signed = (files: LogFiles) => judge(withManifest(files, 'complete'));
  t.equal(await judge(withManifest(plain, 'complete')), 'bundle_record_differs', 'no record where there is one');
  const otherRecord = new Map([...whole, [RECORD_FILE, utf8('{}')]]);
  t.equal(await signed(otherRecord), 'bundle_record_differs');
  for (const policy of ['quorum none\n', ''])
    t.equal(await signed(new Map([...whole, [POLICY_FILE, utf8(policy)]])), 'bundle_policy_differs');
  t.equal(await signed(new Map([...whole].filter(([path]) => path !== POLICY_FILE))), 'bundle_policy_differs');
  t.equal(await signed(new Map([...whole, ['more.txt', utf8('x')]])), 'file_unlisted', 'listed, and of no log');
  t.equal(await judge(withManifest(whole, 'complete', { size: 37 })), 'bundle_other_head');
  t.equal(await judge(withManifest(whole, 'complete', { root: new Uint8Array(32) })), 'bundle_other_head');
  t.equal(await judge(withManifest(whole, 'open')), 'bundle_standing_differs');
  t.equal(
    await judge(withManifest(whole, 'complete', { origin: 'kaibiao.test/opening/other' })),
    'bundle_of_other_log',
  );
  t.equal(await judge(withManifest(whole, 'complete', { key: ownKey('kaibiao.test/opening/x') })), 'bundle_unsigned');
  t.equal(await judge(whole, { trust: readGolden('access').vkey }), 'anchor_other_ledger');
});

t.test(
  'whoever adds a line of his own to the anchored head signs no manifest for it, under a trusted key or a policy',
  async (t) => {
    const stranger = ownKey('kaibiao.test/opening/any');
    const name = nameOf(TRUST);
    const key = verifierKey(sha256, name, KEY_TYPES.ed25519, stranger.publicKey);
    const note = fromUtf8(whole.get('anchor/checkpoint') ?? new Uint8Array());
    const signature = stranger.sign(utf8(parseNote(note).text));
    const own = note + formatSignatureLine({ name, keyId: key.keyId, signature });
    const proof = fromUtf8(whole.get('anchor/opening.tlog-proof') ?? new Uint8Array()).replace(note, own);
    const stripped = [...whole].filter(([path]) => !/\.(tsr|pem)$/.test(path));
    const forged = new Map([
      ...stripped,
      ['anchor/vkey', utf8(`${formatVkey(key)}\n`)],
      ['anchor/checkpoint', utf8(own)],
      ['anchor/opening.tlog-proof', utf8(proof)],
    ] as const);
    const signed = withManifest(new Map([...forged, [POLICY_FILE, utf8(policyOf(forged))]]), 'complete', {
      key: stranger,
    });
    t.equal(await judge(signed, {}), 'valid, complete', 'whole in itself');
    t.equal(await judge(signed, { trust: TRUST }), 'anchor_other_ledger');
    const policy = parsePolicy(sha256, utf8(`log ${TRUST}\nquorum none\n`));
    t.equal(await judge(signed, { policy }), 'policy_of_other_log');
    t.equal(await judge(whole, { policy }), 'valid, complete');
  },
);

t.test('a log that would be refused is refused in a bundle for the same reason', async (t) => {
  const names = readdirSync(join(GOLDEN_FOLDER, 'invalid')).map((file) => file.replace(/\.json$/, ''));
  const ofOpenings = names.filter((name) => {
    const change = readChange('invalid', name) as Change;
    return change.of === WHOLE && change.signed === 'own' && change.verify === undefined && change.files === undefined;
  });
  t.ok(ofOpenings.length >= 20, 'there are many');
  for (const name of ofOpenings) {
    const log = changed(readChange('invalid', name) as Change);
    if (log.entries.length === 0) continue;
    const { anchor } = readGolden(WHOLE);
    const files = filesOf(anchorBy(ledgerKey, { ...log, anchor }, 'closed'));
    // the one who lies lists what he has made, and signs it
    const bundle = bundleOf(files, record, 'complete');
    t.equal(await judge(bundle, {}), name.slice(0, name.indexOf('--')), name);
  }
});

t.test('older head, missing end: what was true once is not the whole', async (t) => {
  const log = changed({ of: WHOLE, says: 'without its last entry', steps: [{ cut: true, at: -2 }], signed: 'own' });
  const { anchor } = readGolden(WHOLE);
  const files = filesOf(anchorBy(ledgerKey, { ...log, anchor }, 'opened'));
  const open = bundleOf(files, record, 'open');
  t.equal(await judge(open, {}), 'valid, still open');
  t.equal(await judge(open, { requireComplete: true }), 'log_still_open');
  t.equal(await judge(bundleOf(files, record, 'complete'), {}), 'bundle_standing_differs');
  t.equal(await judge(open), 'valid, still open', 'as far as a ledger of one entry goes, signed by the true key');
  const ledger = memorySource(goldenFiles('valid', 'ledger'));
  const held = await verifySource(memorySource(open), { requireAllDisclosures: true, trust: TRUST, ledger });
  t.match(held, { ok: false, reason: 'anchor_ledger_differs' }, 'beside the true ledger it shows');
});

t.test('every reason of a bundle was shown', (t) => {
  t.strictSame(
    Object.keys(BUNDLE_REASONS).filter((reason) => !shown.has(reason)),
    [],
  );
  for (const words of Object.values(BUNDLE_REASONS)) {
    t.match(words.en, /^[A-Z].*\.$/);
    t.match(words.zh, /。$/);
  }
  t.end();
});
