/** The variants of the strided convolution's input gradient, best first, and the built-in choice. */
import type { ConvInputGradientIO, ConvInputGradientProblem, DeviceTraits, Variant } from '../kernel';
import { naiveConvInputGradient } from './naive';
import { softColumnsConvInputGradient } from './soft-columns';
import { chooseTiledConvInputGradient, tiledConvInputGradientVariants } from './tiled-conv-gradient';

type GradientVariant = Variant<ConvInputGradientProblem, ConvInputGradientIO>;

export const convInputGradientVariants: readonly GradientVariant[] = [
  softColumnsConvInputGradient,
  ...tiledConvInputGradientVariants,
  naiveConvInputGradient,
];

export function chooseConvInputGradient(
  problem: ConvInputGradientProblem,
  device: DeviceTraits,
): GradientVariant {
  if (!device.software) return chooseTiledConvInputGradient(problem, device) ?? naiveConvInputGradient;
  return softColumnsConvInputGradient.supports(problem, device)
    ? softColumnsConvInputGradient
    : naiveConvInputGradient;
}
