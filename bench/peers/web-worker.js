import { resolveObjectURL } from "node:buffer";
import { Worker as NodeWorker } from "node:worker_threads";

const prelude = `
const { parentPort } = require("node:worker_threads");
globalThis.self = globalThis;
globalThis.postMessage = (message) => parentPort.postMessage(message);
parentPort.on("message", (data) => self.onmessage({ data }));
`;

/**
 * The part of the browser's `Worker` that jax-js uses, on Node's threads. Without a global `Worker` jax-js runs its
 * kernels on one thread in Node; with this one it uses as many as in a browser.
 */
class BlobWorker {
  onmessage = null;
  onerror = null;
  #queue = [];
  #worker = null;

  constructor(url) {
    resolveObjectURL(url)
      .text()
      .then((source) => {
        this.#worker = new NodeWorker(prelude + source, { eval: true });
        this.#worker.unref();
        this.#worker.on("message", (data) => this.onmessage?.({ data }));
        this.#worker.on("error", (error) => this.onerror?.(error));
        for (const message of this.#queue) this.#worker.postMessage(message);
      });
  }

  postMessage(message) {
    if (this.#worker) this.#worker.postMessage(message);
    else this.#queue.push(message);
  }
}

/** Defines `Worker` and makes `navigator.hardwareConcurrency` say `threads`, before jax-js is imported. */
export function installWorkers(threads) {
  globalThis.Worker = BlobWorker;
  Object.defineProperty(globalThis.navigator, "hardwareConcurrency", { value: threads, configurable: true });
}
