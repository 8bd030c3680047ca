/** Revocation: which lists speak of a certificate, who may sign them, and that what cannot be known is neither good nor refused. */
import type { CertificateRequest } from '../../../server/cli/demo/ca.ts';
import { basicConstraints, keyUsage } from '../../../server/cli/demo/ca.ts';
import { type CrlRequest, integer, writeExtension } from '../../../server/cli/demo/crl.ts';
import { type ChainQuestion, verifyChain } from '../../../server/core/pki/chain.ts';
import { CRL_EXTENSION, type Crl } from '../../../server/core/pki/crl.ts';
import { EXTENSION } from '../../../server/core/pki/extensions.ts';
import { CRL_STEP_LIMIT } from '../../../server/core/pki/revocation.ts';
import { verifyCertificateSignature } from '../../../server/identity/signature.ts';
import t from '../../support/tap.ts';
import {
  type Authority,
  at,
  authority,
  crl,
  crlDer,
  DAY_MS,
  holder,
  rawExtension,
  sequenceOf,
  tagged,
  uriPoint,
} from './authority.ts';

const root = await authority('Root');
const middle = await authority('Middle', root);
const leaf = await holder(middle);
const rootList = crl(root);

const verify = (crls: ChainQuestion['crls'], changes: Partial<ChainQuestion> = {}) =>
  verifyChain({
    leaf: leaf.certificate,
    intermediates: [middle.certificate],
    anchors: [root.certificate],
    ...(crls && { crls }),
    at,
    purpose: 'sign',
    verifySignature: verifyCertificateSignature,
    ...changes,
  });
/** `ok`, a reason, or `?` and why it is open. */
const verdict = (crls: ChainQuestion['crls'], changes: Partial<ChainQuestion> = {}): string => {
  const result = verify(crls, changes);
  return result.ok ? 'ok' : `${result.undetermined ? '? ' : ''}${result.reason}`;
};
const entryOf = ({ certificate }: Authority, parts: Partial<CrlRequest['entries'][number]> = {}) => ({
  serial: certificate.serial,
  revokedAt: at - 1_000,
  ...parts,
});

t.test('good, revoked, and not to be known', async (t) => {
  t.equal(verdict([rootList, crl(middle)]), 'ok');
  t.equal(verdict([rootList, crl(middle, { entries: [entryOf(leaf)] })]), 'revoked');
  t.equal(verdict([crl(root, { entries: [entryOf(middle)] }), crl(middle)]), 'issuer_revoked');
  t.equal(verdict([rootList]), '? no_crl');
  t.equal(verdict([crl(middle)]), '? no_crl', 'the CA above must be known to be good too');
  t.equal(verdict(undefined), '? no_crl', 'to ask for revocation is what happens unless it is forgone');
  t.equal(verdict([rootList, crl(middle, { entries: [entryOf(middle)] })]), 'ok', 'another certificate’s entry');
  t.equal(verdict([crl(middle, { entries: [entryOf(leaf)] })]), 'revoked', 'the leaf revoked is the end of it');
});

t.test('an open question is never ok', async (t) => {
  const result = verify([rootList]);
  t.equal(result.ok, false);
  t.ok(!result.ok && result.undetermined);
  if (result.ok || !result.undetermined) return;
  t.strictSame(result.path, [leaf.certificate, middle.certificate, root.certificate]);
  t.strictSame(
    result.revocation.map(({ status }) => status),
    ['unknown', 'good'],
  );
});

t.test('what a good answer rests on is handed back', async (t) => {
  const list = crl(middle);
  const result = verify([list, rootList]);
  t.strictSame(result.ok && result.revocation, [
    { status: 'good', crls: [list] },
    { status: 'good', crls: [rootList] },
  ]);
});

t.test('three ways to take what is not known', async (t) => {
  t.equal(verdict([], { revocation: 'when_known' }), 'ok');
  t.equal(verdict([rootList], { revocation: 'when_known' }), 'ok');
  t.equal(verdict([crl(middle, { entries: [entryOf(leaf)] })], { revocation: 'when_known' }), 'revoked');
  const stale = crl(middle, { nextUpdateAt: at - 5_000 });
  t.equal(verdict([stale], { revocation: 'when_known' }), '? crl_stale', 'an issuer with a list has to keep it fresh');
  t.equal(verdict([Uint8Array.of(1)], { revocation: 'when_known' }), '? crl_unusable', 'whose this was nobody knows');
  t.equal(verdict([crl(middle, { entries: [entryOf(leaf)] })], { revocation: 'ignored' }), 'ok');
});

t.test('dates, to the second', async (t) => {
  const dated = (changes: Partial<CrlRequest>, when = at) => verdict([rootList, crl(middle, changes)], { at: when });
  t.equal(dated({ nextUpdateAt: at }, at + 999), 'ok');
  t.equal(dated({ nextUpdateAt: at }, at + 1_000), '? crl_stale');
  t.equal(dated({ thisUpdateAt: at }), 'ok');
  t.equal(dated({ thisUpdateAt: at + 1_000 }), '? crl_not_yet_valid');
  t.equal(dated({ thisUpdateAt: at + 1_000, entries: [entryOf(leaf)] }), '? crl_not_yet_valid');
  const stale = { nextUpdateAt: at - 5_000 };
  t.equal(dated({ ...stale, entries: [entryOf(leaf, { reason: 'keyCompromise' })] }), 'revoked', 'for good');
  t.equal(dated({ ...stale, entries: [entryOf(leaf, { reason: 'certificateHold' })] }), '? crl_stale', 'may be lifted');
  t.equal(dated({ entries: [entryOf(leaf, { reason: 'certificateHold' })] }), 'revoked');
  t.equal(dated({ entries: [entryOf(leaf, { reason: 'removeFromCRL' })] }), 'ok');
});

t.test('of two lists for the same scope the newer one speaks', async (t) => {
  const held = crl(middle, { number: 1, entries: [entryOf(leaf, { reason: 'certificateHold' })] });
  const lifted = crl(middle, { number: 2, thisUpdateAt: at - 1_000 });
  for (const crls of [
    [rootList, held, lifted],
    [rootList, lifted, held],
  ])
    t.equal(verdict(crls), 'ok');
  const again = crl(middle, { number: 3, thisUpdateAt: at - 1_000, entries: [entryOf(leaf)] });
  t.equal(verdict([rootList, lifted, again]), 'revoked', 'of the same second the higher number');
});

t.test('who signed the list', async (t) => {
  const impostor = await authority('Middle');
  t.equal(verdict([rootList, crl(impostor)]), '? crl_signer', 'the name without the key');
  const list = crl(middle);
  t.equal(verdict([rootList, { ...list, signature: list.signature.slice().fill(1, 8) }]), '? crl_signer');
  const mute = await authority('Mute', root, { extensions: [basicConstraints(true), keyUsage(['keyCertSign'])] });
  const below = await holder(mute);
  const asked = { leaf: below.certificate, intermediates: [mute.certificate] };
  t.equal(verdict([rootList, crl(mute)], asked), '? crl_signer', 'without cRLSign a CA signs none');
  const speaker = await authority('Mute', root, { extensions: [keyUsage(['cRLSign'])] });
  const withSpeaker = { leaf: below.certificate, intermediates: [mute.certificate, speaker.certificate] };
  t.equal(verdict([rootList, crl(speaker)], withSpeaker), 'ok', 'another key of the same name may');
  t.equal(
    verdict([crl(root, { entries: [entryOf(speaker)] }), crl(speaker)], withSpeaker),
    '? crl_signer',
    'unless that key’s certificate is revoked',
  );
  const elsewhere = await authority('Elsewhere');
  const foreign = await authority('Mute', elsewhere, { extensions: [keyUsage(['cRLSign'])] });
  t.equal(
    verdict([rootList, crl(elsewhere), crl(foreign)], {
      ...asked,
      intermediates: [mute.certificate, foreign.certificate],
      anchors: [root.certificate, elsewhere.certificate],
    }),
    '? crl_signer',
    'a signer under another anchor speaks for its own people only',
  );
});

t.test('a signer of lists acquits itself only where its certificate says that it may', async (t) => {
  const usage = keyUsage(['cRLSign']);
  const issuerName = (issuer: Authority) => tagged(0xa2, tagged(0xa4, issuer.certificate.subject.full));
  const indirect = writeExtension(CRL_EXTENSION.issuingPoint, true, sequenceOf(tagged(0x84, Uint8Array.of(0xff))));
  const point = (issuer: Authority) =>
    rawExtension(EXTENSION.crlDistributionPoints, false, sequenceOf(sequenceOf(issuerName(issuer))));
  const named = await authority('Speaker');
  const speaker = async (...extensions: CertificateRequest['extensions']) =>
    authority('Speaker', middle, { extensions: [usage, ...extensions] });
  const person = await holder(middle, point(named));
  const ask = async (signer: Authority) =>
    verdict([rootList, crl(signer, { extensions: [indirect] })], {
      leaf: person.certificate,
      intermediates: [middle.certificate, signer.certificate],
    });
  t.equal(await ask(await speaker(point(named))), 'ok');
  t.equal(await ask(await speaker()), '? crl_signer');
});

t.test('scopes: kinds of certificates, points, and reasons that add up', async (t) => {
  const scope = (...parts: Uint8Array[]) => [writeExtension(CRL_EXTENSION.issuingPoint, true, sequenceOf(...parts))];
  const yes = Uint8Array.of(0xff);
  const scoped = (list: Authority, ...parts: Uint8Array[]) => crl(list, { extensions: scope(...parts) });
  t.equal(verdict([rootList, scoped(middle, tagged(0x81, yes))]), 'ok', 'only users');
  t.equal(verdict([rootList, scoped(middle, tagged(0x82, yes))]), '? crl_other_scope', 'only CAs');
  t.equal(verdict([scoped(root, tagged(0x82, yes)), crl(middle)]), 'ok');
  t.equal(verdict([scoped(root, tagged(0x81, yes)), crl(middle)]), '? crl_other_scope');
  t.equal(verdict([rootList, scoped(middle, tagged(0x85, yes))]), '? crl_other_scope', 'only attributes');

  const uri = 'http://ca.example/part-1.crl';
  const point = rawExtension(EXTENSION.crlDistributionPoints, false, sequenceOf(sequenceOf(uriPoint(uri))));
  const person = { leaf: (await holder(middle, point)).certificate };
  t.equal(verdict([rootList, scoped(middle, uriPoint(uri))], person), 'ok');
  t.equal(verdict([rootList, scoped(middle, uriPoint('http://ca.example/part-2.crl'))], person), '? crl_other_scope');
  t.equal(verdict([rootList, scoped(middle, uriPoint(uri))]), '? crl_other_scope', 'who names no point is in no part');
  t.equal(verdict([rootList, crl(middle)], person), 'ok', 'a list without a point speaks of all');

  // ReasonFlags: keyCompromise and cACompromise; all the others.
  const some = tagged(0x83, Uint8Array.of(5, 0b0110_0000));
  const rest = tagged(0x83, Uint8Array.of(7, 0b0001_1111, 0b1000_0000));
  t.equal(verdict([rootList, scoped(middle, some)]), '? no_crl', 'a part of the reasons is not enough');
  t.equal(verdict([rootList, scoped(middle, some), scoped(middle, rest)]), 'ok');
  t.equal(
    verdict([rootList, scoped(middle, some), crl(middle, { extensions: scope(rest), entries: [entryOf(leaf)] })]),
    'revoked',
  );
});

t.test('deltas: newer than the list, from where it stands, of the same scope and key', async (t) => {
  const delta = (base: number, number: number, changes: Partial<CrlRequest> = {}): Crl =>
    crl(middle, {
      number,
      extensions: [writeExtension(CRL_EXTENSION.deltaIndicator, true, integer(base))],
      entries: [entryOf(leaf)],
      ...changes,
    });
  const full = crl(middle, { number: 5 });
  t.equal(verdict([rootList, full, delta(5, 6)]), 'revoked');
  t.equal(verdict([rootList, full, delta(4, 6)]), 'revoked');
  t.equal(verdict([rootList, full, delta(6, 7)]), 'ok', 'there is a gap between them');
  t.equal(verdict([rootList, full, delta(4, 5)]), 'ok', 'the full list is as new');
  t.equal(verdict([rootList, full, delta(5, 6, { nextUpdateAt: at - 5_000 })]), 'ok', 'over, but the full list is not');
  t.equal(verdict([rootList, delta(5, 6)]), '? no_crl', 'a delta alone says nothing');
  const held = crl(middle, { number: 5, entries: [entryOf(leaf, { reason: 'certificateHold' })] });
  t.equal(verdict([rootList, held, delta(5, 6, { entries: [entryOf(leaf, { reason: 'removeFromCRL' })] })]), 'ok');
  const impostor = await authority('Middle');
  const forged = crl(impostor, {
    number: 9,
    extensions: [writeExtension(CRL_EXTENSION.deltaIndicator, true, integer(5))],
    entries: [entryOf(leaf, { reason: 'removeFromCRL' })],
  });
  t.equal(verdict([rootList, held, forged]), 'revoked', 'a delta that nobody signed lifts nothing');
  t.equal(verdict([rootList, full, forged, delta(5, 6)]), 'revoked', 'nor does it stand before one that is signed');
});

t.test('what cannot be used, and bytes instead of what was read', async (t) => {
  const strange = crl(middle, { extensions: [writeExtension('1.2.3.4', true, sequenceOf())] });
  t.equal(verdict([rootList, strange]), '? crl_unusable');
  t.equal(verdict([crlDer(root), crlDer(middle)], { leaf: leaf.certificate.der }), 'ok');
  t.equal(verdict([], { leaf: leaf.certificate.der.subarray(1) }), 'malformed');
});

t.test('points of a certificate times lists: bounded, at the edge', async (t) => {
  const points = (count: number) =>
    rawExtension(
      EXTENSION.crlDistributionPoints,
      false,
      sequenceOf(...Array.from({ length: count }, (_, n) => sequenceOf(uriPoint(`http://ca/${n}`)))),
    );
  const others = Array.from({ length: 63 }, (_, n) => ({ ...rootList, number: BigInt(n) }));
  // Each point and the implicit one ask 63 lists of others and, last because it is the oldest, the one that answers.
  const own = crl(middle, {
    thisUpdateAt: at - 2 * DAY_MS,
    extensions: [writeExtension(CRL_EXTENSION.issuingPoint, true, sequenceOf(uriPoint('http://ca/last')))],
  });
  const [few, many] = await Promise.all([holder(middle, points(62)), holder(middle, points(64))]);
  const ask = (person: Authority) => verdict([...others, own], { leaf: person.certificate });
  t.ok(63 * 64 < CRL_STEP_LIMIT && 65 * 64 > CRL_STEP_LIMIT);
  t.equal(ask(few), '? crl_other_scope');
  t.equal(ask(many), '? search_limit');
});
