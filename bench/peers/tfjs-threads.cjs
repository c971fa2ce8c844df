const os = require("node:os");
const path = require("node:path");
const workerThreads = require("node:worker_threads");

const folder = path.join(path.dirname(require.resolve("@tensorflow/tfjs-backend-wasm/package.json")), "wasm-out");
const moduleFile = path.join(folder, "tfjs-backend-wasm-threaded-simd.js");
// The file keeps the worker's source in a template literal, where its escaped line breaks became real ones.
const { wasmWorkerContents } = require(path.join(folder, "tfjs-backend-wasm-threaded-simd.worker.js"));
const workerSource = wasmWorkerContents.replace(/\n/g, "\\n");

/**
 * TensorFlow.js turns threads off in Node because its WASM backend starts workers from blob addresses, which Node cannot
 * open. This worker runs the same source and points it at the same WASM module as a file.
 */
class FileWorker extends workerThreads.Worker {
  constructor() {
    super(workerSource, { eval: true });
  }

  postMessage(message, transfer) {
    super.postMessage(message.cmd === "load" ? { ...message, urlOrBlob: moduleFile } : message, transfer);
  }
}

/** Loads TensorFlow.js with its WASM backend on `threads` threads. */
exports.loadTensorFlow = async (threads) => {
  workerThreads.Worker = FileWorker;
  // The backend takes at most half of the cores it sees.
  os.cpus = () => Array(2 * threads).fill({});
  const tf = require("@tensorflow/tfjs");
  const { setThreadsCount, getThreadsCount } = require("@tensorflow/tfjs-backend-wasm");
  tf.env().set("WASM_HAS_MULTITHREAD_SUPPORT", true);
  setThreadsCount(threads);
  await tf.setBackend("wasm");
  await tf.ready();
  return { tf, threads: getThreadsCount() };
};
