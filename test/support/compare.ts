/**
 * The one comparator of numeric tests. It fails closed: a shape, a NaN or an infinity that does not match is a
 * failure whatever the tolerance, and the tolerance is tested as `!(difference <= limit)`, so that NaN fails too.
 */

export type NumericArray = ArrayLike<number>;

/** Values with a shape, or bare values (then only the lengths are compared). */
export type Values = NumericArray | { readonly data: NumericArray; readonly shape: readonly number[] };

export interface Tolerance {
  /** Absolute part of the limit per element, >= 0. */
  readonly atol?: number;
  /** Part of the limit relative to the expected value, >= 0. */
  readonly rtol?: number;
  /** Limit of the normalised mean squared error over the whole array, >= 0. */
  readonly nmse?: number;
  /** Leads the failure text. */
  readonly label?: string;
  /** Accept NaN where NaN is expected. Default false: NaN always fails. */
  readonly allowNaN?: boolean;
}

export interface Comparison {
  readonly ok: boolean;
  /** Why it failed; empty when ok. */
  readonly message: string;
}

/**
 * sum((actual - expected)^2) / sum(expected^2): the error's share of the signal. 0 where both are zero everywhere,
 * infinite where only the expected values are. Not finite as soon as one element is not.
 */
export function nmse(actual: NumericArray, expected: NumericArray): number {
  if (actual.length !== expected.length) {
    throw new Error(`nmse: expected ${expected.length} values, got ${actual.length}`);
  }
  let error = 0;
  let signal = 0;
  for (let i = 0; i < expected.length; i++) {
    error += (actual[i]! - expected[i]!) ** 2;
    signal += expected[i]! ** 2;
  }
  return ratio(error, signal);
}

/**
 * Compares element by element against `atol + rtol * |expected|` and, if given, as a whole against `nmse` (over the
 * elements whose expected value is finite; infinities must match exactly).
 * Without `atol` and `rtol`: exact equality, unless `nmse` alone is given. Never throws on data, only on a bad tolerance.
 */
export function compare(actual: Values, expected: Values, tolerance: Tolerance = {}): Comparison {
  const limits = checkTolerance(tolerance);
  const fail = (what: string) => ({ ok: false, message: `${tolerance.label ?? 'compare'}: ${what}` });

  const [a, aShape] = split(actual);
  const [e, eShape] = split(expected);
  if (aShape && eShape && (aShape.length !== eShape.length || aShape.some((d, i) => d !== eShape[i]))) {
    return fail(`expected shape [${eShape.join(', ')}], got [${aShape.join(', ')}]`);
  }
  for (const [name, values, shape] of [['actual', a, aShape] as const, ['expected', e, eShape] as const]) {
    const size = shape?.reduce((product, extent) => product * extent, 1);
    if (size !== undefined && size !== values.length) {
      return fail(`${name} has ${values.length} values, its shape [${shape?.join(', ')}] wants ${size}`);
    }
  }
  if (a.length !== e.length) return fail(`expected ${e.length} values, got ${a.length}`);
  if (e.length === 0) return fail('expected at least one value to compare, got none');

  let failures = 0;
  let first = -1;
  let worst = -1;
  let worstExcess = -1;
  let maxAbs = 0;
  let error = 0;
  let signal = 0;
  for (let i = 0; i < e.length; i++) {
    const expectedValue = e[i]!;
    const difference = distance(a[i]!, expectedValue, tolerance.allowNaN ?? false);
    if (!(difference <= maxAbs)) maxAbs = difference;
    if (Number.isFinite(expectedValue)) {
      error += (a[i]! - expectedValue) ** 2;
      signal += expectedValue ** 2;
    }
    const limit = !Number.isFinite(expectedValue)
      ? 0
      : limits.elementwise
        ? limits.atol + limits.rtol * Math.abs(expectedValue)
        : Number.MAX_VALUE;
    if (!(difference <= limit)) {
      if (first < 0) first = i;
      failures++;
      const excess = difference / Math.max(limit, Number.MIN_VALUE);
      if (excess > worstExcess) [worst, worstExcess] = [i, excess];
    }
  }
  const total = ratio(error, signal);
  if (failures === 0 && (limits.nmse === undefined || total <= limits.nmse)) return { ok: true, message: '' };
  const at = (i: number) => `index ${i}${where(i, eShape ?? aShape)}: expected ${e[i]}, got ${a[i]}`;
  const lines =
    failures > 0
      ? [
          `${failures} of ${e.length} values differ; first ${at(first)}`,
          ...(worst !== first ? [`worst ${at(worst)}`] : []),
        ]
      : ['values differ as a whole'];
  const allowed = [
    limits.elementwise ? `atol ${limits.atol} + rtol ${limits.rtol} * |expected|` : '',
    limits.nmse !== undefined ? `NMSE ${limits.nmse}` : '',
  ];
  lines.push(`max-abs ${maxAbs}, NMSE ${total}; allowed ${allowed.filter(Boolean).join(', ')}`);
  return fail(lines.join('; '));
}

/** Throws an Error with `compare`'s message unless the values are close. */
export function expectClose(actual: Values, expected: Values, tolerance: Tolerance = {}): void {
  const { ok, message } = compare(actual, expected, tolerance);
  if (!ok) throw new Error(message);
}

function ratio(error: number, signal: number): number {
  return error === 0 && signal === 0 ? 0 : error / signal;
}

/** |a - e|; 0 for equal infinities (and NaN pairs if allowed), Infinity for any other pair that is not finite. */
function distance(a: number, e: number, allowNaN: boolean): number {
  if (Number.isFinite(a) && Number.isFinite(e)) return Math.abs(a - e);
  if (a === e || (allowNaN && Number.isNaN(a) && Number.isNaN(e))) return 0;
  return Number.POSITIVE_INFINITY;
}

function checkTolerance({ atol, rtol, nmse: limit }: Tolerance) {
  for (const [name, value] of Object.entries({ atol, rtol, nmse: limit })) {
    if (value !== undefined && !(value >= 0 && Number.isFinite(value))) {
      throw new Error(`compare: expected a finite ${name} of at least 0, got ${value}`);
    }
  }
  const elementwise = atol !== undefined || rtol !== undefined || limit === undefined;
  return { elementwise, atol: atol ?? 0, rtol: rtol ?? 0, nmse: limit };
}

function split(values: Values): [NumericArray, readonly number[] | undefined] {
  return 'data' in values ? [values.data, values.shape] : [values, undefined];
}

/** ` [n, c, y, x]` of a flat index. */
function where(index: number, shape: readonly number[] | undefined): string {
  if (!shape) return '';
  const coordinates: number[] = [];
  let rest = index;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    coordinates.unshift(rest % shape[axis]!);
    rest = Math.floor(rest / shape[axis]!);
  }
  return ` [${coordinates.join(', ')}]`;
}
