/** Bytes as WebCrypto takes them: never a view into memory that others share. */
export function inOwnMemory(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(bytes);
}
