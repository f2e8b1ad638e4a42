/** f64 references of the two ops that multiply by weights, convolution and matrix product, with their epilogue. */

import type { OpAttributes } from '../../engine/ops/attributes.js';
import type { Epilogue } from '../../engine/problem.js';
import { extents2, extents4, type Nd, nd, type Reference, windows } from './nd.js';

type ConvAttributes = OpAttributes['conv2d'];
type MatmulAttributes = OpAttributes['matmul'];

/** Adds bias and residual, applies the activation; `rest` are the inputs after the two factors. */
function epilogue(accumulated: Nd, attributes: Epilogue, rest: readonly Nd[]): Nd {
  const { bias, residual, mask } = operands(attributes, rest);
  const [channels, inner] = channelLayout(accumulated);
  const y = nd(accumulated.shape);
  for (let i = 0; i < y.data.length; i++) {
    let v = accumulated.data[i]!;
    if (bias) v += bias.data[Math.floor(i / inner) % channels]!;
    if (residual) v += residual.data[i]!;
    if (attributes.activation === 'relu') v = Math.max(v, 0);
    if (mask) v = mask.data[i]! > 0 ? v : 0;
    y.data[i] = v;
  }
  return y;
}

/** The cotangent of the accumulator, and the gradients of the inputs after the two factors. */
function epilogueVjp(y: Nd, attributes: Epilogue, rest: readonly Nd[], cotangent: Nd) {
  const { mask } = operands(attributes, rest);
  const [channels, inner] = channelLayout(y);
  const inside = nd(y.shape);
  const dbias = nd([channels]);
  for (let i = 0; i < y.data.length; i++) {
    const open = attributes.activation === 'relu' ? y.data[i]! > 0 : mask ? mask.data[i]! > 0 : true;
    if (!open) continue;
    inside.data[i] = cotangent.data[i]!;
    dbias.data[Math.floor(i / inner) % channels]! += cotangent.data[i]!;
  }
  const gradients: (Nd | undefined)[] = [];
  if (attributes.bias) gradients.push(dbias);
  if (attributes.residual) gradients.push(nd(y.shape, inside.data));
  if (attributes.activation === 'mask') gradients.push(undefined);
  return { inside, gradients };
}

function operands({ bias, residual, activation }: Epilogue, rest: readonly Nd[]) {
  const queue = [...rest];
  const take = (wanted: boolean) => {
    if (!wanted) return undefined;
    const next = queue.shift();
    if (!next) throw new Error('epilogue: expected more operands than were given');
    return next;
  };
  return { bias: take(bias), residual: take(residual), mask: take(activation === 'mask') };
}

/** Extent of axis 1 and number of elements behind it. */
function channelLayout(y: Nd): [number, number] {
  const [, channels = 1, ...behind] = y.shape;
  return [channels, behind.reduce((product, extent) => product * extent, 1)];
}

/** [outChannels, kh, kw] of a weight in its layout. */
function filters({ weightLayout }: ConvAttributes, weight: Nd): [number, number, number] {
  const [first, second, kh, kw] = extents4(weight);
  return [weightLayout === 'oihw' ? first : second, kh, kw];
}

/** Calls `visit` with the flat indices of every product x * weight that falls into y. */
function visitConv(
  x: Nd,
  weight: Nd,
  attributes: ConvAttributes,
  visit: (y: number, x: number, weight: number) => void,
): void {
  const { stride, padding, weightLayout } = attributes;
  const [n, c, h, w] = extents4(x);
  const [o, kh, kw] = filters(attributes, weight);
  const [oh, ow] = [windows(h, kh, stride[0], padding[0]), windows(w, kw, stride[1], padding[1])];
  const weightAt = (f: number, k: number, r: number, s: number) =>
    weightLayout === 'oihw'
      ? ((f * c + k) * kh + r) * kw + s
      : ((k * o + f + 1) * kh - 1 - r) * kw + kw - 1 - s;
  let y = 0;
  for (let b = 0; b < n; b++)
    for (let f = 0; f < o; f++)
      for (let i = 0; i < oh; i++)
        for (let j = 0; j < ow; j++, y++)
          for (let k = 0; k < c; k++)
            for (let r = 0; r < kh; r++) {
              const row = i * stride[0] + r - padding[0];
              if (row < 0 || row >= h) continue;
              for (let s = 0; s < kw; s++) {
                const column = j * stride[1] + s - padding[1];
                if (column < 0 || column >= w) continue;
                visit(y, ((b * c + k) * h + row) * w + column, weightAt(f, k, r, s));
              }
            }
}

function convAccumulate(attributes: ConvAttributes, x: Nd, weight: Nd): Nd {
  const [n, , h, w] = extents4(x);
  const [o, kh, kw] = filters(attributes, weight);
  const { stride, padding } = attributes;
  const y = nd([n, o, windows(h, kh, stride[0], padding[0]), windows(w, kw, stride[1], padding[1])]);
  visitConv(x, weight, attributes, (yi, xi, wi) => {
    y.data[yi]! += x.data[xi]! * weight.data[wi]!;
  });
  return y;
}

export const conv2d: Reference<'conv2d'> = {
  forward(attributes, [x, weight, ...rest]) {
    return epilogue(convAccumulate(attributes, x!, weight!), attributes.epilogue, rest);
  },
  vjp(attributes, inputs, cotangent) {
    const [x, weight, ...rest] = inputs as [Nd, Nd, ...Nd[]];
    const y = conv2d.forward(attributes, inputs);
    const { inside, gradients } = epilogueVjp(y, attributes.epilogue, rest, cotangent);
    const [dx, dw] = [nd(x.shape), nd(weight.shape)];
    visitConv(x, weight, attributes, (yi, xi, wi) => {
      dx.data[xi]! += inside.data[yi]! * weight.data[wi]!;
      dw.data[wi]! += inside.data[yi]! * x.data[xi]!;
    });
    return [dx, dw, ...gradients];
  },
};

/** Calls `visit` with the flat indices of every product a * b that falls into c [m, n]. */
function visitMatmul(
  a: Nd,
  b: Nd,
  { transposeA, transposeB }: MatmulAttributes,
  visit: (c: number, a: number, b: number) => void,
): void {
  const [aRows, aColumns] = extents2(a);
  const [bRows, bColumns] = extents2(b);
  const [m, k] = transposeA ? [aColumns, aRows] : [aRows, aColumns];
  const n = transposeB ? bRows : bColumns;
  for (let i = 0; i < m; i++)
    for (let j = 0; j < n; j++)
      for (let l = 0; l < k; l++) {
        visit(i * n + j, transposeA ? l * m + i : i * k + l, transposeB ? j * k + l : l * n + j);
      }
}

export const matmul: Reference<'matmul'> = {
  forward(attributes, [a, b, ...rest]) {
    const m = a!.shape[attributes.transposeA ? 1 : 0]!;
    const n = b!.shape[attributes.transposeB ? 0 : 1]!;
    const c = nd([m, n]);
    visitMatmul(a!, b!, attributes, (ci, ai, bi) => {
      c.data[ci]! += a!.data[ai]! * b!.data[bi]!;
    });
    return epilogue(c, attributes.epilogue, rest);
  },
  vjp(attributes, inputs, cotangent) {
    const [a, b, ...rest] = inputs as [Nd, Nd, ...Nd[]];
    const c = matmul.forward(attributes, inputs);
    const { inside, gradients } = epilogueVjp(c, attributes.epilogue, rest, cotangent);
    const [da, db] = [nd(a.shape), nd(b.shape)];
    visitMatmul(a, b, attributes, (ci, ai, bi) => {
      da.data[ai]! += inside.data[ci]! * b.data[bi]!;
      db.data[bi]! += inside.data[ci]! * a.data[ai]!;
    });
    return [da, db, ...gradients];
  },
};
