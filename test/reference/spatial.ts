/** f64 references of pooling, resizing and the option A shortcut: ops that pick or average pixels. */
import type { OpAttributes, WindowAttributes } from '../../engine/ops/attributes.js';
import { extents4, type Nd, nd, type Reference, type ReferenceName, sizeOf, windows } from './nd.js';

/** A linear map of pixels: the output's shape, and a visit of every non-zero weight. */
interface PixelMap {
  readonly shape: readonly number[];
  each(visit: (y: number, x: number, weight: number) => void): void;
}

/** Forward is the map, the vector-Jacobian product its transpose. */
function linearOp<K extends ReferenceName>(
  map: (attributes: OpAttributes[K], x: Nd) => PixelMap,
): Reference<K> {
  return {
    forward(attributes, [x]) {
      const { shape, each } = map(attributes, x!);
      const y = nd(shape);
      each((yi, xi, weight) => {
        y.data[yi]! += weight * x!.data[xi]!;
      });
      return y;
    },
    vjp(attributes, [x], cotangent) {
      const dx = nd(x!.shape);
      map(attributes, x!).each((yi, xi, weight) => {
        dx.data[xi]! += weight * cotangent.data[yi]!;
      });
      return [dx];
    },
  };
}

/** Weights of one axis: for each output position its source positions and their weights. */
type AxisMap = readonly (readonly (readonly [source: number, weight: number])[])[];

/** The product of a row map and a column map, the same for every plane. */
function separable(x: Nd, rows: AxisMap, columns: AxisMap): PixelMap {
  const [n, c, h, w] = extents4(x);
  return {
    shape: [n, c, rows.length, columns.length],
    each(visit) {
      let y = 0;
      for (let plane = 0; plane < n * c; plane++)
        for (const row of rows)
          for (const column of columns) {
            for (const [r, rowWeight] of row)
              for (const [s, columnWeight] of column)
                visit(y, (plane * h + r) * w + s, rowWeight * columnWeight);
            y++;
          }
    },
  };
}

function axis(outputs: number, sources: (output: number) => (readonly [number, number])[]): AxisMap {
  return Array.from({ length: outputs }, (_, output) => sources(output));
}

/** Padding counts as zeros, so every weight is 1/kernel: PyTorch's count_include_pad. */
export const avgPool2d = linearOp<'avgPool2d'>(({ kernel, stride, padding }, x) => {
  const along = (extent: number, k: number, s: number, p: number) =>
    axis(windows(extent, k, s, p), (output) => {
      const inside = Array.from({ length: k }, (_, r) => output * s + r - p).filter(
        (i) => i >= 0 && i < extent,
      );
      return inside.map((i) => [i, 1 / k] as const);
    });
  const [, , h, w] = extents4(x);
  return separable(x, along(h, kernel[0], stride[0], padding[0]), along(w, kernel[1], stride[1], padding[1]));
});

/** Window i spans floor(i*H/size) .. ceil((i+1)*H/size), PyTorch's rule. */
export const adaptiveAvgPool2d = linearOp<'adaptiveAvgPool2d'>(({ size }, x) => {
  const along = (extent: number, outputs: number) =>
    axis(outputs, (output) => {
      const start = Math.floor((output * extent) / outputs);
      const end = Math.ceil(((output + 1) * extent) / outputs);
      return Array.from({ length: end - start }, (_, i) => [start + i, 1 / (end - start)] as const);
    });
  const [, , h, w] = extents4(x);
  return separable(x, along(h, size[0]), along(w, size[1]));
});

/** Half-pixel centres, edges clamped, no antialiasing: PyTorch's interpolate(mode='bilinear', align_corners=False). */
export const resizeBilinear = linearOp<'resizeBilinear'>(({ size }, x) => {
  const along = (extent: number, outputs: number) =>
    axis(outputs, (output) => {
      const centre = Math.max(((output + 0.5) * extent) / outputs - 0.5, 0);
      const low = Math.min(Math.floor(centre), extent - 1);
      const high = Math.min(low + 1, extent - 1);
      return [
        [low, 1 - (centre - low)],
        [high, centre - low],
      ];
    });
  const [, , h, w] = extents4(x);
  return separable(x, along(h, size[0]), along(w, size[1]));
});

/**
 * Option A shortcut (He et al. 2016) as in akamaster's pytorch_resnet_cifar10: every stride-th pixel from the first,
 * zero channels before and after; with an odd number of them the extra one comes after.
 */
export const subsamplePad = linearOp<'subsamplePad'>(({ stride, channels }, x) => {
  const [n, c, h, w] = extents4(x);
  const [oh, ow] = [Math.ceil(h / stride), Math.ceil(w / stride)];
  const before = Math.floor((channels - c) / 2);
  return {
    shape: [n, channels, oh, ow],
    each(visit) {
      for (let b = 0; b < n; b++)
        for (let k = 0; k < c; k++)
          for (let i = 0; i < oh; i++)
            for (let j = 0; j < ow; j++) {
              const y = ((b * channels + before + k) * oh + i) * ow + j;
              visit(y, ((b * c + k) * h + i * stride) * w + j * stride, 1);
            }
    },
  };
});

/** Flat index into x of the greatest value of each window; the first in row-major order of equal ones. */
function maxIndices(
  { kernel, stride, padding }: WindowAttributes,
  x: Nd,
): { shape: number[]; indices: Int32Array } {
  const [n, c, h, w] = extents4(x);
  const oh = windows(h, kernel[0], stride[0], padding[0]);
  const ow = windows(w, kernel[1], stride[1], padding[1]);
  const shape = [n, c, oh, ow];
  const indices = new Int32Array(sizeOf(shape)).fill(-1);
  let y = 0;
  for (let plane = 0; plane < n * c; plane++)
    for (let i = 0; i < oh; i++)
      for (let j = 0; j < ow; j++, y++) {
        for (let r = 0; r < kernel[0]; r++)
          for (let s = 0; s < kernel[1]; s++) {
            const row = i * stride[0] + r - padding[0];
            const column = j * stride[1] + s - padding[1];
            if (row < 0 || row >= h || column < 0 || column >= w) continue;
            const at = (plane * h + row) * w + column;
            if (indices[y]! < 0 || x.data[at]! > x.data[indices[y]!]!) indices[y] = at;
          }
        if (indices[y]! < 0) throw new Error('maxPool2d: a window lies wholly in the padding');
      }
  return { shape, indices };
}

export const maxPool2d: Reference<'maxPool2d'> = {
  forward(attributes, [x]) {
    const { shape, indices } = maxIndices(attributes, x!);
    return nd(
      shape,
      Float64Array.from(indices, (index) => x!.data[index]!),
    );
  },
  vjp(attributes, [x], cotangent) {
    const dx = nd(x!.shape);
    const { indices } = maxIndices(attributes, x!);
    for (const [y, index] of indices.entries()) dx.data[index]! += cotangent.data[y]!;
    return [dx];
  },
};
