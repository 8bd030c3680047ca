/** Acts for all lots of a session in one request: each signed for its own log, each answer proven by itself. */

import type { SessionGlance } from '../../client/api.ts';
import type { Entry } from '../../core/log/entry.ts';
import { type Act, headSeen, proveAnswer } from './act.ts';
import type { Person } from './person.ts';
import { catchUp } from './read-opening.ts';

/** What became of one lot's act: its proven entries, or the code of the refusal. */
export type SessionAnswer = {
  readonly openingId: string;
  readonly refused: string | null;
  readonly entries: readonly Entry[];
};

export function readSession(person: Person, sessionId: string): Promise<SessionGlance> {
  return person.api.readSession(sessionId);
}

/** Gives one command for each opening of the session. Throws: ApiError; as proveAnswer. */
export async function actInSession(
  person: Person,
  sessionId: string,
  { type, role, data }: Omit<Act, 'id'>,
): Promise<SessionAnswer[]> {
  const { session, api } = person;
  const { openings } = await api.readSession(sessionId);
  const commands = [];
  for (const { openingId } of openings) {
    if ((await (await person.pin(openingId)).keeper()) === null) await catchUp(person, openingId);
    const id = session.newId();
    const seen = await headSeen(person, openingId);
    const act = await session.sign({ openingId, id, type, data, headSeen: seen });
    commands.push({ openingId, id, type, data, role, act });
  }
  const { answers } = await api.sendSessionCommands(sessionId, commands);
  const given: SessionAnswer[] = [];
  for (const [place, { openingId, accepted, refused }] of answers.entries()) {
    const id = commands[place]?.id ?? '';
    const entries = accepted === null ? [] : await proveAnswer(person, openingId, accepted, id);
    given.push({ openingId, refused, entries });
  }
  return given;
}
