/**
 * Compiled kernels, shared by everything on one device. The key is the final WGSL text and the access of each binding,
 * never a hand-joined description. All are created asynchronously, together, inside error scopes: a kernel that does not compile is one error
 * with Tint's message and the numbered source.
 */

import { KernelError } from '../base/errors.js';
import type { ShaderSource } from '../shaders/source.js';
import type { Binding, Dispatch, Form } from './dispatch.js';
import { expandShader } from './template.js';

/** How a binding is declared in WGSL. */
export type Access = 'uniform' | `${Binding['access']}-${Form}` | 'sampled-texture';

/** Group 1 of a kernel that has a shape. */
export const SHAPE_ACCESS: readonly Access[] = ['uniform'];

export function accessOf({ access, operand, sampled }: Binding): Access {
  return sampled ? 'sampled-texture' : `${access}-${operand.form}`;
}

const LAYOUTS: Readonly<Record<Access, Omit<GPUBindGroupLayoutEntry, 'binding' | 'visibility'>>> = {
  uniform: { buffer: { type: 'uniform' } },
  'read-buffer': { buffer: { type: 'read-only-storage' } },
  'write-buffer': { buffer: { type: 'storage' } },
  'read-texture': { storageTexture: { format: 'rgba32float', access: 'read-only' } },
  'sampled-texture': { texture: { sampleType: 'unfilterable-float' } },
  'write-texture': { storageTexture: { format: 'rgba32float' } },
};

export class PipelineCache {
  readonly #device: GPUDevice;
  readonly #layouts = new Map<string, GPUBindGroupLayout>();
  readonly #texts = new Map<string, Map<string, string>>();
  readonly #pipelines = new Map<string, Promise<GPUComputePipeline>>();

  constructor(device: GPUDevice) {
    this.#device = device;
  }

  get size(): number {
    return this.#pipelines.size;
  }

  /** The bind group layout of a list of accesses. */
  layout(access: readonly Access[]): GPUBindGroupLayout {
    const key = access.join();
    let layout = this.#layouts.get(key);
    if (!layout) {
      layout = this.#device.createBindGroupLayout({
        label: key,
        entries: access.map((kind, binding) => ({
          binding,
          visibility: GPUShaderStage.COMPUTE,
          ...LAYOUTS[kind],
        })),
      });
      this.#layouts.set(key, layout);
    }
    return layout;
  }

  /**
   * The pipeline of a dispatch; compiled once per distinct text.
   * @param own whether its kernel is the caller's own, who then gets a KernelError where it is no valid one
   */
  pipeline(dispatch: Dispatch, own = false): Promise<GPUComputePipeline> {
    const shape = Object.keys(dispatch.shape ?? {});
    const code = this.#expand(dispatch.shader, dispatch.constants, shape);
    const access = dispatch.bindings.map(accessOf);
    const key = `${access.join()}\n${code}`;
    let pipeline = this.#pipelines.get(key);
    if (!pipeline) {
      const groups = [access, ...(shape.length > 0 ? [SHAPE_ACCESS] : [])];
      pipeline = this.#compile(dispatch.label, code, groups, own);
      this.#pipelines.set(key, pipeline);
      // Not kept: what failed for want of memory may be asked for again.
      pipeline.catch(() => this.#pipelines.delete(key));
    }
    return pipeline;
  }

  /** The final text; expanded once for each set of constants, since one op may run as thousands of dispatches. */
  #expand(shader: ShaderSource, constants: Dispatch['constants'], shape: readonly string[]): string {
    const texts = this.#texts.get(shader.text) ?? new Map<string, string>();
    this.#texts.set(shader.text, texts);
    const key = JSON.stringify([constants, shape]);
    const known = texts.get(key);
    if (known !== undefined) return known;
    const text = expandShader(shader.text, constants, shape);
    texts.set(key, text);
    return text;
  }

  async #compile(
    label: string,
    code: string,
    groups: readonly (readonly Access[])[],
    own: boolean,
  ): Promise<GPUComputePipeline> {
    const module = this.#device.createShaderModule({ label, code });
    try {
      return await this.#device.createComputePipelineAsync({
        label,
        layout: this.#device.createPipelineLayout({
          bindGroupLayouts: groups.map((access) => this.layout(access)),
        }),
        compute: { module, entryPoint: 'main' },
      });
    } catch (error) {
      const { messages } = await module.getCompilationInfo();
      const complaints = messages.map(
        ({ type, lineNum, linePos, message }) => `${type} ${lineNum}:${linePos} ${message}`,
      );
      const numbered = code.split('\n').map((line, i) => `${String(i + 1).padStart(4)} ${line}`);
      const text = [
        `kernel ${label} does not compile`,
        ...complaints,
        (error as Error).message,
        ...numbered,
      ].join('\n');
      throw own ? new KernelError(text) : new Error(`internal: ${text}`);
    }
  }
}
