/** Tries every algorithm that logging in, sealing and decrypting ask of the browser: that a browser names it is not enough. */

const RSA = { modulusLength: 2_048, publicExponent: Uint8Array.of(1, 0, 1), hash: 'SHA-256' } as const;
const P256 = { name: 'ECDH', namedCurve: 'P-256' } as const;
const ECDSA = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;

/** By the names that a technician knows them by; each rejects where the browser has it not. */
const TRIALS: Readonly<Record<string, (subtle: SubtleCrypto) => Promise<unknown>>> = {
  'SHA-256': (subtle) => subtle.digest('SHA-256', new Uint8Array(1)),
  'AES-GCM': async (subtle) =>
    subtle.encrypt({ name: 'AES-GCM', iv: new Uint8Array(12) }, await aes(subtle, 'AES-GCM'), new Uint8Array(1)),
  'AES-CTR': async (subtle) =>
    subtle.encrypt(
      { name: 'AES-CTR', counter: new Uint8Array(16), length: 32 },
      await aes(subtle, 'AES-CTR'),
      new Uint8Array(1),
    ),
  'AES-CBC': async (subtle) =>
    subtle.encrypt({ name: 'AES-CBC', iv: new Uint8Array(16) }, await aes(subtle, 'AES-CBC'), new Uint8Array(1)),
  'AES-KW': async (subtle) => {
    const wrapping = await subtle.importKey('raw', new Uint8Array(32), 'AES-KW', false, ['wrapKey']);
    const wrapped = await subtle.importKey('raw', new Uint8Array(32), 'AES-GCM', true, ['encrypt']);
    return subtle.wrapKey('raw', wrapped, wrapping, 'AES-KW');
  },
  PBKDF2: async (subtle) => {
    const secret = await subtle.importKey('raw', new Uint8Array(8), 'PBKDF2', false, ['deriveBits']);
    const terms = { name: 'PBKDF2', hash: 'SHA-256', salt: new Uint8Array(8), iterations: 1 };
    return subtle.deriveBits(terms, secret, 256);
  },
  'ECDH P-256': async (subtle) => {
    const [one, other] = await Promise.all([0, 1].map(() => subtle.generateKey(P256, false, ['deriveBits'])));
    if (one === undefined || other === undefined) throw new Error('two were asked for');
    return subtle.deriveBits({ name: 'ECDH', public: other.publicKey }, one.privateKey, 256);
  },
  'ECDSA P-256': async (subtle) => {
    const { privateKey } = await subtle.generateKey(ECDSA, false, ['sign']);
    return subtle.sign(ECDSA, privateKey, new Uint8Array(1));
  },
  'RSA-OAEP': async (subtle) => {
    const { publicKey, privateKey } = await subtle.generateKey({ name: 'RSA-OAEP', ...RSA }, true, [
      'encrypt',
      'decrypt',
    ]);
    const sealed = await subtle.encrypt({ name: 'RSA-OAEP' }, publicKey, new Uint8Array(32));
    await subtle.decrypt({ name: 'RSA-OAEP' }, privateKey, sealed);
    // the same key signs, as the key of a certificate is taken in
    const taken = await subtle.exportKey('pkcs8', privateKey);
    const terms = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' };
    const signing = await subtle.importKey('pkcs8', taken, terms, false, ['sign']);
    return subtle.sign(terms, signing, new Uint8Array(1));
  },
};

function aes(subtle: SubtleCrypto, name: string): Promise<CryptoKey> {
  return subtle.importKey('raw', new Uint8Array(32), name, false, ['encrypt']);
}

/** The names of those that this browser has not. */
export async function missingAlgorithms(subtle: SubtleCrypto): Promise<readonly string[]> {
  const tried = await Promise.all(
    Object.entries(TRIALS).map(async ([name, trial]) => ((await isPossible(() => trial(subtle))) ? [] : [name])),
  );
  return tried.flat();
}

/** A browser says by an exception of whatever kind that it cannot. */
async function isPossible(trial: () => Promise<unknown>): Promise<boolean> {
  try {
    await trial();
    return true;
  } catch (fault) {
    if (fault instanceof Error || fault instanceof DOMException) return false;
    throw fault;
  }
}
