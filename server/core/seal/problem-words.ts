/** What is wrong with an envelope, an archive or an opening list, said to people in both languages; a code that has no words does not compile. */
import type { Words } from '../log/words.ts';
import type { ArchiveCode } from './archive-error.ts';
import type { EnvelopeCode } from './envelope-error.ts';
import type { OpeningListProblem } from './opening-list.ts';

export const ENVELOPE_WORDS = {
  not_auth_enveloped: {
    en: 'It is no CMS AuthEnvelopedData; AES-CBC (EnvelopedData) and files that are not encrypted are refused.',
    zh: '不是 CMS AuthEnvelopedData 格式；不接受 AES-CBC（EnvelopedData）或未加密的文件。',
  },
  bad_tag: { en: 'An element stands where another one belongs.', zh: '某处的 ASN.1 元素类型不正确。' },
  bad_length: { en: 'A length is wrong or not in its shortest form.', zh: '某处长度有误或未采用最短编码。' },
  bad_der: { en: 'A part that must be DER is not.', zh: '须为 DER 编码的部分编码不正确。' },
  bad_version: { en: 'The version is another than this format has.', zh: '结构版本号不符。' },
  originator_info: { en: 'It carries originatorInfo.', zh: '信封带有 originatorInfo。' },
  no_recipient: { en: 'It has no recipient.', zh: '信封没有接收者。' },
  two_recipients: {
    en: 'It has more than one recipient; it must be sealed to one certificate only.',
    zh: '信封有多个接收者；只能为一张证书加密。',
  },
  unsupported_recipient: {
    en: 'Its key travels in a way that is not taken (RSA-OAEP with SHA-256 or SHA-1, PKCS#1 v1.5, ECDH on P-256 with SHA-256 and aes256-wrap, SM2).',
    zh: '内容密钥的加密方式不受支持（支持 RSA-OAEP SHA-256/SHA-1、PKCS#1 v1.5、P-256 ECDH SHA-256 aes256-wrap、SM2）。',
  },
  wrong_content_type: { en: 'Its content is not plain data.', zh: '内容类型不是 data。' },
  wrong_cipher: { en: 'Its cipher is another than AES-256-GCM.', zh: '加密算法不是 AES-256-GCM。' },
  bad_nonce: { en: 'Its nonce has not 12 bytes.', zh: '随机数（nonce）不是 12 字节。' },
  short_tag: { en: 'Its authentication tag has not 16 bytes.', zh: '认证标签不是 16 字节。' },
  no_content: { en: 'The content is not in it.', zh: '信封内没有内容。' },
  tiny_segments: { en: 'Its content is cut into pieces that are too small.', zh: '内容分段过小。' },
  nested_too_deep: { en: 'Its content is nested too deep.', zh: '内容嵌套过深。' },
  auth_attrs: { en: 'It carries authenticated attributes.', zh: '信封带有认证属性（authAttrs）。' },
  unauth_attrs: { en: 'It carries unauthenticated attributes.', zh: '信封带有非认证属性（unauthAttrs）。' },
  header_too_long: { en: 'A part of its header is too long.', zh: '信封头过长。' },
  trailing_bytes: { en: 'Bytes follow behind its end.', zh: '信封末尾之后还有多余字节。' },
  truncated: { en: 'It ends too early.', zh: '信封不完整，提前结束。' },
} as const satisfies Record<EnvelopeCode, Words>;

export const ARCHIVE_WORDS = {
  prefix_bytes: { en: 'Bytes stand before the archive.', zh: '文件包之前有多余字节。' },
  first_not_opening_list: {
    en: 'The first file is not opening-list.json.',
    zh: '第一个文件不是 opening-list.json（开标一览表）。',
  },
  opening_list_too_long: { en: 'The opening list is too long.', zh: '开标一览表过长。' },
  opening_list_damaged: { en: 'The opening list is damaged.', zh: '开标一览表已损坏。' },
  encrypted_entry: { en: 'A file is encrypted in the archive.', zh: '文件包内有加密条目。' },
  data_descriptor: {
    en: 'A file’s size stands behind its bytes; the sizes must stand in front.',
    zh: '条目大小写在数据之后；大小须写在前面。',
  },
  unsupported_flags: { en: 'A file has flags that are not taken.', zh: '条目带有不支持的标志位。' },
  unsupported_method: { en: 'A file is neither stored nor deflated.', zh: '条目压缩方式既非存储也非 deflate。' },
  stored_size_differs: { en: 'A stored file has two sizes.', zh: '存储方式的条目有两个不同的大小。' },
  bad_name: { en: 'A file’s name is not taken.', zh: '条目名称不合规。' },
  duplicate_name: { en: 'Two files have the same name.', zh: '两个条目名称相同。' },
  extra_field: { en: 'A file has an extra field that is not taken.', zh: '条目带有不支持的扩展字段。' },
  zip64_mismatch: { en: 'The ZIP64 sizes contradict the others.', zh: 'ZIP64 大小与其他记录矛盾。' },
  too_many_entries: { en: 'There are too many files.', zh: '条目过多。' },
  gap: { en: 'Bytes stand between the files.', zh: '条目之间有多余字节。' },
  central_mismatch: {
    en: 'The directory says something else than the files’ own headers.',
    zh: '中央目录与条目头不一致。',
  },
  not_a_file: { en: 'An entry is neither file nor folder.', zh: '条目既非文件也非文件夹。' },
  comment: { en: 'The archive carries a comment.', zh: '文件包带有注释。' },
  end_mismatch: { en: 'The end record contradicts the archive.', zh: '结尾记录与文件包不一致。' },
  trailing_bytes: { en: 'Bytes follow behind the archive.', zh: '文件包末尾之后还有多余字节。' },
  truncated: { en: 'The archive ends too early.', zh: '文件包不完整，提前结束。' },
} as const satisfies Record<ArchiveCode, Words>;

export const OPENING_LIST_WORDS = {
  too_long: { en: 'The opening list is too long.', zh: '开标一览表过长。' },
  not_canonical: {
    en: 'The opening list is not in its one spelling (RFC 8785).',
    zh: '开标一览表未采用规范写法（RFC 8785）。',
  },
  not_in_form: {
    en: 'The opening list lacks something or has what it may not have.',
    zh: '开标一览表缺项或含有不允许的内容。',
  },
} as const satisfies Record<OpeningListProblem, Words>;

/** A code of an envelope with its sentences, for one line; undefined for another code. */
export function sayEnvelopeProblem(code: string): string | undefined {
  return said(ENVELOPE_WORDS, code);
}

/** A code of an archive or an opening list with its sentences, for one line; undefined for another code. */
export function sayContentProblem(code: string): string | undefined {
  return said(ARCHIVE_WORDS, code) ?? said(OPENING_LIST_WORDS, code);
}

function said(table: Readonly<Record<string, Words>>, code: string): string | undefined {
  const words = Object.hasOwn(table, code) ? table[code] : undefined;
  return words && `${code}: ${words.en} · ${words.zh}`;
}
