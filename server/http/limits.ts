/** How much each credential and each address may ask of this process in a minute, and how many sockets it may hold; it knows no route. */
import { isIPv4, isIPv6 } from 'node:net';
import type { World } from '../world.ts';

const MINUTE_MS = 60_000;

/**
 * What requests are counted as, each for itself: nobody who reads, or loads pages, uses up somebody's login or lodgement, not even
 * their own.
 */
export const LIMIT_KINDS = ['general', 'login', 'vital', 'files', 'chains', 'probes', 'phone'] as const;
export type LimitKind = (typeof LIMIT_KINDS)[number];

/**
 * Requests a minute for each person behind an address, of those that name nobody.
 *
 * Why: a page is some reads and its files once; logging in is two requests, and may go wrong once; decryptions are carried in for others;
 *      a pre-flight has its certificates' chains checked once, which costs more than anything else that asks for no login, and its line measured
 *      down and up, twice; a page and the phone beside it, behind one address, each look once a second whether something came.
 */
const FOR_EACH_PERSON = {
  general: 20,
  login: 4,
  vital: 4,
  files: 150,
  chains: 1,
  probes: 4,
  phone: 150,
} as const satisfies Record<LimitKind, number>;

/** Shares of the hall's sockets that all who brought no ticket may hold together, and each address of them. */
const HALL_WITHOUT_TICKET = 3 / 4;
const HALL_OF_AN_ADDRESS = 1 / 2;
/** Sockets that one session may hold: a supervisor with every opening of a morning before it (domain §8). */
export const SOCKETS_OF_A_SESSION = 100;
/**
 * Callers with a credential, and as many without, counted apart in one minute; whoever comes beyond shares one count with his like, so
 * that memory stays bounded and no crowd without credentials crowds out those who have one.
 */
export const CALLERS_LIMIT = 100_000;

/** Who is counted: a key that a token was issued to, an address, or the address of tokens that nobody issued. */
export type CountedAs = `key ${string}` | `address ${string}` | `stranger ${string}`;
/** Whose socket it is: a session's, or of somebody who brought no ticket. */
export type SeatedAs = `session ${string}` | `address ${string}`;

export type Limits = {
  /**
   * Counts a request.
   *
   * Returns: null, or when it is one too many the seconds after which the count begins anew, at least 1.
   */
  take(kind: LimitKind, who: CountedAs): number | null;
  /** Takes a seat for a socket. Returns: what gives it back, once however often it is called; null when there is none left. */
  takeSocket(who: SeatedAs): (() => void) | null;
};

export type LimitsDependencies = {
  readonly world: Pick<World, 'now'>;
  readonly config: {
    readonly requestsPerMinute: number;
    readonly peoplePerAddress: number;
    readonly socketLimit: number;
  };
};

/**
 * The limits of one process.
 *
 * Why: by the key of the credential, for a thousand bidders may sit behind one address (domain §5). Who has none is counted by
 *      address, a thousand times what one person needs; and a token that nobody issued counts apart from those who bring none.
 */
export function createLimits({ world, config }: LimitsDependencies): Limits {
  const { requestsPerMinute, peoplePerAddress, socketLimit } = config;
  let minute = Number.NaN;
  const noCounts = () => ({ withCredential: new Map<string, number>(), without: new Map<string, number>() });
  let all = noCounts();
  const sockets = new Map<SeatedAs, number>();
  let withoutTicket = 0;
  const shareOf = (share: number): number => Math.max(1, Math.floor(socketLimit * share));

  return {
    take(kind, who) {
      const now = world.now();
      if (Math.floor(now / MINUTE_MS) !== minute) {
        minute = Math.floor(now / MINUTE_MS);
        all = noCounts();
      }
      const hasCredential = who.startsWith('key ');
      const counts = hasCredential ? all.withCredential : all.without;
      const own = `${kind} ${who}`;
      const key = counts.has(own) || counts.size < CALLERS_LIMIT ? own : `${kind} everyone else`;
      const count = (counts.get(key) ?? 0) + 1;
      counts.set(key, count);
      const most = hasCredential ? requestsPerMinute : FOR_EACH_PERSON[kind] * peoplePerAddress;
      return count <= most ? null : Math.max(1, Math.ceil(((minute + 1) * MINUTE_MS - now) / 1000));
    },
    takeSocket(who) {
      const held = sockets.get(who) ?? 0;
      const hasTicket = who.startsWith('session ');
      if (held >= (hasTicket ? SOCKETS_OF_A_SESSION : shareOf(HALL_OF_AN_ADDRESS))) return null;
      // However many addresses look on, those who take part find a seat.
      if (!hasTicket && withoutTicket >= shareOf(HALL_WITHOUT_TICKET)) return null;
      if (!hasTicket) withoutTicket += 1;
      sockets.set(who, held + 1);
      let isHeld = true;
      return () => {
        if (!isHeld) return;
        isHeld = false;
        if (!hasTicket) withoutTicket -= 1;
        const left = (sockets.get(who) ?? 1) - 1;
        if (left === 0) sockets.delete(who);
        else sockets.set(who, left);
      };
    },
  };
}

/** What an address is counted as: of IPv6 the network of 64 bits that one line is given, of an IPv4 address in IPv6 the address itself. */
export function networkOf(address: string): string {
  const bare = address.replace(/%.*$/, '');
  if (isIPv4(bare) || !isIPv6(bare)) return bare;
  const groups = groupsOf(bare);
  const isMapped = groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff;
  if (!isMapped)
    return groups
      .slice(0, 4)
      .map((group) => group.toString(16))
      .join(':');
  return groups
    .slice(6)
    .map((group) => `${group >> 8}.${group & 0xff}`)
    .join('.');
}

/** The eight groups of an IPv6 address. */
function groupsOf(address: string): number[] {
  // The URL parser writes an address in its one form, without dots.
  const text = new URL(`http://[${address}]`).hostname.slice(1, -1);
  const [front = '', back] = text.split('::');
  const read = (part: string): number[] =>
    part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16));
  const [before, after] = [read(front), read(back ?? '')];
  return [...before, ...Array.from({ length: 8 - before.length - after.length }, () => 0), ...after];
}
