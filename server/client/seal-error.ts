/** Why the bidder's own tool stops: one error class with stable codes; its messages hold no key and nothing of the bid. */

export const SEAL_ERRORS = {
  key_unreadable: {
    en: 'The key file cannot be read, or the password is wrong.',
    zh: '无法读取密钥文件，或密码不正确。',
  },
  key_of_another_certificate: { en: 'The key does not belong to the certificate.', zh: '私钥与证书不匹配。' },
  unwrap_failed: { en: 'This key does not open the envelope’s content key.', zh: '该私钥无法解开信封的内容密钥。' },
  transport_not_for_key: {
    en: 'The certificate’s key cannot be sealed to in this way.',
    zh: '证书的密钥类型不支持该加密方式。',
  },
  list_not_in_form: { en: 'The opening list is not in form.', zh: '开标一览表格式不正确。' },
  name_not_allowed: { en: 'A document’s name cannot stand in the archive.', zh: '文件名不能用于投标文件包。' },
  names_alike: {
    en: 'Two documents have the same name, or one has the name of the opening list or of the tool’s facts. Rename one and seal again.',
    zh: '有两个文件同名，或与开标一览表、工具信息文件同名。请改名后重新加密。',
  },
  too_many_documents: { en: 'There are more documents than an archive may hold.', zh: '文件数量超过上限。' },
  too_large_to_lodge: {
    en: 'Sealed, the documents would be larger than this platform takes.',
    zh: '加密后的文件将超过平台允许的大小。',
  },
  document_changed: { en: 'A document changed while it was being sealed.', zh: '文件在加密过程中发生了变化。' },
  self_test_failed: {
    en: 'What was written does not open again; nothing was kept.',
    zh: '写出的文件无法重新打开，未予保留。',
  },
  envelope_malformed: { en: 'The file is not an envelope the platform accepts.', zh: '该文件不是平台接受的加密信封。' },
  envelope_for_another_certificate: {
    en: 'The envelope is addressed to another certificate; a renewed token is the usual reason.',
    zh: '信封是为另一张证书加密的；常见原因是更换过密钥介质。',
  },
  content_not_genuine: { en: 'The envelope is damaged: its tag does not fit.', zh: '信封已损坏：校验标签不符。' },
  archive_refused: {
    en: 'The archive in the envelope is not one the platform accepts.',
    zh: '信封内的文件包不被平台接受。',
  },
  inner_key_missing: {
    en: 'The key of the second layer is not beside the envelope, or not in form; seal the bid again.',
    zh: '信封旁没有第二层密钥文件，或文件格式不正确；请重新加密投标文件。',
  },
  layer_malformed: {
    en: 'Under one’s own layer there is no second one that the platform accepts.',
    zh: '本人密钥层之内没有平台接受的第二层信封。',
  },
  layer_for_another_key: {
    en: 'The second layer is sealed to another key than the opening’s.',
    zh: '第二层并非以本次开标的开标密钥加密。',
  },
  not_our_lodgement: { en: 'This is not a lodgement this bidder signed.', zh: '这不是本投标人签署的递交声明。' },
  receipt_not_for_this_bid: { en: 'The receipt is not for this bid.', zh: '回执与本投标不符。' },
  window_not_proven: {
    en: 'It is not proven that the decryption window was opened.',
    zh: '未能证明解密时限已经开启。',
  },
  before_deadline: {
    en: 'The bid deadline has not passed by this computer’s clock. Where that clock is wrong, set it right and try again.',
    zh: '按本机时钟，投标截止时间尚未到。如本机时钟有误，请校准后重试。',
  },
  header_differs: { en: 'The platform sent another envelope’s header.', zh: '平台发来的信封头与所递交的不符。' },
  key_not_as_named: { en: 'The log names a key by another’s name.', zh: '日志所载公钥与其标识不符。' },
  no_opening_key: { en: 'No opening key has been dealt.', zh: '开标密钥尚未生成分发。' },
  opening_key_not_genuine: {
    en: 'The opening key’s certificate is not the one its digest names.',
    zh: '开标密钥证书与其摘要不符。',
  },
  envelope_missing: {
    en: 'The sealed envelope no longer lies in this browser; seal the bid again.',
    zh: '本浏览器中已没有加密信封，请重新加密。',
  },
  receipt_not_genuine: {
    en: 'The receipt is not signed by the platform’s key for receipts.',
    zh: '回执不是由平台的回执密钥签名的。',
  },
  receipt_not_as_lodged: {
    en: 'The receipt says something else than what was sent.',
    zh: '回执内容与所发送的不一致。',
  },
  ledger_not_genuine: {
    en: 'The platform’s ledger does not prove the key for receipts.',
    zh: '平台总账未能证明其回执密钥。',
  },
  wrong_key: { en: 'The content key is not the one promised at lodging.', zh: '内容密钥与递交时承诺的不一致。' },
} as const satisfies Record<string, { en: string; zh: string }>;

export type SealErrorCode = keyof typeof SEAL_ERRORS;

/** `detail` is a code of the layer below (an EnvelopeCode, an ArchiveCode …), never content. */
export class SealError extends Error {
  readonly code: SealErrorCode;
  readonly detail: string | undefined;

  constructor(code: SealErrorCode, detail?: string) {
    super(detail === undefined ? SEAL_ERRORS[code].en : `${SEAL_ERRORS[code].en} (${detail})`);
    this.name = 'SealError';
    this.code = code;
    this.detail = detail;
  }
}
