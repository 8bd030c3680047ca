/** Bench `rush`: openings side by side on the real server, one with a thousand bidders who all decrypt in the last seconds of its window. */
import { appendFile, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { act } from '../../../server/cli/person/act.ts';
import { catchUp } from '../../../server/cli/person/read-opening.ts';
import { waitFor } from '../../../server/cli/person/wait-for.ts';
import { LOT } from '../../support/roadworks.ts';
import { makeTown, publishOpening } from '../../support/server-people.ts';
import { startServer } from '../../support/server-process.ts';
import { startChild } from '../child.ts';
import { type Figures, percentile, round } from '../measure.ts';
import { pooled } from '../pooled.ts';
import type { BiddersOrder, BiddersReport } from './bidders.ts';
import type { ViewersOrder, ViewersReport } from './viewers.ts';

export type RushSize = {
  readonly openings: number;
  /** Of the first opening, and of each other one. */
  readonly bidders: number;
  readonly otherBidders: number;
  readonly viewers: number;
  readonly otherViewers: number;
  readonly windowMs: number;
  /** The first opening's statements are sent in the window's last so many ms, the last of them `marginMs` before its end. */
  readonly rushMs: number;
  readonly marginMs: number;
  /** Bids that this machine lodges a second, with their check-in: how far off the deadline must be. */
  readonly lodgedPerSecond: number;
};

/** Domain §8. */
const FULL: RushSize = {
  openings: 60,
  bidders: 1_000,
  otherBidders: 5,
  viewers: 100,
  otherViewers: 2,
  windowMs: 75_000,
  rushMs: 10_000,
  marginMs: 500,
  lodgedPerSecond: 12,
};

/** Commands of the host at a time. */
const AT_ONCE = 8;
const BEFORE_DEADLINE_MS = 10_000;

export const benchRush = (): Promise<Figures> => rush(FULL);

/** Plays the openings up to the end of their windows. */
export async function rush(size: RushSize): Promise<Figures> {
  const folder = await mkdtemp(join(tmpdir(), 'kaibiao-rush-'));
  const undo: (() => Promise<unknown>)[] = [() => rm(folder, { recursive: true, force: true })];
  try {
    return await play(size, folder, (act) => undo.unshift(act));
  } finally {
    for (const act of undo) await act();
  }
}

async function play(size: RushSize, folder: string, later: (act: () => Promise<unknown>) => void): Promise<Figures> {
  const { openings, bidders, otherBidders, rushMs, marginMs } = size;
  const script = (name: string): string => join(import.meta.dirname, name);
  const bidding = startChild<BiddersOrder, BiddersReport>(script('bidders.ts'));
  later(bidding.end);
  const viewing = startChild<ViewersOrder, ViewersReport>(script('viewers.ts'));
  later(viewing.end);

  const town = await makeTown(join(folder, 'town'));
  const { rootPem } = pick(await bidding.next(), 'rootPem');
  await appendFile(town.settings['KAIBIAO_FIRST_ANCHORS'] ?? '', rootPem);
  const settings = {
    PATH: process.env['PATH'] ?? '',
    KAIBIAO_DATA: join(folder, 'data'),
    KAIBIAO_PORT: '0',
    KAIBIAO_LOG_LEVEL: 'error',
    // One host leads all these openings here, as no person would.
    KAIBIAO_REQUESTS_PER_MINUTE: '100000',
    ...town.settings,
  };
  const server = await startServer({ teardown: later }, settings);
  later(() => server.stop());
  const officials = await town.enterOfficials(server.url);
  const { host } = officials;

  const envelopes = join(folder, 'envelopes');
  await mkdir(envelopes);
  const counts = Array.from({ length: openings }, (_, n) => (n === 0 ? bidders : otherBidders));
  const total = counts.reduce((sum, count) => sum + count, 0);
  await bidding.ask({ do: 'enter', url: server.url, folder: envelopes, counts });

  const ids = counts.map((_, n) => `rush-${n + 1}`);
  const deadlineAt = Date.now() + BEFORE_DEADLINE_MS + Math.ceil((total * 1000) / size.lodgedPerSecond);
  const times = { deadlineAt, checkInLeadMs: 3_600_000, decryptionWindowMs: size.windowMs, confirmationMs: 60_000 };
  await pooled(ids, AT_ONCE, (id) => publishOpening(officials, id, times));
  const states = await Promise.all(ids.map((id) => catchUp(host, id)));
  const terms = states.map(({ policyHash, details }, n) => ({
    platform: host.platform,
    openingId: ids[n] as string,
    lotId: LOT,
    policyHash,
    deadlineAt: Date.parse(details.deadlineAt),
  }));
  await bidding.ask({ do: 'lodge', terms });
  if (Date.now() >= deadlineAt) throw new Error('this machine did not lodge the bids before the deadline');
  await viewing.ask({
    do: 'open',
    url: server.url,
    rooms: ids.map((openingId, n) => ({ openingId, viewers: n === 0 ? size.viewers : size.otherViewers })),
  });

  const command = (openingId: string, type: string) => act(host, openingId, { type, role: 'host', data: {} });
  await pooled(ids, AT_ONCE, async (id) => {
    await waitFor(host, id, 'host', ({ phase }) => phase === 'Sealed');
    await command(id, 'PublishRoster');
  });
  await pooled(ids, AT_ONCE, (id) => command(id, 'OpenWindow').then(() => undefined));

  const cpuBefore = await cpuSecondsOf(server.pid);
  const decrypting = bidding.ask({ do: 'decrypt', rushMs, marginMs });
  const ending = viewing.ask({ do: 'await-end' });
  const { sent, refused, spareMs, said } = pick(await decrypting, 'sent');
  const { rooms } = pick(await ending, 'rooms');
  const cpuSeconds = (await cpuSecondsOf(server.pid)) - cpuBefore;
  if (spareMs < 0) throw new Error(`this machine made the last statement ${-spareMs} ms after it was due`);
  if (refused.length > 0) console.error(`refused: ${[...new Set(refused)].join(', ')}`);

  const lags = (seen: 'received' | 'decrypted', from: number, to: number): number[] =>
    rooms
      .slice(from, to)
      .flatMap((room, n) =>
        (sent[from + n] ?? []).flatMap(({ jweSha256, at }) => (room[seen][jweSha256] ?? []).map((shown) => shown - at)),
      );
  const lost = sent.flatMap((statements, n) =>
    statements.filter(({ jweSha256 }) => rooms[n]?.decrypted[jweSha256] === undefined),
  ).length;
  const [first] = rooms;
  const others = openings > 1 ? { othersVisibleP99Ms: round(percentile(lags('received', 1, openings), 0.99)) } : {};
  return {
    lost,
    visibleP99Ms: round(percentile(lags('received', 0, 1), 0.99)),
    outcomeVisibleP99Ms: round(percentile(lags('decrypted', 0, 1), 0.99)),
    answerP99Ms: round(percentile(sent[0]?.map(({ tookMs }) => tookMs) ?? [], 0.99)),
    ...others,
    openings,
    statements: sent[0]?.length ?? 0,
    decidedBeforeClose: first?.decidedBeforeClose ?? 0,
    closeDelayMs: first?.closeDelayMs ?? Number.NaN,
    viewers: size.viewers,
    saidMeanwhile: said,
    serverCpuMsPerStatement: round((cpuSeconds * 1000) / sent.flat().length),
  };
}

/** Processor time a process and its threads have had, s; Linux counts it in hundredths. */
async function cpuSecondsOf(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/stat`, 'latin1');
  // The second field is the program's name in parentheses, and may hold anything.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

function pick<Says extends object, Key extends string>(said: Says, key: Key): Extract<Says, Record<Key, unknown>> {
  if (!(key in said)) throw new Error(`${JSON.stringify(said)} says nothing of ${key}`);
  return said as Extract<Says, Record<Key, unknown>>;
}
