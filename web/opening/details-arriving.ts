/** Whether the details of the page are there: they are fetched while the log is, so that the page stands before they come. */
import { type ReadonlySignal, signal } from '@preact/signals';

export type DetailParts = typeof import('./detail-parts.tsx');

const arrived = signal<DetailParts | null>(null);
/** Null until they have come. */
export const detailParts: ReadonlySignal<DetailParts | null> = arrived;

/** Fetches them. Rejects: a file of the page did not come. */
export async function fetchDetails(): Promise<void> {
  arrived.value = await import('./detail-parts.tsx');
}
