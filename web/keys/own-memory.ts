/** Bytes as WebCrypto takes them: never a view into memory that others share. */
export function inOwnMemory(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(bytes);
}

/** The same of a secret: lent for one use, and erased. */
export async function lent<Value>(
  secret: Uint8Array,
  use: (bytes: Uint8Array<ArrayBuffer>) => Promise<Value>,
): Promise<Value> {
  const bytes = inOwnMemory(secret);
  try {
    return await use(bytes);
  } finally {
    bytes.fill(0);
  }
}
