/**
 * The product that every kernel of the software adapters comes down to: packed operands read through uniform windows
 * (shaders/soft_gemm.wgsl says why), register tiles, no shared memory. Here: how the operands are packed and cut into windows.
 */
import gemmText from '../../shaders/soft_gemm.wgsl';
import windowsText from '../../shaders/soft_windows.wgsl';
import {
  type Binding,
  ceilDiv,
  type DeviceTraits,
  type Dispatch,
  type Lowering,
  type Operand,
  type ShaderSource,
} from '../kernel';
import type { ShaderConstant } from '../template';

const gemmShader: ShaderSource = { name: 'soft_gemm', text: gemmText };
const windowsShader: ShaderSource = { name: 'soft_windows', text: windowsText };

/** f32s in the largest uniform binding that every adapter has: 64 KiB. */
const WINDOW = 16384;
/** The most values of k behind one binding: 32 rows of 512 fill a window, as many as a register tile has. */
const LONG_SLICE = 512;
/** Uniform buffers that a shader may have by WebGPU's defaults: 12. Two a slice, and the table of places. */
const MAX_SLICES = 5;
/** A dispatch costs about 10 us: as much as 150 000 multiplications. */
const ENOUGH_WORK = 3_000_000;
/** Up to this k the loop over the results would cost more than a tenth of the product. */
const SHORT_K = 96;
/** So few dispatches that their cost does not matter. */
const ENOUGH_WINDOWS = 16;

/** One operand of a product: `rows` (padded) of k per batch, packed [slice][batch][row / 8][k / 4][row % 8][k % 4]. */
export interface PackedSide {
  readonly rows: number;
  /** Groups of 8 rows. */
  readonly blocks: number;
  /** Rows of one window, a multiple of the register tile. */
  readonly step: number;
  readonly bytes: number;
}

/** A batched product out[z, p, q] = sum over k of P[z, p, k] Q[z, q, k], cut into windows. */
export interface PackedProduct {
  readonly batches: number;
  readonly p: PackedSide;
  readonly q: PackedSide;
  /** Groups of 4 values of k in a slice. */
  readonly k4: number;
  readonly slices: number;
  /** Register tile: vectors of 8 rows of P, rows of Q. */
  readonly rp: number;
  readonly rq: number;
  /** Batches of one window; above 1 only where all rows fit. */
  readonly zStep: number;
}

/** Can this adapter run the products of this file? */
export function hasUniformWindows(device: DeviceTraits): boolean {
  return device.software && device.limits.maxUniformBufferBindingSize >= 65536;
}

/** The kernels divide pixel numbers by way of f32, which is exact below this. */
export const MAX_PIXELS = 2 ** 21;

/** The largest k that one product takes; longer sums are split over batches by the caller. */
export const MAX_K = LONG_SLICE * MAX_SLICES;

/**
 * Plans the packing of a product.
 * @param k at most MAX_K
 */
export function planProduct(batches: number, pRows: number, qRows: number, k: number): PackedProduct {
  let best: PackedProduct | undefined;
  for (const slices of [1, 2, 4, MAX_SLICES]) {
    if (k > slices * LONG_SLICE) continue;
    const plan = cut(batches, pRows, qRows, k, slices);
    // More, thinner slices make larger windows, and so fewer dispatches, but more code.
    if (
      !best ||
      (windowsOf(best).count > ENOUGH_WINDOWS &&
        workOf(best) < ENOUGH_WORK &&
        workOf(plan) > workOf(best) * 1.5)
    )
      best = plan;
  }
  return best!;
}

function windowsOf({ batches, p, q, zStep }: PackedProduct) {
  const [pCount, qCount, zCount] = [
    ceilDiv(p.rows, p.step),
    ceilDiv(q.rows, q.step),
    ceilDiv(batches, zStep),
  ];
  return { p: pCount, q: qCount, z: zCount, count: pCount * qCount * zCount };
}

/** Multiplications of one window. */
function workOf({ p, q, k4, slices, zStep }: PackedProduct): number {
  return zStep * p.step * q.step * k4 * 4 * slices;
}

function cut(batches: number, pRows: number, qRows: number, k: number, slices: number): PackedProduct {
  const kSlice = ceilDiv(ceilDiv(k, slices), 8) * 8;
  const rp = pRows > 16 ? 4 : pRows > 8 ? 2 : 1;
  const rq = qRows > 8 ? 16 : 8;
  const pAll = ceilDiv(pRows, 8 * rp) * 8 * rp;
  const qAll = ceilDiv(qRows, rq) * rq;
  const rowsMax = Math.floor(WINDOW / kSlice);
  const pStep = Math.min(pAll, Math.floor(rowsMax / (8 * rp)) * 8 * rp);
  const qStep = Math.min(qAll, Math.floor(rowsMax / rq) * rq);
  const zStep =
    pStep === pAll && qStep === qAll ? Math.min(batches, Math.floor(rowsMax / Math.max(pAll, qAll))) : 1;
  const side = (rows: number, step: number): PackedSide => {
    // Every binding spans a whole window, beyond the data too, so that one pipeline serves all shapes.
    const last =
      ((slices - 1) * batches + (ceilDiv(batches, zStep) - 1) * zStep) * rows +
      (ceilDiv(rows, step) - 1) * step;
    const bytes = Math.max(slices * batches * rows * kSlice * 4, (last * kSlice + WINDOW) * 4);
    return { rows, blocks: rows / 8, step, bytes };
  };
  return { batches, p: side(pAll, pStep), q: side(qAll, qStep), k4: kSlice / 4, slices, rp, rq, zStep };
}

/** Where the results go: SPLIT keeps [z, p, q] apart in scratch, else the final tensor with the epilogue: constants and shape of the shader. */
export interface ProductTarget {
  readonly constants: Readonly<Record<string, ShaderConstant>>;
  readonly shape: Readonly<Record<string, number>>;
  readonly bindings: readonly Binding[];
}

/** Emits one dispatch per window. `anchor` is the operand whose constancy says whether the table of windows is made once. */
export function emitProduct(
  ctx: Lowering,
  label: string,
  product: PackedProduct,
  p: Operand,
  q: Operand,
  target: ProductTarget,
  anchor: Operand,
): void {
  const { batches, slices, k4, rp, rq, zStep } = product;
  const { p: pWindows, q: qWindows, count: windows } = windowsOf(product);
  const table = {
    WINDOWS: windows,
    P_WINDOWS: pWindows,
    Q_WINDOWS: qWindows,
    P_STEP: product.p.step,
    Q_STEP: product.q.step,
    Z_STEP: zStep,
    RQ: rq,
  };
  const places = ctx.prepared(anchor, `windows ${Object.values(table).join()}`, windows * 256, (operand) => [
    {
      label: 'soft/windows',
      shader: windowsShader,
      constants: {},
      shape: table,
      bindings: [{ operand, access: 'write' }],
      workgroups: [ceilDiv(windows, 8), 1, 1],
    },
  ]);
  const shape = { P_BLOCKS: product.p.step / 8, Q_BLOCKS: product.q.step / 8, K4: k4, ...target.shape };
  const constants = {
    LENGTH: WINDOW / 4,
    SLICES: slices,
    RP: rp,
    RQ: rq,
    LOOP_STORE: target.constants.SPLIT !== true || 4 * k4 * slices > SHORT_K,
    SUBGROUPS: ctx.device.features.has('subgroups') && ctx.device.subgroupSize === 8,
    ...target.constants,
  };
  const slice = (side: PackedSide, operand: Operand, s: number, z: number, row: number): Binding => ({
    operand,
    access: 'uniform',
    offset: ((s * batches + z) * side.rows + row) * k4 * 16,
    size: WINDOW * 4,
  });
  for (let window = 0; window < windows; window++) {
    const p0 = (window % pWindows) * product.p.step;
    const q0 = (Math.floor(window / pWindows) % qWindows) * product.q.step;
    const z0 = Math.floor(window / (pWindows * qWindows)) * zStep;
    const bindings: Binding[] = [];
    for (let s = 0; s < slices; s++)
      bindings.push(slice(product.p, p, s, z0, p0), slice(product.q, q, s, z0, q0));
    bindings.push({ operand: places, access: 'uniform', offset: window * 256, size: 16 }, ...target.bindings);
    const dispatch: Dispatch = {
      label,
      shader: gemmShader,
      constants,
      shape,
      bindings,
      workgroups: [
        ceilDiv(Math.min(product.p.step, product.p.rows - p0), 8 * rp),
        ceilDiv(Math.min(product.q.step, product.q.rows - q0), rq),
        Math.min(zStep, batches - z0),
      ],
    };
    ctx.emit(dispatch);
  }
}
