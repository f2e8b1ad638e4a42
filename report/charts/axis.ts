/** The quantities of a chart and the scales that place them. */
import { extent } from 'd3-array';
import { type ScaleContinuousNumeric, scaleLinear, scaleLog } from 'd3-scale';
import { UserError } from '../../base/errors.js';

/** A quantity: its name, its unit where it has one ("ms"), and how its values are drawn and written. */
export interface Axis {
  readonly label: string;
  readonly unit?: string;
  /** A logarithmic axis; all values must be above 0. */
  readonly log?: boolean;
  /** Least and largest value shown; default: what the data need, widened to round numbers. Data outside are refused. */
  readonly domain?: readonly [number, number];
  /** Default: as many digits as the distance of the ticks needs. */
  readonly format?: (value: number) => string;
}

export function axisTitle({ label, unit }: Pick<Axis, 'label' | 'unit'>): string {
  return unit === undefined ? label : `${label} (${unit})`;
}

export type Scale = ScaleContinuousNumeric<number, number>;

/** @throws UserError for a value that is NaN or infinite, which no place of a chart stands for */
export function checkFinite(where: string, what: string, values: readonly number[]): void {
  const bad = values.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0) {
    throw new UserError(
      `${where}: expected finite numbers in ${what}, got ${values[bad]} at position ${bad}; leave it out`,
    );
  }
}

/** The scale of an axis over its values. @throws UserError for values that it cannot show */
export function scaleOf(where: string, axis: Axis, values: readonly number[], ticks: number): Scale {
  checkFinite(where, `the domain of ${axis.label}`, axis.domain ?? []);
  const [from, to] = extent(values);
  let [least, largest] = extent(axis.domain ?? values);
  if (least === undefined || largest === undefined) [least, largest] = axis.log ? [0.1, 1] : [0, 1];
  const lowest = Math.min(least, from ?? least);
  if (axis.log && lowest <= 0) {
    throw new UserError(
      `${where}: expected values above 0 on the logarithmic axis ${axis.label}, got ${lowest}; use a linear axis`,
    );
  }
  if (from !== undefined && (from < least || to > largest)) {
    throw new UserError(
      `${where}: expected values from ${least} to ${largest} on the axis ${axis.label}, got ${from} to ${to}; ` +
        'widen its domain',
    );
  }
  if (least === largest) {
    // One value stands in the middle of an axis that still has a length.
    const around = Math.abs(least) * 0.1 || 1;
    [least, largest] = axis.log ? [least / 2, largest * 2] : [least - around, largest + around];
  }
  const scale: Scale = axis.log ? scaleLog([least, largest], [0, 1]) : scaleLinear([least, largest], [0, 1]);
  return axis.domain ? scale : (scale as ReturnType<typeof scaleLinear<number>>).nice(ticks);
}

/** Round values of an axis and their texts; of a logarithmic one those that have room. */
export function ticksOf(scale: Scale, axis: Axis, count: number): { value: number; label: string }[] {
  // d3 writes 0.001 as 1m on a logarithmic axis; which ticks have room is what is taken from it there.
  const format = scale.tickFormat(count);
  const write = axis.format ?? (axis.log ? (value: number) => String(Number(value.toPrecision(12))) : format);
  return scale
    .ticks(count)
    .map((value) => ({ value, label: format(value) }))
    .filter(({ label }) => label !== '')
    .map(({ value }) => ({ value, label: write(value) }));
}
