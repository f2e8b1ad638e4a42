/** Shapes and the one error of wrong operands; below everything else of the engine. */
export { ShapeError } from '../base/errors.js';

/** Extents of a tensor, outermost first, C-contiguous; [] is a scalar. */
export type Shape = readonly number[];
/** Element types of tensors. */
export type DType = 'f32' | 'u32';

/** Number of elements; 1 for a scalar shape. */
export function sizeOf(shape: Shape): number {
  return shape.reduce((product, extent) => product * extent, 1);
}

/** One value for both axes, or one for each. */
export function pair(value: number | readonly [number, number]): readonly [number, number] {
  return typeof value === 'number' ? [value, value] : value;
}
