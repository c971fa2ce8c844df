import type { ComponentChildren } from "preact";

/** A raised box around things that belong together. */
export function Card({
  title,
  children,
  class: name = "",
}: {
  readonly title?: ComponentChildren;
  readonly children: ComponentChildren;
  readonly class?: string;
}) {
  return (
    <div class={`card ${name}`}>
      {title && <h3 class="card-title">{title}</h3>}
      {children}
    </div>
  );
}
