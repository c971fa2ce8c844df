import { useEffect, useRef, useState } from "preact/hooks";
import { theme } from "../theme.ts";
import type { DrawnChart } from "./vega.ts";

interface PlotProps {
  readonly title: string;
  /** What there is to see; stands beneath the figure and is read out. */
  readonly caption?: string;
  /** Vega-Lite. A new object draws the figure anew; the older drawing stands until then. */
  readonly spec: object;
  /** Space that is kept until the figure stands there, pixels. Default: the specification's height and its axes */
  readonly height?: number;
  /** Draws without a frame and caption, for a figure inside something else. */
  readonly bare?: boolean;
}

function heightOf(spec: object): number {
  const { height } = spec as { height?: unknown };
  return (typeof height === "number" ? height : 280) + 56;
}

/** A Vega-Lite figure. The chart library comes when the first figure is near the screen. */
export function Plot({ title, caption, spec, height = heightOf(spec), bare = false }: PlotProps) {
  const place = useRef<HTMLDivElement>(null);
  const [near, setNear] = useState(false);
  const [failure, setFailure] = useState("");
  const colours = theme.value;
  useEffect(() => {
    const observer = new IntersectionObserver(
      (entries) => entries.some((entry) => entry.isIntersecting) && setNear(true),
      { rootMargin: "400px" },
    );
    observer.observe(place.current!);
    return () => observer.disconnect();
  }, []);
  useEffect(() => {
    if (!near) return;
    let chart: DrawnChart | undefined;
    let gone = false;
    const fresh = document.createElement("div");
    (async () => {
      try {
        const { draw } = await import("./vega.ts");
        chart = await draw(fresh, spec, colours);
        if (gone) return chart.remove();
        // The older drawing stands until the new one is there.
        place.current?.replaceChildren(fresh);
        place.current?.setAttribute("data-state", "drawn");
        setFailure("");
      } catch (error) {
        if (!gone) setFailure(error instanceof Error ? error.message : String(error));
      }
    })();
    return () => {
      gone = true;
      chart?.remove();
    };
  }, [near, spec, colours]);
  const drawing = (
    <>
      <section
        class="plot"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard
        tabIndex={0}
        aria-label={title}
        style={{ minHeight: `${height}px` }}
        ref={place}
      />
      {failure && <p class="note">This figure cannot be drawn: {failure}</p>}
    </>
  );
  if (bare) return drawing;
  return (
    <figure class="figure">
      <h3>{title}</h3>
      {drawing}
      {caption && <figcaption>{caption}</figcaption>}
    </figure>
  );
}
