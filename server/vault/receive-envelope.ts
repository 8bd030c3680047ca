/** Takes an envelope in as a stream: gate first, hash on the way, durable at the end, nothing left behind otherwise. It opens nothing. */
import { EnvelopeError } from '../core/seal/envelope-error.ts';
import { type Gate, type ReceivedEnvelope, type Refused, refusalOf, startGate } from './envelope-gate.ts';
import { type Quarantined, type VaultFolder, writeAll } from './vault-folder.ts';

export type ReceiveResult = ReceivedEnvelope | Refused;

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
    const passing = startGate(gate);
    for await (const chunk of chunks) {
      const toWrite = passing.push(chunk);
      if (toWrite.length === 0) continue;
      quarantined ??= await folder.begin();
      for (const bytes of toWrite) await writeAll(quarantined.file, bytes);
    }
    const received = passing.end();
    if (quarantined === undefined) throw new EnvelopeError('truncated');
    const publishing = quarantined;
    const name = await publishing.publish();
    quarantined = undefined;
    return { name, ...received };
  } catch (error) {
    await quarantined?.abandon();
    const refused = refusalOf(error);
    if (refused !== null) return refused;
    throw error;
  }
}
