/** The phone's side of a pairing, from the scanned code to its end: what it stands at, and what its person can say. */
import { type ReadonlySignal, signal } from '@preact/signals';
import type { Consent } from '../../server/client/key-desk.ts';
import { PHONE_MESSAGE_MS } from '../../server/client/phone-limits.ts';
import {
  type DesktopFrame,
  PHONE_REFUSALS,
  type PhoneFrame,
  type PhoneRefusal,
  readPhoneCode,
} from '../../server/client/phone-protocol.ts';
import { ApiError, type ClientWorld } from '../../server/client/transport.ts';
import { toBase64Url } from '../../server/core/log/base64.ts';
import type { Words } from '../../server/core/log/words.ts';
import { makeFreshKey, openChannel, openHello, sealHello } from '../keys/phone-channel.ts';
import { openPhoneLink, type PhoneLink } from '../keys/phone-link.ts';
import type { PhoneMail } from '../keys/phone-mail.ts';
import type { Held, HoldNeeds } from './hold.ts';

const RANDOM_BYTES = 32;

/** Where the phone stands. */
export type PhoneState =
  /** There is no code in the address: it was opened by itself, or loaded again. */
  | { readonly kind: 'no_code' }
  /** A browser that gives no WebCrypto, which is on plain http. */
  | { readonly kind: 'not_secure' }
  | { readonly kind: 'claiming' }
  | { readonly kind: 'comparing'; readonly digits: string }
  | { readonly kind: 'key_asked' }
  | { readonly kind: 'waiting' }
  | { readonly kind: 'asked'; readonly consent: Consent; readonly endsAt: number }
  | { readonly kind: 'ended'; readonly words: Words; readonly code: string };

/** What was asked here and how the person answered. */
export type Done = { readonly title: Words; readonly digits: string; readonly isAgreed: boolean };

export type PhoneDesk = {
  readonly state: ReadonlySignal<PhoneState>;
  readonly others: ReadonlySignal<number>;
  /** The newest first. */
  readonly done: ReadonlySignal<readonly Done[]>;
  /** Whether both screens show the same digits. */
  compare(isSame: boolean): void;
  /** Throws: KeyFileError. */
  openKey(files: readonly Blob[], password: string): Promise<void>;
  /** Answers what is asked now. */
  decide(isAgreed: boolean): void;
  /** Looks now: the phone was asleep. */
  look(): void;
  end(): void;
};

export type PhoneNeeds = {
  readonly subtle: SubtleCrypto | undefined;
  readonly mail: PhoneMail;
  readonly world: ClientWorld;
  readonly origin: string;
  /** What stands behind the `#`. */
  readonly fragment: string;
  /** Fetched when a key is to be opened. */
  hold(needs: HoldNeeds, files: readonly Blob[], password: string): Promise<Held>;
  onFault(fault: unknown): void;
};

/** Begins at once: the code is good for a minute only. */
export function createPhoneDesk(needs: PhoneNeeds): PhoneDesk {
  const { mail, world } = needs;
  const state = signal<PhoneState>({ kind: 'claiming' });
  const others = signal(0);
  const done = signal<readonly Done[]>([]);
  const left = new AbortController();
  let link: PhoneLink<'phone'> | null = null;
  let held: Held | null = null;
  let decideNow: ((isAgreed: boolean) => void) | null = null;

  function end(words: Words, code: string): void {
    if (state.value.kind === 'ended') return;
    state.value = { kind: 'ended', words, code };
    left.abort();
    link?.end();
    held?.close();
  }
  const endBy = (code: PhoneRefusal): void => end(PHONE_REFUSALS[code], code);

  async function begin(): Promise<void> {
    const code = readPhoneCode(needs.fragment);
    const { subtle } = needs;
    if (code === null || subtle === undefined) {
      state.value = { kind: code === null ? 'no_code' : 'not_secure' };
      return;
    }
    const own = await makeFreshKey(subtle);
    const key = { id: code.id, token: toBase64Url(world.randomBytes(RANDOM_BYTES)) };
    const { offer } = await mail.claim(key, await sealHello(subtle, code, 'phone', own.publicKey));
    const desktopKey = await openHello(subtle, code, 'desktop', offer);
    const channel = desktopKey === null ? null : await openChannel(subtle, code, 'phone', own, desktopKey);
    if (channel === null) return endBy('phone_out_of_step');
    link = openPhoneLink({
      mail,
      key,
      side: 'phone',
      channel,
      world,
      onFrame: (frame) => take(frame, channel.digits),
      onOthers(count) {
        others.value = count;
      },
      onEnd: endBy,
    });
  }

  function take(frame: DesktopFrame, digits: string): void {
    const { kind } = state.value;
    if (frame.kind === 'hello' && kind === 'claiming') state.value = { kind: 'comparing', digits };
    else if (frame.kind === 'ask' && held !== null && (kind === 'waiting' || kind === 'asked'))
      answer(frame, held).catch((fault: unknown) => {
        endBy('phone_failed');
        needs.onFault(fault);
      });
    else endBy('phone_out_of_step');
  }

  async function answer({ n, path, body }: Extract<DesktopFrame, { kind: 'ask' }>, by: Held): Promise<void> {
    const said = await by.answer(path, body, left.signal);
    if ('answer' in said) return say({ kind: 'answer', n, answer: said.answer });
    const { code, zh, en } = said.problem;
    return say({ kind: 'problem', n, code, zh, en });
  }

  /** What could not be left ends the line, which says so. */
  async function say(frame: PhoneFrame): Promise<void> {
    try {
      await link?.send(frame);
    } catch (fault) {
      if (!(fault instanceof ApiError)) throw fault;
    }
  }

  /** Shows a question, and waits for a thumb or for its end. */
  function agrees(consent: Consent, over: AbortSignal): Promise<boolean> {
    return new Promise((resolve) => {
      const settle = (isAgreed: boolean): void => {
        decideNow = null;
        over.removeEventListener('abort', decline);
        done.value = [{ title: consent.shown.title, digits: consent.digits, isAgreed }, ...done.value];
        if (state.value.kind === 'asked') state.value = { kind: 'waiting' };
        resolve(isAgreed);
      };
      const decline = (): void => settle(false);
      over.addEventListener('abort', decline);
      decideNow = settle;
      state.value = { kind: 'asked', consent, endsAt: world.now() + PHONE_MESSAGE_MS };
    });
  }

  begin().catch((fault: unknown) => {
    if (!(fault instanceof ApiError)) throw fault;
    end(fault.words ?? { zh: fault.message, en: fault.message }, fault.code);
  });

  return {
    state,
    others,
    done,
    compare(isSame) {
      if (state.value.kind !== 'comparing') return;
      void say({ kind: 'compared', isSame });
      if (isSame) state.value = { kind: 'key_asked' };
      else endBy('phone_code_differs');
    },
    async openKey(files, password) {
      const { subtle, origin } = needs;
      if (state.value.kind !== 'key_asked' || subtle === undefined) return;
      const opened = await needs.hold({ subtle, world, origin, agrees }, files, password);
      // it may have ended meanwhile
      if ((state.value as PhoneState).kind !== 'key_asked') return opened.close();
      held = opened;
      state.value = { kind: 'waiting' };
      await say({ kind: 'ready' });
    },
    decide: (isAgreed) => decideNow?.(isAgreed),
    look: () => link?.look(),
    end: () => endBy('phone_gone'),
  };
}
