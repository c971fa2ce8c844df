import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";

/** Whether a view was shown before: the first keeps the browser's own focus. */
let navigated = false;

/**
 * A view: its title is the document's, and takes the focus when the visitor comes from another view, so that a screen
 * reader says where one has got to.
 */
export function Page({
  title,
  lead,
  above,
  children,
}: {
  readonly title: string;
  /** A sentence or two beneath the title. */
  readonly lead?: ComponentChildren;
  /** A line above the title, e.g. the way back. */
  readonly above?: ComponentChildren;
  readonly children: ComponentChildren;
}) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = title === "Sluice" ? title : `${title} · Sluice`;
  }, [title]);
  useEffect(() => {
    if (navigated && !location.hash) {
      heading.current?.focus({ preventScroll: true });
      scrollTo(0, 0);
    }
    navigated = true;
  }, []);
  return (
    <div class="page">
      {above && <p class="above">{above}</p>}
      <h1 ref={heading} tabIndex={-1}>
        {title}
      </h1>
      {lead && <p class="lead">{lead}</p>}
      {children}
    </div>
  );
}

/** A part of a view under a heading of its own. */
export function Section({
  title,
  children,
  aside,
}: {
  readonly title: string;
  readonly children: ComponentChildren;
  /** Stands at the heading's right, e.g. buttons. */
  readonly aside?: ComponentChildren;
}) {
  const id = useId();
  return (
    <section aria-labelledby={id}>
      <div class="section-head">
        <h2 id={id}>{title}</h2>
        {aside}
      </div>
      {children}
    </section>
  );
}
