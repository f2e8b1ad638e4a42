/** The variants of the convolution, best first, and the built-in choice. */
import type { ConvIO, ConvProblem, DeviceTraits, Variant } from '../kernel';
import { naiveConv } from './naive';
import { softColumnsConv } from './soft-columns';
import { softPatchesConv } from './soft-patches';
import { softWinograd2, softWinograd4 } from './soft-winograd';
import { chooseTiledConv, tiledConvVariants } from './tiled-conv';

type ConvVariant = Variant<ConvProblem, ConvIO>;

export const convVariants: readonly ConvVariant[] = [
  softWinograd4,
  softWinograd2,
  softPatchesConv,
  softColumnsConv,
  ...tiledConvVariants,
  naiveConv,
];

export function chooseConv(problem: ConvProblem, device: DeviceTraits): ConvVariant {
  if (!device.software) return chooseTiledConv(problem, device) ?? naiveConv;
  return softOrder(problem).find((variant) => variant.supports(problem, device)) ?? naiveConv;
}

/** Measured on lavapipe: bench/NOTES-soft.md. */
function softOrder(problem: ConvProblem): readonly ConvVariant[] {
  const { batch, inChannels, outChannels, outHeight, outWidth } = problem;
  const pixels = batch * outHeight * outWidth;
  if (outChannels < 8) return [softColumnsConv, softWinograd4, softPatchesConv];
  // The transforms of few input channels, or the weights of few tiles, cost more than the saved multiplications.
  if (inChannels < 16 || pixels <= 16) return [softPatchesConv];
  if (pixels <= 64) return [softWinograd2, softPatchesConv];
  return [softWinograd4, softWinograd2, softPatchesConv];
}
