/** The variants of the convolution's weight gradient, best first, and the built-in choice. */
import type { ConvWeightGradientIO, ConvWeightGradientProblem, DeviceTraits, Variant } from '../kernel';
import { naiveConvWeightGradient } from './naive';
import { softConvWeightGradient } from './soft-weight-gradient';

type WeightGradientVariant = Variant<ConvWeightGradientProblem, ConvWeightGradientIO>;

export const convWeightGradientVariants: readonly WeightGradientVariant[] = [
  softConvWeightGradient,
  naiveConvWeightGradient,
];

export function chooseConvWeightGradient(
  problem: ConvWeightGradientProblem,
  device: DeviceTraits,
): WeightGradientVariant {
  return softConvWeightGradient.supports(problem, device) ? softConvWeightGradient : naiveConvWeightGradient;
}
