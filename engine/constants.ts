/**
 * The constants of a device: each source's upload and its prepared copies once, however many programs use them. Counted by their live programs,
 * freed with the last one.
 */
import type { ConstantSource } from './parameter.js';

/** One upload or one prepared copy. Its maker writes it and says so: work submitted later sees it. */
export interface SharedConstant {
  readonly source: ConstantSource;
  readonly key: string;
  readonly resource: GPUBuffer | GPUTexture;
  readonly bytes: number;
  /** What fills it has been submitted. */
  ready: boolean;
  users: number;
}

/** The key of a source's values as they are. */
export const UPLOAD = '';

export class DeviceConstants {
  readonly #shared = new Map<ConstantSource, Map<string, SharedConstant>>();
  #bytes = 0;

  /** Device memory that they take. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Takes a share, made by `make` where there is none yet. Give it back by `release`. */
  acquire(
    source: ConstantSource,
    key: string,
    bytes: number,
    make: () => GPUBuffer | GPUTexture,
  ): SharedConstant {
    const ofSource = this.#shared.get(source) ?? new Map<string, SharedConstant>();
    const found = ofSource.get(key);
    if (found) {
      found.users++;
      return found;
    }
    const made = { source, key, resource: make(), bytes, ready: false, users: 1 };
    ofSource.set(key, made);
    this.#shared.set(source, ofSource);
    this.#bytes += bytes;
    return made;
  }

  isReady(source: ConstantSource, key: string): boolean {
    return this.#shared.get(source)?.get(key)?.ready ?? false;
  }

  release(shared: SharedConstant): void {
    if (--shared.users > 0) return;
    this.forget(shared);
    shared.resource.destroy();
    this.#bytes -= shared.bytes;
  }

  /** Gives no further share of it: the device refused some of what was made with it. */
  forget({ source, key, ...shared }: SharedConstant): void {
    const ofSource = this.#shared.get(source);
    if (ofSource?.get(key)?.resource !== shared.resource) return;
    ofSource.delete(key);
    if (ofSource.size === 0) this.#shared.delete(source);
  }
}
