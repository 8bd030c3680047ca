/** Work that the first picture of a page need not wait for. */
import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';

/** A page that nobody sees is not painted: so long it is waited for, ms. */
const UNSEEN_MS = 1_000;

/** Calls `work` once what stands now has been painted; the answer takes it back. */
export function afterPaint(work: () => void): () => void {
  let timer = setTimeout(begin, UNSEEN_MS);
  // A frame's callbacks run before it is painted, a timer that they start behind it.
  const frame = requestAnimationFrame(() => {
    clearTimeout(timer);
    timer = setTimeout(begin);
  });
  function begin(): void {
    cancelAnimationFrame(frame);
    work();
  }
  return () => {
    clearTimeout(timer);
    cancelAnimationFrame(frame);
  };
}

/** Whether the component has been painted once without what it draws only then. */
export function useIsPainted(): boolean {
  const isPainted = useSignal(false);
  useEffect(
    () =>
      afterPaint(() => {
        isPainted.value = true;
      }),
    [isPainted],
  );
  return isPainted.value;
}
