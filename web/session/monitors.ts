/** What the monitors said of all lots of a session: each with the gravest word that it has said of any. */
import type { MonitorLine, Said } from '../opening/head-reports.ts';

/** The gravest first; what was not said yet is the least. */
const GRAVEST: readonly Said[] = ['other', 'claims', 'unreached', 'waiting', 'known'];

/** One line for each monitor, from what each lot's viewing was told; null before any lot knows whom the platform names. */
export function gravestOf(lots: readonly (readonly MonitorLine[] | null)[]): readonly MonitorLine[] | null {
  const told = lots.filter((lines) => lines !== null);
  if (told.length === 0) return null;
  const said = new Map<string, Said | null>();
  for (const line of told.flat()) said.set(line.address, graver(said.get(line.address) ?? null, line.said));
  return [...said].map(([address, word]) => ({ address, said: word }));
}

function graver(one: Said | null, other: Said | null): Said | null {
  return GRAVEST.find((word) => word === one || word === other) ?? null;
}
