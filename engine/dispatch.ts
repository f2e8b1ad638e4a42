/**
 * Dispatches as data, and what makes them. An op lowers to a list of `Dispatch`es over `Operand`s; the program (program.ts) turns operands
 * into buffers, dispatches into pipelines and bind groups, once. Nothing here touches the GPU.
 */
import type { ShaderSource } from '../shaders/source.js';
import type { ShaderConstant } from './template.js';

/** A region of device memory that dispatches name. The program gives it a buffer. Created only by a `Lowering`. */
export interface Operand {
  readonly id: number;
  readonly label: string;
  /** Size in bytes, a multiple of 4. */
  readonly bytes: number;
  readonly form: Form;
}

/**
 * `buffer`, or `texture`: rgba32float texels in rows of TEXTURE_WIDTH, the last row padded. Where the driver turns lanes into vector
 * instructions, a texel load is one gather of four values where a storage load is a branch for each value of each lane.
 */
export type Form = 'buffer' | 'texture';

/** The logarithm of TEXTURE_WIDTH: kernels shift where a division would cost. */
export const TEXTURE_SHIFT = 12;
/** Texels (four f32s) in a row of a texture operand: texel i lies at (i % TEXTURE_WIDTH, i / TEXTURE_WIDTH). */
export const TEXTURE_WIDTH = 1 << TEXTURE_SHIFT;

/** The most bytes that a texture operand may have. */
export function maxTextureBytes({ limits }: DeviceTraits): number {
  return limits.maxTextureDimension2D * TEXTURE_WIDTH * 16;
}

export interface Binding {
  readonly operand: Operand;
  /** A buffer binds as `read` or `read_write` storage, a texture as `texture_storage_2d<rgba32float, read>` or `... write>`. */
  readonly access: 'read' | 'write';
  /** A texture that is read binds as `texture_2d<f32>`. */
  readonly sampled?: boolean;
  /** Byte offset of a buffer's bound window: a multiple of 256. Default 0. */
  readonly offset?: number;
  /** Byte size of a buffer's bound window. Default: to the operand's end. */
  readonly size?: number;
}

export interface Dispatch {
  /** `op/variant/stage`, e.g. `conv2d/winograd4/gemm`: names the pipeline, errors and profile rows. */
  readonly label: string;
  readonly shader: ShaderSource;
  /** Declared on top of the shader and visible to its `//#` directives (template.ts). */
  readonly constants: Readonly<Record<string, ShaderConstant>>;
  /**
   * Integers that the shader reads by name from a uniform block of group 1 instead: one pipeline then serves every shape, which matters
   * where the driver compiles slowly. Not visible to directives, array sizes or other constants.
   */
  readonly shape?: Readonly<Record<string, number>>;
  /** Bound to `@group(0) @binding(i)` in this order; at most as many storage buffers as the device takes: 8 everywhere. */
  readonly bindings: readonly Binding[];
  /** Each at most 65535. The entry point is always `main`. */
  readonly workgroups: readonly [number, number, number];
}

/** Storage buffers that every WebGPU device binds to one kernel. */
export const MAX_BUFFERS = 8;

/** What kernel choice may depend on. */
export interface DeviceTraits {
  /** A CPU rasteriser (lavapipe, SwiftShader): wants packed operands in textures and register tiles, not shared memory. */
  readonly software: boolean;
  /** Names of the optional features that the device has. */
  readonly features: ReadonlySet<string>;
  /** What kernels must stay below. */
  readonly limits: Pick<
    GPUSupportedLimits,
    | 'maxStorageBufferBindingSize'
    | 'maxTextureDimension2D'
    | 'maxBufferSize'
    | 'maxComputeInvocationsPerWorkgroup'
    | 'maxComputeWorkgroupStorageSize'
    | 'maxComputeWorkgroupsPerDimension'
  > & {
    /** Default 8, what every WebGPU device has. */
    readonly maxStorageBuffersPerShaderStage?: number;
  };
  /** Reads sampled textures in half the time of storage textures (SwiftShader; lavapipe takes three times as long). */
  readonly samplesTextures: boolean;
  /** Subgroup size where it is fixed and known, else 0. */
  readonly subgroupSize: number;
  /** Matrix shapes that a subgroup multiplies (Dawn's `adapter.info.subgroupMatrixConfigs`); empty without the feature. */
  readonly subgroupMatrixConfigs: readonly SubgroupMatrixConfig[];
}

/** One matrix shape: M x K times K x N, operands and sums of these types. */
export interface SubgroupMatrixConfig {
  /** Of the operands: `f16`. */
  readonly componentType: string;
  /** Of the sums. */
  readonly resultComponentType: string;
  /** Rows of the left operand. */
  readonly M: number;
  /** Columns of the right operand. */
  readonly N: number;
  /** Columns of the left one, rows of the right one. */
  readonly K: number;
}

/** What an op's lowering may ask for. */
export interface Lowering {
  readonly device: DeviceTraits;
  /** A temporary that lives within this op only; its memory is reused afterwards. Contents start undefined. */
  scratch(label: string, bytes: number, form?: Form): Operand;
  /**
   * A transformed copy of `source`, made by `build` (one or more dispatches that write all of `target`).
   * Runs once, at compile time, where `source` is a constant of the graph; of an input or a variable once in each run of a procedure, and again
   * after a kernel has written it; of anything else before every use. Copies with the same source and `key` are shared between ops.
   */
  prepared(
    source: Operand,
    key: string,
    bytes: number,
    build: (target: Operand) => readonly Dispatch[],
    form?: Form,
  ): Operand;
  emit(dispatch: Dispatch): void;
  /** The variant to use: the tuner's choice for this problem where there is one, else `fallback`. */
  pick<P, IO>(
    op: string,
    problem: P,
    variants: readonly Variant<P, IO>[],
    fallback: Variant<P, IO>,
  ): Variant<P, IO>;
}

/** One way to compute an op. `P` is the op's problem: everything that the choice may depend on. */
export interface Variant<P, IO> {
  readonly name: string;
  /** Operands rounded to f16 (sums stay f32): never a default nor the tuner's choice, only by `EngineOptions.precision`. Absent: f32. */
  readonly precision?: 'f16';
  /** Made for GPUs: right on a CPU adapter too, but slow there and seconds to compile, so that trying it there is a waste. */
  readonly madeFor?: 'gpu';
  supports(problem: P, device: DeviceTraits): boolean;
  lower(problem: P, io: IO, ctx: Lowering): void;
}

/** Ceil of a/b for positive integers. */
export function ceilDiv(a: number, b: number): number {
  return Math.floor((a + b - 1) / b);
}

/** Invocations in a workgroup of the flat kernels (one invocation per element). */
export const FLAT_WORKGROUP = 64;

/** Workgroup counts for `count` invocations, folded to two dimensions; `row` = invocations per y, the kernels' constant ROW. */
export function flatGrid(count: number): { workgroups: [number, number, number]; row: number } {
  const groups = ceilDiv(count, FLAT_WORKGROUP);
  const x = Math.min(groups, 65535);
  return { workgroups: [x, ceilDiv(groups, x), 1], row: x * FLAT_WORKGROUP };
}
