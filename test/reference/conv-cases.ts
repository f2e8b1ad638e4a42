/** Sample problems of convolution and matrix product; see cases.ts. */
import type { Epilogue } from '../../engine/problem.js';
import { windows } from './nd.js';
import type { SampleCase } from './sample-case.js';

type Pair = readonly [number, number];

interface ConvRow {
  readonly x: readonly [n: number, c: number, h: number, w: number];
  readonly o: number;
  readonly kernel: number | Pair;
  readonly stride?: number | Pair;
  readonly padding?: number | Pair;
  readonly bias?: boolean;
  readonly residual?: boolean;
  readonly activation?: Epilogue['activation'];
  readonly flipped?: boolean;
  readonly values?: 'ties';
}

const convRows: readonly ConvRow[] = [
  // Degenerate and odd sizes.
  { x: [1, 1, 1, 1], o: 1, kernel: 1 },
  { x: [1, 1, 1, 1], o: 1, kernel: 3, padding: 1 },
  { x: [1, 3, 5, 5], o: 4, kernel: 1, bias: true },
  { x: [2, 4, 3, 3], o: 5, kernel: 3, padding: 1, bias: true },
  { x: [3, 5, 5, 5], o: 3, kernel: 3 },
  { x: [1, 1, 17, 17], o: 1, kernel: 3, padding: 1 },
  { x: [2, 3, 17, 5], o: 5, kernel: 3, padding: 1, bias: true },
  { x: [1, 5, 3, 17], o: 4, kernel: 5, padding: 2 },
  { x: [2, 3, 7, 7], o: 1, kernel: 7, padding: 3, bias: true },
  { x: [1, 4, 7, 7], o: 3, kernel: 7 },
  // Strides; with 3, and with 2 on even sizes, the last rows of the input are unused.
  { x: [2, 3, 8, 8], o: 4, kernel: 1, stride: 2 },
  { x: [1, 4, 5, 5], o: 5, kernel: 1, stride: 2, bias: true },
  { x: [2, 5, 8, 8], o: 3, kernel: 3, stride: 2, padding: 1 },
  { x: [1, 3, 17, 17], o: 4, kernel: 3, stride: 2, padding: 1, bias: true },
  { x: [3, 1, 9, 9], o: 5, kernel: 3, stride: 2 },
  { x: [1, 3, 17, 17], o: 4, kernel: 7, stride: 2, padding: 3 },
  { x: [1, 4, 17, 5], o: 3, kernel: 5, stride: 3, padding: 2, bias: true },
  { x: [2, 3, 8, 8], o: 5, kernel: 3, stride: 3, padding: 1 },
  { x: [1, 3, 7, 7], o: 2, kernel: 1, stride: 3 },
  { x: [1, 2, 5, 5], o: 3, kernel: 2, stride: 3 },
  // Padding beyond half the kernel: windows and rows that see nothing but padding.
  { x: [1, 3, 5, 5], o: 4, kernel: 3, padding: 2 },
  { x: [2, 1, 3, 3], o: 3, kernel: 3, padding: 4, bias: true },
  { x: [1, 4, 5, 5], o: 3, kernel: 1, padding: 1 },
  { x: [1, 3, 5, 5], o: 2, kernel: 3, stride: 2, padding: 3 },
  { x: [1, 2, 1, 1], o: 3, kernel: 5, stride: 2, padding: 4 },
  // Rectangular kernels, strides and paddings; an even kernel.
  { x: [2, 3, 5, 9], o: 4, kernel: [1, 3], padding: [0, 1] },
  { x: [1, 4, 9, 5], o: 3, kernel: [3, 1], padding: [1, 0], bias: true },
  { x: [1, 3, 9, 8], o: 4, kernel: [3, 5], stride: [2, 1], padding: [0, 2] },
  { x: [2, 1, 8, 9], o: 3, kernel: [5, 3], stride: [1, 2], padding: [3, 0] },
  { x: [1, 3, 6, 6], o: 4, kernel: 2, padding: 1 },
  { x: [1, 3, 6, 6], o: 4, kernel: 4, stride: 2, padding: 1, bias: true },
  // Epilogues.
  { x: [2, 3, 5, 5], o: 4, kernel: 3, padding: 1, bias: true, activation: 'relu' },
  { x: [2, 4, 5, 5], o: 4, kernel: 3, padding: 1, residual: true, activation: 'relu' },
  { x: [1, 5, 4, 4], o: 3, kernel: 3, padding: 1, bias: true, residual: true, activation: 'relu' },
  { x: [1, 3, 7, 7], o: 5, kernel: 3, stride: 2, padding: 1, bias: true, residual: true },
  { x: [2, 3, 5, 5], o: 4, kernel: 3, padding: 1, activation: 'mask' },
  { x: [1, 4, 5, 5], o: 5, kernel: 1, residual: true, activation: 'mask' },
  { x: [1, 8, 6, 6], o: 8, kernel: 1, bias: true, activation: 'relu' },
  {
    x: [1, 3, 5, 5],
    o: 4,
    kernel: 3,
    padding: 1,
    bias: true,
    residual: true,
    activation: 'mask',
    values: 'ties',
  },
  // The weight read rotated, as the input gradient of a stride-1 convolution reads it.
  { x: [2, 4, 5, 5], o: 3, kernel: 3, padding: 1, flipped: true },
  { x: [1, 5, 7, 6], o: 4, kernel: [1, 3], padding: [0, 1], flipped: true, activation: 'mask' },
  { x: [1, 3, 4, 4], o: 5, kernel: 5, padding: 3, flipped: true, residual: true, activation: 'mask' },
  { x: [1, 16, 4, 4], o: 24, kernel: 1, flipped: true },
  { x: [1, 3, 6, 6], o: 2, kernel: 2, padding: 1, flipped: true },
  // What nets contain, small: CIFAR and ImageNet stems, blocks, bottlenecks, channel counts around tile sizes.
  { x: [2, 3, 16, 16], o: 16, kernel: 3, padding: 1, bias: true, activation: 'relu' },
  { x: [1, 3, 28, 28], o: 8, kernel: 7, stride: 2, padding: 3, bias: true, activation: 'relu' },
  { x: [1, 16, 14, 14], o: 16, kernel: 3, padding: 1, bias: true, activation: 'relu' },
  { x: [2, 16, 8, 8], o: 32, kernel: 3, stride: 2, padding: 1, bias: true, activation: 'relu' },
  { x: [2, 16, 8, 8], o: 32, kernel: 1, stride: 2, bias: true },
  { x: [1, 64, 4, 4], o: 64, kernel: 3, padding: 1, bias: true, residual: true, activation: 'relu' },
  { x: [3, 64, 2, 2], o: 32, kernel: 3, padding: 1 },
  { x: [1, 32, 7, 7], o: 64, kernel: 1, bias: true, activation: 'relu' },
  { x: [1, 64, 7, 7], o: 16, kernel: 1 },
  { x: [1, 33, 6, 6], o: 17, kernel: 3, padding: 1 },
  { x: [1, 17, 12, 12], o: 33, kernel: 3, padding: 1, bias: true },
];

const both = (value: number | Pair): Pair => (typeof value === 'number' ? [value, value] : value);

export const convCases: readonly SampleCase<'conv2d'>[] = convRows.map((row) => {
  const [kernel, stride, padding] = [both(row.kernel), both(row.stride ?? 1), both(row.padding ?? 0)];
  const { activation = 'none', bias = false, residual = false, flipped = false } = row;
  const [n, c, h, w] = row.x;
  const weight = flipped ? [c, row.o, ...kernel] : [row.o, c, ...kernel];
  const y = [
    n,
    row.o,
    windows(h, kernel[0], stride[0], padding[0]),
    windows(w, kernel[1], stride[1], padding[1]),
  ];
  const extras = [
    bias && '+bias',
    residual && '+residual',
    activation !== 'none' && activation,
    flipped && 'flipped',
  ];
  return {
    label: [
      `[${row.x.join(', ')}] to ${row.o}, ${kernel.join('x')} stride ${stride.join('x')} padding ${padding.join('x')}`,
      ...extras.filter(Boolean),
    ].join(' '),
    attributes: {
      stride,
      padding,
      weightLayout: flipped ? 'flipped' : 'oihw',
      epilogue: { bias, residual, activation },
    },
    shapes: [
      row.x,
      weight,
      ...(bias ? [[row.o]] : []),
      ...(residual ? [y] : []),
      ...(activation === 'mask' ? [y] : []),
    ],
    values: row.values ?? 'normal',
  };
});

const plain: Epilogue = { bias: false, residual: false, activation: 'none' };

const matmulRows: readonly {
  readonly mkn: readonly [m: number, k: number, n: number];
  readonly epilogue?: Epilogue;
}[] = [
  { mkn: [1, 1, 1] },
  { mkn: [3, 5, 4] },
  { mkn: [17, 3, 5] },
  { mkn: [1, 17, 10] },
  { mkn: [2, 64, 10], epilogue: { ...plain, bias: true } },
  { mkn: [5, 17, 33], epilogue: { ...plain, bias: true, activation: 'relu' } },
  { mkn: [3, 8, 12], epilogue: { ...plain, residual: true } },
  { mkn: [4, 9, 7], epilogue: { bias: true, residual: true, activation: 'relu' } },
  { mkn: [5, 6, 3], epilogue: { ...plain, activation: 'mask' } },
  { mkn: [33, 20, 17], epilogue: { bias: true, residual: true, activation: 'mask' } },
  { mkn: [1, 257, 65] },
];

export const matmulCases: readonly SampleCase<'matmul'>[] = matmulRows.flatMap(
  ({ mkn: [m, k, n], epilogue = plain }) =>
    [false, true].flatMap((transposeA) =>
      [false, true].map((transposeB) => ({
        label: `${m}x${k}${transposeA ? ' A^T' : ''} times ${k}x${n}${transposeB ? ' B^T' : ''} ${JSON.stringify(epilogue)}`,
        attributes: { transposeA, transposeB, epilogue },
        shapes: [
          transposeA ? [k, m] : [m, k],
          transposeB ? [n, k] : [k, n],
          ...(epilogue.bias ? [[n]] : []),
          ...(epilogue.residual ? [[m, n]] : []),
          ...(epilogue.activation === 'mask' ? [[m, n]] : []),
        ],
      })),
    ),
);
