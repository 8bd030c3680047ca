/** The recipient of an SM2 key: what stands in the envelope, how it is read back, and what is refused before any key is touched. */
import { writeSm2Ciphertext } from '../../../server/core/gm/der.ts';
import { joinBytes } from '../../../server/core/log/bytes.ts';
import { parseCertificate } from '../../../server/core/pki/certificate.ts';
import { TAG, writeElement, writeOid } from '../../../server/core/seal/der.ts';
import { EnvelopeError } from '../../../server/core/seal/envelope-error.ts';
import { isAddressedTo, readRecipientInfos, writeRecipientInfos } from '../../../server/core/seal/recipient-info.ts';
import t from '../../support/tap.ts';
import { BIDDER, CURVE, SM2 } from '../../vault/bids.ts';
import { ENCRYPTED } from '../gm/vectors.ts';

const SM2_ENCRYPTION = writeOid('1.2.156.10197.1.301.3');
const NULL = writeElement(TAG.null);
const key = (length: number): Uint8Array => writeSm2Ciphertext({ ...ENCRYPTED, c2: new Uint8Array(length).fill(1) });
const { issuer, serial, ...certificate } = parseCertificate(SM2.certificate);
const identifier = { issuer: issuer.full, serial: Uint8Array.from(Buffer.from(serial, 'hex')) };
const recipient = { keyTransport: 'sm2' as const, encryptedKey: key(32), identifier };

function setOf(algorithm: Uint8Array, encryptedKey: Uint8Array): Uint8Array {
  const name = writeElement(TAG.sequence, identifier.issuer, writeElement(TAG.integer, identifier.serial));
  const version = writeElement(TAG.integer, Uint8Array.of(0));
  return writeElement(
    TAG.set,
    writeElement(TAG.sequence, version, name, algorithm, writeElement(TAG.octetString, encryptedKey)),
  );
}

function codeOf(set: Uint8Array): string {
  try {
    return readRecipientInfos(set).keyTransport;
  } catch (error) {
    if (error instanceof EnvelopeError) return error.code;
    throw error;
  }
}

t.test('it is read back as it was written, parameters absent or NULL', async (t) => {
  const set = writeRecipientInfos(recipient);
  t.strictSame(set, setOf(writeElement(TAG.sequence, SM2_ENCRYPTION), key(32)));
  t.strictSame(readRecipientInfos(set), recipient);
  t.equal(codeOf(setOf(writeElement(TAG.sequence, SM2_ENCRYPTION, NULL), key(32))), 'sm2');
});

t.test('what can hold no content key is refused where it shows', async (t) => {
  const algorithm = writeElement(TAG.sequence, SM2_ENCRYPTION);
  const c1 = Uint8Array.from(ENCRYPTED.c1);
  c1[64] = 0;
  const refused: [what: string, code: string, set: Uint8Array][] = [
    ['31 bytes', 'bad_der', setOf(algorithm, key(31))],
    ['33 bytes', 'bad_der', setOf(algorithm, key(33))],
    ['bytes behind the ciphertext', 'bad_der', setOf(algorithm, joinBytes(key(32), Uint8Array.of(0)))],
    [
      'a point off the curve',
      'bad_der',
      setOf(algorithm, writeSm2Ciphertext({ ...ENCRYPTED, c1, c2: new Uint8Array(32) })),
    ],
    ['no DER', 'bad_der', setOf(algorithm, new Uint8Array(129))],
    [
      'parameters',
      'unsupported_recipient',
      setOf(writeElement(TAG.sequence, SM2_ENCRYPTION, writeOid('1.2.3')), key(32)),
    ],
    [
      'the OID of SM2 signatures',
      'unsupported_recipient',
      setOf(writeElement(TAG.sequence, writeOid('1.2.156.10197.1.301.1')), key(32)),
    ],
  ];
  for (const [what, code, set] of refused) t.equal(codeOf(set), code, what);
});

t.test('it is addressed to an SM2 certificate only', async (t) => {
  t.ok(isAddressedTo(recipient, { issuer, serial, ...certificate }));
  for (const other of [BIDDER, CURVE]) {
    const { keyAlgorithm } = parseCertificate(other.certificate);
    t.notOk(isAddressedTo(recipient, { issuer, serial, ...certificate, keyAlgorithm }), 'a key of another kind');
  }
  t.notOk(isAddressedTo({ ...recipient, keyTransport: 'rsa_pkcs1_v15' }, { issuer, serial, ...certificate }));
});
