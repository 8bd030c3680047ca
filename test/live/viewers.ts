/** Viewers of a room without a network: sinks that take bytes fast or slowly and read them back as what the wire says. */
import { Check } from 'typebox/schema';
import { readDisclosure } from '../../server/core/log/disclosure.ts';
import { parseEntry } from '../../server/core/log/entry.ts';
import { utf8 } from '../../server/core/log/utf8.ts';
import { type CloseReason, type Down, DownSchema, type Frame, type Own } from '../../server/core/wire/down.ts';
import type { Sink } from '../../server/live/outbox.ts';

export type TestSink = Sink & {
  /** Everything that was written, as it was written: the same object for what is shared. */
  readonly written: Uint8Array[];
  readonly closedFor: CloseReason[];
  messages(): Down[];
  frames(): Frame[];
  own(): Own[];
  /** Seqs of all entries received, in order. */
  seqs(): number[];
  /** Fields disclosed, by seq. */
  fields(): Record<string, string[]>;
  /** Takes what waits. */
  drain(): void;
};

/** A sink; a slow one takes nothing until it is drained. */
export function testSink(isSlow = false): TestSink {
  const written: Uint8Array[] = [];
  const closedFor: CloseReason[] = [];
  let waiting = 0;
  let resume: (() => void) | null = null;
  const sink: TestSink = {
    written,
    closedFor,
    write(bytes) {
      written.push(bytes);
      if (isSlow) waiting += bytes.length;
    },
    waitingBytes: () => waiting,
    close(reason) {
      closedFor.push(reason);
    },
    onDrained(then) {
      if (waiting === 0) then();
      else resume = then;
    },
    drain() {
      waiting = 0;
      const then = resume;
      resume = null;
      then?.();
    },
    messages: () => written.flatMap((bytes) => readFrames(bytes)),
    frames: () => sink.messages().filter((down): down is Frame => down.kind === 'entries'),
    own: () => sink.messages().filter((down): down is Own => down.kind === 'own'),
    seqs: () => sink.frames().flatMap(({ entries }) => entries.map((text) => parseEntry(utf8(text)).seq)),
    fields() {
      const fields: Record<string, string[]> = {};
      for (const down of sink.messages()) {
        if (down.kind !== 'entries' && down.kind !== 'own') continue;
        for (const [seq, texts] of Object.entries(down.disclosures))
          fields[seq] = [...(fields[seq] ?? []), ...texts.map((text) => readDisclosure(text).field)].sort();
      }
      return fields;
    },
  };
  return sink;
}

/** The messages in some bytes of a server; pings are left out. Throws on what RFC 6455 or the wire does not allow. */
export function readFrames(bytes: Uint8Array): Down[] {
  const data = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const messages: Down[] = [];
  for (let at = 0; at < data.length; ) {
    const opcode = data.readUInt8(at);
    const short = data.readUInt8(at + 1);
    const header = short < 126 ? 2 : short === 126 ? 4 : 10;
    const length =
      short < 126 ? short : short === 126 ? data.readUInt16BE(at + 2) : Number(data.readBigUInt64BE(at + 2));
    const payload = data.subarray(at + header, at + header + length);
    if (payload.length !== length) throw new Error('a frame is cut off');
    at += header + length;
    if (opcode === 0x89) continue;
    if (opcode !== 0x81) throw new Error(`opcode ${opcode}`);
    const down: unknown = JSON.parse(payload.toString());
    if (!Check(DownSchema, down)) throw new Error('not a message of the wire');
    messages.push(down);
  }
  return messages;
}

/** Lets everything that is under way come to rest. */
export async function settle(turns = 12): Promise<void> {
  for (let n = 0; n < turns; n++) await new Promise((resume) => setImmediate(resume));
}
