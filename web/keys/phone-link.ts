/** Frames to and fro over a sealed line: sent in order, looked for again and again, and none taken twice or out of its place. */
import {
  PHONE_LOOK_MS,
  PHONE_LOOK_SLOWLY_MS,
  PHONE_QUIET_AFTER_MS,
  type PhoneSide,
} from '../../server/client/phone-limits.ts';
import {
  type DesktopFrame,
  type PhoneFrame,
  type PhoneRefusal,
  readFrame,
} from '../../server/client/phone-protocol.ts';
import { ApiError, type ClientWorld } from '../../server/client/transport.ts';
import { utf8 } from '../../server/core/log/utf8.ts';
import type { PhoneChannel } from './phone-channel.ts';
import type { MailKey, PhoneMail } from './phone-mail.ts';

type Frames = { readonly desktop: DesktopFrame; readonly phone: PhoneFrame };
type Other<Side extends PhoneSide> = Side extends 'desktop' ? 'phone' : 'desktop';

export type PhoneLink<Side extends PhoneSide> = {
  /** Rejects: ApiError, when it could not be left; nothing is said after the end. */
  send(frame: Frames[Side]): Promise<void>;
  /** Looks now: something is likely there. */
  look(): void;
  /** Ends the pairing for both sides. */
  end(): void;
};

export type LinkNeeds<Side extends PhoneSide> = {
  readonly mail: PhoneMail;
  readonly key: MailKey;
  readonly side: Side;
  readonly channel: PhoneChannel;
  readonly world: Pick<ClientWorld, 'now' | 'after'>;
  onFrame(frame: Frames[Other<Side>]): void;
  /** Another phone tried to take the pairing, so many by now. */
  onOthers(others: number): void;
  /** Once, and not after `end`. */
  onEnd(code: PhoneRefusal): void;
};

/** The phone's first message was its key, and was taken before there was a line. */
const FIRST_SEQ = { desktop: 0, phone: 1 } as const satisfies Record<PhoneSide, number>;

/**
 * Begins to look.
 *
 * Why: a message may be lost that nobody fetched in its minute, for a phone sleeps in a pocket; so numbers may be left out. One that was
 *      had before, or does not open under its number, was put there by somebody else: then the pairing is over.
 */
export function openPhoneLink<Side extends PhoneSide>(needs: LinkNeeds<Side>): PhoneLink<Side> {
  const { mail, key, side, channel, world, onFrame, onOthers, onEnd } = needs;
  const other = (side === 'desktop' ? 'phone' : 'desktop') as Other<Side>;
  let sent: number = FIRST_SEQ[side];
  let expected: number = FIRST_SEQ[other];
  let others = 0;
  let busyAt = world.now();
  let isOver = false;
  let isLooking = false;
  let cancel: () => void = () => undefined;
  let sending: Promise<void> = Promise.resolve();

  /** Throws: ApiError; null for a message that is not in its place. */
  async function take(): Promise<{ readonly frames: Frames[Other<Side>][]; readonly code: PhoneRefusal | null }> {
    const found = await mail.take(key, expected);
    const frames: Frames[Other<Side>][] = [];
    if (found.others > others) onOthers(found.others);
    others = Math.max(others, found.others);
    for (const { seq, sealed } of found.messages) {
      const bytes = seq < expected ? null : await channel.open(seq, sealed);
      const frame = bytes === null ? null : (readFrame(other as PhoneSide, bytes) as Frames[Other<Side>] | null);
      if (frame === null) return { frames, code: 'phone_out_of_step' };
      expected = seq + 1;
      frames.push(frame);
    }
    return { frames, code: found.isOver ? 'phone_gone' : null };
  }

  async function look(): Promise<void> {
    if (isOver || isLooking) return;
    isLooking = true;
    cancel();
    try {
      const { frames, code } = await take();
      for (const frame of frames) if (!isOver) onFrame(frame);
      if (frames.length > 0) busyAt = world.now();
      if (code !== null) close(code);
    } catch (fault) {
      if (!(fault instanceof ApiError)) throw fault;
      if (fault.code === 'no_such_phone_mailbox') close('phone_over');
    } finally {
      isLooking = false;
      const isQuiet = world.now() - busyAt >= PHONE_QUIET_AFTER_MS;
      if (!isOver) cancel = world.after(isQuiet ? PHONE_LOOK_SLOWLY_MS : PHONE_LOOK_MS, () => void look());
    }
  }

  function close(code: PhoneRefusal): void {
    if (isOver) return;
    isOver = true;
    cancel();
    // what the other side sees is that the line is gone
    if (code === 'phone_out_of_step') letGo();
    onEnd(code);
  }

  function letGo(): void {
    // behind what was said last
    sending = sending
      .then(() => mail.end(key))
      .catch((fault: unknown) => {
        // it ends by itself
        if (!(fault instanceof ApiError)) throw fault;
      });
  }

  void look();
  return {
    send(frame) {
      if (isOver) return Promise.resolve();
      busyAt = world.now();
      const given = sending.then(async () => {
        const seq = sent;
        const sealed = await channel.seal(seq, utf8(JSON.stringify(frame)));
        // counted before it is on its way: one number never stands for two messages
        sent += 1;
        await mail.leave(key, seq, sealed);
      });
      sending = given.catch((fault: unknown) => {
        if (!(fault instanceof ApiError)) throw fault;
        close('phone_over');
      });
      return given;
    },
    look: () => void look(),
    end() {
      if (isOver) return;
      isOver = true;
      cancel();
      letGo();
    },
  };
}
