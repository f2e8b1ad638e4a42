/** How a file of this folder becomes a kernel's text. */

import random from './random.wgsl';
import total from './total.wgsl';

// Of their own types: a declaration file that leads to a shader is broken outside of this checkout.
/** Random words by (seed, image, element, stream), which kernels of several rooms append. */
export const randomText: string = random;
/** Sum and maximum over a workgroup's WG invocations, in an order that is always the same. */
export const totalText: string = total;

/** A kernel's source: the name of one file of `shaders/`, and its text with that of the files that it shares with others. */
export interface ShaderSource {
  /** For messages and profiles. */
  readonly name: string;
  /** WGSL. */
  readonly text: string;
}

/** WGSL has no include, but its declarations may stand after their use: what kernels share is appended. */
export function shaderSource(name: string, ...texts: readonly string[]): ShaderSource {
  return { name, text: texts.join('\n') };
}
