/**
 * The product that every kernel of the software adapters comes down to: operands packed in textures, register tiles, no shared memory, one
 * dispatch (shaders/soft_gemm.wgsl says why). Here: how the operands are packed.
 */
import {
  type Binding,
  ceilDiv,
  type DeviceTraits,
  type Lowering,
  maxTextureBytes,
  type Operand,
  TEXTURE_SHIFT,
} from '../dispatch.js';
import type { Epilogue, EpilogueOperands } from '../problem.js';
import type { ShaderConstant } from '../template.js';
import { epilogueBindings, epilogueShape } from './soft-epilogue.js';
import type { PackedProduct, PackedSide, Part } from './soft-product.js';
import { gemmShader, splitGemmShader } from './soft-sources.js';

/** Products that a workgroup makes one after the other, the columns of the output in turn: PHASES of soft_gemm.wgsl. */
export type Phases = 1 | 2;

/** The kernels divide rows by way of f32, which is exact below this. */
export const MAX_ROWS = 2 ** 21;

/**
 * Multiply-adds per time of the register tiles, relative, by vectors of P and rows of Q. Measured on lavapipe, K = 128: bench/NOTES-soft.md.
 */
const TILES = [
  { rp: 4, rq: 32, speed: 59 },
  { rp: 4, rq: 16, speed: 52 },
  { rp: 2, rq: 32, speed: 50 },
  { rp: 2, rq: 16, speed: 40 },
  { rp: 4, rq: 8, speed: 37 },
  { rp: 1, rq: 32, speed: 34 },
  { rp: 1, rq: 16, speed: 29 },
  { rp: 2, rq: 8, speed: 28 },
  { rp: 1, rq: 8, speed: 20 },
] as const;

/** The register tile that takes the least time, padding included; its rows of Q for each of the phases. */
function registerTile(device: DeviceTraits, phases: Phases, pRows: number, qRows: number) {
  const cost = ({ rp, rq, speed }: (typeof TILES)[number]) =>
    (ceilDiv(pRows, 8 * rp) * rp * ceilDiv(qRows, rq) * rq) / speed;
  return TILES.filter(
    // Where lanes can't hand around what they load there is a load for every row of Q: 32 are too many for the driver.
    ({ rq }) => rq * phases <= (shufflesLanes(device) ? 32 : 16),
  ).reduce((best, tile) => (cost(tile) < cost(best) ? tile : best));
}

/**
 * @param together the side whose texels of all products of the batch stand together for each four k and register tile, as its writer makes them: 36
 *   streams in steps of a power of two would share the sets of the caches
 */
export function planProduct(
  device: DeviceTraits,
  batches: number,
  pRows: number,
  qRows: number,
  k: number,
  { together, phases = 1 }: { readonly together?: 'p' | 'q'; readonly phases?: Phases } = {},
): PackedProduct {
  const k4 = ceilDiv(k, 4);
  const { rp, rq } = registerTile(device, phases, pRows, qRows);
  const side = (used: number, tile: number, apart: boolean): PackedSide => {
    const rows = ceilDiv(used, tile) * tile;
    const [blocks, tileBlocks] = [rows / 8, tile / 8];
    const [stepK, stepZ] = apart ? [tileBlocks, blocks * k4] : [tileBlocks * batches, tileBlocks];
    return { rows, tileBlocks, blocks, stepK, stepZ, bytes: batches * rows * k4 * 16 };
  };
  return {
    batches,
    p: side(pRows, 8 * rp, together !== 'p'),
    q: side(qRows, rq, together !== 'q'),
    k4,
    rp,
    rq,
  };
}

/** Bytes of a product that is kept apart (SPLIT): [batch][p][q] with the padding of both. */
export function splitBytes({ batches, p, q }: PackedProduct): number {
  return batches * p.rows * q.rows * 4;
}

/** Can this adapter hold the operands, and the product where `split`? */
export function productFits(product: PackedProduct, device: DeviceTraits, split: boolean): boolean {
  const { p, q, batches } = product;
  const limit = Math.min(device.limits.maxStorageBufferBindingSize, device.limits.maxBufferSize);
  return (
    device.software &&
    Math.max(p.bytes, q.bytes) <= maxTextureBytes(device) &&
    (!split || splitBytes(product) <= limit) &&
    Math.max(p.rows, q.rows) < MAX_ROWS &&
    // A workgroup packs one block of 8 rows.
    Math.max(p.blocks, q.blocks, batches) <= device.limits.maxComputeWorkgroupsPerDimension
  );
}

/** Do the 8 lanes of a workgroup hand values around? */
export function shufflesLanes({ features, subgroupSize }: DeviceTraits): boolean {
  return features.has('subgroups') && subgroupSize === 8;
}

/** Where the results go: the product itself, or the final tensor with the epilogue: constants and shape of the shader. */
export interface ProductTarget {
  readonly constants: Readonly<Record<string, ShaderConstant>> & {
    readonly SPLIT: boolean;
    readonly VEC4: boolean;
    readonly PATCHES: boolean;
    readonly PIXELS_ON_LANES: boolean;
  };
  readonly shape: Readonly<Record<string, number>>;
  readonly bindings: readonly Binding[];
}

/** The product, kept apart in `output`. */
export function splitTarget(output: Operand): ProductTarget {
  return {
    constants: { SPLIT: true, VEC4: true, PATCHES: false, PIXELS_ON_LANES: false },
    shape: {},
    bindings: [{ operand: output, access: 'write' }],
  };
}

/** A product of which one side counts pixels, the other channels of the tensor that it ends in. */
export function planTensorProduct(
  device: DeviceTraits,
  pixels: number,
  channels: number,
  k: number,
  phases: Phases = 1,
) {
  // Channels on the lanes fill them and let four pixels be stored at once; pixels where there are few channels.
  const pixelsOnLanes = phases === 1 && channels < 32 && pixels > channels;
  const product = pixelsOnLanes
    ? planProduct(device, 1, pixels, channels, k)
    : planProduct(device, 1, channels, pixels, k, { phases });
  const [pixelSide, channelSide] = pixelsOnLanes ? [product.p, product.q] : [product.q, product.p];
  return { product, pixelsOnLanes, pixelSide, channelSide };
}

/** The tensor that a product ends in: names of soft_gemm.wgsl. */
export interface TensorResult {
  readonly pixelsOnLanes: boolean;
  /** The pixels: images, rows and columns of the grid that the product computes. */
  readonly grid: readonly [batch: number, height: number, width: number];
  readonly channels: number;
  readonly place: Readonly<
    Record<'OUT_FIRST' | 'OUT_STEP_Y' | 'OUT_STEP_X' | 'STRIDE_IMAGE' | 'STRIDE_CHANNEL', number>
  >;
  readonly channelBias: boolean;
  readonly epilogue: Epilogue;
  readonly io: EpilogueOperands & { readonly output: Operand };
  /** A buffer that is no constant, or it would be kept for this alone: soft-epilogue.ts. */
  readonly spare: Operand;
  /** Where the pixels' side is an image: where its patches lie. With two phases a column of the grid is two of the tensor. */
  readonly patches?: Readonly<Record<string, number>>;
  readonly phases?: Phases;
}

/** A row-major matrix as such a tensor: its rows are channels, its columns pixels. */
export function matrixResult(
  rows: number,
  columns: number,
): Pick<TensorResult, 'grid' | 'channels' | 'place'> {
  return {
    grid: [1, 1, columns],
    channels: rows,
    place: { OUT_FIRST: 0, OUT_STEP_Y: 0, OUT_STEP_X: 1, STRIDE_IMAGE: 0, STRIDE_CHANNEL: columns },
  };
}

/** The product as the final tensor, with its epilogue. */
export function tensorTarget(result: TensorResult): ProductTarget {
  const { pixelsOnLanes, grid, place, epilogue, io, phases = 1 } = result;
  const [batch, height, width] = grid;
  const dense = place.OUT_STEP_X === 1 && (height === 1 || place.OUT_STEP_Y === width);
  const fours = dense && (height * width) % 4 === 0;
  return {
    constants: {
      SPLIT: false,
      VEC4: phases === 2 || (!pixelsOnLanes && fours),
      PATCHES: result.patches !== undefined,
      PIXELS_ON_LANES: pixelsOnLanes,
      CHANNEL_BIAS: result.channelBias,
    },
    shape: {
      PIXELS: batch * height * width,
      CHANNELS: result.channels,
      GRID_HEIGHT: height,
      GRID_WIDTH: width,
      ...place,
      ...result.patches,
      ...epilogueShape(epilogue, io),
    },
    bindings: [{ operand: io.output, access: 'write' }, ...epilogueBindings(epilogue, io, result.spare)],
  };
}

/** The units of a bank of accumulators that are stored (soft_gemm.wgsl). */
const BANK = 4;

/** @param parts of P, one for each phase */
export function emitProduct(
  ctx: Lowering,
  label: string,
  product: PackedProduct,
  p: Operand,
  q: Operand,
  target: ProductTarget,
  parts: readonly Part[] = [{ k4: product.k4, first: 0 }],
): void {
  const { batches, rp, rq } = product;
  const sampled = ctx.device.samplesTextures;
  const units = (rq * parts.length) / (target.constants.VEC4 ? 4 : 1);
  const bank = Math.min(units, BANK);
  const imageOnLanes = target.constants.PATCHES && target.constants.PIXELS_ON_LANES;
  ctx.emit({
    label,
    shader: target.constants.SPLIT ? splitGemmShader : gemmShader,
    constants: {
      RP: rp,
      RQ: rq,
      Q_LOADS: shufflesLanes(ctx.device) ? rq / 8 : rq,
      TEXTURE_SHIFT,
      SUBGROUPS: shufflesLanes(ctx.device),
      SAMPLED: sampled,
      PHASES: parts.length,
      UNITS: units,
      BANK: bank,
      ...target.constants,
    },
    shape: {
      P_BLOCKS: product.p.blocks,
      Q_BLOCKS: product.q.blocks,
      P_STEP_K: product.p.stepK,
      Q_STEP_K: product.q.stepK,
      P_STEP_Z: product.p.stepZ,
      Q_STEP_Z: product.q.stepZ,
      ...Object.fromEntries(
        parts.flatMap(({ k4, first }, i) => [
          [`K4_${i}`, k4],
          // Where P is an image, that says where its patches lie.
          ...(imageOnLanes ? [] : [[`P_FIRST_${i}`, first]]),
        ]),
      ),
      BANKS: units / bank,
      BANK_UNITS: bank,
      ROWS_P: rp * 8,
      ...target.shape,
    },
    bindings: [
      { operand: p, access: 'read', sampled },
      { operand: q, access: 'read', sampled },
      ...target.bindings,
    ],
    workgroups: [product.p.rows / (8 * rp), product.q.rows / rq, batches],
  });
}
