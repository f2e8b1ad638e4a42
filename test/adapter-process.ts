/** Runs a program on the real adapter in a process of its own: for what only a whole process shows. */
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildSync } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Opens an adapter and a device, doubles a number on it, and ends without `process.exit`. */
const PROGRAM = `
import { requestDevice, traitsOf } from './engine/adapter.js';
import { acquireNodeGpu } from './node/adapter.js';

const node = await acquireNodeGpu();
const device = await requestDevice(node.adapter);
const module = device.createShaderModule({
  code: '@group(0) @binding(0) var<storage, read_write> x: array<f32>; @compute @workgroup_size(1) fn main() { x[0] *= 2; }',
});
const pipeline = await device.createComputePipelineAsync({ layout: 'auto', compute: { module } });
const x = device.createBuffer({ size: 4, usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST });
const back = device.createBuffer({ size: 4, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
device.queue.writeBuffer(x, 0, new Float32Array([21]));
const encoder = device.createCommandEncoder();
const pass = encoder.beginComputePass();
pass.setPipeline(pipeline);
pass.setBindGroup(0, device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries: [{ binding: 0, resource: { buffer: x } }] }));
pass.dispatchWorkgroups(1);
pass.end();
encoder.copyBufferToBuffer(x, 0, back, 0, 4);
device.queue.submit([encoder.finish()]);
await back.mapAsync(GPUMapMode.READ);
const answer = new Float32Array(back.getMappedRange())[0];
back.unmap();
const { software, limits, subgroupSize } = traitsOf(device, node.adapter);
console.log(JSON.stringify({ summary: node.summary, software, limits, subgroupSize, answer }));
device.destroy();
node.release();
`;

export interface ProcessOutcome {
  /** null where it did not end by itself in time. */
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the program with these variables on top of the environment. */
export function runOnAdapter(env: NodeJS.ProcessEnv, timeout: number): ProcessOutcome {
  return runProgram('adapter-process', PROGRAM, { env, timeout });
}

/** Bundles a TypeScript module, whose imports start from the project's root, and runs it. */
export function runProgram(
  name: string,
  contents: string,
  options: { readonly env?: NodeJS.ProcessEnv; readonly timeout: number; readonly flags?: readonly string[] },
): ProcessOutcome {
  // Within node_modules, so that the packages are found from there.
  const folder = join(root, 'node_modules/.cache/cfr-test');
  mkdirSync(folder, { recursive: true });
  const outfile = join(folder, `${name}.mjs`);
  buildSync({
    stdin: { contents, resolveDir: root, loader: 'ts' },
    ...{ bundle: true, platform: 'node', format: 'esm', packages: 'external', outfile, logLevel: 'error' },
    loader: { '.wgsl': 'text' },
  });
  const child = spawnSync(process.execPath, [...(options.flags ?? []), outfile], {
    env: { ...process.env, ...options.env },
    encoding: 'utf8',
    timeout: options.timeout,
    killSignal: 'SIGKILL',
  });
  return { exitCode: child.status, stdout: child.stdout, stderr: child.stderr };
}
