/** What went wrong on the way of a bid, said to its bidder. */
import { SEAL_ERRORS, SealError } from '../../server/client/seal-error.ts';
import { ApiError } from '../../server/client/transport.ts';
import { KeyFileError } from '../keys/key-file-error.ts';
import { language } from '../parts/language.ts';
import { faultWords } from '../person/login-dialog.tsx';
import { SealStopped } from '../seal/seal-fault.ts';
import { say } from './words.ts';

export function bidFaultWords(fault: unknown): string {
  if (fault instanceof SealStopped) return say(fault.code);
  if (fault instanceof SealError) {
    const { zh, en } = SEAL_ERRORS[fault.code];
    return language.value === 'en' ? en : zh;
  }
  if (fault instanceof ApiError || fault instanceof KeyFileError) return faultWords(fault);
  return say('page_fault', { code: fault instanceof Error ? fault.message : String(fault) });
}
