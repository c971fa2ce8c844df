/** Where in the user's code something was written. The text is made only when somebody asks. */
export class Site {
  readonly #holder: { stack?: string } = {};

  constructor(above: (...args: never[]) => unknown) {
    const limit = Error.stackTraceLimit;
    Error.stackTraceLimit = 40;
    Error.captureStackTrace?.(this.#holder, above);
    Error.stackTraceLimit = limit;
  }

  /** "file:line" of the first frame outside the library, relative to the working directory where that is shorter. */
  get line(): string | undefined {
    return firstUserFrame(this.#holder.stack ?? "");
  }
}

// This file is <library>/src/core/site.ts, or <library>/dist/core/site.js: everything beside `core` is the library.
const libraryRoot = decodeURIComponent(new URL("..", import.meta.url).href);

/** The first stack frame that is the user's: not the library's own, nor the runtime's. Tests count as users. */
export function firstUserFrame(stack: string): string | undefined {
  for (const frame of stack.split("\n").slice(1)) {
    const match = /\(?((?:file:\/\/|\/|[a-zA-Z]:\\|https?:\/\/)[^()]*?):(\d+):\d+\)?$/.exec(frame.trim());
    if (match === null || match[1].startsWith("node:")) continue;
    const url = match[1].startsWith("/") ? `file://${match[1]}` : match[1];
    const inside = decodeURIComponent(url).startsWith(libraryRoot);
    if (inside && !/\.test\.[tj]s$/.test(url)) continue;
    return `${relative(url)}:${match[2]}`;
  }
  return undefined;
}

function relative(url: string): string {
  if (!url.startsWith("file://")) return url;
  const path = decodeURIComponent(new URL(url).pathname);
  const folder = typeof process === "undefined" ? "" : `${process.cwd()}/`;
  return folder.length > 1 && path.startsWith(folder) ? path.slice(folder.length) : path;
}

let inherited: Site | undefined;

/** The site that a node made now belongs to: that of `withSite`, or the caller's own line. */
export const currentSite = (above: (...args: never[]) => unknown): Site => inherited ?? new Site(above);

/** Runs `make` so that every node it creates belongs to `site`: derived nodes point at the line they derive from. */
export function withSite<T>(site: Site, make: () => T): T {
  const outer = inherited;
  inherited = site;
  try {
    return make();
  } finally {
    inherited = outer;
  }
}
