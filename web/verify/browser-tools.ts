/** What the verifier is handed in a browser: @noble's hashes, WebCrypto where the page has it, plain arithmetic where it has not. */
import { ed25519 } from '@noble/curves/ed25519.js';
import { sha1 } from '@noble/hashes/legacy.js';
import { sha256, sha384, sha512 } from '@noble/hashes/sha2.js';
import { Check } from 'typebox/schema';
import { fromBase64Url, toBase64Url } from '../../server/core/log/base64.ts';
import { LogFormatError } from '../../server/core/log/error.ts';
import { fromUtf8, utf8 } from '../../server/core/log/utf8.ts';
import { plainCertificateVerifier, plainJwsVerifier } from '../../server/core/pki/plain-signature.ts';
import type { VerifyTools } from '../../server/verify/tools.ts';
import { rememberingJwsVerifier } from '../keys/verify-jws.ts';
import { browserEd25519 } from '../replica/verify-ed25519.ts';

const HASHES = { sha256, sha384, sha512 };
const BY_OID: Readonly<Record<string, (bytes: Uint8Array) => Uint8Array>> = {
  '1.3.14.3.2.26': sha1,
  '2.16.840.1.101.3.4.2.1': sha256,
  '2.16.840.1.101.3.4.2.2': sha384,
  '2.16.840.1.101.3.4.2.3': sha512,
};

/** For `subtle` null, as on plain http, everything is computed here. Nothing is ever fetched: all of it is loaded with this file. */
export function browserTools(subtle: SubtleCrypto | null): VerifyTools {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  return {
    sha256,
    // RFC 8032 and not ZIP-215: the same verdict as WebCrypto and the server
    verifyEd25519: browserEd25519(subtle, async (publicKey, message, signature) =>
      ed25519.verify(signature, message, publicKey, { zip215: false }),
    ),
    verifyCertificateSignature: plainCertificateVerifier(HASHES),
    createJwsVerifier: (keysKept) =>
      subtle === null ? plainJwsVerifier(HASHES) : rememberingJwsVerifier(subtle, keysKept),
    digestByOid: (oid, bytes) => (Object.hasOwn(BY_OID, oid) ? BY_OID[oid]?.(bytes) : undefined),
    disclosureReader: {
      text: (disclosure) => fromUtf8(fromBase64Url(disclosure)),
      digest: (disclosure) => toBase64Url(sha256(utf8(disclosure))),
    },
    decodeUtf8(bytes) {
      try {
        return decoder.decode(bytes);
      } catch (fault) {
        if (fault instanceof TypeError) throw new LogFormatError('utf8_malformed', 'the bytes are not UTF-8');
        throw fault;
      }
    },
    checkShape: Check,
  };
}
