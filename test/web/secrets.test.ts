/** Acts whose data a browser makes: what is sealed opens to what is promised, what is kept is used again, and a drawing is computed anew. */
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { openSecret } from '../../server/client/open-secret.ts';
import { fromBase64, toBase64Url } from '../../server/core/log/base64.ts';
import { readDisclosure } from '../../server/core/log/disclosure.ts';
import { fromUtf8 } from '../../server/core/log/utf8.ts';
import type { CommandData } from '../../server/core/opening/commands.ts';
import { shareCommitment } from '../../server/core/opening/draw.ts';
import { readOffer } from '../../server/core/opening/quote-rounds.ts';
import type { PersonRole } from '../../server/core/opening/roles.ts';
import type { OpeningState } from '../../server/core/opening/state.ts';
import { windowKeyId } from '../../server/core/seal/decryption.ts';
import { sha256 } from '../../server/hash.ts';
import { restoreOpeningKey } from '../../server/vault/opening-key.ts';
import { checkDraw } from '../../web/drawing/draw-check.ts';
import { BECOMES, seenBy } from '../../web/person/seen-by.ts';
import { type KeptFiles, keptFilesOf, readFiles } from '../../web/secrets/kept-files.ts';
import { MAKERS, type Making, shareFileName } from '../../web/secrets/made-acts.ts';
import { quoteOf } from '../../web/secrets/quote-form.ts';
import { bidderWho, digest, staffWho } from '../support/opening-people.ts';
import { BLIND, drawNow, HOLDERS, LAYER, reach } from '../support/opening-phases.ts';
import { tenderer } from '../support/opening-script.ts';
import t from '../support/tap.ts';

/** A key of the platform's as the log would name it, and its private half. */
function namedKey(): { kid: string; key: { kty: 'EC'; crv: 'P-256'; x: string; y: string }; privateKey: KeyObject } {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { x = '', y = '' } = privateKey.export({ format: 'jwk' });
  const key = { kty: 'EC', crv: 'P-256', x, y } as const;
  return { kid: windowKeyId(sha256, key), key, privateKey };
}
let made = 0;
const making = (state: OpeningState, change: Partial<Making> = {}): Making => ({
  role: 'bidder',
  creditCode: bidderWho(0).creditCode,
  state,
  given: {},
  files: keptFilesOf(state.openingId, `person-${made++}`),
  account: '',
  randomBytes: (count) => new Uint8Array(count).fill(made++),
  now: () => 0,
  ...change,
});

t.test('a share is made once in a round, kept, and sealed to what it promises', async (t) => {
  const named = namedKey();
  const { state } = reach('Drawing');
  if (state.drawing === null) throw new Error('no drawing');
  const drawing = { ...state.drawing, kid: named.kid, key: named.key };
  const own = making({ ...state, drawing });
  const data = await MAKERS.CommitShare(own);
  const { openingId } = state;
  const about = { openingId, round: 1 };
  const opened = await openSecret(String(data['sealed']), named.privateKey, named.kid, {
    about: 'draw_share',
    ...about,
  });
  const share = toBase64Url(opened ?? new Uint8Array());
  const bidder = state.numbers.known ? (state.numbers.value[0] ?? 0) : 0;
  t.equal(data['commitment'], shareCommitment(about, { sharer: bidder, share }, digest));
  t.equal((await MAKERS.CommitShare(own))['commitment'], data['commitment'], 'the same share again');
  const file = own.files.textOf(shareFileName(1, 'bidder')) ?? '';
  t.strictSame(await MAKERS.RevealShare({ ...own, given: { shareFile: file } }), { round: 1, share });
  await t.rejects(MAKERS.RevealShare({ ...own, given: { shareFile: '{}' } }), { code: 'no_kept_share' });
  await t.rejects(MAKERS.RevealShare({ ...own, given: { shareFile: file.replace('"round":1', '"round":2') } }), {
    code: 'no_kept_share',
  });
  await t.rejects(MAKERS.CommitShare(making({ ...state, drawing }, { creditCode: 'nobody' })), { code: 'no_drawing' });
  await t.rejects(MAKERS.CommitShare(making({ ...state, drawing: { ...drawing, kid: digest('other') } })), {
    code: 'key_not_as_named',
  });
  const witness = await MAKERS.CommitShare(making({ ...state, drawing }, { role: 'witness', creditCode: '' }));
  const theirs = await openSecret(String(witness['sealed']), named.privateKey, named.kid, {
    about: 'draw_share',
    ...about,
  });
  t.equal(
    witness['commitment'],
    shareCommitment(about, { sharer: 'witness', share: toBase64Url(theirs ?? new Uint8Array()) }, digest),
  );
});

t.test('a quote is sealed to its round, committed to, and kept to be shown later', async (t) => {
  const named = namedKey();
  const { state } = reach('QuoteRound');
  const [running] = state.quoteRounds;
  if (running === undefined) throw new Error('no round');
  const given = { quoteKind: 'total', amount: '12,345,678.90', unit: ' 元 ' };
  const own = making({ ...state, quoteRounds: [{ ...running, kid: named.kid, key: named.key }] }, { given });
  const data = await MAKERS.SubmitQuote(own);
  const opened = await openSecret(String(data['sealed']), named.privateKey, named.kid, {
    about: 'quote',
    openingId: state.openingId,
    round: 1,
  });
  const disclosure = fromUtf8(opened ?? new Uint8Array());
  t.match(readOffer(disclosure), {
    creditCode: bidderWho(0).creditCode,
    round: 1,
    quote: { kind: 'total', amount: '12345678.90', unit: '元', inWords: '壹仟贰佰叁拾肆万伍仟陆佰柒拾捌元玖角' },
  });
  t.equal(readDisclosure(disclosure).salt.length, 32);
  t.strictSame(
    own.files.all().map(({ name, text }) => [name, text]),
    [[`quote-1-${String(data['commitment']).slice(0, 8)}.json`, `${disclosure}\n`]],
  );
  await t.rejects(MAKERS.SubmitQuote(making(reach('Announcing').state, { given })), { code: 'no_quote_round' });
  t.equal(quoteOf({ quoteKind: 'rate', amount: '95.5', unit: '%' }).inWords, '', 'a rate has no words of money');
});

/** A browser that keeps what it is given. */
function shelf(): KeptFiles {
  const files = new Map<string, string>();
  return {
    all: () => [...files].map(([name, text]) => ({ name, text })),
    textOf: (name) => files.get(name) ?? null,
    keep: ({ name, text }) => files.set(name, text) !== undefined,
  };
}

t.test(
  'an opening key is dealt in the browser: two of three shares restore it, and each holder opens its own',
  async (t) => {
    for (const policy of [{ tendererLayer: LAYER }, BLIND] as const) {
      const s = reach('Draft', { policy });
      const people = HOLDERS.map(({ role }) =>
        making(s.state, { role: role as PersonRole, account: staffWho(role)?.account ?? '', files: shelf() }),
      );
      for (const [place, actor] of HOLDERS.entries()) {
        const data = await MAKERS.OfferHolderKey(people[place] ?? making(s.state));
        t.strictSame(await MAKERS.OfferHolderKey(people[place] ?? making(s.state)), data, 'the kept key again');
        s.go('OfferHolderKey', data as CommandData<'OfferHolderKey'>, actor);
      }
      const now = (): Making[] =>
        people.map((one) => ({ ...one, state: s.state, given: { holderFile: one.files.textOf('holder-key.json') } }));
      const [dealer] = now();
      if (dealer === undefined) throw new Error('nobody');
      const data = (await MAKERS.DealOpeningKey(dealer)) as CommandData<'DealOpeningKey'>;
      s.go('DealOpeningKey', data, tenderer);
      const { openingId, layer } = s.state;
      for (const one of now()) t.strictSame(await MAKERS.AcknowledgeShare(one), { secretCommit: data.secretCommit });
      await t.rejects(MAKERS.AcknowledgeShare({ ...dealer, state: s.state, given: {} }), { code: 'no_holder_key' });
      await t.rejects(
        MAKERS.AcknowledgeShare({
          ...(now()[1] ?? dealer),
          given: { holderFile: dealer.files.textOf('holder-key.json') },
        }),
        { code: 'no_dealt_share' },
        'another’s key file',
      );
      const changed = {
        ...s.state,
        layer: {
          ...layer,
          key: layer.key && {
            ...layer.key,
            shares: layer.key.shares.map((one) => ({ ...one, commitment: digest('x') })),
          },
        },
      };
      await t.rejects(MAKERS.AcknowledgeShare({ ...(now()[0] ?? dealer), state: changed }), {
        code: 'share_not_as_dealt',
      });

      const named = namedKey();
      const due = {
        ...s.state,
        phase: 'TendererDecrypting',
        window: { kid: named.kid, key: named.key },
        layer: { ...layer, shareKey: named },
      } as unknown as OpeningState;
      const shares: Uint8Array[] = [];
      for (const holder of [3, 1]) {
        const one = { ...(now()[holder - 1] ?? dealer), state: due };
        const given = await MAKERS.UnsealLayer({ ...one, now: () => due.deadlineAt });
        const share = await openSecret(String(given['sealed']), named.privateKey, named.kid, {
          about: 'unsealing_share',
          openingId,
          holder,
        });
        shares.push(share ?? new Uint8Array());
        await t.rejects(MAKERS.UnsealLayer({ ...one, now: () => due.deadlineAt - 1 }), { code: 'no_unsealing' });
      }
      const half =
        data.certificate === undefined
          ? { windowKey: data.windowKey as never }
          : { certificate: fromBase64(data.certificate) };
      const dealt = {
        ...half,
        openingId,
        threshold: 2,
        wrappedKey: fromBase64(data.wrappedKey),
        secretCommit: data.secretCommit,
      };
      t.ok((await restoreOpeningKey(shares, dealt)) instanceof Uint8Array, 'two of three give the key');
    }
  },
);

t.test(
  'nothing is offered that the browser cannot keep, and nothing dealt to fewer than the policy asks for',
  async (t) => {
    const { state } = reach('Draft', { policy: { tendererLayer: LAYER } });
    await t.rejects(MAKERS.OfferHolderKey(making(state)), { code: 'not_kept' });
    await t.rejects(MAKERS.DealOpeningKey(making(state)), { code: 'holders_missing' });
  },
);

t.test('what is kept stays with its person and opening; what is no list of files is none', async (t) => {
  const files = keptFilesOf('o', 'a');
  files.keep({ name: 'x.json', text: '1' });
  files.keep({ name: 'y.json', text: '2' });
  files.keep({ name: 'x.json', text: '3' });
  t.strictSame(
    keptFilesOf('o', 'a')
      .all()
      .map(({ name, text }) => `${name} ${text}`),
    ['y.json 2', 'x.json 3'],
  );
  t.strictSame(keptFilesOf('o', 'b').all(), []);
  t.strictSame(keptFilesOf('p', 'a').all(), []);
  for (const text of [null, '', '{', '{}', '[1, null, {"name": 1, "text": ""}, {"name": "x"}]'])
    t.strictSame(readFiles(text), []);
});

t.test('a coefficient is computed again from the log; a share that is not as promised is found', async (t) => {
  const s = drawNow();
  const entries = s.lines.map(({ event }) => ({ event }));
  const check = checkDraw(s.state, entries as Parameters<typeof checkDraw>[1]);
  t.match(check, { isAsPromised: true, isSame: true, coefficient: s.state.drawing?.coefficient, count: 1_000_000 });
  t.match(check?.text, /^\{"openingId":.*"shares":\[\["platform",.*\["witness",/);
  const { drawing } = s.state;
  if (drawing === null) throw new Error('no drawing');
  const forged = drawing.shares.map((share, n) => (n === 1 ? { ...share, share: digest('other') } : share));
  t.match(
    checkDraw({ ...s.state, drawing: { ...drawing, shares: forged } }, entries as Parameters<typeof checkDraw>[1]),
    { isAsPromised: false },
  );
  t.match(
    checkDraw({ ...s.state, drawing: { ...drawing, coefficient: '0' } }, entries as Parameters<typeof checkDraw>[1]),
    { isSame: false },
  );
  t.equal(checkDraw(reach('Drawing').state, []), null, 'nothing is drawn yet');
});

t.test('who sees an act is said by the rules that show it', async (t) => {
  const { state } = reach('RosterPublished');
  t.strictSame(seenBy('CheckIn', state), null, 'the register is nobody else’s');
  t.ok(seenBy('PublishRoster', state)?.content?.includes('public'));
  t.notOk(seenBy('RaiseObjection', state)?.content?.includes('public'));
  t.ok(seenBy('RaiseObjection', state)?.content?.includes('bidder'));
  t.strictSame(seenBy('SubmitQuote', reach('QuoteRound').state)?.person, [], 'nobody before the common end');
  t.equal(seenBy('OpenWindow', state)?.content, null);
  t.notOk(seenBy('OpenWindow', state)?.person.includes('bidder'));
  t.ok(Object.keys(BECOMES).length > 40);
});
