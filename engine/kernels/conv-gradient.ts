/** The variants of the strided convolution's input gradient, best first, and the built-in choice. */
import type { ConvInputGradientIO, ConvInputGradientProblem, DeviceTraits, Variant } from '../kernel';
import { naiveConvInputGradient } from './naive';

type GradientVariant = Variant<ConvInputGradientProblem, ConvInputGradientIO>;

export const convInputGradientVariants: readonly GradientVariant[] = [naiveConvInputGradient];

export function chooseConvInputGradient(problem: ConvInputGradientProblem, device: DeviceTraits): GradientVariant {
  return convInputGradientVariants.find((variant) => variant.supports(problem, device)) ?? naiveConvInputGradient;
}
