/** Tries one's own key on a number that this page has made and wrapped itself: nothing of the platform's is ever unwrapped, so it can be no oracle. */
import type { AgentCertificate, Unwrap } from '../../server/client/key-agent.ts';
import { chooseKeyTransport } from '../../server/client/key-transport.ts';
import { SealError } from '../../server/client/seal-error.ts';
import { sameBytes } from '../../server/core/log/bytes.ts';
import { CEK_BYTES } from '../../server/core/seal/commitments.ts';
import { KeyFileError } from '../keys/key-file-error.ts';
import { wrapInBrowser } from './wrap.ts';

/** Whether the key gives back what was wrapped to its certificate, in the way in which a bid would be sealed. */
export async function tryKeyHere(
  subtle: SubtleCrypto,
  { certificate }: Pick<AgentCertificate, 'certificate'>,
  unwrap: Unwrap,
): Promise<boolean> {
  const nonce = crypto.getRandomValues(new Uint8Array(CEK_BYTES));
  try {
    const recipient = await wrapInBrowser(subtle, certificate.der, chooseKeyTransport(certificate), nonce);
    return sameBytes(await unwrap(recipient), nonce);
  } catch (fault) {
    // a key that cannot is what is looked for
    if (fault instanceof SealError || fault instanceof KeyFileError) return false;
    throw fault;
  }
}
