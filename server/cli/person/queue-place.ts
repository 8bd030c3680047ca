/** Shows on the terminal how long one's decryption still waits before the vault. */
import { ApiError } from '../../client/transport.ts';
import type { Io } from '../io.ts';
import type { Person } from './person.ts';

/** How often the platform is asked: it learns it anew each second. */
export const ASK_EVERY_MS = 2_000;

/**
 * Shows the place in the queue until `isOver` says that there is nothing to wait for any more; then the line is wiped.
 *
 * Why: what the platform answers here counts for nothing, so a refusal only leaves the line empty.
 */
export function showQueuePlace(io: Pick<Io, 'rewrite'>, { api, world }: Person, openingId: string): { end(): void } {
  const { rewrite } = io;
  if (rewrite === undefined) return { end: () => undefined };
  let isOver = false;
  let cancel = (): void => undefined;

  async function ask(show: (line: string) => void): Promise<void> {
    const line = await api.readOwnDecryption(openingId).then(
      ({ queue }) => (queue === null ? '' : placeLine(queue)),
      (error: unknown) => {
        if (error instanceof ApiError) return '';
        throw error;
      },
    );
    if (isOver) return;
    show(line);
    cancel = world.after(ASK_EVERY_MS, () => void ask(show));
  }
  cancel = world.after(ASK_EVERY_MS, () => void ask(rewrite));
  return {
    end() {
      isOver = true;
      cancel();
      rewrite('');
    },
  };
}

function placeLine({ ahead, waitMs }: { readonly ahead: number; readonly waitMs: number }): string {
  const seconds = Math.ceil(waitMs / 1_000);
  return `排队 waiting: 前面 ${ahead} 份，约 ${seconds} 秒 · ${ahead} before yours, about ${seconds} s`;
}
