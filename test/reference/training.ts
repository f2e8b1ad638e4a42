/** f64 references of the ops that only training needs. */
import { random4 } from '../../attack/random.js';
import { extents2, type Nd, nd, type Reference, sizeOf } from './nd.js';
import { channelOf, map, softmaxRows } from './pointwise.js';

/** Mean and variance (over all values, not one less) of each channel. */
function momentsOf(x: Nd): {
  readonly mean: Float64Array;
  readonly variance: Float64Array;
  readonly count: number;
} {
  const channels = x.shape[1]!;
  const count = x.data.length / channels;
  const channel = channelOf(x);
  const [mean, variance] = [new Float64Array(channels), new Float64Array(channels)];
  for (const [i, value] of x.data.entries()) mean[channel(i)]! += value / count;
  for (const [i, value] of x.data.entries())
    variance[channel(i)]! += (value - mean[channel(i)]!) ** 2 / count;
  return { mean, variance, count };
}

export const batchMoments: Reference<'batchMoments'> = {
  forward(_, [x]) {
    const { mean, variance } = momentsOf(x!);
    return nd([2, mean.length], [...mean, ...variance]);
  },
  vjp: () => [undefined],
};

/** By the moments of x itself, whatever is given as such: the gradient towards x holds what flows through them. */
export const batchNormTraining: Reference<'batchNormTraining'> = {
  forward({ epsilon, epilogue }, [x, gamma, beta, , residual]) {
    const { mean, variance } = momentsOf(x!);
    const channel = channelOf(x!);
    const y = map(x!, (value, i) => {
      const c = channel(i);
      const normal = (value - mean[c]!) / Math.sqrt(variance[c]! + epsilon);
      return normal * gamma!.data[c]! + beta!.data[c]! + (epilogue.residual ? residual!.data[i]! : 0);
    });
    return epilogue.activation === 'relu' ? map(y, (value) => Math.max(value, 0)) : y;
  },
  vjp(attributes, inputs, given) {
    const { epsilon, epilogue } = attributes;
    const [x, gamma, beta] = inputs as [Nd, Nd, Nd];
    const y = batchNormTraining.forward(attributes, inputs);
    const cotangent =
      epilogue.activation === 'relu' ? map(given, (value, i) => (y.data[i]! > 0 ? value : 0)) : given;
    const { mean, variance, count } = momentsOf(x);
    const channel = channelOf(x);
    const inverse = variance.map((value) => 1 / Math.sqrt(value + epsilon));
    const normal = map(x, (value, i) => (value - mean[channel(i)]!) * inverse[channel(i)]!);
    const [dgamma, dbeta] = [nd(gamma.shape), nd(beta.shape)];
    for (const [i, value] of cotangent.data.entries()) {
      dgamma.data[channel(i)]! += value * normal.data[i]!;
      dbeta.data[channel(i)]! += value;
    }
    const dx = map(cotangent, (value, i) => {
      const c = channel(i);
      const rest = (dbeta.data[c]! + normal.data[i]! * dgamma.data[c]!) / count;
      return gamma.data[c]! * inverse[c]! * (value - rest);
    });
    return [dx, dgamma, dbeta, undefined, ...(epilogue.residual ? [cotangent] : [])];
  },
};

/** Keeps what a random number of (seed, element, stream, step) is not below the rate of. */
function kept(rate: number, stream: number, key: Nd): (i: number) => number {
  const [seed = 0, step = 0] = key.data;
  return (i) => {
    const [word = 0] = random4(seed, i, stream, step);
    return Math.floor(word / 256) / 2 ** 24 >= rate ? 1 / (1 - rate) : 0;
  };
}

export const dropout: Reference<'dropout'> = {
  forward({ rate, stream }, [x, key]) {
    const keep = kept(rate, stream, key!);
    return map(x!, (value, i) => value * keep(i));
  },
  vjp({ rate, stream }, [, key], cotangent) {
    const keep = kept(rate, stream, key!);
    return [map(cotangent, (value, i) => value * keep(i)), undefined];
  },
};

export const softCrossEntropy: Reference<'softCrossEntropy'> = {
  forward(_, [logits, targets]) {
    const [rows, columns] = extents2(logits!);
    return nd(
      [rows],
      Float64Array.from({ length: rows }, (_value, row) => {
        const values = logits!.data.subarray(row * columns, (row + 1) * columns);
        const greatest = Math.max(...values);
        const top = greatest + Math.log(values.reduce((sum, value) => sum + Math.exp(value - greatest), 0));
        return values.reduce((sum, value, c) => sum + targets!.data[row * columns + c]! * (top - value), 0);
      }),
    );
  },
  vjp(_, [logits, targets], cotangent) {
    const [rows, columns] = extents2(logits!);
    const dx = softmaxRows(logits!);
    for (let row = 0; row < rows; row++) {
      const own = targets!.data.subarray(row * columns, (row + 1) * columns);
      const weight = own.reduce((sum, value) => sum + value, 0);
      for (const [c, target] of own.entries()) {
        const at = row * columns + c;
        dx.data[at] = cotangent.data[row]! * (dx.data[at]! * weight - target);
      }
    }
    return [dx, undefined];
  },
};

export const rowSum: Reference<'rowSum'> = {
  forward(_, [x]) {
    const rows = x!.shape[0]!;
    const columns = sizeOf(x!.shape.slice(1));
    return nd(
      [rows],
      Float64Array.from({ length: rows }, (_value, row) =>
        x!.data.subarray(row * columns, (row + 1) * columns).reduce((sum, value) => sum + value, 0),
      ),
    );
  },
  vjp(_, [x], cotangent) {
    const columns = sizeOf(x!.shape.slice(1));
    return [map(x!, (_value, i) => cotangent.data[Math.floor(i / columns)]!)];
  },
};

export const rowSpread: Reference<'rowSpread'> = {
  forward({ shape }, [x]) {
    const columns = sizeOf(shape.slice(1));
    return map(nd(shape), (_value, i) => x!.data[Math.floor(i / columns)]!);
  },
  vjp: ({ shape }, _, cotangent) => [rowSum.forward({}, [nd(shape, cotangent.data)])],
};

/** What `batchNormTraining` takes as its operand 3, as exact f32 values. */
export function sampleMoments(x: Nd): Nd {
  const { data, shape } = batchMoments.forward({}, [x]);
  return nd(shape, Float32Array.from(data));
}
