/** Values put into bins with round edges. */
import { bin, extent } from 'd3-array';
import { scaleLinear } from 'd3-scale';

export interface Bin {
  readonly from: number;
  readonly to: number;
  readonly count: number;
}

/** About `most` bins with round edges, each with its lower edge, the last one with both. */
export function bins(values: readonly number[], most: number): Bin[] {
  if (values.length === 0) return [];
  let [least, largest] = extent(values) as [number, number];
  // Values that are all alike still need a bin with a width.
  if (least === largest) {
    const around = Math.abs(least) * 5e-3 || 0.5;
    [least, largest] = [least - around, largest + around];
  }
  const scale = scaleLinear([least, largest], [0, 1]).nice(most);
  [least, largest] = scale.domain() as [number, number];
  // The edges between the bins alone: with the outer ones d3 would part the largest value from the last bin.
  const edges = scale.ticks(most).filter((edge) => edge > least && edge < largest);
  return bin()
    .domain([least, largest])
    .thresholds(edges)(values)
    .map((found) => ({ from: found.x0!, to: found.x1!, count: found.length }));
}
