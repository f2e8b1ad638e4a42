/** The variants of the matrix product, best first, and the built-in choice. */
import type { DeviceTraits, Variant } from '../dispatch.js';
import type { MatmulIO, MatmulProblem } from '../problem.js';
import { naiveMatmul } from './naive.js';
import { softPackedMatmul } from './soft-matmul.js';
import { chooseTiledMatmul, tiledMatmulVariants } from './tiled-matmul.js';

type MatmulVariant = Variant<MatmulProblem, MatmulIO>;

export const matmulVariants: readonly MatmulVariant[] = [
  softPackedMatmul,
  ...tiledMatmulVariants,
  naiveMatmul,
];

export function chooseMatmul(problem: MatmulProblem, device: DeviceTraits): MatmulVariant {
  if (!device.software) return chooseTiledMatmul(problem, device) ?? naiveMatmul;
  return softPackedMatmul.supports(problem, device) ? softPackedMatmul : naiveMatmul;
}
