/** Signatures are checked while later entries are read: whatever is wrong further on, the first thing wrong is what is said; and the roots they are held against. */
import fc from 'fast-check';
import { verifySource } from '../../server/cli/verify-log.ts';
import { leafHash, rootOf } from '../../server/core/log/merkle.ts';
import { sha256 } from '../../server/hash.ts';
import { keepRoots } from '../../server/verify/roots.ts';
import { type LogSource, SourceError } from '../../server/verify/source.ts';
import { goldenFiles, judge, memorySource } from '../support/golden-judge.ts';
import t from '../support/tap.ts';

const FORGED = 'act_signature_bad--operator-forged';

/** The same log with something else wrong at one entry. */
const FAULTS: Readonly<Record<string, (source: LogSource, at: number) => Partial<LogSource>>> = {
  file_missing: (source, at) => ({
    async disclosuresFor(seq) {
      if (seq === at) throw new SourceError('file_missing', `disclosures/${seq}.json`);
      return source.disclosuresFor(seq);
    },
  }),
  disclosure_malformed: (source, at) => ({
    disclosuresFor: async (seq) => (seq === at ? ['x'] : source.disclosuresFor(seq)),
  }),
  entry_malformed: (source, at) => ({
    async *entries(size) {
      let seq = 0;
      for await (const bytes of source.entries(size)) yield seq++ === at ? bytes.subarray(1) : bytes;
    },
  }),
};

t.test('the first problem is told, whichever is known first', async (t) => {
  const forged = await judge('invalid', FORGED);
  if (forged.ok || forged.seq === undefined) throw new Error('a forged act was not found');
  const { seq: forgedAt } = forged;
  const source = memorySource(goldenFiles('invalid', FORGED));
  for (const [reason, fault] of Object.entries(FAULTS))
    for (const at of [forgedAt - 1, forgedAt, forgedAt + 1, forgedAt + 4]) {
      const judged = await verifySource({ ...source, ...fault(source, at) }, { requireAllDisclosures: true });
      t.equal(judged.ok ? 'ok' : judged.reason, at <= forgedAt ? reason : 'act_signature_bad', `${reason} at ${at}`);
      if (at > forgedAt) t.match(judged, { seq: forgedAt });
    }
});

t.test('a forged act is found although the log ends right behind it, and before the root is looked at', async (t) => {
  const source = memorySource(goldenFiles('invalid', FORGED));
  async function* short(size: number) {
    let seq = 0;
    const forged = await judge('invalid', FORGED);
    for await (const bytes of source.entries(size)) {
      yield bytes;
      if (!forged.ok && seq++ === forged.seq) return;
    }
  }
  const judged = await verifySource({ ...source, entries: short }, { requireAllDisclosures: true });
  t.match(judged, { ok: false, reason: 'act_signature_bad' });
});

t.test('the root of every size, asked for in any order while the log grows', async (t) => {
  const leaves = Array.from({ length: 200 }, (_, n) => leafHash(sha256, Uint8Array.of(n)));
  const rootAt = (size: number) => rootOf(sha256, leaves.slice(0, size));
  const roots = keepRoots(sha256);
  t.strictSame(roots.at(0), rootAt(0));
  t.equal(roots.at(1), null);
  for (const [n, leaf] of leaves.entries()) {
    roots.add(leaf);
    t.strictSame(roots.at(n + 1), rootAt(n + 1));
    t.equal(roots.at(n + 2), null);
  }
  fc.assert(
    fc.property(fc.nat(leaves.length), (size) => {
      t.strictSame(roots.at(size), rootAt(size));
    }),
  );
});
