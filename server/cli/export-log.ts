/** Writes a log as a folder that anyone can verify without this server: tiles, entries, disclosures, key, checkpoint, anchor. */
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { canonicalise, isJsonObject } from '../core/log/canonical.ts';
import { readDisclosure } from '../core/log/disclosure.ts';
import { type Entry, parseEntry } from '../core/log/entry.ts';
import { LINKS_LIMIT } from '../core/log/key-links.ts';
import type { KeyAnnouncement } from '../core/log/ledger-events.ts';
import { parseVkey, signatureLineStart } from '../core/log/note.ts';
import { ledgerOrigin } from '../core/log/origin.ts';
import { bundlesOf, formatTilePath, type Tile, tilesOf } from '../core/log/tile.ts';
import { fromUtf8 } from '../core/log/utf8.ts';
import { ERASED_TYPE, goneWith } from '../core/log/verify.ts';
import type { Words } from '../core/log/words.ts';
import { filesOf, type Judgement } from '../core/pki/judgement.ts';
import { splitElements } from '../core/timestamp/elements.ts';
import { sha256 } from '../hash.ts';
import { readEvidence } from '../identity/evidence.ts';
import { withCosignatures } from '../ledger/cosignatures.ts';
import type { Sql } from '../store/driver.ts';
import {
  proofOf,
  proofsOf,
  readCheckpoint,
  readDisclosures,
  readEntries,
  readKeyAnnouncements,
  readTile,
  type StoredDisclosure,
} from '../store/read-log.ts';
import { findStamps, type StoredTimestamp } from '../store/timestamps.ts';
import { formatPem } from '../verify/pem-file.ts';
import { EVIDENCE_FOLDER, isListed, isOfBundle, linkPaths, STAMPS_LIMIT, stampPaths } from '../verify/source.ts';
import { filesBelow } from './log-source.ts';

/** Entries whose disclosures are read at a time. */
const DISCLOSURE_BATCH = 500;

/** A signed head of a log. */
export type SignedHead = { readonly size: number; readonly note: string };

export type ExportRequest = {
  readonly origin: string;
  readonly vkey: string;
  readonly folder: string;
  /** The ledger, to anchor the log in; null for the ledger itself. */
  readonly ledger: { readonly origin: string; readonly vkey: string } | null;
};

/** Every reason why nothing is exported or bundled. */
export const EXPORT_ERRORS = {
  log_not_found: { en: 'There is no such log.', zh: '没有该日志。' },
  log_not_anchored: {
    en: 'The ledger has no head of this size yet; try again in a moment.',
    zh: '总账尚未收录该日志的当前树头，请稍后重试。',
  },
  log_still_open: {
    en: 'The opening has not come to its end; --open bundles it as it stands.',
    zh: '开标尚未完结；使用 --open 可打包当前状态。',
  },
  log_does_not_verify: {
    en: 'The log does not verify; nobody is given a bundle of it.',
    zh: '日志核验未通过，不予生成证据包。',
  },
  folder_not_an_export: {
    en: 'The folder holds something that is no export.',
    zh: '该文件夹含有不属于导出内容的文件。',
  },
  folder_of_other_log: { en: 'The folder holds the export of another log.', zh: '该文件夹是另一份日志的导出。' },
  disclosure_missing: {
    en: 'A disclosure is missing and no entry accounts for it.',
    zh: '缺少披露内容，且没有条目予以说明。',
  },
  disclosure_unknown: { en: 'There is a disclosure that nobody committed to.', zh: '存在未被承诺的披露内容。' },
  evidence_missing: {
    en: 'What a certificate was judged by is missing.',
    zh: '缺少证书判定所依据的材料。',
  },
  export_not_whole: { en: 'The database has more or less than the log.', zh: '数据库内容与日志不符。' },
} as const satisfies Record<string, Words>;

/** Nothing was exported; the folder is as it was. */
export class ExportError extends Error {
  readonly code: keyof typeof EXPORT_ERRORS;
  constructor(code: ExportError['code'], message: string) {
    super(message);
    this.name = 'ExportError';
    this.code = code;
  }
}

/** The newest head that was signed: what was committed behind it is signed in a moment, or at the next start. */
export async function committedHead(sql: Sql, origin: string): Promise<SignedHead | null> {
  const [row] = await sql<{ size: number; note: string }[]>`
    SELECT size, note FROM checkpoints WHERE origin = ${origin} ORDER BY size DESC LIMIT 1`;
  return row ?? null;
}

/** Of so many cosigned heads of a ledger the one with the most cosignatures is taken: the newest may still wait for some. */
const COSIGNED_HEADS_LOOKED_AT = 20;

/**
 * The head of a ledger to give out: the newest that has as many cosignatures as any of the last ones, with all of them; the newest
 * committed one where nobody cosigns.
 *
 * Shape: `fromSize` entries must stand under it; then a newer one without cosignatures is taken before an older one with. With `line` a
 *        line of it must begin so: a head from before the present key is not taken for its cosignatures.
 */
async function ledgerHead(sql: Sql, origin: string, fromSize = 0, line = ''): Promise<SignedHead | null> {
  const rows = await sql<{ size: number; count: number }[]>`
    SELECT size, count(*)::int AS count FROM cosignatures WHERE size >= ${fromSize}
    GROUP BY size ORDER BY size DESC LIMIT ${COSIGNED_HEADS_LOOKED_AT}`;
  for (const { size } of rows.toSorted((a, b) => b.count - a.count || b.size - a.size)) {
    const note = await readCheckpoint(sql, origin, size);
    if (note?.includes(line)) return { size, note: await withCosignatures(sql, { size, note }, null) };
  }
  return committedHead(sql, origin);
}

/**
 * What was written. `erased` counts the disclosures that are gone and accounted for by an `Erased` entry; `anchored` says whether the
 * ledger held exactly this head: of a log that grows it may lag a moment.
 */
export type Exported = {
  readonly size: number;
  readonly disclosures: number;
  readonly erased: number;
  readonly anchored: boolean;
};

/**
 * Exports one log.
 *
 * Shape:  the folder of core/log/FORMAT.md §7. It is written beside its place and moved there once it is whole; an earlier export of
 *         the same log gives way to it, so that no file of a smaller size stays behind. `finish` is given the folder before it is
 *         moved, to add to it; what it throws undoes the export.
 * Throws: ExportError: there is no such log; the folder holds anything else than an export of this log; the database lacks an
 *         entry or a disclosure, or has one nobody committed to: an export is whole or it fails.
 */
export async function exportLog(
  sql: Sql,
  request: ExportRequest,
  finish: (part: string, exported: Exported) => Promise<void> = () => Promise.resolve(),
): Promise<Exported> {
  const { origin } = request;
  const folder = resolve(request.folder);
  const isLedger = request.ledger === null && origin.endsWith(ledgerOrigin(''));
  const head = await (isLedger ? ledgerHead : committedHead)(sql, origin);
  if (head === null) throw new ExportError('log_not_found', `${origin} has no entry`);
  await checkPlace(folder, origin);
  const part = `${folder}.part-${process.pid}`;
  await rm(part, { recursive: true, force: true });
  try {
    const exported = await writeLog(sql, request, head, (path, bytes) => writeInto(part, path, bytes));
    await finish(part, exported);
    await putInPlace(part, folder);
    return exported;
  } catch (error) {
    await rm(part, { recursive: true, force: true });
    throw error;
  }
}

/** Is there nothing yet, or an export of the same log? What somebody else keeps there is not ours to take away. */
async function checkPlace(folder: string, origin: string): Promise<void> {
  let isEmpty = true;
  for await (const { path, isFile } of filesBelow(folder)) {
    isEmpty = false;
    if (!isFile || !(isListed(path, null) || isOfBundle(path)))
      throw new ExportError('folder_not_an_export', `${folder} holds ${path}, which is of no export`);
  }
  if (isEmpty) return;
  const vkey = await readFile(join(folder, 'vkey'), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  if (vkey.slice(0, vkey.indexOf('+')) !== origin)
    throw new ExportError('folder_of_other_log', `${folder} holds an export of ${vkey.trim() || 'no known log'}`);
}

/** Not one step, as folders cannot be exchanged portably: a crash in between leaves the earlier export beside its place. */
async function putInPlace(part: string, folder: string): Promise<void> {
  const old = `${folder}.old-${process.pid}`;
  await rm(old, { recursive: true, force: true });
  await rename(folder, old).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
  await rename(part, folder);
  await rm(old, { recursive: true, force: true });
}

type Write = (path: string, bytes: string | Uint8Array) => Promise<void>;

async function writeLog(
  sql: Sql,
  { origin, vkey, ledger }: ExportRequest,
  head: SignedHead,
  write: Write,
): Promise<Exported> {
  await write('checkpoint', head.note);
  await write('vkey', `${vkey}\n`);
  for (const tile of tilesAndBundles(head.size)) {
    const bytes = await readTile(sql, origin, tile, head.size);
    if (bytes === null) throw new Error(`${formatTilePath(tile)} is not within ${head.size} entries`);
    await write(formatTilePath(tile), bytes);
  }
  const { disclosures, erased } = await writeDisclosures(sql, origin, head.size, write);
  const [counted] = await sql<{ disclosures: number; entries: number }[]>`
    SELECT (SELECT count(*)::int FROM disclosures WHERE origin = ${origin} AND seq < ${head.size}) AS disclosures,
           (SELECT count(*)::int FROM entries WHERE origin = ${origin} AND seq < ${head.size}) AS entries`;
  if (counted?.disclosures !== disclosures || counted.entries !== head.size)
    throw new ExportError('export_not_whole', `${origin} has other numbers in the database`);
  const anchored = ledger !== null && (await writeAnchor(sql, { origin, size: head.size }, ledger, write));
  const access = /^(.+)\/access$/u.exec(origin)?.[1];
  if (ledger === null && access !== undefined) await writeLinksOf(sql, ledgerOrigin(access), write);
  return { size: head.size, disclosures, erased, anchored };
}

function* tilesAndBundles(size: number): Generator<Tile> {
  yield* tilesOf(size);
  yield* bundlesOf(size);
}

/** Throws: ExportError for a field without its disclosure that no `Erased` entry accounts for, and for a disclosure without its field. */
async function writeDisclosures(
  sql: Sql,
  origin: string,
  size: number,
  write: Write,
): Promise<{ disclosures: number; erased: number }> {
  const missing = new Set<string>();
  let disclosures = 0;
  let erased = 0;
  const evidence = new Set<string>();
  for (let from = 0; from < size; from += DISCLOSURE_BATCH) {
    const to = Math.min(size, from + DISCLOSURE_BATCH);
    const rows = bySeq(await readDisclosures(sql, origin, from, to));
    for (const { seq, bytes } of await readEntries(sql, origin, from, to)) {
      const entry = parseEntry(bytes);
      const own = rows.get(seq) ?? [];
      for (const field of fieldsWithout(origin, entry, own)) missing.add(`${seq} ${field}`);
      if (entry.type === ERASED_TYPE) erased += erasedFields(entry).filter((field) => missing.delete(field)).length;
      if (own.length === 0) continue;
      await write(`disclosures/${seq}.json`, canonicalise(own.map((row) => row.disclosure)));
      disclosures += own.length;
      for (const digest of own.flatMap(judgementsIn)) evidence.add(digest);
    }
  }
  for (const field of missing) throw new ExportError('disclosure_missing', `${origin}: ${field}`);
  await writeEvidence(sql, evidence, write);
  return { disclosures, erased };
}

/** What the certificate behind a `who` was judged by, or those behind the bids on the roster. */
function judgementsIn({ field, disclosure }: StoredDisclosure): string[] {
  if (field !== 'who' && field !== 'certificates') return [];
  const { value } = readDisclosure(disclosure);
  return (Array.isArray(value) ? value : [value]).flatMap((each) =>
    isJsonObject(each)
      ? [each['judgement'], each['encryptionJudgement']].filter((digest) => typeof digest === 'string')
      : [],
  );
}

/** Every judgement with the files it stands on, each once, under its digest. */
async function writeEvidence(sql: Sql, judgements: ReadonlySet<string>, write: Write): Promise<void> {
  const written = new Set<string>();
  for (const digest of judgements) {
    const judgement = await readEvidence(sql, digest, digest);
    if (judgement === null) throw new ExportError('evidence_missing', digest);
    for (const file of [digest, ...filesOf(JSON.parse(fromUtf8(judgement)) as Judgement)]) {
      if (written.has(file)) continue;
      const bytes = await readEvidence(sql, digest, file);
      if (bytes === null) throw new ExportError('evidence_missing', file);
      await write(`${EVIDENCE_FOLDER}/${file}`, bytes);
      written.add(file);
    }
  }
}

function bySeq(rows: readonly StoredDisclosure[]): Map<number, StoredDisclosure[]> {
  const grouped = new Map<number, StoredDisclosure[]>();
  for (const row of rows) grouped.set(row.seq, [...(grouped.get(row.seq) ?? []), row]);
  return grouped;
}

function fieldsWithout(origin: string, { seq, commit }: Entry, rows: readonly StoredDisclosure[]): string[] {
  const given = rows.map((row) => row.field);
  const unknown = given.find((field) => !Object.hasOwn(commit, field));
  if (unknown !== undefined) throw new ExportError('disclosure_unknown', `${origin}: ${seq} ${unknown}`);
  return Object.keys(commit).filter((field) => !given.includes(field));
}

function erasedFields({ body }: Entry): string[] {
  return goneWith(String(body['field'])).map((field) => `${body['seq']} ${field}`);
}

/** The ledger's entry with exactly this head, and its proof; false while the ledger has none. */
async function writeAnchor(
  sql: Sql,
  { origin, size }: { readonly origin: string; readonly size: number },
  ledger: { readonly origin: string; readonly vkey: string },
  write: Write,
): Promise<boolean> {
  const [found] = await sql<{ ledgerSeq: number }[]>`
    SELECT ledger_seq AS "ledgerSeq" FROM ledger_heads
    WHERE origin = ${origin} AND size = ${size} ORDER BY ledger_seq DESC LIMIT 1`;
  if (found === undefined) return false;
  // A note from before the ledger's key followed another is signed by that one alone, and a stamp is over the note word for word: under
  // the present key only a later one counts, and until that is stamped none does.
  const line = `\n${signatureLineStart(parseVkey(sha256, ledger.vkey))}`;
  const stamps = (await findStamps(sql, found.ledgerSeq, line)).slice(0, STAMPS_LIMIT);
  const checkpoint = stampedHead(stamps) ?? (await ledgerHead(sql, ledger.origin, found.ledgerSeq + 1, line));
  if (checkpoint === null || found.ledgerSeq >= checkpoint.size) return false;
  const [entry] = await readEntries(sql, ledger.origin, found.ledgerSeq, found.ledgerSeq + 1);
  if (entry === undefined) return false;
  await writeLinks(sql, ledger.origin, checkpoint, write);
  await write('anchor/vkey', `${ledger.vkey}\n`);
  await write('anchor/checkpoint', checkpoint.note);
  await write('anchor/head.json', entry.bytes);
  await write(
    'anchor/opening.tlog-proof',
    await proofOf(sql, ledger.origin, found.ledgerSeq, checkpoint.size, checkpoint.note),
  );
  for (const [n, { response, path, crls }] of stamps.entries()) {
    const paths = stampPaths(n + 1);
    await write(paths.response, response);
    await write(paths.path, formatPem('CERTIFICATE', splitElements(path)));
    if (crls.length > 0) await write(paths.crls, formatPem('X509 CRL', splitElements(crls)));
  }
  return true;
}

/** How the ledger's keys followed one another up to that head of it, each link with its proof: for whoever trusts an earlier one. */
async function writeLinks(sql: Sql, ledger: string, { size, note }: SignedHead, write: Write): Promise<void> {
  const links = (await readKeyAnnouncements(sql, ledger)).filter(
    ({ seq, bytes }) => seq < size && announcesLedgerKey(parseEntry(bytes)),
  );
  const last = links.slice(-LINKS_LIMIT);
  const seqs = last.map(({ seq }) => seq);
  const proofs = seqs.length === 0 ? [] : await proofsOf(sql, ledger, seqs, size, note);
  for (const [n, { bytes }] of last.entries()) {
    const paths = linkPaths(n + 1);
    await write(paths.entry, bytes);
    await write(paths.proof, proofs[n] as string);
  }
}

/** The same of the access log, which has no anchor: under the newest head of the ledger. */
async function writeLinksOf(sql: Sql, ledger: string, write: Write): Promise<void> {
  const head = await committedHead(sql, ledger);
  if (head !== null) await writeLinks(sql, ledger, head, write);
}

function announcesLedgerKey({ type, body }: Entry): boolean {
  return type === 'KeyAnnounced' && (body as unknown as KeyAnnouncement).key.use === 'ledger';
}

/**
 * The head of the ledger that was stamped; null where none was.
 *
 * Why: a stamp is over one note, word for word. So that note is the anchor's, with the cosignatures it had then: as many as the
 *      platform's own policy asks for, as nothing else is stamped.
 */
function stampedHead([first]: readonly StoredTimestamp[]): SignedHead | null {
  return first === undefined ? null : { size: first.ledgerSize, note: first.note };
}

async function writeInto(folder: string, path: string, bytes: string | Uint8Array): Promise<void> {
  const file = join(folder, path);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, bytes);
}
