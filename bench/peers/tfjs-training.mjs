/**
 * A training step by TensorFlow.js: the forward pass keeps what its ops need, and a pass back over them gives the gradient of every
 * parameter, each op by the fewest of tfjs's kernels. By hand, since tfjs's bundle for Node registers no gradients, and its tape would
 * differentiate batch-norm piece by piece.
 */
import * as tf from '@tensorflow/tfjs-core';
import { maxPoolGradient } from './tfjs-pool.mjs';
import { readTensor } from './worker.mjs';

/**
 * @param {'webgpu' | 'wasm'} backend
 * @returns a step on x [n, h, w, 3], and the velocities after the first, in the order and the layouts of the unit's parameters
 */
export function buildTraining(folder, unit, backend) {
  const { rate, momentum, parameters } = unit.training;
  const learned = new Map(
    parameters.map(({ id, decay }) => {
      const { shape } = unit.tensors[id];
      const value = tf.tidy(() => toTfjs(tf.tensor(readTensor(folder, unit.tensors[id]), shape)));
      return [id, { decay, weight: value, velocity: tf.zerosLike(value) }];
    }),
  );
  const constants = new Map(
    Object.entries(unit.tensors)
      .filter(([id]) => !learned.has(id))
      .map(([id, stored]) => [id, tf.tensor(readTensor(folder, stored), stored.shape)]),
  );
  const labels = tf.tidy(() => tf.oneHot(tf.tensor1d(unit.labels, 'int32'), 10).cast('float32'));
  // Batch-norm finds the moments itself.
  const nodes = unit.nodes.filter(({ op }) => op !== 'batchMoments');
  let first;

  const gradients = (x) => {
    const values = new Map([['x', x], ...constants]);
    for (const [id, { weight }] of learned) values.set(id, weight);
    const backward = [];
    for (const { id, op, attributes, inputs, shape } of nodes) {
      const operands = inputs.map((input) => values.get(input));
      const { y, back } = OPS[op](operands, attributes, { shape, backend });
      values.set(id, y);
      backward.push({ id, inputs, back });
    }
    const cotangents = new Map([
      [unit.output, tf.div(tf.sub(tf.softmax(values.get(unit.output)), labels), unit.batch)],
    ]);
    for (const { id, inputs, back } of backward.reverse()) {
      for (const [i, make] of back(cotangents.get(id)).entries()) {
        const input = inputs[i];
        // No bias, or what does not learn: the image and the constants.
        if (input === undefined || input === 'x' || constants.has(input)) continue;
        const sum = cotangents.get(input);
        cotangents.set(input, sum ? tf.add(sum, make()) : make());
      }
    }
    return new Map([...learned.keys()].map((id) => [id, cotangents.get(id)]));
  };

  return {
    step(x) {
      const kept = tf.tidy(() => {
        const next = [];
        for (const [id, gradient] of gradients(x)) {
          const { weight, velocity, decay } = learned.get(id);
          const decayed = decay > 0 ? tf.add(gradient, tf.mul(weight, decay)) : gradient;
          const v = tf.add(tf.mul(velocity, momentum), decayed);
          next.push(v, tf.sub(weight, tf.mul(v, rate)));
        }
        return next;
      });
      let at = 0;
      for (const each of learned.values()) {
        tf.dispose([each.weight, each.velocity]);
        [each.velocity, each.weight] = [kept[at++], kept[at++]];
      }
      first ??= [...learned.values()].map(({ velocity }) => tf.tidy(() => fromTfjs(velocity)));
    },
    async velocities() {
      const parts = await Promise.all(first.map((velocity) => velocity.data()));
      return Float32Array.from(parts.flatMap((part) => [...part]));
    },
    dispose() {
      tf.dispose([labels, ...constants.values(), ...(first ?? [])]);
      for (const { weight, velocity } of learned.values()) tf.dispose([weight, velocity]);
    },
  };
}

/** Kernels [out, in, h, w] as [h, w, in, out]; everything else as it is. */
const toTfjs = (t) => (t.rank === 4 ? tf.transpose(t, [2, 3, 1, 0]) : t);
const fromTfjs = (t) => (t.rank === 4 ? tf.transpose(t, [3, 2, 0, 1]) : t.clone());

/** Each: the value, and from its cotangent a function for the cotangent of each operand. */
const OPS = {
  scaleShift([x, scale, shift]) {
    return { y: tf.add(tf.mul(x, scale), shift), back: (dy) => [() => tf.mul(dy, scale)] };
  },
  conv2d([x, filter, bias], { stride, padding }, { backend }) {
    const pad = padding[0];
    const y = tf.conv2d(x, filter, stride, pad);
    return {
      y: bias ? tf.add(y, bias) : y,
      back: (dy) => [
        () => tf.conv2dTranspose(dy, filter, x.shape, stride, pad),
        () => filterGradient(x, dy, filter.shape, { strides: stride, pad }, backend),
        () => tf.sum(dy, [0, 1, 2]),
      ],
    };
  },
  batchNormTraining([x, gamma, beta], { epsilon }) {
    const { mean, variance } = tf.moments(x, [0, 1, 2]);
    const deviation = tf.rsqrt(tf.add(variance, epsilon));
    const normed = tf.mul(tf.sub(x, mean), deviation);
    const values = x.size / x.shape[3];
    const y = tf.add(tf.mul(normed, gamma), beta);
    const back = (dy) => {
      const dBeta = tf.sum(dy, [0, 1, 2]);
      const dGamma = tf.sum(tf.mul(dy, normed), [0, 1, 2]);
      const dx = () => {
        const centred = tf.sub(dy, tf.div(tf.add(dBeta, tf.mul(normed, dGamma)), values));
        return tf.mul(centred, tf.mul(gamma, deviation));
      };
      return [dx, () => dGamma, () => dBeta];
    };
    return { y, back };
  },
  relu([x]) {
    const y = tf.relu(x);
    return { y, back: (dy) => [() => tf.mul(dy, tf.step(y))] };
  },
  add: ([a, b]) => ({ y: tf.add(a, b), back: (dy) => [() => dy, () => dy] }),
  subsamplePad([x], { stride, channels }) {
    const [n, h, w, c] = x.shape;
    const before = Math.floor((channels - c) / 2);
    const y = tf.pad(tf.stridedSlice(x, [0, 0, 0, 0], x.shape, [1, stride, stride, 1]), [
      [0, 0],
      [0, 0],
      [0, 0],
      [before, channels - c - before],
    ]);
    const [, oh, ow] = y.shape;
    if (oh * stride !== h || ow * stride !== w) throw new Error('tfjs: no shortcut of odd sizes here');
    const spread = (t, inner) =>
      tf.pad(tf.reshape(t, [t.size / inner, 1, inner]), [
        [0, 0],
        [0, stride - 1],
        [0, 0],
      ]);
    const back = (dy) => [
      () => {
        const own = tf.slice(dy, [0, 0, 0, before], [n, oh, ow, c]);
        return tf.reshape(spread(spread(own, c), w * c), x.shape);
      },
    ];
    return { y, back };
  },
  maxPool2d([x], { kernel, stride, padding }, { backend }) {
    const attributes = { filterSize: kernel, strides: stride, pad: padding[0] };
    const y = tf.maxPool(x, kernel, stride, padding[0]);
    return { y, back: (dy) => [() => maxPoolGradient(backend)(dy, x, y, attributes)] };
  },
  adaptiveAvgPool2d([x], { size }) {
    if (size.join() !== '1,1') throw new Error(`tfjs: no adaptive pooling to ${size.join('x')} here`);
    const [n, h, w, c] = x.shape;
    const back = (dy) => [() => tf.mul(tf.reshape(dy, [n, 1, 1, c]), tf.fill(x.shape, 1 / (h * w)))];
    return { y: tf.mean(x, [1, 2], true), back };
  },
  reshape([x], _attributes, { shape }) {
    if (x.rank === 4 && x.shape[1] * x.shape[2] > 1)
      throw new Error('tfjs: no flattening of more than one pixel here');
    return { y: tf.reshape(x, shape), back: (dy) => [() => tf.reshape(dy, x.shape)] };
  },
  matmul([a, b, bias], { transposeA, transposeB }) {
    if (transposeA) throw new Error('tfjs: no transposed first operand here');
    const product = tf.matMul(a, b, false, transposeB);
    const back = (dy) => [
      () => tf.matMul(dy, b, false, !transposeB),
      () => (transposeB ? tf.matMul(dy, a, true) : tf.matMul(a, dy, true)),
      () => tf.sum(dy, 0),
    ];
    return { y: bias ? tf.add(product, bias) : product, back };
  },
};

/** Of x [n, h, w, in] and dy [n, oh, ow, out]: [kh, kw, in, out]. */
function filterGradient(x, dy, filterShape, { strides, pad }, backend) {
  if (backend === 'webgpu') {
    const attributes = { strides, pad, dataFormat: 'NHWC', filterShape };
    return tf.engine().runKernel('Conv2DBackpropFilter', { x, dy }, attributes);
  }
  // The wasm backend lacks that kernel: the same sum is a convolution with the images as channels and the strides as dilations.
  const swapped = tf.conv2d(
    tf.transpose(x, [3, 1, 2, 0]),
    tf.transpose(dy, [1, 2, 0, 3]),
    1,
    pad,
    'NHWC',
    strides,
  );
  const [kh, kw] = filterShape;
  const [channels, , , out] = swapped.shape;
  return tf.transpose(tf.slice(swapped, [0, 0, 0, 0], [channels, kh, kw, out]), [1, 2, 0, 3]);
}
