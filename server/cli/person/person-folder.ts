/** The folder where a person keeps what proves things later: keys and heads of logs, signed statements, receipts. No private key but the one that opens a holder's share. */
import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import * as Type from 'typebox';
import { Check } from 'typebox/schema';
import type { Json } from '../../core/log/canonical.ts';

const KeptBidSchema = Type.Object(
  {
    bidId: Type.String(),
    statement: Type.String(),
    /** Where the envelope lay when it was sent. */
    envelope: Type.String(),
    /** The platform's receipt; null while none has come. */
    receipt: Type.Union([Type.String(), Type.Null()]),
    actId: Type.Union([Type.String(), Type.Null()]),
    /** Where the window is blind: the key its holders were dealt, by the log as it was when the bid was signed. */
    windowKid: Type.Optional(Type.String()),
    /** The log's key as it was pinned then, so that the bid can be decrypted from elsewhere by the same log. */
    logVkey: Type.Optional(Type.String()),
  },
  { additionalProperties: false },
);

/** A lodgement of this person's, from the moment it was signed. */
export type KeptBid = Type.Static<typeof KeptBidSchema>;

/** Where the pinned key and the newest head of one log are kept. */
export type LogFiles = { readonly vkey: string; readonly head: string };

export type PersonFolder = {
  readonly path: string;
  /** The files of an opening's log. */
  logFiles(openingId: string): Promise<LogFiles>;
  /** The files of a log that the platform itself keeps. */
  platformLogFiles(log: 'ledger' | 'access'): Promise<LogFiles>;
  bids(openingId: string): Promise<readonly KeptBid[]>;
  keepBid(openingId: string, bid: KeptBid): Promise<void>;
  forgetBid(openingId: string, bidId: string): Promise<void>;
  /** Id of the bid that stands by this person's knowledge, or null. */
  standing(openingId: string): Promise<string | null>;
  setStanding(openingId: string, bidId: string | null): Promise<void>;
  /** Keeps a text that may be needed as evidence, under a name of its own. */
  keepEvidence(openingId: string, name: string, text: string): Promise<string>;
  /** What was kept under this name; null when nothing was. */
  readEvidence(openingId: string, name: string): Promise<string | null>;
};

/** Opens the folder, making it when it is not there. Only its owner may read it. */
export async function openPersonFolder(path: string): Promise<PersonFolder> {
  await mkdir(path, { recursive: true, mode: 0o700 });
  const openingFolder = (openingId: string, ...rest: string[]) => join(path, 'openings', openingId, ...rest);
  const bidFile = (openingId: string, bidId: string) => openingFolder(openingId, 'bids', `${bidId}.json`);

  return {
    path,
    logFiles: (openingId) => logFilesIn(openingFolder(openingId)),
    platformLogFiles: (log) => logFilesIn(join(path, log)),
    async bids(openingId) {
      const names = await readdir(openingFolder(openingId, 'bids')).catch(exceptWhenMissing<string[]>([]));
      const kept: KeptBid[] = [];
      for (const name of names.filter((n) => n.endsWith('.json'))) {
        const bid: unknown = JSON.parse(await readFile(openingFolder(openingId, 'bids', name), 'utf8'));
        if (!Check(KeptBidSchema, bid)) throw new Error(`${name} in ${path} is no kept bid`);
        kept.push(bid);
      }
      return kept;
    },
    keepBid: (openingId, bid) => writeDurably(bidFile(openingId, bid.bidId), pretty(bid)),
    forgetBid: (openingId, bidId) => rm(bidFile(openingId, bidId), { force: true }),
    async standing(openingId) {
      const text = await readOrNull(openingFolder(openingId, 'standing'));
      return text === null || text === '' ? null : text;
    },
    setStanding: (openingId, bidId) => writeDurably(openingFolder(openingId, 'standing'), bidId ?? ''),
    async keepEvidence(openingId, name, text) {
      const file = openingFolder(openingId, 'evidence', name);
      await writeDurably(file, text);
      return file;
    },
    readEvidence: (openingId, name) => readOrNull(openingFolder(openingId, 'evidence', name)),
  };
}

async function logFilesIn(folder: string): Promise<LogFiles> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  return { vkey: join(folder, 'vkey'), head: join(folder, 'checkpoint') };
}

function pretty(value: Json): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

export async function readOrNull(file: string): Promise<string | null> {
  return readFile(file, 'utf8').catch(exceptWhenMissing<string | null>(null));
}

function exceptWhenMissing<Value>(instead: Value): (error: NodeJS.ErrnoException) => Value {
  return (error) => {
    if (error.code === 'ENOENT') return instead;
    throw error;
  };
}

/** Writes beside and renames: after a crash the old text stands there or the new one, and the new one to stay. */
export async function writeDurably(file: string, text: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const handle = await open(`${file}.part`, 'w', 0o600);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(`${file}.part`, file);
  const folder = await open(dirname(file), 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
