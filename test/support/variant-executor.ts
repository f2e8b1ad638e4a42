/** Runs one kernel variant by itself: a minimal stand-in for program.ts, with poisoned outputs and guard words, for tests and benches. */

import type {
  DeviceTraits,
  Dispatch,
  EpilogueOperands,
  Lowering,
  Operand,
  Variant,
} from '../../engine/kernel';
import { expandShader } from '../../engine/template';

const GUARD_BYTES = 256;
const POISON = 0x7fc0dead;

/** The operands that a variant works on, by their name in its `IO`, and the size of its output. */
export interface Inputs {
  readonly [name: string]: Float32Array;
}

export interface Execution {
  /** Runs every dispatch once, `times` times over; resolves when the device is done. */
  run(times?: number): Promise<void>;
  /** The output; throws if a word behind it was touched. */
  read(): Promise<Float32Array>;
  readonly dispatches: readonly Dispatch[];
  destroy(): void;
}

/** Lowers `variant` on `problem`, uploads `inputs`, compiles, and runs what depends on constants only. */
export async function execute<P, IO extends EpilogueOperands & { readonly output: Operand }>(
  device: GPUDevice,
  traits: DeviceTraits,
  variant: Variant<P, IO>,
  problem: P,
  inputs: Inputs,
  outputLength: number,
): Promise<Execution> {
  const buffers = new Map<number, GPUBuffer>();
  const operands: Operand[] = [];
  const make = (label: string, bytes: number, data?: Float32Array): Operand => {
    const operand = { id: operands.length, label, bytes };
    operands.push(operand);
    const size = Math.ceil(bytes / 16) * 16 + GUARD_BYTES;
    const usage =
      GPUBufferUsage.STORAGE | GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
    const buffer = device.createBuffer({ label, size, usage });
    device.queue.writeBuffer(buffer, 0, new Uint32Array(size / 4).fill(POISON));
    if (data) device.queue.writeBuffer(buffer, 0, data as GPUAllowSharedBufferSource);
    buffers.set(operand.id, buffer);
    return operand;
  };
  const io: Record<string, Operand> = {};
  for (const [name, data] of Object.entries(inputs)) io[name] = make(name, data.byteLength, data);
  const output = make('output', outputLength * 4);
  io.output = output;

  const preparation: Dispatch[] = [];
  const dispatches: Dispatch[] = [];
  const prepared = new Map<string, Operand>();
  const ctx: Lowering = {
    device: traits,
    scratch: (label, bytes) => make(label, bytes),
    prepared(source, key, bytes, build) {
      const name = `${source.id}:${key}`;
      let target = prepared.get(name);
      if (!target) {
        target = make(key, bytes);
        prepared.set(name, target);
        preparation.push(...build(target));
      }
      return target;
    },
    emit: (dispatch) => void dispatches.push(dispatch),
    pick: (_op, _problem, _variants, fallback) => fallback,
  };
  variant.lower(problem, io as unknown as IO, ctx);

  device.pushErrorScope('validation');
  const pipelines = new Map<string, GPUComputePipeline>();
  const bind = (dispatch: Dispatch) => {
    const access = dispatch.bindings.map((binding) => binding.access);
    const key = `${dispatch.shader.name} ${JSON.stringify(dispatch.constants)} ${access.join()}`;
    const layout = device.createBindGroupLayout({
      entries: access.map((kind, binding) => ({
        binding,
        visibility: GPUShaderStage.COMPUTE,
        buffer: { type: kind === 'uniform' ? 'uniform' : kind === 'read' ? 'read-only-storage' : 'storage' },
      })),
    });
    let pipeline = pipelines.get(key);
    if (!pipeline) {
      const module = device.createShaderModule({
        label: dispatch.label,
        code: expandShader(dispatch.shader.text, dispatch.constants),
      });
      pipeline = device.createComputePipeline({
        label: dispatch.label,
        layout: device.createPipelineLayout({ bindGroupLayouts: [layout] }),
        compute: { module, entryPoint: 'main' },
      });
      pipelines.set(key, pipeline);
    }
    const group = device.createBindGroup({
      layout: pipeline.getBindGroupLayout(0),
      entries: dispatch.bindings.map(({ operand, offset = 0, size }, binding) => ({
        binding,
        resource: { buffer: buffers.get(operand.id)!, offset, size: size ?? operand.bytes - offset },
      })),
    });
    return { pipeline, group, workgroups: dispatch.workgroups };
  };
  const boundPreparation = preparation.map(bind);
  const bound = dispatches.map(bind);
  const error = await device.popErrorScope();
  if (error) throw new Error(`${variant.name}: ${error.message}`);

  const submit = async (steps: typeof bound, times: number) => {
    device.pushErrorScope('validation');
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    for (let i = 0; i < times; i++) {
      for (const { pipeline, group, workgroups } of steps) {
        pass.setPipeline(pipeline);
        pass.setBindGroup(0, group);
        pass.dispatchWorkgroups(...workgroups);
      }
    }
    pass.end();
    device.queue.submit([encoder.finish()]);
    const failed = await device.popErrorScope();
    if (failed) throw new Error(`${variant.name}: ${failed.message}`);
    await device.queue.onSubmittedWorkDone();
  };
  await submit(boundPreparation, 1);

  return {
    dispatches,
    run: (times = 1) => submit(bound, times),
    async read() {
      const bytes = outputLength * 4;
      const size = Math.ceil(bytes / 16) * 16 + GUARD_BYTES;
      const staging = device.createBuffer({ size, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
      const encoder = device.createCommandEncoder();
      encoder.copyBufferToBuffer(buffers.get(output.id)!, 0, staging, 0, size);
      device.queue.submit([encoder.finish()]);
      await staging.mapAsync(GPUMapMode.READ);
      const words = new Uint32Array(staging.getMappedRange().slice(0));
      staging.destroy();
      const touched = words.subarray(outputLength).findIndex((word) => word !== POISON);
      if (touched >= 0)
        throw new Error(
          `${variant.name}: expected the words behind the output untouched, got one at +${touched}`,
        );
      return new Float32Array(words.buffer, 0, outputLength);
    },
    destroy() {
      for (const buffer of buffers.values()) buffer.destroy();
    },
  };
}
