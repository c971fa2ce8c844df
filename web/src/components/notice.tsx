import type { ComponentChildren } from "preact";

/** Something that the visitor should know: read out when it comes up. */
export function Notice({
  kind = "info",
  children,
}: {
  readonly kind?: "info" | "warning" | "error";
  readonly children: ComponentChildren;
}) {
  return (
    <div class={`notice ${kind}`} role={kind === "error" ? "alert" : "status"}>
      {children}
    </div>
  );
}
