/** The variants of the convolution's weight gradient, best first, and the built-in choice. */
import type { DeviceTraits, Variant } from '../dispatch.js';
import type { ConvWeightGradientIO, ConvWeightGradientProblem } from '../problem.js';
import { naiveConvWeightGradient } from './naive.js';
import { softConvWeightGradient } from './soft-weight-gradient.js';
import { tiledConvWeightGradient } from './tiled-weight-gradient.js';

type WeightGradientVariant = Variant<ConvWeightGradientProblem, ConvWeightGradientIO>;

export const convWeightGradientVariants: readonly WeightGradientVariant[] = [
  softConvWeightGradient,
  tiledConvWeightGradient,
  naiveConvWeightGradient,
];

export function chooseConvWeightGradient(
  problem: ConvWeightGradientProblem,
  device: DeviceTraits,
): WeightGradientVariant {
  const wanted = device.software ? softConvWeightGradient : tiledConvWeightGradient;
  return wanted.supports(problem, device) ? wanted : naiveConvWeightGradient;
}
