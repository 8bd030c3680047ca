/** Why something did not work, for the person at the terminal: the code, then the sentence in both languages; never a secret. */

import { KeyAgentError } from '../client/key-agent.ts';
import { SEAL_ERRORS, SealError } from '../client/seal-error.ts';
import { ApiError } from '../client/transport.ts';
import { ConfigError } from '../config.ts';
import { LogFormatError } from '../core/log/error.ts';
import { REPLICA_REASONS } from '../core/log/replica.ts';
import type { Words } from '../core/log/words.ts';
import { CorruptLogError } from '../core/opening/corrupt-log.ts';
import { sayContentProblem, sayEnvelopeProblem } from '../core/seal/problem-words.ts';
import { PROBLEMS, type ProblemCode } from '../http/errors.ts';
import { TOKEN_FAULTS, TokenError } from './agent/token-error.ts';
import { BACKUP_ERRORS, BackupError } from './backup/backup-form.ts';
import { EXPORT_ERRORS, ExportError } from './export-log.ts';
import { HeadError } from './person/head.ts';
import { PERSON_ERRORS, PersonError } from './person/person-error.ts';

/** Codes of the client that have no table of their own. */
const CLIENT_ERRORS = {
  unreachable: { en: 'The platform cannot be reached.', zh: '无法连接到平台。' },
  unreadable: { en: 'The platform gave an answer that cannot be read.', zh: '平台的答复无法识别。' },
  challenge_not_ours: {
    en: 'The login challenge is for another address than the one asked; use the platform’s public address.',
    zh: '登录质询对应的地址与所访问的不一致；请使用平台的公开地址。',
  },
  account_unclear: { en: 'The certificate does not say whose it is.', zh: '证书未能表明其持有人。' },
  key_not_held: { en: 'None of these keys belongs to that certificate.', zh: '所给密钥均不对应该证书。' },
  key_not_for_this: { en: 'The certificate is for another use.', zh: '该证书不能用于此用途。' },
  no_such_key: {
    en: 'There is no valid certificate for this use among the keys.',
    zh: '密钥中没有可用于此用途的有效证书。',
  },
  several_keys: {
    en: 'Several certificates serve this use: give the keys of only one.',
    zh: '有多张证书可用于此用途，请只提供其中一张的密钥。',
  },
} as const satisfies Record<string, Words>;

/** The lines for an error. */
export async function describe(error: unknown): Promise<string[]> {
  if (error instanceof ConfigError) return [`${error.code}: ${error.message}`];
  if (error instanceof SealError) return lines(error.code, SEAL_ERRORS[error.code], detailOf(error));
  if (error instanceof TokenError) return lines(error.code, TOKEN_FAULTS[error.code], error.detail || undefined);
  if (error instanceof ExportError) return lines(error.code, EXPORT_ERRORS[error.code], error.message);
  if (error instanceof BackupError) return lines(error.code, BACKUP_ERRORS[error.code], error.message);
  if (error instanceof PersonError) return lines(error.code, PERSON_ERRORS[error.code], error.detail);
  if (error instanceof KeyAgentError) return lines(error.code, CLIENT_ERRORS[error.code]);
  if (error instanceof HeadError) return lines(error.code, REPLICA_REASONS[error.code], error.message);
  if (error instanceof ApiError) return lines(error.code, wordsOf(error.code), error.message);
  if (error instanceof LogFormatError || error instanceof CorruptLogError) return [`${error.code}: ${error.message}`];
  if (error instanceof Error) return [`${codeOf(error)}: ${error.message}`];
  return ['a fault without a name'];
}

/** The code of the layer below with its own sentences, where it has some. */
function detailOf({ code, detail }: SealError): string | undefined {
  if (detail === undefined) return undefined;
  if (code === 'archive_refused') return sayContentProblem(detail) ?? detail;
  return sayEnvelopeProblem(detail) ?? detail;
}

function wordsOf(code: string): Words | undefined {
  if (Object.hasOwn(PROBLEMS, code)) return PROBLEMS[code as ProblemCode];
  return Object.hasOwn(CLIENT_ERRORS, code) ? CLIENT_ERRORS[code as keyof typeof CLIENT_ERRORS] : undefined;
}

function lines(code: string, words: Words | undefined, detail?: string): string[] {
  const said = words === undefined ? [] : [`  ${words.en}`, `  ${words.zh}`];
  const more = detail === undefined || detail === '' || detail === words?.en ? [] : [`  ${detail}`];
  return [code, ...said, ...more];
}

function codeOf(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name;
}
