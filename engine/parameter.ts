/** Fixed tensors by where their values come from: what graphs, and the programs of an engine, share. */
import { type Shape, ShapeError, sizeOf } from './shape.js';

/**
 * Fixed values, of one graph or of several (`parameter`). They may be large, and nothing that traces or plans needs them. An engine
 * holds each source, and what it prepares of it, once for all programs.
 */
export interface ConstantSource {
  /** Tells it from other sources. */
  readonly kind: 'constant';
  /** For messages and profiles. */
  readonly name: string;
  /** C-contiguous. */
  readonly shape: Shape;
  /** Made where nobody has them at hand any more. @throws ShapeError if there are too many or too few */
  values(): Float32Array;
}

/**
 * Fixed values for `Graph.constant` of any number of graphs: an engine has them, and what it prepares of them, on the device once.
 * @param data a function is called when a graph is compiled, and again later if its values have been collected since
 */
export function parameter(
  name: string,
  shape: Shape,
  data: Float32Array | (() => Float32Array),
): ConstantSource {
  let made: WeakRef<Float32Array> | undefined;
  return {
    kind: 'constant',
    name,
    shape: [...shape],
    values() {
      if (typeof data !== 'function') return checked(data);
      const values = made?.deref() ?? checked(data());
      made = new WeakRef(values);
      return values;
    },
  };

  function checked(values: Float32Array): Float32Array {
    if (values.length === sizeOf(shape)) return values;
    throw new ShapeError(
      `constant "${name}": expected ${sizeOf(shape)} values for [${shape.join(', ')}], got ${values.length}`,
    );
  }
}
