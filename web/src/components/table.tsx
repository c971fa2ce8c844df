import type { ComponentChildren } from "preact";

/** A table that may be wider than the screen; `children` are its body's rows. */
export function Table({
  caption,
  heads,
  captionHidden = false,
  children,
}: {
  readonly caption: string;
  readonly heads: readonly ComponentChildren[];
  readonly captionHidden?: boolean;
  readonly children: ComponentChildren;
}) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard
    <section class="wide" tabIndex={0} aria-label={caption}>
      <table>
        <caption class={captionHidden ? "hidden" : ""}>{caption}</caption>
        <thead>
          <tr>
            {heads.map((head, index) => (
              <th scope="col" key={index}>
                {head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </section>
  );
}
