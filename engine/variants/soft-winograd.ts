/**
 * 3x3 stride-1 convolution for software adapters by Winograd's minimal filtering F(2x2, 3x3) and F(4x4, 3x3) (Lavin and Gray,
 * "Fast Algorithms for Convolutional Neural Networks", 2016): transform, one product per frequency (soft-gemm.ts), transform back.
 */
import {
  type Binding,
  ceilDiv,
  type DeviceTraits,
  type Operand,
  TEXTURE_SHIFT,
  type Variant,
} from '../dispatch.js';
import type { ConvIO, ConvProblem } from '../problem.js';
import { epilogueBindings, epilogueShape } from './soft-epilogue.js';
import {
  emitProduct,
  planProduct,
  productFits,
  shufflesLanes,
  splitBytes,
  splitTarget,
} from './soft-gemm.js';
import type { PackedSide } from './soft-product.js';
import { winogradInputShader, winogradOutputShader, winogradWeightShader } from './soft-sources.js';

type Tile = 2 | 4;

/** Workgroups that pack a side, in the order of its texels: pages are touched one after the other. */
function packGroups({ tileBlocks, blocks }: PackedSide, k4: number) {
  return [tileBlocks, k4, blocks / tileBlocks] as const;
}

function planWinograd(problem: ConvProblem, tile: Tile, images: number, device: DeviceTraits) {
  const tilesX = ceilDiv(problem.outWidth, tile);
  const tilesY = ceilDiv(problem.outHeight, tile);
  const tiles = images * tilesX * tilesY;
  // Lanes run along whichever there is more of: few tiles make short vectors.
  const tilesOnLanes = tiles >= 32 || tiles >= problem.outChannels;
  const [p, q] = tilesOnLanes ? [tiles, problem.outChannels] : [problem.outChannels, tiles];
  const product = planProduct(device, (tile + 2) ** 2, p, q, problem.inChannels, {
    together: tilesOnLanes ? 'p' : 'q',
  });
  const [tileSide, weightSide] = tilesOnLanes ? [product.p, product.q] : [product.q, product.p];
  return { tilesX, tilesY, tiles, tilesOnLanes, product, tileSide, weightSide };
}

/** Scratch of this size stays in the caches: 8 images of 64 channels at 32x32 take a third less time 4 by 4. */
const NEAR_BYTES = 5 << 20;

/** How many images to transform at a time, dividing the batch: scratch within the limits, and near the cores if possible; 0 if not even one fits. */
function imagesAtATime(problem: ConvProblem, tile: Tile, device: DeviceTraits): number {
  let most = 0;
  for (let images = problem.batch; images >= 1; images--) {
    if (problem.batch % images !== 0) continue;
    const { product, tileSide } = planWinograd(problem, tile, images, device);
    if (!productFits(product, device, true)) continue;
    if (images === problem.batch || most === 0) most = images;
    if (!alignedImages(problem, images)) continue;
    most = images;
    if (tileSide.bytes + splitBytes(product) <= NEAR_BYTES) break;
  }
  return most;
}

/** Do groups of so many images start at offsets that a binding may have? Then all groups share their kernels. */
function alignedImages(problem: ConvProblem, images: number): boolean {
  const { inChannels, inHeight, inWidth, outChannels, outHeight, outWidth } = problem;
  return (
    (images * inChannels * inHeight * inWidth) % 64 === 0 &&
    (images * outChannels * outHeight * outWidth) % 64 === 0
  );
}

function winograd(tile: Tile): Variant<ConvProblem, ConvIO> {
  const name = `soft-winograd${tile}`;
  return {
    name,
    supports: (problem, device) =>
      problem.kernel.every((extent) => extent === 3) &&
      problem.stride.every((step) => step === 1) &&
      imagesAtATime(problem, tile, device) > 0,
    lower(problem, io, ctx) {
      const images = imagesAtATime(problem, tile, ctx.device);
      const plan = planWinograd(problem, tile, images, ctx.device);
      const { product, tileSide, weightSide, tilesX, tilesY, tiles, tilesOnLanes } = plan;
      const { k4 } = product;
      const weights = ctx.prepared(
        io.weight,
        `${name} ${problem.weightLayout} ${[weightSide.rows, weightSide.tileBlocks, problem.outChannels, k4].join()}`,
        weightSide.bytes,
        (operand) => [
          {
            label: `conv2d/${name}/weight`,
            shader: winogradWeightShader,
            constants: {
              FLIPPED: problem.weightLayout === 'flipped',

              TILE: tile,
              TEXTURE_SHIFT,
            },
            shape: {
              OUT_CHANNELS: problem.outChannels,
              IN_CHANNELS: problem.inChannels,
              K4: k4,
              TILE_BLOCKS: weightSide.tileBlocks,
              STEP_K: weightSide.stepK,
              STEP_Z: weightSide.stepZ,
              FOUR: 4,
            },
            bindings: [
              { operand: io.weight, access: 'read' },
              { operand, access: 'write' },
            ],
            workgroups: packGroups(weightSide, k4),
          },
        ],
        'texture',
      );
      const packed = ctx.scratch('winograd tiles', tileSide.bytes, 'texture');
      const sums = ctx.scratch('winograd products', splitBytes(product));
      const inputRows = tile === 4 && problem.padding[1] === 1 && problem.inWidth % 4 === 0;
      // Then the tiles beside a lane's tile belong to its neighbours, or lie outside.
      const neighbours = inputRows && 8 % tilesX === 0 && shufflesLanes(ctx.device);
      const outputRows = tile === 4 && problem.outWidth % 4 === 0;
      // With tiles on the lanes whole cache lines of the product.
      const foursEach = tilesOnLanes ? product.rq / 4 : 1;
      const aligned = alignedImages(problem, images);
      for (let image = 0; image < problem.batch; image += images) {
        const part = (operand: Operand, access: 'read' | 'write', perImage: number): Binding =>
          aligned
            ? { operand, access, offset: image * perImage * 4, size: images * perImage * 4 }
            : { operand, access };
        const inputSize = problem.inChannels * problem.inHeight * problem.inWidth;
        const outputSize = problem.outChannels * problem.outHeight * problem.outWidth;
        ctx.emit({
          label: `conv2d/${name}/input`,
          shader: winogradInputShader,
          constants: { TILE: tile, TEXTURE_SHIFT, ROWS_OF_4: inputRows, NEIGHBOURS: neighbours },
          shape: {
            IMAGE: aligned ? 0 : image,
            TILES: tiles,
            TILES_X: tilesX,
            TILES_Y: tilesY,
            TILE_BLOCKS: tileSide.tileBlocks,
            STEP_K: tileSide.stepK,
            STEP_Z: tileSide.stepZ,
            IN_CHANNELS: problem.inChannels,
            IN_HEIGHT: problem.inHeight,
            IN_WIDTH: problem.inWidth,
            PAD_Y: problem.padding[0],
            PAD_X: problem.padding[1],
            K4: k4,
            FOUR: 4,
          },
          bindings: [
            part(io.input, 'read', inputSize),
            { operand: packed, access: 'write' },
            ...(inputRows ? [part(io.input, 'read', inputSize)] : []),
          ],
          workgroups: packGroups(tileSide, k4),
        });
        const [p, q] = tilesOnLanes ? [packed, weights] : [weights, packed];
        emitProduct(ctx, `conv2d/${name}/product`, product, p, q, splitTarget(sums));
        ctx.emit({
          label: `conv2d/${name}/output`,
          shader: winogradOutputShader,
          constants: {
            TILE: tile,
            TILES_ON_LANES: tilesOnLanes,
            ROWS_OF_4: outputRows,
          },
          shape: {
            IMAGE: aligned ? 0 : image,
            TILES: tiles,
            TILES_X: tilesX,
            TILES_Y: tilesY,
            OUT_CHANNELS: problem.outChannels,
            OUT_HEIGHT: problem.outHeight,
            OUT_WIDTH: problem.outWidth,
            STRIDE_Z: (product.p.rows * product.q.rows) / (tilesOnLanes ? 4 : 1),
            PITCH: product.q.rows / (tilesOnLanes ? 4 : 1),
            FOURS_EACH: foursEach,
            EDGE: tile + 2,
            FOUR: 4,
            LINES: tile,
            ...epilogueShape(problem.epilogue, io),
          },
          bindings: [
            { operand: sums, access: 'read' },
            part(io.output, 'write', outputSize),
            ...epilogueBindings(problem.epilogue, io, sums, (operand) => part(operand, 'read', outputSize)),
          ],
          workgroups: [ceilDiv(tiles, 8), ceilDiv(problem.outChannels, foursEach * 4), 1],
        });
      }
    },
  };
}

/** F(2x2, 3x3): 16 frequencies, 2.25 times fewer multiplications. */
export const softWinograd2 = winograd(2);
/** F(4x4, 3x3): 36 frequencies, 4 times fewer multiplications. */
export const softWinograd4 = winograd(4);
