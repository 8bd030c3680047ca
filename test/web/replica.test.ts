/** The page's replica against honest and dishonest servers: what it folds, and the one reason it gives when it stops. */
import fc from 'fast-check';
import type { Entry } from '../../server/core/log/entry.ts';
import type { Frame } from '../../server/core/wire/down.ts';
import { sha256 } from '../../server/hash.ts';
import { type Pin, type PinStorage, pinBoard } from '../../web/replica/pin.ts';
import { BEHIND_LIMIT_MS, followOpening, type Replica, type ReplicaView } from '../../web/replica/replica.ts';
import { browserEd25519 } from '../../web/replica/verify-ed25519.ts';
import { verifyEd25519 } from '../support/log-fixtures.ts';
import { OPENING_ID } from '../support/opening-people.ts';
import t from '../support/tap.ts';
import { steppedWorld } from '../support/world.ts';
import { makeLog } from './made-log.ts';
import { tell } from './story.ts';

const log = makeLog(tell('Archived'));
/** The same opening under another key, and one whose entry 3 tells another story. */
const otherKey = makeLog(tell('Archived'), { seedByte: 9 });
const forked = makeLog(tell('Archived'), { rewrite: (entry) => (entry.seq === 3 ? renamed(entry) : entry) });

function renamed(entry: Entry): Entry {
  return { ...entry, command: 'another-command' };
}

function memory(): PinStorage & { readonly texts: Map<string, string> } {
  const texts = new Map<string, string>();
  return { texts, getItem: (key) => texts.get(key) ?? null, setItem: (key, text) => void texts.set(key, text) };
}

function start(storage: PinStorage = memory()) {
  const world = steppedWorld();
  const views: ReplicaView[] = [];
  const replica = followOpening({
    openingId: OPENING_ID,
    sha256,
    verifyEd25519,
    pins: pinBoard(storage, OPENING_ID),
    after: world.after,
    onChange: (view) => views.push(view),
  });
  return { replica, world, views, storage };
}

/** The refusal's code, or the standing's kind. */
function outcome(replica: Replica): string {
  const { standing } = replica.view();
  return standing.kind === 'refused' ? standing.code : standing.kind;
}

async function afterFrames(frames: readonly Frame[], storage?: PinStorage): Promise<string> {
  const { replica } = start(storage);
  for (const frame of frames) await replica.take(frame);
  return outcome(replica);
}

t.test('a whole log in one frame', async (t) => {
  const { replica } = start();
  t.equal(outcome(replica), 'empty');
  t.equal(await replica.resumeAfter(), -1);
  await replica.take(log.frame(0));
  const { standing, state, entries, vkey } = replica.view();
  t.strictSame(standing, { kind: 'verified', size: log.size, root: log.root(log.size) });
  t.equal(state?.phase, 'Archived');
  t.equal(entries.length, log.size);
  t.equal(entries[5]?.text, log.texts[5], 'the exact text is kept');
  t.equal(vkey, log.signer.vkey);
  t.equal(state?.prices?.known, true);
  t.ok(state?.lodgements.known, 'what the roster released');
  t.equal(await replica.resumeAfter(), log.size - 1);
});

t.test('any cut into frames ends at the same state and root', async (t) => {
  const whole = start();
  await whole.replica.take(log.frame(0));
  await fc.assert(
    fc.asyncProperty(fc.uniqueArray(fc.integer({ min: 1, max: log.size - 1 }), { maxLength: 8 }), async (cuts) => {
      const { replica } = start();
      let from = 0;
      for (const to of [...cuts.sort((a, b) => a - b), log.size]) {
        // not awaited one by one: frames come faster than signatures are checked
        void replica.take(log.frame(from, to));
        from = to;
      }
      await replica.resumeAfter();
      t.strictSame(replica.view().state, whole.replica.view().state);
      t.strictSame(replica.view().standing, whole.replica.view().standing);
    }),
    { numRuns: 20 },
  );
});

t.test('entries before their checkpoint wait for it', async (t) => {
  const { replica } = start();
  await replica.take({ ...log.frame(0, 4), checkpoint: log.note(6) });
  t.equal(replica.view().entries.length, 0, 'nothing is shown that no root covers yet');
  t.equal(await replica.resumeAfter(), 3);
  await replica.take(log.frame(4, 6));
  t.strictSame(replica.view().standing, { kind: 'verified', size: 6, root: log.root(6) });
  t.ok(replica.view().state?.roster.known, 'disclosures that came with waiting entries are not lost');
});

t.test('the same head again, without entries, changes nothing', async (t) => {
  const { replica } = start();
  await replica.take(log.frame(0, 6));
  await replica.take({ ...log.frame(0, 6), entries: [], disclosures: {} });
  t.strictSame(replica.view().standing, { kind: 'verified', size: 6, root: log.root(6) });
});

t.test('what a dishonest frame is refused for', async (t) => {
  const honest = log.frame(0, 8);
  const next = log.frame(8, 12);
  const change = (seq: number, edit: (text: string) => string): Frame => ({
    ...honest,
    entries: honest.entries.map((text, i) => (i === seq ? edit(text) : text)),
  });
  const cases: readonly (readonly [string, readonly Frame[], string])[] = [
    ['forged root', [{ ...honest, checkpoint: forked.note(8) }], 'root_differs'],
    ['forged signature', [{ ...honest, checkpoint: spoilt(honest.checkpoint) }], 'checkpoint_signature_bad'],
    ['checkpoint by another key', [{ ...honest, checkpoint: otherKey.note(8) }], 'checkpoint_unsigned'],
    ['no checkpoint', [{ ...honest, checkpoint: 'nothing' }], 'checkpoint_malformed'],
    ['an entry changed by one byte', [change(3, (text) => text.replace('c-', 'd-'))], 'root_differs'],
    ['an entry written with a space', [change(3, (text) => text.replace('{', '{ '))], 'entry_not_canonical'],
    ['an entry that is no entry', [change(3, () => '{}')], 'entry_malformed'],
    ['two entries swapped', [{ ...honest, entries: swapped(honest.entries, 4, 5) }], 'sequence_broken'],
    ['an entry left out', [{ ...honest, entries: honest.entries.filter((_, i) => i !== 4) }], 'sequence_broken'],
    ['a gap between frames', [honest, log.frame(9, 12)], 'sequence_broken'],
    ['a frame twice', [honest, next, next], 'sequence_broken'],
    ['more entries than signed', [{ ...honest, checkpoint: log.note(7) }], 'entries_beyond_checkpoint'],
    ['an older head alone', [honest, { ...honest, entries: [], checkpoint: log.note(6) }], 'log_rolled_back'],
    ['another head of the same size', [honest, { ...honest, entries: [], checkpoint: forked.note(8) }], 'head_forks'],
    ['a wrong disclosure', [disclosing(honest, 4, log.disclosures[3]?.['counts'])], 'disclosure_not_committed'],
    ['a broken disclosure', [disclosing(honest, 4, 'AAAA')], 'disclosure_malformed'],
    ['a disclosure of nothing', [disclosing(honest, 30, log.disclosures[3]?.['counts'])], 'disclosure_without_entry'],
    ['a log that begins in the middle', [log.frame(1, 5)], 'event_does_not_fit'],
  ];
  for (const [name, frames, expected] of cases) t.equal(await afterFrames(frames), expected, name);
});

function spoilt(note: string): string {
  const at = note.length - 20;
  return `${note.slice(0, at)}${note[at] === 'A' ? 'B' : 'A'}${note.slice(at + 1)}`;
}

function swapped(texts: readonly string[], a: number, b: number): string[] {
  return texts.map((text, i) => (i === a ? (texts[b] ?? text) : i === b ? (texts[a] ?? text) : text));
}

function disclosing(frame: Frame, seq: number, disclosure: string | undefined): Frame {
  return { ...frame, disclosures: { ...frame.disclosures, [seq]: [disclosure ?? ''] } };
}

t.test('a signed log that breaks the rules of an opening', async (t) => {
  const twice = makeLog(tell('CheckIn'), {
    rewrite: (entry) => (entry.seq === 2 ? { ...entry, type: 'OpeningClosed', body: {} } : entry),
  });
  const { replica } = start();
  await replica.take(twice.frame(0, 2));
  await replica.take(twice.frame(2, 3));
  const { standing, entries } = replica.view();
  t.match(standing, { kind: 'refused', code: 'event_does_not_fit', seq: 2, words: { zh: /开标规则/ } });
  t.equal(entries.length, 2, 'nothing of the frame is folded');
});

t.test('another opening than the one asked for', async (t) => {
  const replica = followOpening({
    openingId: 'another-1',
    sha256,
    verifyEd25519,
    pins: pinBoard(null, 'another-1'),
    after: steppedWorld().after,
    onChange: () => undefined,
  });
  await replica.take(log.frame(0, 4));
  t.equal(outcome(replica), 'other_opening');
});

t.test('after a refusal nothing more is folded', async (t) => {
  const { replica, views } = start();
  await replica.take(log.frame(0, 5));
  await replica.take({ ...log.frame(5, 6), checkpoint: forked.note(6) });
  const refused = replica.view();
  const shown = views.length;
  await replica.take(log.frame(5, 6));
  await replica.takeOwn({ v: 1, kind: 'own', disclosures: {} });
  t.equal(replica.view(), refused);
  t.equal(views.length, shown);
  t.equal(refused.entries.length, 5);
});

t.test('late disclosures are folded, and a viewer who came later knows the same', async (t) => {
  const early = start();
  for (let size = 0; size < 6; size++) await early.replica.take(log.frame(size, size + 1));
  const late = start();
  await late.replica.take(log.frame(0, 6));
  t.ok(early.replica.view().state?.lodgements.known);
  t.strictSame(early.replica.view().state, late.replica.view().state);
});

t.test('own disclosures open what the room does not see', async (t) => {
  const { replica } = start();
  await replica.take(log.frame(0));
  const seq = log.entries.findIndex(({ type }) => type === 'ObjectionRaised');
  t.equal(replica.view().entries[seq]?.event.fields['text']?.known, false);
  const text = log.disclosures[seq]?.['text'] ?? '';
  await replica.takeOwn({ v: 1, kind: 'own', disclosures: { [seq]: [text] } });
  t.strictSame(replica.view().entries[seq]?.event.fields['text'], {
    known: true,
    value: '对 5 号大写金额有异议 <100>',
  });
  await replica.takeOwn({ v: 1, kind: 'own', disclosures: { [seq]: ['AAAA'] } });
  t.equal(outcome(replica), 'disclosure_malformed');
});

t.test('the head is kept between visits', async (t) => {
  const storage = memory();
  t.equal(await afterFrames([log.frame(0, 8)], storage), 'verified');
  const pin = pinBoard(storage, OPENING_ID).read() as Pin;
  t.match(pin, { vkey: log.signer.vkey, size: 8, root: log.root(8), note: log.note(8) });

  const { replica } = start(storage);
  await replica.take(log.frame(0, 4));
  t.match(replica.view().standing, { kind: 'behind', size: 4, seen: 8 }, 'shown, and said to be behind');
  await replica.take(log.frame(4, 12));
  t.equal(outcome(replica), 'verified');
  t.equal(pinBoard(storage, OPENING_ID).read()?.size, 12);
});

t.test('a later visit refuses another history', async (t) => {
  const seen = async (): Promise<PinStorage> => {
    const storage = memory();
    await afterFrames([log.frame(0, 8)], storage);
    return storage;
  };
  t.equal(await afterFrames([forked.frame(0, 8)], await seen()), 'head_forks', 'same size, other root');
  t.equal(await afterFrames([forked.frame(0, 12)], await seen()), 'head_forks', 'the fork is older than the head');
  t.equal(await afterFrames([otherKey.frame(0, 12)], await seen()), 'key_changed');
});

t.test('a server that stays behind the head it signed is refused', async (t) => {
  const storage = memory();
  await afterFrames([log.frame(0, 8)], storage);
  const { replica, world } = start(storage);
  replica.hearSize(6);
  await replica.take(log.frame(0, 6));
  world.advance(BEHIND_LIMIT_MS - 1);
  await replica.resumeAfter();
  t.equal(outcome(replica), 'behind');
  replica.hearSize(6);
  world.advance(1);
  await replica.resumeAfter();
  t.equal(outcome(replica), 'log_rolled_back');
});

t.test('a server that catches up in time is believed', async (t) => {
  const { replica, world } = start();
  await replica.take(log.frame(0, 8));
  replica.hearSize(6);
  world.advance(BEHIND_LIMIT_MS - 1);
  replica.hearSize(9);
  await replica.take(log.frame(8, 9));
  world.advance(BEHIND_LIMIT_MS);
  await replica.resumeAfter();
  t.equal(outcome(replica), 'verified');
});

t.test('a restart fetches all again and forgets nothing it saw', async (t) => {
  const { replica } = start();
  await replica.take(log.frame(0, 8));
  await replica.restart();
  t.equal(await replica.resumeAfter(), -1);
  t.equal(outcome(replica), 'empty');
  await replica.take(forked.frame(0, 8));
  t.equal(outcome(replica), 'head_forks');
});

t.test('a browser that keeps nothing, and one that keeps rubbish', async (t) => {
  const refusing: PinStorage = {
    getItem: () => null,
    setItem: () => {
      throw Object.assign(new Error('full'), { name: 'QuotaExceededError' });
    },
  };
  const { replica } = start(refusing);
  await replica.take(log.frame(0, 8));
  t.equal(replica.view().isPinned, false);
  t.equal(outcome(replica), 'verified');
  const rubbish = memory();
  rubbish.setItem(`kaibiao.pin.${OPENING_ID}`, '{"v":1');
  t.equal(await afterFrames([log.frame(0, 8)], rubbish), 'verified');
  t.equal(pinBoard(rubbish, OPENING_ID).read()?.size, 8);
});

t.test('Ed25519 by WebCrypto and without it says the same', async (t) => {
  const message = new TextEncoder().encode('message');
  const good = log.signer.sign(message);
  const bad = good.slice();
  bad[3] = (bad[3] ?? 0) ^ 1;
  const unable = {
    importKey: () => Promise.reject(Object.assign(new Error('no such curve'), { name: 'NotSupportedError' })),
    verify: () => Promise.resolve(true),
  };
  for (const subtle of [globalThis.crypto.subtle, null, unable as unknown as SubtleCrypto]) {
    const verify = browserEd25519(subtle);
    t.equal(await verify(log.signer.publicKey, message, good), true);
    t.equal(await verify(log.signer.publicKey, message, bad), false);
    t.equal(await verify(otherKey.signer.publicKey, message, good), false);
  }
});
