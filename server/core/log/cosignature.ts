/** C2SP cosignature/v1: what a cosigner signs, the bytes of its signature line, and a verifier for its key. */
import { joinBytes, readUint32, uint32Bytes } from './bytes.ts';
import { demand } from './error.ts';
import { KEY_TYPES, type NoteVerifier, type VerifierKey, type VerifyEd25519 } from './note.ts';
import { fromUtf8, utf8 } from './utf8.ts';

const HEADER = 'cosignature/v1\n';
const TIME_BYTES = 8;
const SIGNATURE_BYTES = 64;
const HALF = 2 ** 32;

/** When a cosigner saw the head, in whole seconds since 1970, and its Ed25519 signature. */
export type Cosignature = { readonly timeSeconds: number; readonly signature: Uint8Array };

const isTime = (seconds: number): boolean => Number.isSafeInteger(seconds) && seconds >= 0;

/** The message a cosigner signs over a checkpoint's text. Throws: `cosignature_malformed` on a time that is none. */
export function cosignatureMessage(timeSeconds: number, checkpointText: string): Uint8Array {
  demand(isTime(timeSeconds), 'cosignature_malformed', `${timeSeconds} is no time`);
  return utf8(`${HEADER}time ${timeSeconds}\n${checkpointText}`);
}

/** The 72 bytes behind the key id: time as unsigned 64-bit big-endian, then the signature. Throws: `cosignature_malformed`. */
export function formatCosignature({ timeSeconds, signature }: Cosignature): Uint8Array {
  demand(isTime(timeSeconds), 'cosignature_malformed', `${timeSeconds} is no time`);
  demand(signature.length === SIGNATURE_BYTES, 'cosignature_malformed', 'a signature has 64 bytes');
  return joinBytes(uint32Bytes(Math.floor(timeSeconds / HALF)), uint32Bytes(timeSeconds % HALF), signature);
}

/** Reads the 72 bytes behind the key id. Throws: `cosignature_malformed`, also on a time beyond 2^53 − 1. */
export function parseCosignature(bytes: Uint8Array): Cosignature {
  demand(bytes.length === TIME_BYTES + SIGNATURE_BYTES, 'cosignature_malformed', 'not 72 bytes');
  const timeSeconds = readUint32(bytes, 0) * HALF + readUint32(bytes, 4);
  demand(isTime(timeSeconds), 'cosignature_malformed', 'a time beyond 2^53 − 1');
  return { timeSeconds, signature: bytes.slice(TIME_BYTES) };
}

/** The verifier of a type-0x04 key, to open notes with. Throws: `vkey_malformed` when the key is of another type. */
export function cosignatureVerifier(key: VerifierKey, verifyEd25519: VerifyEd25519): NoteVerifier {
  demand(key.type === KEY_TYPES.cosignature, 'vkey_malformed', 'not a key of type 0x04');
  return {
    name: key.name,
    keyId: key.keyId,
    verify: (text, bytes) => {
      if (bytes.length !== TIME_BYTES + SIGNATURE_BYTES) return false;
      const high = readUint32(bytes, 0);
      // beyond 2^53 − 1 seconds: `parseCosignature` would throw, a verifier says no
      if (high >= 2 ** 21) return false;
      const { timeSeconds, signature } = parseCosignature(bytes);
      return verifyEd25519(key.publicKey, cosignatureMessage(timeSeconds, fromUtf8(text)), signature);
    },
  };
}
