/**
 * TensorFlow.js does the work: `node tfjs.mjs webgpu|wasm [--throttled] [--threads N] --dawn BUNDLE`.
 * Its nets are written as a user would who wants them fast: NHWC, convolution with bias and ReLU fused, batch-norm folded, and
 * gradients towards the input only (tfjs's own gradient of a fused convolution computes the filter's as well). Every gradient
 * is given here, by tfjs's kernels: its bundle for Node registers none.
 */
import { parseArgs } from 'node:util';
import * as tf from '@tensorflow/tfjs-core';
import { maxPoolGradient } from './tfjs-pool.mjs';
import { buildTraining } from './tfjs-training.mjs';
import { readTensor, serve } from './worker.mjs';

const { values: args, positionals } = parseArgs({
  allowPositionals: true,
  options: { throttled: { type: 'boolean' }, threads: { type: 'string' }, dawn: { type: 'string' } },
});
const [backend] = positionals;

serve({
  async open() {
    const said = backend === 'webgpu' ? await openWebGpu() : await openWasm();
    tf.enableProdMode();
    if (!(await tf.setBackend(backend))) throw new Error(`tfjs: the backend ${backend} does not start`);
    return { version: `tfjs ${tf.version_core}`, said: said() };
  },

  async load({ folder, unit }) {
    const { shape } = unit.input;
    const x = tf.tidy(() => toNhwc(tf.tensor(readTensor(folder, unit.input), shape)));
    if (unit.mode === 'train') return loadTraining(folder, unit, x);
    const net = buildNet(folder, unit);
    const work = unit.mode === 'gradient' ? gradientOf(net, unit) : net.run;
    let y;
    return {
      run(times) {
        for (let i = 0; i < times; i++) {
          y?.dispose();
          y = tf.tidy(() => work(x));
        }
        return finish();
      },
      output: async () => {
        const nchw = tf.tidy(() => (y.rank === 4 ? tf.transpose(y, [0, 3, 1, 2]) : y.clone()));
        const values = await nchw.data();
        nchw.dispose();
        return values;
      },
      dispose() {
        for (const tensor of [x, y, ...net.constants]) tensor?.dispose();
      },
    };
  },
});

function loadTraining(folder, unit, x) {
  const training = buildTraining(folder, unit, backend);
  return {
    run(times) {
      for (let i = 0; i < times; i++) training.step(x);
      return finish();
    },
    output: () => training.velocities(),
    dispose() {
      training.dispose();
      x.dispose();
    },
  };
}

async function openWebGpu() {
  const { installWebGpu } = await import(args.dawn);
  const adapter = await installWebGpu(args.throttled ?? false);
  await import('@tensorflow/tfjs-backend-webgpu');
  return () => `${adapter}, polling ${args.throttled ? 'throttled' : 'as it comes'}`;
}

async function openWasm() {
  const threads = Number(args.threads ?? 2);
  const { allowThreads } = await import('./tfjs-threads.mjs');
  const folder = allowThreads(threads);
  const { default: wasm } = await import('@tensorflow/tfjs-backend-wasm/dist/tf-backend-wasm.node.js');
  wasm.setWasmPaths(folder);
  wasm.setThreadsCount(threads);
  // tfjs answers no for every Node; see tfjs-threads.mjs.
  tf.env().set('WASM_HAS_MULTITHREAD_SUPPORT', threads > 1);
  return () => `SIMD, ${threads > 1 ? wasm.getThreadsCount() : 1} threads`;
}

/** Resolves when everything is computed, without reading anything back. */
function finish() {
  const { queue } = tf.backend();
  if (!queue) return;
  tf.backend().ensureCommandEncoderReady();
  tf.backend().endComputePassEncoder();
  tf.backend().submitQueue();
  return queue.onSubmittedWorkDone();
}

const toNhwc = (x) => (x.rank === 4 ? tf.transpose(x, [0, 2, 3, 1]) : x);

/** The unit's ops as a function of x; a convolution takes its ReLU with it where nothing else reads what is between. */
function buildNet(folder, unit) {
  const constants = [];
  const constant = (name, arrange = (t) => t) => {
    const stored = unit.tensors[name];
    const tensor = tf.tidy(() => arrange(tf.tensor(readTensor(folder, stored), stored.shape)));
    constants.push(tensor);
    return tensor;
  };
  const readers = new Map();
  for (const node of unit.nodes)
    for (const input of node.inputs) readers.set(input, [...(readers.get(input) ?? []), node]);
  const steps = [];
  const alias = new Map();
  for (const node of unit.nodes) {
    if (alias.has(node.id)) continue;
    const [next, ...others] = readers.get(node.id) ?? [];
    const fuse = (node.op === 'conv2d' || node.op === 'add') && next?.op === 'relu' && others.length === 0;
    const apply = BUILD[node.op]?.(node, constant, fuse);
    if (!apply) throw new Error(`tfjs: no ${node.op} here`);
    if (fuse) alias.set(next.id, node.id);
    steps.push({ apply, id: node.id, inputs: node.inputs.filter((name) => !(name in unit.tensors)) });
  }
  const nameOf = (id) => alias.get(id) ?? id;
  const run = (x) => {
    const values = new Map([['x', x]]);
    for (const { apply, id, inputs } of steps)
      values.set(id, apply(...inputs.map((name) => values.get(nameOf(name)))));
    return values.get(nameOf(unit.output));
  };
  return { run, constants };
}

/** Through ReLU: y is its result. */
const reluGradient = (dy, y) => tf.mul(dy, tf.step(y));

const BUILD = {
  scaleShift({ inputs: [, scale, shift] }, constant) {
    const [a, b] = [constant(scale), constant(shift)];
    return tf.customGrad((x) => ({ value: tf.add(tf.mul(x, a), b), gradFunc: (dy) => tf.mul(dy, a) }));
  },
  conv2d({ inputs: [, weight, bias], attributes }, constant, relu) {
    const filter = constant(weight, (w) => tf.transpose(w, [2, 3, 1, 0]));
    const { stride: strides, padding } = attributes;
    const pad = padding[0];
    const settings = {
      filter,
      strides,
      pad,
      ...(bias ? { bias: constant(bias) } : {}),
      ...(relu ? { activation: 'relu' } : {}),
    };
    return tf.customGrad((x, save) => {
      const y = tf.fused.conv2d({ x, ...settings });
      const { shape } = x;
      save([y]);
      const gradFunc = (dy, [saved]) =>
        tf.conv2dTranspose(relu ? reluGradient(dy, saved) : dy, filter, shape, strides, pad);
      return { value: y, gradFunc };
    });
  },
  matmul({ inputs: [, weight, bias], attributes }, constant) {
    const b = constant(weight);
    const { transposeA, transposeB } = attributes;
    const settings = { b, transposeA, transposeB, ...(bias ? { bias: constant(bias) } : {}) };
    return tf.customGrad((a) => ({
      value: tf.fused.matMul({ a, ...settings }),
      gradFunc: (dy) => tf.matMul(dy, b, false, !transposeB),
    }));
  },
  relu: () =>
    tf.customGrad((x, save) => {
      const y = tf.relu(x);
      save([y]);
      return { value: y, gradFunc: (dy, [saved]) => reluGradient(dy, saved) };
    }),
  add: (_node, _constant, relu) =>
    tf.customGrad((a, b, save) => {
      const y = relu ? tf.relu(tf.add(a, b)) : tf.add(a, b);
      save([y]);
      return {
        value: y,
        gradFunc: (dy, [saved]) => {
          const d = relu ? reluGradient(dy, saved) : dy;
          // Two tensors: the tape disposes of each when it has summed it up.
          return [d, d.clone()];
        },
      };
    }),
  maxPool2d({ attributes: { kernel: filterSize, stride: strides, padding } }) {
    const pad = padding[0];
    return tf.customGrad((x, save) => {
      const y = tf.maxPool(x, filterSize, strides, pad);
      save([x, y]);
      return {
        value: y,
        gradFunc: (dy, [input, output]) =>
          maxPoolGradient(backend)(dy, input, output, { filterSize, strides, pad }),
      };
    });
  },
  adaptiveAvgPool2d({ attributes: { size } }) {
    if (size.join() !== '1,1') throw new Error(`tfjs: no adaptive pooling to ${size.join('x')} here`);
    return tf.customGrad((x) => {
      const { shape } = x;
      const [n, h, w, c] = shape;
      const gradFunc = (dy) => tf.mul(tf.reshape(dy, [n, 1, 1, c]), tf.fill(shape, 1 / (h * w)));
      return { value: tf.mean(x, [1, 2]), gradFunc };
    });
  },
  reshape: ({ shape }) =>
    tf.customGrad((x) => {
      const from = x.shape;
      if (x.rank === 4 && from[1] * from[2] > 1)
        throw new Error('tfjs: no flattening of more than one pixel here');
      return { value: tf.reshape(x, shape), gradFunc: (dy) => tf.reshape(dy, from) };
    }),
};

function gradientOf(net, unit) {
  const crossEntropy = tf.customGrad((logits, save) => {
    const probabilities = tf.softmax(logits);
    const truth = tf.oneHot(tf.tensor1d(unit.labels, 'int32'), logits.shape[1]).cast('float32');
    save([probabilities, truth]);
    const loss = tf.neg(tf.sum(tf.log(tf.sum(tf.mul(probabilities, truth), 1))));
    return { value: loss, gradFunc: (dy, [p, t]) => tf.mul(tf.sub(p, t), dy) };
  });
  return tf.grad((x) => crossEntropy(net.run(x)));
}
