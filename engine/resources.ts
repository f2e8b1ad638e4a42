/**
 * The device memory of a program: a buffer or texture for every operand, temporaries laid over one another as memory.ts plans. Textures share
 * with textures only.
 */
import { type DeviceConstants, type SharedConstant, UPLOAD } from './constants.js';
import { ceilDiv, type Operand, TEXTURE_WIDTH } from './dispatch.js';
import type { LoweredGraph, LoweredProcedure, Placed, Preparation, Storage } from './lowering.js';
import { type Lifetime, planMemory } from './memory.js';

/** Bytes of device memory by use. */
export interface MemoryUse {
  /** Weights and other constants, as the kernels want them. */
  readonly constants: number;
  /** Values between kernels; those that never live at the same time share memory. */
  readonly temporaries: number;
  /** Inputs, variables and outputs. */
  readonly state: number;
}

type Resource = GPUBuffer | GPUTexture;

export class Resources {
  readonly memory: MemoryUse;
  readonly #device: GPUDevice;
  readonly #buffers = new Map<number, GPUBuffer>();
  readonly #textures = new Map<number, GPUTexture>();
  /** One for each texture: making one takes a quarter of a millisecond, and hundreds of bind groups name it. */
  readonly #views = new Map<GPUTexture, GPUTextureView>();
  /** Lives as long as the program. */
  readonly #owned: Resource[] = [];
  readonly #constants: DeviceConstants;
  /** Shares of the device's constants, by operand. */
  readonly #shares = new Map<number, SharedConstant>();
  /** Shares of constants that only the preparation reads. */
  readonly #uploads: SharedConstant[] = [];

  /** Allocates everything, uploads the constants that the device does not have. */
  constructor(device: GPUDevice, constants: DeviceConstants, lowered: LoweredGraph) {
    this.#device = device;
    this.#constants = constants;
    try {
      this.memory = this.#allocate(lowered);
    } catch (error) {
      this.abandon();
      throw error;
    }
  }

  #allocate({ operands, preparation, procedures }: LoweredGraph): MemoryUse {
    const device = this.#device;
    const memory = { constants: 0, temporaries: 0, state: 0 };
    const live = operandsOf(procedures);
    const needed = new Set(
      preparation
        .filter(
          ({ target: { storage } }) =>
            storage.kind === 'prepared' && !this.#constants.isReady(storage.source, storage.key),
        )
        .map(({ source }) => source.id),
    );
    // An engine's adapter may leave new memory as it is: what kernels write needs no zeros.
    const clearing = device.createCommandEncoder({ label: 'clear' });
    for (const operand of operands) {
      const { storage } = operand;
      if (storage.kind === 'temporary') continue;
      if (storage.kind === 'constant' || storage.kind === 'prepared') {
        const used = live.has(operand.id);
        if (!used && !needed.has(operand.id)) continue;
        const share = this.#share(operand, storage, used);
        if (used) memory.constants += share.bytes;
        continue;
      }
      this.#owned.push(this.#make(operand.label, [operand]));
      if (storage.kind === 'variable' || storage.kind === 'input') clearing.clearBuffer(this.buffer(operand));
      memory.state += bytesOf(operand);
    }
    device.queue.submit([clearing.finish()]);
    for (const form of ['buffer', 'texture'] as const) {
      const ofForm = (lifetimes: readonly Lifetime[]) =>
        lifetimes.filter(({ id }) => operands[id]!.form === form);
      // Procedures never run at the same time, so they lay their temporaries over one another.
      let slotBytes: readonly number[] = [];
      const sharing: Operand[][] = [];
      for (const { lifetimes } of procedures) {
        const planned = planMemory(ofForm(lifetimes), slotBytes);
        slotBytes = planned.slotBytes;
        for (const [id, slot] of planned.slotOf) {
          const shared = sharing[slot] ?? [];
          sharing[slot] = shared;
          shared.push(operands[id]!);
        }
      }
      for (const [slot, shared] of sharing.entries()) {
        this.#owned.push(this.#make(`shared ${slot}`, shared));
        memory.temporaries += Math.max(...shared.map(bytesOf));
      }
    }
    return memory;
  }

  /** Those preparations whose target nobody has written yet. */
  pending(preparation: readonly Preparation[]): readonly Preparation[] {
    return preparation.filter(({ target }) => !this.#shares.get(target.id)?.ready);
  }

  /** The buffer of an operand that is one and is used. */
  buffer(operand: Operand): GPUBuffer {
    return this.#buffers.get(operand.id)!;
  }

  has(operand: Operand): boolean {
    return this.#buffers.has(operand.id) || this.#textures.has(operand.id);
  }

  /** What a bind group takes. Of a buffer the exact size, not the shared buffer's: robust access then keeps every kernel inside its own operands. */
  binding(operand: Operand, offset = 0, size = operand.bytes - offset): GPUBindingResource {
    const texture = this.#textures.get(operand.id);
    if (!texture) return { buffer: this.buffer(operand), offset, size };
    const view = this.#views.get(texture) ?? texture.createView();
    this.#views.set(texture, view);
    return view;
  }

  /** Fills these operands' memory with a NaN pattern. */
  poison(operands: readonly Operand[]): void {
    const poisoned = new Set<Resource>();
    for (const operand of operands) {
      const texture = this.#textures.get(operand.id);
      const resource = texture ?? this.#buffers.get(operand.id);
      if (!resource || poisoned.has(resource)) continue;
      poisoned.add(resource);
      const { queue } = this.#device;
      const pattern = (words: number) => new Uint32Array(words).fill(0x7fc0dead);
      if (texture) {
        const { width, height } = texture;
        queue.writeTexture({ texture }, pattern(width * height * 4), { bytesPerRow: width * 16 }, [
          width,
          height,
        ]);
      } else {
        const buffer = this.buffer(operand);
        queue.writeBuffer(buffer, 0, pattern(buffer.size / 4));
      }
    }
  }

  /** The preparation is submitted: says so to the programs that share it and frees what only it needed. */
  prepared(): void {
    for (const share of this.#shares.values()) share.ready = true;
    for (const share of this.#uploads.splice(0)) this.#constants.release(share);
  }

  /** Frees everything, and lets no other program have what this one made. */
  abandon(): void {
    for (const share of [...this.#shares.values(), ...this.#uploads]) this.#constants.forget(share);
    this.destroy();
  }

  destroy(): void {
    for (const share of this.#uploads.splice(0)) this.#constants.release(share);
    for (const share of this.#shares.values()) this.#constants.release(share);
    for (const resource of this.#owned.splice(0)) resource.destroy();
    for (const kept of [this.#shares, this.#buffers, this.#textures, this.#views]) kept.clear();
  }

  /** A share of the constant of this operand, uploaded where it is the first. */
  #share(
    operand: Placed,
    storage: Storage & { readonly kind: 'constant' | 'prepared' },
    used: boolean,
  ): SharedConstant {
    const upload = storage.kind === 'constant';
    const share = this.#constants.acquire(
      storage.source,
      upload ? UPLOAD : storage.key,
      bytesOf(operand),
      () => this.#make(operand.label, [operand]),
    );
    // Before anything can fail: from here on it is given back.
    if (used) this.#shares.set(operand.id, share);
    else this.#uploads.push(share);
    if (operand.form === 'texture') this.#textures.set(operand.id, share.resource as GPUTexture);
    else this.#buffers.set(operand.id, share.resource as GPUBuffer);
    if (upload && !share.ready) {
      const values = storage.source.values() as GPUAllowSharedBufferSource;
      this.#device.queue.writeBuffer(share.resource as GPUBuffer, 0, values);
      share.ready = true;
    }
    return share;
  }

  /** One buffer or texture for operands of one form that share it. */
  #make(label: string, operands: readonly Operand[]): Resource {
    const largest = operands.reduce((most, operand) => (operand.bytes > most.bytes ? operand : most));
    if (largest.form === 'texture') {
      const texture = this.#device.createTexture({
        label,
        size: [TEXTURE_WIDTH, rowsOf(largest)],
        format: 'rgba32float',
        usage: GPUTextureUsage.TEXTURE_BINDING | GPUTextureUsage.STORAGE_BINDING | GPUTextureUsage.COPY_DST,
      });
      for (const { id } of operands) this.#textures.set(id, texture);
      return texture;
    }
    const buffer = this.#device.createBuffer({
      label,
      size: bytesOf(largest),
      usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST,
    });
    for (const { id } of operands) this.#buffers.set(id, buffer);
    return buffer;
  }
}

function rowsOf({ bytes }: Operand): number {
  return ceilDiv(bytes, TEXTURE_WIDTH * 16);
}

function bytesOf(operand: Operand): number {
  return operand.form === 'texture' ? rowsOf(operand) * TEXTURE_WIDTH * 16 : ceilDiv(operand.bytes, 16) * 16;
}

/** Ids of the operands that any procedure touches. */
function operandsOf(procedures: readonly LoweredProcedure[]): Set<number> {
  return new Set(
    procedures.flatMap(({ dispatches }) =>
      dispatches.flatMap(({ bindings }) => bindings.map(({ operand }) => operand.id)),
    ),
  );
}
