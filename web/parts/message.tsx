/** What stands in the middle of a page that has nothing else to show. */
import type { ComponentChildren, JSX } from 'preact';

export function Message(props: { title: string; words: string; children?: ComponentChildren }): JSX.Element {
  return (
    <div class="message">
      <h1>{props.title}</h1>
      <p>{props.words}</p>
      {props.children}
    </div>
  );
}
