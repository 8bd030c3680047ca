/** Watches the openings that a ledger has heads of: each is replayed when it grew, when somebody was shown a head of it, and again now and then. */
import { join } from 'node:path';
import * as Type from 'typebox';
import { Check } from 'typebox/schema';
import type { LedgerHead } from '../../core/log/head.ts';
import type { World } from '../../world.ts';
import { type LogSource, urlSource } from '../log-source.ts';
import { readOrNull, writeDurably } from '../person/person-folder.ts';
import type { Reach } from '../reach.ts';
import { type Alarm, alarm } from './alarms.ts';
import { KeptLedgerError } from './kept-ledger.ts';
import type { Patience } from './patience.ts';
import { RegisterFacts } from './register-facts.ts';
import type { RegisteredOpening } from './register-watch.ts';
import { replayOpening, type SeenHead } from './replay-opening.ts';
import type { ReportedHeads } from './reported-heads.ts';

/** An opening that nothing new is known of is read again after so long: what was there once may be gone. */
export const REREAD_MS = 6 * 3_600_000;
/** So many of those in one round, and so many because of reports. */
const REREADS_OF_A_ROUND = 2;
const REPORTED_OF_A_ROUND = 4;
/** A report does not make an opening be read again sooner. */
const REPORTED_PAUSE_MS = 60_000;
/** What the reading of one opening may take: a slow one must not keep us from the others. */
export const OPENING_LIMIT_MS = 180_000;
export const OPENING_LIMIT_BYTES = 2 ** 30;

const Looked = Type.Object(
  {
    /** Heads of the ledger that it was held against. */
    heads: Type.Integer({ minimum: 0 }),
    /** By our own clock, ms. */
    at: Type.Integer(),
    facts: Type.Union([RegisterFacts, Type.Null()]),
  },
  { additionalProperties: false },
);
type Looked = Type.Static<typeof Looked>;
const Kept = Type.Record(Type.String(), Looked);

type Opening = {
  readonly publicKey: string;
  closedSeq: number | null;
  readonly heads: SeenHead[];
  /** Which round tried it last; 0 none. */
  tried: number;
};

export type WatchedOpenings = {
  /** A head that the ledger has in that entry, signed by this key (base64). */
  note(head: LedgerHead, publicKey: string, seq: number): void;
  publicKeyOf(origin: string): string | null;
  headsOf(origin: string): readonly SeenHead[];
  /** Replays what is due, until `reach` says it is enough. Returns: how many could not be read. */
  round(reach: Reach, reports: ReportedHeads): Promise<number>;
  /** What is known of their registers, and whether that is all there is to know. */
  registered(): { readonly openings: readonly RegisteredOpening[]; readonly areAll: boolean };
  save(): Promise<void>;
};

type WatchOptions = {
  /** The address before `/logs`. */
  readonly platform: string;
  readonly folder: string;
  readonly world: Pick<World, 'now' | 'after'>;
  readonly patience: Patience;
  readonly raise: (alarm: Alarm) => Promise<void>;
  /** The note of the head in that entry of the ledger. */
  readonly noteAt: (seq: number) => Promise<string>;
};

/** Watches openings; how far each was held against the ledger stands in the folder's `openings.json`. Throws: KeptLedgerError. */
export async function watchOpenings(options: WatchOptions): Promise<WatchedOpenings> {
  const { platform, folder, world, patience, raise, noteAt } = options;
  const file = join(folder, 'openings.json');
  const stored: unknown = JSON.parse((await readOrNull(file)) ?? '{}');
  if (!Check(Kept, stored)) throw new KeptLedgerError('kept_damaged', 'openings.json');
  const looked = new Map<string, Looked>(Object.entries(stored));
  const openings = new Map<string, Opening>();
  let isSaved = true;
  let rounds = 0;

  /** Those to be read now, whom nobody has tried for longest in front. */
  function due(reports: ReportedHeads): string[] {
    const now = world.now();
    const [grown, reported, old]: string[][] = [[], [], []];
    for (const [origin, { heads }] of openings) {
      const last = looked.get(origin);
      if (last === undefined || last.heads < heads.length || patience.since(behind(origin)) !== null)
        grown?.push(origin);
      else if (reports.of(origin).length > 0 && now - last.at >= REPORTED_PAUSE_MS) reported?.push(origin);
      else if (now - last.at >= REREAD_MS) old?.push(origin);
    }
    old?.sort((a, b) => (looked.get(a)?.at ?? 0) - (looked.get(b)?.at ?? 0));
    const all = [
      ...(grown ?? []),
      ...(reported ?? []).slice(0, REPORTED_OF_A_ROUND),
      ...(old ?? []).slice(0, REREADS_OF_A_ROUND),
    ];
    return all.sort((a, b) => (openings.get(a)?.tried ?? 0) - (openings.get(b)?.tried ?? 0));
  }

  async function look(origin: string, opening: Opening, source: LogSource, reports: ReportedHeads): Promise<boolean> {
    const { publicKey, closedSeq } = opening;
    const heads = [...opening.heads];
    const known = { publicKey, isClosed: closedSeq !== null, heads, reported: reports.of(origin) };
    const replay = await replayOpening(source, origin, known);
    if (!replay.isRead) return false;
    patience.forget(withheld(origin));
    for (const each of replay.found) await raise(each);
    const last = heads.at(-1);
    const isBehind = replay.size !== null && last !== undefined && replay.size < last.size;
    if (!isBehind) patience.forget(behind(origin));
    else if (patience.isOver(behind(origin)))
      await raise(alarm('opening_behind', origin, undefined, [await last.note()]));
    if (replay.size !== null) await reports.settle(origin, replay.size);
    looked.set(origin, { heads: heads.length, at: world.now(), facts: isBehind ? null : replay.facts });
    isSaved = false;
    return true;
  }

  return {
    note({ checkpoint, kind }, publicKey, seq) {
      const { origin, size, root } = checkpoint;
      // The access log has heads, too; it is not public.
      if (!origin.includes('/opening/')) return;
      const opening = openings.get(origin) ?? { publicKey, closedSeq: null, heads: [], tried: 0 };
      opening.heads.push({ size, root, note: () => noteAt(seq) });
      if (kind === 'closed') opening.closedSeq ??= seq;
      openings.set(origin, opening);
    },
    publicKeyOf: (origin) => openings.get(origin)?.publicKey ?? null,
    headsOf: (origin) => openings.get(origin)?.heads ?? [],
    async round(reach, reports) {
      rounds += 1;
      let unread = 0;
      for (const origin of due(reports)) {
        if (isOver(reach)) break;
        const opening = openings.get(origin);
        if (opening === undefined) continue;
        opening.tried = rounds;
        const late = new AbortController();
        const cancel = world.after(OPENING_LIMIT_MS, () => late.abort());
        const signal = reach.signal === undefined ? late.signal : AbortSignal.any([late.signal, reach.signal]);
        const source = urlSource(`${platform}/logs/opening/${origin.slice(origin.lastIndexOf('/') + 1)}`, {
          ...reach,
          signal,
          budget: { left: OPENING_LIMIT_BYTES },
        });
        const isRead = await look(origin, opening, source, reports).finally(cancel);
        if (isRead) continue;
        // The round itself was over: that says nothing of this opening.
        if (isOver(reach)) break;
        unread += 1;
        if (patience.isOver(withheld(origin))) await raise(alarm('opening_withheld', origin));
      }
      return unread;
    },
    registered() {
      const known: RegisteredOpening[] = [];
      let areAll = true;
      for (const [origin, { heads, closedSeq }] of openings) {
        const last = looked.get(origin);
        if (last?.facts != null && last.heads === heads.length) known.push({ origin, facts: last.facts, closedSeq });
        else areAll = false;
      }
      return { openings: known, areAll };
    },
    async save() {
      if (isSaved) return;
      isSaved = true;
      await writeDurably(file, JSON.stringify(Object.fromEntries(looked)));
    },
  };
}

const isOver = ({ signal }: Reach): boolean => signal?.aborted === true;
const withheld = (origin: string): string => `opening_withheld ${origin}`;
const behind = (origin: string): string => `opening_behind ${origin}`;
