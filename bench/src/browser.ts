import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath, pathToFileURL } from "node:url";
import { peersFolder } from "./peers.ts";
import { peakMemoryMb, processTree } from "./process.ts";
import type { Entrant, Running } from "./runner.ts";
import { serveFolders } from "./static-server.ts";

const requirePeer = createRequire(peersFolder);
const folderOf = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));

/** Chromium from Debian where it is installed, else the one that comes with the peers' packages. */
async function chromiumPath(): Promise<string> {
  const installed = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(existsSync);
  if (installed) return installed;
  const { default: chromium } = await import(pathToFileURL(requirePeer.resolve("@sparticuz/chromium")).href);
  return chromium.executablePath();
}

/** Peak memory of the process that runs the page (the largest renderer). */
function rendererPeakMb(browserPid: number): number | null {
  const isRenderer = (pid: number) => readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("--type=renderer");
  const peaks = processTree(browserPid)
    .filter(isRenderer)
    .map((pid) => peakMemoryMb(pid) ?? 0);
  return peaks.length === 0 ? null : Math.max(...peaks);
}

/** Starts one browser with one page for one contestant. */
async function startPage(module: string, fixtureFolder: string): Promise<Running> {
  const { chromium } = requirePeer("playwright-core");
  const server = await serveFolders({
    "/bench/": folderOf(".."),
    "/library/": folderOf("../../library"),
    "/modules/": folderOf("../../node_modules"),
    "/fixture/": fixtureFolder,
  });
  const closers: (() => unknown)[] = [server.close];
  const close = async () => {
    for (const closer of closers.reverse()) await closer();
  };
  try {
    const browserServer = await chromium.launchServer({
      executablePath: await chromiumPath(),
      headless: true,
      // The page is our own and only loads from loopback; containers seldom allow the sandbox.
      args: ["--no-sandbox"],
    });
    closers.push(() => browserServer.close());
    const browser = await chromium.connect(browserServer.wsEndpoint());
    closers.push(() => browser.close());
    const page = await browser.newPage();
    page.setDefaultTimeout(0);
    const problems: string[] = [];
    page.on("pageerror", (error: Error) => problems.push(error.message));
    await page.addInitScript(() => {
      Object.defineProperty(Navigator.prototype, "hardwareConcurrency", { get: () => 2 });
    });
    await page.goto(`${server.origin}/bench/src/browser-page.html`);
    await page
      .waitForFunction(() => "prepare" in window, null, { timeout: 30_000 })
      .catch(() => {
        throw new Error(`the page did not start: ${problems.join("; ")}`);
      });
    const about = await page.evaluate((path: string) => (window as any).prepare(path), module);
    return {
      about: { ...about, chromium: browser.version() },
      pid: browserServer.process().pid,
      run: (steps) => page.evaluate((count: number) => (window as any).run(count), steps),
      peakMb: () => rendererPeakMb(browserServer.process().pid),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Ours on ONNX Runtime Web and jax-js, each in a page of its own in the same headless, cross-origin isolated Chromium. */
export function browserEntrants(): Entrant[] {
  return [
    { name: "ours", start: (folder) => startPage("/bench/src/ours/browser-contestant.ts", folder) },
    { name: "jax-js", start: (folder) => startPage("/bench/peers/jax-browser.js", folder) },
  ];
}
