/** A decoder in WebAssembly, loaded at first use (Node: image files are read there alone). */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type { Image } from './rgb.js';

export interface Rgba {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8ClampedArray;
}

/** What the module shows of itself; `null` where its library gives no reason. */
interface Module {
  readonly HEAPU8: Uint8Array;
  decode(bytes: Uint8Array, ...options: readonly boolean[]): Rgba | null;
}

type Factory = (options: object) => Promise<Module>;

/** A module whose memory grew beyond this is dropped: it never shrinks. */
const KEPT_BYTES = 2 ** 28;

export class WasmCodec {
  readonly #load: () => Promise<unknown>;
  readonly #wasm: string;
  #module: Promise<Module> | undefined;
  /** What the library said of the file: the reason of a failure comes last. */
  readonly #said: string[] = [];

  /** @param wasm the package's file with the code; `load` imports what makes a module of it */
  constructor(load: () => Promise<unknown>, wasm: string) {
    this.#load = load;
    this.#wasm = wasm;
  }

  /** @throws Error with the library's reason */
  async decode(bytes: Uint8Array, ...options: readonly boolean[]): Promise<Rgba> {
    this.#module ??= this.#create();
    const module = await this.#module;
    this.#said.length = 0;
    try {
      const image = module.decode(bytes, ...options);
      if (module.HEAPU8.byteLength > KEPT_BYTES) this.#module = undefined;
      if (!image) throw new Error('its data are damaged or end too early');
      return image;
    } catch (error) {
      // The library may have ended its program, and then leaves its memory as it was.
      this.#module = undefined;
      throw new Error(this.#said.at(-1) ?? (error as Error).message);
    }
  }

  async #create(): Promise<Module> {
    const { default: create } = (await this.#load()) as { readonly default: Factory };
    return create({
      noInitialRun: true,
      wasmBinary: await readFile(createRequire(import.meta.url).resolve(this.#wasm)),
      printErr: (line: string) => this.#said.push(line),
    });
  }
}

/** Without alpha. Moves the pixels together in their own memory: it is the greatest part of what decoding takes. */
export function rgbOf({ width, height, data }: Rgba): Image {
  const length = 3 * width * height;
  for (let from = 0, to = 0; to < length; from += 4) {
    data[to++] = data[from]!;
    data[to++] = data[from + 1]!;
    data[to++] = data[from + 2]!;
  }
  return { width, height, data: new Uint8Array(data.buffer, data.byteOffset, length) };
}
