/** The bench's viewers, a process of their own: public sockets that note when they were shown each decryption, its outcome, and the end of the window. */
import { WebSocket } from 'ws';
import { parseInstant } from '../../../server/core/log/instant.ts';
import { SUBPROTOCOL } from '../../../server/core/wire/version.ts';
import { pooled } from '../pooled.ts';

export type ViewersOrder =
  | { readonly do: 'open'; readonly url: string; readonly rooms: readonly { openingId: string; viewers: number }[] }
  /** Answers once every viewer has seen the window of its opening end. */
  | { readonly do: 'await-end' };

/** What one opening's viewers saw; instants ms of this machine's clock, in the order of the viewers. */
export type RoomSeen = {
  /** By the digest of the sealed key: when it stood before each viewer, and when its outcome did. */
  readonly received: Readonly<Record<string, readonly number[]>>;
  readonly decrypted: Readonly<Record<string, readonly number[]>>;
  /** Decryptions, and how many of them stand on the log before the window's end. */
  readonly decidedBeforeClose: number;
  /** By how much the window's end was committed after its instant, ms. */
  readonly closeDelayMs: number;
};
export type ViewersReport = { readonly opened: number } | { readonly rooms: readonly RoomSeen[] };

/** Sockets on their way at a time. */
const OPENING = 32;

type Shown = {
  readonly seq: number;
  readonly type: string;
  readonly at: string;
  readonly body: {
    readonly bidder?: number;
    readonly attempt?: number;
    readonly jweSha256?: string;
    readonly effectiveAt?: string;
  };
};
type Room = {
  readonly received: Record<string, number[]>;
  readonly decrypted: Record<string, number[]>;
  /** The digest of each attempt, as `bidder/attempt`. */
  readonly digests: Map<string, string>;
  readonly decided: Set<number>;
  closed: Shown | null;
  waiting: number;
};

const say = (report: ViewersReport): void => void process.send?.(report);
const rooms: Room[] = [];
let onEnd: () => void = () => undefined;

function see(room: Room, entry: Shown, now: number): void {
  const { bidder, attempt, jweSha256 } = entry.body;
  const name = `${bidder}/${attempt}`;
  if (entry.type === 'DecryptionReceived' && jweSha256 !== undefined) {
    room.digests.set(name, jweSha256);
    room.received[jweSha256] = [...(room.received[jweSha256] ?? []), now];
  } else if (entry.type === 'BidDecrypted') {
    const digest = room.digests.get(name) ?? 'unknown';
    room.decrypted[digest] = [...(room.decrypted[digest] ?? []), now];
    room.decided.add(entry.seq);
  } else if (entry.type === 'WindowClosed') {
    room.closed = entry;
    room.waiting -= 1;
    onEnd();
  }
}

const ofInterest = /"type":"(?:DecryptionReceived|BidDecrypted|WindowClosed)"/;

function open(url: string, openingId: string, room: Room): Promise<void> {
  const address = `${url.replace(/^http/, 'ws')}/openings/${openingId}/live?after=-1`;
  const socket = new WebSocket(address, [SUBPROTOCOL], { origin: url, perMessageDeflate: false, maxPayload: 2 ** 26 });
  socket.on('message', (data) => {
    const now = Date.now();
    const down = JSON.parse(data.toString()) as { kind: string; entries?: string[] };
    for (const text of down.entries ?? []) if (ofInterest.test(text)) see(room, JSON.parse(text) as Shown, now);
  });
  socket.on('close', (code, reason) => {
    if (room.closed === null) throw new Error(`a viewer was closed: ${code} ${reason.toString()}`);
  });
  return new Promise((resolve, reject) => {
    socket.once('open', () => resolve());
    socket.once('error', reject);
  });
}

async function openAll({ url, rooms: asked }: Extract<ViewersOrder, { do: 'open' }>): Promise<number> {
  const places = asked.flatMap(({ openingId, viewers }) => {
    const room: Room = {
      received: {},
      decrypted: {},
      digests: new Map(),
      decided: new Set(),
      closed: null,
      waiting: viewers,
    };
    rooms.push(room);
    return Array.from({ length: viewers }, () => ({ openingId, room }));
  });
  await pooled(places, OPENING, ({ openingId, room }) => open(url, openingId, room));
  return places.length;
}

async function awaitEnd(): Promise<RoomSeen[]> {
  await new Promise<void>((resolve) => {
    onEnd = () => {
      if (rooms.every(({ waiting }) => waiting === 0)) resolve();
    };
    onEnd();
  });
  return rooms.map(({ received, decrypted, decided, closed }) => {
    const end = closed?.seq ?? 0;
    return {
      received,
      decrypted,
      decidedBeforeClose: [...decided].filter((seq) => seq < end).length,
      closeDelayMs: closed === null ? 0 : parseInstant(closed.at) - parseInstant(closed.body.effectiveAt ?? closed.at),
    };
  });
}

process.on('message', (order: ViewersOrder) => {
  const work =
    order.do === 'open' ? openAll(order).then((opened) => ({ opened })) : awaitEnd().then((seen) => ({ rooms: seen }));
  work.then(say, (error: unknown) => {
    console.error(error);
    process.exit(1);
  });
});
process.on('disconnect', () => process.exit());
