/** The variants of the matrix product, best first, and the built-in choice. */
import type { DeviceTraits, MatmulIO, MatmulProblem, Variant } from '../kernel';
import { naiveMatmul } from './naive';

export const matmulVariants: readonly Variant<MatmulProblem, MatmulIO>[] = [naiveMatmul];

export function chooseMatmul(problem: MatmulProblem, device: DeviceTraits): Variant<MatmulProblem, MatmulIO> {
  return matmulVariants.find((variant) => variant.supports(problem, device)) ?? naiveMatmul;
}
