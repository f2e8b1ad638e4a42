/** Schedules over the steps of an attack. */
import type { Tensor } from '../engine/graph.js';
import type { Frame } from './frame.js';

/** (1 + cos(pi k / N)) / 2 for k = 0 .. N-1: from 1 down to almost 0. */
export function halfCosine(steps: number): Float32Array {
  return Float32Array.from({ length: steps }, (_, k) => (1 + Math.cos((Math.PI * k) / steps)) / 2);
}

/** The half cosine over `steps` as a table for kernels, read at SLOT_STEP. */
export function cosineTable(frame: Frame, steps: number): Tensor {
  return frame.table('cosine', [steps], () => halfCosine(steps));
}
