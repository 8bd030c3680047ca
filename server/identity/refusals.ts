/** Every "no" of login, sessions, requests, tickets, roles and acts: its HTTP status and its sentence in both languages. */
import { ACT_REASONS, type ActReason } from '../core/log/act.ts';
import type { Words } from '../core/log/words.ts';

export type RefusalWords = Words & { readonly status: 400 | 401 | 403 | 404 | 409 | 410 | 503 };

/** In the order in which they are looked for. Acts are refused with the codes of core/log/act.ts as well. */
const OWN_REFUSALS = {
  // login
  origin_not_allowed: { status: 403, en: 'This page may not log anybody in.', zh: '该页面来源不允许登录。' },
  thumbprint_malformed: {
    status: 400,
    en: 'The thumbprint of the session key is not 32 bytes in base64url.',
    zh: '会话密钥指纹格式不正确。',
  },
  challenge_unknown: { status: 401, en: 'This challenge was never given out.', zh: '该登录挑战不存在。' },
  challenge_used: { status: 401, en: 'This challenge has been used.', zh: '该登录挑战已被使用。' },
  challenge_expired: { status: 401, en: 'This challenge was answered too late.', zh: '登录挑战已过期，请重新登录。' },
  challenge_of_other_session: {
    status: 401,
    en: 'This challenge was given to another session key.',
    zh: '该登录挑战属于另一个会话密钥。',
  },
  challenge_of_other_origin: {
    status: 401,
    en: 'The login names another page than the one that asked for the challenge.',
    zh: '登录声明所载的页面来源与请求挑战的来源不一致。',
  },
  session_key_not_fresh: {
    status: 409,
    en: 'This session key has been certified before; a login needs a fresh one.',
    zh: '该会话密钥已使用过，每次登录须使用新的会话密钥。',
  },
  // certificates
  certificate_malformed: { status: 400, en: 'The certificate cannot be read.', zh: '证书无法读取。' },
  certificate_not_trusted: {
    status: 401,
    en: 'The certificate does not come from a certificate authority that is trusted for this.',
    zh: '证书不是由受信任的电子认证服务机构签发。',
  },
  certificate_not_yet_valid: { status: 401, en: 'The certificate is not valid yet.', zh: '证书尚未生效。' },
  certificate_expired: { status: 401, en: 'The certificate has expired.', zh: '证书已过期。' },
  certificate_revoked: {
    status: 401,
    en: 'The certificate has been revoked by its certificate authority.',
    zh: '证书已被签发机构吊销。',
  },
  certificate_undetermined: {
    status: 409,
    en: 'Whether the certificate was revoked cannot be determined: the revocation list of its certificate authority is missing or over. It is neither good nor refused; please tell the operator.',
    zh: '证书吊销状态无法确定：其签发机构的吊销列表缺失或已过期。此结果既非有效也非拒绝，请联系平台管理员。',
  },
  certificate_wrong_usage: {
    status: 401,
    en: 'The certificate is not for this use: signing needs the signing certificate, sealing the encryption certificate.',
    zh: '证书用途不符：签名须使用签名证书，加密须使用加密证书。',
  },
  certificate_subject_unclear: {
    status: 401,
    en: 'The certificate does not say clearly whom it is for.',
    zh: '证书主体信息不完整或存在歧义。',
  },
  credit_code_invalid: {
    status: 401,
    en: 'The certificate holds no valid unified social credit code.',
    zh: '证书中没有有效的统一社会信用代码。',
  },
  certificate_of_other_account: {
    status: 403,
    en: 'The certificate belongs to another account.',
    zh: '证书属于另一个账户。',
  },
  encryption_certificate_unknown: {
    status: 404,
    en: 'This encryption certificate is not registered for this account.',
    zh: '该加密证书未在本账户登记。',
  },
  // trust anchors
  anchor_not_ca: { status: 400, en: 'This certificate is no certificate authority’s.', zh: '该证书不是 CA 证书。' },
  anchor_exists: {
    status: 409,
    en: 'This certificate authority is trusted already in that time.',
    zh: '该时间段内该信任锚已存在。',
  },
  anchor_unknown: { status: 404, en: 'No such trust anchor holds at that instant.', zh: '该时间没有生效的此信任锚。' },
  anchor_dates_wrong: {
    status: 400,
    en: 'No calendar has these dates, or trust would end before it begins.',
    zh: '日期无效，或信任终止时间不晚于起始时间。',
  },
  operator_names_nobody: {
    status: 403,
    en: 'Whom the platform trusts is changed with a person’s certificate; an organisation’s names no person.',
    zh: '变更信任须使用个人证书；机构证书不能表明具体人员。',
  },
  second_person_required: {
    status: 403,
    en: 'Another person than the one who proposed it must confirm it; the same number or the same name does not count as another.',
    zh: '须由提议人以外的另一人确认；编号或姓名相同的不视为另一人。',
  },
  trust_proposal_unknown: { status: 404, en: 'There is no such proposal.', zh: '该信任变更提议不存在。' },
  trust_proposal_closed: {
    status: 409,
    en: 'This proposal has been confirmed or withdrawn.',
    zh: '该提议已被确认或撤回。',
  },
  trust_proposal_expired: { status: 409, en: 'This proposal has run out.', zh: '该提议已过期。' },
  trust_change_differs: {
    status: 409,
    en: 'What is signed is not the change that was proposed.',
    zh: '所签署的内容与提议的变更不一致。',
  },
  trust_proposer_left: {
    status: 409,
    en: 'Who proposed this is no operator any more; another operator must propose it anew.',
    zh: '提议人已不再是平台管理员，须由其他管理员重新提议。',
  },
  // revocation lists
  crl_malformed: { status: 400, en: 'The revocation list cannot be read.', zh: '吊销列表无法读取。' },
  crl_exists: { status: 409, en: 'This revocation list is here already.', zh: '该吊销列表已存在。' },
  crl_out_of_date: {
    status: 400,
    en: 'This revocation list is over, not valid yet, or names no end.',
    zh: '该吊销列表已过期、尚未生效或未载明有效期。',
  },
  crl_not_newer: {
    status: 409,
    en: 'A newer revocation list of this certificate authority is here already.',
    zh: '已有该签发机构更新的吊销列表。',
  },
  // accounts
  account_unknown: {
    status: 403,
    en: 'There is no such account; officials and persons are entered by the operator.',
    zh: '账户不存在；工作人员及个人账户须由平台管理员录入。',
  },
  account_exists: { status: 409, en: 'This account exists already.', zh: '该账户已存在。' },
  account_disabled: { status: 403, en: 'This account has been disabled.', zh: '该账户已停用。' },
  account_not_disabled: { status: 409, en: 'This account is not disabled.', zh: '该账户未被停用。' },
  last_operator: {
    status: 409,
    en: 'The last operator cannot be disabled: nobody could let anyone in again.',
    zh: '不能停用最后一名平台管理员，否则无人可再准入人员。',
  },
  operator_exists: { status: 409, en: 'There is an operator already.', zh: '平台管理员已存在。' },
  // tokens and requests
  token_missing: { status: 401, en: 'Please log in.', zh: '请先登录。' },
  token_invalid: { status: 401, en: 'The access token is not valid.', zh: '访问令牌无效。' },
  token_expired: { status: 401, en: 'The access token has expired.', zh: '访问令牌已过期。' },
  session_ended: { status: 401, en: 'The session has ended; please log in again.', zh: '会话已结束，请重新登录。' },
  proof_missing: { status: 401, en: 'The request carries no DPoP proof.', zh: '请求缺少 DPoP 证明。' },
  proof_malformed: { status: 401, en: 'The DPoP proof is not one.', zh: 'DPoP 证明格式不正确。' },
  proof_of_other_key: {
    status: 401,
    en: 'The DPoP proof was made with another key than the session’s.',
    zh: 'DPoP 证明所用密钥与会话不符。',
  },
  proof_of_other_request: {
    status: 401,
    en: 'The DPoP proof was made for another request.',
    zh: 'DPoP 证明属于另一个请求。',
  },
  proof_of_other_token: {
    status: 401,
    en: 'The DPoP proof was made for another access token.',
    zh: 'DPoP 证明属于另一个访问令牌。',
  },
  proof_out_of_time: {
    status: 401,
    en: 'The time in the DPoP proof is too far from the server’s.',
    zh: 'DPoP 证明的时间与服务器相差过大。',
  },
  proof_replayed: { status: 401, en: 'This DPoP proof has been used.', zh: '该 DPoP 证明已被使用。' },
  // roles and tickets
  not_operator: { status: 403, en: 'Only the operator may do this.', zh: '仅平台管理员可进行此操作。' },
  not_official: {
    status: 409,
    en: 'Only an account that the operator entered can hold a role in an opening.',
    zh: '只有平台管理员录入的工作人员账户才能担任开标角色。',
  },
  role_not_held: { status: 403, en: 'You do not hold this role in this opening.', zh: '您在本次开标中不具有该角色。' },
  ticket_unknown: { status: 401, en: 'This ticket was never given out.', zh: '该连接凭票不存在。' },
  ticket_used: { status: 401, en: 'This ticket has been used.', zh: '该连接凭票已被使用。' },
  ticket_expired: { status: 401, en: 'This ticket was used too late.', zh: '该连接凭票已过期。' },
  ticket_of_other_opening: {
    status: 401,
    en: 'This ticket is for another opening.',
    zh: '该连接凭票属于另一场开标。',
  },
  seat_taken: {
    status: 409,
    en: 'Another page, here or on another device, is active in this opening with the same certificate; you may take its place.',
    zh: '同一证书已在本场开标的另一页面（本机或其他设备）使用，您可以选择接管。',
  },
  // a phone that holds the key for a page
  no_such_phone_mailbox: {
    status: 404,
    en: 'There is no such pairing of a page and a phone, or it is not yours.',
    zh: '没有此手机配对，或该配对不属于您。',
  },
  phone_mailbox_exists: {
    status: 409,
    en: 'This pairing belongs to another page.',
    zh: '该配对编号已由另一页面使用。',
  },
  phone_mailboxes_full: {
    status: 503,
    en: 'As many phones are paired as the platform can hold; please log in another way, or come back in a moment.',
    zh: '当前手机配对数量已达平台上限，请改用其他登录方式或稍后再试。',
  },
  phone_taken: {
    status: 409,
    en: 'Another phone scanned this code first. If it was not yours, end the pairing on the screen and begin anew.',
    zh: '已有另一部手机先扫描了该二维码。如非本人，请在电脑上结束配对并重新开始。',
  },
  phone_mailbox_over: {
    status: 410,
    en: 'The code was not scanned in time, or the pairing was ended.',
    zh: '二维码已过期，或配对已结束。',
  },
  phone_message_out_of_step: {
    status: 409,
    en: 'The message is not the next one of this pairing.',
    zh: '该消息的次序与本次配对不符。',
  },
  phone_messages_waiting: {
    status: 409,
    en: 'As many messages wait for the other side as may.',
    zh: '等待对方接收的消息已达上限。',
  },
  // acts, beyond what core/log/act.ts refuses
  act_of_other_account: {
    status: 403,
    en: 'The act is signed in the name of another account.',
    zh: '操作签名属于另一个账户。',
  },
  act_out_of_time: {
    status: 400,
    en: 'The time in the act is too far from the server’s; please set the clock.',
    zh: '操作签名的时间与服务器相差过大，请校准时钟。',
  },
  step_up_required: {
    status: 403,
    en: 'This act must be signed with the CA certificate itself.',
    zh: '此操作须使用 CA 证书重新签名。',
  },
} as const satisfies Record<string, RefusalWords>;

export type IdentityRefusal = keyof typeof OWN_REFUSALS | ActReason;

/** A "no" as a value; `detail` is a finer code for the diagnostics of the one refused, never for a decision. */
export type Refused = { readonly refused: IdentityRefusal; readonly detail?: string };

/** What came out, or why not. */
export type Outcome<Value extends object> = ({ readonly ok: true } & Value) | ({ readonly ok?: never } & Refused);

/** Acts that the sender must sign anew: everything is his to mend, but a wrong signature is nobody's proof of who he is. */
const UNPROVEN: readonly ActReason[] = [
  'act_signature_bad',
  'login_signature_bad',
  'act_alg_refused',
  'login_alg_refused',
  'login_missing',
  'login_other_account',
  'login_other_platform',
];

const actRefusals = Object.fromEntries(
  Object.entries(ACT_REASONS).map(([code, words]) => {
    const status = UNPROVEN.some((unproven) => unproven === code) ? 401 : 400;
    return [code, { ...words, status }];
  }),
) as Record<ActReason, RefusalWords>;

/** The whole table: code → status and words. */
export const IDENTITY_REFUSALS: Readonly<Record<IdentityRefusal, RefusalWords>> = { ...actRefusals, ...OWN_REFUSALS };

/** A refusal as a value. */
export function refuse(refused: IdentityRefusal, detail?: string): Refused {
  return detail === undefined ? { refused } : { refused, detail };
}
