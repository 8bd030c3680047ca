/** What tests of the log need from outside the core: hashing, Ed25519, JWS keys and ready-made little logs. */
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
  verify,
  X509Certificate,
} from 'node:crypto';
import type { SessionJwk, VerifyJwsSignature } from '../../server/core/log/act.ts';
import { toBase64Url } from '../../server/core/log/base64.ts';
import type { Json, JsonObject } from '../../server/core/log/canonical.ts';
import { formatCheckpoint } from '../../server/core/log/checkpoint.ts';
import { makeDisclosure } from '../../server/core/log/disclosure.ts';
import { type Entry, encodeEntry } from '../../server/core/log/entry.ts';
import type { Sha256 } from '../../server/core/log/hash.ts';
import { formatInstant } from '../../server/core/log/instant.ts';
import { leafHash, rootOf } from '../../server/core/log/merkle.ts';
import {
  formatNote,
  formatVkey,
  KEY_TYPES,
  type VerifierKey,
  type VerifyEd25519,
  verifierKey,
} from '../../server/core/log/note.ts';
import { utf8 } from '../../server/core/log/utf8.ts';

/** SHA-256 of the running Node.js. */
export const sha256: Sha256 = (data) => new Uint8Array(createHash('sha256').update(data).digest());

/** Raw Ed25519 public keys behind this DER header are SubjectPublicKeyInfo; seeds behind the other are PKCS#8. */
const SPKI = Buffer.from('302a300506032b6570032100', 'hex');
const PKCS8 = Buffer.from('302e020100300506032b657004220420', 'hex');

/** Ed25519 of the running Node.js. */
export const verifyEd25519: VerifyEd25519 = (publicKey, message, signature) => {
  const key = createPublicKey({ key: Buffer.concat([SPKI, publicKey]), format: 'der', type: 'spki' });
  return verify(null, message, key, signature);
};

/** A signing key of a log made from a seed byte: the same byte gives the same key everywhere. */
export function logKey(name: string, seedByte: number, type: number = KEY_TYPES.ed25519) {
  const seed = Buffer.alloc(32, seedByte);
  const privateKey = createPrivateKey({ key: Buffer.concat([PKCS8, seed]), format: 'der', type: 'pkcs8' });
  const spki = createPublicKey(privateKey).export({ format: 'der', type: 'spki' });
  const key: VerifierKey = verifierKey(sha256, name, type, new Uint8Array(spki.subarray(-32)));
  const signBytes = (message: Uint8Array): Uint8Array => new Uint8Array(sign(null, message, privateKey));
  return { ...key, key, vkey: formatVkey(key), sign: signBytes };
}

export type LogKey = ReturnType<typeof logKey>;

/** The signed checkpoint over leaf hashes. */
export function checkpointNote(signer: LogKey, leaves: readonly Uint8Array[], origin: string = signer.name): string {
  const text = formatCheckpoint({ origin, size: leaves.length, root: rootOf(sha256, leaves) });
  return formatNote(text, [{ name: signer.name, keyId: signer.keyId, signature: signer.sign(utf8(text)) }]);
}

/** One step of a little log: what differs from entry to entry. */
export type Step = {
  type?: string;
  body?: JsonObject;
  withheld?: Record<string, Json>;
  atMs?: number;
  receivedAtMs?: number;
};

export type LittleLog = {
  signer: LogKey;
  entries: Uint8Array[];
  parsed: Entry[];
  disclosures: string[][];
  note: string;
};

/** Salt number n of a fixture: 32 times the same byte, so that a test can be read. */
export const saltOf = (n: number): Uint8Array => new Uint8Array(32).fill(n % 256);

/** A log of the given steps, one second apart, with its disclosures and signed checkpoint. */
export function littleLog(steps: readonly Step[], options: { origin?: string; seedByte?: number } = {}): LittleLog {
  const origin = options.origin ?? 'kaibiao.example/opening/op-1';
  const signer = logKey(origin, options.seedByte ?? 7);
  const startMs = Date.UTC(2026, 2, 5, 1, 0, 0);
  const disclosures: string[][] = [];
  let salts = 0;
  const parsed = steps.map((step, seq): Entry => {
    const made = Object.entries(step.withheld ?? {}).map(([field, value]) => {
      salts += 1;
      return { field, ...makeDisclosure(sha256, saltOf(salts), field, value) };
    });
    disclosures.push(made.map(({ disclosure }) => disclosure));
    return {
      v: 1,
      log: origin,
      seq,
      at: formatInstant(step.atMs ?? startMs + seq * 1000),
      ...(step.receivedAtMs === undefined ? {} : { receivedAt: formatInstant(step.receivedAtMs) }),
      type: step.type ?? 'NoticePosted',
      actor: { role: 'host' },
      command: `c-${seq}`,
      body: step.body ?? { text: `第 ${seq} 号` },
      commit: Object.fromEntries(made.map(({ field, digest }) => [field, digest])),
    };
  });
  const entries = parsed.map(encodeEntry);
  const leaves = entries.map((bytes) => leafHash(sha256, bytes));
  return { signer, entries, parsed, disclosures, note: checkpointNote(signer, leaves) };
}

/** A compact JWS over header and payload, written as JSON.stringify writes them, signed by what is given. */
export function compactJws(header: Json, payload: Json, signPart: (data: Uint8Array) => Uint8Array): string {
  const part = (value: Json): string => toBase64Url(utf8(JSON.stringify(value)));
  const signed = `${part(header)}.${part(payload)}`;
  return `${signed}.${toBase64Url(signPart(utf8(signed)))}`;
}

const P1363 = 'ieee-p1363' as const;

/** A fresh P-256 session key. */
export function sessionKey(): { jwk: SessionJwk; sign: (data: Uint8Array) => Uint8Array } {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { x, y } = publicKey.export({ format: 'jwk' }) as { x: string; y: string };
  return {
    jwk: { kty: 'EC', crv: 'P-256', x, y },
    sign: (data) => new Uint8Array(sign('sha256', data, { key: privateKey, dsaEncoding: P1363 })),
  };
}

/** JWS verification by the running Node.js; what is no certificate or does not fit the algorithm is false. */
export const verifyJws: VerifyJwsSignature = ({ alg, key, data, signature }) => {
  let publicKey: KeyObject;
  try {
    publicKey =
      'jwk' in key
        ? createPublicKey({ key: { ...key.jwk }, format: 'jwk' })
        : new X509Certificate(key.certificate).publicKey;
  } catch (fault) {
    if (fault instanceof Error) return false;
    throw fault;
  }
  if (alg === 'ES256') {
    if (publicKey.asymmetricKeyType !== 'ec') return false;
    return verify('sha256', data, { key: publicKey, dsaEncoding: P1363 }, signature);
  }
  if (publicKey.asymmetricKeyType !== 'rsa') return false;
  // 6 = RSA_PKCS1_PSS_PADDING, 1 = RSA_PKCS1_PADDING
  return alg === 'PS256'
    ? verify('sha256', data, { key: publicKey, padding: 6, saltLength: 32 }, signature)
    : verify('sha256', data, { key: publicKey, padding: 1 }, signature);
};
