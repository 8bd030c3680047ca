/** `kaibiao verify`: says whether a log holds, and why not; exit code 0 or 1. */
import { readFile, stat } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { parsePolicy } from '../../core/log/policy-file.ts';
import { parsePem } from '../../core/pki/certificate.ts';
import { sha256 } from '../../hash.ts';
import type { Verified } from '../../verify/log.ts';
import { type PaperVerdict, paperOnLog } from '../../verify/record-paper.ts';
import { keepRoots, type Roots } from '../../verify/roots.ts';
import { type LogSource, SourceError } from '../../verify/source.ts';
import { type Refused, refuse } from '../../verify/words.ts';
import { openZip } from '../bundle/stored-zip.ts';
import { EXIT, UsageError } from '../exit.ts';
import type { Io } from '../io.ts';
import { folderSource, urlSource } from '../log-source.ts';
import { plainLine } from '../plain-text.ts';
import { keysOf, noting, REPORT_OPTION, readMonitors, reportHeads, type Shown } from '../report-heads.ts';
import { verifyReceipt, verifySource } from '../verify-log.ts';
import { judgePaper } from '../verify-paper.ts';
import { needPositionals } from './options.ts';

const options = {
  trust: { type: 'string' },
  ledger: { type: 'string' },
  policy: { type: 'string' },
  tsa: { type: 'string' },
  public: { type: 'boolean', default: false },
  receipt: { type: 'string' },
  envelope: { type: 'string' },
  record: { type: 'string' },
  complete: { type: 'boolean', default: false },
  ...REPORT_OPTION,
} as const;

const isAddress = (place: string): boolean => /^https?:\/\//.test(place);

/** Where a log is read from: an address, a ZIP file, or a folder. Throws: SourceError. */
async function sourceOf(place: string, io: Io): Promise<LogSource> {
  if (isAddress(place)) return urlSource(place, io);
  const isFile = await stat(place).then(
    (found) => found.isFile(),
    () => false,
  );
  return isFile ? openZip(place) : folderSource(place);
}

/** Verifies a folder or an address; of an address only what everyone may see. */
export async function verify(argv: readonly string[], io: Io): Promise<number> {
  const { values, positionals } = parseArgs({ args: [...argv], options, allowPositionals: true });
  if (values.receipt !== undefined) return verifyReceiptFile(values.receipt, positionals, values, io);
  if (values.envelope !== undefined) throw new UsageError('--envelope goes with --receipt.');
  if (values.record !== undefined) return verifyRecordFile(values.record, positionals, values, io);
  needPositionals(positionals, ['folder | file.zip | address']);
  const [place = ''] = positionals;
  const monitors = readMonitors(values.report);
  const seen: Shown = { notes: new Set(), vkeys: new Set() };
  const code = sayJudged(await judgePlace(place, values, { seen }, io), values, io);
  // Also of a log that is refused: that it was signed is what matters there.
  return Math.max(code, await reportHeads(monitors, { notes: seen.notes, keys: keysOf(seen.vkeys) }, io));
}

function sayJudged(judged: Verified | Refused, values: Pick<Asked, 'ledger'>, io: Io): number {
  if (!judged.ok) return sayRefused(judged, io);
  // Whoever gave a ledger expects to have been told of it.
  if (values.ledger !== undefined && judged.kind !== 'opening')
    throw new UsageError(`--ledger is for the log of an opening; ${judged.origin} is none.`);
  for (const line of verdictOf(judged)) io.out(plainLine(line));
  return EXIT.done;
}

type Asked = {
  readonly trust?: string | undefined;
  readonly ledger?: string | undefined;
  readonly policy?: string | undefined;
  readonly tsa?: string | undefined;
  readonly public: boolean;
  readonly complete: boolean;
  readonly report?: string[] | undefined;
};

/** `seen` takes every signed head that was shown, `roots` the root of every size. */
async function judgePlace(
  place: string,
  asked: Asked,
  { seen, roots }: { readonly seen: Shown; readonly roots?: Roots },
  io: Io,
): Promise<Verified | Refused> {
  const held: LogSource[] = [];
  const openSource = async (at: string): Promise<LogSource> => {
    const source = await sourceOf(at, io);
    held.push(source);
    return noting(source, seen);
  };
  try {
    return await verifySource(await openSource(place), {
      requireAllDisclosures: !isAddress(place) && !asked.public,
      requireComplete: asked.complete,
      ...(roots !== undefined && { roots }),
      ...(asked.trust !== undefined && { trust: asked.trust }),
      ...(asked.ledger !== undefined && { ledger: await openSource(asked.ledger) }),
      ...(asked.policy !== undefined && {
        policy: parsePolicy(sha256, new Uint8Array(await readFile(asked.policy))),
      }),
      ...(asked.tsa !== undefined && { stampRoots: parsePem(await readFile(asked.tsa, 'utf8')) }),
    });
  } catch (error) {
    // a ZIP file that is none is found before there is anything to verify
    if (error instanceof SourceError) return refuse(error.code, { detail: error.message });
    throw error;
  } finally {
    for (const source of held) await source.close?.();
  }
}

/** Verifies a receipt file, and the envelope at hand against it; asks nobody but the monitors it is told to report to. */
async function verifyReceiptFile(
  path: string,
  positionals: readonly string[],
  {
    trust,
    envelope,
    report,
  }: {
    readonly trust?: string | undefined;
    readonly envelope?: string | undefined;
    readonly report?: string[] | undefined;
  },
  io: Io,
): Promise<number> {
  needPositionals(positionals, []);
  const monitors = readMonitors(report);
  const given = { ...(trust !== undefined && { trust }), ...(envelope !== undefined && { envelope }) };
  const judged = await verifyReceipt(await readFile(path, 'utf8'), given);
  if (!judged.ok) return sayRefused(judged, io);
  const { act, bidId, aud, openingId, receivedAt, envelopeSha256, envelopeBytes } = judged.receipt;
  io.out(plainLine(`valid: ${act} ${bidId} by ${aud} in ${openingId}, received ${receivedAt} · 回执有效`));
  io.out(`  envelope of ${envelopeBytes} bytes, SHA-256 ${envelopeSha256}`);
  if (envelope !== undefined) io.out(`  ${envelope} is that envelope · 与所提供的信封一致`);
  io.out(plainLine(`  stands in entry ${judged.ledgerSeq} of the ledger ${judged.ledger} · 已写入总账`));
  if (trust === undefined)
    io.out('  that ledger key is the file’s own word; name the one you trust with --trust · 总账公钥仅为文件自述');
  return reportHeads(monitors, { notes: judged.ledgerNotes, keys: keysOf([judged.ledger]) }, io);
}

type JudgedWithRoots = {
  readonly judged: Verified | Refused;
  readonly roots: Roots;
  readonly vkeys: ReadonlySet<string>;
};

/** What a log says of a record on paper. */
function sayOnLog(paper: PaperVerdict, { judged, roots, vkeys }: JudgedWithRoots, asked: Asked, io: Io): number {
  if (!judged.ok) return sayRefused(judged, io);
  const { origin, state } = judged;
  if (state === null) throw new UsageError(`--record is held against the log of an opening; ${origin} is none.`);
  const vkey = [...vkeys].find((shown) => shown.startsWith(`${origin}+`)) ?? '';
  const standing = paperOnLog(paper, { origin, vkey, state, roots });
  if (standing !== 'stands' && standing !== 'replaced') return sayRefused(refuse(standing), io);
  io.out(
    '  the log has this record at that place, and its own key signed the file · 日志载有该记录，文件由日志密钥签署',
  );
  if (standing === 'replaced')
    io.out(
      `  BUT version ${state.record?.version ?? ''} has replaced it: what was signed on this one is void · 但该版本已被后一版本取代`,
    );
  return sayJudged(judged, asked, io);
}

/** Verifies a record on paper, and against the log of a place where one is named; asks nobody else. */
async function verifyRecordFile(path: string, places: readonly string[], asked: Asked, io: Io): Promise<number> {
  if (places.length > 1) throw new UsageError('--record goes with one folder, file.zip or address at most.');
  const judged = await judgePaper(new Uint8Array(await readFile(path)));
  if (!judged.ok) return sayRefused(judged, io);
  const { statement, form } = judged;
  const { mark, log, vkey } = statement;
  io.out(plainLine(`whole: signed by the key ${vkey} · 文件完整，签名有效`));
  io.out(plainLine(`  record ${mark.openingId}/${mark.version} (${form}), SHA-256 ${mark.sha256}`));
  io.out('  the record inside has that digest, and the pages are just what it makes · 所附原文与页面一致');
  const [place] = places;
  if (place === undefined) {
    io.out(
      plainLine(
        `  that key is the file’s own word: name the log ${log} to hold it against · 公钥仅为文件自述，请附日志核对`,
      ),
    );
    return EXIT.done;
  }
  const monitors = readMonitors(asked.report);
  const seen: Shown = { notes: new Set(), vkeys: new Set() };
  const code = sayOnLog(judged, await judgeWithRoots(), asked, io);
  return Math.max(code, await reportHeads(monitors, { notes: seen.notes, keys: keysOf(seen.vkeys) }, io));

  async function judgeWithRoots(): Promise<JudgedWithRoots> {
    const roots = keepRoots(sha256);
    const found = await judgePlace(place as string, asked, { seen, roots }, io);
    return { judged: found, roots, vkeys: seen.vkeys };
  }
}

function sayRefused(judged: Refused, io: Io): number {
  const where = judged.seq === undefined ? '' : ` at entry ${judged.seq}`;
  io.err(`${judged.reason}${where}`);
  io.err(`  ${judged.words.en}\n  ${judged.words.zh}`);
  if (judged.detail !== undefined) io.err(`  ${plainLine(judged.detail)}`);
  return EXIT.refused;
}

/** What is said of a log that holds, line by line. */
export function verdictOf(judged: Verified): string[] {
  const { standing, origin, entries, root, actsChecked, withheld, erased, batches, files, anchoring } = judged;
  const { states, cosigned, timestamped, certificates } = judged;
  return [
    `${standing}: ${origin}`,
    `  ${entries} entries, root ${root}`,
    `  ${actsChecked} acts checked by their signers’ keys, ${withheld} fields withheld`,
    ...(certificates.named === 0
      ? []
      : [
          `  ${certificates.judged} of ${certificates.named} certificates behind acts and bids judged again by their evidence`,
        ]),
    ...(erased === 0 ? [] : [`  ${erased} fields erased for good, each by an entry that says so and why`]),
    ...(files === null ? [] : [`  ${files} files, each as the signed manifest lists it`]),
    ...(batches === undefined ? [] : [`  ${batches.revealed} of ${batches.taken} register batches revealed`]),
    `  ${states.join(' → ')}`,
    `  ${anchoring}`,
    ...(cosigned === null ? [] : [`  ${cosigned}`]),
    ...(timestamped === null ? [] : [`  ${timestamped}`]),
  ];
}
