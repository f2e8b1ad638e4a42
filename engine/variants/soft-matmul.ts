/** The matrix product on software adapters: "pixels" are the columns of C, "channels" its rows. */
import type { DeviceTraits, Lowering, Operand, Variant } from '../dispatch.js';
import type { MatmulIO, MatmulProblem } from '../problem.js';
import { emitProduct, matrixResult, planTensorProduct, productFits, tensorTarget } from './soft-gemm.js';
import { matrixSource, packDispatch, packKey, type Source } from './soft-pack.js';
import type { PackedSide } from './soft-product.js';

const LABEL = 'matmul/soft-packed';

const plan = ({ m, n, k }: MatmulProblem, device: DeviceTraits) => planTensorProduct(device, n, m, k);

export const softPackedMatmul: Variant<MatmulProblem, MatmulIO> = {
  name: 'soft-packed',
  supports: (problem, device) => productFits(plan(problem, device).product, device, false),
  lower(problem, io, ctx: Lowering) {
    const { m, n, k, transposeA, transposeB } = problem;
    const { product, pixelsOnLanes, pixelSide, channelSide } = plan(problem, ctx.device);
    // Kept where it is a constant, else packed before every use.
    const pack = (from: Operand, side: PackedSide, source: Source) =>
      ctx.prepared(
        from,
        packKey(side, source),
        side.bytes,
        (to) => [packDispatch(`${LABEL}/pack`, product, side, source, from, to)],
        'texture',
      );
    const channels = pack(
      io.a,
      channelSide,
      transposeA ? matrixSource(m, k, 1, m) : matrixSource(m, k, k, 1),
    );
    const pixels = pack(io.b, pixelSide, transposeB ? matrixSource(n, k, k, 1) : matrixSource(n, k, 1, n));
    emitProduct(
      ctx,
      `${LABEL}/product`,
      product,
      pixelsOnLanes ? pixels : channels,
      pixelsOnLanes ? channels : pixels,
      tensorTarget({
        pixelsOnLanes,
        ...matrixResult(m, n),
        channelBias: false,
        epilogue: problem.epilogue,
        io,
        spare: io.a,
      }),
    );
  },
};
