/**
 * 3x3 stride-1 convolution for software adapters by Winograd's minimal filtering F(2x2, 3x3) and F(4x4, 3x3) (Lavin and Gray,
 * "Fast Algorithms for Convolutional Neural Networks", 2016): transform, one product per frequency (soft-gemm.ts), transform back.
 */
import inputText from '../../shaders/soft_winograd_input.wgsl';
import outputText from '../../shaders/soft_winograd_output.wgsl';
import weightText from '../../shaders/soft_winograd_weight.wgsl';
import {
  type ConvIO,
  type ConvProblem,
  ceilDiv,
  type DeviceTraits,
  type ShaderSource,
  type Variant,
} from '../kernel';
import { epilogueBindings, epilogueConstants } from './soft-epilogue';
import { emitProduct, hasUniformWindows, MAX_K, planProduct } from './soft-gemm';

const inputShader: ShaderSource = { name: 'soft_winograd_input', text: inputText };
const outputShader: ShaderSource = { name: 'soft_winograd_output', text: outputText };
const weightShader: ShaderSource = { name: 'soft_winograd_weight', text: weightText };

type Tile = 2 | 4;

function planWinograd(problem: ConvProblem, tile: Tile, images: number) {
  const tilesX = ceilDiv(problem.outWidth, tile);
  const tilesY = ceilDiv(problem.outHeight, tile);
  const tiles = images * tilesX * tilesY;
  const frequencies = (tile + 2) ** 2;
  // Lanes run along whichever there is more of; few tiles make short vectors.
  const tilesOnLanes = tiles >= 32 || tiles >= problem.outChannels;
  const product = tilesOnLanes
    ? planProduct(frequencies, tiles, problem.outChannels, problem.inChannels)
    : planProduct(frequencies, problem.outChannels, tiles, problem.inChannels);
  const [tileSide, weightSide] = tilesOnLanes ? [product.p, product.q] : [product.q, product.p];
  const productBytes = frequencies * product.p.rows * product.q.rows * 4;
  return { tilesX, tilesY, tiles, frequencies, tilesOnLanes, product, tileSide, weightSide, productBytes };
}

/** The most images at a time whose scratch fits the limits, dividing the batch; 0 if not even one does. */
function imagesAtATime(problem: ConvProblem, tile: Tile, device: DeviceTraits): number {
  const limit = Math.min(device.limits.maxStorageBufferBindingSize, device.limits.maxBufferSize);
  for (let images = problem.batch; images >= 1; images--) {
    if (problem.batch % images !== 0) continue;
    const { tileSide, weightSide, productBytes } = planWinograd(problem, tile, images);
    if (weightSide.bytes > limit) return 0;
    if (Math.max(tileSide.bytes, productBytes) <= limit) return images;
  }
  return 0;
}

function winograd(tile: Tile): Variant<ConvProblem, ConvIO> {
  const name = `soft-winograd${tile}`;
  return {
    name,
    supports: (problem, device) =>
      hasUniformWindows(device) &&
      problem.kernel.every((extent) => extent === 3) &&
      problem.stride.every((step) => step === 1) &&
      problem.inChannels <= MAX_K &&
      imagesAtATime(problem, tile, device) > 0,
    lower(problem, io, ctx) {
      const images = imagesAtATime(problem, tile, ctx.device);
      const plan = planWinograd(problem, tile, images);
      const { product, tileSide, weightSide, tilesOnLanes, tilesX, tilesY, tiles } = plan;
      const paddedChannels = product.slices * product.k4 * 4;
      const weights = ctx.prepared(
        io.weight,
        `${name} ${problem.weightLayout} ${[weightSide.rows, problem.outChannels, product.k4, product.slices].join()}`,
        weightSide.bytes,
        (operand) => [
          {
            label: `conv2d/${name}/weight`,
            shader: weightShader,
            constants: {
              OUT_CHANNELS: problem.outChannels,
              IN_CHANNELS: problem.inChannels,
              FLIPPED: problem.weightLayout === 'flipped',
              TILE: tile,
              K4: product.k4,
              BLOCKS: weightSide.blocks,
            },
            bindings: [
              { operand: io.weight, access: 'read' },
              { operand, access: 'write' },
            ],
            workgroups: [weightSide.blocks, paddedChannels / 4, 1],
          },
        ],
      );
      const packed = ctx.scratch('winograd tiles', tileSide.bytes);
      const sums = ctx.scratch('winograd products', plan.productBytes);
      const inputRows = tile === 4 && problem.padding[1] === 1 && problem.inWidth % 4 === 0;
      const outputRows = tile === 4 && problem.outWidth % 4 === 0;
      // Four consecutive channels of a tile share the cache lines of the packed operand.
      const channelsEach = 4;
      const exact =
        problem.outHeight % tile === 0 && tiles % 8 === 0 && problem.outChannels % channelsEach === 0;
      for (let image = 0; image < problem.batch; image += images) {
        ctx.emit({
          label: `conv2d/${name}/input`,
          shader: inputShader,
          constants: {
            IMAGE: image,
            TILES: tiles,
            TILES_X: tilesX,
            TILES_Y: tilesY,
            BLOCKS: tileSide.blocks,
            IN_CHANNELS: problem.inChannels,
            IN_HEIGHT: problem.inHeight,
            IN_WIDTH: problem.inWidth,
            PAD_Y: problem.padding[0],
            PAD_X: problem.padding[1],
            TILE: tile,
            K4: product.k4,
            CHANNELS_EACH: channelsEach,
            ROWS_OF_4: inputRows,
          },
          bindings: [
            { operand: io.input, access: 'read' },
            { operand: packed, access: 'write' },
            ...(inputRows ? [{ operand: io.input, access: 'read' as const }] : []),
          ],
          workgroups: [tileSide.blocks, paddedChannels / channelsEach, 1],
        });
        const strideZ = product.p.rows * product.q.rows;
        const [p, q] = tilesOnLanes ? [packed, weights] : [weights, packed];
        emitProduct(
          ctx,
          `conv2d/${name}/product`,
          product,
          p,
          q,
          {
            constants: { SPLIT: true, STRIDE_Z: strideZ, STRIDE_P: 1, STRIDE_Q: product.p.rows },
            bindings: [{ operand: sums, access: 'write' }],
          },
          io.weight,
        );
        ctx.emit({
          label: `conv2d/${name}/output`,
          shader: outputShader,
          constants: {
            IMAGE: image,
            TILES: tiles,
            TILES_X: tilesX,
            TILES_Y: tilesY,
            OUT_CHANNELS: problem.outChannels,
            OUT_HEIGHT: problem.outHeight,
            OUT_WIDTH: problem.outWidth,
            TILE: tile,
            CHANNELS_EACH: channelsEach,
            ROWS_OF_4: outputRows,
            EXACT: exact,
            STRIDE_Z: strideZ,
            STRIDE_TILE: tilesOnLanes ? 1 : product.p.rows,
            STRIDE_CHANNEL: tilesOnLanes ? product.p.rows : 1,
            ...epilogueConstants(problem.epilogue),
          },
          bindings: [
            { operand: sums, access: 'read' },
            { operand: io.output, access: 'write' },
            ...epilogueBindings(problem.epilogue, io),
          ],
          workgroups: [ceilDiv(tiles, 8), ceilDiv(problem.outChannels, channelsEach), 1],
        });
      }
    },
  };
}

/** F(2x2, 3x3): 16 frequencies, 2.25 times fewer multiplications. */
export const softWinograd2 = winograd(2);
/** F(4x4, 3x3): 36 frequencies, 4 times fewer multiplications. */
export const softWinograd4 = winograd(4);
