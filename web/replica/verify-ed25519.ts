/** Ed25519 in the browser: WebCrypto where it knows the curve, @noble/curves (loaded only then) where it does not. */
import type { VerifyEd25519 } from '../../server/core/log/note.ts';

/** The part of WebCrypto that is used; null on plain http, where browsers have none. */
export type Subtle = Pick<SubtleCrypto, 'importKey' | 'verify'>;

/* RFC 8032 §7.1, test 2: what a WebCrypto must find good before anything is left to it. */
const KNOWN = {
  publicKey: '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
  message: '72',
  signature:
    '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
};

const fromHex = (hex: string): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(hex.match(/../g) as string[], (pair) => Number.parseInt(pair, 16));
/** WebCrypto wants bytes that are certainly not shared memory. */
const own = (bytes: Uint8Array): Uint8Array<ArrayBuffer> => new Uint8Array(bytes);

async function verifyBySubtle(subtle: Subtle, publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array) {
  const key = await subtle.importKey('raw', own(publicKey), { name: 'Ed25519' }, false, ['verify']);
  return subtle.verify({ name: 'Ed25519' }, key, own(signature), own(message));
}

/** Whether this browser's WebCrypto does Ed25519: a good signature is found good and a spoilt one bad. */
async function isAble(subtle: Subtle): Promise<boolean> {
  try {
    const [key, message, good] = [fromHex(KNOWN.publicKey), fromHex(KNOWN.message), fromHex(KNOWN.signature)];
    const spoilt = good.slice();
    spoilt[0] = (spoilt[0] as number) ^ 1;
    return (await verifyBySubtle(subtle, key, message, good)) && !(await verifyBySubtle(subtle, key, message, spoilt));
  } catch (fault) {
    // an engine without the curve says NotSupportedError, older ones a TypeError or SyntaxError
    if (fault instanceof Error) return false;
    throw fault;
  }
}

type Plain = (publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array) => Promise<boolean>;

async function verifyByNoble(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): Promise<boolean> {
  const { ed25519 } = await import('@noble/curves/ed25519.js');
  // RFC 8032 and not ZIP-215: the same verdict as WebCrypto and the server
  return ed25519.verify(signature, message, publicKey, { zip215: false });
}

/**
 * The verification this browser can do; `verifyPlainly` for a page that has its arithmetic loaded already.
 *
 * Returns: a function that is true or false; a key WebCrypto cannot import is no key, so false.
 */
export function browserEd25519(subtle: Subtle | null, verifyPlainly: Plain = verifyByNoble): VerifyEd25519 {
  let able: Promise<boolean> | undefined;
  return async (publicKey, message, signature) => {
    able ??= subtle === null ? Promise.resolve(false) : isAble(subtle);
    if (subtle === null || !(await able)) return verifyPlainly(publicKey, message, signature);
    try {
      return await verifyBySubtle(subtle, publicKey, message, signature);
    } catch (fault) {
      if (fault instanceof Error && fault.name === 'DataError') return false;
      throw fault;
    }
  };
}
