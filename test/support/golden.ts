/**
 * Reads the golden files of test/golden (safetensors with one metadata entry, JSON). A reader of its own: goldens must not
 * depend on the loader under test.
 */
import { readFileSync } from 'node:fs';

export interface GoldenTensor {
  readonly data: Float32Array;
  readonly shape: readonly number[];
}

export interface Golden<Facts> {
  readonly facts: Facts;
  readonly names: readonly string[];
  /** Values as f32 (u8 and i32 converted); throws when there is no such tensor. */
  tensor(name: string): GoldenTensor;
  /** The u8 tensor `name`, default `pixels`, as pixels k/255 rounded to f32. */
  pixels(name?: string): GoldenTensor;
}

/** Facts of a net's file: how to rebuild the net with `seededStateDict(shapes, seed)`, and what to expect of f32. */
export interface NetFacts {
  readonly arch: string;
  readonly form: 'imagenet' | 'cifar';
  readonly classes: number;
  readonly shortcut: 'A' | 'B' | null;
  readonly batch: number;
  readonly inputSize: 32 | 224;
  readonly seed: number;
  readonly mean: readonly [number, number, number];
  readonly std: readonly [number, number, number];
  readonly label: readonly number[];
  /** Error of float32 PyTorch against the stored float64 result, by tensor. */
  readonly float32: Readonly<Record<string, { readonly maxAbs: number; readonly nmse: number }>>;
  readonly shapes: Readonly<Record<string, readonly number[]>>;
  readonly torch: string;
}

/** Facts of attack-NET.safetensors. */
export interface AttackFacts {
  readonly model: string;
  readonly architecture: string;
  /** sha256 of the weight file that was attacked. */
  readonly weights: string;
  /** Data set index of each image. */
  readonly index: readonly number[];
  readonly label: readonly number[];
  readonly tau: number;
  readonly maskNorm: 'max';
  readonly steps: number;
}

const readers: Readonly<Record<string, (bytes: ArrayBuffer) => ArrayLike<number>>> = {
  F32: (bytes) => new Float32Array(bytes),
  I32: (bytes) => new Int32Array(bytes),
  U8: (bytes) => new Uint8Array(bytes),
};

interface Entry {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data_offsets: readonly [number, number];
}

/** Opens `test/golden/NAME.safetensors`. */
export function openGolden<Facts = NetFacts>(name: string): Golden<Facts> {
  const file = readFileSync(new URL(`../golden/${name}.safetensors`, import.meta.url));
  const bytes = file.buffer.slice(file.byteOffset, file.byteOffset + file.byteLength) as ArrayBuffer;
  const length = Number(new DataView(bytes).getBigUint64(0, true));
  const { __metadata__: metadata, ...entries } = JSON.parse(
    new TextDecoder().decode(new Uint8Array(bytes, 8, length)),
  ) as { __metadata__: { golden: string } } & Record<string, Entry>;
  const read = (tensor: string, dtype?: string): { values: ArrayLike<number>; shape: readonly number[] } => {
    const entry = entries[tensor] as Entry | undefined;
    const reader = entry && readers[entry.dtype];
    if (!entry || !reader || (dtype && entry.dtype !== dtype)) {
      throw new Error(
        `${name}: expected a tensor "${tensor}"${dtype ? ` of ${dtype}` : ''}, got ${entry?.dtype ?? 'none'}`,
      );
    }
    const [start, end] = entry.data_offsets;
    return { values: reader(bytes.slice(8 + length + start, 8 + length + end)), shape: entry.shape };
  };
  return {
    facts: JSON.parse(metadata.golden) as Facts,
    names: Object.keys(entries),
    tensor(tensor) {
      const { values, shape } = read(tensor);
      return { data: Float32Array.from(values), shape };
    },
    pixels(tensor = 'pixels') {
      const { values, shape } = read(tensor, 'U8');
      return { data: Float32Array.from(values, (k) => k / 255), shape };
    },
  };
}
