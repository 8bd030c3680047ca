// Every "no" of an opening and its register: a stable code and one sentence in each language.

/**
 * Refusals in the order in which they are looked for: the role, then the phase, then the command's own checks.
 *
 * A refusal is a value: nothing changed, nothing is lost, and the same command may be sent again when its reason is gone.
 */
export const REFUSALS = {
  // the recorder's own
  no_such_opening: { en: 'There is no such opening.', zh: '没有此开标。' },
  refused_just_now: {
    en: 'This very act has just been refused several times. It was not received again; send it once more in a second.',
    zh: '同一操作刚刚已被多次拒绝，本次未予接收；请一秒后再发送。',
  },
  command_id_reused: {
    en: 'This command id was used before for something else.',
    zh: '该指令编号已用于其他内容。',
  },
  could_not_be_decided: {
    en: 'This command could not be decided; the platform has noted the fault.',
    zh: '该指令未能处理，平台已记录此故障。',
  },
  head_seen_unknown: {
    en: 'The log head this act says it has seen is none of this log: keep it, and read the log anew.',
    zh: '该操作所声明见过的日志树头不属于本日志：请保留该证据并重新读取日志。',
  },
  creator_is_not_host: { en: 'Whoever creates an opening must be its host.', zh: '创建开标的人必须是其主持人。' },
  no_such_account: { en: 'An assigned account does not exist.', zh: '被指定的账户不存在。' },
  host_is_witness: {
    en: 'One person cannot be host and witness of the same opening.',
    zh: '同一人不能同时担任同一开标的主持人和见证人员。',
  },
  role_not_yours_to_give: {
    en: "The tenderer's side names its hosts and tenderers; witness, supervisor and auditor are entered by the operator.",
    zh: '主持人和招标人由招标方指定；见证、监督、审计人员由平台管理员录入。',
  },
  role_held_already: { en: 'This account holds this role already.', zh: '该账户已担任此角色。' },
  assignee_not_official: {
    en: 'Only an account that the operator let in can hold a role in an opening.',
    zh: '只有平台管理员准入的工作人员账户才能担任开标角色。',
  },
  assignee_disabled: { en: 'The assigned account has been shut.', zh: '被指定的账户已停用。' },
  not_in_this_role: { en: 'This account does not hold this role.', zh: '该账户未担任此角色。' },
  last_in_role: {
    en: 'Nobody else holds this role: name the successor first.',
    zh: '该角色没有其他担任者，请先指定接任人员。',
  },
  opening_exists: { en: 'An opening with this id exists already.', zh: '该编号的开标已存在。' },
  // role
  role_not_allowed: { en: 'Your role in this opening may not do this.', zh: '您在本次开标中的角色不能进行此操作。' },
  // phase
  not_published_yet: { en: 'The opening has not been published yet.', zh: '本次开标尚未发布。' },
  too_early: { en: 'The opening has not come to this step yet.', zh: '本次开标尚未进行到此步骤。' },
  too_late: { en: 'The opening is past this step.', zh: '本次开标已经过了此步骤。' },
  window_not_open: { en: 'The decryption window is not open yet.', zh: '解密时限尚未开始。' },
  window_is_over: { en: 'The decryption window is over.', zh: '解密时限已结束。' },
  opening_is_over: {
    en: 'The opening is over; nothing can be added to it.',
    zh: '本次开标已终结，不能再追加任何内容。',
  },
  // overlay
  opening_is_suspended: {
    en: 'The opening is suspended; every window is frozen.',
    zh: '本次开标已暂停，所有时限均已冻结。',
  },
  not_suspended: { en: 'The opening is not suspended.', zh: '本次开标并未暂停。' },
  suspended_by_supervisor: {
    en: 'A supervisor ordered this suspension; only a supervisor can end it.',
    zh: '本次暂停由行政监督部门作出，只能由行政监督部门恢复。',
  },
  // the clock's own
  before_its_time: { en: 'The clock spoke before its time.', zh: '未到规定时间。' },
  acts_still_undecided: {
    en: 'Acts received before the end are not all decided yet.',
    zh: '截止前收到的操作尚未全部处理完毕。',
  },
  nothing_to_freeze: { en: 'No window is running.', zh: '没有正在计时的时限。' },
  // drafting and publication
  details_invalid: {
    en: 'The details of the opening are not complete or not in form.',
    zh: '开标信息不完整或格式不正确。',
  },
  policy_not_lawful: {
    en: 'The policy lies outside what the regime profile allows.',
    zh: '开标规则超出所选采购方式允许的范围。',
  },
  layer_and_blind_window: {
    en: 'With a second layer no price can be read before its holders act; a blind window beside it would add nothing.',
    zh: '已规定招标人解密的，在持有人解密前任何人均无法读取报价，不得再规定解密密钥分持。',
  },
  quorum_out_of_reach: {
    en: 'The platform asks for more cosigners than it names; its operator must correct this.',
    zh: '平台要求的联署数量多于其列明的联署方，须由平台管理员更正。',
  },
  rehearsal_not_allowed: {
    en: 'Rehearsals cannot be held on a production platform.',
    zh: '生产环境不允许使用演练方式。',
  },
  deadline_too_soon: {
    en: 'The deadline leaves no room for the check-in period.',
    zh: '投标截止时间距今不足签到所需时间。',
  },
  deadline_not_later: {
    en: 'The new deadline must lie after the one that was taken back.',
    zh: '新的投标截止时间必须晚于原截止时间。',
  },
  no_supervisor_assigned: {
    en: 'A host, a tenderer, a witness and a supervisor must be assigned before publication (20号令 art. 7, 53).',
    zh: '发布前必须指定主持人、招标人、见证人员和行政监督人员（20号令第七条、第五十三条）。',
  },
  session_is_fixed: {
    en: 'The session of an opening is chosen when it is created.',
    zh: '开标场次在创建时确定，不能更改。',
  },
  session_of_another: { en: 'Another host leads this session.', zh: '该开标场次由其他主持人主持。' },
  // register
  not_open_for_bids: { en: 'The opening does not accept bids at this time.', zh: '当前不接收投标文件。' },
  deadline_has_passed: { en: 'The bid deadline has passed.', zh: '投标截止时间已过。' },
  check_in_not_open: { en: 'Check-in has not started yet.', zh: '签到尚未开始。' },
  statement_not_for_this_opening: {
    en: 'The signed statement names another opening, lot, policy or deadline.',
    zh: '签名声明所载的开标、标段、规则或截止时间与本次开标不符。',
  },
  statement_replaces_another: {
    en: 'The statement must name the bid it replaces: the one that stands now.',
    zh: '声明必须指明其所替换的、当前有效的投标。',
  },
  bid_id_used: { en: 'This bid number has been used before.', zh: '该投标编号已被使用。' },
  no_standing_bid: { en: 'You have no standing bid in this opening.', zh: '您在本次开标中没有有效的投标。' },
  too_many_acts: { en: 'Too many acts of this kind; please wait for the deadline.', zh: '此类操作次数过多。' },
  // sealing and roster
  // drawing
  no_draw_promised: {
    en: 'The policy promises no draw at this point of the opening.',
    zh: '开标规则未规定在此环节进行抽取。',
  },
  draw_not_promised_in_genesis: {
    en: 'A draw must be in the policy when the opening is created: the platform’s share is promised there.',
    zh: '抽取须在创建开标时写入规则，平台的份额在创建时即已承诺。',
  },
  draw_not_done: {
    en: 'The policy promises a draw first, and no coefficient has been drawn.',
    zh: '规则要求先行抽取，系数尚未产生。',
  },
  already_drawn: { en: 'The coefficient has been drawn.', zh: '系数已经抽取产生。' },
  too_many_draws: { en: 'The rounds of drawing are used up.', zh: '抽取轮次已用完。' },
  wrong_draw_round: { en: 'This is for another round of the drawing.', zh: '此内容属于另一轮抽取。' },
  bid_not_opened: { en: 'Only bidders whose bid was opened take part.', zh: '只有投标已解密的投标人可以参与。' },
  commitments_are_closed: { en: 'No share can be committed any more.', zh: '提交份额承诺的时间已过。' },
  commitments_not_closed: { en: 'Shares are still being committed.', zh: '份额承诺尚未截止。' },
  share_already_committed: { en: 'You have committed your share of this round.', zh: '您已提交本轮份额的承诺。' },
  witness_share_missing: { en: 'The witness has not committed a share.', zh: '见证人员尚未提交份额承诺。' },
  no_share_committed: { en: 'You have committed no share in this round.', zh: '您在本轮没有提交份额承诺。' },
  share_already_shown: { en: 'Your share has been shown.', zh: '您的份额已经公开。' },
  share_not_as_committed: { en: 'The share is not the one you committed to.', zh: '该份额与您的承诺不符。' },
  reveals_are_closed: {
    en: 'The time to show shares is over; what was not shown is opened.',
    zh: '公开份额的时间已过，未公开的份额由密钥持有方打开。',
  },
  shares_not_open: { en: 'A committed share cannot be opened now.', zh: '有已承诺的份额暂时无法打开。' },
  // decryption
  window_running: {
    en: 'The window can end early only when every bid has been decrypted.',
    zh: '只有全部投标解密完成后才能提前结束解密时限。',
  },
  extension_exceeds_policy: {
    en: 'All extensions together would exceed what the policy allows.',
    zh: '延长时间合计超过规则允许的上限。',
  },
  already_decrypted: { en: 'This bid has already been decrypted.', zh: '该投标已解密成功。' },
  attempt_undecided: { en: 'Your last decryption is still being checked.', zh: '您上一次解密仍在核验中。' },
  too_many_attempts: { en: 'The number of decryption attempts is used up.', zh: '解密尝试次数已用完。' },
  wrong_window_key: {
    en: 'The act names another window key than the one on the log.',
    zh: '操作所指的解密公钥与日志所载不一致。',
  },
  no_such_attempt: { en: 'No such decryption is waiting to be decided.', zh: '没有待处理的该次解密。' },
  bid_was_revoked: { en: 'This bid has been revoked by its bidder.', zh: '该投标已由投标人撤销。' },
  // attribution
  no_such_bidder: { en: 'There is no bidder with this number.', zh: '没有此编号的投标人。' },
  bid_was_decrypted: { en: 'This bid was decrypted; there is nothing to rule on.', zh: '该投标已解密，无需归因。' },
  ruling_is_final: {
    en: 'Both have ruled alike on this bid and the bidder has not contested it.',
    zh: '双方已作出一致认定，且投标人未提出异议。',
  },
  rulings_missing: {
    en: 'Not every undecrypted bid has been ruled on by host and witness.',
    zh: '尚有未解密的投标未经主持人和见证人员共同认定。',
  },
  nothing_ruled: { en: 'There is no ruling on your bid to contest.', zh: '没有针对您的投标的认定。' },
  nothing_decrypted: {
    en: 'No bid was decrypted; there is no price to announce.',
    zh: '没有投标解密成功，无报价可唱。',
  },
  some_decrypted: { en: 'Some bids were decrypted; they go on.', zh: '已有投标解密成功，开标应继续进行。' },
  not_the_bidders_fault: {
    en: 'The holders of the opening key did not give it, or the platform did not keep the bid as received; that is never the bidder’s fault.',
    zh: '持有人未能给出开标密钥，或平台未能完好保存所接收的投标文件，不属于投标人原因，不得认定为视为撤销。',
  },
  // a key held in shares: of a second layer or of a blind window
  no_layer_promised: {
    en: 'The policy promises no key that is held in shares.',
    zh: '开标规则未规定由多人分持的开标密钥。',
  },
  too_many_holders: { en: 'Too many keys have been offered by holders.', zh: '提交的持有人公钥过多。' },
  not_for_these_holders: {
    en: 'The shares are not one for each of as many holders as the policy says.',
    zh: '密钥份额与规则规定的持有人数不符，或未逐一对应已登记的持有人。',
  },
  opening_key_not_in_form: {
    en: 'The opening key is not of the kind that the policy asks for, or nothing can be sealed to it.',
    zh: '开标密钥与开标规则要求的类型不符，或无法用于加密。',
  },
  opening_key_not_dealt: {
    en: 'The policy promises a key that is held in shares, and none has been dealt.',
    zh: '规则要求由多人分持开标密钥，开标密钥尚未生成分发。',
  },
  another_opening_key: { en: 'Another opening key has been dealt since.', zh: '开标密钥已重新生成分发。' },
  not_a_holder: { en: 'No share of the opening key was dealt to you.', zh: '您未持有开标密钥份额。' },
  shares_not_acknowledged: {
    en: 'Not every holder has acknowledged its share of the opening key.',
    zh: '尚有持有人未确认其开标密钥份额。',
  },
  holder_has_left: {
    en: 'A holder of a share has left its role; deal the opening key anew.',
    zh: '有份额持有人已不再担任其角色，请重新生成分发开标密钥。',
  },
  not_sealed_to_opening_key: {
    en: 'The bid must be sealed to the opening key of this opening as well.',
    zh: '投标文件还须以本次开标的开标密钥加密。',
  },
  unsealing_is_over: { en: 'The time to give shares is over.', zh: '提交开标密钥份额的时限已结束。' },
  share_already_given: { en: 'Your share is there.', zh: '您的份额已收到。' },
  shares_complete: { en: 'There are as many shares as are needed.', zh: '开标密钥份额已足够。' },
  shares_missing: { en: 'There are too few shares of the opening key.', zh: '开标密钥份额不足。' },
  // remedy
  no_remedy_promised: { en: 'The policy promises no remedy.', zh: '开标规则未规定补救方案。' },
  remedy_used: { en: 'The remedy has been used.', zh: '补救程序已经使用过。' },
  nothing_to_remedy: { en: 'No bid is left that could be remedied.', zh: '没有可以补救的投标。' },
  not_in_the_remedy: { en: 'The remedy is not for this bid.', zh: '本次补救不适用于该投标。' },
  remedy_is_over: { en: 'The time of the remedy is over.', zh: '补救时限已结束。' },
  // rounds of quotes
  no_quotes_promised: { en: 'The policy promises no round of quotes.', zh: '开标规则未规定报价轮次。' },
  quote_round_running: { en: 'A round of quotes is running.', zh: '本轮报价正在进行。' },
  quote_round_is_over: { en: 'No round takes quotes now.', zh: '当前没有接收报价的轮次。' },
  too_many_quote_rounds: { en: 'The rounds of quotes are used up.', zh: '报价轮次已用完。' },
  wrong_quote_round: { en: 'The quote is for another round.', zh: '该报价属于另一轮次。' },
  already_quoted: { en: 'You have quoted in this round.', zh: '您在本轮已经报价。' },
  quote_not_as_committed: {
    en: 'The sealed quote does not open to what it commits to.',
    zh: '密封的报价与其承诺不符或无法打开。',
  },
  quotes_not_open: { en: 'A quote cannot be opened now.', zh: '有报价暂时无法打开。' },
  quotes_missing: { en: 'The policy promises a round of quotes first.', zh: '规则要求先完成报价轮次。' },
  // announcement and record
  lists_not_ready: { en: 'The opening lists are still being derived.', zh: '开标一览表仍在提取中。' },
  no_record_yet: { en: 'No record has been issued.', zh: '尚未生成开标记录。' },
  wrong_record_version: { en: 'This is not the current version of the record.', zh: '这不是开标记录的当前版本。' },
  already_answered_record: {
    en: 'You have already signed or refused this version.',
    zh: '您已对该版本的记录作出确认或拒绝。',
  },
  confirmation_is_over: { en: 'The time to sign or refuse the record is over.', zh: '记录确认时限已结束。' },
  record_unchanged: { en: 'The record would be the same as the version before.', zh: '记录内容与上一版本相同。' },
  record_outdated: {
    en: 'Rulings or objections have changed since this version of the record was issued; issue the next one.',
    zh: '本版本记录生成后认定或异议已有变化，请生成新版本。',
  },
  // objections
  no_such_objection: { en: 'There is no objection with this number.', zh: '没有此编号的异议。' },
  objection_not_open: { en: 'The objection has already been answered.', zh: '该异议已答复。' },
  objection_not_answered: { en: 'The objection has not been answered yet.', zh: '该异议尚未答复。' },
  not_your_objection: {
    en: 'Only the bidder who objected may dispute the answer.',
    zh: '只有提出异议的投标人才能对答复提出争议。',
  },
  too_many_objections: { en: 'Too many objections by one bidder.', zh: '同一投标人提出的异议过多。' },
  // closing
  objections_open: { en: 'An objection is still open.', zh: '尚有异议未答复。' },
  verdict_unknown: { en: 'A bid is still ruled "unknown".', zh: '尚有投标的归因为“未查明”。' },
  ruling_contested: {
    en: 'A ruling is contested and has not been confirmed since.',
    zh: '有认定被提出争议且尚未重新确认。',
  },
  confirmations_running: {
    en: 'The bidders still have time to sign or refuse the record.',
    zh: '记录确认时限尚未结束。',
  },
  head_not_cosigned: {
    en: 'The log head has not been cosigned by the quorum yet; ten seconds after the last entry it may be closed without.',
    zh: '日志树头尚未达到规定的联署数量；最后一条记录满十秒后可不待联署而结束。',
  },
  close_not_proposed: {
    en: 'The host has not proposed to close this version of the record.',
    zh: '主持人尚未就该版本记录提出结束开标。',
  },
  files_not_ready: { en: 'The decrypted files are not all ready yet.', zh: '解密后的文件尚未全部就绪。' },
  points_unacknowledged: {
    en: 'The witness has not acknowledged every point that the policy names.',
    zh: '见证人员尚未确认规则规定的全部见证要点。',
  },
  point_not_due: { en: 'What this point is about has not happened yet.', zh: '该见证要点所涉事项尚未发生。' },
  no_such_point: { en: 'The policy does not name this point.', zh: '开标规则未设此见证要点。' },
  // emergency correction
  nothing_to_correct: { en: 'There is nothing of this kind to put right.', zh: '没有可作此类纠错的事项。' },
  no_such_correction: {
    en: 'There is no proposed correction with this number.',
    zh: '没有此编号的待确认纠错。',
  },
  effects_changed: {
    en: 'The correction would no longer do what was shown; propose it anew.',
    zh: '该纠错的影响与提出时所示不同，请重新提出。',
  },
  too_many_corrections: { en: 'Too many corrections in one opening.', zh: '同一场开标提出的纠错过多。' },
  // erasure
  nothing_to_erase: {
    en: 'This entry has no such field that may be erased, or it is erased already.',
    zh: '该条目没有可删除的此字段，或该字段已删除。',
  },
  erasure_proposed_already: {
    en: 'This is proposed for erasure already; the other of the two confirms it.',
    zh: '该内容已提出删除，等待另一方确认。',
  },
  no_such_erasure: { en: 'There is no proposed erasure with this number.', zh: '没有此编号的待确认删除。' },
  retention_not_over: {
    en: 'The law has this kept for fifteen years from the end; on this ground it can be erased only then.',
    zh: '法定保存期限（自终结起十五年）未届满，不能以此理由删除。',
  },
  too_many_erasures: { en: 'Too many erasures in one opening.', zh: '同一场开标提出的删除过多。' },
  // chat and notices
  you_are_muted: { en: 'The host has muted you in the public chat.', zh: '主持人已将您在公开聊天中禁言。' },
  no_such_thread: {
    en: 'Only a bidder has a thread with the host; the host answers in the thread of a bidder.',
    zh: '仅投标人可与主持人私聊，主持人只能在该投标人的私聊中回复。',
  },
  too_many_messages: { en: 'Too many messages by one bidder.', zh: '同一投标人发送的消息过多。' },
  already_muted: { en: 'This bidder is muted already.', zh: '该投标人已被禁言。' },
  not_muted: { en: 'This bidder is not muted.', zh: '该投标人未被禁言。' },
  no_such_notice: { en: 'There is no notice with this number.', zh: '没有此编号的通知。' },
  already_acknowledged: { en: 'You have acknowledged this already.', zh: '您已确认过。' },
  // suspension and termination
  suspension_exceeds_policy: {
    en: 'The suspensions by the host together exceed what the policy allows.',
    zh: '主持人暂停时间合计超过规则允许的上限。',
  },
  no_resume_proposed: { en: 'The host has not proposed to resume.', zh: '主持人尚未提出恢复。' },
  no_abort_proposed: { en: 'Nobody has proposed to terminate.', zh: '尚无人提出终止。' },
  second_person_needed: {
    en: 'A second person, of the other role, must confirm this.',
    zh: '须由另一角色的第二人确认。',
  },
} as const;

export type RefusalCode = keyof typeof REFUSALS;
export const REFUSAL_CODES = Object.keys(REFUSALS) as readonly RefusalCode[];

/** A "no" as a value. */
export type Refusal = { readonly refused: RefusalCode };
export function refuse(code: RefusalCode): Refusal {
  return { refused: code };
}
