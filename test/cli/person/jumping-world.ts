/** A world that runs as fast as the real one and can be told to jump ahead: for a server and its clients that wait for each other. */
import { systemWorld, type World } from '../../../server/world.ts';

export type JumpingWorld = World & {
  /** Moves the clock ahead; the alarms that fall due sound at once, in order. */
  jump(ms: number): void;
  /** Lets go of every alarm. */
  stop(): void;
};

type Alarm = { readonly dueAt: number; readonly sound: () => void; cancel: () => void };

/** A jumping world that begins at an instant; chance is the system's. */
export function jumpingWorld(startAt: number): JumpingWorld {
  const beganAt = systemWorld.now();
  let jumpedMs = 0;
  const alarms = new Set<Alarm>();
  const now = () => startAt + (systemWorld.now() - beganAt) + jumpedMs;

  function sound(alarm: Alarm): void {
    if (!alarms.delete(alarm)) return;
    alarm.cancel();
    alarm.sound();
  }
  function set(alarm: Alarm): void {
    alarm.cancel = systemWorld.after(Math.max(0, alarm.dueAt - now()), () => sound(alarm));
  }

  return {
    now,
    randomBytes: systemWorld.randomBytes,
    after(delayMs, act) {
      const alarm: Alarm = { dueAt: now() + Math.max(0, delayMs), sound: act, cancel: () => undefined };
      alarms.add(alarm);
      set(alarm);
      return () => {
        if (alarms.delete(alarm)) alarm.cancel();
      };
    },
    jump(ms) {
      jumpedMs += ms;
      const waiting = [...alarms].sort((a, b) => a.dueAt - b.dueAt);
      for (const alarm of waiting) {
        if (alarm.dueAt <= now()) sound(alarm);
        else if (alarms.has(alarm)) {
          alarm.cancel();
          set(alarm);
        }
      }
    },
    stop() {
      for (const alarm of alarms) alarm.cancel();
      alarms.clear();
    },
  };
}
