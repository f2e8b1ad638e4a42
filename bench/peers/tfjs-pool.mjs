/** The gradient of max-pooling in TensorFlow.js, by what its backends have. */
import * as tf from '@tensorflow/tfjs-core';

/** @param {'webgpu' | 'wasm'} backend @returns a function of dy, the input, the output and the pool's attributes */
export const maxPoolGradient = (backend) => (backend === 'wasm' ? byComparison : byKernel);

function byKernel(dy, input, output, attributes) {
  return tf.engine().runKernel('MaxPoolGrad', { dy, input, output }, attributes);
}

/** The wasm backend lacks that kernel. Where windows lie apart, the gradient goes to the maximum; ties are of zeros, which the ReLU before it stops. */
function byComparison(dy, input, output, { filterSize, strides, pad }) {
  if (filterSize.join() !== strides.join() || pad !== 0)
    throw new Error('tfjs: no overlapping max-pooling in wasm here');
  const up = (t) => tf.image.resizeNearestNeighbor(t, input.shape.slice(1, 3));
  return tf.mul(up(dy), tf.cast(tf.equal(input, up(output)), 'float32'));
}
