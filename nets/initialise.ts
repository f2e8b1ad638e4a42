/** Fresh parameters for a spec: He et al. 2015's initialisation, as torchvision's, from a seed. What training starts from and benchmarks run on. */
import { sizeOf } from '../engine/graph.js';
import type { HostTensor } from '../weights/tensors.js';
import { parameterNames } from './families.js';
import type { Model } from './model.js';
import type { NetSpec } from './spec.js';

/**
 * A net with random weights: weights normal with deviation sqrt(2 / fan-in), biases 0, batch-norm the identity.
 * The same seed gives the same net.
 */
export function initialiseModel(spec: NetSpec, seed = 0): Model {
  const params = new Map<string, HostTensor>();
  let stream = seed >>> 0;
  for (const [name, shape] of parameterNames(spec)) {
    stream = (Math.imul(stream, 0x9e3779b1) + 0x7f4a7c15) >>> 0;
    params.set(name, hostTensor(shape, initialValues(name, shape, stream)));
  }
  const labels = Array.from({ length: spec.classes }, (_, i) => `class ${i}`);
  return { name: spec.arch, spec, params, labels, assumptions: [], open: [] };
}

function hostTensor(shape: readonly number[], data: Float32Array): HostTensor {
  return { shape, dtype: 'f32', toFloat32: () => data };
}

function initialValues(name: string, shape: readonly number[], seed: number): Float32Array {
  const values = new Float32Array(sizeOf(shape));
  if (shape.length === 1) return values.fill(/(weight|running_var)$/.test(name) ? 1 : 0);
  return normal(values, Math.sqrt(2 / sizeOf(shape.slice(1))), seed);
}

/** Fills with normal values of that deviation (Box and Muller 1958) from a 32-bit xorshift stream. */
function normal(values: Float32Array, deviation: number, seed: number): Float32Array {
  let state = seed || 1;
  const uniform = () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return ((state >>> 0) + 0.5) / 2 ** 32;
  };
  for (let i = 0; i < values.length; i += 2) {
    const radius = deviation * Math.sqrt(-2 * Math.log(uniform()));
    const angle = 2 * Math.PI * uniform();
    values[i] = radius * Math.cos(angle);
    if (i + 1 < values.length) values[i + 1] = radius * Math.sin(angle);
  }
  return values;
}
