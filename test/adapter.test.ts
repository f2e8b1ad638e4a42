/** What the engine reads off an adapter, on made-up adapters. */
import { describe, expect, it } from 'vitest';
import { isSoftware, requestDevice, summarise, traitsOf } from '../engine/adapter.js';

const limits = {
  maxBufferSize: 2 ** 32 - 1,
  maxStorageBufferBindingSize: 2 ** 27,
  maxTextureDimension2D: 8192,
  maxStorageBuffersPerShaderStage: 16,
  maxUniformBuffersPerShaderStage: 12,
  maxComputeWorkgroupStorageSize: 32768,
  maxComputeInvocationsPerWorkgroup: 1024,
  maxComputeWorkgroupSizeX: 1024,
  maxComputeWorkgroupSizeY: 1024,
  maxComputeWorkgroupSizeZ: 64,
  maxComputeWorkgroupsPerDimension: 65535,
};

function fakeAdapter(
  info: Partial<GPUAdapterInfo>,
  features: string[] = ['shader-f16', 'subgroups', 'depth-clip-control'],
) {
  const asked: GPUDeviceDescriptor[] = [];
  const adapter = {
    info,
    limits,
    features: new Set(features),
    requestDevice(descriptor: GPUDeviceDescriptor) {
      asked.push(descriptor);
      return Promise.resolve({ limits, features: new Set(descriptor.requiredFeatures) });
    },
  } as unknown as GPUAdapter;
  return { adapter, asked };
}

const lavapipe = {
  vendor: 'mesa',
  architecture: 'software',
  device: 'llvmpipe-llvm-15-0-6-256-bits-',
  description: 'llvmpipe: Mesa 25.0.7 (LLVM 15.0.6)',
  isFallbackAdapter: true,
  subgroupMinSize: 8,
  subgroupMaxSize: 8,
};
const nvidia = {
  vendor: 'nvidia',
  architecture: 'hopper',
  device: 'nvidia-h100',
  description: 'NVIDIA: 570.86',
  isFallbackAdapter: false,
  subgroupMinSize: 32,
  subgroupMaxSize: 32,
};

describe('summarise', () => {
  it('names device, driver and backend', () => {
    expect(summarise(fakeAdapter(lavapipe).adapter, 'vulkan')).toEqual({
      name: 'llvmpipe-llvm-15-0-6-256-bits',
      vendor: 'mesa',
      architecture: 'software',
      driver: 'llvmpipe: Mesa 25.0.7 (LLVM 15.0.6)',
      backend: 'vulkan',
      software: true,
    });
  });

  it('makes a name where a browser tells only vendor and architecture, or nothing', () => {
    expect(summarise(fakeAdapter({ vendor: 'apple', architecture: 'metal-3' }).adapter).name).toBe(
      'apple metal-3',
    );
    expect(summarise(fakeAdapter({}).adapter)).toMatchObject({ name: 'unnamed adapter', backend: 'browser' });
  });
});

describe('isSoftware', () => {
  it('believes the flag, and the words where the flag is missing', () => {
    expect(isSoftware(fakeAdapter(nvidia).adapter)).toBe(false);
    expect(isSoftware(fakeAdapter({ vendor: 'microsoft', isFallbackAdapter: true }).adapter)).toBe(true);
    expect(isSoftware(fakeAdapter({ vendor: 'google', architecture: 'swiftshader' }).adapter)).toBe(true);
  });
});

describe('requestDevice', () => {
  it("asks for the adapter's limits and for those optional features that it has", async () => {
    const { adapter, asked } = fakeAdapter(nvidia);
    await requestDevice(adapter);
    expect(asked[0]?.requiredLimits).toEqual(limits);
    expect(asked[0]?.requiredFeatures).toEqual(['shader-f16', 'subgroups']);
  });

  it('leaves features out on request', async () => {
    const { adapter, asked } = fakeAdapter(nvidia);
    await requestDevice(adapter, { features: ['subgroups', 'timestamp-query'] });
    expect(asked[0]?.requiredFeatures).toEqual(['subgroups']);
  });

  it('rejects a limit above the adapter with both numbers', async () => {
    const wanted = requestDevice(fakeAdapter(lavapipe).adapter, {
      limits: { maxStorageBufferBindingSize: 2 ** 30 },
    });
    await expect(wanted).rejects.toThrow(
      'adapter limit maxStorageBufferBindingSize: expected at most 134217728, got 1073741824; ask for less',
    );
  });
});

describe('traitsOf', () => {
  it('reads software, features, limits and subgroup size', async () => {
    const { adapter } = fakeAdapter(lavapipe);
    const traits = traitsOf(await requestDevice(adapter), adapter);
    expect(traits).toMatchObject({ software: true, samplesTextures: false, subgroupSize: 8 });
    expect([...traits.features]).toEqual(['shader-f16', 'subgroups']);
    expect(traits.limits.maxStorageBufferBindingSize).toBe(2 ** 27);
  });

  it('samples textures on SwiftShader, where storage textures read more slowly', async () => {
    const { adapter } = fakeAdapter({ vendor: 'google', architecture: 'swiftshader' });
    expect(traitsOf(await requestDevice(adapter), adapter).samplesTextures).toBe(true);
  });

  it('lowers limits on request, never raises them', async () => {
    const { adapter } = fakeAdapter(lavapipe);
    const device = await requestDevice(adapter);
    const lowered = { maxStorageBufferBindingSize: 2 ** 20, maxBufferSize: 2 ** 40 };
    expect(traitsOf(device, adapter, lowered).limits).toMatchObject({
      maxStorageBufferBindingSize: 2 ** 20,
      maxBufferSize: 2 ** 32 - 1,
    });
  });

  it('knows no subgroup size where it varies or the device lacks the feature', async () => {
    const varying = fakeAdapter({ ...nvidia, subgroupMinSize: 8 }).adapter;
    expect(traitsOf(await requestDevice(varying), varying).subgroupSize).toBe(0);
    const { adapter } = fakeAdapter(nvidia);
    expect(traitsOf(await requestDevice(adapter, { features: [] }), adapter).subgroupSize).toBe(0);
  });
});
