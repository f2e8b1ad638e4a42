/**
 * What the engine needs to know about an adapter, in Node and in the browser: a summary for people and reports, traits for
 * kernel choice, and a device that has everything the adapter offers.
 */
import { UserError } from '../base/errors.js';
import type { DeviceTraits, SubgroupMatrixConfig } from './dispatch.js';

/** The adapter in words, as reports, `doctor` and benchmarks print it. */
export interface AdapterSummary {
  /** The device's name as far as the platform tells it, never empty. */
  readonly name: string;
  /** Normalised vendor, e.g. `nvidia`, `mesa`, `google`; may be empty. */
  readonly vendor: string;
  /** Normalised architecture, e.g. `ampere`, `software`; may be empty. */
  readonly architecture: string;
  /** Driver and version, e.g. `llvmpipe: Mesa 25.0.7 (LLVM 15.0.6)`; empty in most browsers. */
  readonly driver: string;
  /** `vulkan`, `metal`, `d3d12`, or `browser` where the page can't know. */
  readonly backend: string;
  /** True for a CPU rasteriser (lavapipe, SwiftShader, WARP). */
  readonly software: boolean;
}

/** Limits that kernels or buffers can run into: the device gets the adapter's value of each. */
export const ENGINE_LIMITS = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxTextureDimension2D',
  'maxStorageBuffersPerShaderStage',
  'maxUniformBuffersPerShaderStage',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
  'maxComputeWorkgroupSizeY',
  'maxComputeWorkgroupSizeZ',
  'maxComputeWorkgroupsPerDimension',
] as const;
export type EngineLimit = (typeof ENGINE_LIMITS)[number];

/** Features that some kernel variant or the profiler uses where the adapter has them. No kernel may need one. */
export const ENGINE_FEATURES = [
  'shader-f16',
  'subgroups',
  'timestamp-query',
  // Dawn only, and only with its toggle allow_unsafe_apis: tensor cores.
  'chromium-experimental-subgroup-matrix',
] as const;
export type EngineFeature = (typeof ENGINE_FEATURES)[number];

/** What is asked of the device. */
export interface DeviceOptions {
  /** Optional features to ask for; those that the adapter lacks are left out. Default: all of `ENGINE_FEATURES`. */
  readonly features?: readonly EngineFeature[];
  /** Instead of the adapter's values. Those below WebGPU's defaults lower the traits only: a device can't have less. */
  readonly limits?: Partial<Readonly<Record<EngineLimit, number>>>;
  /** The device's name in the messages and tools of a browser. */
  readonly label?: string;
}

/**
 * Opens a device with the adapter's limits (`ENGINE_LIMITS`) and optional features (`ENGINE_FEATURES`).
 * @throws UserError where a wanted limit is above the adapter's
 */
export async function requestDevice(adapter: GPUAdapter, options: DeviceOptions = {}): Promise<GPUDevice> {
  const requiredLimits: Record<string, number> = {};
  for (const name of ENGINE_LIMITS) {
    const available = adapter.limits[name];
    // A browser may be older than a limit's name; asking for an unknown one fails.
    if (available === undefined) continue;
    const wanted = options.limits?.[name] ?? available;
    if (!(wanted <= available)) {
      throw new UserError(
        `adapter limit ${name}: expected at most ${available}, got ${wanted}; ask for less`,
      );
    }
    requiredLimits[name] = wanted;
  }
  // Typed as strings: the published feature names lag behind the experimental one.
  const offered = adapter.features as ReadonlySet<string>;
  const requiredFeatures = (options.features ?? ENGINE_FEATURES).filter((name) =>
    offered.has(name),
  ) as GPUFeatureName[];
  return adapter.requestDevice({ label: options.label ?? 'cfr', requiredFeatures, requiredLimits });
}

/**
 * What kernel choice may depend on.
 * @param limits lowers single limits below the device's, e.g. to test the splitting of large weights
 */
export function traitsOf(
  device: GPUDevice,
  adapter: GPUAdapter,
  limits: DeviceOptions['limits'] = {},
): DeviceTraits {
  const limit = (name: EngineLimit) =>
    Math.min(device.limits[name], limits[name] ?? Number.POSITIVE_INFINITY);
  const features: ReadonlySet<string> = new Set(device.features);
  const { subgroupMinSize = 0, subgroupMaxSize = 0 } = adapter.info ?? {};
  return {
    software: isSoftware(adapter),
    features,
    limits: {
      maxStorageBufferBindingSize: limit('maxStorageBufferBindingSize'),
      maxTextureDimension2D: limit('maxTextureDimension2D'),
      maxBufferSize: limit('maxBufferSize'),
      maxComputeInvocationsPerWorkgroup: limit('maxComputeInvocationsPerWorkgroup'),
      maxComputeWorkgroupStorageSize: limit('maxComputeWorkgroupStorageSize'),
      maxComputeWorkgroupsPerDimension: limit('maxComputeWorkgroupsPerDimension'),
      maxStorageBuffersPerShaderStage: device.limits.maxStorageBuffersPerShaderStage,
    },
    samplesTextures: /swiftshader/.test(wordsOf(adapter)),
    subgroupSize: features.has('subgroups') && subgroupMinSize === subgroupMaxSize ? subgroupMinSize : 0,
    subgroupMatrixConfigs: features.has('chromium-experimental-subgroup-matrix')
      ? matrixConfigsOf(adapter)
      : [],
  };
}

/** Dawn's list, copied field by field: its entries are live objects. */
function matrixConfigsOf(adapter: GPUAdapter): SubgroupMatrixConfig[] {
  const { subgroupMatrixConfigs = [] } = (adapter.info ?? {}) as {
    subgroupMatrixConfigs?: Iterable<SubgroupMatrixConfig>;
  };
  return Array.from(subgroupMatrixConfigs, ({ componentType, resultComponentType, M, N, K }) => ({
    componentType,
    resultComponentType,
    M,
    N,
    K,
  }));
}

/**
 * Describes an adapter.
 * @param backend what it runs on; the browser does not tell
 */
export function summarise(adapter: GPUAdapter, backend = 'browser'): AdapterSummary {
  const { vendor = '', architecture = '', device = '', description = '' } = adapter.info ?? {};
  const named = device.replace(/-+$/, '') || description || [vendor, architecture].filter(Boolean).join(' ');
  return {
    name: named || 'unnamed adapter',
    vendor,
    architecture,
    driver: description,
    backend,
    software: isSoftware(adapter),
  };
}

/** True for a CPU rasteriser. The flag moved from the adapter to its info, and some browsers leave it unset. */
export function isSoftware(adapter: GPUAdapter): boolean {
  const info = adapter.info;
  const older = (adapter as { isFallbackAdapter?: boolean }).isFallbackAdapter;
  if (info?.isFallbackAdapter ?? older) return true;
  return /llvmpipe|lavapipe|swiftshader|basic render|software/.test(wordsOf(adapter));
}

function wordsOf({ info }: GPUAdapter): string {
  return [info?.vendor, info?.architecture, info?.device, info?.description].join(' ').toLowerCase();
}
