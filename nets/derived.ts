/** Tensors made from a file's: what differs in form between files of one function. */
import type { HostTensor } from '../weights/tensors.js';

/** An f32 tensor whose values are made once, when first asked for. */
export function derivedTensor(shape: readonly number[], make: () => Float32Array): HostTensor {
  let values: Float32Array | undefined;
  return {
    shape,
    dtype: 'f32',
    toFloat32() {
      values ??= make();
      return values;
    },
  };
}

export function zeros(shape: readonly number[]): HostTensor {
  return derivedTensor(shape, () => new Float32Array(shape.reduce((product, size) => product * size, 1)));
}

/** A batch-norm's running mean with the bias of the convolution in front of it taken in: norm(y + b) has the mean less b. */
export function meanWithoutBias(mean: HostTensor, bias: HostTensor): HostTensor {
  return derivedTensor(mean.shape, () => {
    const shift = bias.toFloat32();
    return mean.toFloat32().map((value, i) => value - shift[i]!);
  });
}

/** A row of zeros before the only one: the softmax of (0, z) is the sigmoid of z. */
export function twoRows(tensor: HostTensor): HostTensor {
  const [, ...rest] = tensor.shape;
  return derivedTensor([2, ...rest], () => {
    const row = tensor.toFloat32();
    const out = new Float32Array(2 * row.length);
    out.set(row, row.length);
    return out;
  });
}

export function sameValues(a: HostTensor, b: HostTensor): boolean {
  if (a.shape.join() !== b.shape.join()) return false;
  const other = b.toFloat32();
  return a.toFloat32().every((value, i) => value === other[i]);
}
