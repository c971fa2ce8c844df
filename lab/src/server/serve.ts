import { once } from "node:events";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { createAdaptorServer } from "@hono/node-server";
import type { Store } from "../store/store.ts";
import { labApp } from "./app.ts";
import type { Shelf } from "./catalogue.ts";
import { isLoopback, namesOf, tokenFor } from "./guard.ts";
import { LiveRuns } from "./live-runs.ts";

export interface ServeOptions {
  readonly store: Store;
  readonly shelf: Shelf;
  /** Folder of the built page. */
  readonly page: string;
  /** 0 takes any free one. */
  readonly port: number;
  /** What to listen on. Default: this machine alone */
  readonly host?: string;
  /** Default: a new one; must be chosen where others can reach the server. */
  readonly token?: string;
}

export interface LabServer {
  /** Address of the page. */
  readonly address: string;
  /** The same with the token behind the `#`, which a browser sends to nobody. */
  readonly opened: string;
  readonly token: string;
  /** Stops the runs, letting them save their state, and the server. */
  close(): Promise<void>;
}

/**
 * Starts the lab's server.
 *
 * @throws ExposedError when others could reach it and no token was chosen
 */
export async function serveLab(options: ServeOptions): Promise<LabServer> {
  const { store, shelf, page, port, host = "127.0.0.1" } = options;
  const token = tokenFor(host, options.token);
  const live = new LiveRuns(store);
  const app = labApp({ store, shelf, live, token, page, names: namesOf(host) });
  const server = createAdaptorServer({ fetch: app.fetch }) as Server;
  server.listen(port, host);
  await once(server, "listening");
  const name = isLoopback(host) ? host : host === "0.0.0.0" || host === "::" ? "localhost" : host;
  const address = `http://${name.includes(":") ? `[${name}]` : name}:${(server.address() as AddressInfo).port}/`;
  return {
    address,
    opened: `${address}#token=${encodeURIComponent(token)}`,
    token,
    async close() {
      await live.close();
      server.close();
      // Event streams would keep it open for as long as somebody watches.
      server.closeAllConnections();
    },
  };
}
