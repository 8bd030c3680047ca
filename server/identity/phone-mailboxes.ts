/** Where a page and a phone leave messages for each other that nobody here can read: one phone for each page, each message a minute, all of it forgotten. */
import { and, asc, count, eq, gt, gte, lt } from 'drizzle-orm';
import {
  otherSide,
  PHONE_IDLE_MS,
  PHONE_LONGEST_MS,
  PHONE_MAILBOXES_LIMIT,
  PHONE_MESSAGE_MS,
  PHONE_MESSAGES_LIMIT,
  PHONE_PAIRING_MS,
  PHONE_WAITING_LIMIT,
  type PhoneSide,
} from '../client/phone-limits.ts';
import { toBase64Url } from '../core/log/base64.ts';
import { utf8 } from '../core/log/utf8.ts';
import { sha256 } from '../hash.ts';
import { phoneMailboxes, phoneMessages } from '../store/schema/identity.ts';
import type { World } from '../world.ts';
import type { Db } from './database.ts';
import { type Outcome, type Refused, refuse } from './refusals.ts';

type Dependencies = { readonly db: Db; readonly world: Pick<World, 'now'> };
type Mailbox = typeof phoneMailboxes.$inferSelect;

/** Other phones that are counted; more say no more. */
const OTHERS_LIMIT = 99;
/** How long a mailbox that was ended, or ran out, is kept to say so, ms. */
const REMEMBERED_MS = 60_000;
/** The phone's being there is noted when it is this much later than the last time, ms: not at each look. */
const NOTED_EACH_MS = 60_000;

/**
 * Opens a mailbox for a page.
 *
 * Shape:   `id` is the page's choice, `token` what proves later requests to be its own; the same again changes nothing.
 * Refuses: phone_mailbox_exists; phone_mailboxes_full.
 */
export async function openMailbox(
  { db, world }: Dependencies,
  { id, token, offer }: { readonly id: string; readonly token: string; readonly offer: string },
): Promise<Outcome<{ expiresAt: number; now: number }>> {
  const now = world.now();
  const expiresAt = now + PHONE_PAIRING_MS;
  const [living] = await db.select({ n: count() }).from(phoneMailboxes).where(gt(phoneMailboxes.expiresAt, now));
  if ((living?.n ?? 0) >= PHONE_MAILBOXES_LIMIT) return refuse('phone_mailboxes_full');
  const desktopTokenSha256 = hashOf(token);
  const made = await db
    .insert(phoneMailboxes)
    .values({ id, offer, desktopTokenSha256, createdAt: now, expiresAt })
    .onConflictDoNothing()
    .returning({ id: phoneMailboxes.id });
  if (made.length === 1) return { ok: true, expiresAt, now };
  const [found] = await db.select().from(phoneMailboxes).where(eq(phoneMailboxes.id, id));
  const isSame = found?.desktopTokenSha256 === desktopTokenSha256 && found.offer === offer;
  return isSame ? { ok: true, expiresAt: found.expiresAt, now } : refuse('phone_mailbox_exists');
}

/**
 * Gives a mailbox to the first phone that asks for it; `reply` is its first message.
 *
 * Refuses: no_such_phone_mailbox; phone_taken; phone_mailbox_over.
 * Why:     the row is locked before it is looked at, so of two at the same moment one has it; every other one is counted, and the page
 *          and its phone are told that it asked. The first one may ask again: its answer may have been lost.
 */
export async function claimMailbox(
  { db, world }: Dependencies,
  { id, token, reply }: { readonly id: string; readonly token: string; readonly reply: string },
): Promise<Outcome<{ offer: string; now: number }>> {
  const now = world.now();
  const phoneTokenSha256 = hashOf(token);
  return db.transaction(async (tx) => {
    const found = await lockMailbox(tx, id);
    if (found === null) return refuse('no_such_phone_mailbox');
    if (found.phoneTokenSha256 === phoneTokenSha256) return { ok: true, offer: found.offer, now };
    if (found.phoneTokenSha256 !== null) {
      const others = Math.min(OTHERS_LIMIT, found.others + 1);
      await tx.update(phoneMailboxes).set({ others }).where(eq(phoneMailboxes.id, id));
      return refuse('phone_taken');
    }
    if (found.endedBy !== null || now >= found.expiresAt) return refuse('phone_mailbox_over');
    await tx
      .update(phoneMailboxes)
      .set({ phoneTokenSha256, phoneSent: 1, expiresAt: now + PHONE_IDLE_MS })
      .where(eq(phoneMailboxes.id, id));
    await tx
      .insert(phoneMessages)
      .values({ mailboxId: id, side: 'phone', seq: 0, sealed: reply, expiresAt: now + PHONE_MESSAGE_MS });
    return { ok: true, offer: found.offer, now };
  });
}

/** Who asks, and of which mailbox. */
type Asked = { readonly id: string; readonly token: string };

/**
 * Leaves a message for the other side; the same again is one message.
 *
 * Shape:   `seq` counts the messages of this side, from 0.
 * Refuses: no_such_phone_mailbox, also for a token that is neither side's; phone_mailbox_over; phone_message_out_of_step;
 *          phone_messages_waiting.
 */
export async function leaveMessage(
  { db, world }: Dependencies,
  { seq, sealed, ...asked }: Asked & { readonly seq: number; readonly sealed: string },
): Promise<Outcome<{ now: number }>> {
  const now = world.now();
  return db.transaction(async (tx) => {
    const mine = await ownMailbox(tx, asked);
    if ('refused' in mine) return mine;
    const { mailbox, side } = mine;
    if (isOver(mailbox, now)) return refuse('phone_mailbox_over');
    const sent = side === 'desktop' ? mailbox.desktopSent : mailbox.phoneSent;
    const isThisOne = and(
      eq(phoneMessages.mailboxId, mailbox.id),
      eq(phoneMessages.side, side),
      eq(phoneMessages.seq, seq),
    );
    if (seq === sent - 1) {
      const [last] = await tx.select({ sealed: phoneMessages.sealed }).from(phoneMessages).where(isThisOne);
      return last === undefined || last.sealed === sealed ? { ok: true, now } : refuse('phone_message_out_of_step');
    }
    if (seq !== sent || sent >= PHONE_MESSAGES_LIMIT) return refuse('phone_message_out_of_step');
    const [waiting] = await tx
      .select({ n: count() })
      .from(phoneMessages)
      .where(
        and(eq(phoneMessages.mailboxId, mailbox.id), eq(phoneMessages.side, side), gt(phoneMessages.expiresAt, now)),
      );
    if ((waiting?.n ?? 0) >= PHONE_WAITING_LIMIT) return refuse('phone_messages_waiting');
    const message = { mailboxId: mailbox.id, side, seq, sealed, expiresAt: now + PHONE_MESSAGE_MS };
    await tx.insert(phoneMessages).values(message);
    await tx
      .update(phoneMailboxes)
      .set(side === 'desktop' ? { desktopSent: sent + 1 } : { phoneSent: sent + 1 })
      .where(eq(phoneMailboxes.id, mailbox.id));
    return { ok: true, now };
  });
}

/** What a side finds in its mailbox. */
export type Found = {
  readonly messages: { readonly seq: number; readonly sealed: string }[];
  /** Other phones that asked for the mailbox and were refused. */
  readonly others: number;
  /** Nothing more will come. */
  readonly isOver: boolean;
  readonly now: number;
};

/**
 * What the other side has left from the message `from` on; those before it are taken away.
 *
 * Refuses: no_such_phone_mailbox, also for a token that is neither side's.
 */
export async function takeMessages(
  { db, world }: Dependencies,
  { from, ...asked }: Asked & { readonly from: number },
): Promise<Outcome<Found>> {
  const now = world.now();
  return db.transaction(async (tx) => {
    const mine = await ownMailbox(tx, asked);
    if ('refused' in mine) return mine;
    const { mailbox, side } = mine;
    const theirs = and(eq(phoneMessages.mailboxId, mailbox.id), eq(phoneMessages.side, otherSide(side)));
    await tx.delete(phoneMessages).where(and(theirs, lt(phoneMessages.seq, from)));
    const messages = await tx
      .select({ seq: phoneMessages.seq, sealed: phoneMessages.sealed })
      .from(phoneMessages)
      .where(and(theirs, gte(phoneMessages.seq, from), gt(phoneMessages.expiresAt, now)))
      .orderBy(asc(phoneMessages.seq));
    const over = isOver(mailbox, now);
    const until = Math.min(now + PHONE_IDLE_MS, mailbox.createdAt + PHONE_LONGEST_MS);
    if (side === 'phone' && !over && until >= mailbox.expiresAt + NOTED_EACH_MS)
      await tx.update(phoneMailboxes).set({ expiresAt: until }).where(eq(phoneMailboxes.id, mailbox.id));
    return { ok: true, messages, others: mailbox.others, isOver: over, now };
  });
}

/** Ends a mailbox for both sides. Refuses: no_such_phone_mailbox, also for a token that is neither side's. */
export async function endMailbox({ db, world }: Dependencies, asked: Asked): Promise<Outcome<{ now: number }>> {
  const now = world.now();
  return db.transaction(async (tx) => {
    const mine = await ownMailbox(tx, asked);
    if ('refused' in mine) return mine;
    const { mailbox, side } = mine;
    if (!isOver(mailbox, now)) {
      await tx.update(phoneMailboxes).set({ endedBy: side, expiresAt: now }).where(eq(phoneMailboxes.id, mailbox.id));
      // the last message may be the reason; it is fetched within its minute
    }
    return { ok: true, now };
  });
}

/** Forgets mailboxes that were over a minute ago, and messages that nobody fetched; returns how many mailboxes. */
export async function forgetMailboxes({ db, world }: Dependencies): Promise<number> {
  const now = world.now();
  await db.delete(phoneMessages).where(lt(phoneMessages.expiresAt, now));
  const old = lt(phoneMailboxes.expiresAt, now - REMEMBERED_MS);
  return (await db.delete(phoneMailboxes).where(old).returning({ id: phoneMailboxes.id })).length;
}

const isOver = ({ endedBy, expiresAt }: Mailbox, now: number): boolean => endedBy !== null || now >= expiresAt;

async function lockMailbox(tx: Pick<Db, 'select'>, id: string): Promise<Mailbox | null> {
  const [found] = await tx.select().from(phoneMailboxes).where(eq(phoneMailboxes.id, id)).for('update');
  return found ?? null;
}

/** The mailbox with the side that asks; somebody else's token finds nothing. */
async function ownMailbox(
  tx: Pick<Db, 'select'>,
  { id, token }: Asked,
): Promise<Refused | { readonly mailbox: Mailbox; readonly side: PhoneSide }> {
  const mailbox = await lockMailbox(tx, id);
  const hash = hashOf(token);
  if (mailbox?.desktopTokenSha256 === hash) return { mailbox, side: 'desktop' };
  if (mailbox?.phoneTokenSha256 === hash) return { mailbox, side: 'phone' };
  return refuse('no_such_phone_mailbox');
}

function hashOf(token: string): string {
  return toBase64Url(sha256(utf8(token)));
}
