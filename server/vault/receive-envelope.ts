/** Takes an envelope in as a stream: gate first, hash on the way, durable at the end, nothing left behind otherwise. It opens nothing. */
import { createHash, type Hash } from 'node:crypto';
import { toBase64Url } from '../core/log/base64.ts';
import { startEnvelope } from '../core/seal/envelope.ts';
import { type EnvelopeCode, EnvelopeError } from '../core/seal/envelope-error.ts';
import { type AddressedCertificate, isAddressedTo } from '../core/seal/recipient-info.ts';
import { sha256 } from '../hash.ts';
import { type Quarantined, type VaultFolder, writeAll } from './vault-folder.ts';

/** What an envelope must be to be let in. */
export type Gate = {
  /** The bidder's registered encryption certificate. */
  certificate: AddressedCertificate;
  limitBytes: number;
  /** What the signed statement says, when it came before the bytes. */
  signed?: { envelopeSha256: string; envelopeBytes: number; recipientInfosSha256: string };
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
] as const;
export type ReceiveRefusal = (typeof RECEIVE_REFUSALS)[number];
export type ReceiveResult = ReceivedEnvelope | { refused: ReceiveRefusal; code?: EnvelopeCode };

/**
 * Receives one envelope.
 *
 * Shape:   `chunks` any cut of its bytes; a stream that breaks off must throw, ending is taken for the end.
 * Returns: the received envelope once it is durable, or the first refusal; then no later chunk is asked for.
 * Throws:  what `chunks` throws and what the disk throws, after removing the file.
 * Why:     nothing is written before the header has passed the gate, so that junk costs no disk.
 */
export async function receiveEnvelope(
  folder: VaultFolder,
  chunks: AsyncIterable<Uint8Array>,
  gate: Gate,
): Promise<ReceiveResult> {
  let quarantined: Quarantined | undefined;
  try {
    const intake = startIntake(gate);
    for await (const chunk of chunks) {
      const toWrite = intake.push(chunk);
      if (toWrite.length === 0) continue;
      quarantined ??= await folder.begin();
      for (const bytes of toWrite) await writeAll(quarantined.file, bytes);
    }
    const received = intake.end();
    if (quarantined === undefined) throw new EnvelopeError('truncated');
    const publishing = quarantined;
    const name = await publishing.publish();
    quarantined = undefined;
    return { name, ...received };
  } catch (error) {
    await quarantined?.abandon();
    if (error instanceof Refusal) return { refused: error.refused };
    if (error instanceof EnvelopeError) return { refused: 'envelope_malformed', code: error.code };
    throw error;
  }
}

/** Unwinds to the one place that cleans up; never leaves this file. */
class Refusal extends Error {
  readonly refused: ReceiveRefusal;

  constructor(refused: ReceiveRefusal) {
    super(refused);
    this.refused = refused;
  }
}

/** The gate as a push machine: `push` answers with the bytes that may now be written. */
function startIntake({ certificate, limitBytes, signed }: Gate) {
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
