/** A WebSocket message framed once, to be written to any number of sockets as the same bytes (RFC 6455 §5.2). */
import type { Down } from '../core/wire/down.ts';

const FINAL_TEXT = 0x81;
const FINAL_PING = 0x89;
/** Lengths below are in the second byte itself; 126 and 127 announce 16 and 64 bits. */
const LENGTH_16 = 126;
const LENGTH_64 = 127;

/**
 * The bytes of one unfragmented text message from server to client.
 *
 * Why: a server's frames are neither masked nor, here, compressed, so they are the same for every viewer of a room; the
 *      socket library would build a header anew for each of them.
 */
export function textFrame(text: string): Uint8Array {
  const payload = Buffer.byteLength(text);
  const headerBytes = payload < LENGTH_16 ? 2 : payload <= 0xffff ? 4 : 10;
  const frame = Buffer.allocUnsafeSlow(headerBytes + payload);
  frame[0] = FINAL_TEXT;
  if (headerBytes === 2) frame[1] = payload;
  else if (headerBytes === 4) {
    frame[1] = LENGTH_16;
    frame.writeUInt16BE(payload, 2);
  } else {
    frame[1] = LENGTH_64;
    frame.writeBigUInt64BE(BigInt(payload), 2);
  }
  frame.write(text, headerBytes);
  return frame;
}

/** A ping without a payload. */
export const PING_FRAME: Uint8Array = Uint8Array.of(FINAL_PING, 0);

/** A message as the one frame that carries it. */
export function message(down: Down): Uint8Array {
  return textFrame(JSON.stringify(down));
}
