/**
 * onnxruntime does the work, forward only: `node ort.mjs node|web --provider cpu|wasm|webgpu [--threads N]`. The model is
 * written by onnx.mjs; onnxruntime optimises it as it likes when it loads it.
 */
import { parseArgs } from 'node:util';
import { onnxModel } from './onnx.mjs';
import { readTensor, serve } from './worker.mjs';

const { values: args, positionals } = parseArgs({
  allowPositionals: true,
  options: { provider: { type: 'string' }, threads: { type: 'string' }, dawn: { type: 'string' } },
});
const [build] = positionals;
const { provider } = args;
const threads = Number(args.threads ?? 1);
let ort;

serve({
  async open() {
    if (build === 'web') {
      ort = await import('onnxruntime-web');
      ort.env.wasm.numThreads = threads;
      return { version: `onnxruntime-web ${ort.env.versions.common}`, said: `SIMD, ${threads} threads` };
    }
    if (provider === 'webgpu') await setDriver();
    ort = (await import('onnxruntime-node')).default;
    const offered = ort.listSupportedBackends().map(({ name }) => name);
    if (!offered.includes(provider)) {
      throw new Error(
        `onnxruntime-node has no provider ${provider} on ${process.platform}-${process.arch}, only ${offered.join(', ')}`,
      );
    }
    return {
      version: `onnxruntime-node ${ort.env.versions.common}`,
      said: provider === 'cpu' ? `${threads} threads` : provider,
    };
  },

  async load({ folder, unit }) {
    const onGpu = provider === 'webgpu';
    const session = await ort.InferenceSession.create(onnxModel(folder, unit), {
      executionProviders: [provider],
      graphOptimizationLevel: 'all',
      logSeverityLevel: 3,
      ...(onGpu ? {} : { intraOpNumThreads: threads }),
    });
    const feeds = { x: new ort.Tensor('float32', readTensor(folder, unit.input), unit.input.shape) };
    let outputs;
    return {
      async run(times) {
        for (let i = 0; i < times; i++) outputs = await session.run(feeds);
      },
      output: () => outputs.y.data,
      dispose: () => session.release(),
    };
  },
});

/** Its Dawn is built in, so only the driver's settings can be shared. */
async function setDriver() {
  const { prepareDriver } = await import(args.dawn);
  prepareDriver();
}
