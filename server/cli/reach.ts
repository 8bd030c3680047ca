/** One request of somebody who does not trust whom he asks: it ends in time, reads no more than a limit, and goes nowhere else than it was sent. */
import { readLimited } from '../limited-body.ts';
import { systemWorld, type World } from '../world.ts';

/** How long one request may take altogether, its body included: a full bundle of entries over a line of 3 Mbit/s. */
export const REQUEST_LIMIT_MS = 60_000;

/** What requests are made with. */
export type Reach = {
  readonly world: Pick<World, 'after'>;
  readonly fetch: typeof fetch;
  /** Ends every request under way and each that begins later. */
  readonly signal?: AbortSignal;
  /** How long one request may take, REQUEST_LIMIT_MS unless said otherwise. */
  readonly limitMs?: number;
  /** What all requests together may still read; absent: each has its own limit only. */
  readonly budget?: ByteBudget;
};

export type ByteBudget = { left: number };

/** The process's own. */
export const systemReach: Reach = { world: systemWorld, fetch: (...request) => fetch(...request) };

/** No answer that can be used: `unreached` nobody answered, in time, from where he was asked, within what all may read; `too_long` more than its own limit. */
export class ReachError extends Error {
  override readonly name = 'ReachError';
  readonly code: 'unreached' | 'too_long';
  constructor(code: ReachError['code'], message: string) {
    super(message);
    this.code = code;
  }
}

export type Answered = { readonly status: number; readonly bytes: Uint8Array };

/**
 * Asks once.
 *
 * Returns: the status, with the body of a 2xx; what stands in any other is not read.
 * Throws:  ReachError. A redirect is none of our business: whoever is watched would choose whom we ask next.
 */
export async function reachOut(
  { world, fetch, signal, limitMs = REQUEST_LIMIT_MS, budget }: Reach,
  url: string,
  request: { readonly method?: 'POST'; readonly headers: Record<string, string>; readonly body?: string },
  limitBytes: number,
): Promise<Answered> {
  const late = new AbortController();
  const cancel = world.after(limitMs, () => late.abort());
  try {
    const either = signal === undefined ? late.signal : AbortSignal.any([late.signal, signal]);
    const answer = await fetch(url, { ...request, redirect: 'error', signal: either });
    if (!answer.ok || answer.body === null) {
      await answer.body?.cancel();
      return { status: answer.status, bytes: new Uint8Array(0) };
    }
    const left = budget?.left ?? limitBytes;
    const bytes = await readLimited(answer.body, Math.min(limitBytes, left));
    if (budget !== undefined) budget.left -= bytes?.length ?? Math.min(limitBytes, left);
    if (bytes === null && left < limitBytes) throw new ReachError('unreached', `${url}: more than is read at one time`);
    if (bytes === null) throw new ReachError('too_long', `${url}: longer than ${limitBytes} bytes`);
    return { status: answer.status, bytes };
  } catch (error) {
    if (error instanceof ReachError || !isOfTheLine(error)) throw error;
    const isLate = late.signal.aborted || signal?.aborted === true;
    throw new ReachError('unreached', `${url}: ${isLate ? 'no whole answer in time' : causeOf(error)}`);
  } finally {
    cancel();
  }
}

/** fetch says by these that nobody answered, not from there, or not in time. */
function isOfTheLine(error: unknown): error is Error {
  return error instanceof TypeError || (error instanceof Error && error.name === 'AbortError');
}

function causeOf({ cause, message }: Error): string {
  return cause instanceof Error ? cause.message : message;
}
