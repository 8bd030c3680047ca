/** A dialog in front of the page: the browser's own, which holds the focus and closes by Escape. */
import type { ComponentChildren, JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';

export function Dialog(props: {
  readonly title: string;
  readonly onClose: () => void;
  /** To be read from its title on, not to be filled in: the focus begins there, and with it the page of a long one. */
  readonly isRead?: boolean;
  readonly children: ComponentChildren;
}): JSX.Element {
  const place = useRef<HTMLDialogElement>(null);
  const title = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    const dialog = place.current;
    if (dialog !== null && !dialog.open) dialog.showModal();
    if (props.isRead === true) title.current?.focus();
    return () => dialog?.close();
  }, []);
  return (
    <dialog ref={place} class="dialog" aria-labelledby="dialog-title" onClose={props.onClose}>
      <h2 id="dialog-title" ref={title} tabIndex={-1}>
        {props.title}
      </h2>
      {props.children}
    </dialog>
  );
}
