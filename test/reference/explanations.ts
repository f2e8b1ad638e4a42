/** f64 references of the explanations (attack/explanations.ts): raw maps, signed, of blocks and of pixels. */
import { extents4, type Nd, nd } from './nd.js';

const total = (values: Float64Array) => values.reduce((sum, value) => sum + value, 0);

/** The weight of one channel at each of its cells: A and g are the channel's cells. */
const channelWeights: Readonly<Record<string, (a: Float64Array, g: Float64Array) => Float64Array>> = {
  gradcam: (_, g) => g.map(() => total(g) / g.length),
  'gradcam++': (a, g) => {
    const sum = total(a);
    const alpha = g.map((v) => v ** 2 / (2 * v ** 2 + sum * v ** 3 + 1e-6));
    const weight = total(alpha.map((v, i) => v * Math.max(g[i]!, 0)));
    return g.map(() => weight);
  },
  hirescam: (_, g) => g,
  layercam: (_, g) => g.map((v) => Math.max(v, 0)),
  xgradcam: (a, g) => {
    const sum = total(a) + 1e-7;
    const weight = total(g.map((v, i) => (v * a[i]!) / sum));
    return g.map(() => weight);
  },
};

export const BLOCK_EXPLANATIONS = Object.keys(channelWeights);

/** Activations and gradients [n, k, h, w] -> [n, 1, h, w]. */
export function blockMap(explanation: string, activations: Nd, gradients: Nd): Nd {
  const [n, k, h, w] = extents4(activations);
  const plane = h * w;
  const map = nd([n, 1, h, w]);
  for (let b = 0; b < n; b++)
    for (let channel = 0; channel < k; channel++) {
      const from = (b * k + channel) * plane;
      const a = Float64Array.from(activations.data.subarray(from, from + plane));
      const g = Float64Array.from(gradients.data.subarray(from, from + plane));
      const weights = channelWeights[explanation]!(a, g);
      for (let i = 0; i < plane; i++) map.data[b * plane + i]! += weights[i]! * a[i]!;
    }
  return map;
}

/** Images and gradients [n, 3, h, w] -> [n, 1, h, w]. */
export function pixelMap(explanation: 'saliency' | 'input-x-gradient', x: Nd, gradients: Nd): Nd {
  const [n, , h, w] = extents4(x);
  const plane = h * w;
  const map = nd([n, 1, h, w]);
  for (let b = 0; b < n; b++)
    for (let i = 0; i < plane; i++) {
      const at = (c: number) => (3 * b + c) * plane + i;
      const g = [0, 1, 2].map((c) => gradients.data[at(c)]!);
      map.data[b * plane + i] =
        explanation === 'saliency'
          ? Math.max(...g.map(Math.abs))
          : g.reduce((sum, v, c) => sum + v * x.data[at(c)]!, 0);
    }
  return map;
}
