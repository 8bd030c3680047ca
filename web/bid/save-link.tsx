/** Links that save a text or an envelope as a file. */
import type { JSX } from 'preact';
import { useCallback, useEffect, useState } from 'preact/hooks';

/**
 * Saves a text.
 *
 * Why: by an address that names it and ends with the page; one that held the text itself would stand in the browser's history of
 *      downloads, and a content key on its disk.
 */
export function SaveText(props: {
  readonly name: string;
  readonly text: string;
  readonly type: string;
  readonly words: string;
}): JSX.Element {
  const { name, text, type, words } = props;
  const find = useCallback(async () => new Blob([text], { type }), [text, type]);
  return <SaveBlob name={name} words={words} find={find} />;
}

/** Nothing while the Blob is not there, or not any more. */
export function SaveBlob(props: {
  readonly name: string;
  readonly words: string;
  readonly find: () => Promise<Blob | null>;
}): JSX.Element | null {
  const [address, setAddress] = useState<string | null>(null);
  const { find } = props;
  useEffect(() => {
    let made: string | null = null;
    let isGone = false;
    const show = (blob: Blob | null): void => {
      if (blob === null || isGone) return;
      made = URL.createObjectURL(blob);
      setAddress(made);
    };
    void find().then(show);
    return () => {
      isGone = true;
      if (made !== null) URL.revokeObjectURL(made);
    };
  }, [find]);
  return address === null ? null : (
    <a class="save" download={props.name} href={address}>
      {props.words}
    </a>
  );
}
