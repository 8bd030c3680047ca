/** One titled part of a page. */
import type { ComponentChildren, JSX } from 'preact';

/** `aside` stands at the end of the title's line; `id` names the part for links and for its heading. */
export function Section(props: {
  id: string;
  title: string;
  aside?: ComponentChildren;
  children: ComponentChildren;
}): JSX.Element {
  const heading = `${props.id}-title`;
  return (
    <section id={props.id} class="section" aria-labelledby={heading}>
      <header class="section-head">
        <h2 id={heading}>{props.title}</h2>
        {props.aside === undefined ? null : <div class="section-aside">{props.aside}</div>}
      </header>
      {props.children}
    </section>
  );
}

/** A part that has nothing to show yet: one line with its title and why. */
export function EmptySection({ id, title, words }: { id: string; title: string; words: string }): JSX.Element {
  const heading = `${id}-title`;
  return (
    <section id={id} class="section section-empty" aria-labelledby={heading}>
      <h2 id={heading}>{title}</h2>
      <p class="empty">{words}</p>
    </section>
  );
}
