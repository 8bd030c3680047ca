/** What was opened one after the other, to be closed in the reverse order, also when the opening stops half-way. */
import type { Logger } from 'pino';

export type Opened = {
  /** Keeps a thing and how it is closed. Returns: the thing. */
  keep<Thing>(what: string, thing: Thing, close: (thing: Thing) => Promise<unknown> | unknown): Thing;
  /** Closes everything, the last thing first; one that cannot be closed is told of and holds nothing up. */
  closeAll(): Promise<void>;
};

export function createOpened(logger: Pick<Logger, 'error'>): Opened {
  const opened: { readonly what: string; readonly close: () => Promise<unknown> | unknown }[] = [];
  return {
    keep(what, thing, close) {
      opened.unshift({ what, close: () => close(thing) });
      return thing;
    },
    async closeAll() {
      for (const { what, close } of opened.splice(0)) {
        try {
          await close();
        } catch (error) {
          logger.error({ err: error, what }, 'did not close');
        }
      }
    },
  };
}
