/** A page and a phone, each whole, over a mailbox of memory: the way to a signature, and everybody who stands between them. */
import { createPrivateKey, sign, X509Certificate } from 'node:crypto';
import fc from 'fast-check';
import { demoCreditCode } from '../../server/cli/demo/ca.ts';
import { AgentProblemError } from '../../server/client/agent-keys.ts';
import { AGENT_REQUEST_LIMIT_BYTES } from '../../server/client/agent-protocol.ts';
import { AgentError, createKeyDesk } from '../../server/client/key-desk.ts';
import {
  PHONE_ANSWER_MS,
  PHONE_FRAME_LIMIT_BYTES,
  PHONE_MESSAGE_MS,
  PHONE_PAIRING_MS,
  type PhoneSide,
} from '../../server/client/phone-limits.ts';
import {
  formatPhoneCode,
  PHONE_REFUSALS,
  type PhoneCode,
  phoneRefusal,
  readFrame,
  readPhoneCode,
} from '../../server/client/phone-protocol.ts';
import { ApiError } from '../../server/client/transport.ts';
import { toBase64Url } from '../../server/core/log/base64.ts';
import type { JsonObject } from '../../server/core/log/canonical.ts';
import { utf8 } from '../../server/core/log/utf8.ts';
import { signLogin } from '../../server/core/pki/person-jws.ts';
import { verifyEd25519 } from '../../server/ed25519.ts';
import { sha256 } from '../../server/hash.ts';
import { verifyJwsSignature } from '../../server/identity/signature.ts';
import { makeFreshKey, openChannel, openHello, sealHello } from '../../web/keys/phone-channel.ts';
import { type Pairing, pairPhone } from '../../web/keys/phone-keys.ts';
import type { PhoneMail } from '../../web/keys/phone-mail.ts';
import type { SeatKeys } from '../../web/keys/seat-keys.ts';
import { createPhoneDesk, type PhoneDesk } from '../../web/phone/desk.ts';
import type { HoldNeeds } from '../../web/phone/hold.ts';
import { testCa } from '../support/ca.ts';
import { readDrawnCode } from '../support/drawn-code.ts';
import t from '../support/tap.ts';
import { steppedWorld } from '../support/world.ts';

const START = Date.parse('2026-03-02T00:00:00Z');
const ORIGIN = 'https://kaibiao.example';
const ca = await testCa({ name: 'Phone', at: START });
const holder = { creditCode: demoCreditCode(10), organisation: '投标人', name: '投标人' };
const issued = await ca.issue({ holder, usage: 'sign', key: 'p256' });
const certificate = new Uint8Array(new X509Certificate(issued.certificatePem).raw);
const certSha256 = toBase64Url(sha256(certificate));

type Letter = { seq: number; sealed: string };

/** A mailbox as the server keeps it; a test may reach into it as nobody should. */
function memoryMail() {
  const box = {
    offer: '',
    tokens: new Map<string, PhoneSide>(),
    letters: { desktop: [] as Letter[], phone: [] as Letter[] },
    others: 0,
    isOver: false,
    isCut: false,
  };
  const refuse = (code: string): never => {
    throw new ApiError(code, 409, code, { zh: code, en: code });
  };
  const mail: PhoneMail = {
    async open({ token }, offer) {
      box.offer = offer;
      box.tokens.set(token, 'desktop');
      return { expiresAt: PHONE_PAIRING_MS, now: 0 };
    },
    async claim({ token }, reply) {
      if (box.letters.phone.length > 0) box.others += 1;
      if (box.letters.phone.length > 0) refuse('phone_taken');
      if (box.isOver) refuse('phone_mailbox_over');
      box.tokens.set(token, 'phone');
      box.letters.phone.push({ seq: 0, sealed: reply });
      return { offer: box.offer };
    },
    async leave({ token }, seq, sealed) {
      if (box.isOver) refuse('phone_mailbox_over');
      box.letters[box.tokens.get(token) ?? 'phone'].push({ seq, sealed });
    },
    async take({ token }, from) {
      if (box.isCut) throw new ApiError('unreachable', 0, 'no answer');
      const side = box.tokens.get(token) === 'desktop' ? 'phone' : 'desktop';
      return { messages: box.letters[side].filter(({ seq }) => seq >= from), others: box.others, isOver: box.isOver };
    },
    async end() {
      box.isOver = true;
    },
  };
  return { box, mail };
}

/** Two devices with one stepped clock; time goes on only while nobody computes. */
function stand() {
  const world = steppedWorld(START, 7);
  const { box, mail } = memoryMail();
  let computing = 0;
  const subtle = new Proxy(crypto.subtle, {
    get(target, name: keyof SubtleCrypto) {
      const method = target[name] as (...given: unknown[]) => Promise<unknown>;
      return (...given: unknown[]) => {
        computing += 1;
        return method.apply(target, given).finally(() => {
          computing -= 1;
        });
      };
    },
  });
  const faults: unknown[] = [];
  const shown: (string | null)[] = [];
  const pairing = pairPhone({ subtle, mail, world, origin: ORIGIN, onUse: (digits) => void shown.push(digits) });
  const noted = (): void => undefined;
  pairing.keys.then(noted, noted);

  async function until(is: () => boolean, what: string): Promise<void> {
    // only turns in which nobody computes are counted: how long that takes is the machine's affair
    for (let turns = 0; !is(); ) {
      if (turns > 20_000) throw new Error(`never: ${what}`);
      await new Promise((resume) => setImmediate(resume));
      turns = computing === 0 ? turns + 1 : turns;
      if (computing === 0 && turns % 20 === 19) world.advance(200);
    }
  }
  /** What came of it, while time goes on. */
  async function settled<Value>(asked: Promise<Value>): Promise<Value | string> {
    let result: { value: Value | string } | null = null;
    asked.then(
      (value) => {
        result = { value };
      },
      (fault: unknown) => {
        result = { value: fault instanceof AgentProblemError ? fault.code : String(fault) };
      },
    );
    await until(() => result !== null, 'an answer');
    return (result as unknown as { value: Value | string }).value;
  }
  async function scanned(): Promise<PhoneCode> {
    await until(() => pairing.state.value.kind === 'shown', 'a code');
    const state = pairing.state.value;
    const address = state.kind === 'shown' ? readDrawnCode(state.modules) : '';
    const code = readPhoneCode(new URL(address).hash);
    if (code === null || address !== formatPhoneCode(ORIGIN, code)) throw new Error(`no code: ${address}`);
    return code;
  }
  const phone = (code: PhoneCode, origin = ORIGIN): PhoneDesk =>
    createPhoneDesk({
      subtle,
      mail,
      world,
      origin,
      fragment: `#${code.id}.${code.secret}`,
      hold: async (needs, files) => heldHere(needs, files),
      onFault: (fault) => void faults.push(fault),
    });
  /** Both screens at the comparing. */
  async function met(origin = ORIGIN): Promise<PhoneDesk> {
    const desk = phone(await scanned(), origin);
    await until(() => desk.state.value.kind === 'comparing', 'digits on the phone');
    return desk;
  }
  async function paired(origin = ORIGIN): Promise<{ desk: PhoneDesk; keys: SeatKeys }> {
    const desk = await met(origin);
    desk.compare(true);
    await desk.openKey([], 'secret');
    const keys = await settled(pairing.keys);
    if (typeof keys === 'string') throw new Error(keys);
    return { desk, keys };
  }
  return { world, box, mail, subtle, pairing, shown, faults, until, settled, scanned, phone, met, paired };
}

/** As hold.ts does it, with a key of this process: no worker is here. */
async function heldHere({ world, origin, agrees }: HoldNeeds, _files: readonly Blob[]) {
  const key = createPrivateKey(issued.privateKeyPem);
  const desk = createKeyDesk({
    keys: {
      certificates: () => [{ certificate, chain: [] }],
      algorithmOf: () => 'ES256',
      sign: async (_certificate, data) => new Uint8Array(sign('sha256', data, { key, dsaEncoding: 'ieee-p1363' })),
      unwrap: () => Promise.reject(new Error('unwrapped')),
    },
    agrees,
    consentMs: PHONE_MESSAGE_MS,
    world,
    sha256,
    verifySignature: verifyJwsSignature,
    verifyEd25519,
  });
  return {
    keys: [],
    close: () => undefined,
    async answer(path: string, body: unknown, signal: AbortSignal) {
      try {
        return { answer: (await desk.answer({ path, page: 'desktop', origin, body, signal })) as JsonObject };
      } catch (fault) {
        if (!(fault instanceof AgentError)) throw fault;
        const code = phoneRefusal(fault.code);
        return { problem: { code, ...PHONE_REFUSALS[code] } };
      }
    },
  };
}

async function login(keys: SeatKeys, origin = ORIGIN): Promise<string> {
  return signLogin(sha256, await keys.signer(certSha256), {
    challenge: { nonce: 'nonce', aud: 'kaibiao.example', origin },
    account: holder.creditCode,
    jwk: { kty: 'EC', crv: 'P-256', x: 'x', y: 'y' },
    iatSeconds: 1,
  });
}

const digitsOf = ({ state }: Pairing): string => (state.value.kind === 'compared' ? state.value.digits : '');
const endOf = ({ state }: PhoneDesk): string => (state.value.kind === 'ended' ? state.value.code : state.value.kind);

t.test(
  'from the code on the screen to a signature: the same digits twice, and each use asked for on the phone',
  async (t) => {
    const at = stand();
    const desk = await at.met();
    const state = desk.state.value;
    t.match(digitsOf(at.pairing), /^[0-9]{6}$/);
    t.strictSame(state, { kind: 'comparing', digits: digitsOf(at.pairing) });
    desk.compare(true);
    await at.until(() => at.pairing.state.value.kind === 'opened', 'the page knows');
    await desk.openKey([], 'secret');
    const keys = (await at.settled(at.pairing.keys)) as SeatKeys;
    t.equal(keys.isTryable, false);
    t.strictSame((await at.settled(keys.listCertificates())) as unknown, await keys.listCertificates());
    const signing = login(keys);
    await at.until(() => desk.state.value.kind === 'asked', 'a question');
    const asked = desk.state.value;
    if (asked.kind !== 'asked') throw new Error(asked.kind);
    t.match(asked.consent, { origin: ORIGIN, shown: { title: { en: 'Log in' } } });
    t.strictSame(at.shown, [asked.consent.digits], 'both show the digits of this use');
    desk.decide(true);
    const jws = String(await at.settled(signing));
    const [header = '', payload = '', signature = ''] = jws.split('.');
    const data = utf8(`${header}.${payload}`);
    const isGood = await verifyJwsSignature({
      alg: 'ES256',
      key: { certificate },
      data,
      signature: new Uint8Array(Buffer.from(signature, 'base64url')),
    });
    t.ok(isGood, jws);
    const refused = at.settled(login(keys));
    await at.until(() => desk.state.value.kind === 'asked', 'a second question: nothing is silent');
    desk.decide(false);
    t.equal(await refused, 'phone_declined');
    t.strictSame(
      desk.done.value.map(({ isAgreed }) => isAgreed),
      [false, true],
    );
    keys.close();
    await at.until(() => endOf(desk) === 'phone_gone', 'the phone knows that the page has let go');
    t.equal(await at.settled(login(keys)), 'phone_gone');
    t.strictSame(at.faults, []);
  },
);

t.test('a login for another platform than the phone’s own page is not even asked', async (t) => {
  const at = stand();
  const { desk, keys } = await at.paired();
  t.equal(await at.settled(login(keys, 'https://evil.example')), 'phone_other_origin');
  t.equal(desk.state.value.kind, 'waiting');
});

t.test('the first phone has it; a second one is refused, and both screens say so', async (t) => {
  const at = stand();
  const code = await at.scanned();
  const first = at.phone(code);
  await at.until(() => first.state.value.kind === 'comparing', 'the first');
  const second = at.phone(code);
  await at.until(() => second.state.value.kind === 'ended', 'the second');
  t.equal(endOf(second), 'phone_taken');
  await at.until(() => first.others.value === 1 && at.pairing.others.value === 1, 'both are told');
  t.equal(first.state.value.kind, 'comparing', 'the first goes on');
});

t.test('who says that the digits differ ends it, and no key was asked for', async (t) => {
  const at = stand();
  const desk = await at.met();
  desk.compare(false);
  t.equal(await at.settled(at.pairing.keys), 'phone_code_differs');
  t.equal(endOf(desk), 'phone_code_differs');
  await desk.openKey([], 'secret');
  t.equal(endOf(desk), 'phone_code_differs');
});

t.test('a code that nobody scans, a page that is closed, and a phone that is silent are all said', async (t) => {
  const unscanned = stand();
  await unscanned.scanned();
  unscanned.box.isOver = true;
  t.equal(await unscanned.settled(unscanned.pairing.keys), 'phone_over');
  const closed = stand();
  await closed.scanned();
  closed.pairing.end();
  t.equal(await closed.settled(closed.pairing.keys), 'phone_gone');
  await closed.until(() => closed.box.isOver, 'the server is told');
  const at = stand();
  const { desk, keys } = await at.paired();
  const unanswered = at.settled(login(keys));
  await at.until(() => desk.state.value.kind === 'asked', 'a question');
  const asked = desk.state.value;
  t.equal(asked.kind === 'asked' && asked.endsAt - at.world.now() <= PHONE_MESSAGE_MS, true);
  t.equal(await unanswered, 'phone_declined', 'a minute without a thumb is a no');
  t.equal(desk.state.value.kind, 'waiting');
  at.box.isCut = true;
  const askedAt = at.world.now();
  t.equal(await at.settled(login(keys)), 'phone_silent');
  t.ok(at.world.now() - askedAt >= PHONE_ANSWER_MS, 'not before its time');
});

t.test('who has photographed the code and holds the mailbox gets between the two nowhere', async (t) => {
  const at = stand();
  const code = await at.scanned();
  // another key in the place of the page's: it is not the one whose digest was scanned
  const own = await makeFreshKey(at.subtle);
  at.box.offer = await sealHello(at.subtle, code, 'desktop', own.publicKey);
  const lured = at.phone(code);
  await at.until(() => lured.state.value.kind === 'ended', 'refused');
  t.equal(endOf(lured), 'phone_out_of_step');
  // another key in the place of the phone's: the page takes it, and the true phone shows no digits at all
  const beside = stand();
  const second = await beside.scanned();
  const phone = beside.phone(second);
  await beside.until(() => beside.box.letters.phone.length === 1, 'its reply');
  beside.box.letters.phone[0] = { seq: 0, sealed: await sealHello(beside.subtle, second, 'phone', own.publicKey) };
  await beside.until(() => phone.state.value.kind === 'ended', 'the greeting is not for it');
  t.equal(endOf(phone), 'phone_out_of_step');
});

t.test(
  'the line opens nothing for another key, number, direction or code; its digits are of this pairing alone',
  async (t) => {
    const { subtle } = crypto;
    const [page, phone, other] = [await makeFreshKey(subtle), await makeFreshKey(subtle), await makeFreshKey(subtle)];
    const code = { id: 'i'.repeat(22), secret: toBase64Url(new Uint8Array(32).fill(1)) };
    const otherCode = { ...code, secret: toBase64Url(new Uint8Array(32).fill(2)) };
    const line = async (side: PhoneSide, by = code, own = side === 'desktop' ? page : phone, to = phone.publicKey) => {
      const made = await openChannel(subtle, by, side, own, side === 'desktop' ? to : page.publicKey);
      if (made === null) throw new Error('no line');
      return made;
    };
    const [atPage, atPhone] = [await line('desktop'), await line('phone')];
    t.equal(atPage.digits, atPhone.digits);
    const message = utf8('签名');
    const sealed = await atPage.seal(0, message);
    t.strictSame(await atPhone.open(0, sealed), message);
    t.equal(await atPhone.open(1, sealed), null, 'another number');
    t.equal(await atPage.open(0, sealed), null, 'one’s own, sent back');
    t.equal(await atPhone.open(0, `${sealed.slice(0, -2)}AA`), null, 'changed');
    t.equal(await atPhone.open(0, '*'), null, 'no base64');
    for (const stranger of [await line('phone', otherCode), await line('phone', code, other)]) {
      t.equal(await stranger.open(0, sealed), null);
      t.not(stranger.digits, atPage.digits);
    }
    t.equal(await openChannel(subtle, code, 'desktop', page, new Uint8Array(65)), null, 'no point of the curve');
    const hello = await sealHello(subtle, code, 'phone', phone.publicKey);
    t.strictSame(await openHello(subtle, code, 'phone', hello), phone.publicKey);
    t.equal(await openHello(subtle, otherCode, 'phone', hello), null);
    t.equal(await openHello(subtle, code, 'desktop', hello), null);
  },
);

t.test('a message had before, moved or sent back ends the pairing; one that was lost does not', async (t) => {
  const at = stand();
  const { desk, keys } = await at.paired();
  at.box.letters.desktop.length = 0;
  const lost = at.settled(login(keys));
  await at.until(() => at.box.letters.desktop.length > 0, 'a question');
  at.box.letters.desktop.length = 0;
  await lost;
  const next = login(keys);
  await at.until(() => desk.state.value.kind === 'asked', 'the next is asked all the same');
  desk.decide(true);
  t.match(await at.settled(next), /^[\w-]+\.[\w-]+\.[\w-]+$/);
  const tricks = {
    'had before': (letters: Letter[]) => void letters.push({ ...(letters[0] as Letter), seq: letters.length + 9 }),
    'sent back': (letters: Letter[], box: { letters: { phone: Letter[] } }) =>
      void letters.push({ seq: letters.length + 9, sealed: box.letters.phone.at(-1)?.sealed ?? '' }),
    'not sealed': (letters: Letter[]) => void letters.push({ seq: letters.length + 9, sealed: 'A'.repeat(40) }),
  };
  for (const [name, trick] of Object.entries(tricks)) {
    const victim = stand();
    const { desk: phone, keys: held } = await victim.paired();
    trick(victim.box.letters.desktop, victim.box);
    await victim.until(() => phone.state.value.kind === 'ended', name);
    t.equal(endOf(phone), 'phone_out_of_step', name);
    t.match(await victim.settled(login(held)), /^phone_(gone|over)$/);
  }
});

t.test('what came out of step from the other side is no frame, whatever it is', async (t) => {
  for (const side of ['desktop', 'phone'] as const)
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array(), fc.json().map(utf8)), (bytes) => {
        const frame = readFrame(side, bytes);
        return frame === null || typeof frame.kind === 'string';
      }),
    );
  const text = fc.string({ minLength: 1, maxLength: 40 });
  fc.assert(
    fc.property(
      fc.oneof(
        fc.record({ kind: fc.constant('compared' as const), isSame: fc.boolean() }),
        fc.record({ kind: fc.constant('problem' as const), n: fc.nat(10_000), code: text, zh: text, en: text }),
        fc.record({
          kind: fc.constant('answer' as const),
          n: fc.nat(10_000),
          answer: fc.dictionary(text, fc.integer()),
        }),
      ),
      (frame) => {
        // lone halves of a surrogate pair are no UTF-8
        const bytes = utf8(JSON.stringify(frame));
        t.equal(JSON.stringify(readFrame('phone', bytes)), JSON.stringify(frame));
        t.equal(readFrame('desktop', bytes), null);
        t.equal(readFrame('phone', utf8(JSON.stringify({ ...frame, more: 1 }))), null);
      },
    ),
    { numRuns: 50 },
  );
  const ask = { kind: 'ask', n: 0, path: '/use', body: {} } as const;
  t.ok(readFrame('desktop', utf8(JSON.stringify(ask))));
  for (const other of [{ n: -1 }, { n: 10_001 }, { path: '/pair' }, { body: [] }, { kind: 'hello' }])
    t.equal(readFrame('desktop', utf8(JSON.stringify({ ...ask, ...other }))), null, JSON.stringify(other));
});

t.test('a frame is as long as a request to an agent may be, and no longer', async (t) => {
  t.equal(PHONE_FRAME_LIMIT_BYTES, AGENT_REQUEST_LIMIT_BYTES);
  const frameOf = (bytes: number): Uint8Array => {
    const empty = JSON.stringify({ kind: 'ask', n: 0, path: '/use', body: { x: '' } });
    return utf8(empty.replace('""', `"${'x'.repeat(bytes - empty.length)}"`));
  };
  t.equal(frameOf(PHONE_FRAME_LIMIT_BYTES).length, PHONE_FRAME_LIMIT_BYTES);
  t.ok(readFrame('desktop', frameOf(PHONE_FRAME_LIMIT_BYTES)));
  t.equal(readFrame('desktop', frameOf(PHONE_FRAME_LIMIT_BYTES + 1)), null);
});

t.test('only a whole code is one, with the secret behind the mark that is never sent', async (t) => {
  const code = { id: 'A'.repeat(22), secret: '-'.repeat(43) };
  const url = new URL(formatPhoneCode(ORIGIN, code));
  t.strictSame([url.origin, url.pathname, url.search], [ORIGIN, '/phone', '']);
  t.strictSame(readPhoneCode(url.hash), code);
  for (const other of [
    '',
    '#',
    `#${code.id}`,
    `#${code.id}.`,
    `${url.hash}.x`,
    `${url.hash}=`,
    url.hash.replace('A', ''),
  ])
    t.equal(readPhoneCode(other), null, other);
  fc.assert(fc.property(fc.string(), (any) => readPhoneCode(any) === null || any.length >= 66));
});
