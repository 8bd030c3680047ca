/** The public HTTP API as a person's program calls it: typed answers, refusals as errors with their code, patient retries. */
import type { Json, JsonObject } from '../core/log/canonical.ts';
import type { PersonRole } from '../core/opening/roles.ts';
import type { TrustChange, TrustTerms } from '../core/pki/trust-store.ts';
import { type BidToSend, ONE_REQUEST_BYTES, sendParts, TUS } from './parts.ts';
import { type Authorise, call, callJson, type Transport, type Upload } from './transport.ts';

/** A bid's upload: the lodgement statement as one line of ASCII, a line feed, then the envelope's bytes to the end. */
export const BID_MEDIA_TYPE = 'application/vnd.kaibiao.bid';

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

/** One stretch of time in which a CA is believed on these terms; instants in ms. */
export type AnchorAnswer = {
  readonly certSha256: string;
  readonly terms: TrustTerms;
  readonly fromAt: number;
  readonly untilAt: number | null;
};

export type ProposalAnswer = {
  readonly proposal: number;
  readonly change: TrustChange;
  readonly changeSha256: string;
  readonly expiresAt: number;
  readonly state: string;
  readonly proposerName: string;
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

export type OwnBidAnswer = {
  readonly standing: {
    readonly bidId: string;
    readonly statement: string;
    readonly receipt: string;
    readonly actId: string | null;
  } | null;
};

/** Uploads as their bidder is told of them; `zh` and `en` say how one ended. */
export type UploadsAnswer = {
  readonly uploads: readonly {
    readonly uploadId: string;
    readonly bidId: string;
    readonly sizeBytes: number;
    readonly receivedBytes: number;
    /** under_way, lodged, or the code of its end. */
    readonly state: string;
    readonly zh: string | null;
    readonly en: string | null;
  }[];
};

/** `POST /auth/challenge` for a session key. */
export function askChallenge(transport: Transport, jkt: string): Promise<ChallengeAnswer> {
  return callJson(transport, { method: 'POST', path: '/auth/challenge', body: { jkt } });
}

/** What the platform would say of certificates; `finding` is null where it has nothing to say. */
export type CertificatesAnswer = {
  readonly now: number;
  readonly version: string;
  readonly certificates: readonly {
    readonly use: string;
    readonly certSha256: string | null;
    readonly notAfterAt: number | null;
    readonly creditCode: string | null;
    readonly revocation: string;
    readonly finding: { readonly code: string } | null;
  }[];
};

/** `POST /certificates/check`, which asks for no login. */
export function checkCertificates(
  transport: Transport,
  certificates: readonly { readonly use: 'sign' | 'encrypt'; readonly x5c: readonly string[] }[],
): Promise<CertificatesAnswer> {
  const body = { certificates: certificates.map(({ use, x5c }) => ({ use, x5c: [...x5c] })) };
  return callJson(transport, { method: 'POST', path: '/certificates/check', body });
}

/** `POST /auth/login`; sent once, because its nonce is used up by the first arrival. */
export function sendLogin(transport: Transport, login: string, staples: readonly string[]): Promise<LoginAnswer> {
  const body = { login, ...(staples.length > 0 && { ocsp: [...staples] }) };
  return callJson(transport, { method: 'POST', path: '/auth/login', body, retry: false });
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
    /** What the platform says of itself, without a login too. */
    readPlatform: () => get<{ readonly bidLimitBytes: number }>('/platform'),
    listOpenings: () => get<JsonObject>('/openings'),
    readOpening: (openingId: string) => get<JsonObject>(openingPath(openingId)),
    /** One's own roles there; `bidder` once a bid was lodged. */
    readRoles: (openingId: string) => get<{ roles: PersonRole[] }>(openingPath(openingId, '/roles')),
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
    sendDecryption: (openingId: string, decryption: { statement: string; jwe: string; ocsp?: string[] }) =>
      post<CommandAnswer>(openingPath(openingId, '/decryptions'), decryption),
    /** A bid: its statement and its envelope; in one request when it is small, else in parts that are gone on with. */
    async sendBid(openingId: string, bid: BidToSend): Promise<CommandAnswer> {
      const path = openingPath(openingId, '/bids');
      if (bid.sizeBytes <= ONE_REQUEST_BYTES)
        return callJson<CommandAnswer>(transport, { method: 'POST', path, upload: bidUpload(bid), authorise });
      const lodgement = await sendParts(transport, authorise, { path: `${path}/uploads`, bid });
      return callJson<CommandAnswer>(transport, { method: 'POST', path: lodgement, authorise });
    },
    /** What stands of one's own, by the platform's word. */
    readOwnBid: (openingId: string) => get<OwnBidAnswer>(openingPath(openingId, '/bids/own')),
    /** One's own uploads, the newest first. */
    readUploads: (openingId: string) => get<UploadsAnswer>(openingPath(openingId, '/bids/uploads')),
    /** Gives up what of a bid has arrived and is not lodged, which takes up one's room for others. */
    async giveUpBid(openingId: string, bidId: string): Promise<void> {
      const path = openingPath(openingId, '/bids/uploads');
      const { uploads } = await get<UploadsAnswer>(path);
      for (const one of uploads.filter((each) => each.bidId === bidId && each.state === 'under_way'))
        await call(transport, { method: 'DELETE', path: `${path}/${one.uploadId}`, headers: TUS, authorise });
    },
    /** The one active seat of one's certificate; refused as `seat_taken` where another page has it. `ended`: it had, and is logged out. */
    takeSeat: (openingId: string, takeOver: boolean) => post<{ ended: boolean }>('/auth/seat', { openingId, takeOver }),
    askTicket: (openingId: string, role: PersonRole) =>
      post<{ ticket: string; expiresAt: number }>('/auth/ticket', { openingId, role }),
    /** `staples`: OCSP responses about it, DER in base64; they are asked again when a bid is lodged to it. */
    registerEncryptionCertificate: (x5c: readonly string[], staples: readonly string[] = []) =>
      post<{ certSha256: string }>('/auth/encryption-certificates', {
        x5c: [...x5c],
        ...(staples.length > 0 && { ocsp: [...staples] }),
      }),
    /** The operator lets somebody in; the act signs the rest as LetIn. */
    letIn: (body: { id: string; x5c: readonly string[]; kind: AccountKind; act: string }) =>
      post<{ account: string; name: string; organisation: string }>('/accounts', { ...body, x5c: [...body.x5c] }),
    /** The operator shuts an account or opens it again; the act signs account and reason as DisableAccount or EnableAccount. */
    changeAccount: (change: 'disable' | 'enable', body: { id: string; account: string; reason: string; act: string }) =>
      post<JsonObject>(`/accounts/${change}`, { ...body }),
    /** The CAs that are or were believed. */
    readAnchors: () => get<{ anchors: readonly AnchorAnswer[] }>('/trust-anchors'),
    readProposals: () => get<{ proposals: readonly ProposalAnswer[] }>('/trust-anchors/proposals'),
    /** The act signs the rest, as ProposeTrust; so with those that follow, as ConfirmTrust, WithdrawTrust and AddCrl. */
    proposeTrust: (body: JsonObject) => post<{ proposal: number }>('/trust-anchors/proposals', body),
    confirmTrust: (body: JsonObject) => post<{ proposal: number }>('/trust-anchors/proposals/confirm', body),
    withdrawTrust: (body: JsonObject) => post<{ proposal: number }>('/trust-anchors/proposals/withdraw', body),
    /** The list itself, DER in base64; the act signs its digest. */
    bringCrl: (body: { id: string; crl: string; act: string }) =>
      post<{ crlSha256: string; entries: number }>('/crls', body),
    endSession: () => post<JsonObject>('/auth/logout', {}),
    /** A file of a log: `checkpoint`, a tile, a bundle. `log` as in its path below /logs/. */
    readLogFile: (log: string, file: string) => call(transport, { method: 'GET', path: `/logs/${log}/${file}` }),
  };
}

export type Api = ReturnType<typeof createApi>;

function bidUpload(bid: BidToSend): Upload {
  const first = new TextEncoder().encode(`${bid.statement}\n`);
  return {
    mediaType: BID_MEDIA_TYPE,
    sizeBytes: first.length + bid.sizeBytes,
    open() {
      const body = bid.open(0, bid.sizeBytes);
      if (body instanceof Blob) return new Blob([first, body]);
      const envelope = body.getReader();
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
