/** The variants of the strided convolution's input gradient, best first, and the built-in choice. */
import type { DeviceTraits, Variant } from '../dispatch.js';
import type { ConvInputGradientIO, ConvInputGradientProblem } from '../problem.js';
import { naiveConvInputGradient } from './naive.js';
import { softPatchesConvInputGradient } from './soft-patches.js';
import { chooseTiledConvInputGradient, tiledConvInputGradientVariants } from './tiled-conv-gradient.js';

type GradientVariant = Variant<ConvInputGradientProblem, ConvInputGradientIO>;

export const convInputGradientVariants: readonly GradientVariant[] = [
  softPatchesConvInputGradient,
  ...tiledConvInputGradientVariants,
  naiveConvInputGradient,
];

export function chooseConvInputGradient(
  problem: ConvInputGradientProblem,
  device: DeviceTraits,
): GradientVariant {
  if (!device.software) return chooseTiledConvInputGradient(problem, device) ?? naiveConvInputGradient;
  return softPatchesConvInputGradient.supports(problem, device)
    ? softPatchesConvInputGradient
    : naiveConvInputGradient;
}
