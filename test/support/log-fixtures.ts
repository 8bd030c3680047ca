/** What tests of the log need from outside the core: hashing, Ed25519, JWS keys and ready-made little logs. */
import { constants, createPrivateKey, createPublicKey, generateKeyPairSync, sign, verify } from 'node:crypto';
import { readSm2PublicKey, writeSm2PublicKey } from '../../server/core/gm/curve.ts';
import type { JwsAlgorithm, SessionJwk, VerifyJwsSignature } from '../../server/core/log/act.ts';
import { toBase64Url } from '../../server/core/log/base64.ts';
import type { Json, JsonObject } from '../../server/core/log/canonical.ts';
import { formatCheckpoint } from '../../server/core/log/checkpoint.ts';
import { makeDisclosure } from '../../server/core/log/disclosure.ts';
import { type Entry, encodeEntry } from '../../server/core/log/entry.ts';
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
import { sha256 } from '../../server/hash.ts';
import { sm2PrivateKey, verifySm2 } from '../../server/sm2.ts';

export { sha256 };

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
  const entries = parsed.map((entry) => encodeEntry(entry));
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
const PSS = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 };

/** A fresh P-256 session key. */
export function sessionKey(): { jwk: SessionJwk; sign: (data: Uint8Array) => Uint8Array } {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { x, y } = publicKey.export({ format: 'jwk' }) as { x: string; y: string };
  return {
    jwk: { kty: 'EC', crv: 'P-256', x, y },
    sign: (data) => new Uint8Array(sign('sha256', data, { key: privateKey, dsaEncoding: P1363 })),
  };
}

/**
 * A person's signing key whose stand-in certificate is its bare public key: who checks acts only hands certificates on.
 * `algorithm` says what its signatures are.
 */
export function caKey(alg: JwsAlgorithm): {
  alg: JwsAlgorithm;
  certificate: Uint8Array;
  sign: (data: Uint8Array) => Uint8Array;
} {
  if (alg === 'SM2SM3') {
    const key = sm2PrivateKey(generateKeyPairSync('ec', { namedCurve: 'SM2' }).privateKey);
    if (key === undefined) throw new Error('no SM2 key');
    return { alg, certificate: writeSm2PublicKey(key.publicKey), sign: key.sign };
  }
  const { publicKey, privateKey } =
    alg === 'ES256'
      ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
      : generateKeyPairSync('rsa', { modulusLength: 2048 });
  const options =
    alg === 'ES256'
      ? { key: privateKey, dsaEncoding: P1363 }
      : { key: privateKey, ...(alg === 'PS256' ? PSS : { padding: constants.RSA_PKCS1_PADDING }) };
  return {
    alg,
    certificate: new Uint8Array(publicKey.export({ format: 'der', type: 'spki' })),
    sign: (data) => new Uint8Array(sign('sha256', data, options)),
  };
}

/** JWS verification by the running Node.js; a certificate is read as `caKey` makes them. */
export const verifyJws: VerifyJwsSignature = ({ alg, key, data, signature }) => {
  if (alg === 'SM2SM3') {
    const point = 'certificate' in key ? readSm2PublicKey(key.certificate) : undefined;
    return point !== undefined && verifySm2(point, data, signature);
  }
  const publicKey =
    'jwk' in key
      ? createPublicKey({ key: { ...key.jwk }, format: 'jwk' })
      : createPublicKey({ key: Buffer.from(key.certificate), format: 'der', type: 'spki' });
  if (publicKey.asymmetricKeyType !== (alg === 'ES256' ? 'ec' : 'rsa')) return false;
  if (alg === 'ES256') return verify('sha256', data, { key: publicKey, dsaEncoding: P1363 }, signature);
  return verify('sha256', data, alg === 'PS256' ? { key: publicKey, ...PSS } : publicKey, signature);
};
