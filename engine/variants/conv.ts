/** The variants of the convolution, best first, and the built-in choice. */
import { ceilDiv, type DeviceTraits, type Variant } from '../dispatch.js';
import type { ConvIO, ConvProblem } from '../problem.js';
import { naiveConv } from './naive.js';
import { softPatchesConv } from './soft-patches.js';
import { softWinograd2, softWinograd4 } from './soft-winograd.js';
import { chooseTiledConv, tiledConvVariants } from './tiled-conv.js';

type ConvVariant = Variant<ConvProblem, ConvIO>;

export const convVariants: readonly ConvVariant[] = [
  softWinograd4,
  softWinograd2,
  softPatchesConv,
  ...tiledConvVariants,
  naiveConv,
];

export function chooseConv(problem: ConvProblem, device: DeviceTraits): ConvVariant {
  if (!device.software) return chooseTiledConv(problem, device) ?? naiveConv;
  return softOrder(problem).find((variant) => variant.supports(problem, device)) ?? naiveConv;
}

/**
 * By multiplications for each input and output channel: frequencies (or taps) times tiles (or pixels). Below FEW of those the time goes into
 * reading the weights. Measured on lavapipe: bench/NOTES-soft.md.
 */
function softOrder(problem: ConvProblem): readonly ConvVariant[] {
  const { batch, inChannels, outChannels, outHeight, outWidth, kernel } = problem;
  // The transforms of few channels cost more than the saved multiplications.
  if (outChannels < 8 || inChannels < 16) return [softPatchesConv];
  const cost = (perTile: number, tile: number) =>
    perTile * Math.max(batch * ceilDiv(outHeight, tile) * ceilDiv(outWidth, tile), FEW);
  const costs: readonly (readonly [number, ConvVariant])[] = [
    [cost(36, 4), softWinograd4],
    [cost(16, 2), softWinograd2],
    [cost(kernel[0] * kernel[1], 1), softPatchesConv],
  ];
  return [...costs].sort(([a], [b]) => a - b).map(([, variant]) => variant);
}

const FEW = 11;
