/** The shapes of a program's dispatches (dispatch.ts) in one uniform buffer, each once. */
import type { Dispatch } from './dispatch.js';
import { type PipelineCache, SHAPE_ACCESS } from './pipelines.js';

/** Offsets of uniform bindings are multiples of this on every adapter. */
const UNIFORM_ALIGNMENT = 256;

type Shape = NonNullable<Dispatch['shape']>;

export class ShapeBlocks {
  readonly #buffer: GPUBuffer | undefined;
  readonly #groups = new Map<string, GPUBindGroup>();

  constructor(device: GPUDevice, pipelines: PipelineCache, dispatches: readonly Dispatch[]) {
    const blocks = new Map<string, readonly number[]>();
    for (const { shape } of dispatches) if (shape) blocks.set(keyOf(shape), Object.values(shape));
    if (blocks.size === 0) return;
    const data = new Int32Array((blocks.size * UNIFORM_ALIGNMENT) / 4);
    const buffer = device.createBuffer({
      label: 'shapes',
      size: data.byteLength,
      usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST,
    });
    const layout = pipelines.layout(SHAPE_ACCESS);
    let offset = 0;
    for (const [key, values] of blocks) {
      if (values.length * 4 > UNIFORM_ALIGNMENT)
        throw new Error(`internal: a shape has ${values.length} values, expected at most 64`);
      data.set(values, offset / 4);
      const resource = { buffer, offset, size: UNIFORM_ALIGNMENT };
      this.#groups.set(
        key,
        device.createBindGroup({ label: 'shape', layout, entries: [{ binding: 0, resource }] }),
      );
      offset += UNIFORM_ALIGNMENT;
    }
    device.queue.writeBuffer(buffer, 0, data);
    this.#buffer = buffer;
  }

  /** Group 1 of a dispatch that has a shape. */
  group({ shape }: Dispatch): GPUBindGroup | undefined {
    return shape && this.#groups.get(keyOf(shape));
  }

  destroy(): void {
    this.#buffer?.destroy();
  }
}

function keyOf(shape: Shape): string {
  return Object.values(shape).join();
}
