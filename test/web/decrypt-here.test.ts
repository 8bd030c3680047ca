/** What the page checks before a bidder's key is used: the kept file, the log's key, and that the window stands on the log it verified. */

import type { Api, DecryptionChallengeAnswer, OwnBidAnswer } from '../../server/client/api.ts';
import { ApiError } from '../../server/client/transport.ts';
import { toBase64Url } from '../../server/core/log/base64.ts';
import { byWhomever, prepareDecryption } from '../../web/person/decrypt-here.ts';
import type { HeldEntry, ReplicaView } from '../../web/replica/replica.ts';
import { OPENING_ID } from '../support/opening-people.ts';
import t from '../support/tap.ts';
import { lodgedPayload, unsignedJws } from './lodged-payload.ts';
import { makeLog } from './made-log.ts';
import { CAST, tell } from './story.ts';

const script = tell('Decrypting');
const log = makeLog(script);
const view: ReplicaView = {
  state: script.state,
  entries: script.lines.map(
    ({ entry, event }, seq) => ({ entry, event, text: log.texts[seq] ?? '', phase: script.state.phase }) as HeldEntry,
  ),
  standing: { kind: 'verified', size: log.size, root: log.root(log.size) },
  vkey: log.signer.vkey,
  isPinned: true,
  heads: [],
};
const windowSeq = script.lines.findIndex(({ event }) => event.type === 'WindowOpened');
const digest = toBase64Url(new Uint8Array(32));
const id = toBase64Url(new Uint8Array(16));
const lodged = lodgedPayload({
  iss: CAST[0]?.creditCode ?? '',
  aud: script.state.platform,
  openingId: OPENING_ID,
  lotId: script.state.details.lot.code,
});
const kept = (change: object = {}) =>
  JSON.stringify({
    bidId: id,
    statement: unsignedJws(lodged),
    receipt: unsignedJws({}),
    logVkey: log.signer.vkey,
    ...change,
  });

/** What was asked of platform and key. */
function asking(
  window: DecryptionChallengeAnswer['window'] = { entry: log.texts[windowSeq] ?? '', proof: '' },
  standing: OwnBidAnswer['standing'] = null,
) {
  const asked: string[] = [];
  const challenge: DecryptionChallengeAnswer = {
    bidId: id,
    jti: id,
    window,
    recipientInfos: '',
    closesAt: 0,
    now: 0,
  };
  const needs: Parameters<typeof prepareDecryption>[0] = {
    openingId: OPENING_ID,
    api: {
      readDecryptionChallenge: async () => {
        asked.push('challenge');
        return challenge;
      },
      readOwnBid: async () => {
        asked.push('own');
        return { standing };
      },
    } as unknown as Api,
    sendAsAnybody: async () => Promise.reject(new Error('nothing is sent here')),
    signer: { alg: 'ES256', certificate: new Uint8Array(), chain: [], sign: async () => new Uint8Array(64) },
    creditCode: lodged.iss,
    unwrapper: () => async () => {
      asked.push('key');
      return new Uint8Array(32);
    },
    acknowledge: (kid) => void asked.push(`acknowledged ${kid === script.state.window?.kid}`),
  };
  return { asked, needs };
}

t.test('a file that lodging never left is refused before anything is asked', async (t) => {
  for (const text of [
    '',
    'junk',
    '[]',
    '{}',
    kept({ receipt: 1 }),
    kept({ statement: 'a.b' }),
    kept({ statement: unsignedJws({}) }),
  ]) {
    const { asked, needs } = asking();
    await t.rejects(prepareDecryption(needs, view, text), { code: 'bid_file_malformed' }, text.slice(0, 20));
    t.strictSame(asked, []);
  }
});

t.test('a log of another key than at the lodging gets nothing', async (t) => {
  const { asked, needs } = asking();
  const other = makeLog(script, { seedByte: 9 }).signer.vkey;
  await t.rejects(prepareDecryption(needs, { ...view, vkey: other }, kept()), { code: 'window_not_proven' });
  t.strictSame(asked, []);
});

t.test('a window that does not stand on the verified log never meets the key', async (t) => {
  for (const entry of [log.texts[0] ?? '', `${log.texts[windowSeq]} `, '']) {
    const { asked, needs } = asking({ entry, proof: '' });
    await t.rejects(prepareDecryption(needs, view, kept()), { code: 'window_not_proven' });
    t.strictSame(asked, ['challenge']);
  }
  const { asked, needs } = asking();
  const before = { ...view, entries: view.entries.slice(0, windowSeq) };
  await t.rejects(
    prepareDecryption(needs, before, kept()),
    { code: 'window_not_proven' },
    'the page has not come so far',
  );
  t.strictSame(asked, ['challenge']);
});

t.test('a kept key of another bid, or none at all, is refused before anything is asked', async (t) => {
  const { asked, needs } = asking();
  const backup = (bidId: string) =>
    JSON.stringify({ v: 1, openingId: OPENING_ID, bidId, contentKey: toBase64Url(new Uint8Array(32)) });
  for (const text of ['{}', backup(toBase64Url(new Uint8Array(16).fill(1))), backup(id).replace(OPENING_ID, 'other')])
    await t.rejects(prepareDecryption(needs, view, kept(), { backup: text }), { code: 'backup_malformed' });
  t.strictSame(asked, []);
  await t.rejects(prepareDecryption(needs, view, kept(), { backup: backup(id) }), { code: /./ });
  t.strictSame(asked, ['challenge'], 'in a remedy no challenge is acknowledged, and the kept key stands for one’s own');
});

t.test('that the challenge arrived is said before statement and key are tried', async (t) => {
  const { asked, needs } = asking();
  await t.rejects(prepareDecryption(needs, view, kept()), { code: 'bid_file_malformed' }, 'a receipt of nothing');
  t.strictSame(asked, ['challenge', 'acknowledged true']);
});

t.test('the file of another bid than the one that stands is said to be that, and no key is asked', async (t) => {
  const { asked, needs } = asking();
  const other = { ...lodged, bidId: toBase64Url(new Uint8Array(16).fill(1)) };
  await t.rejects(prepareDecryption(needs, view, kept({ statement: unsignedJws(other) })), { code: 'bid_file_other' });
  t.strictSame(asked, ['challenge', 'acknowledged true']);
});

t.test('a file that was saved before it was sent serves as well: its receipt is asked for', async (t) => {
  const without = kept({ receipt: null });
  const none = asking();
  await t.rejects(prepareDecryption(none.needs, view, without), { code: 'bid_file_other' });
  t.strictSame(none.asked, ['challenge', 'acknowledged true', 'own']);
  const receipt = unsignedJws({
    v: 1,
    iss: lodged.aud,
    aud: lodged.iss,
    openingId: lodged.openingId,
    lotId: lodged.lotId,
    bidId: id,
    act: 'lodged',
    statementSha256: digest,
    envelopeSha256: digest,
    envelopeBytes: 1,
    recipientInfosSha256: digest,
    receivedAt: '2026-03-02T00:30:00.000Z',
    iat: '2026-03-02T00:30:00.000Z',
    jti: id,
  });
  const again = asking(undefined, { bidId: id, statement: '', receipt, actId: null });
  // all it lacks now is a signature of its bidder, which is checked next
  await t.rejects(prepareDecryption(again.needs, view, without), { code: 'not_our_lodgement' });
  t.strictSame(again.asked, ['challenge', 'acknowledged true', 'own']);
});

t.test('what was signed is handed in without a session when that is over, and only then', async (t) => {
  const refuse = (status: number) => () => Promise.reject(new ApiError(`code_${status}`, status, ''));
  const anybody = async () => 'taken';
  t.equal(await byWhomever(refuse(401), anybody)(), 'taken');
  t.equal(await byWhomever(async () => 'by session', anybody)(), 'by session');
  for (const status of [0, 409, 503])
    await t.rejects(byWhomever(refuse(status), anybody)(), { code: `code_${status}` });
});
