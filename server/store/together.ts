/** Questions to the database that come in the same turn go in one statement: a rush asks hundreds, each a way to the database and back. */

type Waiting<Ask, Answer> = {
  readonly ask: Ask;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: unknown) => void;
};

/**
 * Joins questions.
 *
 * Shape:   `answerAll` answers in the order of the questions, `limit` of them at most; one such statement at a time, so that what
 *          comes meanwhile goes into the next.
 * Throws:  what `answerAll` throws, to each whose question was among them.
 */
export function together<Ask, Answer>(
  limit: number,
  answerAll: (asks: readonly Ask[]) => Promise<readonly Answer[]>,
): (ask: Ask) => Promise<Answer> {
  let waiting: Waiting<Ask, Answer>[] = [];
  let isBusy = false;

  async function answerSome(batch: readonly Waiting<Ask, Answer>[]): Promise<void> {
    try {
      const answers = await answerAll(batch.map(({ ask }) => ask));
      if (answers.length !== batch.length) throw new Error(`${answers.length} answers to ${batch.length} questions`);
      for (const [n, { resolve }] of batch.entries()) resolve(answers[n] as Answer);
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  }

  async function run(): Promise<void> {
    // Whoever asks in this turn of the event loop comes along.
    await new Promise((turn) => setImmediate(turn));
    while (waiting.length > 0) {
      const batch = waiting.slice(0, limit);
      waiting = waiting.slice(batch.length);
      await answerSome(batch);
    }
    isBusy = false;
  }

  return (ask) =>
    new Promise((resolve, reject) => {
      waiting.push({ ask, resolve, reject });
      if (isBusy) return;
      isBusy = true;
      void run();
    });
}
