/** The variants of the convolution's weight gradient, best first, and the built-in choice. */
import type { DeviceTraits, Variant } from '../dispatch.js';
import type { ConvWeightGradientIO, ConvWeightGradientProblem } from '../problem.js';
import { naiveConvWeightGradient } from './naive.js';
import { softConvWeightGradient } from './soft-weight-gradient.js';

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
