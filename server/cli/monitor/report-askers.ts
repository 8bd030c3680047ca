/** Who reports heads, by network address, and how often each may in a minute; it looks into no report. */
import type { IncomingMessage } from 'node:http';
import { BlockList, isIP } from 'node:net';
import { networkOf } from '../../http/limits.ts';
import type { World } from '../../world.ts';

/** Reports a minute from one address: a hall of a thousand pages, each once a minute. */
export const REPORTS_OF_AN_ADDRESS = 1_200;
/** Reports a minute from one address that were refused for what they are: an honest page has none, a wrong link a few. */
export const REFUSED_OF_AN_ADDRESS = 60;
/** Addresses counted apart in one minute; whoever comes beyond shares one count with his like. */
export const ADDRESSES_LIMIT = 10_000;
const EVERYONE_ELSE = 'everyone else';
const MINUTE_MS = 60_000;

export type ReportAllowance = {
  /** Counts one more. Returns: whether it may be taken. */
  take(asker: string): boolean;
  /** It was refused: of such the asker has fewer. */
  refuse(asker: string): void;
};

/** Counts by asker and minute of the clock. */
export function allowReports({ now }: Pick<World, 'now'>): ReportAllowance {
  let minute = Number.NaN;
  let counts = new Map<string, { taken: number; refused: number }>();
  const countOf = (asker: string) => {
    const present = Math.floor(now() / MINUTE_MS);
    if (present !== minute) {
      minute = present;
      counts = new Map();
    }
    const key = counts.has(asker) || counts.size < ADDRESSES_LIMIT ? asker : EVERYONE_ELSE;
    const count = counts.get(key) ?? { taken: 0, refused: 0 };
    counts.set(key, count);
    return count;
  };
  return {
    take(asker) {
      const count = countOf(asker);
      count.taken += 1;
      return count.taken <= REPORTS_OF_AN_ADDRESS && count.refused < REFUSED_OF_AN_ADDRESS;
    },
    refuse(asker) {
      countOf(asker).refused += 1;
    },
  };
}

/**
 * Says whom a request is counted as: the network it comes from.
 *
 * Shape: `proxies` are addresses and networks as `readProxy` takes them. Of one of those counts whom it names last in X-Forwarded-For that is
 *        none of them itself: what stands further left anybody may have written.
 */
export function askersBehind(proxies: readonly string[]): (request: IncomingMessage) => string {
  const trusted = new BlockList();
  for (const proxy of proxies) {
    const [address = '', bits] = proxy.split('/');
    const family = familyOf(address);
    if (bits === undefined) trusted.addAddress(address, family);
    else trusted.addSubnet(address, Number(bits), family);
  }
  return ({ socket, headers }) => {
    let address = socket.remoteAddress ?? '';
    const named = [headers['x-forwarded-for'] ?? []].flat().join(',').split(',');
    while (isIP(address) !== 0 && trusted.check(address, familyOf(address))) {
      const next = named.pop()?.trim() ?? '';
      if (isIP(next) === 0) break;
      address = next;
    }
    return networkOf(address);
  };
}

const familyOf = (address: string): 'ipv4' | 'ipv6' => (isIP(address) === 6 ? 'ipv6' : 'ipv4');
