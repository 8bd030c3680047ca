/** One request to the platform until it is answered: proofs made anew for each try, refusals as errors with their code, patient retries. */
import type { Json } from '../core/log/canonical.ts';
import type { Words } from '../core/log/words.ts';

/** A refusal of the server, or its failure; `code` is the refusal's own, `unreachable` or `unreadable` when there was none. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly code: string;
  /** HTTP status; 0 when no answer came. */
  readonly status: number;
  /** The refusal's sentence in both languages; null when none came. */
  readonly words: Words | null;

  constructor(code: string, status: number, message: string, words: Words | null = null) {
    super(message);
    this.code = code;
    this.status = status;
    this.words = words;
  }
}

/** Tries of one request, the first included. */
export const TRY_LIMIT = 6;
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 8_000;
/** How long one try may take; an envelope's upload has its own. */
const ANSWER_LIMIT_MS = 30_000;
/** A line slower than this brings its parts all the same: what had arrived when one is given up is gone on from. */
const UPLOAD_LEAST_BYTES_PER_S = 8_192;
const UPLOAD_LEAST_MS = 120_000;
const UPLOAD_LIMIT_MS = 3_600_000;

/** How long one try at an upload may take: a line that is dead without saying so must not hold a bid until its deadline. */
export function uploadLimitMs(sizeBytes: number): number {
  return Math.min(UPLOAD_LIMIT_MS, UPLOAD_LEAST_MS + Math.ceil(sizeBytes / UPLOAD_LEAST_BYTES_PER_S) * 1000);
}
/** What may pass by itself: too many requests, a gateway that found nobody, a server that sheds load or restarts. */
export const PASSING_STATUSES: readonly number[] = [429, 502, 503, 504];
const PROBLEM = 'application/problem+json';

/** What a client knows of the outside, of Node.js or of the browser. */
export type ClientWorld = {
  /** Integer ms since 1970-01-01T00:00Z by this machine's clock, which may be wrong. */
  now(): number;
  /** Calls `alarm` once, `delayMs` from now; the answer takes it back. */
  after(delayMs: number, alarm: () => void): () => void;
  randomBytes(count: number): Uint8Array;
};

export type Transport = {
  /** Origin of the server, no closing slash; DPoP proofs and the login are bound to it. */
  readonly origin: string;
  readonly world: Pick<ClientWorld, 'after' | 'randomBytes'>;
  readonly fetch: typeof fetch;
};

/** Headers that prove who asks, made anew for each try; `refused` is told the code of a 401 and says whether to try again. */
export type Authorise = {
  headers(request: { method: string; url: string }): Promise<Record<string, string>>;
  refused(code: string): Promise<boolean>;
};

export type Call = {
  readonly method: 'GET' | 'POST' | 'HEAD' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Json;
  /** A body that is neither JSON nor long. */
  readonly text?: { readonly mediaType: string; readonly text: string };
  readonly upload?: Upload;
  readonly authorise?: Authorise | undefined;
  /** False for what must not be sent twice. */
  readonly retry?: boolean;
};

export type Upload = { readonly mediaType: string; readonly sizeBytes: number; open(): UploadBody };
/** A Blob where the host sends no streams: browsers, but over HTTP/2 alone. */
export type UploadBody = ReadableStream<Uint8Array> | Blob;

/**
 * Sends a request until it is answered.
 *
 * Returns: the answer's bytes, of any 2xx.
 * Throws:  ApiError, after TRY_LIMIT tries at what may pass by itself.
 * Why:     a command carries its own id, so sending it again is safe: the server gives the first answer again.
 */
export async function call(transport: Transport, request: Call): Promise<Uint8Array> {
  return (await ask(transport, request)).bytes;
}

/** `call` with the answer's headers as well. */
export async function ask(transport: Transport, request: Call): Promise<Answered> {
  const tries = request.retry === false ? 1 : TRY_LIMIT;
  let isRenewed = false;
  for (let tried = 1; ; tried++) {
    const answer = await tryOnce(transport, request);
    if (answer.ok) return answer;
    const { error, pauseMs } = answer;
    if (error.status === 401 && !isRenewed && (await request.authorise?.refused(error.code))) {
      isRenewed = true;
      continue;
    }
    const mayPass = error.status === 0 || PASSING_STATUSES.includes(error.status);
    if (!mayPass || tried >= tries) throw error;
    await pause(transport.world, pauseMs ?? backoff(transport.world, tried));
  }
}

export type Answered = { readonly bytes: Uint8Array; readonly headers: Headers };
type Try =
  | ({ readonly ok: true } & Answered)
  | { readonly ok: false; readonly error: ApiError; readonly pauseMs?: number | undefined };

async function tryOnce({ origin, world, fetch }: Transport, request: Call): Promise<Try> {
  const url = `${origin}${request.path}`;
  const { method, upload, body, text } = request;
  const headers: Record<string, string> = {
    accept: 'application/json',
    ...request.headers,
    ...(await request.authorise?.headers({ method, url })),
    ...(body !== undefined && { 'content-type': 'application/json' }),
    ...(text !== undefined && { 'content-type': text.mediaType }),
    ...(upload !== undefined && { 'content-type': upload.mediaType, 'content-length': String(upload.sizeBytes) }),
  };
  const limit = new AbortController();
  const stopTimer = world.after(upload === undefined ? ANSWER_LIMIT_MS : uploadLimitMs(upload.sizeBytes), () =>
    limit.abort(),
  );
  try {
    const response = await fetch(url, {
      method,
      headers,
      redirect: 'error',
      signal: limit.signal,
      ...(body !== undefined && { body: JSON.stringify(body) }),
      ...(text !== undefined && { body: text.text }),
      ...(upload !== undefined && bodyOf(upload.open())),
    });
    const bytes = new Uint8Array(await response.arrayBuffer());
    if (response.ok) return { ok: true, bytes, headers: response.headers };
    return { ok: false, error: problemOf(response, bytes), pauseMs: retryAfter(response) };
  } catch (cause) {
    // fetch and the body's reader throw TypeError for every failure of the network, and an AbortError past the limit.
    if (!(cause instanceof TypeError) && !limit.signal.aborted) throw cause;
    return { ok: false, error: new ApiError('unreachable', 0, `${method} ${request.path}: no answer`) };
  } finally {
    stopTimer();
  }
}

/** A stream says that it is one. */
function bodyOf(body: UploadBody): { body: UploadBody; duplex?: 'half' } {
  return body instanceof Blob ? { body } : { body, duplex: 'half' };
}

function problemOf(response: Response, bytes: Uint8Array): ApiError {
  const isProblem = response.headers.get('content-type')?.startsWith(PROBLEM) ?? false;
  const problem = isProblem ? readJson(bytes) : undefined;
  if (typeof problem !== 'object' || problem === null || !('code' in problem) || typeof problem.code !== 'string')
    return new ApiError('unreadable', response.status, `the server answered ${response.status} without a reason`);
  const { code, title, detail, zh, en } = problem as { code: string } & Readonly<Record<string, unknown>>;
  return new ApiError(
    code,
    response.status,
    [title, detail].filter((text) => typeof text === 'string').join(': ') || code,
    typeof zh === 'string' && typeof en === 'string' ? { zh, en } : null,
  );
}

function readJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    return undefined;
  }
}

/** The pause a Retry-After in seconds asks for; a date there is not taken, our clocks may differ. */
function retryAfter(response: Response): number | undefined {
  const text = response.headers.get('retry-after') ?? '';
  return /^[0-9]{1,3}$/.test(text) ? Number(text) * 1000 : undefined;
}

/** Doubling pauses, half of each by chance, so that a thousand clients do not come back together. */
export function backoff(world: Pick<ClientWorld, 'randomBytes'>, tried: number): number {
  const whole = Math.min(FIRST_PAUSE_MS * 2 ** (tried - 1), LONGEST_PAUSE_MS);
  const [chance = 0] = world.randomBytes(1);
  return Math.round(whole / 2 + (whole / 2) * (chance / 255));
}

export function pause(world: Pick<ClientWorld, 'after'>, ms: number): Promise<void> {
  return new Promise((resolve) => {
    world.after(ms, resolve);
  });
}

/** The same, its answer read as JSON. */
export async function callJson<Answer>(transport: Transport, request: Call): Promise<Answer> {
  const answer = readJson(await call(transport, request));
  if (answer === undefined) throw new ApiError('unreadable', 200, `${request.path}: the answer is no JSON`);
  return answer as Answer;
}
