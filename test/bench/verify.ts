/** Bench `verify`: a whole log verified, every commitment opened, against hashing the same bytes once. */
import { verifyLog } from '../../server/core/log/verify.ts';
import { sha256 } from '../../server/hash.ts';
import { littleLog, verifyEd25519 } from '../support/log-fixtures.ts';
import { type Figures, median, REPETITIONS, round } from './measure.ts';

const ENTRIES = 10_000;

export async function benchVerify(): Promise<Figures> {
  const withheld = {
    who: { name: '投标人', creditCode: '91620700MA70000001' },
    source: '192.0.2.7',
    act: 'a'.repeat(1_500),
  };
  const steps = Array.from({ length: ENTRIES }, (_, n) => ({ body: { text: `第 ${n} 号公告`, n }, withheld }));
  const { signer, entries, disclosures, note } = littleLog(steps);
  const seconds = async (work: () => Promise<void> | void): Promise<number> => {
    const startedAt = performance.now();
    await work();
    return (performance.now() - startedAt) / 1000;
  };
  const encoder = new TextEncoder();
  const bytes = entries.map((entry, n) => [entry, ...(disclosures[n] ?? []).map((text) => encoder.encode(text))]);

  const hashing: number[] = [];
  const verifying: number[] = [];
  for (let n = 0; n < REPETITIONS; n++) {
    const hashAll = (): void => {
      for (const parts of bytes) for (const part of parts) sha256(part);
    };
    hashing.push(await seconds(hashAll));
    verifying.push(
      await seconds(async () => {
        const log = await verifyLog({
          vkey: signer.vkey,
          checkpointNote: note,
          entries,
          disclosuresFor: (seq) => disclosures[seq],
          requireAllDisclosures: true,
          sha256,
          verifyEd25519,
        });
        if (!log.ok) throw new Error(log.reason);
      }),
    );
  }
  return {
    entriesPerSecond: round(ENTRIES / median(verifying)),
    ratioVsHashOnly: round(median(verifying.map((s, n) => (hashing[n] ?? Number.NaN) / s))),
    peakRssMb: round(process.resourceUsage().maxRSS / 1024),
    entries: ENTRIES,
  };
}
