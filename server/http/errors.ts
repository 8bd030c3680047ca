/** Every "no" that HTTP can answer: its code, its status and its sentence in both languages, as RFC 9457 problems. */
import type { Words } from '../core/log/words.ts';
import { REFUSALS, type RefusalCode } from '../core/opening/refusals.ts';
import type { EnvelopeCode } from '../core/seal/envelope-error.ts';
import { sayEnvelopeProblem } from '../core/seal/problem-words.ts';
import { IDENTITY_REFUSALS, type IdentityRefusal } from '../identity/refusals.ts';
import type { ReceiveRefusal } from '../vault/envelope-gate.ts';
import type { UploadRefusal } from '../vault/uploads.ts';

export type Status = 400 | 401 | 403 | 404 | 409 | 410 | 412 | 413 | 415 | 422 | 423 | 426 | 429 | 500 | 503 | 507;
type Row = Words & { readonly status: Status };

/** The status of each refusal of an opening: a new one does not compile until it stands here. */
const OPENING_STATUS = {
  no_such_opening: 404,
  refused_just_now: 429,
  command_id_reused: 409,
  could_not_be_decided: 500,
  head_seen_unknown: 409,
  creator_is_not_host: 403,
  no_such_account: 422,
  host_is_witness: 422,
  role_not_yours_to_give: 403,
  role_held_already: 409,
  assignee_not_official: 422,
  assignee_disabled: 422,
  not_in_this_role: 409,
  last_in_role: 409,
  opening_exists: 409,
  role_not_allowed: 403,
  layer_and_blind_window: 422,
  not_published_yet: 409,
  too_early: 409,
  too_late: 409,
  window_not_open: 409,
  window_is_over: 409,
  opening_is_over: 409,
  opening_is_suspended: 409,
  not_suspended: 409,
  suspended_by_supervisor: 409,
  before_its_time: 409,
  acts_still_undecided: 409,
  nothing_to_freeze: 409,
  details_invalid: 422,
  policy_not_lawful: 422,
  quorum_out_of_reach: 503,
  rehearsal_not_allowed: 422,
  deadline_too_soon: 422,
  no_supervisor_assigned: 409,
  session_is_fixed: 409,
  session_of_another: 403,
  not_open_for_bids: 409,
  deadline_has_passed: 409,
  check_in_not_open: 409,
  statement_not_for_this_opening: 422,
  statement_replaces_another: 409,
  bid_id_used: 409,
  no_standing_bid: 409,
  too_many_acts: 409,
  no_draw_promised: 409,
  draw_not_promised_in_genesis: 422,
  draw_not_done: 409,
  already_drawn: 409,
  too_many_draws: 409,
  wrong_draw_round: 409,
  bid_not_opened: 409,
  commitments_are_closed: 409,
  commitments_not_closed: 409,
  share_already_committed: 409,
  witness_share_missing: 409,
  no_share_committed: 409,
  share_already_shown: 409,
  share_not_as_committed: 422,
  reveals_are_closed: 409,
  shares_not_open: 409,
  window_running: 409,
  extension_exceeds_policy: 409,
  already_decrypted: 409,
  attempt_undecided: 409,
  too_many_attempts: 409,
  wrong_window_key: 409,
  no_such_attempt: 404,
  no_such_bidder: 404,
  bid_was_decrypted: 409,
  ruling_is_final: 409,
  rulings_missing: 409,
  nothing_ruled: 409,
  nothing_decrypted: 409,
  some_decrypted: 409,
  not_the_bidders_fault: 409,
  no_layer_promised: 409,
  too_many_holders: 409,
  not_for_these_holders: 422,
  opening_key_not_in_form: 422,
  opening_key_not_dealt: 409,
  another_opening_key: 409,
  not_a_holder: 403,
  shares_not_acknowledged: 409,
  holder_has_left: 409,
  not_sealed_to_opening_key: 422,
  unsealing_is_over: 409,
  share_already_given: 409,
  shares_complete: 409,
  shares_missing: 409,
  no_remedy_promised: 409,
  remedy_used: 409,
  nothing_to_remedy: 409,
  not_in_the_remedy: 409,
  remedy_is_over: 409,
  no_quotes_promised: 409,
  quote_round_running: 409,
  quote_round_is_over: 409,
  too_many_quote_rounds: 409,
  wrong_quote_round: 409,
  already_quoted: 409,
  quote_not_as_committed: 422,
  quotes_not_open: 409,
  quotes_missing: 409,
  lists_not_ready: 409,
  no_record_yet: 404,
  wrong_record_version: 409,
  already_answered_record: 409,
  confirmation_is_over: 409,
  record_unchanged: 409,
  record_outdated: 409,
  nothing_to_correct: 409,
  no_such_correction: 404,
  effects_changed: 409,
  too_many_corrections: 409,
  nothing_to_erase: 409,
  erasure_proposed_already: 409,
  no_such_erasure: 404,
  retention_not_over: 409,
  too_many_erasures: 409,
  points_unacknowledged: 409,
  point_not_due: 409,
  no_such_point: 404,
  you_are_muted: 403,
  no_such_thread: 404,
  too_many_messages: 409,
  already_muted: 409,
  not_muted: 409,
  no_such_notice: 404,
  already_acknowledged: 409,
  bid_was_revoked: 409,
  deadline_not_later: 409,
  no_such_objection: 404,
  objection_not_open: 409,
  objection_not_answered: 409,
  not_your_objection: 403,
  too_many_objections: 409,
  objections_open: 409,
  verdict_unknown: 409,
  ruling_contested: 409,
  confirmations_running: 409,
  head_not_cosigned: 409,
  close_not_proposed: 409,
  files_not_ready: 409,
  suspension_exceeds_policy: 409,
  no_resume_proposed: 409,
  no_abort_proposed: 409,
  second_person_needed: 409,
} as const satisfies Record<RefusalCode, Status>;

/** What the gate of the vault says to an envelope. */
const ENVELOPE_PROBLEMS = {
  envelope_malformed: {
    status: 422,
    en: 'These bytes are no sealed envelope; unencrypted files are not accepted (20号令 art. 26).',
    zh: '该文件不是合规的加密投标文件；未加密的文件不予接收（20号令第二十六条）。',
  },
  envelope_for_another_certificate: {
    status: 422,
    en: 'The envelope is not sealed to the encryption certificate that the statement names.',
    zh: '加密投标文件所用的加密证书与声明所载不一致。',
  },
  envelope_too_large: {
    status: 413,
    en: 'The envelope is larger than this platform takes.',
    zh: '加密投标文件超过平台允许的大小。',
  },
  envelope_not_as_signed: {
    status: 422,
    en: 'The envelope is not the one that the statement was signed over.',
    zh: '加密投标文件与签名声明所载的不是同一份。',
  },
  envelope_of_another_profile: {
    status: 422,
    en: 'The envelope’s content is enciphered by another algorithm than the profile in the statement names.',
    zh: '加密投标文件内容所用的加密算法与签名声明所载的规格不一致。',
  },
} as const satisfies Record<ReceiveRefusal, Row>;

/** What the vault says to an envelope that comes piece by piece. */
const UPLOAD_PROBLEMS = {
  no_such_upload: { status: 404, en: 'You have no such upload.', zh: '您没有此上传任务。' },
  upload_in_use: {
    status: 423,
    en: 'Another request of yours is writing to this upload; one that went silent lets go of it in a quarter of a minute.',
    zh: '您的另一个请求正在写入此上传任务；中断的请求约十五秒后自动释放。',
  },
  upload_offset_differs: {
    status: 409,
    en: 'The upload stands elsewhere; ask how far it has come and go on from there.',
    zh: '上传位置不符，请查询已接收的位置后从该处继续。',
  },
  upload_incomplete: {
    status: 409,
    en: 'The upload is not complete; nothing has been lodged.',
    zh: '上传尚未完成，未递交任何内容。',
  },
  upload_withdrawn: {
    status: 410,
    en: 'The upload was not lodged by the deadline; it counts as withdrawn (20号令 art. 27). A bid with a receipt stands.',
    zh: '截止前未完成传输，视为撤回（20号令第二十七条）；已取得回执的投标仍然有效。',
  },
  upload_expired: {
    status: 410,
    en: 'Nothing came for this upload for too long; it was removed. Begin it anew.',
    zh: '此上传任务长时间未继续，已被清除，请重新开始。',
  },
  upload_given_up: { status: 410, en: 'You have given up this upload.', zh: '您已放弃此上传任务。' },
  too_many_uploads: {
    status: 409,
    en: 'As many uploads of yours are under way in this opening as may be; finish one or give it up.',
    zh: '您在本次开标中进行中的上传任务已达上限，请先完成或放弃其中一个。',
  },
} as const satisfies Record<UploadRefusal, Row>;

/** What HTTP itself refuses. */
const HTTP_PROBLEMS = {
  request_malformed: { status: 400, en: 'The request is not in the form this address takes.', zh: '请求格式不正确。' },
  command_data_malformed: {
    status: 422,
    en: 'The data is not what a command of this type carries.',
    zh: '指令内容不符合该类指令的格式。',
  },
  command_unknown: {
    status: 422,
    en: 'There is no command of this type that a person may give.',
    zh: '没有可由人员提交的此类指令。',
  },
  statement_line_malformed: {
    status: 400,
    en: 'The upload does not begin with one line that holds the lodgement statement.',
    zh: '上传内容的首行不是递交声明。',
  },
  statement_malformed: {
    status: 422,
    en: 'The statement does not say what such a statement must say.',
    zh: '声明缺项或格式不符。',
  },
  upload_broken: { status: 400, en: 'The upload broke off; nothing was lodged.', zh: '上传中断，未递交任何内容。' },
  storage_full: {
    status: 507,
    en: 'The platform has no room left on its disk; what was received before is kept. Please try again in a moment.',
    zh: '平台存储空间不足；此前已接收的内容均已保留，请稍后再试。',
  },
  tus_version_differs: {
    status: 412,
    en: 'This address speaks tus 1.0.0; the request must say so (Tus-Resumable).',
    zh: '该地址使用 tus 1.0.0 协议，请求须注明（Tus-Resumable）。',
  },
  body_too_large: { status: 413, en: 'The body of the request is too large.', zh: '请求内容过大。' },
  media_type_not_taken: {
    status: 415,
    en: 'This address does not take this type of content.',
    zh: '不支持该内容类型。',
  },
  no_such_session: { status: 404, en: 'There is no such session.', zh: '没有此开标场次。' },
  not_in_this_session: { status: 409, en: 'The opening is not of this session.', zh: '该开标不属于此开标场次。' },
  no_such_address: { status: 404, en: 'There is nothing at this address.', zh: '该地址不存在。' },
  no_such_record_version: {
    status: 404,
    en: 'The opening record has no such version.',
    zh: '开标记录没有该版本。',
  },
  prices_not_public: {
    status: 403,
    en: 'The prices of this opening are not public; the public form of the record shows everything else.',
    zh: '本次开标的报价不对外公开；公开版开标记录载有其他全部内容。',
  },
  no_such_price: {
    status: 404,
    en: 'No price of this bidder is announced in this opening.',
    zh: '本次开标尚未公布该投标人的报价。',
  },
  no_voice: {
    status: 404,
    en: 'This platform has no speech engine that can read this aloud.',
    zh: '本平台没有可用的语音引擎朗读此内容。',
  },
  no_such_log: { status: 404, en: 'There is no such log, or nothing on it yet.', zh: '没有此日志，或日志尚无内容。' },
  no_such_evidence: { status: 404, en: 'There is no such evidence.', zh: '没有该判定依据。' },
  no_such_tile: { status: 404, en: 'The log has not grown to this tile.', zh: '日志尚未增长到该数据块。' },
  no_timestamp: { status: 404, en: 'No head of this opening is time-stamped yet.', zh: '本次开标尚无树头加盖时间戳。' },
  log_path_malformed: { status: 400, en: 'This path names no file of a log.', zh: '该路径不是日志文件。' },
  act_not_in_ledger_yet: {
    status: 404,
    en: 'No act of yours with this id is in the ledger yet; one that was receipted will be within the batch period.',
    zh: '总账中尚无您的此项操作；已取得回执的操作将在一个批次周期内写入。',
  },
  page_not_built: { status: 404, en: 'The pages of this server have not been built.', zh: '本服务器的页面尚未构建。' },
  upgrade_required: { status: 426, en: 'This address speaks WebSocket only.', zh: '该地址仅支持 WebSocket。' },
  subprotocol_missing: {
    status: 400,
    en: 'The socket must offer the subprotocol kaibiao.v1.',
    zh: '连接须声明子协议 kaibiao.v1。',
  },
  origin_missing: {
    status: 403,
    en: 'A socket without an Origin header needs a ticket.',
    zh: '未带 Origin 的连接必须出示连接凭票。',
  },
  too_many_requests: { status: 429, en: 'Too many requests; please wait a little.', zh: '请求过于频繁，请稍候。' },
  too_many_sockets: {
    status: 429,
    en: 'This session, this address, or all who look on without a ticket, hold as many sockets as they may.',
    zh: '该会话、该网络地址或全部无凭票观看者的连接数已达上限。',
  },
  too_many_viewers: {
    status: 503,
    en: 'Too many people look on; please come back in a moment.',
    zh: '在线人数已满，请稍后再试。',
  },
  overloaded: {
    status: 503,
    en: 'The server is overloaded; please come back in a moment.',
    zh: '服务器繁忙，请稍后再试。',
  },
  outcome_unknown: {
    status: 503,
    en: 'It is not known whether this was recorded; send it again with the same id.',
    zh: '尚不能确定是否已记录，请使用同一编号重新提交。',
  },
  log_read_only: {
    status: 503,
    en: 'The log takes no entries: database and signer contradict each other. What stands on it can be read.',
    zh: '日志已停止写入：数据库与签名器记录不一致。已有内容仍可查阅。',
  },
  server_stopping: {
    status: 503,
    en: 'The server is stopping; please come back in a moment.',
    zh: '服务器正在停止，请稍后再试。',
  },
  server_fault: {
    status: 500,
    en: 'The server failed. What was acknowledged is not affected.',
    zh: '服务器出错，已确认的操作不受影响。',
  },
} as const satisfies Record<string, Row>;

export type HttpProblem = keyof typeof HTTP_PROBLEMS;
export type ProblemCode = RefusalCode | IdentityRefusal | ReceiveRefusal | UploadRefusal | HttpProblem;

const openingProblems = Object.fromEntries(
  Object.entries(OPENING_STATUS).map(([code, status]) => [code, { status, ...REFUSALS[code as RefusalCode] }]),
) as Record<RefusalCode, Row>;

/** The whole table, by code. */
export const PROBLEMS: Readonly<Record<ProblemCode, Row>> = {
  ...HTTP_PROBLEMS,
  ...ENVELOPE_PROBLEMS,
  ...UPLOAD_PROBLEMS,
  ...IDENTITY_REFUSALS,
  ...openingProblems,
};
export const PROBLEM_CODES = Object.keys(PROBLEMS) as readonly ProblemCode[];

/** An RFC 9457 problem, with the code that programs read and the sentence that people read, in both languages. */
export type Problem = {
  readonly type: string;
  readonly title: string;
  readonly status: Status;
  readonly detail?: string;
  readonly code: ProblemCode;
  readonly zh: string;
  readonly en: string;
};

/** The problem of a code; `detail` is for the one refused and must hold nothing of anyone else's. */
export function problemOf(code: ProblemCode, detail?: string): Problem {
  const { status, zh, en } = PROBLEMS[code];
  const described = detail === undefined ? {} : { detail };
  return { type: `/problems/${code}`, title: en, status, ...described, code, zh, en };
}

/** Carries a refusal from a handler to the one place that answers problems. */
export class ProblemError extends Error {
  readonly code: ProblemCode;
  readonly detail: string | undefined;
  /** After how many seconds to come again, where that is known. */
  readonly retryAfterS: number | undefined;
  constructor(code: ProblemCode, detail?: string, retryAfterS?: number) {
    super(code);
    this.name = 'ProblemError';
    this.code = code;
    this.detail = detail;
    this.retryAfterS = retryAfterS;
  }
}

/** What came out, or the refusal thrown as a problem. */
export function accepted<Value extends object>(
  outcome: Value | { readonly refused: ProblemCode; readonly detail?: string; readonly code?: EnvelopeCode },
): Exclude<Value, { readonly refused: unknown }> {
  if ('refused' in outcome) {
    const { refused, detail, code } = outcome as { refused: ProblemCode; detail?: string; code?: EnvelopeCode };
    throw new ProblemError(refused, detail ?? (code && sayEnvelopeProblem(code)));
  }
  return outcome as Exclude<Value, { readonly refused: unknown }>;
}
