/** The variants of the convolution, best first, and the built-in choice. */
import type { ConvIO, ConvProblem, DeviceTraits, Variant } from '../kernel';
import { naiveConv } from './naive';
import { softWinograd2, softWinograd4 } from './soft-winograd';

export const convVariants: readonly Variant<ConvProblem, ConvIO>[] = [softWinograd4, softWinograd2, naiveConv];

export function chooseConv(problem: ConvProblem, device: DeviceTraits): Variant<ConvProblem, ConvIO> {
  return convVariants.find((variant) => variant.supports(problem, device)) ?? naiveConv;
}
