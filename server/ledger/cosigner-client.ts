/** Asks one cosigner for its signature, in the present dialect of the protocol or an older one; remembers nothing and decides nothing. */
import { createHash } from 'node:crypto';
import {
  COSIGNATURES_LIMIT_BYTES,
  formatAddCheckpoint,
  parseCosignatureLines,
  parseSizeAnswer,
  SIZE_TYPE,
} from '../core/log/add-checkpoint.ts';
import { parseCosignature } from '../core/log/cosignature.ts';
import { LogFormatError } from '../core/log/error.ts';
import { addSignatures, formatSignatureLine, openNote } from '../core/log/note.ts';
import { readLimited } from '../limited-body.ts';
import type { World } from '../world.ts';
import type { PolicyCosigner } from './cosigner-policy.ts';

/** How long a cosigner may take to answer. */
export const COSIGNER_TIMEOUT_MS = 1_000;
/** How long all that it is asked in one visit may take together: all others wait for it with the next head. */
export const VISIT_LIMIT_MS = 1_500;
/** So much of what a cosigner says in words is kept. */
const SAID_LIMIT_CHARACTERS = 200;

/** What a cosigner was asked, and from which of its heads on. */
export type Asked = { readonly note: string; readonly oldSize: number; readonly proof: readonly Uint8Array[] };

/**
 * What came of it.
 *
 * `signed`: the line, checked, and when it says it signed. `size`: it last signed another size than it was asked from. `conflict`: a 409
 * that names no size; by the specification it signed another root of this very size, in older dialects only another size. `disproof`: a
 * 422, the proof does not lead from what it remembers to what it was asked. `later`: not now, for the reason in words.
 * None of them proves anything against the log: see cosigner-visit.ts.
 */
export type Heard =
  | { readonly heard: 'signed'; readonly line: string; readonly timeSeconds: number }
  | { readonly heard: 'size'; readonly size: number }
  | { readonly heard: 'conflict' | 'disproof'; readonly said: string }
  | { readonly heard: 'later'; readonly why: string };

export type CosignerCaller = { readonly fetch: typeof fetch; readonly world: Pick<World, 'after' | 'now'> };

/**
 * Asks.
 *
 * Shape:   `untilAt` is the instant, ms of the world's clock, at which its answer has come or comes too late.
 * Returns: never throws for what the network or the cosigner does.
 * Source:  https://c2sp.org/tlog-witness; 403 for an unknown origin is an older dialect, and so is a 409 that says a size as plain text.
 */
export async function askCosigner(
  { fetch, world }: CosignerCaller,
  cosigner: PolicyCosigner,
  { note, oldSize, proof }: Asked,
  untilAt: number,
): Promise<Heard> {
  const leftMs = Math.min(COSIGNER_TIMEOUT_MS, untilAt - world.now());
  if (leftMs <= 0) return { heard: 'later', why: `no answer within ${VISIT_LIMIT_MS} ms altogether` };
  const request = {
    method: 'POST',
    body: formatAddCheckpoint({ oldSize, proof, checkpoint: note }),
    headers: { 'content-type': 'text/plain; charset=utf-8' },
  };
  const answer = await exchange({ fetch, world }, `${cosigner.url}/add-checkpoint`, request, leftMs);
  return 'failed' in answer ? { heard: 'later', why: answer.failed } : heardOf(answer, cosigner, note);
}

/**
 * The last note of a log that a cosigner shows to monitors: its own claim, not looked into.
 *
 * Returns: null when it cannot be had; a witness of the protocol need not show any at the address it is asked at. Never throws.
 */
export async function noteShownBy(
  caller: CosignerCaller,
  cosigner: Pick<PolicyCosigner, 'url'>,
  origin: string,
): Promise<Uint8Array | null> {
  const hash = createHash('sha256').update(origin).digest('hex');
  const answer = await exchange(caller, `${cosigner.url}/${hash}/checkpoint`, {}, COSIGNER_TIMEOUT_MS);
  return 'failed' in answer || answer.status !== 200 ? null : answer.body;
}

type Answer = { readonly status: number; readonly type: string | undefined; readonly body: Uint8Array };

/** One request and its whole answer, both within the time limit; no redirect leads anywhere else. */
async function exchange(
  { fetch, world }: CosignerCaller,
  address: string,
  request: RequestInit,
  limitMs: number,
): Promise<Answer | { readonly failed: string }> {
  const asking = new AbortController();
  const stop = world.after(limitMs, () => asking.abort());
  try {
    const answer = await fetch(address, { ...request, redirect: 'error', signal: asking.signal });
    const type = answer.headers.get('content-type')?.split(';')[0]?.trim();
    return { status: answer.status, type, body: await bodyOf(answer) };
  } catch (error) {
    return { failed: asking.signal.aborted ? `no answer within ${limitMs} ms` : reasonOf(error) };
  } finally {
    stop();
  }
}

async function heardOf({ status, type, body }: Answer, cosigner: PolicyCosigner, note: string): Promise<Heard> {
  if (status === 200) return readLine(body, cosigner, note);
  const said = `${status}: ${new TextDecoder().decode(body).slice(0, SAID_LIMIT_CHARACTERS)}`;
  if (status === 409) {
    const size = parseSizeAnswer(body);
    if (size !== undefined) return { heard: 'size', size };
    // of the specification's own type and unreadable: broken, and it says nothing of another history
    return type === SIZE_TYPE
      ? { heard: 'later', why: '409: the size it says cannot be read' }
      : { heard: 'conflict', said };
  }
  if (status === 422) return { heard: 'disproof', said };
  const words: Readonly<Record<number, string>> = {
    403: 'it knows neither this log nor its key',
    404: 'this log is not enrolled with it',
    429: 'it asks to be asked less often',
  };
  const why = words[status];
  return { heard: 'later', why: why === undefined ? said : `${status}: ${why}` };
}

/** The cosigner's own line of the answer, once it verifies; lines of other keys are left out. */
async function readLine(body: Uint8Array, cosigner: PolicyCosigner, note: string): Promise<Heard> {
  try {
    const { signatures } = await openNote(addSignatures(note, parseCosignatureLines(body)), [cosigner.verifier]);
    const [own] = signatures;
    if (own !== undefined) {
      const { timeSeconds } = parseCosignature(own.signature);
      return { heard: 'signed', line: formatSignatureLine(own).trimEnd(), timeSeconds };
    }
  } catch (fault) {
    if (!(fault instanceof LogFormatError)) throw fault;
    return { heard: 'later', why: `its answer carries no signature of its key: ${fault.message}` };
  }
  return { heard: 'later', why: 'its answer carries no signature of its key' };
}

/** The body of an answer. Throws: when it is longer than any there can be. */
async function bodyOf({ body }: Response): Promise<Uint8Array> {
  const read = body === null ? new Uint8Array() : await readLimited(body, COSIGNATURES_LIMIT_BYTES);
  if (read === null) throw new Error(`an answer of more than ${COSIGNATURES_LIMIT_BYTES} bytes`);
  return read;
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'it cannot be reached';
  return error.cause instanceof Error ? error.cause.message : error.message;
}
