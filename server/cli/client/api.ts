/** The public HTTP API as a person's program calls it: typed answers, refusals as errors with their code, patient retries. */
import type { Json, JsonObject } from '../../core/log/canonical.ts';
import type { PersonRole } from '../../core/opening/roles.ts';
import type { World } from '../../world.ts';

/** A refusal of the server, or its failure; `code` is the refusal's own, `unreachable` or `unreadable` when there was none. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly code: string;
  /** HTTP status; 0 when no answer came. */
  readonly status: number;

  constructor(code: string, status: number, message: string) {
    super(message);
    this.code = code;
    this.status = status;
  }
}

/** Tries of one request, the first included. */
export const TRY_LIMIT = 6;
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 8_000;
/** How long one try may take; an envelope's upload has its own. */
const ANSWER_LIMIT_MS = 30_000;
const UPLOAD_LIMIT_MS = 3_600_000;
/** What may pass by itself: too many requests, a gateway that found nobody, a server that sheds load or restarts. */
const PASSING_STATUSES: readonly number[] = [429, 502, 503, 504];
const PROBLEM = 'application/problem+json';
/** A bid's upload: the lodgement statement as one line of ASCII, a line feed, then the envelope's bytes to the end. */
export const BID_MEDIA_TYPE = 'application/vnd.kaibiao.bid';

export type Transport = {
  /** Origin of the server, no closing slash; DPoP proofs and the login are bound to it. */
  readonly origin: string;
  readonly world: Pick<World, 'after' | 'randomBytes'>;
  readonly fetch: typeof fetch;
};

/** Headers that prove who asks, made anew for each try; `refused` is told the code of a 401 and says whether to try again. */
export type Authorise = {
  headers(request: { method: string; url: string }): Promise<Record<string, string>>;
  refused(code: string): Promise<boolean>;
};

type Call = {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly body?: Json;
  readonly upload?: Upload;
  readonly authorise?: Authorise | undefined;
  /** False for what must not be sent twice. */
  readonly retry?: boolean;
};

type Upload = { readonly mediaType: string; readonly sizeBytes: number; open(): ReadableStream<Uint8Array> };

/**
 * Sends a request until it is answered.
 *
 * Returns: the answer's bytes, of any 2xx.
 * Throws:  ApiError, after TRY_LIMIT tries at what may pass by itself.
 * Why:     a command carries its own id, so sending it again is safe: the server gives the first answer again.
 */
export async function call(transport: Transport, request: Call): Promise<Uint8Array> {
  const tries = request.retry === false ? 1 : TRY_LIMIT;
  let isRenewed = false;
  for (let tried = 1; ; tried++) {
    const answer = await tryOnce(transport, request);
    if (answer.ok) return answer.bytes;
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

type Try =
  | { readonly ok: true; readonly bytes: Uint8Array }
  | { readonly ok: false; readonly error: ApiError; readonly pauseMs?: number | undefined };

async function tryOnce({ origin, world, fetch }: Transport, request: Call): Promise<Try> {
  const url = `${origin}${request.path}`;
  const { method, upload, body } = request;
  const headers: Record<string, string> = {
    accept: 'application/json',
    ...(await request.authorise?.headers({ method, url })),
    ...(body !== undefined && { 'content-type': 'application/json' }),
    ...(upload !== undefined && { 'content-type': upload.mediaType, 'content-length': String(upload.sizeBytes) }),
  };
  const limit = new AbortController();
  const stopTimer = world.after(upload === undefined ? ANSWER_LIMIT_MS : UPLOAD_LIMIT_MS, () => limit.abort());
  try {
    const response = await fetch(url, {
      method,
      headers,
      redirect: 'error',
      signal: limit.signal,
      ...(body !== undefined && { body: JSON.stringify(body) }),
      ...(upload !== undefined && { body: upload.open(), duplex: 'half' }),
    });
    const bytes = new Uint8Array(await response.arrayBuffer());
    if (response.ok) return { ok: true, bytes };
    return { ok: false, error: problemOf(response, bytes), pauseMs: retryAfter(response) };
  } catch (cause) {
    // fetch and the body's reader throw TypeError for every failure of the network, and an AbortError past the limit.
    if (!(cause instanceof TypeError) && !limit.signal.aborted) throw cause;
    return { ok: false, error: new ApiError('unreachable', 0, `${method} ${request.path}: no answer`) };
  } finally {
    stopTimer();
  }
}

function problemOf(response: Response, bytes: Uint8Array): ApiError {
  const isProblem = response.headers.get('content-type')?.startsWith(PROBLEM) ?? false;
  const problem = isProblem ? readJson(bytes) : undefined;
  if (typeof problem !== 'object' || problem === null || !('code' in problem) || typeof problem.code !== 'string')
    return new ApiError('unreadable', response.status, `the server answered ${response.status} without a reason`);
  const { code, title, detail } = problem as { code: string; title?: unknown; detail?: unknown };
  return new ApiError(
    code,
    response.status,
    [title, detail].filter((text) => typeof text === 'string').join(': ') || code,
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
function backoff(world: Pick<World, 'randomBytes'>, tried: number): number {
  const whole = Math.min(FIRST_PAUSE_MS * 2 ** (tried - 1), LONGEST_PAUSE_MS);
  const [chance = 0] = world.randomBytes(1);
  return Math.round(whole / 2 + (whole / 2) * (chance / 255));
}

function pause(world: Pick<World, 'after'>, ms: number): Promise<void> {
  return new Promise((resolve) => {
    world.after(ms, resolve);
  });
}

async function callJson<Answer>(transport: Transport, request: Call): Promise<Answer> {
  const answer = readJson(await call(transport, request));
  if (answer === undefined) throw new ApiError('unreadable', 200, `${request.path}: the answer is no JSON`);
  return answer as Answer;
}

export type ChallengeAnswer = {
  readonly nonce: string;
  readonly aud: string;
  readonly origin: string;
  readonly purpose: string;
  readonly expiresAt: number;
  /** The server's clock, ms. */
  readonly now: number;
};
export type TokenAnswer = { readonly accessToken: string; readonly expiresAt: number };
export type LoginAnswer = TokenAnswer & {
  readonly account: {
    readonly id: string;
    readonly creditCode: string;
    readonly organisation: string;
    readonly name: string;
  };
  readonly sessionId: string;
  readonly sessionEndsAt: number;
};
/** The lots that share a room. */
export type SessionGlance = {
  readonly sessionId: string;
  readonly title: string;
  readonly openings: readonly {
    readonly openingId: string;
    readonly lot: { readonly code: string; readonly name: string };
    readonly phase: string;
  }[];
};

/** Each act's own answer, in the order sent. */
export type SessionAnswers = {
  readonly answers: readonly {
    readonly openingId: string;
    readonly accepted: CommandAnswer | null;
    readonly refused: string | null;
  }[];
};

export type CommandAnswer = {
  /** Exact leaf texts. */
  readonly entries: readonly string[];
  readonly checkpoint: string | null;
  /** One `.tlog-proof` for each entry. */
  readonly proofs: readonly string[];
  readonly receipt: string | null;
  readonly actId: string | null;
};
export type EntriesAnswer = {
  /** Exact leaf texts, ending where the checkpoint stands. */
  readonly entries: readonly string[];
  /** By the seq of the entry they open. */
  readonly disclosures: Readonly<Record<string, readonly string[]>>;
  readonly checkpoint: string;
  /** Entries the log has by now. */
  readonly size: number;
};

/** A page of recorded reads, in the order of the access log. */
export type ReadsAnswer = {
  readonly reads: readonly {
    /** Exact leaf text. */
    readonly entry: string;
    readonly disclosures: readonly string[];
    readonly proof: string;
  }[];
  readonly checkpoint: string;
  /** Entries the access log has by now. */
  readonly size: number;
};

export type OwnDecryption = {
  readonly bidder: number;
  readonly attempts: readonly { readonly attempt: number; readonly outcome: string }[];
  readonly queue: { readonly ahead: number; readonly waitMs: number } | null;
};

export type DecryptionChallengeAnswer = {
  readonly bidId: string;
  readonly jti: string;
  /** The WindowOpened entry's exact leaf text, and its `.tlog-proof`. */
  readonly window: { readonly entry: string; readonly proof: string };
  /** Base64 of the envelope's RecipientInfos. */
  readonly recipientInfos: string;
  /** Instants, ms, by the server's clock. */
  readonly closesAt: number;
  readonly now: number;
};
export type AccountKind = 'official' | 'operator';

/** `POST /auth/challenge` for a session key. */
export function askChallenge(transport: Transport, jkt: string): Promise<ChallengeAnswer> {
  return callJson(transport, { method: 'POST', path: '/auth/challenge', body: { jkt } });
}

/** `POST /auth/login`; sent once, because its nonce is used up by the first arrival. */
export function sendLogin(transport: Transport, login: string): Promise<LoginAnswer> {
  return callJson(transport, { method: 'POST', path: '/auth/login', body: { login }, retry: false });
}

/** `POST /auth/renew` with the old token. */
export function sendRenewal(transport: Transport, authorise: Authorise): Promise<TokenAnswer> {
  return callJson(transport, { method: 'POST', path: '/auth/renew', body: {}, authorise });
}

/** The API for one caller, or without `authorise` for the public. */
export function createApi(transport: Transport, authorise?: Authorise) {
  const get = <Answer>(path: string) => callJson<Answer>(transport, { method: 'GET', path, authorise });
  const post = <Answer>(path: string, body: Json) =>
    callJson<Answer>(transport, { method: 'POST', path, body, authorise });
  const openingPath = (openingId: string, rest = '') => `/openings/${encodeURIComponent(openingId)}${rest}`;

  return {
    listOpenings: () => get<JsonObject>('/openings'),
    readOpening: (openingId: string) => get<JsonObject>(openingPath(openingId)),
    readRecord: (openingId: string) => get<JsonObject>(openingPath(openingId, '/record')),
    /** Entries behind `after` (exclusive; −1 = from the first), with what a role may see of them. */
    readEntries: (openingId: string, after: number, limit: number, role?: PersonRole) => {
      const asked = role === undefined ? '' : `&role=${role}`;
      return get<EntriesAnswer>(openingPath(openingId, `/entries?after=${after}&limit=${limit}${asked}`));
    },
    createOpening: (body: JsonObject) => post<CommandAnswer>('/openings', body),
    /** A signed command; `role` is the one in which it is given. */
    sendCommand: (
      openingId: string,
      command: { id: string; type: string; data: Json; role: PersonRole; act: string },
    ) => post<CommandAnswer>(openingPath(openingId, '/commands'), command),
    /** Recorded reads behind entry `after` of the access log: one's own, or with `asAuditor` everyone's of the opening. */
    readReads: (asked: { openingId: string | null; asAuditor: boolean; after: number }) => {
      const opening = asked.openingId === null ? '' : `&opening=${encodeURIComponent(asked.openingId)}`;
      return get<ReadsAnswer>(`/access-reads?after=${asked.after}${opening}${asked.asAuditor ? '&role=auditor' : ''}`);
    },
    readSession: (sessionId: string) => get<SessionGlance>(`/sessions/${encodeURIComponent(sessionId)}`),
    sendSessionCommands: (sessionId: string, commands: readonly Json[]) =>
      post<SessionAnswers>(`/sessions/${encodeURIComponent(sessionId)}/commands`, { commands }),
    /** That one's own act on the register stands in the ledger; refused as `act_not_in_ledger_yet` until its batch. */
    readActProof: (openingId: string, actId: string) =>
      get<JsonObject>(openingPath(openingId, `/acts/${encodeURIComponent(actId)}/proof`)),
    /** What one's own key must answer in the window. */
    readDecryptionChallenge: (openingId: string) =>
      get<DecryptionChallengeAnswer>(openingPath(openingId, '/decryptions/challenge')),
    /** What became of one’s own decryption, or how long it still waits. */
    readOwnDecryption: (openingId: string) => get<OwnDecryption>(openingPath(openingId, '/decryptions/own')),
    /** A decryption statement with its sealed content key, one's own or another's. */
    sendDecryption: (openingId: string, decryption: { statement: string; jwe: string }) =>
      post<CommandAnswer>(openingPath(openingId, '/decryptions'), decryption),
    /** A bid: its statement and its envelope, opened anew for each try. */
    sendBid: (openingId: string, bid: { statement: string; sizeBytes: number; open(): ReadableStream<Uint8Array> }) =>
      callJson<CommandAnswer>(transport, {
        method: 'POST',
        path: openingPath(openingId, '/bids'),
        upload: bidUpload(bid),
        authorise,
      }),
    askTicket: (openingId: string, role: PersonRole) =>
      post<{ ticket: string; expiresAt: number }>('/auth/ticket', { openingId, role }),
    registerEncryptionCertificate: (x5c: readonly string[]) =>
      post<{ certSha256: string }>('/auth/encryption-certificates', { x5c: [...x5c] }),
    /** The operator lets somebody in; the act signs the rest as LetIn. */
    letIn: (body: { id: string; x5c: readonly string[]; kind: AccountKind; act: string }) =>
      post<{ account: string; name: string; organisation: string }>('/accounts', { ...body, x5c: [...body.x5c] }),
    /** The operator shuts an account or opens it again; the act signs account and reason as DisableAccount or EnableAccount. */
    changeAccount: (change: 'disable' | 'enable', body: { id: string; account: string; reason: string; act: string }) =>
      post<JsonObject>(`/accounts/${change}`, { ...body }),
    endSession: () => post<JsonObject>('/auth/logout', {}),
    /** A file of a log: `checkpoint`, a tile, a bundle. `log` as in its path below /logs/. */
    readLogFile: (log: string, file: string) => call(transport, { method: 'GET', path: `/logs/${log}/${file}` }),
  };
}

export type Api = ReturnType<typeof createApi>;

function bidUpload(bid: { statement: string; sizeBytes: number; open(): ReadableStream<Uint8Array> }): Upload {
  const first = new TextEncoder().encode(`${bid.statement}\n`);
  return {
    mediaType: BID_MEDIA_TYPE,
    sizeBytes: first.length + bid.sizeBytes,
    open() {
      const envelope = bid.open().getReader();
      return new ReadableStream({
        start: (controller) => controller.enqueue(first),
        async pull(controller) {
          const { done, value } = await envelope.read();
          if (done) controller.close();
          else controller.enqueue(value);
        },
        cancel: (reason) => envelope.cancel(reason),
      });
    },
  };
}
