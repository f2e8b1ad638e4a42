/** The variants of the convolution, best first, and the built-in choice. */
import type { ConvIO, ConvProblem, DeviceTraits, Variant } from '../kernel';
import { naiveConv } from './naive';

export const convVariants: readonly Variant<ConvProblem, ConvIO>[] = [naiveConv];

export function chooseConv(problem: ConvProblem, device: DeviceTraits): Variant<ConvProblem, ConvIO> {
  return convVariants.find((variant) => variant.supports(problem, device)) ?? naiveConv;
}
