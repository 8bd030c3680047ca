/** The parts that show what came of something: fetched behind the first picture, and before anything is judged. */
import { signal } from '@preact/signals';
import { fetchWords } from '../parts/language.ts';

export type Results = typeof import('./results.tsx');

/** Null until they have come. */
export const results = signal<Results | null>(null);

/** Fetches them, the reader of QR codes and the words of every language: from then on the page needs no network. Rejects: without one. */
export async function fetchResults(): Promise<void> {
  const [shown] = await Promise.all([import('./results.tsx'), import('./read-code.ts')]);
  // only now every room that speaks here is known
  await fetchWords('en');
  results.value = shown;
}
