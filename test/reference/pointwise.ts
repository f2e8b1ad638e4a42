/** f64 references of elementwise, per-channel and per-row ops. */
import { extents2, type Nd, nd, type Reference } from './nd.js';

export const relu: Reference<'relu'> = {
  forward: (_, [x]) => map(x!, (value) => Math.max(value, 0)),
  vjp: (_, [x], cotangent) => [map(cotangent, (value, i) => (x!.data[i]! > 0 ? value : 0))],
};

export const add: Reference<'add'> = {
  forward: (_, [a, b]) => map(a!, (value, i) => value + b!.data[i]!),
  vjp: (_, _inputs, cotangent) => [map(cotangent, (value) => value), map(cotangent, (value) => value)],
};

export const multiply: Reference<'multiply'> = {
  forward: (_, [a, b]) => map(a!, (value, i) => value * b!.data[i]!),
  vjp: (_, [a, b], cotangent) => [
    map(cotangent, (value, i) => value * b!.data[i]!),
    map(cotangent, (value, i) => value * a!.data[i]!),
  ],
};

export const scale: Reference<'scale'> = {
  forward: ({ factor }, [x]) => map(x!, (value) => value * factor),
  vjp: ({ factor }, _, cotangent) => [map(cotangent, (value) => value * factor)],
};

export const reshape: Reference<'reshape'> = {
  forward: ({ shape }, [x]) => nd(shape, x!.data),
  vjp: (_, [x], cotangent) => [nd(x!.shape, cotangent.data)],
};

/** y = x * scale[c] + shift[c]. */
export const scaleShift: Reference<'scaleShift'> = {
  forward(_, [x, scale, shift]) {
    const channel = channelOf(x!);
    return map(x!, (value, i) => value * scale!.data[channel(i)]! + shift!.data[channel(i)]!);
  },
  vjp(_, inputs, cotangent) {
    const [x, scale, shift] = inputs as [Nd, Nd, Nd];
    const channel = channelOf(x);
    return [
      map(cotangent, (value, i) => value * scale.data[channel(i)]!),
      perChannel(scale, x, (i) => cotangent.data[i]! * x.data[i]!),
      perChannel(shift, x, (i) => cotangent.data[i]!),
    ];
  },
};

/** y = (x - mean) / sqrt(variance + epsilon) * gamma + beta with fixed statistics, differentiated in all five inputs. */
export const batchNorm: Reference<'batchNorm'> = {
  forward({ epsilon }, inputs) {
    const [x, gamma, beta, mean, variance] = inputs as [Nd, Nd, Nd, Nd, Nd];
    const channel = channelOf(x);
    return map(x, (value, i) => {
      const c = channel(i);
      const normal = (value - mean.data[c]!) / Math.sqrt(variance.data[c]! + epsilon);
      return normal * gamma.data[c]! + beta.data[c]!;
    });
  },
  vjp({ epsilon }, inputs, cotangent) {
    const [x, gamma, beta, mean, variance] = inputs as [Nd, Nd, Nd, Nd, Nd];
    const channel = channelOf(x);
    const inverse = map(variance, (value) => 1 / Math.sqrt(value + epsilon));
    const dx = map(cotangent, (value, i) => value * gamma.data[channel(i)]! * inverse.data[channel(i)]!);
    const centred = (i: number) => x.data[i]! - mean.data[channel(i)]!;
    return [
      dx,
      perChannel(gamma, x, (i) => cotangent.data[i]! * centred(i) * inverse.data[channel(i)]!),
      perChannel(beta, x, (i) => cotangent.data[i]!),
      perChannel(mean, x, (i) => -dx.data[i]!),
      perChannel(variance, x, (i) => -0.5 * dx.data[i]! * centred(i) * inverse.data[channel(i)]! ** 2),
    ];
  },
};

export const softmax: Reference<'softmax'> = {
  forward: (_, [x]) => softmaxRows(x!),
  vjp(_, [x], cotangent) {
    const [rows, columns] = extents2(x!);
    const y = softmaxRows(x!);
    const dx = nd(x!.shape);
    for (let row = 0; row < rows; row++) {
      let dot = 0;
      for (let j = row * columns; j < (row + 1) * columns; j++) dot += cotangent.data[j]! * y.data[j]!;
      for (let j = row * columns; j < (row + 1) * columns; j++) {
        dx.data[j] = y.data[j]! * (cotangent.data[j]! - dot);
      }
    }
    return [dx];
  },
};

/** -sum(target * log softmax(logits)) per row, the row's maximum taken out first; the target is the label's class but for what smoothing spreads. */
export const crossEntropy: Reference<'crossEntropy'> = {
  forward({ smoothing = 0 }, [logits, labels]) {
    const [rows, columns] = extents2(logits!);
    return nd(
      [rows],
      Float64Array.from({ length: rows }, (_value, row) => {
        const values = logits!.data.subarray(row * columns, (row + 1) * columns);
        const greatest = Math.max(...values);
        const sum = values.reduce((total, value) => total + Math.exp(value - greatest), 0);
        const mean = values.reduce((total, value) => total + value, 0) / columns;
        const own = values[label(labels!, row, columns)]!;
        return Math.log(sum) + greatest - (1 - smoothing) * own - smoothing * mean;
      }),
    );
  },
  vjp({ smoothing = 0 }, [logits, labels], cotangent) {
    const [rows, columns] = extents2(logits!);
    const dx = softmaxRows(logits!);
    for (let row = 0; row < rows; row++) {
      const own = label(labels!, row, columns);
      for (let j = 0; j < columns; j++) {
        const target = (j === own ? 1 - smoothing : 0) + smoothing / columns;
        dx.data[row * columns + j] = cotangent.data[row]! * (dx.data[row * columns + j]! - target);
      }
    }
    return [dx, undefined];
  },
};

export const gather: Reference<'gather'> = {
  forward(_, [x, index]) {
    const [rows, columns] = extents2(x!);
    const pick = (row: number) => x!.data[row * columns + label(index!, row, columns)]!;
    return nd(
      [rows],
      Float64Array.from({ length: rows }, (_value, row) => pick(row)),
    );
  },
  vjp(_, [x, index], cotangent) {
    const [rows, columns] = extents2(x!);
    const dx = nd(x!.shape);
    for (let row = 0; row < rows; row++) {
      dx.data[row * columns + label(index!, row, columns)] = cotangent.data[row]!;
    }
    return [dx, undefined];
  },
};

export function map(x: Nd, value: (value: number, i: number) => number): Nd {
  return { data: x.data.map(value), shape: x.shape };
}

/** Channel (axis 1) of a flat index into x. */
export function channelOf(x: Nd): (i: number) => number {
  const [, channels = 1, ...behind] = x.shape;
  const inner = behind.reduce((product, extent) => product * extent, 1);
  return (i) => Math.floor(i / inner) % channels;
}

/** Sums `term` over all elements of each channel of x. */
function perChannel(parameter: Nd, x: Nd, term: (i: number) => number): Nd {
  const sums = nd(parameter.shape);
  const channel = channelOf(x);
  for (let i = 0; i < x.data.length; i++) sums.data[channel(i)]! += term(i);
  return sums;
}

export function softmaxRows(x: Nd): Nd {
  const [rows, columns] = extents2(x);
  const y = nd(x.shape);
  for (let row = 0; row < rows; row++) {
    const values = x.data.subarray(row * columns, (row + 1) * columns);
    const greatest = Math.max(...values);
    const powers = values.map((value) => Math.exp(value - greatest));
    const sum = powers.reduce((total, value) => total + value, 0);
    y.data.set(
      powers.map((value) => value / sum),
      row * columns,
    );
  }
  return y;
}

function label(labels: Nd, row: number, classes: number): number {
  const value = labels.data[row];
  if (value === undefined || !Number.isInteger(value) || value < 0 || value >= classes) {
    throw new Error(`label: expected an integer in 0..${classes - 1} for row ${row}, got ${value}`);
  }
  return value;
}
