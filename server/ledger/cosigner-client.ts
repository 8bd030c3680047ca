/** Asks one cosigner for its signature, in the present dialect of the protocol or an older one; remembers nothing and decides nothing. */
import {
  COSIGNATURES_LIMIT_BYTES,
  formatAddCheckpoint,
  parseCosignatureLines,
  parseSizeAnswer,
  SIZE_TYPE,
} from '../core/log/add-checkpoint.ts';
import { LogFormatError } from '../core/log/error.ts';
import { addSignatures, formatSignatureLine, openNote } from '../core/log/note.ts';
import { readLimited } from '../limited-body.ts';
import type { World } from '../world.ts';
import type { PolicyCosigner } from './cosigner-policy.ts';

/** How long a cosigner may take to answer. */
export const COSIGNER_TIMEOUT_MS = 1_000;

/** What a cosigner was asked, and from which of its heads on. */
export type Asked = { readonly note: string; readonly oldSize: number; readonly proof: readonly Uint8Array[] };

/**
 * What came of it.
 *
 * `signed`: the line, checked. `size`: it last signed another size than it was asked from. `fork`: it holds another history than what it
 * was asked to sign. `later`: not now, for the reason in words; nothing is wrong with the log.
 */
export type Heard =
  | { readonly heard: 'signed'; readonly line: string }
  | { readonly heard: 'size'; readonly size: number }
  | { readonly heard: 'fork'; readonly status: number; readonly said: string }
  | { readonly heard: 'later'; readonly why: string };

export type CosignerCaller = { readonly fetch: typeof fetch; readonly world: Pick<World, 'after'> };

/**
 * Asks.
 *
 * Returns: never throws for what the network or the cosigner does.
 * Source:  https://c2sp.org/tlog-witness; 403 for an unknown origin and 422 for a fork are older dialects. A 422 can only be a fork: the
 *          proof was made from the very tree that the checkpoint is of, so what it does not fit is the cosigner's memory.
 */
export async function askCosigner(
  { fetch, world }: CosignerCaller,
  cosigner: PolicyCosigner,
  { note, oldSize, proof }: Asked,
): Promise<Heard> {
  const asking = new AbortController();
  const stop = world.after(COSIGNER_TIMEOUT_MS, () => asking.abort());
  try {
    const answer = await fetch(`${cosigner.url}/add-checkpoint`, {
      method: 'POST',
      body: formatAddCheckpoint({ oldSize, proof, checkpoint: note }),
      headers: { 'content-type': 'text/plain; charset=utf-8' },
      redirect: 'error',
      signal: asking.signal,
    });
    const body = await bodyOf(answer);
    return await heardOf(answer.status, answer.headers.get('content-type'), body, cosigner, note);
  } catch (error) {
    if (asking.signal.aborted) return { heard: 'later', why: `no answer within ${COSIGNER_TIMEOUT_MS} ms` };
    return { heard: 'later', why: reasonOf(error) };
  } finally {
    stop();
  }
}

async function heardOf(
  status: number,
  type: string | null,
  body: Uint8Array,
  cosigner: PolicyCosigner,
  note: string,
): Promise<Heard> {
  if (status === 200) return readLine(body, cosigner, note);
  const size = status === 409 && type?.split(';')[0]?.trim() === SIZE_TYPE ? parseSizeAnswer(body) : undefined;
  if (size !== undefined) return { heard: 'size', size };
  const said = new TextDecoder().decode(body).slice(0, 200);
  if (status === 409 || status === 422) return { heard: 'fork', status, said };
  const words: Readonly<Record<number, string>> = {
    403: 'it knows neither this log nor its key',
    404: 'this log is not enrolled with it',
    429: 'it asks to be asked less often',
  };
  return { heard: 'later', why: `${status}: ${words[status] ?? said}` };
}

/** The cosigner's own line of the answer, once it verifies; lines of other keys are left out. */
async function readLine(body: Uint8Array, cosigner: PolicyCosigner, note: string): Promise<Heard> {
  try {
    const { signatures } = await openNote(addSignatures(note, parseCosignatureLines(body)), [cosigner.verifier]);
    const [own] = signatures;
    if (own !== undefined) return { heard: 'signed', line: formatSignatureLine(own).trimEnd() };
  } catch (fault) {
    if (!(fault instanceof LogFormatError)) throw fault;
    return { heard: 'later', why: `its answer carries no signature of its key: ${fault.message}` };
  }
  return { heard: 'later', why: 'its answer carries no signature of its key' };
}

/** The body of an answer. Throws: when it is longer than any there can be. */
export async function bodyOf({ body }: Response): Promise<Uint8Array> {
  const read = body === null ? new Uint8Array() : await readLimited(body, COSIGNATURES_LIMIT_BYTES);
  if (read === null) throw new Error(`an answer of more than ${COSIGNATURES_LIMIT_BYTES} bytes`);
  return read;
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'it cannot be reached';
  return error.cause instanceof Error ? error.cause.message : error.message;
}
