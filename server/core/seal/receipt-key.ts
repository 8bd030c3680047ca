/** The platform's key for receipts: where the ledger lists it, and what it signed (RFC 7515, EdDSA of RFC 8037). */
import { Check } from 'typebox/schema';
import { fromBase64, fromBase64Url, toBase64Url } from '../log/base64.ts';
import { canonicalise, isJsonObject, type Json, type JsonObject } from '../log/canonical.ts';
import type { Entry } from '../log/entry.ts';
import { LogFormatError } from '../log/error.ts';
import type { Sha256 } from '../log/hash.ts';
import { LEDGER_EVENTS, type PlatformKey } from '../log/ledger-events.ts';
import type { VerifyEd25519 } from '../log/note.ts';
import { fromUtf8, utf8 } from '../log/utf8.ts';

/** The 32 bytes of an Ed25519 key; `kid` is its RFC 7638 thumbprint. */
export type ReceiptKey = { readonly kid: string; readonly publicKey: Uint8Array };

const SIGNATURE_BYTES = 64;

/** The key from its 32 bytes. */
export function receiptKeyOf(sha256: Sha256, publicKey: Uint8Array): ReceiptKey {
  const jwk = { crv: 'Ed25519', kty: 'OKP', x: toBase64Url(publicKey) };
  return { kid: toBase64Url(sha256(utf8(canonicalise(jwk)))), publicKey };
}

/** The key for receipts that an entry of the ledger lists: its first one, or one that announces it; null when it is neither. Who signed for it is asked elsewhere. */
export function listedReceiptKey(sha256: Sha256, { type, log, seq, body }: Entry, origin: string): ReceiptKey | null {
  if (log !== origin) return null;
  const keys: readonly PlatformKey[] =
    type === 'LedgerOpened' && seq === 0 && Check(LEDGER_EVENTS.LedgerOpened.body, body)
      ? body.keys
      : type === 'KeyAnnounced' && Check(LEDGER_EVENTS.KeyAnnounced.body, body)
        ? [body.key]
        : [];
  const listed = keys.find(({ use }) => use === 'receipts');
  return listed === undefined ? null : receiptKeyOf(sha256, fromBase64(listed.publicKey));
}

/**
 * The payload of a receipt: a compact JWS of this type by this key.
 *
 * Returns: null for any other text, a header that asks for more (`crit`), another key or a signature that does not hold.
 */
export async function openReceiptJws(
  verifyEd25519: VerifyEd25519,
  text: string,
  typ: string,
  { kid, publicKey }: ReceiptKey,
): Promise<JsonObject | null> {
  const [head = '', body = '', sign = '', ...more] = text.split('.');
  if (more.length > 0) return null;
  try {
    const header = objectOf(head);
    const signature = fromBase64Url(sign);
    const isOurs = header?.['alg'] === 'EdDSA' && header['typ'] === typ && header['kid'] === kid;
    if (!isOurs || Object.hasOwn(header, 'crit') || signature.length !== SIGNATURE_BYTES) return null;
    return (await verifyEd25519(publicKey, utf8(`${head}.${body}`), signature)) ? objectOf(body) : null;
  } catch (fault) {
    if (fault instanceof LogFormatError || fault instanceof SyntaxError) return null;
    throw fault;
  }
}

function objectOf(part: string): JsonObject | null {
  const value = JSON.parse(fromUtf8(fromBase64Url(part))) as Json;
  return isJsonObject(value) ? value : null;
}
