/** What a browser keeps of an opening's log between visits: its key and the last head, so that neither can change unseen. */
import * as Type from 'typebox';
import { Check } from 'typebox/schema';

const PinSchema = Type.Object(
  {
    v: Type.Literal(1),
    /** The log's verifier key as its genesis gave it. */
    vkey: Type.String({ minLength: 1, maxLength: 400 }),
    size: Type.Integer({ minimum: 1 }),
    /** Root of that size, base64. */
    root: Type.String({ pattern: '^[A-Za-z0-9+/]{43}=$' }),
    /** The signed checkpoint itself: what to show a supervisor when the log later says otherwise. */
    note: Type.String({ minLength: 1, maxLength: 16_384 }),
  },
  { additionalProperties: false },
);
export type Pin = Type.Static<typeof PinSchema>;

/** The part of the browser's Storage that is used. */
export type PinStorage = { getItem(key: string): string | null; setItem(key: string, value: string): void };

export type PinBoard = {
  /** The head kept last, or null; also null when what lies there is no pin. */
  read(): Pin | null;
  /** Keeps a head; false when the browser keeps nothing (private windows, full storage). */
  keep(pin: Pin): boolean;
};

/**
 * Pins of one opening in this browser.
 *
 * Why: a text that is no pin is this browser's own accident and says nothing about the server; it is overwritten.
 */
export function pinBoard(storage: PinStorage | null, openingId: string): PinBoard {
  const key = `kaibiao.pin.${openingId}`;
  return {
    read() {
      try {
        const text = storage?.getItem(key);
        if (text === null || text === undefined) return null;
        const value: unknown = JSON.parse(text);
        return Check(PinSchema, value) ? value : null;
      } catch (fault) {
        if (fault instanceof SyntaxError || isStorageFault(fault)) return null;
        throw fault;
      }
    },
    keep(pin) {
      if (storage === null) return false;
      try {
        storage.setItem(key, JSON.stringify(pin));
        return true;
      } catch (fault) {
        if (isStorageFault(fault)) return false;
        throw fault;
      }
    },
  };
}

/** Browsers refuse storage by a DOMException: QuotaExceededError, SecurityError. */
function isStorageFault(fault: unknown): boolean {
  return fault instanceof Error && ['QuotaExceededError', 'SecurityError'].includes(fault.name);
}
