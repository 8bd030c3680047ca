/** A world whose clock only moves when told and whose chance comes from a seed. */
import { sha256 } from '../../server/hash.ts';
import type { World } from '../../server/world.ts';

export type SteppedWorld = World & {
  /** Moves the clock, sounding each alarm that falls due, in order, at its own instant, without waiting for what it starts. */
  advance(ms: number): void;
  /** The same, but after each alarm lets promises and immediate callbacks run dry before the next. */
  advanceGently(ms: number): Promise<void>;
  /** How many alarms are set. */
  alarms(): number;
};

/** A stepped world; the same seed gives the same bytes. */
export function steppedWorld(startAt = Date.parse('2026-03-02T01:00:00.000Z'), seed = 1): SteppedWorld {
  let nowAt = startAt;
  let alarmsMade = 0;
  let blocksMade = 0;
  const alarms = new Map<number, { dueAt: number; alarm: () => void }>();

  /** Takes out the earliest alarm due by then; of several at one instant the one set first. */
  const takeDue = (untilAt: number): { dueAt: number; alarm: () => void } | undefined => {
    let first: number | undefined;
    for (const [id, { dueAt }] of alarms)
      if (dueAt <= untilAt && (first === undefined || dueAt < (alarms.get(first)?.dueAt ?? dueAt))) first = id;
    if (first === undefined) return undefined;
    const due = alarms.get(first);
    alarms.delete(first);
    return due;
  };
  const targetOf = (ms: number): number => {
    if (!Number.isSafeInteger(ms) || ms < 0) throw new Error(`a clock goes forward by whole ms, not by ${ms}`);
    return nowAt + ms;
  };

  return {
    now: () => nowAt,
    after(delayMs, alarm) {
      const id = alarmsMade++;
      alarms.set(id, { dueAt: nowAt + Math.max(0, delayMs), alarm });
      return () => alarms.delete(id);
    },
    randomBytes(length) {
      const bytes = new Uint8Array(length);
      for (let at = 0; at < length; at += 32) {
        const block = sha256(new TextEncoder().encode(`${seed}/${blocksMade++}`));
        bytes.set(block.subarray(0, Math.min(32, length - at)), at);
      }
      return bytes;
    },
    advance(ms) {
      const untilAt = targetOf(ms);
      for (let due = takeDue(untilAt); due !== undefined; due = takeDue(untilAt)) {
        nowAt = due.dueAt;
        due.alarm();
      }
      nowAt = untilAt;
    },
    async advanceGently(ms) {
      const untilAt = targetOf(ms);
      for (let due = takeDue(untilAt); due !== undefined; due = takeDue(untilAt)) {
        nowAt = due.dueAt;
        due.alarm();
        await new Promise((settled) => setImmediate(settled));
      }
      nowAt = untilAt;
    },
    alarms: () => alarms.size,
  };
}
