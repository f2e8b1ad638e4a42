/** A device on paper: what is chosen for it does not depend on the adapter that the tests run on. */
import type { DeviceTraits } from '../../engine/dispatch.js';

/** A CPU adapter as lavapipe is one, with WebGPU's least limits. */
export const cpuTraits: DeviceTraits = {
  software: true,
  features: new Set(['subgroups']),
  limits: {
    maxStorageBufferBindingSize: 2 ** 27,
    maxTextureDimension2D: 8192,
    maxBufferSize: 2 ** 28,
    maxComputeInvocationsPerWorkgroup: 256,
    maxComputeWorkgroupStorageSize: 16384,
    maxComputeWorkgroupsPerDimension: 65535,
  },
  samplesTextures: false,
  subgroupSize: 8,
  subgroupMatrixConfigs: [],
};
