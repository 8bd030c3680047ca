/** Revocation lists of the demo CA, and of tests that make theirs wrong on purpose; read back by core/pki/crl.ts. */
import { utf8 } from '../../core/log/utf8.ts';
import { CRL_EXTENSION, REVOCATION_REASONS, type RevocationReason } from '../../core/pki/crl.ts';
import { TAG } from '../../core/pki/der.ts';
import { EXTENSION } from '../../core/pki/extensions.ts';
import { writeElement, writeOid } from '../../core/seal/der.ts';

export type CrlEntry = {
  /** Hex, as core/pki/certificate.ts reads it. */
  readonly serial: string;
  readonly revokedAt: number;
  readonly reason?: RevocationReason;
  /** DER of the Name of another issuer, in an indirect list; it holds for the entries that follow too. */
  readonly issuer?: Uint8Array;
};

/** DER of the AlgorithmIdentifier, and the signature that goes with it. */
export type CrlSigner = { readonly algorithm: Uint8Array; sign(body: Uint8Array): Uint8Array };

export type CrlRequest = {
  /** DER of the issuer's Name. */
  readonly issuer: Uint8Array;
  readonly signer: CrlSigner;
  readonly thisUpdateAt: number;
  readonly nextUpdateAt?: number;
  readonly entries: readonly CrlEntry[];
  readonly number?: number;
  /** The issuer's key identifier. */
  readonly keyId?: Uint8Array;
  /** DER of further extensions. */
  readonly extensions?: readonly Uint8Array[];
};

/** Makes a version 2 list, signed. Returns: its DER. */
export function makeCrl(request: CrlRequest): Uint8Array {
  const { algorithm, sign } = request.signer;
  const extensions = [
    ...(request.number === undefined ? [] : [writeExtension(CRL_EXTENSION.number, false, integer(request.number))]),
    ...(request.keyId === undefined
      ? []
      : [
          writeExtension(
            EXTENSION.authorityKeyIdentifier,
            false,
            writeElement(TAG.sequence, writeElement(0x80, request.keyId)),
          ),
        ]),
    ...(request.extensions ?? []),
  ];
  const body = writeElement(
    TAG.sequence,
    integer(1),
    algorithm,
    request.issuer,
    writeTime(request.thisUpdateAt),
    ...(request.nextUpdateAt === undefined ? [] : [writeTime(request.nextUpdateAt)]),
    ...(request.entries.length === 0 ? [] : [writeElement(TAG.sequence, ...request.entries.map(writeEntry))]),
    ...(extensions.length === 0 ? [] : [writeElement(0xa0, writeElement(TAG.sequence, ...extensions))]),
  );
  const signature = writeElement(TAG.bitString, Uint8Array.of(0), sign(body));
  return writeElement(TAG.sequence, body, algorithm, signature);
}

function writeEntry({ serial, revokedAt, reason, issuer }: CrlEntry): Uint8Array {
  const number = Number(Object.entries(REVOCATION_REASONS).find(([, name]) => name === reason)?.[0]);
  const extensions = [
    ...(reason === undefined
      ? []
      : [writeExtension(CRL_EXTENSION.reason, false, writeElement(TAG.enumerated, Uint8Array.of(number)))]),
    ...(issuer === undefined
      ? []
      : [
          writeExtension(CRL_EXTENSION.certificateIssuer, true, writeElement(TAG.sequence, writeElement(0xa4, issuer))),
        ]),
  ];
  return writeElement(
    TAG.sequence,
    writeElement(TAG.integer, Uint8Array.from(Buffer.from(serial, 'hex'))),
    writeTime(revokedAt),
    ...(extensions.length === 0 ? [] : [writeElement(TAG.sequence, ...extensions)]),
  );
}

/** An extension around the DER of its value. */
export function writeExtension(oid: string, critical: boolean, value: Uint8Array): Uint8Array {
  return writeElement(
    TAG.sequence,
    writeOid(oid),
    ...(critical ? [writeElement(TAG.boolean, Uint8Array.of(0xff))] : []),
    writeElement(TAG.octetString, value),
  );
}

/** A number that is not negative. */
export function integer(value: number): Uint8Array {
  const hex = value.toString(16);
  const even = hex.length % 2 === 0 ? hex : `0${hex}`;
  return writeElement(TAG.integer, Uint8Array.from(Buffer.from(even >= '80' ? `00${even}` : even, 'hex')));
}

/** UTCTime, as RFC 5280 asks for all instants before 2050. */
export function writeTime(at: number): Uint8Array {
  const digits = new Date(at).toISOString().replace(/[-:T]/g, '').slice(2, 14);
  return writeElement(TAG.utcTime, utf8(`${digits}Z`));
}
