/** Any command of a person's: signed over the head it has seen, sent, and its answer proven against that head before it is believed. */

import type { CommandAnswer } from '../../client/api.ts';
import type { HeadSeen } from '../../core/log/act.ts';
import { toBase64 } from '../../core/log/base64.ts';
import type { Json, JsonObject } from '../../core/log/canonical.ts';
import { type Entry, parseEntry } from '../../core/log/entry.ts';
import { LogFormatError } from '../../core/log/error.ts';
import { emptyRoot, leafHash } from '../../core/log/merkle.ts';
import { verifyProof } from '../../core/log/proof.ts';
import { utf8 } from '../../core/log/utf8.ts';
import type { PersonRole } from '../../core/opening/roles.ts';
import { sha256 } from '../../hash.ts';
import { proofFromTiles } from './head.ts';
import type { Person } from './person.ts';
import { PersonError } from './person-error.ts';
import { catchUp } from './read-opening.ts';

export type Act = {
  readonly type: string;
  readonly role: PersonRole;
  readonly data: JsonObject;
  /** The idempotency id; a fresh one by default. */
  readonly id?: string;
};

/** An answer whose entries were proven to stand on the log. */
export type ProvenAnswer = { readonly answer: CommandAnswer; readonly entries: readonly Entry[] };

/** What this person has seen of a log. */
export async function headSeen(person: Person, openingId: string): Promise<HeadSeen> {
  const keeper = await (await person.pin(openingId)).keeper();
  return keeper?.headSeen() ?? { size: 0, root: toBase64(emptyRoot(sha256)) };
}

/**
 * Gives a command.
 *
 * Throws: ApiError with the refusal's code; PersonError proof_does_not_hold, answer_not_as_asked; HeadError.
 */
export async function act(person: Person, openingId: string, { type, role, data, id }: Act): Promise<ProvenAnswer> {
  const { session, api } = person;
  // An act says which head its signer saw; who has seen none looks first.
  if ((await (await person.pin(openingId)).keeper()) === null) await catchUp(person, openingId);
  const command = id ?? session.newId();
  const seen = await headSeen(person, openingId);
  const signed = await session.sign({ openingId, id: command, type, data, headSeen: seen });
  const answer = await api.sendCommand(openingId, { id: command, type, data, role, act: signed });
  return { answer, entries: await proveAnswer(person, openingId, answer, command) };
}

/**
 * The entries of an answer, each proven to stand on the log this person knows, at the head it now keeps; entry and proof
 * are kept as evidence.
 *
 * Shape:  `command` is the id under which they must stand.
 * Throws: PersonError proof_does_not_hold, answer_not_as_asked; HeadError when the head contradicts an earlier one.
 */
export async function proveAnswer(
  person: Person,
  openingId: string,
  answer: Pick<CommandAnswer, 'entries' | 'proofs' | 'checkpoint'>,
  command: string,
): Promise<Entry[]> {
  if (answer.entries.length !== answer.proofs.length)
    throw new PersonError('proof_does_not_hold', 'proofs are missing');
  const pin = await person.pin(openingId);
  const logKey = await pin.pinned();
  if (logKey === null) throw new Error('an answer of a log whose key is not known');
  const entries: Entry[] = [];
  for (const [place, text] of answer.entries.entries()) {
    const leaf = utf8(text);
    const proven = await verifyProof({
      sha256,
      proof: answer.proofs[place] ?? '',
      leaf: leafHash(sha256, leaf),
      logKey,
    });
    if (!proven.ok) throw new PersonError('proof_does_not_hold', proven.reason);
    const entry = parseEntry(leaf);
    if (entry.log !== pin.origin || entry.seq !== proven.index || entry.command !== command)
      throw new PersonError('answer_not_as_asked', `entry ${entry.seq}`);
    entries.push(entry);
    const kept = { entry: text, proof: answer.proofs[place] ?? '' };
    await person.folder.keepEvidence(openingId, `entry-${entry.seq}.json`, `${JSON.stringify(kept)}\n`);
  }
  if (answer.checkpoint !== null) await acceptHead(person, openingId, answer.checkpoint);
  return entries;
}

/** Takes a head into what this person keeps of the log. Throws: HeadError; PersonError log_not_genuine. */
export async function acceptHead(person: Person, openingId: string, note: string): Promise<void> {
  const keeper = await (await person.pin(openingId)).keeper();
  if (keeper === null) throw new Error('a head of a log whose key is not known');
  const log = `opening/${encodeURIComponent(openingId)}`;
  try {
    await keeper.accept(
      note,
      proofFromTiles((path) => person.api.readLogFile(log, path)),
    );
  } catch (fault) {
    if (fault instanceof LogFormatError) throw new PersonError('log_not_genuine', fault.code);
    throw fault;
  }
}

export type NewOpening = {
  readonly openingId: string;
  readonly profile: string;
  readonly details: Json;
  readonly policy: Json;
  readonly assignments: readonly { readonly account: string; readonly role: string }[];
};

/** Drafts an opening, of which the person must be host; its log is known from then on. Throws: ApiError, PersonError. */
export async function createOpening(person: Person, { openingId, ...rest }: NewOpening): Promise<ProvenAnswer> {
  const { session, api } = person;
  const id = session.newId();
  const data = { ...rest, assignments: rest.assignments.map(({ account, role }) => ({ account, role })) };
  const seen = await headSeen(person, openingId);
  const signed = await session.sign({ openingId, id, type: 'CreateOpening', data, headSeen: seen });
  const answer = await api.createOpening({ id, openingId, ...data, act: signed });
  await catchUp(person, openingId);
  return { answer, entries: await proveAnswer(person, openingId, answer, id) };
}
