import { spawn } from "node:child_process";
import { once } from "node:events";
import { type Command, InvalidArgumentError } from "commander";
import { loadShelf } from "../../server/catalogue.ts";
import { buildPage, pageFolder, pageIsStale } from "../../server/page-files.ts";
import { serveLab } from "../../server/serve.ts";
import { example, papersOption, type Session, withStore } from "../session.ts";

interface LabFlags {
  readonly port: number;
  readonly host: string;
  readonly token?: string;
  readonly open: boolean;
  readonly papers?: string;
}

export function addLab(program: Command, { terminal }: Session): void {
  const command = program
    .command("lab")
    .description("open the page: catalogue, live runs, and experiments in the browser")
    .option("--port <number>", "port to listen on; 0 takes a free one", portNumber, 4747)
    .option("--host <name>", "address to listen on; others than this machine's own need --token", "127.0.0.1")
    .option("--token <text>", "what starting and stopping ask for (default: a new one each time)")
    .option("--no-open", "do not open a browser")
    .action(async ({ port, host, token, open, papers }: LabFlags) => {
      if (pageIsStale()) {
        terminal.err("building the page");
        await buildPage();
      }
      const shelf = await loadShelf(papers);
      for (const [id, problem] of shelf.problems) terminal.err(`${id} cannot be loaded: ${problem}`);
      await withStore(async (store) => {
        const server = await serveLab({ store, shelf, page: pageFolder, port, host, token });
        terminal.out(server.opened);
        terminal.err("Ctrl-C ends it; runs save their state and can be resumed");
        if (open) openBrowser(server.opened);
        const stopping = new AbortController();
        await Promise.race(["SIGINT", "SIGTERM"].map((signal) => once(process, signal, { signal: stopping.signal })));
        stopping.abort();
        terminal.err("stopping");
        await server.close();
      });
    });
  papersOption(command);
  example(command, "npx sluice lab", "http://127.0.0.1:4747/#token=…");
}

function portNumber(text: string): number {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 0 || port > 65535)
    throw new InvalidArgumentError("a port is wanted: 0 … 65535.");
  return port;
}

/** Opens an address in the visitor's browser; where there is none, the printed address remains. */
function openBrowser(address: string): void {
  const [program, ...words] = { darwin: ["open"], win32: ["cmd", "/c", "start", ""] }[process.platform as string] ?? [
    "xdg-open",
  ];
  const child = spawn(program, [...words, address], { stdio: "ignore", detached: true });
  child.on("error", () => {});
  child.unref();
}
