/** A PKCS#11 module as plain functions over its C interface; it knows slots, sessions and numbers, and nothing of bids. */
import { TokenError } from './token-error.ts';

/** A CK_ULONG as the module made it: a handle, a slot. */
export type Handle = number | bigint;
export type Template = readonly { readonly type: number; readonly value: Uint8Array }[];
export type Mechanism = { readonly type: number; readonly parameter?: MechanismParameter };
export type MechanismParameter =
  | { readonly kind: 'oaep'; readonly hash: number; readonly mask: number }
  | { readonly kind: 'ecdh'; readonly publicData: Uint8Array };

/** The numbers that are used here. Source: PKCS #11 v2.40, pkcs11t.h. */
export const CK = {
  certificate: 1,
  publicKey: 2,
  privateKey: 3,
  secretKey: 4,
  genericSecret: 0x10,
  user: 1,
  contextSpecific: 2,
  attribute: {
    class: 0x0,
    token: 0x1,
    value: 0x11,
    certificateType: 0x80,
    keyType: 0x100,
    id: 0x102,
    sensitive: 0x103,
    valueLength: 0x161,
    extractable: 0x162,
    alwaysAuthenticate: 0x202,
  },
  mechanism: {
    rsaPkcs: 0x1,
    rsaOaep: 0x9,
    sha256RsaPkcs: 0x40,
    sha1: 0x220,
    sha256: 0x250,
    ecdsa: 0x1041,
    ecdhDerive: 0x1050,
  },
  mask: { sha1: 1, sha256: 2 },
  tokenFlag: { loginRequired: 0x4, protectedPath: 0x100, pinFinalTry: 0x2_0000, pinLocked: 0x4_0000 },
} as const;

/** What a call came back with other than CKR_OK. */
export class CryptokiError extends Error {
  override readonly name = 'CryptokiError';
  readonly value: number;

  constructor(call: string, value: number) {
    super(`${call}: 0x${value.toString(16)}`);
    this.value = value;
  }
}

/** The calls of a module. Throws: CryptokiError for every value that is not CKR_OK. They hold this process up while the token thinks. */
export type Cryptoki = {
  slots(): Handle[];
  tokenInfo(slot: Handle): { readonly label: string; readonly flags: number };
  mechanisms(slot: Handle): number[];
  openSession(slot: Handle): Handle;
  closeSession(session: Handle): void;
  /** `pin` null where the reader asks for it itself. */
  login(session: Handle, user: number, pin: Uint8Array | null): void;
  find(session: Handle, template: Template): Handle[];
  attribute(session: Handle, object: Handle, type: number): Uint8Array;
  sign(session: Handle, mechanism: Mechanism, key: Handle, data: Uint8Array, before?: () => void): Uint8Array;
  decrypt(session: Handle, mechanism: Mechanism, key: Handle, data: Uint8Array, before?: () => void): Uint8Array;
  derive(session: Handle, mechanism: Mechanism, key: Handle, template: Template): Handle;
  destroy(session: Handle, object: Handle): void;
  finalize(): void;
};

/** Places in CK_FUNCTION_LIST, behind its version. */
const PLACE = {
  C_Initialize: 0,
  C_Finalize: 1,
  C_GetSlotList: 4,
  C_GetTokenInfo: 6,
  C_GetMechanismList: 7,
  C_OpenSession: 12,
  C_CloseSession: 13,
  C_Login: 18,
  C_DestroyObject: 22,
  C_GetAttributeValue: 24,
  C_FindObjectsInit: 26,
  C_FindObjects: 27,
  C_FindObjectsFinal: 28,
  C_DecryptInit: 33,
  C_Decrypt: 34,
  C_SignInit: 42,
  C_Sign: 43,
  C_DeriveKey: 62,
} as const;
type CallName = keyof typeof PLACE;
const FUNCTIONS = 68;

const ALREADY_INITIALIZED = 0x191;
const SERIAL_SESSION = 0x4;
const OS_LOCKING = 0x2;
/** Objects of one kind that are looked at. */
const OBJECTS_LIMIT = 256;
const SLOTS_LIMIT = 64;
/** Bytes of the largest answer: an RSA-8192 signature; a certificate with everything in it. */
const ANSWER_LIMIT_BYTES = 1024;
const ATTRIBUTE_LIMIT_BYTES = 64 * 1024;
/** CK_TOKEN_INFO has at most 208 bytes. */
const TOKEN_INFO_BYTES = 256;
const TOKEN_FLAGS_AT = 96;
const LABEL_BYTES = 32;
const NULL_KDF = 1;

/** Libraries that stay as long as this process. */
const LOADED = new Set<unknown>();

/**
 * Loads a module: the library that a token's maker gives with it.
 *
 * Throws: TokenError binding_missing, module_unusable.
 * Why:    by koffi, whose binaries for each platform are packages of their own and need neither compiler nor install script. pkcs11js, and
 *         graphene-pk11 over it, are built with node-gyp where they are installed: on most office machines that fails. It is an optional
 *         dependency, and nothing but this function loads it.
 */
export async function loadCryptoki(modulePath: string): Promise<Cryptoki> {
  const koffi = await loadBinding();
  let pointers: unknown[];
  const ulong = 'ulong';
  // on Windows the structures of PKCS #11 are packed, elsewhere they are not
  const struct = process.platform === 'win32' ? koffi.pack : koffi.struct;
  const version = process.platform === 'win32' ? 2 : koffi.sizeof('void *');
  try {
    // its own OpenSSL, not the one inside Node.js, whose functions have the same names
    const library = koffi.load(modulePath, { deep: true });
    // a library whose handle is collected is unloaded, and what is called after that is anything
    LOADED.add(library);
    const list: unknown[] = [null];
    const got: unknown = library.func('C_GetFunctionList', ulong, [koffi.out('void **')])(list);
    if (Number(got) !== 0) throw new CryptokiError('C_GetFunctionList', Number(got));
    pointers = koffi.decode(list[0], version, koffi.array('void *', FUNCTIONS)) as unknown[];
  } catch (fault) {
    throw new TokenError('module_unusable', fault instanceof Error ? fault.message : String(fault));
  }
  const attribute = struct({ type: ulong, pValue: 'void *', ulValueLen: ulong });
  const mechanism = struct({ mechanism: ulong, pParameter: 'void *', ulParameterLen: ulong });
  const oaep = struct({ hashAlg: ulong, mgf: ulong, source: ulong, pSourceData: 'void *', ulSourceDataLen: ulong });
  const ecdh = struct({
    kdf: ulong,
    ulSharedDataLen: ulong,
    pSharedData: 'void *',
    ulPublicDataLen: ulong,
    pPublicData: 'void *',
  });
  const initArguments = struct({
    c: 'void *',
    d: 'void *',
    l: 'void *',
    u: 'void *',
    flags: ulong,
    pReserved: 'void *',
  });
  const ulongBytes = koffi.sizeof(ulong);

  function bind(name: CallName, types: readonly Type[]): (...values: unknown[]) => void {
    const proto = koffi.proto(ulong, types);
    return (...values) => {
      const result = Number(koffi.call(pointers[PLACE[name]], proto, ...values));
      if (result !== 0) throw new CryptokiError(name, result);
    };
  }
  const handles = 'void *';
  const count = koffi.inout(koffi.pointer(ulong));
  const mechanisms = koffi.pointer(mechanism);
  const templates = koffi.pointer(attribute);
  const call = {
    initialize: bind('C_Initialize', [koffi.pointer(initArguments)]),
    finalize: bind('C_Finalize', ['void *']),
    slotList: bind('C_GetSlotList', ['uint8_t', handles, count]),
    tokenInfo: bind('C_GetTokenInfo', [ulong, 'void *']),
    mechanismList: bind('C_GetMechanismList', [ulong, handles, count]),
    openSession: bind('C_OpenSession', [ulong, ulong, 'void *', 'void *', koffi.out(koffi.pointer(ulong))]),
    closeSession: bind('C_CloseSession', [ulong]),
    login: bind('C_Login', [ulong, ulong, 'void *', ulong]),
    destroy: bind('C_DestroyObject', [ulong, ulong]),
    attributeValue: bind('C_GetAttributeValue', [ulong, ulong, koffi.inout(templates), ulong]),
    findInit: bind('C_FindObjectsInit', [ulong, templates, ulong]),
    find: bind('C_FindObjects', [ulong, handles, ulong, koffi.out(koffi.pointer(ulong))]),
    findFinal: bind('C_FindObjectsFinal', [ulong]),
    decryptInit: bind('C_DecryptInit', [ulong, mechanisms, ulong]),
    decrypt: bind('C_Decrypt', [ulong, 'void *', ulong, 'void *', count]),
    signInit: bind('C_SignInit', [ulong, mechanisms, ulong]),
    sign: bind('C_Sign', [ulong, 'void *', ulong, 'void *', count]),
    derive: bind('C_DeriveKey', [ulong, mechanisms, ulong, templates, ulong, koffi.out(koffi.pointer(ulong))]),
  };

  const readHandles = (memory: Buffer, number: number): Handle[] =>
    Array.from({ length: number }, (_, n) => koffi.decode(memory, n * ulongBytes, ulong) as Handle);
  const listed = (list: (memory: Buffer, count: [number]) => void, limit: number): Handle[] => {
    const memory = Buffer.alloc(limit * ulongBytes);
    const number: [number] = [limit];
    list(memory, number);
    return readHandles(memory, Math.min(Number(number[0]), limit));
  };
  const templateOf = (template: Template) =>
    template.map(({ type, value }) => ({ type, pValue: value, ulValueLen: value.length }));

  function parameterOf(parameter: MechanismParameter | undefined): { pointer: unknown; bytes: number } {
    if (parameter === undefined) return { pointer: null, bytes: 0 };
    if (parameter.kind === 'oaep') {
      const value = { hashAlg: parameter.hash, mgf: parameter.mask, source: 1, pSourceData: null, ulSourceDataLen: 0 };
      return { pointer: koffi.as([value], koffi.pointer(oaep)), bytes: koffi.sizeof(oaep) };
    }
    const { publicData } = parameter;
    const value = {
      kdf: NULL_KDF,
      ulSharedDataLen: 0,
      pSharedData: null,
      ulPublicDataLen: publicData.length,
      pPublicData: publicData,
    };
    return { pointer: koffi.as([value], koffi.pointer(ecdh)), bytes: koffi.sizeof(ecdh) };
  }
  function mechanismOf({ type, parameter }: Mechanism): unknown[] {
    const { pointer, bytes } = parameterOf(parameter);
    return [{ mechanism: type, pParameter: pointer, ulParameterLen: bytes }];
  }
  const answered = (ask: (answer: Buffer, count: [number]) => void): Uint8Array => {
    const answer = Buffer.alloc(ANSWER_LIMIT_BYTES);
    const number: [number] = [answer.length];
    try {
      ask(answer, number);
      return Uint8Array.from(answer.subarray(0, Number(number[0])));
    } finally {
      // it may have been a content key
      answer.fill(0);
    }
  };

  const cryptoki: Cryptoki = {
    slots: () => listed((memory, number) => call.slotList(1, memory, number), SLOTS_LIMIT),
    tokenInfo(slot) {
      const memory = Buffer.alloc(TOKEN_INFO_BYTES);
      call.tokenInfo(slot, memory);
      const label = memory.toString('utf8', 0, LABEL_BYTES).trimEnd();
      return { label, flags: Number(koffi.decode(memory, TOKEN_FLAGS_AT, ulong)) };
    },
    mechanisms: (slot) =>
      listed((memory, number) => call.mechanismList(slot, memory, number), OBJECTS_LIMIT).map(Number),
    openSession(slot) {
      const session: Handle[] = [0];
      call.openSession(slot, SERIAL_SESSION, null, null, session);
      return session[0] ?? 0;
    },
    closeSession: (session) => call.closeSession(session),
    login: (session, user, pin) => call.login(session, user, pin, pin?.length ?? 0),
    find(session, template) {
      call.findInit(session, templateOf(template), template.length);
      try {
        return listed((memory, number) => call.find(session, memory, OBJECTS_LIMIT, number), OBJECTS_LIMIT);
      } finally {
        call.findFinal(session);
      }
    },
    attribute(session, object, type) {
      const value = Buffer.alloc(ATTRIBUTE_LIMIT_BYTES);
      const template = [{ type, pValue: value, ulValueLen: value.length }];
      call.attributeValue(session, object, template, 1);
      return Uint8Array.from(value.subarray(0, Number(template[0]?.ulValueLen)));
    },
    sign(session, mechanism, key, data, before) {
      call.signInit(session, mechanismOf(mechanism), key);
      before?.();
      return answered((answer, number) => call.sign(session, data, data.length, answer, number));
    },
    decrypt(session, mechanism, key, data, before) {
      call.decryptInit(session, mechanismOf(mechanism), key);
      before?.();
      return answered((answer, number) => call.decrypt(session, data, data.length, answer, number));
    },
    derive(session, mechanism, key, template) {
      const derived: Handle[] = [0];
      call.derive(session, mechanismOf(mechanism), key, templateOf(template), template.length, derived);
      return derived[0] ?? 0;
    },
    destroy: (session, object) => call.destroy(session, object),
    finalize: () => call.finalize(null),
  };
  try {
    call.initialize([{ c: null, d: null, l: null, u: null, flags: OS_LOCKING, pReserved: null }]);
  } catch (fault) {
    if (!(fault instanceof CryptokiError)) throw fault;
    if (fault.value !== ALREADY_INITIALIZED) throw new TokenError('module_unusable', fault.message);
  }
  return cryptoki;
}

/** What of koffi is used here. Its own types are not asked for: where this optional package is missing, everything else still compiles. */
type Koffi = {
  load(
    path: string,
    options: { readonly deep: boolean },
  ): { func(name: string, result: Type, types: readonly Type[]): (...values: unknown[]) => unknown };
  struct(members: Readonly<Record<string, Type>>): Type;
  pack(members: Readonly<Record<string, Type>>): Type;
  pointer(type: Type): Type;
  array(type: Type, length: number): Type;
  out(type: Type): Type;
  inout(type: Type): Type;
  proto(result: Type, types: readonly Type[]): Type;
  sizeof(type: Type): number;
  as(value: unknown, type: Type): unknown;
  call(pointer: unknown, type: Type, ...values: unknown[]): unknown;
  decode(memory: unknown, offset: number, type: Type): unknown;
};
type Type = string | { readonly size?: number };

const BINDING: string = 'koffi';

/** Throws: TokenError binding_missing. */
async function loadBinding(): Promise<Koffi> {
  try {
    return ((await import(BINDING)) as { default: Koffi }).default;
  } catch (fault) {
    throw new TokenError('binding_missing', fault instanceof Error ? fault.message : String(fault));
  }
}

/** A CK_ULONG as the value of an attribute. */
export function ulongBytes(value: number): Uint8Array {
  const bytes = Buffer.alloc(process.platform === 'win32' ? 4 : 8);
  bytes.writeUInt32LE(value);
  return bytes;
}

/** A CK_BBOOL. */
export const boolByte = (value: boolean): Uint8Array => Uint8Array.of(value ? 1 : 0);
