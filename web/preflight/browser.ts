/** What the pages need of a browser, tried one by one. */
import { missingAlgorithms } from './algorithms.ts';
import { type CheckName, found, good, type Line, still } from './lines.ts';

/** Less room than this is said: a bid of the largest size that platforms take by default, bytes. */
export const ROOM_BYTES = 2 * 1_073_741_824;

export type BrowserNeeds = {
  /** Whether the page came by https, or from this computer itself. */
  readonly isSecure: boolean;
  /** Absent where the page is not secure. */
  readonly subtle: SubtleCrypto | undefined;
  /** Rejects, or answers false, where the worker that holds keys does not start. */
  startsWorker(): Promise<boolean>;
  /** Whether a file can be read piece by piece. */
  streamsFile(): Promise<boolean>;
  /** Whether a browser keeps what it is given: `file_system` where it keeps files as well. */
  keeps(): Promise<'nothing' | 'texts' | 'files'>;
  /** Room that the browser would give this page, bytes; null where it does not say. */
  roomBytes(): Promise<number | null>;
};

/** Looks, and tells each line when it is known. Of what cannot be tried for want of something else it says so. */
export async function lookAtBrowser(needs: BrowserNeeds, tell: (line: Line) => void): Promise<void> {
  const { isSecure, subtle } = needs;
  tell(isSecure ? good('secure') : found('secure', 'not_secure'));
  const looks: readonly (readonly [CheckName, () => Promise<Line>])[] = [
    ['algorithms', async () => (subtle === undefined ? still('algorithms', 'none') : algorithms(subtle))],
    ['worker', async () => ((await needs.startsWorker()) ? good('worker') : found('worker', 'no_worker'))],
    ['streams', async () => ((await needs.streamsFile()) ? good('streams') : found('streams', 'no_streams'))],
    ['storage', () => storage(needs)],
    ['room', () => room(needs)],
  ];
  await Promise.all(looks.map(async ([, look]) => tell(await look())));
}

async function algorithms(subtle: SubtleCrypto): Promise<Line> {
  const missing = await missingAlgorithms(subtle);
  return missing.length === 0
    ? good('algorithms')
    : found('algorithms', 'no_algorithms', { names: missing.join(', ') });
}

async function storage({ keeps }: BrowserNeeds): Promise<Line> {
  const kept = await keeps();
  if (kept === 'files') return good('storage');
  return found('storage', kept === 'texts' ? 'no_file_system' : 'no_storage');
}

async function room({ roomBytes }: BrowserNeeds): Promise<Line> {
  const bytes = await roomBytes();
  if (bytes === null) return still('room', 'none');
  const facts = { room: gigabytes(bytes) };
  return bytes < ROOM_BYTES ? found('room', 'little_room', facts) : good('room', facts);
}

const gigabytes = (bytes: number): string => (Math.floor(bytes / 1e8) / 10).toFixed(1);
