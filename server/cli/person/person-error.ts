/** Why a person's own program stops by itself: one error class with stable codes; nothing of a bid and no key stands in a message. */
import type { Words } from '../../core/log/words.ts';

export const PERSON_ERRORS = {
  log_key_changed: {
    en: 'The log names another key than the one seen first; keep both, they are evidence.',
    zh: '日志公布的密钥与首次所见不同；请保留两者作为证据。',
  },
  log_of_another_platform: {
    en: 'The log belongs to another platform than the one logged in to.',
    zh: '该日志所属平台与登录的平台不一致。',
  },
  log_not_genuine: {
    en: 'What the server showed is not the log that its key signed.',
    zh: '服务器展示的内容与日志密钥所签名的不一致。',
  },
  log_is_behind: {
    en: 'The server shows a shorter log than it has shown before.',
    zh: '服务器展示的日志比此前展示的更短。',
  },
  proof_does_not_hold: {
    en: 'The answer’s proof does not show that the act stands on the log.',
    zh: '答复所附证明不能证明该操作已记入日志。',
  },
  answer_not_as_asked: {
    en: 'The answer is about something else than what was sent.',
    zh: '答复内容与所提交的不一致。',
  },
  receipt_missing: { en: 'The act was answered without a receipt.', zh: '操作已答复，但没有回执。' },
  receipt_key_changed: {
    en: 'The platform’s receipt key is not the one seen first; keep both, they are evidence.',
    zh: '平台回执密钥与首次所见不同；请保留两者作为证据。',
  },
  receipt_not_genuine: { en: 'The receipt was not signed by the platform’s key.', zh: '回执不是由平台密钥签名的。' },
  receipt_not_as_lodged: {
    en: 'The receipt says something else than what was sent; it is kept as evidence.',
    zh: '回执内容与所提交的不一致；已留存作为证据。',
  },
  act_not_in_ledger: {
    en: 'The proof does not show that the act stands in the ledger.',
    zh: '所附证明不能证明该操作已写入总账。',
  },
  no_kept_bid: {
    en: 'No lodged bid of this opening is kept in this folder.',
    zh: '此文件夹中没有本次开标已递交投标的记录。',
  },
  bid_already_lodged: {
    en: 'A bid stands already; say that the new one replaces it.',
    zh: '已有有效投标；如需替换，请明确指明。',
  },
  lodgement_unsettled: {
    en: 'An earlier lodgement got no answer and its envelope is gone; its outcome is unknown.',
    zh: '此前一次递交未获答复，且其信封文件已不在；结果不明。',
  },
  list_of_another_bidder: {
    en: 'The opening list in the envelope names another bidder.',
    zh: '信封内开标一览表所载投标人与本人不一致。',
  },
  list_of_another_lot: {
    en: 'The opening list in the envelope is for another lot.',
    zh: '信封内开标一览表所载标段与本次开标不一致。',
  },
  no_drawing: { en: 'No drawing is going on that you take part in.', zh: '当前没有您可参与的抽取。' },
  no_kept_share: {
    en: 'No share of this round is kept in this folder; what was sealed will be opened without it.',
    zh: '此文件夹中没有本轮份额；已密封的份额仍将由密钥持有方打开。',
  },
  no_layer: { en: 'The policy promises no second layer.', zh: '开标规则未规定招标人解密。' },
  holders_missing: {
    en: 'There are not as many holders’ keys as the policy says; name the holders when there are more.',
    zh: '持有人公钥数量与规则不符；如多于规定，请指明持有人。',
  },
  no_dealt_share: {
    en: 'No share of the opening key was dealt to a key that is kept in this folder.',
    zh: '没有分发给此文件夹所留存私钥的开标密钥份额。',
  },
  share_not_as_dealt: {
    en: 'The share does not open to what is promised of it: do not acknowledge it, have the key dealt anew.',
    zh: '份额与其承诺不符：请勿确认，应重新生成分发开标密钥。',
  },
  no_unsealing: { en: 'No shares of the opening key are asked for now.', zh: '当前无需提交开标密钥份额。' },
  backup_not_in_form: {
    en: 'The file is no backup of the bid that stands.',
    zh: '该文件不是当前有效投标的密钥备份。',
  },
  no_quote_round: { en: 'No round takes quotes now.', zh: '当前没有接收报价的轮次。' },
  no_record_shown: { en: 'There is no record to answer yet.', zh: '尚无可确认的开标记录。' },
  wait_ended: { en: 'The wait was ended before it came to be.', zh: '等待已结束，所等事项尚未发生。' },
} as const satisfies Record<string, Words>;

export type PersonErrorCode = keyof typeof PERSON_ERRORS;

/** `detail` is a code of the layer below or a file's name, never content. */
export class PersonError extends Error {
  override readonly name = 'PersonError';
  readonly code: PersonErrorCode;
  readonly detail: string | undefined;

  constructor(code: PersonErrorCode, detail?: string) {
    super(detail === undefined ? PERSON_ERRORS[code].en : `${PERSON_ERRORS[code].en} (${detail})`);
    this.code = code;
    this.detail = detail;
  }
}
