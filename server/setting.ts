/** The kinds of setting that the configuration is made of: numbers with limits, yes or no, checked text, lists. */
import { isIP } from 'node:net';

/** One setting; `read` turns the variable's text into the value, or throws an Error that says what is wrong with it. */
export type Setting<Value> = {
  readonly variable: string;
  /** What may be written, in words. */
  readonly shape: string;
  readonly unit?: string;
  /** The text that stands when the variable is not set; null when there is none and the value is null. */
  readonly fallback: string | null;
  readonly why: string;
  readonly read: (text: string) => Value;
};

type Description = Pick<Setting<unknown>, 'variable' | 'why'>;

/** A whole number with its unit and limits; `fallback` is its default. */
export function count(
  of: Description & { unit: string; fallback: number; least: number; most: number },
): Setting<number> {
  return {
    variable: of.variable,
    shape: `a whole number from ${of.least} to ${of.most}`,
    unit: of.unit,
    fallback: String(of.fallback),
    why: of.why,
    read(text) {
      // Number() would take '1e3', ' 5 ' and ''.
      if (!/^(0|[1-9][0-9]{0,15})$/.test(text)) throw new Error('is not a whole number');
      const value = Number(text);
      if (value < of.least || value > of.most) throw new Error(`is not between ${of.least} and ${of.most}`);
      return value;
    },
  };
}

/** Yes or no. */
export function yesNo(of: Description & { fallback: 'yes' | 'no' }): Setting<boolean> {
  return {
    ...of,
    shape: 'yes or no',
    read(text) {
      if (text !== 'yes' && text !== 'no') throw new Error('is neither yes nor no');
      return text === 'yes';
    },
  };
}

/** A text that is checked and taken as it stands; without a default it may be missing and is then null. */
export function text(
  of: Description & { shape: string; fallback: string; read: (text: string) => string },
): Setting<string>;
export function text(
  of: Description & { shape: string; fallback: null; read: (text: string) => string },
): Setting<string | null>;
export function text(
  of: Description & { shape: string; fallback: string | null; read: (text: string) => string },
): unknown {
  return of;
}

export function readDatabaseUrl(value: string): string {
  const scheme = URL.canParse(value) ? new URL(value).protocol : '';
  if (scheme !== 'postgres:' && scheme !== 'postgresql:') throw new Error('is not a postgres:// URL');
  return value;
}

export function readOrigin(value: string): string {
  if (!URL.canParse(value) || new URL(value).origin !== value || !/^https?:/.test(value))
    throw new Error('is not an origin such as https://kaibiao.example (no path, no closing slash)');
  return value;
}

/**
 * The address of a supervisor's monitor, as it goes into the policy of every page: so nothing that means anything there.
 *
 * Returns: without a closing slash.
 */
export function readMonitor(value: string): string {
  const address = value.replace(/\/+$/, '');
  const isPlain = /^https?:\/\/[A-Za-z0-9.:[\]-]+(\/[A-Za-z0-9._~-]+)*$/.test(address);
  if (!isPlain || !URL.canParse(address) || new URL(address).href.replace(/\/$/, '') !== address)
    throw new Error('is not an address such as https://monitor.example (no query, no user)');
  return address;
}

export function readList<Item>(value: string, readItem: (item: string) => Item): Item[] {
  return value === '' ? [] : value.split(',').map((item) => readItem(item.trim()));
}

export function readProxy(value: string): string {
  const [address = '', bits, ...rest] = value.split('/');
  const family = isIP(address);
  const isMask =
    bits === undefined || (/^(0|[1-9][0-9]{0,2})$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128));
  if (family === 0 || !isMask || rest.length > 0)
    throw new Error('holds something that is neither an address nor a network');
  return value;
}
