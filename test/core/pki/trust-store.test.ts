/** The anchors as a fold of changes: what fits, what is refused, and that the past stays as it was. */
import fc from 'fast-check';
import { createDemoCa } from '../../../server/cli/demo/ca.ts';
import { toBase64, toBase64Url } from '../../../server/core/log/base64.ts';
import { formatInstant } from '../../../server/core/log/instant.ts';
import { parsePem } from '../../../server/core/pki/certificate.ts';
import {
  type AnchorVersion,
  anchorsAt,
  applyTrustChange,
  digestOfChange,
  effectiveFrom,
  maybeSamePerson,
  namesPerson,
  type TrustChange,
} from '../../../server/core/pki/trust-store.ts';
import { sha256 } from '../../../server/hash.ts';
import t from '../../support/tap.ts';
import { addition, PLAIN_TERMS } from '../../support/trust.ts';

const NOW = Date.parse('2026-03-02T01:00:00.000Z');
const cas = await Promise.all(['One', 'Two'].map((name) => createDemoCa({ name, at: NOW, key: 'p256' })));
const roots = cas.flatMap(({ rootPem }) => parsePem(rootPem).slice(0, 1));
const [one] = roots;
if (one === undefined) throw new Error('no root');
const digestOf = (n: number) => toBase64Url(sha256(roots[n]?.der ?? new Uint8Array()));
const added = (fromAt: number, untilAt: number | null = null) => addition(one, { fromAt, untilAt });
const altered = (fromAt: number, label: string, untilAt: number | null = null): TrustChange => ({
  change: 'alter',
  certificateSha256: digestOf(0),
  terms: { ...PLAIN_TERMS, label },
  from: formatInstant(fromAt),
  until: untilAt === null ? null : formatInstant(untilAt),
  reason: 'test',
});
const ended = (fromAt: number): TrustChange => ({
  change: 'end',
  certificateSha256: digestOf(0),
  from: formatInstant(fromAt),
  reason: 'test',
});

/** The stretches and labels after these changes, each confirmed at its own instant; or the first refusal. */
function fold(...changes: (readonly [TrustChange, number])[]): unknown {
  let store: readonly AnchorVersion[] = [];
  for (const [change, at] of changes) {
    const next = applyTrustChange(sha256, store, change, effectiveFrom(change, at));
    if ('refused' in next) return next.refused;
    store = next.store;
  }
  return store.map(({ terms, fromAt, untilAt }) => [
    terms.label,
    fromAt - NOW,
    untilAt === null ? null : untilAt - NOW,
  ]);
}

t.test('what changes come to', async (t) => {
  const add = [added(NOW), NOW] as const;
  for (const [name, changes, result] of [
    ['added', [add], [['Test CA', 0, null]]],
    ['confirmed late', [[added(NOW), NOW + 5]], [['Test CA', 5, null]]],
    ['for a while', [[added(NOW, NOW + 9), NOW]], [['Test CA', 0, 9]]],
    ['twice', [add, add], 'anchor_exists'],
    [
      'once more inside',
      [
        [added(NOW + 5, NOW + 9), NOW],
        [added(NOW, NOW + 6), NOW],
      ],
      'anchor_exists',
    ],
    [
      'side by side',
      [
        [added(NOW, NOW + 5), NOW],
        [added(NOW + 5), NOW],
      ],
      [
        ['Test CA', 0, 5],
        ['Test CA', 5, null],
      ],
    ],
    ['ended', [add, [ended(NOW + 7), NOW]], [['Test CA', 0, 7]]],
    [
      'ended and added anew',
      [add, [ended(NOW + 7), NOW], [added(NOW + 8), NOW]],
      [
        ['Test CA', 0, 7],
        ['Test CA', 8, null],
      ],
    ],
    [
      'ended before it began',
      [
        [added(NOW + 5), NOW],
        [ended(NOW + 1), NOW],
      ],
      [],
    ],
    ['ended twice', [add, [ended(NOW + 7), NOW], [ended(NOW + 8), NOW]], 'anchor_unknown'],
    ['ended sooner', [add, [ended(NOW + 7), NOW], [ended(NOW + 3), NOW]], [['Test CA', 0, 3]]],
    [
      'altered',
      [add, [altered(NOW + 4, 'B'), NOW]],
      [
        ['Test CA', 0, 4],
        ['B', 4, null],
      ],
    ],
    ['altered from its first instant', [add, [altered(NOW, 'B'), NOW]], [['B', 0, null]]],
    [
      'altered across a later stretch',
      [add, [altered(NOW + 4, 'B'), NOW], [altered(NOW + 2, 'C'), NOW]],
      'anchor_exists',
    ],
    [
      'altered up to it',
      [add, [altered(NOW + 4, 'B'), NOW], [altered(NOW + 2, 'C', NOW + 4), NOW]],
      [
        ['Test CA', 0, 2],
        ['B', 4, null],
        ['C', 2, 4],
      ],
    ],
    ['altered after its end', [add, [ended(NOW + 3), NOW], [altered(NOW + 3, 'B'), NOW]], 'anchor_unknown'],
    ['never added', [[altered(NOW, 'B'), NOW]], 'anchor_unknown'],
    ['ended, never added', [[ended(NOW), NOW]], 'anchor_unknown'],
    ['ends as it begins', [[added(NOW, NOW), NOW]], 'anchor_dates_wrong'],
    ['over when it is confirmed', [[added(NOW, NOW + 3), NOW + 3]], 'anchor_dates_wrong'],
  ] as [string, [TrustChange, number][], unknown][])
    t.strictSame(fold(...changes), result, name);
});

t.test('what is no CA, no certificate or no date', async (t) => {
  const issued = await cas[0]?.issue({
    holder: { creditCode: '91110000600037341L', organisation: 'x', name: 'x' },
    usage: 'sign',
    key: 'p256',
  });
  const [leaf] = parsePem(issued?.certificatePem ?? '');
  if (leaf === undefined) throw new Error('no leaf');
  t.equal(fold([addition(leaf, { fromAt: NOW }), NOW]), 'anchor_not_ca');
  const change = added(NOW);
  t.equal(fold([{ ...change, certificate: toBase64(Uint8Array.of(1)) } as TrustChange, NOW]), 'certificate_malformed');
  for (const from of ['2026-02-30T00:00:00.000Z', '2026-13-01T00:00:00.000Z'])
    t.equal(fold([{ ...change, from }, NOW]), 'anchor_dates_wrong', from);
  t.equal(fold([added(NOW), NOW], [{ ...ended(NOW), from: '2026-02-30T00:00:00.000Z' }, NOW]), 'anchor_dates_wrong');
});

t.test('nothing that was believed before a change is touched by it, and no CA has two terms at once', async (t) => {
  const instant = fc.integer({ min: 0, max: 12 }).map((n) => NOW + n);
  const end = fc.option(instant, { nil: null });
  const change = fc.oneof(
    fc.tuple(instant, end).map(([from, until]) => added(from, until)),
    fc
      .tuple(instant, end, fc.string({ minLength: 1, maxLength: 3 }))
      .map(([from, until, label]) => altered(from, label, until)),
    instant.map(ended),
  );
  const seen = { refused: 0, changed: 0 };
  fc.assert(
    fc.property(fc.array(change, { maxLength: 12 }), (changes) => {
      let store: readonly AnchorVersion[] = [];
      for (const [n, next] of changes.entries()) {
        const fromAt = effectiveFrom(next, NOW + n);
        const result = applyTrustChange(sha256, store, next, fromAt);
        seen['refused' in result ? 'refused' : 'changed'] += 1;
        if ('refused' in result) continue;
        const said = (anchors: readonly AnchorVersion[], at: number) =>
          JSON.stringify(anchorsAt(anchors, at).map(({ terms }) => terms));
        for (let at = NOW - 1; at <= NOW + 13; at++) {
          if (at < fromAt) t.equal(said(result.store, at), said(store, at));
          t.ok(anchorsAt(result.store, at).length <= 1);
        }
        t.equal(anchorsAt(result.store, fromAt).length, next.change === 'end' ? 0 : 1);
        store = result.store;
      }
    }),
    { numRuns: 150 },
  );
  t.ok(seen.refused > 20 && seen.changed > 20);
});

t.test('the digest is of the change’s own bytes', async (t) => {
  const change = added(NOW);
  t.equal(digestOfChange(sha256, JSON.parse(JSON.stringify(change)) as TrustChange), digestOfChange(sha256, change));
  t.not(digestOfChange(sha256, { ...change, reason: 'other' }), digestOfChange(sha256, change));
});

t.test('who may be one person', async (t) => {
  const a = { account: '91110000600037341L/7', name: '张 伟' };
  t.ok(maybeSamePerson(a, { account: '91440101190480123X/7', name: '李四' }), 'one number in two organisations');
  t.ok(maybeSamePerson(a, { account: '91110000600037341L/8', name: '张伟' }), 'one name under two numbers');
  t.ok(maybeSamePerson({ ...a, name: 'Ａnna Li' }, { account: 'x/8', name: 'anna  li' }));
  t.notOk(maybeSamePerson(a, { account: '91110000600037341L/8', name: '李四' }));
  t.ok(namesPerson(a.account));
  t.notOk(namesPerson('91110000600037341L'));
});
