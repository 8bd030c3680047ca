/** A receipt with everything that proves it, as one file: the platform's signature, the place of its key and of the act in the ledger; nothing of it is believed here. */
import * as Type from 'typebox';
import { Check } from 'typebox/schema';
import type { Json } from '../core/log/canonical.ts';

const strict = { additionalProperties: false } as const;

export const ReceiptFileSchema = Type.Object(
  {
    v: Type.Literal(1),
    /** The ledger's vkey, as whoever wrote the file saw it. */
    ledger: Type.String(),
    /** The ledger's first entry, which lists the key for receipts: its exact text and its `.tlog-proof`. */
    key: Type.Object({ entry: Type.String(), proof: Type.String() }, strict),
    /** Compact JWS. */
    receipt: Type.String(),
    /** The act's place in the ledger, as `formatRegisterProof` writes it. */
    act: Type.Unknown(),
  },
  strict,
);
export type ReceiptFile = Omit<Type.Static<typeof ReceiptFileSchema>, 'act'> & { readonly act: Json };

/** Reads such a file; null when it is none. */
export function readReceiptFile(text: string): ReceiptFile | null {
  try {
    const value: unknown = JSON.parse(text);
    return Check(ReceiptFileSchema, value) ? (value as ReceiptFile) : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}
