/** The gate that every envelope passes on its way in, as a push machine: header first, hash on the way; it writes nothing and knows no request. */
import { createHash, type Hash } from 'node:crypto';
import { toBase64Url } from '../core/log/base64.ts';
import { profileOf, type SealProfile } from '../core/seal/content-cipher.ts';
import { startEnvelope } from '../core/seal/envelope.ts';
import { type EnvelopeCode, EnvelopeError } from '../core/seal/envelope-error.ts';
import { type AddressedCertificate, isAddressedTo } from '../core/seal/recipient-info.ts';
import { sha256 } from '../hash.ts';

/** What an envelope must be to be let in. */
export type Gate = {
  /** The bidder's registered encryption certificate. */
  certificate: AddressedCertificate;
  limitBytes: number;
  /** What the signed statement says, when it came before the bytes. */
  signed?: { envelopeSha256: string; envelopeBytes: number; recipientInfosSha256: string; profile: SealProfile };
};

/** What was received; digests are base64url of SHA-256. `name` is the file's in the vault folder. */
export type ReceivedEnvelope = {
  name: string;
  envelopeSha256: string;
  envelopeBytes: number;
  recipientInfosSha256: string;
  /** The RecipientInfos SET: what the bidder's key has to unwrap in the window. */
  recipientInfos: Uint8Array;
};

export const RECEIVE_REFUSALS = [
  'envelope_malformed',
  'envelope_for_another_certificate',
  'envelope_too_large',
  'envelope_not_as_signed',
  'envelope_of_another_profile',
] as const;
export type ReceiveRefusal = (typeof RECEIVE_REFUSALS)[number];
export type Refused = { refused: ReceiveRefusal; code?: EnvelopeCode };

/** What the gate refuses with; `refusalOf` makes the value of it. */
class Refusal extends Error {
  readonly refused: ReceiveRefusal;

  constructor(refused: ReceiveRefusal) {
    super(refused);
    this.refused = refused;
  }
}

/** The refusal that an error of the gate stands for; null for any other error. */
export function refusalOf(error: unknown): Refused | null {
  if (error instanceof Refusal) return { refused: error.refused };
  if (error instanceof EnvelopeError) return { refused: 'envelope_malformed', code: error.code };
  return null;
}

export type PassingEnvelope = {
  /** Returns: the bytes that may now be written. Throws: what `refusalOf` knows. */
  push(chunk: Uint8Array): Uint8Array[];
  /** Throws: what `refusalOf` knows. */
  end(): Omit<ReceivedEnvelope, 'name'>;
};

/** Starts letting one envelope through. */
export function startGate({ certificate, limitBytes, signed }: Gate): PassingEnvelope {
  const reader = startEnvelope();
  const hash: Hash = createHash('sha256');
  const limit = Math.min(limitBytes, signed?.envelopeBytes ?? limitBytes);
  let envelopeBytes = 0;
  let passed: Pick<ReceivedEnvelope, 'recipientInfos' | 'recipientInfosSha256'> | undefined;
  let held: Uint8Array[] = [];

  function passGate(): void {
    const header = reader.header();
    if (header === undefined) return;
    const { recipientInfos } = header;
    const recipientInfosSha256 = toBase64Url(sha256(recipientInfos));
    if (!isAddressedTo(header.recipient, certificate)) throw new Refusal('envelope_for_another_certificate');
    if (signed && signed.recipientInfosSha256 !== recipientInfosSha256) throw new Refusal('envelope_not_as_signed');
    if (signed && signed.profile !== profileOf(header.cipher)) throw new Refusal('envelope_of_another_profile');
    passed = { recipientInfos, recipientInfosSha256 };
  }

  return {
    push(chunk: Uint8Array): Uint8Array[] {
      envelopeBytes += chunk.length;
      if (envelopeBytes > limit)
        throw new Refusal(limit < limitBytes ? 'envelope_not_as_signed' : 'envelope_too_large');
      hash.update(chunk);
      reader.push(chunk);
      if (passed) return [chunk];
      passGate();
      // The header is bounded by its own format, so what is held here is, too.
      held.push(chunk.slice());
      if (!passed) return [];
      const released = held;
      held = [];
      return released;
    },
    end(): Omit<ReceivedEnvelope, 'name'> {
      reader.end();
      const envelopeSha256 = toBase64Url(hash.digest());
      const isAsSigned =
        !signed || (signed.envelopeSha256 === envelopeSha256 && signed.envelopeBytes === envelopeBytes);
      if (!isAsSigned) throw new Refusal('envelope_not_as_signed');
      if (!passed) throw new EnvelopeError('truncated');
      return { envelopeSha256, envelopeBytes, ...passed };
    },
  };
}
