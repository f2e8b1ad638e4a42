/// <reference types="@webgpu/types" preserve="true" />

/**
 * The engine by itself, `cfr-attack/engine`: graphs of tensors, their gradients and compute shaders of one's own, compiled once and replayed.
 * Knows no nets and no attacks.
 * @module cfr-attack/engine
 */
export { DeviceLostError, KernelError, OutOfMemoryError, ShapeError, UserError } from '../base/errors.js';
export type { ShaderSource } from '../shaders/source.js';
export type { AdapterSummary, DeviceOptions } from './adapter.js';
export { gradients } from './autodiff.js';
export type { DeviceTraits, SubgroupMatrixConfig } from './dispatch.js';
export { createEngine, type Engine, type EngineOptions } from './engine.js';
export {
  type ConstantSource,
  type ConvOptions,
  type CustomKernelOptions,
  type DType,
  Graph,
  type PoolOptions,
  type Procedure,
  parameter,
  type Shape,
  type Tensor,
  type Variable,
} from './graph.js';
export type { ProfileRow, Program, Step } from './program.js';
export type { MemoryUse } from './resources.js';
export { F32, type ShaderConstant } from './template.js';
