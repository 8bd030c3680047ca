/** Who looked at what, by the access log: the recorded reads a person may know, each proven to stand there and opened by its own commitments. */
import * as Type from 'typebox';
import { Check } from 'typebox/schema';
import type { ReadsAnswer } from '../../client/api.ts';
import { openDisclosures } from '../../core/log/disclosure.ts';
import { parseEntry } from '../../core/log/entry.ts';
import { LogFormatError } from '../../core/log/error.ts';
import { leafHash } from '../../core/log/merkle.ts';
import type { NoteVerifier } from '../../core/log/note.ts';
import { accessOrigin } from '../../core/log/origin.ts';
import { verifyProof } from '../../core/log/proof.ts';
import { fromUtf8, utf8 } from '../../core/log/utf8.ts';
import { sha256 } from '../../hash.ts';
import { proofFromTiles } from './head.ts';
import { openLogPin } from './log-pin.ts';
import type { Person } from './person.ts';
import { PersonError } from './person-error.ts';

const ACCESS = 'access';

/** What an entry of the access log withholds, as far as it is shown here. */
const ReadSchema = Type.Object({
  who: Type.Object({
    account: Type.String(),
    role: Type.Optional(Type.String()),
    reason: Type.Optional(Type.String()),
  }),
  source: Type.Object({ address: Type.String(), client: Type.String() }),
  access: Type.Object({ openingId: Type.Union([Type.String(), Type.Null()]), what: Type.String() }),
});

/** A recorded read; `seq` is its entry, `at` the instant it was committed at, as the entry has it. */
export type ProvenRead = Type.Static<typeof ReadSchema> & { readonly seq: number; readonly at: string };

/**
 * Recorded reads: one's own, of one opening or of all; with `asAuditor` everyone's of the opening.
 *
 * Throws: ApiError role_not_held; PersonError proof_does_not_hold, answer_not_as_asked, log_not_genuine, log_key_changed; HeadError.
 */
export async function readReads(
  person: Person,
  asked: { readonly openingId: string | null; readonly asAuditor: boolean },
): Promise<ProvenRead[]> {
  const readFile = (path: string) => person.api.readLogFile(ACCESS, path);
  const pin = await openLogPin(await person.folder.platformLogFiles(ACCESS), accessOrigin(person.platform));
  const vkey = fromUtf8(await readFile('vkey')).replace(/\n$/u, '');
  const logKey = await pin.verifierOf(vkey);
  const proven: ProvenRead[] = [];
  let last = -1;
  // As far as the log reached with the first answer: an auditor's asking for the next page is itself a read that comes with it.
  let end = Number.POSITIVE_INFINITY;
  for (;;) {
    const page = await person.api.readReads({ ...asked, after: last });
    end = Math.min(end, page.size);
    for (const read of page.reads) {
      const one = await proveRead(read, logKey, pin.origin);
      const isAsked = one.seq > last && isOf(one, person, asked);
      if (!isAsked) throw new PersonError('answer_not_as_asked', `entry ${one.seq} of the access log`);
      last = one.seq;
      if (one.seq < end) proven.push(one);
    }
    try {
      await (await pin.trust(vkey)).accept(page.checkpoint, proofFromTiles(readFile));
    } catch (fault) {
      if (fault instanceof LogFormatError) throw new PersonError('log_not_genuine', fault.code);
      throw fault;
    }
    if (page.reads.length === 0 || last >= end - 1) return proven;
  }
}

function isOf(
  { who, access }: ProvenRead,
  person: Person,
  { openingId, asAuditor }: { readonly openingId: string | null; readonly asAuditor: boolean },
): boolean {
  return (openingId === null || access.openingId === openingId) && (asAuditor || who.account === person.account);
}

async function proveRead(
  { entry: text, disclosures, proof }: ReadsAnswer['reads'][number],
  logKey: NoteVerifier,
  origin: string,
): Promise<ProvenRead> {
  const leaf = utf8(text);
  const held = await verifyProof({ sha256, proof, leaf: leafHash(sha256, leaf), logKey });
  if (!held.ok) throw new PersonError('proof_does_not_hold', held.reason);
  const entry = parseEntry(leaf);
  const opened = openDisclosures(sha256, entry.commit, disclosures);
  if (entry.log !== origin || entry.seq !== held.index || entry.type !== 'Accessed' || !opened.ok)
    throw new PersonError('answer_not_as_asked', `entry ${entry.seq} of the access log`);
  const values = Object.fromEntries(
    Object.entries(opened.fields).flatMap(([field, value]) => (value.known ? [[field, value.value]] : [])),
  );
  if (!Check(ReadSchema, values))
    throw new PersonError('answer_not_as_asked', `entry ${entry.seq} withholds what it is`);
  return { ...values, seq: entry.seq, at: entry.at };
}
