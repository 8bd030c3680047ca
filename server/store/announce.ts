/** What server processes tell each other over PostgreSQL's LISTEN and NOTIFY: that a log has grown, and where to look; never what stands there. */
import * as Type from 'typebox';
import { Check } from 'typebox/schema';
import type { Database } from './connect.ts';
import type { Sql } from './driver.ts';

const CHANNEL = 'kaibiao_append';

/**
 * Announces that a log now has `size` entries, all of them let out.
 *
 * Why: after the release and outside the append's transaction: nobody may hear of what could still be rolled back, and a
 *      NOTIFY in a transaction would make all commits wait for one another.
 */
export async function announce(sql: Sql, origin: string, size: number): Promise<void> {
  await sql`SELECT pg_notify(${CHANNEL}, ${`${size} ${origin}`})`;
}

/**
 * Hears what is announced by any process, this one included.
 *
 * Shape:   `onGap` is called each time hearing begins, also the first: what was announced before, or while the connection was
 *          away, is lost, so whoever follows a log reads its head anew.
 * Returns: what ends it.
 */
export async function listen(
  database: Pick<Database, 'listen'>,
  onAppend: (origin: string, size: number) => void,
  onGap: () => void,
): Promise<() => Promise<void>> {
  const hear = (payload: string): void => {
    const match = /^(0|[1-9][0-9]{0,15}) (.+)$/su.exec(payload);
    // Anyone with the database's password can notify: what is not ours is no news.
    if (match === null) return;
    onAppend(match[2] as string, Number(match[1]));
  };
  return database.listen(CHANNEL, hear, onGap);
}

const NEWS_CHANNEL = 'kaibiao_news';
const strict = { additionalProperties: false } as const;
const ofOpening = { openingId: Type.String() };

/*
 * Everything here only makes prompt what would be found sooner or later: news that is lost costs seconds and nothing else.
 */
const News = Type.Union([
  /** An act was received by a process that does not decide. */
  Type.Object({ is: Type.Literal('received'), ...ofOpening }, strict),
  /** Acts that another process received are decided. */
  Type.Object({ is: Type.Literal('decided'), ...ofOpening }, strict),
  /** The leader is asked for something; it has been done. */
  Type.Object({ is: Type.Literal('asked') }, strict),
  Type.Object({ is: Type.Literal('done') }, strict),
  /** An account was shut, or opened again. */
  Type.Object({ is: Type.Literal('shut'), account: Type.String() }, strict),
  Type.Object({ is: Type.Literal('opened'), account: Type.String() }, strict),
  /** An account lost a role in an opening. */
  Type.Object({ is: Type.Literal('role'), account: Type.String(), ...ofOpening }, strict),
  /** A CA is trusted from now on, or no longer. */
  Type.Object({ is: Type.Literal('trust') }, strict),
]);
export type News = Type.Static<typeof News>;

/** Tells every process, this one included. */
export async function tell(sql: Sql, news: News): Promise<void> {
  await sql`SELECT pg_notify(${NEWS_CHANNEL}, ${JSON.stringify(news)})`;
}

/** Hears news; `onGap` as in `listen`. Returns: what ends it. */
export async function listenToNews(
  database: Pick<Database, 'listen'>,
  hear: (news: News) => void,
  onGap: () => void,
): Promise<() => Promise<void>> {
  const read = (payload: string): void => {
    const news = orUndefined(payload);
    if (Check(News, news)) hear(news);
  };
  return database.listen(NEWS_CHANNEL, read, onGap);
}

/** What a text of JSON says; undefined for any other. */
function orUndefined(payload: string): unknown {
  try {
    return JSON.parse(payload);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
