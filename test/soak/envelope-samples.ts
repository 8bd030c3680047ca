/** What the envelope soak mutates: every kind of recipient in every form the reader takes, and archives of several tools; the same bytes in every run. */
import type { HeldKey } from '../../server/cli/seal/held-key.ts';
import { unwrapKey } from '../../server/cli/seal/wrap.ts';
import { toBase64Url } from '../../server/core/log/base64.ts';
import { startArchive } from '../../server/core/seal/archive.ts';
import { cekCommit, openingListDisclosure, startContentCommit } from '../../server/core/seal/commitments.ts';
import {
  type ContentAlgorithm,
  PROFILE_CIPHERS,
  profileOf,
  writeContentAlgorithm,
} from '../../server/core/seal/content-cipher.ts';
import { TAG } from '../../server/core/seal/der.ts';
import { startEnvelope } from '../../server/core/seal/envelope.ts';
import { readOpeningList } from '../../server/core/seal/opening-list.ts';
import { sha256 } from '../../server/hash.ts';
import { startHmac } from '../../server/vault/content.ts';
import { startEncryption } from '../../server/vault/content-cipher.ts';
import { inflate } from '../../server/vault/inflate.ts';
import type { Promised } from '../../server/vault/judgement.ts';
import { definite, envelopeOf, indefinite, NONCE, segments } from '../core/seal/envelope-parts.ts';
import { golden } from '../core/seal/golden.ts';
import { archiveOf, BIDDER, CURVE, SM2 } from '../vault/bids.ts';

/** One kind of recipient each, and whose key opens it. */
const KINDS: Readonly<Record<string, HeldKey>> = {
  'valid/der-oaep-sha256.cms': BIDDER,
  'valid/der-oaep-sha1.cms': BIDDER,
  'valid/der-pkcs1-v15.cms': BIDDER,
  'valid/der-key-identifier.cms': BIDDER,
  'valid/der-ecdh-p256.cms': CURVE,
  'valid/der-ecdh-p256.key-identifier.cms': CURVE,
  'sm2.cms': SM2,
};

const { constructedContext0, constructedOctetString, context0 } = TAG;
/** The content in each form: DER, OpenSSL's -stream, BouncyCastle's strings in strings, and those with lengths. */
const FORMS: Readonly<Record<string, (ciphertext: Uint8Array) => Parameters<typeof envelopeOf>[0]>> = {
  der: (ciphertext) => ({ content: definite(context0, ciphertext) }),
  stream: (ciphertext) => ({
    wrap: indefinite,
    content: indefinite(constructedContext0, segments(ciphertext, 4096)),
  }),
  nested: (ciphertext) => ({
    wrap: indefinite,
    content: indefinite(constructedContext0, indefinite(constructedOctetString, segments(ciphertext, 1000))),
  }),
  'nested-definite': (ciphertext) => ({
    content: definite(constructedContext0, definite(constructedOctetString, segments(ciphertext, 1000))),
  }),
};

/** The same forms in the profile of SM4 and SM3. */
const SM = 'sm-';
const GCM_ALGORITHM: ContentAlgorithm = { cipher: PROFILE_CIPHERS['kaibiao-seal-1'], nonce: NONCE };
const SM_ALGORITHM: ContentAlgorithm = {
  cipher: PROFILE_CIPHERS['kaibiao-seal-sm-1'],
  nonce: Uint8Array.from({ length: 16 }, (_, index) => index + 1),
};

export type Sample = {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly holder: HeldKey;
  readonly cek: Uint8Array;
  readonly promised: Promised;
};

/** The archives, by tool. */
export const ARCHIVES: Readonly<Record<string, Uint8Array>> = {
  ours: archiveOf(),
  'ours-deflated': golden('bid.zip'),
  infozip: golden('foreign-infozip.zip'),
  python: golden('foreign-python.zip'),
};

/** The bytes of an archive's opening list. */
export function listOf(archive: Uint8Array): Uint8Array {
  const reader = startArchive(inflate);
  reader.push(archive);
  return Uint8Array.from(reader.end().openingList);
}

/** An envelope of this kind and form around `plaintext`, and what its honest bidder promises. */
export function sampleOf(kind: string, form: string, plaintext: Uint8Array, listBytes = listOf(plaintext)): Sample {
  const holder = KINDS[kind];
  const shape = FORMS[form.replace(SM, '')];
  const algorithm = form.startsWith(SM) ? SM_ALGORITHM : GCM_ALGORITHM;
  if (holder === undefined || shape === undefined) throw new Error(`no sample ${kind} ${form}`);
  const reader = startEnvelope();
  reader.push(golden(kind));
  const header = reader.header();
  if (header === undefined) throw new Error(`${kind} has no header`);
  const { recipient, recipientInfos } = header;
  const cek = Uint8Array.from(unwrapped(kind, () => unwrapKey(recipient, holder.privateKey)));
  const encryption = startEncryption(algorithm, cek);
  const ciphertext = encryption.update(plaintext);
  const mac = definite(TAG.octetString, encryption.finish());
  const cipher = writeContentAlgorithm(algorithm);
  const bytes = envelopeOf({ recipientInfos, mac, cipher, ...shape(ciphertext) });

  const read = readOpeningList(listBytes);
  if ('problem' in read) throw new Error(read.problem);
  const commit = startContentCommit(sha256, startHmac, cek);
  commit.update(plaintext);
  const promised = {
    iss: read.list.creditCode,
    lotId: read.list.lotId,
    envelopeSha256: toBase64Url(sha256(bytes)),
    envelopeBytes: bytes.length,
    recipientInfosSha256: toBase64Url(sha256(recipientInfos)),
    cekCommit: cekCommit(sha256, cek),
    contentCommit: commit.digest(),
    openingListCommit: openingListDisclosure(sha256, cek, read.list).digest,
    profile: profileOf(algorithm.cipher),
  };
  return { name: `${kind} ${form}`, bytes, holder, cek, promised };
}

const keys = new Map<string, Uint8Array>();
/** The content key of each kind is unwrapped once. */
function unwrapped(kind: string, unwrap: () => Uint8Array): Uint8Array {
  const known = keys.get(kind) ?? unwrap();
  keys.set(kind, known);
  return known;
}

/** Every kind in every form. */
export function allSamples(): Sample[] {
  return KIND_NAMES.flatMap((kind) => FORM_NAMES.map((form) => sampleOf(kind, form, archiveOf())));
}

/** Kinds and forms by name, for samples around another plaintext. */
export const KIND_NAMES = Object.keys(KINDS);
export const FORM_NAMES = [...Object.keys(FORMS), ...Object.keys(FORMS).map((form) => SM + form)];
