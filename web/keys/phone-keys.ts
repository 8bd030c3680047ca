/** A person's keys on their phone, as a page elsewhere uses them: a code to scan, the comparing, and then each use asked for on the phone. */
import { sha256 } from '@noble/hashes/sha2.js';
import { type ReadonlySignal, signal } from '@preact/signals';
import encodeQR from 'qr';
import { type AskAgent, agentKeys, faultOf } from '../../server/client/agent-keys.ts';
import { PHONE_ANSWER_MS, PHONE_LOOK_MS } from '../../server/client/phone-limits.ts';
import {
  formatPhoneCode,
  PHONE_REFUSALS,
  type PhoneFrame,
  type PhoneRefusal,
  phoneProblem,
} from '../../server/client/phone-protocol.ts';
import { ApiError, type ClientWorld } from '../../server/client/transport.ts';
import { toBase64Url } from '../../server/core/log/base64.ts';
import type { JsonObject } from '../../server/core/log/canonical.ts';
import { mailboxIdOf, makeFreshKey, openChannel, openHello, type PhoneChannel, sealHello } from './phone-channel.ts';
import { openPhoneLink, type PhoneLink } from './phone-link.ts';
import type { MailKey, PhoneMail } from './phone-mail.ts';
import type { SeatKeys } from './seat-keys.ts';

const RANDOM_BYTES = 32;
/** Modules of light around a code. Source: ISO/IEC 18004: four. */
const QUIET_MODULES = 4;

/** How far a pairing has come. */
export type PairingState =
  | { readonly kind: 'beginning' }
  /** The code to scan, row by row with the light around it, true for dark; and how long it may be, ms from when it was shown. */
  | { readonly kind: 'shown'; readonly modules: readonly (readonly boolean[])[]; readonly leftMs: number }
  /** What the phone shows as well, when it is the right one. */
  | { readonly kind: 'compared'; readonly digits: string }
  /** The person opens their key on the phone. */
  | { readonly kind: 'opened' };

export type Pairing = {
  readonly state: ReadonlySignal<PairingState>;
  /** Phones beyond the first that scanned the code. */
  readonly others: ReadonlySignal<number>;
  /** To be waited for whatever happens. Rejects: AgentProblemError phone_…; ApiError. */
  readonly keys: Promise<SeatKeys>;
  /** Ends it, whatever has come of it; `keys` are then refused as phone_gone. */
  end(): void;
};

export type PairingNeeds = {
  readonly subtle: SubtleCrypto;
  readonly mail: PhoneMail;
  readonly world: ClientWorld;
  /** Of this page, and so of the phone's. */
  readonly origin: string;
  /** The digits of what is asked for on the phone; null when nothing is. */
  onUse(digits: string | null): void;
};

/**
 * Begins a pairing.
 *
 * Why: the keys are given out only after the person has said on the phone that both screens show the same digits, and has opened a key
 *      there; what another phone says is never looked at, for the line is with the first alone.
 */
export function pairPhone(needs: PairingNeeds): Pairing {
  const state = signal<PairingState>({ kind: 'beginning' });
  const others = signal(0);
  let endNow: () => void = () => undefined;
  let isEnded = false;
  let letGo: () => void = () => undefined;

  async function pair(): Promise<SeatKeys> {
    const { subtle, mail, world, origin } = needs;
    const own = await makeFreshKey(subtle);
    const code = { id: mailboxIdOf(own.publicKey), secret: toBase64Url(world.randomBytes(RANDOM_BYTES)) };
    const key = { id: code.id, token: toBase64Url(world.randomBytes(RANDOM_BYTES)) };
    const opened = await mail.open(key, await sealHello(subtle, code, 'desktop', own.publicKey));
    letGo = () => void endQuietly(mail, key);
    if (isEnded) letGo();
    const modules = encodeQR(formatPhoneCode(origin, code), 'raw', { ecc: 'medium', border: QUIET_MODULES });
    state.value = { kind: 'shown', modules, leftMs: opened.expiresAt - opened.now };
    const hello = await firstMessage(needs, key, () => isEnded);
    const phoneKey = await openHello(subtle, code, 'phone', hello);
    const channel = phoneKey === null ? null : await openChannel(subtle, code, 'desktop', own, phoneKey);
    if (channel === null) {
      letGo();
      throw phoneProblem('phone_out_of_step');
    }
    return keysOver(channel, key);
  }

  function keysOver(channel: PhoneChannel, key: MailKey): Promise<SeatKeys> {
    return new Promise((resolve, reject) => {
      const asked = openQuestions(needs.world, (frame) => link.send(frame));
      let stage: 'comparing' | 'opening' | 'ready' = 'comparing';
      const over = (why: PhoneRefusal): void => {
        asked.end(why);
        reject(phoneProblem(why));
      };
      const keys: SeatKeys = {
        ...agentKeys(sha256, asked.ask, needs.onUse),
        isTryable: false,
        close: () => letGo(),
      };
      const link: PhoneLink<'desktop'> = openPhoneLink({
        ...needs,
        key,
        side: 'desktop',
        channel,
        onFrame(frame) {
          if (stage === 'comparing' && frame.kind === 'compared' && frame.isSame) {
            stage = 'opening';
            state.value = { kind: 'opened' };
          } else if (stage === 'comparing' && frame.kind === 'compared') {
            over('phone_code_differs');
            link.end();
          } else if (stage === 'opening' && frame.kind === 'ready') {
            stage = 'ready';
            resolve(keys);
          } else if (stage === 'ready' && (frame.kind === 'answer' || frame.kind === 'problem')) {
            asked.answer(frame);
          } else {
            over('phone_out_of_step');
            link.end();
          }
        },
        onOthers(count) {
          others.value = count;
        },
        onEnd: over,
      });
      letGo = () => {
        link.end();
        over('phone_gone');
      };
      if (isEnded) return letGo();
      state.value = { kind: 'compared', digits: channel.digits };
      // what the phone shows its own code upon: it proves that this page has taken this very phone
      link.send({ kind: 'hello' }).catch(ignoreUnsent);
    });
  }

  const keys = new Promise<SeatKeys>((resolve, reject) => {
    endNow = () => reject(phoneProblem('phone_gone'));
    pair().then(resolve, reject);
  });
  return {
    state,
    others,
    keys,
    end() {
      isEnded = true;
      endNow();
      letGo();
    },
  };
}

/** The phone's key, as soon as one has claimed the mailbox. Throws: AgentProblemError phone_over; phone_gone. */
async function firstMessage(
  { mail, world }: Pick<PairingNeeds, 'mail' | 'world'>,
  key: MailKey,
  isEnded: () => boolean,
): Promise<string> {
  for (;;) {
    await new Promise<void>((later) => void world.after(PHONE_LOOK_MS, later));
    if (isEnded()) throw phoneProblem('phone_gone');
    try {
      const { messages, isOver } = await mail.take(key, 0);
      const [first] = messages;
      if (first !== undefined) return first.sealed;
      if (isOver) throw phoneProblem('phone_over');
    } catch (fault) {
      // a line that is cut for a moment
      if (!(fault instanceof ApiError) || fault.code === 'no_such_phone_mailbox') throw fault;
    }
  }
}

type Answer = Extract<PhoneFrame, { readonly kind: 'answer' | 'problem' }>;
type Question = { readonly n: number; take(answer: JsonObject): void; fail(fault: Error): void };

/** Questions to the phone, one at a time, each for so long. */
function openQuestions(
  world: Pick<ClientWorld, 'after'>,
  send: (frame: { kind: 'ask'; n: number; path: Parameters<AskAgent>[0]; body: JsonObject }) => Promise<void>,
) {
  let last = -1;
  let open: Question | null = null;
  let over: PhoneRefusal | null = null;
  let queue: Promise<unknown> = Promise.resolve();

  function askNow(path: Parameters<AskAgent>[0], body: JsonObject): Promise<JsonObject> {
    if (over !== null) return Promise.reject(phoneProblem(over));
    last += 1;
    const n = last;
    return new Promise<JsonObject>((take, fail) => {
      const cancel = world.after(PHONE_ANSWER_MS, () => end(() => fail(phoneProblem('phone_silent'))));
      const end = (say: () => void): void => {
        cancel();
        open = null;
        say();
      };
      open = { n, take: (answer) => end(() => take(answer)), fail: (fault) => end(() => fail(fault)) };
      // a question that could not be sent ends with the line, or with its time
      send({ kind: 'ask', n, path, body }).catch(ignoreUnsent);
    });
  }

  return {
    ask: ((path, body) => {
      const asked = queue.then(() => askNow(path, body as JsonObject));
      const next = (): void => undefined;
      queue = asked.then(next, next);
      return asked;
    }) as AskAgent,
    /** An answer to what is asked no more changes nothing. */
    answer(frame: Answer): void {
      if (open?.n !== frame.n) return;
      if (frame.kind === 'answer') open.take(frame.answer);
      else open.fail(problemIn(frame));
    },
    end(why: PhoneRefusal): void {
      over ??= why;
      open?.fail(phoneProblem(over));
    },
  };
}

function problemIn({ code, zh, en }: Extract<PhoneFrame, { readonly kind: 'problem' }>): Error {
  return Object.hasOwn(PHONE_REFUSALS, code) ? phoneProblem(code as PhoneRefusal) : faultOf({ code, zh, en });
}

function ignoreUnsent(fault: unknown): void {
  if (!(fault instanceof ApiError)) throw fault;
}

/** What nobody ends is over by itself. */
async function endQuietly(mail: PhoneMail, key: MailKey): Promise<void> {
  try {
    await mail.end(key);
  } catch (fault) {
    if (!(fault instanceof ApiError)) throw fault;
  }
}
