/**
 * Threads for tfjs-backend-wasm in Node, which the package itself switches off (its issue 3830): it hands workers their code as
 * `blob:` addresses, which Node's Worker doesn't open. Here each worker gets the same code from the package's files.
 */
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const require = createRequire(import.meta.url);

/**
 * Call before the backend is imported.
 * @param {number} count
 * @returns the folder of its wasm files, with a slash
 */
export function allowThreads(count) {
  const folder = join(dirname(require.resolve('@tensorflow/tfjs-backend-wasm/package.json')), 'wasm-out');
  const worker = require(join(folder, 'tfjs-backend-wasm-threaded-simd.worker.js'));
  // Its template literal turned the escaped line breaks inside strings into real ones.
  const code = worker.wasmWorkerContents.replace(/\n/g, '\\n');
  const factory = join(folder, 'tfjs-backend-wasm-threaded-simd.js');
  const threads = require('node:worker_threads');

  class FileWorker extends threads.Worker {
    constructor(address, options) {
      const blob = String(address).startsWith('blob:');
      super(blob ? code : address, blob ? { ...options, eval: true } : options);
    }

    postMessage(message, transfer) {
      const load = message?.cmd === 'load';
      super.postMessage(load ? { ...message, urlOrBlob: factory } : message, transfer);
    }
  }
  threads.Worker = FileWorker;
  // Its pool is made while it loads, for half of the machine's cores; `setThreadsCount` comes too late to enlarge it.
  require('node:os').cpus = () => Array.from({ length: 2 * count });
  return `${folder}/`;
}
