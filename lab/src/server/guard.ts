import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { hostname, networkInterfaces } from "node:os";
import type { MiddlewareHandler } from "hono";
import { secureHeaders } from "hono/secure-headers";
import type { Refusal } from "./api.ts";

/** The server would be open to others. */
export class ExposedError extends Error {
  override readonly name = "ExposedError";
  readonly host: string;

  constructor(host: string) {
    super(
      `ExposedError [${host}]: others could start runs on this machine; choose a token with --token <text>, or leave out --host to serve this machine alone`,
    );
    this.host = host;
  }
}

const loopback = new Set(["localhost", "127.0.0.1", "::1", "[::1]"]);
export const isLoopback = (host: string): boolean => loopback.has(host) || /^127(\.\d{1,3}){3}$/.test(host);

/** Shorter ones can be guessed by trying. */
const shortestToken = 8;

/**
 * The token of a server: the one that was chosen, or a new one.
 *
 * @throws ExposedError when the host is not this machine alone and no token was chosen, or one that is too short
 */
export function tokenFor(host: string, chosen?: string): string {
  if (!isLoopback(host) && (chosen ?? "").length < shortestToken) throw new ExposedError(host);
  return chosen || randomBytes(24).toString("base64url");
}

/**
 * The names by which a request may call this server. A page elsewhere whose name was made to point here calls it by that
 * name, and is refused.
 *
 * @param host  what the server listens on
 */
export function namesOf(host: string): ReadonlySet<string> {
  const names = new Set(loopback);
  if (!isLoopback(host)) {
    const addresses = Object.values(networkInterfaces()).flatMap((each) => each ?? []);
    for (const { address, family } of addresses) names.add(family === "IPv6" ? `[${address}]` : address);
    names.add(hostname().toLowerCase());
  }
  names.add(host.toLowerCase());
  return names;
}

export const refusal = (code: string, message: string): Refusal => ({ error: { code, message } });

/** Refuses requests that call the server by a foreign name, or come from another page. */
export function hostGuard(names: ReadonlySet<string>): MiddlewareHandler {
  return async (context, next) => {
    const host = context.req.header("host")?.toLowerCase() ?? "";
    if (!names.has(host.replace(/:\d+$/, ""))) {
      return context.json(refusal("foreign-host", "this server is not known by that name"), 421);
    }
    const origin = context.req.header("origin");
    if (origin !== undefined && origin.toLowerCase() !== `http://${host}`) {
      return context.json(refusal("foreign-origin", "requests of other pages are refused"), 403);
    }
    return next();
  };
}

const digest = (text: string) => createHash("sha256").update(text).digest();

/** Whether a request carries the token. It takes the same time whatever is given. */
export function tokenCheck(token: string): (authorization: string | undefined) => boolean {
  const wanted = digest(`Bearer ${token}`);
  return (authorization) => timingSafeEqual(digest(authorization ?? ""), wanted);
}

/** Lets requests pass that carry the token. */
export function tokenGuard(holds: (authorization: string | undefined) => boolean): MiddlewareHandler {
  return async (context, next) => {
    if (holds(context.req.header("authorization"))) return next();
    const message = "starting, stopping and deleting need the token that `sluice lab` prints";
    return context.json(refusal("token", message), 401);
  };
}

/** Headers that keep a page to its own origin and isolate it, as threads of WebAssembly want it. */
export const pageHeaders: MiddlewareHandler = secureHeaders({
  contentSecurityPolicy: {
    defaultSrc: ["'none'"],
    scriptSrc: ["'self'", "'wasm-unsafe-eval'"],
    workerSrc: ["'self'", "blob:"],
    styleSrc: ["'self'"],
    imgSrc: ["'self'", "data:", "blob:"],
    connectSrc: ["'self'"],
    baseUri: ["'none'"],
    formAction: ["'none'"],
    frameAncestors: ["'none'"],
  },
  crossOriginOpenerPolicy: "same-origin",
  crossOriginEmbedderPolicy: "require-corp",
  crossOriginResourcePolicy: "same-origin",
  referrerPolicy: "no-referrer",
  xFrameOptions: "DENY",
  // Over HTTP on one's own machine it would lock the port's other users out.
  strictTransportSecurity: false,
});
