/**
 * What every worker in Node does: takes requests from run.mjs, one JSON line each on stdin, and answers on stdout. Lines of
 * ours begin with a mark, since libraries print on stdout, too. pytorch.py speaks the same.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

export const MARK = '@@';

/**
 * A unit of work made ready.
 * @typedef {object} Load
 * @property {(times: number) => unknown} run does it that often; resolves when all of it is computed
 * @property {() => Promise<Float32Array> | Float32Array} output of the last run, in the order of PyTorch (NCHW)
 * @property {() => void} [dispose]
 */

/** Answers requests until stdin ends. `handlers`: `open`, `load`, and whatever else run.mjs may ask this worker. */
export function serve(handlers) {
  /** @type {Load | undefined} */
  let current;
  const all = {
    ...handlers,
    async load(request) {
      current = await handlers.load(request);
      // The first run compiles and warms up; the values that are compared are its.
      await current.run(1);
      const values = await current.output();
      const file = `output-${process.pid}.f32`;
      writeFileSync(
        join(request.folder, file),
        new Uint8Array(values.buffer, values.byteOffset, values.byteLength),
      );
      return { file };
    },
    async sample({ times }) {
      const start = performance.now();
      await current.run(times);
      return { ms: (performance.now() - start) / times };
    },
    unload() {
      current?.dispose?.();
      current = undefined;
      return {};
    },
  };
  // What libraries say is for people, not for run.mjs.
  console.log = console.info = console.error;
  let queue = Promise.resolve();
  const requests = createInterface({ input: process.stdin });
  requests.on('line', (line) => {
    queue = queue.then(() => answer(all, JSON.parse(line)));
  });
  // Done, or run.mjs is gone: an open device or a thread would keep this process alive.
  requests.on('close', () => queue.then(() => process.exit(0)));
}

async function answer(handlers, request) {
  let reply;
  try {
    reply = { result: await handlers[request.do](request) };
  } catch (error) {
    reply = { error: error instanceof Error ? error.message : String(error?.message ?? error) };
  }
  process.stdout.write(`${MARK}${JSON.stringify(reply)}\n`);
}

/** A tensor of the work folder. */
export function readTensor(folder, { file }) {
  const bytes = readFileSync(join(folder, file));
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
}
