/** Every tiled variant on every case that it supports: minutes on a software adapter, which compiles each kernel for seconds. */
import { describe, expect, test } from 'vitest';
import { tiledConvVariants } from '../../engine/variants/tiled-conv.js';
import { tiledConvInputGradientVariants } from '../../engine/variants/tiled-conv-gradient.js';
import { tiledMatmulVariants } from '../../engine/variants/tiled-matmul.js';
import { subgroupMatrixVariants } from '../../engine/variants/tiled-subgroup-matrix.js';
import { type AnyVariant, type Case, check, convCases, gradientCases, matmulCases } from '../tiled-cases.js';

function checkAll(
  variants: readonly { readonly name: string }[],
  cases: Readonly<Record<string, Case>>,
): void {
  for (const variant of variants) {
    test(variant.name, async (context) => {
      const checked = await check(variant as AnyVariant, Object.values(cases), 'skip');
      // Tensor cores are rare; every other variant supports something on every adapter with f16.
      const optional =
        variant.name.endsWith('f16') || subgroupMatrixVariants.some(({ name }) => name === variant.name);
      if (checked === 0 && optional) context.skip();
      expect(checked).toBeGreaterThan(0);
    });
  }
}

describe('conv2d', () => checkAll(tiledConvVariants, convCases));
describe('conv2dInputGradient', () => checkAll(tiledConvInputGradientVariants, gradientCases));
describe('matmul', () => checkAll(tiledMatmulVariants, matmulCases));
